"""The tables of what wires do, in small: the benchmark `wire_tables.py` computes them whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim_backend.validation.bent_cells import BentCells
from sim_backend.validation.wire_tables import (
    BEND_VOLTAGE,
    EXACT,
    IR_DROP,
    Coding,
    Mapping,
    decibels,
    ir_drop_rows,
    linearity_rows,
    linearity_trial,
)


def test_ir_drop_table() -> None:
    cases = (IR_DROP[0], IR_DROP[5], IR_DROP[8])
    rows = ir_drop_rows(seeds=4, vectors=500, cases=cases)
    assert len(rows) == 3 * len(cases)
    assert len({row.name for row in rows}) == len(rows)
    assert [row.name for row in rows if not row.passed] == []


@pytest.fixture(scope="module")
def trials() -> dict[tuple[float, float, float], dict[Coding, float]]:
    """Return ratios (dB) of one array by largest conductance (S), bend voltage (V) and voltage (V)."""
    cases = [(20e-6, math.inf, 0.2), (20e-6, BEND_VOLTAGE, 0.2), (20e-6, BEND_VOLTAGE, 0.1), (2e-6, BEND_VOLTAGE, 0.2)]
    return {case: linearity_trial(*case, seed=1, vectors=2) for case in cases}


Trials = dict[tuple[float, float, float], dict[Coding, float]]


def test_a_floor_makes_rectifying_cells_exact_again(trials: Trials) -> None:
    linear = trials[20e-6, math.inf, 0.2]
    for coding in (Coding.WIDTH, Coding.AMPLITUDE, Coding.BITS):
        assert linear[coding] > EXACT
    assert linear[Coding.WIDTH_AT_GROUND] < 60
    assert linear[Coding.SINGLE_ROWS] < 60


def test_the_bend_costs_the_square_of_the_voltage(trials: Trials) -> None:
    high, low = trials[20e-6, BEND_VOLTAGE, 0.2], trials[20e-6, BEND_VOLTAGE, 0.1]
    for coding in (Coding.WIDTH, Coding.AMPLITUDE, Coding.BITS):
        assert low[coding] - high[coding] == pytest.approx(20 * math.log10(4), abs=1.5)


def test_ten_times_less_conductance_is_twenty_decibels(trials: Trials) -> None:
    high, low = trials[20e-6, BEND_VOLTAGE, 0.2], trials[2e-6, BEND_VOLTAGE, 0.2]
    for coding in Coding:
        assert low[coding] - high[coding] == pytest.approx(20, abs=1)


def test_every_row_of_the_linearity_table_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def trial(largest: float, bend_voltage: float, voltage: float, seed: int, vectors: int) -> dict[Coding, float]:
        return dict.fromkeys(Coding, 44.5 + seed)

    monkeypatch.setattr("sim_backend.validation.wire_tables.linearity_trial", trial)
    rows = {row.name: row for row in linearity_rows(seeds=2, vectors=1)}
    assert len(rows) == 2 * 5 + 2 * (2 + 5) + 1
    good = rows["linearity, linear, width, finished rows at 0 V"]
    assert good.value == 45.0
    assert good.passed
    assert not rows["linearity, sinh, width and floor"].passed
    assert not rows["linearity, linear, width and floor"].passed
    assert not rows["linearity, sinh, single-row reads predict"].passed
    assert rows["linearity, sinh, width and floor, change at 2 uS"].value == 0


def test_decibels() -> None:
    assert decibels(np.array([3.0, 4.0]), np.array([0.0, 0.5])) == pytest.approx(20)
    assert decibels(np.ones(3), np.zeros(3)) == math.inf


def test_mapping_keeps_to_its_levels() -> None:
    mapping = Mapping(200e-9, 20e-6)
    conductance = mapping.conductance(np.array([-1.0, 0.0, 0.3, 1.0]))
    assert conductance[[0, -1]] == pytest.approx([200e-9, 20e-6])
    nearest = mapping.nearest_level(conductance)
    level = (20e-6 - 200e-9) / 16_519
    assert np.abs(nearest - conductance).max() <= level / 2 * (1 + 1e-9)
    steps = (nearest - 200e-9) / level
    assert steps == pytest.approx(np.round(steps), abs=1e-6)


@pytest.mark.parametrize("bend", [math.inf, 0.3])
def test_bent_cells_slope_is_the_derivative_of_their_current(bend: float) -> None:
    cells = BentCells(np.full((2, 2), 1e-5), bend, 1e3)
    volts = np.array([[-0.4, -0.1], [0.1, 0.4]])
    step = 1e-6
    derivative = (cells.current(volts + step) - cells.current(volts - step)) / (2 * step)
    assert cells.slope(volts) == pytest.approx(derivative, rel=1e-6)
    assert cells.current(-volts) == pytest.approx(-cells.current(volts) * np.where(volts > 0, 1e-3, 1e3), rel=1e-12)
