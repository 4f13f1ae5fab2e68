"""What is known of each cell of the crossbar: its newest record, and what stands in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.live.ranges import Span
from labctl.live.thinning import LINES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.live.follow import Table
    from labctl.records import Column

_FIRST = ("conductance", "error", "written", "touched")
"""What is looked at first of a crossbar, in this order; other fields follow as they stand in the record."""
_NO_MAP = ("row", "column", "boot", "delivered", "index")
"""Fields whose newest value says nothing about a cell."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that a map shows of each cell.

    Args:
        name: a field of the record, "touched", or "off target".
        unit: SI symbol, "levels", or "".
        kind: whether it is a number, one that is best at 0, or a yes or no.
    """

    name: str
    unit: str
    kind: str = "number"


TOUCHED = Quantity("touched", "")
"""The step at which a cell was last recorded."""


def quantities(columns: Sequence[Column]) -> tuple[Quantity, ...]:
    """Return what can be mapped of records with these fields, the most wanted first; nothing without row and column."""
    types = {column.name: column for column in columns}
    if any(name not in types or types[name].type != "int" for name in ("row", "column")):
        return ()
    found = [TOUCHED]
    for column in columns:
        if column.name in _NO_MAP or column.type not in ("float", "int", "bool"):
            continue
        kind = "yes or no" if column.type == "bool" else "signed" if column.name == "error" else "number"
        found.append(Quantity(column.name, column.unit, kind))
    if "error" not in types and all(name in types and types[name].unit == "S" for name in ("conductance", "target")):
        found.append(Quantity("off target", "S", "signed"))
    order = {name: place for place, name in enumerate(_FIRST)}
    return tuple(sorted(found, key=lambda quantity: order.get(quantity.name, len(order))))


class CellMaps:
    """The newest record of each cell, kept up to date as a table grows or is looked back into.

    Args:
        table: records with `row` and `column`.
        rows: of the die, if it is known.
        columns: of the die, if it is known.

    Attributes:
        newest: index of the newest record of each cell, shape (rows, columns); -1 where there is none.
    """

    def __init__(self, table: Table, rows: int = 0, columns: int = 0) -> None:
        self._table = table
        self._seen = self._passes = 0
        self.newest = np.full((min(rows, LINES) or 1, min(columns, LINES) or 1), -1, np.intp)

    def refresh(self) -> None:
        """Take in what the table has gained; begin again where it was looked back into."""
        rows, columns = self._table.numbers["row"].values, self._table.numbers["column"].values
        if rows.size < self._seen or self._passes != self._table.thinning.passes:
            self.newest.fill(-1)
            self._seen, self._passes = 0, self._table.thinning.passes
        fresh = slice(self._seen, rows.size)
        inside = (rows[fresh] >= 0) & (columns[fresh] >= 0)
        inside &= (rows[fresh] < LINES) & (columns[fresh] < LINES)
        index = self._seen + np.flatnonzero(inside)
        self._seen = rows.size
        if not index.size:
            return
        row, column = rows[index].astype(np.intp), columns[index].astype(np.intp)
        self._make_room(int(row.max()) + 1, int(column.max()) + 1)
        # Of several records of a cell the last one stays: numpy assigns in order.
        self.newest[row, column] = index

    def values(self, quantity: Quantity) -> NDArray[np.float64]:
        """Return the newest value of each cell, shape (rows, columns); NaN where there is none."""
        if self._passes != self._table.thinning.passes:
            self.refresh()
        source = self.of_records(quantity)
        found = np.full(self.newest.shape, np.nan)
        there = self.newest >= 0
        found[there] = source[self.newest[there]]
        return found

    def of_records(self, quantity: Quantity) -> NDArray[np.float64]:
        """Return the quantity of every record, shape (n,)."""
        numbers = self._table.numbers
        if quantity is TOUCHED:
            return self._table.step.values
        if quantity.name == "off target":
            return numbers["conductance"].values - numbers["target"].values
        return numbers[quantity.name].values

    def known(self) -> list[tuple[int, int]]:
        """Return row and column of every cell that has a record, row by row."""
        rows, columns = np.nonzero(self.newest >= 0)
        return list(zip(rows.tolist(), columns.tolist(), strict=True))

    def _make_room(self, rows: int, columns: int) -> None:
        have_rows, have_columns = self.newest.shape
        if rows > have_rows or columns > have_columns:
            grown = np.full((max(rows, have_rows), max(columns, have_columns)), -1, np.intp)
            grown[:have_rows, :have_columns] = self.newest
            self.newest = grown


def colour_span(values: NDArray[np.float64], quantity: Quantity) -> Span:
    """Return which values the two ends of the colours stand for."""
    known = values[np.isfinite(values)]
    if quantity.kind == "yes or no":
        return Span(0.0, 1.0)
    if not known.size:
        return Span(-1.0, 1.0) if quantity.kind == "signed" else Span(0.0, 1.0)
    low, high = float(known.min()), float(known.max())
    if quantity.kind == "signed":
        high = max(-low, high)
        low = -high
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        pad = 0.5 * max(abs(low), abs(high)) or 0.5
        return Span(low - pad, high + pad)
    return Span(low, high)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a region of a map amounts to; NaN where there is no value.

    Args:
        cells: in the region.
        known: of them with a value.
        mean: of the values.
        deviation: their standard deviation.
        low: the smallest.
        high: the largest.
    """

    cells: int
    known: int
    mean: float
    deviation: float
    low: float
    high: float


def statistics(values: NDArray[np.float64]) -> Statistics:
    """Return what `values`, of any shape, amount to; NaN counts as unknown."""
    known = values[np.isfinite(values)]
    if not known.size:
        return Statistics(values.size, 0, *[float("nan")] * 4)
    deviation = float(known.std(ddof=1)) if known.size > 1 else float("nan")
    return Statistics(values.size, known.size, float(known.mean()), deviation, float(known.min()), float(known.max()))
