"""How a written conductance drifts: as a power of time or with its logarithm, and when a level is lost.

A drift that is not seen is a bound, not a zero. Reads of one state scatter by 1/f noise, too, which no number of them
averages away: `sigma` is to include it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.units import Seconds, Siemens
from protocols.analysis.measured_values import finite_points, positive
from protocols.analysis.weighted_line import WeightedLine, weighted_line

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Drift:
    """A drift law fitted to reads of one state.

    Args:
        law: "power", G = G0 (t / t0)^-nu, or "logarithm", G = G0 - rate ln(t / t0).
        reference: t0 (s), since the write.
        start: G0, the fitted conductance at t0 (S).
        value: nu, or the rate (S per factor e of time); above 0 the conductance falls.
        value_sigma: its standard deviation.
        at_most: magnitude that it does not exceed, with `confidence`.
        found: whether no drift is excluded with `confidence`.
        confidence: of both.
        last: time of the last read (s).
        line: what was fitted: ln G or G against ln t.
    """

    law: str
    reference: Seconds
    start: Siemens
    value: float
    value_sigma: float
    at_most: float
    found: bool
    confidence: float
    last: Seconds
    line: WeightedLine

    def expected(self, time: float) -> tuple[float, float]:
        """Return the conductance (S) to expect at `time` (s), if the law holds, and its standard deviation."""
        place = math.log(positive(time, "a time"))
        value, sigma = self.line.at(place), self.line.sigma_at(place)
        return (value, sigma) if self.law == "logarithm" else (math.exp(value), math.exp(value) * sigma)


@dataclass(frozen=True, slots=True)
class LossTime:
    """When a state has drifted by a distance.

    Args:
        expected: s since the write; None if no drift was found.
        at_least: s, with the drift's confidence; infinite where it exceeds every number.
        extrapolated: by which factor `at_least` lies beyond the last read; 1 if it does not.
    """

    expected: Seconds | None
    at_least: Seconds
    extrapolated: float


def fit_power_law(
    time: ArrayLike, conductance: ArrayLike, sigma: float | None = None, reference: float = 1.0,
    confidence: float = CONFIDENCE,
) -> Drift | None:  # fmt: skip
    """Fit G = G0 (t / t0)^-nu.

    Args:
        time: since the write (s), above 0; earlier points are left out, shape (n,).
        conductance: S; points not above 0 are left out, shape (n,).
        sigma: standard deviation of one point (S); None: from the scatter.
        reference: t0 (s).
        confidence: of bound and finding.

    Returns:
        None for fewer than three points, or all at one time.
    """
    times, values = finite_points(time, conductance)
    used = (times > 0) & (values > 0)
    times, values = times[used], values[used]
    relative = None if sigma is None else positive(sigma, "a standard deviation") / values
    return _drift(
        "power", times.tolist(), weighted_line(np.log(times), np.log(values), relative), reference, confidence
    )


def fit_log_time(
    time: ArrayLike, conductance: ArrayLike, sigma: float | None = None, reference: float = 1.0,
    confidence: float = CONFIDENCE,
) -> Drift | None:  # fmt: skip
    """Fit G = G0 - rate ln(t / t0); arguments and result as for `fit_power_law`."""
    times, values = finite_points(time, conductance)
    used = times > 0
    times, values = times[used], values[used]
    spread = None if sigma is None else positive(sigma, "a standard deviation")
    return _drift("logarithm", times.tolist(), weighted_line(np.log(times), values, spread), reference, confidence)


def loss_time(drift: Drift, distance: float) -> LossTime:
    """Return when the state has drifted by `distance` (S), either way, since the reference time."""
    positive(distance, "a distance")
    expected = _time_of(drift, drift.value, distance) if drift.found else None
    # The way that loses the level first: down is as far as up in S, and sooner by a power law.
    at_least = min(_time_of(drift, drift.at_most, distance), _time_of(drift, -drift.at_most, distance))
    return LossTime(expected, at_least, max(1.0, at_least / drift.last))


def _drift(
    law: str, times: list[float], line: WeightedLine | None, reference: float, confidence: float
) -> Drift | None:
    place = math.log(positive(reference, "the reference time"))
    if line is None or line.points < 3:
        return None
    start = line.at(place)
    low, high = line.slope_range(confidence)
    return Drift(
        law=law,
        reference=reference,
        start=math.exp(start) if law == "power" else start,
        value=-line.slope,
        value_sigma=line.slope_sigma,
        at_most=max(abs(low), abs(high)),
        found=line.significant(confidence),
        confidence=confidence,
        last=max(times),
        line=line,
    )


def _time_of(drift: Drift, value: float, distance: float) -> float:
    """Return when a drift of that size has gone that far; never, if it cannot."""
    if value == 0:
        return math.inf
    if drift.law == "logarithm":
        exponent = distance / abs(value)
    else:
        left = 1 - math.copysign(distance, value) / drift.start
        if left <= 0:
            return math.inf
        exponent = -math.log(left) / value
    return drift.reference * math.exp(exponent) if exponent < 690 else math.inf
