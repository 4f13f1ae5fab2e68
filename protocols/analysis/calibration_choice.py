"""Whether measured gains and offsets of column readers are worth storing, and whether a meter's scale is.

What was found is a spread of true errors and of the measurement's own: `s^2 = t^2 + u^2`. Storing what was found leaves
`u` where `t` was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from protocols.analysis.column_equalising import Array, ColumnGains, Offsets, Transfers

BETTER = 2.0
"""By what factor a stored figure must be better than what it replaces: storing it is not to be a throw of dice."""
EXPLAINED = 3.0
"""Standard deviations within which board and meter must agree, or something else than their gains is at work."""

GAIN_ERROR_MAX = 5e-3
"""Largest error that a reader's gain may have: ten times that of a board as built (0.05 %; the default board's facts).
More is something else: lines that drop voltage, or other ways for the meter's current."""

MOVED = 0.01
"""Relative change of a cell from the board's one read to the next that no noise explains: the reads write it."""
OTHER = 0.05
"""Relative difference of board and meter that no gain explains: the meter's current has other ways than the cell."""

Reason = Literal[
    "stored",
    "equal already",
    "larger than gain errors",
    "gains depend on the current",
    "board and meter disagree",
    "not enough measured",
    "cells move under the reads",
    "the unit sees other currents",
    "told not to",
]
"""Why coefficients were stored, or were not."""
Tie = Literal["auto", "yes", "no"]


def is_hopeless(before: Array, after: Array, meter: Array) -> Reason | None:
    """Return why no cell of these can be compared; None if one can, or if there is none.

    Args:
        before: the board's current before the meter's reading, shape (n,) (A).
        after: likewise after it (A).
        meter: the meter's, NaN where it was no measurement (A).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = ~(np.abs(after / before - 1) <= MOVED)
        other = ~(np.abs((before + after) / 2 / meter - 1) <= OTHER)
    if len(before) == 0 or not (moved | other).all():
        return None
    return "cells move under the reads" if moved.mean() > 0.5 else "the unit sees other currents"


@dataclass(frozen=True, slots=True)
class MeterLimits:
    """What a meter's data sheet guarantees, relative: its current's gain, and its voltage's."""

    current: float
    voltage: float

    def sigma(self, rise: float) -> float:
        """Return the standard deviation of a conductance's scale, limits taken for rectangular distributions.

        Args:
            rise: relative change of a cell's current for a relative change of its voltage.
        """
        return math.hypot(self.current, rise * self.voltage) / math.sqrt(3)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What is to be done.

    Args:
        reason: whether, and why.
        equalise: the columns' gains differ by more than they are measured to.
        tie: their mean is brought to the meter's scale.
        shift: offsets differ from 0 by more than they are measured to.
        true_spread: of the gains, what the measurement's own uncertainty leaves of the spread that was found.
        scale: board over meter.
        scale_sigma: its standard deviation, as a figure of the board's: the meter's limits, and the rows' drivers.
    """

    reason: Reason
    equalise: bool
    tie: bool
    shift: bool
    true_spread: float
    scale: float
    scale_sigma: float

    @property
    def stores(self) -> bool:
        """Whether coefficients are stored."""
        return self.reason == "stored"


def choose(
    gains: ColumnGains, offsets: Offsets, transfers: Transfers, meter_sigma: float, tie: Tie, *, allowed: bool
) -> Choice:
    """Return what to do with gains and offsets that were measured.

    Args:
        gains: relative to one another.
        offsets: that no load causes.
        transfers: which rows they came from.
        meter_sigma: of the meter's scale (`MeterLimits.sigma`).
        tie: whether the mean gain is to be the meter's; "auto": where the meter is better than what is stored, as the
            spread of the gains shows it, and finds it off.
        allowed: whether anything is to be stored at all.
    """
    spread, sigma = gains.spread, gains.sigma
    true_spread = math.sqrt(max(spread**2 - sigma**2, 0.0)) if math.isfinite(sigma) else math.nan
    scale, rows_sigma = _scale(gains, transfers, true_spread)
    scale_sigma = math.hypot(meter_sigma, rows_sigma)
    equalise = true_spread > BETTER * sigma
    # Agreement within the meter's own uncertainty tells nothing against the scale that is stored.
    is_off = scale_sigma < true_spread and abs(scale - 1) > BETTER * scale_sigma
    ties = tie == "yes" or (tie == "auto" and is_off)
    rms = float(np.sqrt(np.mean(offsets.current**2)))
    shift = math.sqrt(max(rms**2 - offsets.current_sigma**2, 0.0)) > BETTER * offsets.current_sigma
    reason: Reason = "stored"
    if not math.isfinite(true_spread) or not math.isfinite(scale):
        reason = "not enough measured"
    elif max(true_spread, abs(scale - 1)) > GAIN_ERROR_MAX:
        reason = "larger than gain errors"
    elif not (equalise or ties or shift):
        reason = "equal already"
    elif equalise and true_spread < BETTER * gains.dependence:
        reason = "gains depend on the current"
    elif abs(scale - 1) > EXPLAINED * math.hypot(scale_sigma, true_spread):
        reason = "board and meter disagree"
    elif not allowed:
        reason = "told not to"
    return Choice(reason, equalise, ties, shift, true_spread, scale, scale_sigma)


def _scale(gains: ColumnGains, transfers: Transfers, true_spread: float) -> tuple[float, float]:
    """Return board over meter, and what the drivers of the rows that were used leave open of it.

    One row does not tell its driver's error from the readers': it is taken for as large as these are.
    """
    rows = np.unique(transfers.row)
    each = np.array([np.mean(gains.agreement[transfers.row == row]) for row in rows])
    each = each[np.isfinite(each)]
    if not len(each):
        return math.nan, math.nan
    deviation = float(np.std(each, ddof=1)) if len(each) > 1 else 0.0
    return float(each.mean()), max(deviation, true_spread) / math.sqrt(len(each))


def coefficients(
    choice: Choice, gains: ColumnGains, offsets: Offsets, stored_gain: Array, stored_offset: Array
) -> tuple[Array, Array]:
    """Return the coefficients to store, shapes (J,), of `(raw - offset) / gain`, from those that were in force.

    A column of which nothing could be measured keeps its own, but for the scale that is common to all.
    """
    factor = np.ones(len(stored_gain))
    if choice.equalise:
        factor = np.where(np.isfinite(gains.gain), gains.gain, 1.0)
    if choice.tie:
        factor = factor * choice.scale
    offset = stored_offset + stored_gain * offsets.current if choice.shift else stored_offset
    return stored_gain * factor, offset
