"""A line through readings of a state that each event moves by a fixed way and by chance: reads that disturb, pulses.

Readings scatter by themselves (white noise), and the state walks: what one event adds by chance all later readings
keep. A line of least squares takes both for scatter and promises a slope far too sure. Here the line is that of
generalised least squares, averaged over the shares that the walk may have in the scatter, each weighted by its
restricted likelihood (Patterson and Thompson 1971): few readings rarely tell which share it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.stats import t as student

from labctl.errors import ParameterError
from protocols.analysis.measured_values import finite_points

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

SHARES = (0.0, *(1 / (1 + 10.0**power) for power in np.arange(5.0, -4.5, -0.5).tolist()))
"""Shares of the walk in the scatter that are tried: none, and from a hundred-thousandth on."""


@dataclass(frozen=True, slots=True)
class WalkingLine:
    """y = start + slope x, for a state that walks.

    Args:
        start: before the first event, x = 0.
        start_sigma: its standard deviation.
        slope: per event.
        slope_sigma: its standard deviation.
        noise: standard deviation of a reading of unit weight, the walk apart.
        walk: standard deviation that one event adds to the state.
        freedom: degrees of freedom of the standard deviations.
    """

    start: float
    start_sigma: float
    slope: float
    slope_sigma: float
    noise: float
    walk: float
    freedom: float

    def quantile(self, confidence: float) -> float:
        """Return how many deviations to either side hold the truth with that confidence (Student's t)."""
        if not 0 < confidence < 1:
            raise ParameterError(f"a confidence lies between 0 and 1, not {confidence:g}")
        return float(student.ppf((1 + confidence) / 2, self.freedom))


def fit_walking_line(
    readings: ArrayLike, events: ArrayLike | None = None, floor: float = 0.0
) -> WalkingLine | None:  # fmt: skip
    """Fit the line to readings one after the other.

    Args:
        readings: shape (n,).
        events: that each reading is the mean over, each event read once, shape (n,); None: one each.
        floor: variance of a reading that no mean takes away, as a share of the rest of a single one's.

    Returns:
        None for fewer than four readings.

    Raises:
        ParameterError: if a reading is over less than one event.
    """
    counts = np.ones(np.shape(readings)) if events is None else np.asarray(events, np.float64)
    values, counts = finite_points(readings, counts)
    if len(values) < 4:
        return None
    if bool((counts < 1).any()):
        raise ParameterError("a reading is the mean over one event at least")
    before = np.cumsum(counts) - counts
    places = before + (counts + 1) / 2
    design = np.stack([np.append(1.0, np.zeros(len(places) - 1)), np.diff(places, prepend=0.0)])
    moves = np.diff(values, prepend=0.0)
    mean = float(counts.mean())
    noise, walk = _noise_band((1 / counts + floor) / (1 + floor)), _walk_band(counts) / mean
    trials = [_Trial(share, (1 - share) * noise + share * walk, design, moves) for share in SHARES]
    line = _averaged(trials, mean)
    # What moves a state by more than it scatters does so by chance, too: then all scatter counts as the walk's.
    return _averaged(trials[-1:], mean) if abs(line.slope) > math.hypot(line.noise, line.walk) else line


def _averaged(trials: list[_Trial], mean: float) -> WalkingLine:
    """Return the mean line of all trials, each weighted by its likelihood; `mean` is the mean number of events."""
    unlikely = np.array([trial.unlikely for trial in trials])
    likely = np.exp((unlikely.min() - unlikely) / 2)
    likely /= likely.sum()
    lines = np.array([trial.line for trial in trials])
    variances = np.array([np.diag(trial.covariance) * trial.variance for trial in trials])
    found = likely @ lines
    deviation = np.sqrt(likely @ (variances + (lines - found) ** 2))
    scatter = likely * np.array([trial.variance for trial in trials])
    shares = np.array([trial.share for trial in trials])
    return WalkingLine(
        start=float(found[0]),
        start_sigma=float(deviation[0]),
        slope=float(found[1]),
        slope_sigma=float(deviation[1]),
        noise=math.sqrt(float(scatter @ (1 - shares))),
        walk=math.sqrt(float(scatter @ shares) / mean),
        freedom=trials[0].freedom,
    )


def _noise_band(variance: Array) -> Array:
    """Return the covariance of the differences of successive readings from their noise: a band, shape (2, n)."""
    before = np.append(0.0, variance[:-1])
    return np.stack([-before, variance + before])


def _walk_band(counts: Array) -> Array:
    """Return the same from the walk, one unit an event: a mean over many events sees the later ones less."""
    seen = (counts + 1) * (2 * counts + 1) / (6 * counts)
    unseen = (counts - 1) * (2 * counts - 1) / (6 * counts)
    both = (counts**2 - 1) / (6 * counts)
    return np.stack([np.append(0.0, both[:-1]), seen + np.append(0.0, unseen[:-1])])


class _Trial:
    """The line for one share of the walk, from the differences of successive readings, whose covariance is a band."""

    def __init__(self, share: float, band: Array, design: Array, moves: Array) -> None:
        count = len(moves)
        factor = cholesky_banded(band)
        solved = cast("Array", cho_solve_banded((factor, False), cast("Any", np.vstack([design, moves]).T)))
        information = design @ solved[:, :2]
        self.share = share
        self.covariance = np.linalg.inv(information)
        self.line = self.covariance @ (design @ solved[:, 2])
        self.freedom = freedom = count - 2.0
        rest = float(moves @ solved[:, 2] - self.line @ (design @ solved[:, 2]))
        self.variance = max(rest, 0.0) / freedom
        self.unlikely = (
            freedom * math.log(max(rest, np.finfo(np.float64).tiny))
            + 2 * float(np.log(factor[1]).sum())
            + float(np.linalg.slogdet(information)[1])
        )
        """Minus twice the logarithm of the restricted likelihood, but for a constant."""
