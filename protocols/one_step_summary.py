"""What single computed pulses amount to: the error after the first, and after each correction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Fraction, Levels, Seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.one_step import OneStepParameters, OneStepWrite

    Array = NDArray[np.float64]

EXCESS_MAX = 2.0
"""By what factor first pulses may err more than scatter and doubt of the rate explain: all share one measured rate, so
that after a single pass chance alone makes 1.5 of it now and then."""
MEDIAN_OF_NORMAL = 0.6745
"""Median of the size of a normal error, in standard deviations."""
FINAL_MAX = 0.5
"""Error (levels) that corrections should reach, or half of the first one, whichever is larger."""


@dataclass(frozen=True, slots=True)
class OneStepSummary:
    """What a run amounts to. Lists have one figure for the first pulse, and one for each correction after it.

    Args:
        writes: levels written.
        error_rms: root mean square error of the levels as read, read noise included.
        error_rms_sigma: its standard deviation.
        error_median: half of the levels are no further off.
        error_mean: mean error.
        error_max: largest.
        within_half_level: share of the levels that were read within half a level.
        expected_rms: error to be expected of the first pulse: scatter of the write, doubt of the rate, rounding.
        excess: first errors over the expected ones, by their median: 1 is as expected.
        distance: mean distance of the first pulses.
        rate_error_up: by which share rising first pulses lead too far.
        rate_error_down: the same of falling ones.
        final_error_median: the last of `error_median`: what corrections reach where a few levels are out of reach.
        pulses: put out for the levels, calibration aside.
        pulse_time: what they took.
    """

    writes: int
    error_rms: tuple[Levels, ...]
    error_rms_sigma: tuple[Levels, ...]
    error_median: tuple[Levels, ...]
    error_mean: tuple[Levels, ...]
    error_max: tuple[Levels, ...]
    within_half_level: tuple[Fraction, ...]
    expected_rms: Levels
    excess: float | None
    distance: Levels
    rate_error_up: Fraction | None
    rate_error_down: Fraction | None
    final_error_median: Levels
    pulses: int
    pulse_time: Seconds


def summarise(records: Sequence[OneStepWrite], parameters: OneStepParameters) -> Outcome:  # noqa: ARG001
    """Return what the records show; levels that a broken run left half corrected count as far as they came."""
    attempts = [
        [record for record in records if record.attempt == attempt]
        for attempt in sorted({record.attempt for record in records})
    ]
    if not attempts:
        return Outcome(passed=False, summary=None)
    errors = [np.array([record.error for record in part]) for part in attempts]
    rms = [_rms(part) for part in errors]
    medians = [float(np.median(np.abs(part))) for part in errors]
    first = attempts[0]
    expected = _rms(np.array([record.expected for record in first]))
    summary = OneStepSummary(
        writes=len(first),
        error_rms=tuple(rms),
        error_rms_sigma=tuple(_rms_sigma(part) for part in errors),
        error_median=tuple(medians),
        error_mean=tuple(float(part.mean()) for part in errors),
        error_max=tuple(float(np.abs(part).max()) for part in errors),
        within_half_level=tuple(float(np.mean(np.abs(part) <= 0.5)) for part in errors),
        expected_rms=expected,
        excess=_excess(first),
        distance=float(np.mean([abs(record.aimed) for record in first])),
        rate_error_up=_rate_error([record for record in first if record.aimed > 0]),
        rate_error_down=_rate_error([record for record in first if record.aimed < 0]),
        final_error_median=medians[-1],
        pulses=sum(record.width > 0 for record in records),
        pulse_time=math.fsum(record.width for record in records),
    )
    criteria = [Criterion("excess", at_most=EXCESS_MAX)]
    if len(rms) > 1:
        criteria.append(Criterion("final_error_median", at_most=max(FINAL_MAX, medians[0] / 2)))
    return judge(summary, *criteria)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _rms_sigma(errors: Array) -> float:
    """Return the standard deviation of a root mean square, from the scatter of the squares."""
    rms = _rms(errors)
    return float((errors**2).std() / (2 * rms * math.sqrt(len(errors)))) if rms else 0.0


def _excess(records: Sequence[OneStepWrite]) -> float | None:
    """Return how large errors are against what was expected; levels out of reach do not count for more than others."""
    shares = [abs(record.error) / record.expected for record in records if record.expected]
    return float(np.median(shares)) / MEDIAN_OF_NORMAL if shares else None


def _rate_error(records: Sequence[OneStepWrite]) -> float | None:
    """Return by which share pulses lead too far: errors against distances, weighted by what each tells.

    An error's variance grows with the distance, so that the weighted slope is the sum of errors over that of distances.
    """
    distance = math.fsum(abs(record.aimed) for record in records)
    if not distance:
        return None
    return math.fsum(math.copysign(record.error, record.error * record.aimed) for record in records) / distance
