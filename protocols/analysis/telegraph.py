"""Random telegraph noise: does a trace of reads switch between two levels, and between which, how often?

Whether it does is a test against every Gaussian noise of the same spectrum, white and 1/f together: copies of the trace
with random phases have its spectrum and nothing else of it. What is compared is by how much two levels describe the
distribution of the readings, or of their averages over 2, 4, 8 ... of them, better than one. A trace that switches only
a few times cannot be told from one that wanders, and is not called telegraph noise here.

Levels and dwell times come from a hidden Markov model of two states with Gaussian noise (Baum and Welch).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from labctl.units import Seconds
from protocols.analysis.hidden_states import TwoStates, fit_two_states
from protocols.analysis.measured_values import finite_series, positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

LEAST = 128
"""Fewest reads of a trace."""
COPIES, FIRST_COPIES = 199, 29
"""Copies with random phases; the trace must beat all but one of them. So many are tried first."""
FALSE_POSITIVES = 2 / (COPIES + 1)
"""Probability with which noise without two levels is called telegraph noise, by construction of the test."""
SCARCE = 0.05
"""Least share of the readings that a level has: fewer are outliers, not a level."""
_BINS = 80
_REACH = 5.0
"""Readings are counted in 80 bins over +-5 deviations: 1/8 of a deviation each."""
_FEWEST = 64
"""Averages are long enough if this many of them are left."""
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class TelegraphNoise:
    """What a trace shows.

    Args:
        found: whether two levels were found; the rest holds only if so.
        probability: of a trace without two levels looking as much like two (p-value, at least 1/200;
            rough where it is large).
        amplitude: distance of the levels, in the unit of the reads.
        amplitude_sigma: its standard deviation, if the rest of the noise is white.
        low: the lower level.
        noise: standard deviation of a read about its level.
        dwell_low: mean time in the lower level (s).
        dwell_high: mean time in the upper one (s).
        dwell_sigma: relative standard deviation of the dwell times: one over the root of the departures.
        switches: how often the most probable course of the trace changes level.
    """

    found: bool
    probability: float
    amplitude: float
    amplitude_sigma: float
    low: float
    noise: float
    dwell_low: Seconds
    dwell_high: Seconds
    dwell_sigma: float
    switches: int


def find_telegraph(series: ArrayLike, spacing: float, seed: int = 0) -> TelegraphNoise | None:
    """Test a trace for two levels, and measure them.

    Args:
        series: evenly spaced reads, shape (n,).
        spacing: s.
        seed: of the random phases; the same trace and seed give the same answer.

    Returns:
        None for fewer than 128 reads, one that is not a number, or reads that are all equal.
    """
    positive(spacing, "the spacing")
    reads = finite_series(series, LEAST)
    if reads is None or np.ptp(reads) == 0:
        return None
    place = np.linspace(-1, 1, len(reads))
    # A straight drift has a flat distribution, which two levels describe better than one.
    straight = reads - reads.mean() - place * float(place @ reads) / float(place @ place)
    scale = float(straight.std())
    if scale <= 1e-9 * float(np.ptp(reads)):
        return _nothing(1.0, float(reads.mean()), 0.0)
    straight /= scale
    probability = _probability(straight, np.random.default_rng(seed))
    if probability > FALSE_POSITIVES:
        return _nothing(probability, float(reads.mean()), scale)
    return _measured(fit_two_states(straight), probability, float(reads.mean()), scale, spacing, len(reads))


def _nothing(probability: float, mean: float, noise: float) -> TelegraphNoise:
    return TelegraphNoise(False, probability, 0.0, 0.0, mean, noise, math.inf, math.inf, math.inf, 0)


def _measured(
    states: TwoStates, probability: float, mean: float, scale: float, spacing: float, reads: int
) -> TelegraphNoise:
    switches = states.switches
    share = states.share_high
    error = states.noise * math.sqrt(1 / max(reads * (1 - share), 1.0) + 1 / max(reads * share, 1.0))
    return TelegraphNoise(
        found=True,
        probability=probability,
        amplitude=scale * (states.high - states.low),
        amplitude_sigma=scale * error,
        low=mean + scale * states.low,
        noise=scale * states.noise,
        dwell_low=spacing / states.leave_low,
        dwell_high=spacing / states.leave_high,
        dwell_sigma=math.sqrt(2 / switches) if switches else math.inf,
        switches=switches,
    )


def _probability(series: Array, chance: np.random.Generator) -> float:
    """Return how often copies look as much like two levels as the series does, itself counted.

    Where a first part of the copies does so too often for a finding, the rest is spared.
    """
    own = float(_gains(series[None, :])[0])
    beaten_by = 0
    done = 0
    for count in (FIRST_COPIES, COPIES - FIRST_COPIES):
        beaten_by += int((_gains(_random_phases(series, count, chance)) >= own).sum())
        done += count
        if (1 + beaten_by) / (COPIES + 1) > FALSE_POSITIVES:
            break
    return (1 + beaten_by) / (done + 1)


def _random_phases(series: Array, count: int, chance: np.random.Generator) -> Array:
    """Return copies of a series with the same powers and random phases, shape (count, n)."""
    parts = np.fft.rfft(series)
    turns = np.exp(2j * np.pi * chance.random((count, len(parts))))
    copies = np.fft.irfft(np.hypot(parts.real, parts.imag) * turns, len(series), axis=1)
    return np.asarray(copies, np.float64)


def _gains(rows: Array) -> Array:
    """Return the largest gain of two levels over one, among averages over 1, 2, 4 ... readings, for each row."""
    best = np.zeros(len(rows))
    while rows.shape[1] >= _FEWEST:
        best = np.maximum(best, _two_level_gain(rows))
        even = rows.shape[1] // 2 * 2
        rows = (rows[:, 0:even:2] + rows[:, 1:even:2]) / 2
    return best


def _two_level_gain(rows: Array) -> Array:
    """Return twice the gain in log-likelihood of two normal distributions of one width over a single one.

    Args:
        rows: shape (k, n).

    Returns:
        Shape (k,).
    """
    centred = rows - rows.mean(axis=1, keepdims=True)
    deviation = np.maximum(centred.std(axis=1, keepdims=True), 1e-12)
    place = np.clip(((centred / deviation + _REACH) * (_BINS / 2 / _REACH)).astype(np.int64), 0, _BINS - 1)
    keys = (place + _BINS * np.arange(len(rows))[:, None]).reshape(-1)
    counts = np.bincount(keys, minlength=_BINS * len(rows)).reshape(len(rows), _BINS).astype(np.float64)
    x: Array = (np.arange(_BINS, dtype=np.float64) + 0.5) * (2 * _REACH / _BINS) - _REACH
    total = float(rows.shape[1])
    mean = counts @ x / total
    square = counts @ x**2 / total
    one: Array = -0.5 * total * (np.log(square - mean**2) + 1)
    best = np.full(len(rows), -math.inf)
    for share, low, high in ((0.5, -1.0, 1.0), (0.2, -0.5, 1.5), (0.8, -1.5, 0.5)):
        best = np.maximum(best, _likelihood(counts, x, share, low, high))
    return 2 * (best - one)


def _likelihood(counts: Array, x: Array, share: float, low: float, high: float) -> Array:
    """Return the log-likelihood of two levels, found from a start by expectation and maximisation; shape (k,)."""
    rows, total = len(counts), float(counts[0].sum())
    shares, lows, highs = np.full(rows, share), np.full(rows, low), np.full(rows, high)
    widths = np.full(rows, 0.5)
    square, first = counts @ x**2, counts @ x
    for _ in range(_ROUNDS):
        # The logarithm of the ratio of both parts is straight in x.
        rise = (highs - lows) / widths
        start = np.log(shares / (1 - shares)) - rise * (highs + lows) / 2
        upper = counts * expit(start[:, None] + rise[:, None] * x)
        weight = np.clip(upper.sum(axis=1), SCARCE * total, (1 - SCARCE) * total)
        above = upper @ x
        highs, lows, shares = above / weight, (first - above) / (total - weight), weight / total
        # No narrower than a bin's own deviation.
        spread = (square - weight * highs**2 - (total - weight) * lows**2) / total
        widths = np.maximum(spread, (2 * _REACH / _BINS) ** 2 / 12)
    bottom = (1 - shares[:, None]) * np.exp(-((x - lows[:, None]) ** 2) / (2 * widths[:, None]))
    top = shares[:, None] * np.exp(-((x - highs[:, None]) ** 2) / (2 * widths[:, None]))
    logs = np.log(np.maximum(bottom + top, 1e-300))
    return np.asarray((counts * logs).sum(axis=1) - 0.5 * total * np.log(widths), np.float64)
