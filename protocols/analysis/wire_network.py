"""What the wires of an array do to it: cells with a law of their own behind lines that drop voltage.

A row line is driven at its left end (column 0); a column line is read at virtual ground at its bottom end (the last
row). Other ends are open. Between neighbouring cells of a line lies one wire segment, and one more between the held end
and what holds it: cell (r, c) of an array of R rows lies behind c + 1 segments of its row and R - r of its column.

Kirchhoff's laws are solved by Newton steps on the potentials of all nodes. Each step is a linear circuit: the rows are
eliminated line by line, and conjugate gradients with the columns, line by line, as preconditioner find the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import EquipmentError, ParameterError
from protocols.analysis.wire_lines import Chain, LoadedChain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.analysis.array_law import ArrayLaw

    Array = NDArray[np.float64]

TOLERANCE = 1e-10
"""The last Newton step moves no node by more than this share of the largest voltage."""
NEWTON_MAX = 80
"""Most Newton steps; 4 to 8 are usual."""
LINEAR_TOLERANCE = 1e-3
"""Share of a Newton step's residual that may be left of it: the next step takes it along."""
LINEAR_MAX = 400
"""Most conjugate gradient steps in a Newton step; 2 where wires take little, some tens where they take nearly all."""
OVERSHOOT = 0.3
"""A step along which the power rises at its end by more than this share of its first fall is shortened."""
SHORTENINGS = 12
"""Most times that a step is shortened."""
BATCH = 16
"""Operating points that are solved side by side."""


