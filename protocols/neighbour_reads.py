"""What reads of two neighbouring levels show: how far apart they are, how noisy, how often mistaken for one another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.allan import AllanDeviation, allan_deviation
from protocols.analysis.level_errors import Misreads, measured_misreads, misread_probability, reads_needed
from protocols.analysis.spectrum import fit_spectrum
from protocols.board_requests import SAMPLE_TIME
from protocols.cell_noise import BLOCK, block_scatter, moves
from protocols.repeated_reads import spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

MISREADS_LEAST = 16
"""Fewest averages of either level that are judged."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Averages of so many samples: measured misreads, and what the noise makes one expect."""

    samples: int
    measured: Misreads
    expected: float


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Two neighbouring levels.

    Args:
        conductance: in the middle between both (S).
        distance: of their means (S).
        distance_error: standard deviation of that (S).
        sigma: of one sample, cell and reader together (S).
        flicker: density of the 1/f noise at 1 Hz (S^2/Hz); 0 if none is seen.
        allan: of long reads, for each of both levels.
        averages: samples in the average at which the Allan deviation is least.
        least: the Allan deviation there (S).
        judged: averages of 1, 2, 4, ... samples.
    """

    conductance: float
    distance: float
    distance_error: float
    sigma: float
    flicker: float
    allan: tuple[AllanDeviation, ...]
    averages: int
    least: float
    judged: tuple[Judged, ...]

    def floor(self, duration: float, shortest: float = SAMPLE_TIME) -> float:
        """Return the variance that averaging leaves, as a share of that of one sample.

        1/f noise between the reciprocals of two times has the variance K ln(T / t).

        Args:
            duration: from the learning of the levels to the last read (s).
            shortest: of an average (s).
        """
        return self.flicker * math.log(max(1.0, duration / shortest)) / self.sigma**2 if self.sigma > 0 else 0.0

    def samples_needed(self, probability: float, distance: float, horizon: float) -> int | None:
        """Return the fewest samples that tell a level from both neighbours at `distance` (S); None: no number does."""
        if not self.sigma > 0:
            return 1
        return reads_needed(probability, distance, self.sigma, self.floor(horizon))

    def sigma_of(self, samples: int, horizon: float) -> float:
        """Return the standard deviation (S) of an average of `samples`."""
        return self.sigma * math.sqrt(1 / samples + self.floor(horizon))


def compare(
    lower: ArrayLike,
    upper: ArrayLike,
    long_lower: ArrayLike,
    long_upper: ArrayLike,
    samples: int,
    pace: float,
    confidence: float,
) -> Neighbours | None:
    """Return what reads of two levels show.

    Args:
        lower: single samples of the lower level (S), shape (n,); several requests one after the other.
        upper: of the upper one.
        long_lower: long reads of the lower one (S), shape (k,).
        long_upper: of the upper one.
        samples: of a long read.
        pace: from one single sample to the next (s).
        confidence: of the intervals.

    Returns:
        None for fewer than 64 single samples of either.
    """
    singles = [np.asarray(reads, np.float64) for reads in (lower, upper)]
    if min(len(reads) for reads in singles) < BLOCK:
        return None
    longs = [np.asarray(reads, np.float64) for reads in (long_lower, long_upper)]
    allan = tuple(one for reads in longs if (one := allan_deviation(reads)) is not None)
    sigma = math.sqrt(float(np.mean([_variance(reads) for reads in singles])))
    flicker = _flicker(longs, samples)
    low, high = (_mean(single, long, samples) for single, long in zip(singles, longs, strict=True))
    counted = sum(len(single) for single in singles) + samples * sum(len(long) for long in longs)
    averages, least = _least(allan, samples)
    found = Neighbours(
        conductance=(low + high) / 2,
        distance=high - low,
        distance_error=math.sqrt(4 * sigma**2 / counted + 2 * flicker * math.log(counted)),
        sigma=sigma,
        flicker=flicker,
        allan=allan,
        averages=averages,
        least=least,
        judged=(),
    )
    return _with_judged(found, singles, pace, confidence)


def reads_move(reads: ArrayLike) -> bool:
    """Return whether one request of single samples, shape (n,) (S), shows that reads move the cell."""
    singles = np.asarray(reads, np.float64)
    blocks = singles[: len(singles) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return moves(blocks.mean(axis=1), math.sqrt(_variance(singles))) if len(blocks) else False


def _with_judged(found: Neighbours, singles: Sequence[Array], pace: float, confidence: float) -> Neighbours:
    judged: list[Judged] = []
    whole = min(len(reads) for reads in singles)
    # As far apart as these reads have them, which slow noise has moved since or before the others.
    distance = float(singles[1].mean() - singles[0].mean())
    samples = 1
    while whole // samples >= MISREADS_LEAST:
        measured = measured_misreads(singles[0], singles[1], samples, confidence)
        if measured is not None and distance > 0 and found.sigma > 0:
            # The cut is that of the same reads: only what changes from average to average within them misleads.
            floor = found.floor(whole * pace, samples * pace)
            expected = misread_probability(distance, found.sigma, samples, floor, 1)
            judged.append(Judged(samples, measured, expected))
        samples *= 2
    return replace(found, judged=tuple(judged))


def _variance(reads: Array) -> float:
    """Return the variance of single samples about their slow course."""
    blocks = reads[: len(reads) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return float(np.mean([block_scatter(block)[1] for block in blocks]))


def _flicker(longs: Sequence[Array], samples: int) -> float:
    """Return the density at 1 Hz (S^2/Hz) of the 1/f noise of long reads; 0 if none is found."""
    length = min(len(reads) for reads in longs)
    fit = fit_spectrum(np.array([reads[:length] for reads in longs]), spacing(samples), 1.0)
    return 0.0 if fit is None or fit.corner is None else fit.flicker


def _mean(single: Array, long: Array, samples: int) -> float:
    """Return the mean over all samples."""
    return float((single.sum() + samples * long.sum()) / (len(single) + samples * len(long)))


def _least(allan: Sequence[AllanDeviation], samples: int) -> tuple[int, float]:
    """Return at how many samples the Allan deviation is least, and what it is there, both levels together."""
    if not allan:
        return 0, 0.0
    count = min(len(one.averages) for one in allan)
    variance = np.mean([one.deviation[:count] ** 2 for one in allan], axis=0)
    best = int(np.argmin(variance))
    return samples * int(allan[0].averages[best]), math.sqrt(float(variance[best]))
