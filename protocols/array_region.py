"""The part of a die that a protocol works on: a rectangle of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.board_data import Cell
from labctl.errors import ParameterError

if TYPE_CHECKING:
    from labctl.bench import Die


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of cells.

    Args:
        row: its first row.
        column: its first column.
        rows: how many.
        columns: how many.
    """

    row: int
    column: int
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    def __str__(self) -> str:
        return f"rows {self.row}..{self.row + self.rows - 1}, columns {self.column}..{self.column + self.columns - 1}"

    def cells(self) -> list[Cell]:
        """Return all cells, row by row."""
        return [
            Cell(row, column)
            for row in range(self.row, self.row + self.rows)
            for column in range(self.column, self.column + self.columns)
        ]

    def row_lines(self) -> slice:
        """Return which row lines of the die it has."""
        return slice(self.row, self.row + self.rows)

    def column_lines(self) -> slice:
        """Return which column lines of the die it has."""
        return slice(self.column, self.column + self.columns)


def region_of(die: Die, row: int, column: int, rows: int, columns: int) -> Region:
    """Return a rectangle of the die; 0 rows or columns: all that follow.

    Raises:
        ParameterError: if the die has no such rectangle.
    """
    if row >= die.rows or column >= die.columns:
        raise ParameterError(
            f"the die has rows 0..{die.rows - 1} and columns 0..{die.columns - 1}, no cell ({row}, {column})"
        )
    region = Region(row, column, rows or die.rows - row, columns or die.columns - column)
    if row + region.rows > die.rows or column + region.columns > die.columns:
        raise ParameterError(
            f"--set rows, columns: {region} reach beyond the die, which has {die.rows} rows and {die.columns} columns"
        )
    return region
