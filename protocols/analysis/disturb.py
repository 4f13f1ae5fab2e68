"""How much an event that should do nothing (a read, a half-selected pulse) moves a cell, and what an array bears.

What is not seen is a bound in levels per event. Reads of one state scatter by 1/f noise, too, which no averaging
removes: `sigma` is to include it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError
from labctl.units import Levels
from protocols.analysis.measured_values import finite_points, positive
from protocols.analysis.weighted_line import WeightedLine, weighted_line

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CONFIDENCE = 0.99
"""Confidence of a finding and of a bound: one in a hundred honest cells is called disturbed."""
TOLERANCE = 0.5
"""Levels that all the disturb of programming an array may come to: half a level."""


@dataclass(frozen=True, slots=True)
class Disturb:
    """What events did to a cell.

    Args:
        per_event: levels per event, with sign.
        sigma: its standard deviation (levels).
        at_most: magnitude that it does not exceed (levels), with `confidence`.
        found: whether nothing is excluded with `confidence`.
        events: how many the cell saw.
        confidence: of both.
    """

    per_event: Levels
    sigma: Levels
    at_most: Levels
    found: bool
    events: float
    confidence: float


def disturb_per_event(
    events: ArrayLike, levels: ArrayLike, sigma: float | None = None, confidence: float = CONFIDENCE
) -> Disturb | None:
    """Return the disturb of a cell that was read again and again between events.

    Args:
        events: that the cell had seen at each reading, shape (n,).
        levels: read, shape (n,).
        sigma: standard deviation of a reading (levels); None: from the scatter about a straight line.
        confidence: of finding and bound.

    Returns:
        None for fewer than two readings (three without `sigma`), or no event between them.
    """
    counts, _ = finite_points(events, levels)
    line = weighted_line(events, levels, sigma)
    return None if line is None else _judged(line, float(np.ptp(counts)), confidence)


def disturb_between(
    before: ArrayLike, after: ArrayLike, events: float, confidence: float = CONFIDENCE
) -> Disturb | None:
    """Return the disturb of `events` from repeated readings (levels) before and after; four in all at least.

    Readings of one state are taken to scatter alike; None if there are too few, or none on one side.
    """
    positive(events, "the number of events")
    (first,), (last,) = finite_points(before), finite_points(after)
    if not len(first) or not len(last):
        return None
    counts = np.concatenate([np.zeros(len(first)), np.full(len(last), events)])
    line = weighted_line(counts, np.concatenate([first, last])) if len(counts) >= 4 else None
    return None if line is None else _judged(line, events, confidence)


def pooled(disturbs: list[Disturb], confidence: float = CONFIDENCE) -> Disturb | None:
    """Return the mean disturb of many cells alike, weighted by how well each is known; None without one.

    Where the cells differ by more than their errors, the mean's error grows with their scatter.
    """
    known = [disturb for disturb in disturbs if disturb.sigma > 0]
    if len(known) < 2:
        return known[0] if known else None
    values, sigmas = (np.array([getattr(each, name) for each in known]) for name in ("per_event", "sigma"))
    weight = 1 / sigmas**2
    mean = float(weight @ values / weight.sum())
    scatter = math.sqrt(float(weight @ (values - mean) ** 2) / (len(known) - 1))
    sigma = max(1.0, scatter) / math.sqrt(float(weight.sum()))
    # Three deviations of chi squared over its degrees of freedom: less is chance.
    chance = scatter**2 <= 1 + 3 * math.sqrt(2 / (len(known) - 1))
    line = WeightedLine(0.0, 0.0, 0.0, mean, sigma, math.inf if chance else len(known) - 1.0, len(known))
    return _judged(line, sum(each.events for each in known), confidence)


def programming_disturb(rows: int, columns: int, pulses: float, per_event: float) -> float:
    """Return the levels that a cell moves while the rest of its array is programmed.

    Each cell on its row and its column half-selects it with each pulse: (N - 1 + M - 1) pulses d.

    Args:
        rows: of the array.
        columns: of the array.
        pulses: that a cell needs on average.
        per_event: disturb of one half-selected pulse (levels).
    """
    if rows < 1 or columns < 1 or not pulses >= 0:
        raise ParameterError("an array has a row and a column, and a number of pulses is not below 0")
    return (rows - 1 + columns - 1) * pulses * per_event


def bearable_disturb(rows: int, columns: int, pulses: float, tolerance: float = TOLERANCE) -> float:
    """Return the disturb per event (levels) at which programming an array costs `tolerance` levels."""
    cost = programming_disturb(rows, columns, pulses, 1.0)
    return positive(tolerance, "a tolerance") / cost if cost > 0 else math.inf


def _judged(line: WeightedLine, events: float, confidence: float) -> Disturb:
    low, high = line.slope_range(confidence)
    return Disturb(
        per_event=line.slope,
        sigma=line.slope_sigma,
        at_most=max(abs(low), abs(high)),
        found=line.significant(confidence),
        events=events,
        confidence=confidence,
    )