@dataclass(frozen=True, slots=True)
class Wires:
    """Resistances between the board and the cells (ohm).

    Args:
        row_segment: of one segment of a row line.
        column_segment: of one segment of a column line.
        driver: of what drives a line.
        reader: of what reads one.

    Raises:
        ParameterError: for one that is negative or no number.
    """

    row_segment: float
    column_segment: float
    driver: float = 0.0
    reader: float = 0.0

    def __post_init__(self) -> None:
        for name in ("row_segment", "column_segment", "driver", "reader"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ParameterError(f"{name} = {value} ohm: a resistance is finite and 0 ohm or more")

    def turned(self) -> Wires:
        """Return the wires as they look with columns for rows."""
        return Wires(self.column_segment, self.row_segment, self.driver, self.reader)


@dataclass(frozen=True, slots=True, eq=False)
class OperatingPoints:
    """What arrays do; n operating points.

    Args:
        cell_voltage: shape (n, rows, columns) (V).
        cell_current: shape (n, rows, columns) (A).
    """

    cell_voltage: Array
    cell_current: Array

    @property
    def columns(self) -> Array:
        """Currents of the columns, shape (n, columns) (A)."""
        return self.cell_current.sum(axis=1)

    @property
    def rows(self) -> Array:
        """Currents of the rows, shape (n, rows) (A)."""
        return self.cell_current.sum(axis=2)


def operating_points(law: ArrayLaw, wires: Wires, voltages: Array) -> OperatingPoints:
    """Solve an array for row voltages.

    Args:
        law: of its cells.
        wires: of its lines.
        voltages: of the rows, shape (n, rows) (V).

    Raises:
        ParameterError: if there is not one voltage a row.
        EquipmentError: if no solution is found: the figures describe no array.
    """
    rows, columns = law.shape
    if voltages.ndim != 2 or voltages.shape[1] != rows or not np.isfinite(voltages).all():
        raise ParameterError(f"an array of {rows} rows takes voltages of shape (n, {rows}), not {voltages.shape}")
    row_chain = Chain(columns, wires.row_segment, wires.driver, held_first=True)
    column_chain = Chain(rows, wires.column_segment, wires.reader, held_first=False)
    across = np.empty((len(voltages), rows, columns))
    for first in range(0, len(voltages), BATCH):
        part = slice(first, first + BATCH)
        across[part] = _Newton(law, row_chain, column_chain, voltages[part]).solve()
    return OperatingPoints(across, law.current(across))


class _Newton:
    """Newton's iteration for some operating points at once."""

    def __init__(self, law: ArrayLaw, rows: Chain, columns: Chain, voltages: Array) -> None:
        self._law = law
        self._rows = rows
        self._columns = columns
        self._voltages = voltages
        shape = (len(voltages), *law.shape)
        self._row = np.broadcast_to(voltages[:, :, None], shape).copy()
        self._column = np.zeros(shape)
        self._slope = np.zeros(shape)

    def solve(self) -> Array:
        """Return the cells' voltages (V)."""
        if self._rows.clamped and self._columns.clamped:
            return self._row
        goal = TOLERANCE * max(float(np.abs(self._voltages).max(initial=0.0)), 1e-300)
        left = self._unbalanced(self._row, self._column)
        for _ in range(NEWTON_MAX):
            row, column = self._step(*left)
            left, part = self._taken(row, column, left)
            self._row += part * row
            self._column += part * column
            if max(float(np.abs(row).max()), float(np.abs(column).max())) <= goal:
                return self._row - self._column
        raise EquipmentError(f"the network of wires and cells is not solved after {NEWTON_MAX} Newton steps")

    def _unbalanced(self, row: Array, column: Array) -> tuple[Array, Array]:
        """Return what flows into row nodes, and into column nodes, and not out of them (A); keeps the slopes."""
        current, self._slope = self._law.current_and_slope(row - column)
        into_rows = np.zeros_like(row)
        if not self._rows.clamped:
            into_rows = -self._rows.outflow(row) - current
            into_rows[..., self._rows.place] += self._voltages * self._rows.hold
        into_columns = np.zeros_like(column)
        if not self._columns.clamped:
            into_columns = current - _turned(self._columns.outflow(_turned(column)))
        return into_rows, into_columns

    def _taken(self, row: Array, column: Array, left: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        """Return what is left after a step, and which part of it was taken, shape (n, 1, 1).

        Balanced nodes are the minimum of a convex function of the potentials: what is left over, times the step, is
        by how much that falls along it.
        """
        fall = _dot(left[0], row) + _dot(left[1], column)
        part = np.ones((len(row), 1, 1))
        for _ in range(SHORTENINGS):
            after = self._unbalanced(self._row + part * row, self._column + part * column)
            rise = -(_dot(after[0], row) + _dot(after[1], column))
            beyond = rise > OVERSHOOT * np.abs(fall) + 1e-300
            if not beyond.any():
                return after, part
            nearer = np.clip(np.divide(fall, fall + rise, out=np.ones_like(fall), where=beyond), 0.1, 0.8)
            part = np.where(beyond, part * nearer, part)
        return self._unbalanced(self._row + part * row, self._column + part * column), part

    def _step(self, into_rows: Array, into_columns: Array) -> tuple[Array, Array]:
        """Return the Newton step of row and column potentials (V)."""
        slope = self._slope
        if self._columns.clamped:
            return self._rows.loaded(slope).solve(into_rows), np.zeros_like(into_columns)
        columns = self._columns.loaded(_turned(slope))
        if self._rows.clamped:
            return np.zeros_like(into_rows), _turned(columns.solve(_turned(into_columns)))
        rows = self._rows.loaded(slope)
        column = _gradients(rows, columns, slope, into_columns + slope * rows.solve(into_rows))
        return rows.solve(into_rows + slope * column), column


def _gradients(rows: LoadedChain, columns: LoadedChain, slope: Array, into: Array) -> Array:
    """Return the columns' potentials (V) with the rows eliminated, by conjugate gradients.

    With `columns` as preconditioner, what the columns' own circuit makes of a direction follows from the residual.
    """
    left, found = into.copy(), np.zeros_like(into)
    move = _turned(columns.solve(_turned(left)))
    norm = _dot(left, move)
    goal = LINEAR_TOLERANCE**2 * norm
    direction, taken = move, left.copy()
    for _ in range(LINEAR_MAX):
        image = taken - slope * rows.solve(slope * direction)
        length = _ratio(norm, _dot(direction, image))
        found += length * direction
        left -= length * image
        move = _turned(columns.solve(_turned(left)))
        before, norm = norm, _dot(left, move)
        if (norm <= goal).all():
            return found
        kept = _ratio(norm, before)
        direction, taken = move + kept * direction, left + kept * taken
    raise EquipmentError("the wires of an array cannot be solved: they take all of its voltage")


def _turned(values: Array) -> Array:
    """Return values with the last two axes exchanged, laid out anew."""
    return np.ascontiguousarray(values.swapaxes(-1, -2))


def _dot(one: Array, other: Array) -> Array:
    """Return the product of two fields, of each operating point, shape (n, 1, 1)."""
    return np.einsum("nij,nij->n", one, other)[:, None, None]


def _ratio(upper: Array, lower: Array) -> Array:
    return np.divide(upper, lower, out=np.zeros_like(upper), where=lower > 0)
