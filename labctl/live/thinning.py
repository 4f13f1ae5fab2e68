"""Which records of a long run the window keeps: every n-th, the extremes of each stretch, the newest of each cell.

Every choice nests: what a pass keeps with twice the stride is kept by every pass before it. So the extremes of a
stretch are those of all its records, however often it was thinned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from labctl.live.growing import GrowingColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST = 200_000
"""Records of a type that are all kept: twelve times the levels of a die, and 2 MB a field."""
_EVEN, _HISTORY, _AGAIN = 0.6, 0.15, 0.2
"""Of `MOST`, the parts for every n-th record and the extremes, for the newest of the cells, and for what comes until
the next pass: together less than all."""
_STRETCH = 32
"""Of every n-th records, how many lie in a stretch whose extremes are kept."""
LINES = 1024
"""Rows or columns up to which a board is believed; a foreign file may say anything."""
_PHASE = 31
"""Turns by which a row is ahead of the one before: odd, so that a sweep along rows or columns is thinned evenly."""


def cell_numbers(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return a number for the cell of each record, shape (n,); 0 where there is no such cell."""
    with np.errstate(invalid="ignore"):
        there = (rows >= 0) & (columns >= 0) & (rows < LINES) & (columns < LINES)
    numbers = np.zeros(rows.size, np.intp)
    numbers[there] = 1 + LINES * rows[there].astype(np.intp) + columns[there].astype(np.intp)
    return numbers


@dataclass(slots=True)
class Turns:
    """Counts the records of each cell: the turn of a record is how many its cell had before, and a share for the cell.

    Of records without cells it is the record's place. Taking every n-th turn thins each cell alike, whatever the order
    in which a run goes over them.
    """

    column: GrowingColumn = field(default_factory=GrowingColumn)
    _had: NDArray[np.intp] = field(default_factory=lambda: np.zeros(1, np.intp))

    def extend(self, cells: NDArray[np.intp]) -> None:
        """Take in the cells of the records that came since the last time, shape (n,)."""
        if not cells.size:
            return
        most = int(cells.max()) + 1
        if most > self._had.size:
            self._had = np.append(self._had, np.zeros(most - self._had.size, np.intp))
        order, begins, lengths = _by_cell(cells)
        before = np.empty(cells.size, np.intp)
        before[order] = np.arange(cells.size) - np.repeat(begins, lengths)
        row, column = np.divmod(np.maximum(cells - 1, 0), LINES)
        self.column.extend((self._had[cells] + before + _PHASE * row + column).astype(np.float64))
        self._had += np.bincount(cells, minlength=self._had.size)


@dataclass(slots=True)
class Thinning:
    """How far the records of a type are thinned.

    Args:
        stride: of every so many records one is kept; 1: all are.
        passes: how often something was left out: what knows records by their place begins again then.
    """

    stride: int = 1
    passes: int = 0
    turns: Turns = field(default_factory=Turns)
    _next: float = 0.0

    def __str__(self) -> str:
        """Return which records are kept, as "every 4th"."""
        return f"every {self.stride}{'nd' if self.stride % 10 == 2 and self.stride % 100 != 12 else 'th'}"

    def is_due(self, count: int) -> bool:
        """Return whether `count` records are too many."""
        return count > MOST if self.stride == 1 else count > self._next

    @property
    def even(self) -> NDArray[np.bool_]:
        """Which records are an n-th one, shape (n,)."""
        return self.turns.column.everything % self.stride == 0

    def extremes(self, ids: NDArray[np.float64], plotted: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Return which records hold the smallest or the largest number of a field in their stretch; as in `choose`."""
        return _extremes(ids, plotted, _STRETCH * self.stride)

    def choose(
        self, ids: NDArray[np.float64], cells: NDArray[np.intp], plotted: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.bool_]:
        """Return which records stay, shape (n,); the stride becomes as long as it must.

        Args:
            ids: of the records, ascending, shape (n,); their turns are known.
            cells: their numbers, shape (n,).
            plotted: the fields whose extremes stay, shape (n,) each.
        """
        self.stride = max(2, self.stride)
        while True:
            kept = self.even | self.extremes(ids, plotted)
            if np.count_nonzero(kept) <= _EVEN * MOST or self.stride > ids[-1]:
                break
            self.stride *= 2
        kept |= _newest(cells, _HISTORY * MOST)
        kept[[0, -1]] = True
        self.passes += 1
        self._next = np.count_nonzero(kept) + _AGAIN * MOST
        return kept


def _extremes(ids: NDArray[np.float64], fields: Sequence[NDArray[np.float64]], stretch: int) -> NDArray[np.bool_]:
    """Return which records hold the smallest or the largest number of a field in each `stretch` of ids."""
    block = (ids - 1) // stretch
    begins = np.flatnonzero(np.diff(block, prepend=-1.0))
    lengths = np.diff(begins, append=ids.size)
    found = np.zeros(ids.size, np.bool_)
    for values in fields:
        for extreme in (np.fmin, np.fmax):
            hits = np.flatnonzero(values == np.repeat(extreme.reduceat(values, begins), lengths))
            found[hits[np.diff(block[hits], prepend=-1.0) > 0]] = True  # of equal ones the first
    return found


def _newest(cells: NDArray[np.intp], room: float) -> NDArray[np.bool_]:
    """Return which records are the newest of their cells: at least one of each, and as many as there is room for."""
    order, begins, lengths = _by_cell(cells)
    each = max(1, int(room / max(1, begins.size)))
    place = np.repeat(begins + lengths, lengths) - np.arange(cells.size)
    found = np.zeros(cells.size, np.bool_)
    found[order] = place <= each
    return found & (cells > 0)


def _by_cell(cells: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the order of the records by cell, where each cell begins in it, and how many records it has."""
    order = np.argsort(cells, kind="stable")
    begins = np.flatnonzero(np.diff(cells[order], prepend=-1))
    return order, begins, np.diff(begins, append=cells.size)
