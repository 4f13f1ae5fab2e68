"""Which points of a long trace must be drawn so that it looks like all of them: the extremes of each short stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUCKETS = 1000
"""Stretches a trace is cut into; two points of each are drawn, about as many as a plot has pixel columns."""


def extremes(values: NDArray[np.float64], buckets: int = BUCKETS) -> NDArray[np.intp]:
    """Return the indices of the points that keep the look of a trace.

    Args:
        values: the trace, shape (n,); NaN is a gap.
        buckets: how many stretches of equal length to cut it into, at most.

    Returns:
        Ascending indices, shape (m,), m <= 2 * buckets + 2: the first and the last point, and the smallest and the
        largest of each stretch; a stretch without a number gives one index of its NaNs, so that a gap stays a gap.
    """
    count = values.size
    if count <= 2 * buckets:
        return np.arange(count)
    size = -(-count // buckets)
    whole = count // size * size
    parts = [np.array([0, count - 1]), _of_each_row(values[:whole].reshape(-1, size), 0)]
    if whole < count:
        parts.append(_of_each_row(values[whole:].reshape(1, -1), whole))
    indices = np.sort(np.concatenate(parts))
    return indices[np.diff(indices, prepend=-1) > 0]


def thinned(values: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Return ascending indices of the numbers among `values` that are drawn as dots, shape (m,).

    All of them if there are at most `most`; otherwise evenly spaced ones, and the extremes of each stretch.
    """
    if values.size <= most:
        return np.flatnonzero(values == values)  # NaN alone is not what it is
    kept = np.union1d(np.arange(0, values.size, -(-values.size // most)), extremes(values))
    return kept[~np.isnan(values[kept])]


def lonely(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the numbers between two gaps, which a line cannot show."""
    gap = np.concatenate(([True], np.isnan(values), [True]))
    return np.flatnonzero(gap[:-2] & ~gap[1:-1] & gap[2:])


def _of_each_row(rows: NDArray[np.float64], start: int) -> NDArray[np.intp]:
    """Return the flat indices, counted from `start`, of the smallest and the largest number of each row."""
    gaps = np.isnan(rows)
    if gaps.any():
        low, high = np.where(gaps, np.inf, rows).argmin(axis=1), np.where(gaps, -np.inf, rows).argmax(axis=1)
    else:
        low, high = rows.argmin(axis=1), rows.argmax(axis=1)
    count, size = int(rows.shape[0]), int(rows.shape[1])
    starts = start + size * np.arange(count, dtype=np.intp)
    return np.concatenate((low + starts, high + starts))
