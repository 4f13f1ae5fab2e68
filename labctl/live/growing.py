"""A column of numbers that grows at its end without being copied each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FIRST_ROOM = 1024
_LARGEST = 1e150
"""Beyond every quantity of a bench in its SI unit; the arithmetic of an axis would overflow."""


class GrowingColumn:
    """Numbers in the order they came; what cannot be drawn is kept as NaN, which a plot leaves out."""

    def __init__(self) -> None:
        self._room = np.empty(_FIRST_ROOM)
        self._size = 0
        self._shown: int | None = None

    @property
    def values(self) -> NDArray[np.float64]:
        """All numbers that are shown, shape (n,): a view, valid until the next `extend` or `keep`."""
        return self._room[: self._size if self._shown is None else min(self._shown, self._size)]

    @property
    def everything(self) -> NDArray[np.float64]:
        """All numbers, also those that are not shown, shape (n,): a view, valid as long as `values`."""
        return self._room[: self._size]

    def show_first(self, count: int | None) -> None:
        """Show only the first `count` numbers, as they were at some time; None: all of them, as they come."""
        self._shown = count

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Keep these of all numbers, shape (n,), and show all that are kept."""
        kept = self._room[: self._size][which]
        self._size, self._shown = kept.size, None
        self._room[: kept.size] = kept

    def extend(self, values: Sequence[object] | NDArray[np.float64]) -> None:
        """Append `values`; None, infinities and whatever is no number count as NaN."""
        fresh = _numbers(values)
        end = self._size + fresh.size
        if end > self._room.size:
            room = np.empty(max(end, 2 * self._room.size))
            room[: self._size] = self._room[: self._size]
            self._room = room
        self._room[self._size : end] = fresh
        self._size = end


def _numbers(values: Sequence[object] | NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        fresh = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        # SQLite keeps text in a column of numbers if a foreign program has put it there.
        fresh = np.array([value if isinstance(value, float) else np.nan for value in values], dtype=np.float64)
    fresh[~(np.abs(fresh) < _LARGEST)] = np.nan
    return fresh
