"""Mean currents of coded inputs, against integration over the slot in small steps of time, one circuit each."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ModelError
from sim_backend.crossbar.coding import LinearProduct, NonlinearProduct, amplitude_coded, patterns, width_coded
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.nonlinear import solve_nonlinear
from sim_backend.crossbar.schemes import Direction, LineResistances, product_lines
from sim_backend.validation.bent_cells import BentCells

ROWS, COLUMNS = 5, 7
WIRING = LineResistances(row_segment=3.0, column_segment=2.0, driver=20.0, sense=8.0)
ONE_OR_BOTH = pytest.mark.parametrize("both_ends", [False, True])
EITHER_WAY = pytest.mark.parametrize("direction", list(Direction))


def conductances() -> np.ndarray:
    return np.random.default_rng(3).uniform(1e-6, 500e-6, (ROWS, COLUMNS))


def outputs(solution: object, direction: Direction) -> np.ndarray:
    return getattr(solution, "bottom" if direction is Direction.ROWS_IN else "left")


@ONE_OR_BOTH
@EITHER_WAY
def test_linear_product_is_what_the_circuit_does(direction: Direction, both_ends: bool) -> None:
    resistances = replace(WIRING, both_ends=both_ends)
    g = conductances()
    voltages = np.random.default_rng(0).uniform(-0.1, 0.2, (4, g.shape[direction]))
    got = LinearProduct(g, direction, resistances).currents(voltages)
    for vector, current in zip(voltages, got, strict=True):
        driven = product_lines((ROWS, COLUMNS), direction, vector, resistances)
        expected = outputs(LinearCrossbar(driven.network, g).solve(driven.sources), direction)
        assert current == pytest.approx(expected, rel=1e-10, abs=0)


@ONE_OR_BOTH
@EITHER_WAY
def test_nonlinear_product_does_not_depend_on_what_came_before(direction: Direction, both_ends: bool) -> None:
    resistances = replace(WIRING, both_ends=both_ends)
    cells = BentCells(conductances(), 0.3, 1e3)
    voltages = np.random.default_rng(1).uniform(0, 0.4, (6, (ROWS, COLUMNS)[direction]))
    got = NonlinearProduct(cells, (ROWS, COLUMNS), direction, resistances).currents(voltages)
    for vector, current in zip(voltages, got, strict=True):
        driven = product_lines((ROWS, COLUMNS), direction, vector, resistances)
        expected = outputs(solve_nonlinear(driven.network, cells, driven.sources), direction)
        assert current == pytest.approx(expected, rel=1e-8, abs=0)


@EITHER_WAY
def test_nonlinear_product_of_straight_cells_is_the_linear_one(direction: Direction) -> None:
    g = conductances()
    voltages = np.random.default_rng(2).uniform(0, 0.2, (3, g.shape[direction]))
    bent = NonlinearProduct(BentCells(g), (ROWS, COLUMNS), direction, WIRING).currents(voltages)
    assert bent == pytest.approx(LinearProduct(g, direction, WIRING).currents(voltages), rel=1e-8, abs=0)


@pytest.mark.parametrize("floor", [0.0, 0.02])
@pytest.mark.parametrize("bend", [math.inf, 0.2])
@EITHER_WAY
def test_width_coding_is_the_time_integral(direction: Direction, bend: float, floor: float) -> None:
    cells = BentCells(conductances(), bend, 1e3)
    ticks = 8
    whole = np.random.default_rng(4).integers(0, ticks + 1, (3, (ROWS, COLUMNS)[direction]))
    whole[1] = 0
    whole[2] = ticks
    product = NonlinearProduct(cells, (ROWS, COLUMNS), direction, WIRING)
    got = width_coded(product, whole.astype(np.float64) * 1e-5, ticks * 1e-5, 0.2, floor)
    for vector, mean in zip(whole, got, strict=True):
        total = np.zeros_like(mean)
        for tick in range(ticks):
            driven = product_lines((ROWS, COLUMNS), direction, floor + 0.2 * (vector > tick), WIRING)
            total += outputs(solve_nonlinear(driven.network, cells, driven.sources), direction)
        assert mean == pytest.approx(total / ticks, rel=1e-7, abs=1e-18)


def test_width_coding_of_linear_cells_needs_no_patterns() -> None:
    g = conductances()
    widths = np.random.default_rng(6).uniform(0, 1e-4, (5, ROWS))
    linear = width_coded(LinearProduct(g, resistances=WIRING), widths, 1e-4, 0.2, 0.003)
    stepwise = width_coded(
        NonlinearProduct(BentCells(g), (ROWS, COLUMNS), resistances=WIRING), widths, 1e-4, 0.2, 0.003
    )
    assert linear == pytest.approx(stepwise, rel=1e-8, abs=0)


def test_amplitude_coding_adds_the_floor() -> None:
    g = conductances()
    product = LinearProduct(g)
    voltages = np.random.default_rng(7).uniform(0, 0.2, (2, ROWS))
    assert amplitude_coded(product, voltages, 0.01) == pytest.approx((voltages + 0.01) @ g, rel=1e-12)


@pytest.mark.parametrize("width", [-1e-9, 1.1e-4, math.nan])
def test_a_width_that_does_not_fit_is_named(width: float) -> None:
    widths = np.full((2, ROWS), 5e-5)
    widths[1, 3] = width
    with pytest.raises(ModelError, match="vector 1, input 3"):
        width_coded(LinearProduct(conductances()), widths, 1e-4, 0.2)


shares = st.lists(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=3, max_size=3), min_size=1, max_size=4
)


@given(shares)
def test_patterns_last_as_long_as_the_lines_are_on(drawn: list[list[float]]) -> None:
    given_shares = np.array(drawn)
    on, vector, lasting = patterns(given_shares)
    assert (lasting > 0).all()
    back = np.zeros_like(given_shares)
    np.add.at(back, vector, lasting[:, None] * on)
    assert back == pytest.approx(given_shares, abs=1e-15)
    assert np.bincount(vector, weights=lasting) == pytest.approx(np.ones(len(drawn)))
    for k in range(len(drawn)):
        of_vector = on[vector == k]
        assert len(np.unique(of_vector, axis=0)) == len(of_vector)
