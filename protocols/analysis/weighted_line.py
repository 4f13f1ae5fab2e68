"""A straight line through points, and what its slope can and cannot be: the base of every drift, wear and disturb."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from labctl.errors import ParameterError
from protocols.analysis.measured_values import finite_points, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WeightedLine:
    """y = value + slope (x - centre).

    Args:
        centre: weighted mean of x: there value and slope are independent.
        value: at the centre.
        value_sigma: its standard deviation.
        slope: of the line.
        slope_sigma: its standard deviation.
        freedom: degrees of freedom of the deviations; infinite if they were given.
        points: how many.
    """

    centre: float
    value: float
    value_sigma: float
    slope: float
    slope_sigma: float
    freedom: float
    points: int

    def quantile(self, confidence: float) -> float:
        """Return how many deviations to either side hold the truth with that confidence (Student's t)."""
        if not 0 < confidence < 1:
            raise ParameterError(f"a confidence lies between 0 and 1, not {confidence:g}")
        return float(student.ppf((1 + confidence) / 2, self.freedom))

    def significant(self, confidence: float) -> bool:
        """Return whether a slope of 0 is excluded with that confidence."""
        return abs(self.slope) > self.quantile(confidence) * self.slope_sigma

    def slope_range(self, confidence: float) -> tuple[float, float]:
        """Return the interval that holds the slope with that confidence."""
        reach = self.quantile(confidence) * self.slope_sigma
        return self.slope - reach, self.slope + reach

    def at(self, x: float) -> float:
        """Return the line at x."""
        return self.value + self.slope * (x - self.centre)

    def sigma_at(self, x: float) -> float:
        """Return the standard deviation of the line at x."""
        return math.hypot(self.value_sigma, self.slope_sigma * (x - self.centre))


def weighted_line(x: ArrayLike, y: ArrayLike, sigma: ArrayLike | float | None = None) -> WeightedLine | None:
    """Return the line of least weighted squares.

    Args:
        x: shape (n,).
        y: shape (n,).
        sigma: standard deviation of y, one or one for each; None: taken from the scatter about the line. Given
            deviations are believed even where the scatter is less; where it is significantly more, they grow with it.

    Returns:
        None for fewer than two points (three without `sigma`), or all at one x.
    """
    spread = _spread(1.0 if sigma is None else sigma, len(vector(x)))
    places, values, spread = finite_points(x, y, spread)
    if bool((spread <= 0).any()):
        raise ParameterError("standard deviations are above 0")
    count = len(places)
    if count < (3 if sigma is None else 2) or np.ptp(places) == 0:
        return None
    weight = 1 / spread**2
    total = float(weight.sum())
    centre, value = float(weight @ places) / total, float(weight @ values) / total
    away = places - centre
    square = float(weight @ away**2)
    slope = float(weight @ (away * (values - value))) / square
    chi = float(weight @ (values - value - slope * away) ** 2)
    freedom = count - 2
    scale = math.sqrt(chi / freedom) if freedom else 0.0
    if sigma is not None:
        # Three deviations of chi squared over its degrees of freedom: less is chance.
        excess = bool(freedom) and scale**2 > 1 + 3 * math.sqrt(2 / freedom)
        scale, dof = (scale, float(freedom)) if excess else (1.0, math.inf)
    else:
        dof = float(freedom)
    return WeightedLine(centre, value, scale / math.sqrt(total), slope, scale / math.sqrt(square), dof, count)


def _spread(sigma: ArrayLike | float, count: int) -> Array:
    """Return one deviation for each point; `finite_points` refuses another number of them."""
    given = np.asarray(sigma, np.float64)
    return np.full(count, float(given)) if given.ndim == 0 else vector(given)
