"""Allan deviation of a series of reads: how far averaging helps.

The deviation of averages over m reads that follow one another falls with the square root of m for white noise, stays
level for 1/f noise and rises with drift. Overlapping averages are used; how sure each figure is follows from its
equivalent degrees of freedom (Howe, Allan and Barnes 1981; NIST Special Publication 1065).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls
from scipy.stats import chi2

from labctl.errors import ParameterError
from protocols.analysis.measured_values import finite_series

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

LEAST = 16
"""Fewest reads of a series."""
SHARE = 4
"""Averages are taken of up to a quarter of the series: four neighbours at least."""
FOUND = 4.0
"""A floor counts as found if it lowers the misfit (chi squared) by this much."""


@dataclass(frozen=True, slots=True, eq=False)
class AllanDeviation:
    """Overlapping Allan deviations, in the unit of the reads.

    Args:
        averages: reads averaged, an octave apart, shape (n,).
        deviation: of averages that follow one another, shape (n,).
        freedom: equivalent degrees of freedom of each, shape (n,).
        low: lower end of its confidence interval, shape (n,).
        high: upper end, shape (n,).
        confidence: of the intervals.
        best: number of averages at which the deviation is least.
        least: the deviation there.
        useful: number of averages at which the white part has fallen to what averaging does not remove: beyond,
            averaging hardly helps. None if no such floor is seen: averaging helps as far as was measured.
        floor: deviation that averaging does not remove; 0 if none is seen.
        rises: whether the last deviation lies above the least one for sure: drift.
    """

    averages: NDArray[np.int64]
    deviation: Array
    freedom: Array
    low: Array
    high: Array
    confidence: float
    best: int
    least: float
    useful: float | None
    floor: float
    rises: bool


def allan_deviation(series: ArrayLike, confidence: float = 0.95) -> AllanDeviation | None:
    """Return the deviations of evenly spaced reads.

    Args:
        series: reads in any unit, shape (n,).
        confidence: of the intervals, between 0 and 1.

    Returns:
        None for fewer than 16 reads, one that is not a number, or reads that are all equal.
    """
    if not 0 < confidence < 1:
        raise ParameterError(f"a confidence lies between 0 and 1, not {confidence:g}")
    reads = finite_series(series, LEAST)
    if reads is None or np.ptp(reads) == 0:
        return None
    count = len(reads)
    averages = 2 ** np.arange(int(math.log2(count // SHARE)) + 1)
    sums = np.append(0.0, np.cumsum(reads - reads.mean()))
    variance = np.array([_variance(sums, int(m)) for m in averages])
    freedom = np.array([_freedom(count, int(m)) for m in averages])
    low = np.sqrt(variance * freedom / chi2.ppf((1 + confidence) / 2, freedom))
    high = np.sqrt(variance * freedom / chi2.ppf((1 - confidence) / 2, freedom))
    best = int(np.argmin(variance))
    white, floor = _parts(averages.astype(np.float64), variance, freedom)
    return AllanDeviation(
        averages=averages,
        deviation=np.sqrt(variance),
        freedom=freedom,
        low=low,
        high=high,
        confidence=confidence,
        best=int(averages[best]),
        least=math.sqrt(float(variance[best])),
        useful=white / floor if floor > 0 else None,
        floor=math.sqrt(floor),
        rises=bool(low[-1] > high[best]),
    )


def _variance(sums: Array, m: int) -> float:
    """Return the overlapping Allan variance of averages over m reads, from the running sums of the reads."""
    second = sums[2 * m :] - 2 * sums[m:-m] + sums[: -2 * m]
    return float(np.mean(second**2)) / (2 * m * m)


def _freedom(count: int, m: int) -> float:
    """Return the equivalent degrees of freedom: the fewer of those for white and for 1/f noise of the reads."""
    phases = count + 1
    white = (3 * (phases - 1) / (2 * m) - 2 * (phases - 2) / phases) * 4 * m * m / (4 * m * m + 5)
    single = 2 * (phases - 2) ** 2 / (2.3 * phases - 4.9)
    flicker = single if m == 1 else 5 * phases**2 / (4 * m * (phases + 3 * m))
    return max(1.0, min(white, flicker))


def _parts(averages: Array, variance: Array, freedom: Array) -> tuple[float, float]:
    """Return the white variance of one read and the variance that no averaging removes; 0 if it is not significant.

    Fitted with a part that rises with the averages, so that drift is not taken for a floor. The relative variance of
    each point is 2 / freedom about the fit, which is why that is repeated.
    """
    parts = np.stack([1 / averages, np.ones_like(averages), averages**2], axis=1)

    def fitted(used: list[int]) -> tuple[Array, float]:
        model = variance[0] / averages
        sizes = np.zeros(3)
        for _ in range(8):
            weight = np.sqrt(freedom / 2) / np.maximum(model, 1e-12 * variance[0])
            sizes[used] = nnls(parts[:, used] * weight[:, None], variance * weight)[0]
            model = parts @ sizes
        ratio = variance / np.maximum(model, 1e-300)
        # Deviance of gamma-distributed variances: chi squared in the number of points.
        return sizes, float((freedom * (ratio - 1 - np.log(np.maximum(ratio, 1e-300)))).sum())

    if not variance[0] > 0:
        return 0.0, 0.0
    (without, much), (within, little) = fitted([0, 2]), fitted([0, 1, 2])
    white, floor = within[:2].tolist()
    return (white, floor) if much - little > FOUND and white > 0 else (float(without[0]), 0.0)
