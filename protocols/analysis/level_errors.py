"""How often a level is mistaken for a neighbour, from the noise of reads and from reads themselves.

A reading is taken for the nearest level: it errs if it is off by more than half the distance to a neighbour. Averages
over m reads have the variance sigma^2 (1 / m + floor): the floor is the 1/f noise, which averaging does not remove.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.special import erfc, erfcinv
from scipy.stats import beta

from labctl.errors import ParameterError
from labctl.units import Fraction
from protocols.analysis.measured_values import finite_points, positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_MOST = 10**9
"""More reads than anybody takes."""


@dataclass(frozen=True, slots=True)
class Misreads:
    """How often two neighbouring levels were mistaken for one another.

    Args:
        probability: share of the averages on the wrong side of the cut.
        low: lower end of its exact (Clopper-Pearson) confidence interval.
        high: upper end; of no misread at all, the bound.
        misreads: how many.
        trials: averages judged.
        averages: reads in each.
        separation: distance of the means, in standard deviations of the averages (d').
        expected: probability that normal noise of that separation has.
    """

    probability: Fraction
    low: Fraction
    high: Fraction
    misreads: int
    trials: int
    averages: int
    separation: float
    expected: Fraction


def average_sigma(sigma: float, averages: float, floor: float = 0.0) -> float:
    """Return the standard deviation of an average: that of one read times the root of 1 / averages + floor."""
    positive(averages, "the number of averages")
    if not (sigma >= 0 and floor >= 0):
        raise ParameterError("a standard deviation and a floor are not below 0")
    return sigma * math.sqrt(1 / averages + floor)


def misread_probability(
    distance: float, sigma: float, averages: float = 1, floor: float = 0.0, neighbours: int = 2
) -> float:
    """Return the probability that an average is nearer to a neighbour than to its own level.

    Args:
        distance: between neighbours, in the unit of sigma.
        sigma: standard deviation of one read.
        averages: reads averaged.
        floor: variance that averaging does not remove, as a share of that of one read.
        neighbours: 2, or 1 at an end of the range or between two levels alone.
    """
    positive(distance, "the distance of two levels")
    if neighbours not in (1, 2):
        raise ParameterError(f"a level has one neighbour or two, not {neighbours}")
    spread = average_sigma(sigma, averages, floor)
    return neighbours / 2 * float(erfc(distance / (2 * math.sqrt(2) * spread))) if spread else 0.0


def reads_needed(
    probability: float, distance: float, sigma: float, floor: float = 0.0, neighbours: int = 2
) -> int | None:
    """Return the fewest reads to average for a misread probability; None if the floor does not allow it.

    Arguments as for `misread_probability`.
    """
    if not 0 < probability < 1:
        raise ParameterError(f"a misread probability lies between 0 and 1, not {probability:g}")
    if misread_probability(distance, sigma, 1, floor, neighbours) <= probability:
        return 1
    # Beyond probability = neighbours / 2 even a coin is good enough, which the line above has answered.
    allowed = distance / (2 * math.sqrt(2) * float(erfcinv(2 * probability / neighbours)))
    share = (allowed / sigma) ** 2 - floor
    if share * _MOST <= 1:
        return None
    return math.ceil(1 / share * (1 - 1e-12))


def measured_misreads(
    lower: ArrayLike, upper: ArrayLike, averages: int = 1, confidence: float = 0.95
) -> Misreads | None:
    """Return how often averages of successive reads of two neighbours lie on the wrong side of the middle.

    Args:
        lower: reads of the lower level, in order, shape (n,).
        upper: reads of the upper one, shape (m,).
        averages: reads in each average; what is left over at the end is not used.
        confidence: of the interval.

    Returns:
        None for fewer than two averages of either level.
    """
    if averages < 1 or not 0 < confidence < 1:
        raise ParameterError("an average has one read at least, and a confidence lies between 0 and 1")
    (first,), (second,) = finite_points(lower), finite_points(upper)
    low, high = _averages(first, averages), _averages(second, averages)
    if min(len(low), len(high)) < 2:
        return None
    middle = (float(low.mean()) + float(high.mean())) / 2
    wrong = int((low > middle).sum() + (high < middle).sum())
    trials = len(low) + len(high)
    freedom = trials - 2
    spread = math.sqrt(float(((low - low.mean()) ** 2).sum() + ((high - high.mean()) ** 2).sum()) / freedom)
    gap = float(high.mean() - low.mean())
    separation = gap / spread if spread > 0 else math.copysign(math.inf, gap) if gap else 0.0
    tail = (1 - confidence) / 2
    return Misreads(
        probability=wrong / trials,
        low=float(beta.ppf(tail, wrong, trials - wrong + 1)) if wrong else 0.0,
        high=float(beta.ppf(1 - tail, wrong + 1, trials - wrong)) if wrong < trials else 1.0,
        misreads=wrong,
        trials=trials,
        averages=averages,
        separation=separation,
        expected=float(erfc(separation / (2 * math.sqrt(2)))) / 2,
    )


def _averages(reads: Array, count: int) -> Array:
    whole = len(reads) // count * count
    return reads[:whole].reshape(-1, count).mean(axis=1)
