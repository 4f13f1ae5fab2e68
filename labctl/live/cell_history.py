"""Which records belong to the cells that somebody looks at, found once and kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.live.thinning import cell_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.live.follow import Table

MOST_CELLS = 64
"""Cells whose traces are told apart in one plot."""

Cell = tuple[int, int]
"""Row and column."""


class CellHistory:
    """The records of up to `MOST_CELLS` cells of a table with `row` and `column`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._seen = self._passes = 0
        self._parts: dict[Cell, list[NDArray[np.intp]]] = {}

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that are looked at, in the order they were chosen."""
        return tuple(self._parts)

    def choose(self, cells: Sequence[Cell]) -> None:
        """Look at these cells and no others; what exceeds `MOST_CELLS` is left out."""
        self._parts = {cell: [] for cell in list(dict.fromkeys(cells))[:MOST_CELLS]}
        self._seen = 0

    def refresh(self) -> None:
        """Take in what the table has gained; begin again where it was looked back into."""
        rows, columns = self._table.numbers["row"].values, self._table.numbers["column"].values
        if rows.size < self._seen or self._passes != self._table.thinning.passes:
            self.choose(self.cells)
            self._passes = self._table.thinning.passes
        start, self._seen = self._seen, rows.size
        for (row, column), parts in self._parts.items():
            fresh = np.flatnonzero((rows[start:] == row) & (columns[start:] == column)) + start
            if fresh.size:
                parts.append(fresh)

    def count(self, cell: Cell) -> int:
        """Return how many records the cell has, those that were left out included unless somebody looks back."""
        number = int(cell_numbers(np.array([float(cell[0])]), np.array([float(cell[1])]))[0])
        return self.indices(cell).size + (self._table.dropped.of_cell(number) if self._table.is_whole else 0)

    def indices(self, cell: Cell) -> NDArray[np.intp]:
        """Return which records are the cell's, ascending, shape (n,)."""
        parts = self._parts[cell]
        if not parts:
            return np.empty(0, np.intp)
        if len(parts) > 1:
            parts[:] = [np.concatenate(parts)]
        return parts[0]
