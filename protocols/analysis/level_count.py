"""How many levels a range of conductance holds: by its steps, and by what reads can tell apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError
from protocols.analysis.measured_values import finite_points, positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_FLAT = 1e-6
"""Relative rise of a deviation over a segment below which the logarithm is computed from its series."""


def states_in_range(g_min: float, g_max: float, step: float) -> float:
    """Return (g_max - g_min) / |step|: steps in the range, one less than the levels (all in S)."""
    return _width(g_min, g_max) / positive(abs(step), "a step")


def distinguishable_levels(g_min: float, g_max: float, a: float, b: float, k: float) -> float:
    """Return how many levels single reads of deviation a + b G tell apart: the integral of dG / (2 k (a + b G)).

    Args:
        g_min: least conductance (S).
        g_max: largest conductance (S).
        a: standard deviation of a read at zero conductance (S).
        b: what it gains per S.
        k: two neighbours are told apart if their distance is 2 k deviations.

    Raises:
        ParameterError: if the deviation is not above 0 all over the range: there would be infinitely many.
    """
    return _segment(_width(g_min, g_max), a + b * g_min, a + b * g_max) / (2 * positive(k, "k"))


def distinguishable_levels_measured(
    g_min: float, g_max: float, conductance: ArrayLike, sigma: ArrayLike, k: float
) -> float | None:
    """Return the same for measured deviations, straight between the points and level beyond them.

    Args:
        g_min: least conductance (S).
        g_max: largest conductance (S).
        conductance: where the deviation was measured (S), shape (n,), in any order.
        sigma: standard deviation of a read there (S), shape (n,).
        k: as above.

    Returns:
        None without a point.
    """
    _width(g_min, g_max)
    places, sigmas = finite_points(conductance, sigma)
    if not len(places):
        return None
    order = np.argsort(places, kind="stable")
    places, sigmas = places[order], sigmas[order]
    inside = places[(places > g_min) & (places < g_max)]
    knots = np.unique(np.concatenate([[g_min], inside, [g_max]]))
    values = np.interp(knots, places, sigmas)
    pieces = zip(np.diff(knots).tolist(), values[:-1].tolist(), values[1:].tolist(), strict=True)
    return sum(_segment(width, left, right) for width, left, right in pieces) / (2 * positive(k, "k"))


def _segment(width: float, left: float, right: float) -> float:
    """Return the integral of 1 / sigma over a segment on which sigma goes straight from `left` to `right`."""
    if not (math.isfinite(left) and math.isfinite(right) and min(left, right) > 0):
        raise ParameterError("a read's standard deviation is above 0 everywhere in the range")
    rise = right / left - 1
    if abs(rise) < _FLAT:
        return width / left * (1 - rise / 2)
    return width / (right - left) * math.log(right / left)


def _width(g_min: float, g_max: float) -> float:
    if not (math.isfinite(g_min) and math.isfinite(g_max) and g_min < g_max):
        raise ParameterError("the range's end is above its start")
    return g_max - g_min
