"""Resistances are found again from what an array loses together against alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from protocols.analysis.array_law import ArrayLaw
from protocols.analysis.wire_data import Back, SideData, WireData
from protocols.analysis.wire_fit import fit_wires
from protocols.analysis.wire_network import Wires
from protocols.analysis.wire_outlook import STRATEGIES, outlook
from protocols.analysis.wire_products import column_products, product_currents

Array = NDArray[np.float64]


def data_of(law: ArrayLaw, wires: Wires, noise: float = 0.0, seed: int = 1) -> WireData:
    """Return what an array shows; `noise` is that of a current, of the largest one."""
    draw = np.random.default_rng(seed)
    sides: list[SideData] = []
    for products, inputs in ((product_currents, law.shape[0]), (column_products, law.shape[1])):
        vectors = (draw.random((6, inputs)) < 0.5).astype(np.float64)
        vectors[0] = 1.0
        full = products(law, wires, 0.2 * vectors)
        half: Array = products(law, wires, np.full((1, inputs), 0.1))[0]
        alone = products(law, wires, 0.2 * np.eye(inputs))
        size = noise * float(full.max())
        noisy = full + draw.normal(0, size, full.shape)
        sides.append(SideData(alone, vectors, noisy, half + draw.normal(0, size, half.shape), np.zeros(half.shape)))
    return WireData(0.2, sides[0], sides[1], Back(law.rectification, law.rectification))


def cells(g_max: float = 2e-5, shape: tuple[int, int] = (24, 32)) -> ArrayLaw:
    return ArrayLaw(np.random.default_rng(3).uniform(0, g_max, shape), 0.344, 1e4)


@pytest.mark.parametrize(("row", "column"), [(0.5, 0.5), (0.3, 2.0), (20.0, 10.0)])
def test_both_resistances_and_the_bend_are_found_again(row: float, column: float) -> None:
    fit = fit_wires(data_of(cells(), Wires(row, column)))
    assert fit is not None
    assert fit.row_segment == pytest.approx(row, rel=1e-3)
    assert fit.column_segment == pytest.approx(column, rel=1e-3)
    assert float(np.median(fit.law.bend)) == pytest.approx(0.344, rel=1e-3)
    np.testing.assert_allclose(fit.law.conductance, cells().conductance, atol=1e-3 * 2e-5)


def test_its_deviation_is_that_of_repetitions() -> None:
    fits = [fit_wires(data_of(cells(), Wires(0.5, 0.5), 3e-6, seed)) for seed in range(10)]
    pulls = [(fit.column_segment - 0.5) / fit.column_sigma for fit in fits if fit is not None]
    assert len(pulls) == 10
    assert 0.5 < float(np.sqrt(np.mean(np.square(pulls)))) < 2.0


def test_an_array_without_wires_has_none_within_the_error() -> None:
    fit = fit_wires(data_of(cells(), Wires(0.0, 0.0), 1e-6))
    assert fit is not None
    assert abs(fit.row_segment) < 4 * fit.row_sigma < 0.05
    assert abs(fit.column_segment) < 4 * fit.column_sigma < 0.05


@pytest.mark.parametrize(
    ("g_max", "segment", "raw", "column", "drop"),
    [(2e-6, 0.5, 33.3, 68.4, 0.004), (20e-6, 0.5, 15.7, 50.5, 0.040), (20e-6, 2.5, 2.2, 36.8, 0.17)],
)
def test_the_outlook_is_that_of_an_exact_nodal_solution(
    g_max: float, segment: float, raw: float, column: float, drop: float
) -> None:
    # Exact nodal solutions of 64 x 64 resistors, one random matrix each (own study, 2026).
    law = ArrayLaw(np.full((64, 64), g_max), 0.344, 1e4)
    found = outlook((64, 64), Wires(segment, segment), (g_max / 29500, g_max), 0.2, law)
    assert found.raw_db == pytest.approx(raw, abs=1.6)
    assert found.column_db == pytest.approx(column, abs=1.6)
    assert found.worst_drop == pytest.approx(drop, rel=0.05)


def test_the_advice_follows_the_product_of_conductance_and_resistance() -> None:
    law = ArrayLaw(np.full((64, 64), 2e-5), 0.344, 1e4)
    found = outlook((64, 64), Wires(0.5, 0.5), (2e-7, 2e-5), 0.2, law)
    wanted = {1e-4: 0, 1.0: 2, 5.0: 3, 1000.0: 4}
    assert {times: STRATEGIES.index(found.strategy(times)) for times in wanted} == wanted
    resistors = ArrayLaw(law.conductance)
    assert outlook((64, 64), Wires(0.5, 0.5), (2e-7, 2e-5), 0.2, resistors).strategy() == STRATEGIES[1]
