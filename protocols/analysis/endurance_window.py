"""How a cell's window between on and off wears with cycles, when it counts as worn out, and what can be promised.

An extrapolation holds if the window goes on as it went: sudden death is not foreseen by any line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError
from labctl.units import Siemens
from protocols.analysis.measured_values import finite_points
from protocols.analysis.weighted_line import weighted_line

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CRITERION = 0.5
"""Share of the first window at which a cell counts as worn out: ours; papers differ."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Endurance:
    """What cycling did to a window.

    Args:
        cycles: of the last measurement.
        first: window between on and off, fitted at the first measurement (S).
        last: fitted at the last one (S).
        on_off_first: ratio of on over off at the first measurement; infinite if off is not above 0.
        on_off_last: at the last one.
        change: relative change of the window per factor 10 of cycles; below 0 it closes.
        change_sigma: its standard deviation.
        wears: whether it closes for sure, with `confidence`.
        end: cycles at which it was below the criterion and stayed there; None if it was not.
        expected_end: cycles by the power law fitted; None if no wear is sure.
        end_at_least: cycles that are left for sure, with `confidence`, if the window goes on closing by no more than
            the same conductance each cycle as it may have done so far.
        confidence: of both.
    """

    cycles: float
    first: Siemens
    last: Siemens
    on_off_first: float
    on_off_last: float
    change: float
    change_sigma: float
    wears: bool
    end: float | None
    expected_end: float | None
    end_at_least: float
    confidence: float


def fit_endurance(
    cycles: ArrayLike, on: ArrayLike, off: ArrayLike, sigma: float | None = None,
    criterion: float = CRITERION, confidence: float = CONFIDENCE,
) -> Endurance | None:  # fmt: skip
    """Return what cycling did.

    Args:
        cycles: before each measurement, rising, shape (n,); 0 counts as 1.
        on: conductance of the upper state (S), shape (n,).
        off: of the lower one (S), shape (n,).
        sigma: standard deviation of a window (S); None: from the scatter.
        criterion: share of the first window at which the cell is worn out.
        confidence: of what is called sure.

    Returns:
        None for fewer than three measurements, or a window that is not open at the first one.
    """
    if not 0 < criterion < 1:
        raise ParameterError(f"a criterion lies between 0 and 1, not {criterion:g}")
    counts, high, low = finite_points(cycles, on, off)
    if len(counts) < 3 or not bool((np.diff(counts) > 0).all()):
        return None
    window = high - low
    open_ = window > 0
    logs = np.log(np.maximum(counts, 1.0))
    line = weighted_line(counts, window, sigma)
    power = weighted_line(logs[open_], np.log(window[open_]), None if sigma is None else sigma / window[open_])
    if line is None or power is None or not open_[0]:
        return None
    first = math.exp(power.at(float(logs[0])))
    wears = power.slope < 0 and power.significant(confidence)
    decade = math.log(10.0)
    return Endurance(
        cycles=float(counts[-1]),
        first=first,
        last=math.exp(power.at(float(logs[-1]))),
        on_off_first=_ratio(float(high[0]), float(low[0])),
        on_off_last=_ratio(float(high[-1]), float(low[-1])),
        change=math.expm1(power.slope * decade),
        change_sigma=math.exp(power.slope * decade) * power.slope_sigma * decade,
        wears=wears,
        end=_end(counts.tolist(), (window < criterion * first).tolist()),
        expected_end=_limited(float(logs[0]) + math.log(criterion) / power.slope) if wears else None,
        end_at_least=_straight_end(first, criterion, line.slope_range(confidence)[0]),
        confidence=confidence,
    )


def _end(counts: list[float], worn: list[bool]) -> float | None:
    """Return the count from which on every measurement is worn."""
    if not worn[-1]:
        return None
    sound = [place for place, bad in enumerate(worn) if not bad]
    return counts[sound[-1] + 1] if sound else counts[0]


def _straight_end(first: float, criterion: float, slope: float) -> float:
    return (1 - criterion) * first / -slope if slope < 0 else math.inf


def _limited(log: float) -> float:
    return math.exp(log) if log < 690 else math.inf


def _ratio(high: float, low: float) -> float:
    return high / low if low > 0 else math.inf
