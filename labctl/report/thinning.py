"""Which points of many must be drawn so that a picture looks as if all of them were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LINE_POINTS = 8000
"""Points of a line that are all drawn; a panel is less than 2000 pixels wide."""
_STRETCHES = 1500
"""Stretches that a longer line is cut into."""
DOTS = 20_000
"""Dots that are all drawn."""
_GRID = (1600, 1000)
"""Places for dots in a panel, across and down; of the dots at one place one is drawn."""
_COARSEST = 100
"""Places across from which on dots are not thinned further."""


def line_points(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the points that keep the look of a line through (x, y), each of shape (n,).

    Of each short stretch the first and the last point, and the extremes of both coordinates; so loops keep their
    corners. A stretch without a number gives one gap.
    """
    count = x.size
    if count <= LINE_POINTS:
        return np.arange(count)
    size = -(-count // _STRETCHES)
    whole = count // size * size
    gaps = np.isnan(x) | np.isnan(y)
    parts = [np.arange(0, count, size), np.arange(size - 1, count, size), np.arange(whole, count)]
    starts = np.arange(0, whole, size)
    for values in (x, y):
        rows, holes = values[:whole].reshape(-1, size), gaps[:whole].reshape(-1, size)
        parts.append(starts + np.where(holes, np.inf, rows).argmin(axis=1))
        parts.append(starts + np.where(holes, -np.inf, rows).argmax(axis=1))
    return np.unique(np.concatenate(parts))


def dots(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the dots that keep the look of a cloud of dots (x, y), each of shape (n,).

    Args:
        x: shares of the panel's width, 0 to 1; NaN is not drawn.
        y: shares of its height.
    """
    seen = np.flatnonzero(~(np.isnan(x) | np.isnan(y)))
    across, down = _GRID
    kept = seen
    while kept.size > DOTS and across > _COARSEST:
        columns = np.clip(x[seen] * across, 0, across).astype(np.intp)
        rows = np.clip(y[seen] * down, 0, down).astype(np.intp)
        first = np.full((across + 1) * (down + 1), -1, np.intp)
        first[columns * (down + 1) + rows] = seen
        kept = np.sort(first[first >= 0])
        across, down = across // 2, down // 2
    return kept


def lonely(y: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the numbers between two gaps, which a line cannot show."""
    gap = np.concatenate(([True], np.isnan(y), [True]))
    return np.flatnonzero(gap[:-2] & ~gap[1:-1] & gap[2:])
