"""The records of `update-symmetry`, what they amount to, and what they look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from labctl.figure import Axis, Figure, Panel, curve
from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Fraction, Levels, Seconds, Siemens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from azolab.update_symmetry import UpdateSymmetryParameters

SYMMETRIC = 0.05
"""Asymmetry up to which a run passes: ours."""


@dataclass(frozen=True, slots=True)
class Update:
    """The read after one pulse.

    `pulse` counts from 1 in its cycle, which goes up first and then down. `time` is that of the end of the cycle, from
    the start of the run.
    """

    cycle: int
    pulse: int
    conductance: Siemens
    reading: Levels
    time: Seconds


@dataclass(frozen=True, slots=True)
class UpdateSymmetrySummary:
    """What a run amounts to.

    The asymmetry of a cycle is (up - down) / (up + down) of what a pulse does either way. Near an end of its range a
    cell walks away from there until both are equal: `moved` says how far. `step_up`, `step_down` and `asymmetry`, with
    the standard deviation of its mean, are those of the second half of the cycles, `first_asymmetry` is of the first.
    """

    cycles: int
    step_up: Levels
    step_down: Levels
    asymmetry: Fraction
    asymmetry_sigma: Fraction
    first_asymmetry: Fraction
    moved: Levels


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cycles as arrays: readings of shape (cycles, pulses up and down); what a pulse does, of shape (cycles,)."""

    readings: NDArray[np.float64]
    up: NDArray[np.float64]
    down: NDArray[np.float64]
    asymmetry: NDArray[np.float64]


def cycles_of(records: Sequence[Update], parameters: UpdateSymmetryParameters) -> Cycles:
    """Return whole cycles, in levels."""
    count = parameters.pulses
    readings = np.array([record.reading for record in records]).reshape(-1, 2 * count)
    first, top, last = readings[:, 0], readings[:, count - 1], readings[:, -1]
    up, down = (top - first) / (count - 1), (last - top) / count
    return Cycles(readings, up, down, (up + down) / (np.abs(up) + np.abs(down)))


def summarise(records: Sequence[Update], parameters: UpdateSymmetryParameters) -> Outcome:
    """Judge the second half of the cycles; two of them are the least that has a scatter."""
    cycles = cycles_of(records, parameters)
    half = len(cycles.up) // 2
    if half < 2:
        return Outcome(passed=False, summary=None)
    summary = UpdateSymmetrySummary(
        cycles=len(cycles.up),
        step_up=float(cycles.up[-half:].mean()),
        step_down=float(cycles.down[-half:].mean()),
        asymmetry=float(cycles.asymmetry[-half:].mean()),
        asymmetry_sigma=float(cycles.asymmetry[-half:].std(ddof=1)) / half**0.5,
        first_asymmetry=float(cycles.asymmetry[0]),
        moved=float(cycles.readings[-1, -1] - cycles.readings[0, 0]),
    )
    return judge(summary, Criterion("asymmetry", at_least=-SYMMETRIC, at_most=SYMMETRIC))


def figure(records: Sequence[Update], parameters: UpdateSymmetryParameters) -> Figure:
    """Return the readings one after the other, and the asymmetry of each cycle."""
    cycles = cycles_of(records, parameters)
    readings, number = cycles.readings.ravel(), np.arange(1, len(cycles.up) + 1)
    stairs = Panel("Up and down", Axis("pulse"), Axis("level", "levels"), (curve(np.arange(readings.size), readings),))
    marks = (curve(number, cycles.asymmetry, "", "line and points"), curve(number[[0, -1]], [0, 0], "", "dashed"))
    asymmetry = Panel("What is left of a cycle", Axis("cycle"), Axis("asymmetry"), marks)
    return Figure(f"update-symmetry: {parameters.pulses} pulses up, as many down", (stairs, asymmetry))
