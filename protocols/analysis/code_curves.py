"""Converters that bend: a curve for each column, fitted to what a model leaves over, against the current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

KNOTS = 16
"""Most knots of a curve: a few for each wave that a smooth converter shows."""
POINTS_PER_KNOT = 8
_STIFF = 0.3
"""Weight of second differences against points: keeps knots without points on a line between others."""


@dataclass(frozen=True, slots=True, eq=False)
class CodeCurves:
    """Piecewise straight curves.

    Args:
        knots: currents at which they bend, shape (columns, knots) (A).
        values: of the curves there, shape (columns, knots) (A).
    """

    knots: Array
    values: Array

    def at(self, current: Array) -> Array:
        """Return the curves' values (A) at currents, shape (n, columns)."""
        found = np.empty_like(current)
        for column in range(current.shape[1]):
            found[:, column] = np.interp(current[:, column], self.knots[column], self.values[column])
        return found


def fit_code_curves(current: Array, residual: Array) -> CodeCurves:
    """Return the curves that fit residuals best.

    Args:
        current: of the columns, shape (n, columns), n >= 4 (A).
        residual: what a model leaves over there (A).
    """
    count = int(np.clip(len(current) // POINTS_PER_KNOT, 2, KNOTS))
    columns = range(current.shape[1])
    knots = np.stack([_knots(current[:, j], count) for j in columns])
    return CodeCurves(knots, np.stack([_fit(current[:, j], residual[:, j], knots[j]) for j in columns]))


def _knots(current: Array, count: int) -> Array:
    low, high = float(current.min()), float(current.max())
    return np.linspace(low, high if high > low else low + 1e-12, count)


def _fit(current: Array, residual: Array, knots: Array) -> Array:
    """Return values at the knots by least squares of hat functions."""
    place = (current - knots[0]) / (knots[1] - knots[0])
    hats = np.maximum(0.0, 1 - np.abs(place[:, None] - np.arange(len(knots))))
    bends = _STIFF * np.diff(np.eye(len(knots)), 2, axis=0)
    both = np.concatenate([hats, bends])
    found = np.linalg.lstsq(both, np.concatenate([residual, np.zeros(len(bends))]), rcond=None)[0]
    return np.asarray(found, np.float64)
