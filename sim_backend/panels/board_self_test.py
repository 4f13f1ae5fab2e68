"""SELFTEST: what the board finds when it looks at its own converters; no line is driven, nothing is routed.

Drivers and readers are cut off from the lines meanwhile. The wire specification leaves it to the board which tests
there are; those below are the twin's.

| test | what | value | passes |
|---|---|---|---|
| 1, 2 | the pulse drivers' ends, upwards and downwards | V | within 0.1 % of 5 V |
| 3, 4 | references: row and column drivers at the read limit, both signs | largest error, V | up to 0.5 % of it |
| 5, 6 | offsets of the column and row readers, 16 slots of 100 us, nothing connected | largest one, A | up to 1e-4 of a top cell's current at 0.2 V |
| 7 | memory of calibration | coefficients that no reader can have | none |
"""  # noqa: E501 - a table

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import SelfTest
from labctl.levels import REFERENCE_VOLTAGE
from sim_backend.front_end.interface import Direction
from sim_backend.panels import board_facts as facts

if TYPE_CHECKING:
    from sim_backend.front_end.interface import FrontEnd

_AVERAGES = 16
_SLOT = 100_000
"""Slots of an offset's measurement, and the length of one in ns."""
_RAIL_ERROR = 1e-3
_REFERENCE_ERROR = 5e-3
"""Relative: ten times the gain error of a board as built."""
_OFFSET = 1e-4
"""In currents of a cell at the last level, under the reference read voltage."""
DURATION = 2 * (facts.SETTLING + _AVERAGES * (_SLOT + facts.SAMPLE))
"""Of all tests, in ns: the offsets of both sides one after the other; the others take no time beside them."""


def run(front_end: FrontEnd, shape: tuple[int, int], g_max: float) -> list[SelfTest]:
    """Test the board.

    Args:
        front_end: its converters.
        shape: of its die (rows, columns).
        g_max: conductance of the last level (S), for which the board is made.
    """
    sides = (Direction.ROWS_TO_COLUMNS, Direction.COLUMNS_TO_ROWS)
    rail = facts.on_grid(facts.VOLTAGE_MAX, facts.WRITE_STEP)
    most = facts.VOLTAGE_MAX / 1e6
    tests = [
        SelfTest(number, abs(value / most - sign) <= _RAIL_ERROR, value)
        for number, sign, value in ((1, 1, rail), (2, -1, -rail))
    ]
    for number, side in enumerate(sides, 3):
        error = _reference_error(front_end, shape[side], side)
        tests.append(SelfTest(number, error <= _REFERENCE_ERROR * facts.READ_LIMIT / 1e6, error))
    for number, side in enumerate(sides, 5):
        offset = _offset(front_end, shape[1 - side], side)
        tests.append(SelfTest(number, offset <= _OFFSET * g_max * REFERENCE_VOLTAGE, offset))
    wrong = sum(_impossible(side.gain) + int((~np.isfinite(side.offset)).sum()) for side in front_end.calibrations)
    return [*tests, SelfTest(7, wrong == 0, float(wrong))]


def _reference_error(front_end: FrontEnd, lines: int, side: Direction) -> float:
    """Return by how much (V) a driver of one side is off at the read limit, at most."""
    told = facts.on_grid(facts.READ_LIMIT, facts.READ_STEP)
    errors = [front_end.line_voltage(np.arange(lines), sign * told, side) - sign * told for sign in (1, -1)]
    return float(np.abs(errors).max())


def _offset(front_end: FrontEnd, lines: int, side: Direction) -> float:
    """Return the largest current (A) that a reader of one side reports with nothing connected."""
    nothing = np.zeros(lines)
    found = front_end.integrate(np.arange(lines), nothing, 0.0, 0.0, _SLOT / 1e9, _AVERAGES, side)
    return float(np.abs(found.current).max())


def _impossible(gain: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> int:
    return int((~(np.isfinite(gain) & (gain > 0))).sum())
