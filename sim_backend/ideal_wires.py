"""Ideal wires: every line stands at its driver's voltage, whatever it carries.

So the voltage across each cell follows from the scheme alone, and what is left to work out are line currents and
the voltage at which a line stays within its limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from typing_extensions import override

from labctl.board_data import ReadScheme, WriteScheme
from labctl.board_features import Direction
from sim_backend.crossbar.schemes import LineResistances
from sim_backend.network_wires import NetworkLoad, Solver
from sim_backend.wiring import Load, ProductPoints, ReadPoint, Stress, Wiring, WritePoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim_backend.device_models.interface import CellLaw
    from sim_backend.die import Die


@dataclass(frozen=True, slots=True)
class HalfSelection:
    """Voltages across the cells that are not selected, as fractions of the selected cell's.

    Args:
        neighbours: cells of the selected row and column.
        rest: all others.
    """

    neighbours: float
    rest: float


SELECTIONS = {
    # Half: other rows and columns at V/2, so V - V/2 and V/2 - 0 next to the cell, V/2 - V/2 elsewhere.
    WriteScheme.HALF: HalfSelection(1 / 2, 0.0),
    # Third: other rows at V/3, other columns at 2V/3, so V - 2V/3 and V/3 - 0 next to it, V/3 - 2V/3 elsewhere.
    WriteScheme.THIRD: HalfSelection(1 / 3, -1 / 3),
}


class IdealWiring(Wiring):
    """Lines without resistance. With every column at virtual ground a floating row is drawn to 0 V, as if grounded."""

    stiff = True

    @override
    def read(self, row: int, columns: NDArray[np.int64], voltage: float, scheme: ReadScheme, limit: float) -> ReadPoint:
        die = self.die
        line = _row(die, row)
        driven = voltage
        if die.columns * die.model.current_bound(die.conductance_bound, voltage) > limit:
            law = die.law(line)
            driven = lowered(lambda across: float(np.abs(law.current(across)).sum()), voltage, limit)
        cells = line[columns]
        current = die.current(cells, driven)
        if scheme != ReadScheme.REVERSE:
            return ReadPoint(driven, current, driven, (Stress(line, driven),))
        others = _other_rows(die, row)
        current = current + die.current(others[:, columns].reshape(-1), -voltage).reshape(-1, len(columns)).sum(axis=0)
        return ReadPoint(driven, current, driven, (Stress(line, driven), Stress(others.reshape(-1), -voltage)))

    @override
    def write(self, row: int, column: int, voltage: float, scheme: WriteScheme, limit: float) -> WritePoint:
        die, part = self.die, SELECTIONS[scheme]
        driven, headroom = _held_write_voltage(die, row, column, voltage, scheme, limit)
        others: list[Stress] = []
        if die.model.disturbs(driven * part.neighbours):
            others.append(Stress(_neighbours(die, row, column), driven * part.neighbours))
        if die.model.disturbs(driven * part.rest):
            others.append(Stress(_rest(die, row, column), driven * part.rest))
        return WritePoint(driven, driven, 0.0, headroom, tuple(others), driven * part.neighbours, driven * part.rest)

    @override
    def route(self, row: int, column: int, scheme: ReadScheme) -> Load:
        if scheme == ReadScheme.FLOAT:
            return NetworkLoad(Solver(self.die, LineResistances()), row, column, scheme)
        return RowLoad(self.die, row, column, scheme)

    @override
    def product(self, direction: Direction, limit: float) -> IdealProduct:
        return IdealProduct(self.die, direction, limit)


_KNOWN = 2
"""Voltages of a product's input lines whose currents are kept: of lines that are on and off."""


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Input lines of a product, each at its voltage whatever the others do.

    Args:
        held: which are at their limit, shape (inputs,).
        voltage: at which they stand, shape (inputs,) (V).
        cells: currents, shape (inputs, outputs) (A).
        power: of each line, shape (inputs,) (W).
    """

    held: NDArray[np.bool_]
    voltage: NDArray[np.float64]
    cells: NDArray[np.float64]
    power: NDArray[np.float64]


class IdealProduct:
    """A product on lines without resistance: each cell sees its input line's voltage, whatever the others do.

    Args:
        die: whose cells they are.
        direction: which lines are inputs.
        limit: of each input line's current (A).
    """

    def __init__(self, die: Die, direction: Direction, limit: float) -> None:
        self._die = die
        self._limit = limit
        cells = np.arange(die.rows * die.columns).reshape(die.rows, die.columns)
        self._rows_in = direction is Direction.ROWS_IN
        self._cells = cells if self._rows_in else cells.T
        self._law = die.law(self._cells.reshape(-1))
        self._outputs = self._cells.shape[1]
        self._known: list[tuple[NDArray[np.float64], _Lines]] = []

    def points(self, patterns: NDArray[np.bool_], on: NDArray[np.float64], off: NDArray[np.float64]) -> ProductPoints:
        """Return operating points; arguments as in the interface."""
        switched_on, switched_off = self._lines(on), self._lines(off)
        switched = np.where(patterns, 1.0, 0.0)
        current, power = switched @ switched_on.cells, switched @ switched_on.power
        if not patterns.all():
            switched = 1.0 - switched
            current += switched @ switched_off.cells
            power += switched @ switched_off.power
        voltage = np.where(patterns, switched_on.voltage, switched_off.voltage)
        across = voltage[:, :, None] if self._rows_in else voltage[:, None, :]
        return ProductPoints(current, np.where(patterns, switched_on.held, switched_off.held), across, power)

    def _lines(self, voltage: NDArray[np.float64]) -> _Lines:
        """Return the input lines at a voltage each (V): a request's vectors often share their two."""
        for known, lines in self._known:
            if np.array_equal(known, voltage):
                return lines
        held, within = self._held(voltage)
        cells = self._currents(within)
        lines = _Lines(held, within, cells, within * cells.sum(axis=1))
        self._known = [(voltage.copy(), lines), *self._known[: _KNOWN - 1]]
        return lines

    def _currents(self, voltage: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the currents (A) of all cells, shape (inputs, outputs), at each input's voltage (V)."""
        return self._law.current(np.repeat(voltage, self._outputs)).reshape(self._cells.shape)

    def _held(self, voltage: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return which lines are held at their limit, and the voltages (V) at which all lines then stand."""
        die, limit = self._die, self._limit
        highest, lowest = float(voltage.max()), float(voltage.min())
        bound = max(die.model.current_bound(die.conductance_bound, level) for level in (highest, lowest))
        if self._outputs * bound <= limit:
            return np.zeros(len(voltage), np.bool_), voltage
        over = np.abs(self._currents(voltage)).sum(axis=1) > limit
        within = voltage.copy()
        for line in np.flatnonzero(over).tolist():
            law = die.law(self._cells[line])
            within[line] = lowered(_magnitude(law), float(voltage[line]), limit)
        return over, within


class RowLoad:
    """A routed cell whose other lines are not left floating: the row's terminal carries the current of all its cells.

    Args:
        die: whose cells they are.
        row: that is driven; every column is at 0 V.
        column: of the routed cell.
        scheme: other rows grounded, or (at a positive voltage) at the opposite voltage.
    """

    def __init__(self, die: Die, row: int, column: int, scheme: ReadScheme) -> None:
        self._die = die
        self.cell = row * die.columns + column
        self._line = _row(die, row)
        self._others = _other_rows(die, row).reshape(-1)
        self._reverse = scheme == ReadScheme.REVERSE

    stiff = True

    def current_bound(self, voltage: float) -> float:
        """Return a current (A) that the row never exceeds at `voltage` (V)."""
        return len(self._line) * self._die.model.current_bound(self._die.conductance_bound, voltage)

    def current(self, voltage: float) -> float:
        """Return the row's current (A) at `voltage` (V)."""
        return float(self._die.current(self._line, voltage).sum())

    def voltage(self, current: float) -> float:
        """Return the voltage (V) at which the row carries `current` (A)."""
        law = self._die.law(self._line)
        # One cell alone needs the highest voltage to carry the current.
        highest = float(np.min(np.abs(law.voltage(current))))
        highest = highest if current >= 0 else -highest
        return lowered(lambda across: float(np.abs(law.current(across)).sum()), highest, abs(current))

    def stresses(self, voltage: float) -> tuple[Stress, ...]:
        """Return the driven row and, where they are reverse-biased, the other ones."""
        driven = (Stress(self._line, voltage),)
        return (*driven, Stress(self._others, -voltage)) if self._reverse and voltage > 0 else driven


class CellLoad:
    """One cell alone, as on a probe station without a board.

    Args:
        die: whose cell it is.
        cell: its flat index.
    """

    def __init__(self, die: Die, cell: int) -> None:
        self._die = die
        self.cell = cell
        self._cell = np.array([cell])

    stiff = True

    def current_bound(self, voltage: float) -> float:
        """Return a current (A) that the cell never exceeds at `voltage` (V)."""
        return self._die.model.current_bound(self._die.conductance_bound, voltage)

    def current(self, voltage: float) -> float:
        """Return the cell's current (A) at `voltage` (V)."""
        return float(self._die.current(self._cell, voltage)[0])

    def voltage(self, current: float) -> float:
        """Return the voltage (V) at which the cell carries `current` (A)."""
        return float(self._die.law(self._cell).voltage(current)[0])

    def stresses(self, voltage: float) -> tuple[Stress, ...]:
        """Return the cell."""
        return (Stress(self._cell, voltage),)


def lowered(line_current: Callable[[float], float], voltage: float, limit: float) -> float:
    """Return `voltage` (V), or the lower one of its sign at which `line_current` (V to A, rising) is `limit` (A)."""
    if line_current(voltage) <= limit:
        return voltage
    return voltage * float(brentq(lambda part: line_current(part * voltage) - limit, 0.0, 1.0, xtol=1e-13))


def _magnitude(law: CellLaw) -> Callable[[float], float]:
    """Return the function that gives a line's current (A) at a voltage (V)."""
    return lambda across: float(np.abs(law.current(across)).sum())


def _row(die: Die, row: int) -> NDArray[np.int64]:
    return row * die.columns + np.arange(die.columns)


def _other_rows(die: Die, row: int) -> NDArray[np.int64]:
    """Return the cells of all other rows, shape (rows - 1, columns)."""
    return np.delete(np.arange(die.rows), row)[:, None] * die.columns + np.arange(die.columns)


def _neighbours(die: Die, row: int, column: int) -> NDArray[np.int64]:
    """Return the other cells of a cell's row and column."""
    of_row = row * die.columns + np.delete(np.arange(die.columns), column)
    of_column = np.delete(np.arange(die.rows), row) * die.columns + column
    return np.concatenate((of_row, of_column))


def _rest(die: Die, row: int, column: int) -> NDArray[np.int64]:
    """Return the cells that share neither row nor column with a cell."""
    rows, columns = np.delete(np.arange(die.rows), row), np.delete(np.arange(die.columns), column)
    return (rows[:, None] * die.columns + columns).reshape(-1)


def _held_write_voltage(
    die: Die, row: int, column: int, voltage: float, scheme: WriteScheme, limit: float
) -> tuple[float, float]:
    """Return the voltage (V) that a pulse of `voltage` reaches on a cell while no line carries more than `limit` (A).

    A line's current is the sum of the magnitudes of its cells' currents, in the states before the pulse.

    Returns:
        the voltage, and what the line with the largest current could carry beyond it (A): below 0 if it is held,
        infinite where no state of the cells would reach the limit.
    """
    selection = SELECTIONS[scheme]
    bound = die.model.current_bound
    most = die.conductance_bound
    others = max(bound(most, voltage * selection.neighbours), bound(most, voltage * selection.rest))
    if bound(most, voltage) + (max(die.rows, die.columns) - 1) * others <= limit:
        return voltage, math.inf
    share = np.full((die.rows, die.columns), selection.rest)
    share[row, :] = share[:, column] = selection.neighbours
    share[row, column] = 1.0
    law = die.law(np.arange(share.size))

    def largest(selected: float) -> float:
        currents = np.abs(law.current(selected * share.reshape(-1))).reshape(share.shape)
        return float(max(currents.sum(axis=0).max(), currents.sum(axis=1).max()))

    return lowered(largest, voltage, limit), limit - largest(voltage)
