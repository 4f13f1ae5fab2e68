"""What one pulse does to a cell, looked up by its position: for pulses that reach a whole array again and again.

A pulse is tabulated once, for the middle between each two levels, and looked up from then on. A position can
be looked up where it alone decides how a cell moves: cells whose other variables are those of an erased cell, and
stay so, and whose step changes by less than 1e-3 of itself from one level to the next. The step so comes from a place
up to half a level beside the cell's own, and is within 5e-4 of itself, to either side alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.units import Volts
    from sim_backend.device_models.interface import DeviceModel, Train

_SMOOTH = 1e-3
"""Largest change of a step from one level to the next, as a part of the step."""
_DEVIATIONS = 10.0
"""Within so many deviations of either end of its range, noise could take a cell out of it: no normal number is
larger than 9.1."""


@dataclass(frozen=True, slots=True)
class StepTable:
    """What a train does to cells between each level and the next, and above the last; arrays of shape (levels,).

    All are NaN where a cell cannot be looked up: above the last level always.

    Args:
        step: how far it leads them, without noise (levels).
        deviation: standard deviation of that (levels).
        both: step as the real, deviation as the imaginary part: looked up with one access to memory.
    """

    step: NDArray[np.float64]
    deviation: NDArray[np.float64]
    both: NDArray[np.complex128]


def step_table(model: DeviceModel, voltage: Volts, train: Train) -> StepTable:
    """Return what a train of `voltage` (V) does to nominal cells."""
    cells = min(int(model.top), LEVELS - 1)
    before = model.erased(cells)
    others = before[1:].copy()
    before[0] = np.arange(cells) + 0.5
    after = model.advance(before, voltage, train, model.conductance(before), 1.0)
    step = after[0] - before[0]
    deviation = np.sqrt(model.write_variance(before, after))
    reach = 0.5 + _DEVIATIONS * deviation
    unfit = (after[0] - reach < 0) | (after[0] + reach > model.top)
    unfit |= (after[1:] != others).any(axis=0)
    change = np.abs(np.diff(step, prepend=step[:1], append=step[-1:]))
    unfit |= np.maximum(change[1:], change[:-1]) > _SMOOTH * np.abs(step)
    step, deviation = (np.append(np.where(unfit, np.nan, values), np.nan) for values in (step, deviation))
    return StepTable(step, deviation, step + 1j * deviation)
