"""How far potentials are from what Kirchhoff's current law demands, where cells follow any rising law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from labctl.errors import ModelError
from sim_backend.crossbar.circuit import Drive, drive_of, source_range
from sim_backend.crossbar.lines import Lines, columns_of, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.crossbar.network import Network, Sources

    Array = NDArray[np.float64]

SEARCH_MAX = 40
"""Most evaluations of one line search; every second one halves the interval."""


class ArrayLaw(Protocol):
    """Current against voltage of every cell of an array: rising, 0 A at 0 V, perhaps with a kink at 0 V."""

    def current(self, voltage: Array, /) -> Array:
        """Return currents (A) from row to column at `voltage` (V), both of shape (rows, columns)."""
        ...

    def slope(self, voltage: Array, /) -> Array:
        """Return differential conductances (S): above 0, or 0 at any voltage for a cell that carries nothing."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Potentials, and what is left over at the nodes.

    Args:
        row: potentials of row nodes, shape (rows, columns) (V).
        column: of column nodes.
        current: of the cells (A).
        row_excess: currents that flow into row nodes and not out of them (A).
        column_excess: of column nodes.
    """

    row: Array
    column: Array
    current: Array
    row_excess: Array
    column_excess: Array

    def rise(self, row: Array, column: Array) -> float:
        """Return by how much the co-content rises (W) per unit of a step (V)."""
        return -float(np.vdot(self.row_excess, row) + np.vdot(self.column_excess, column))


class Equations:
    """Kirchhoff's current law at every node.

    Args:
        network: everything but the cells.
        law: of the cells.
        sources: voltages behind the terminations.
    """

    def __init__(self, network: Network, law: ArrayLaw, sources: Sources) -> None:
        self.rows: Lines = rows_of(network)
        self.columns: Lines = columns_of(network)
        self.drive: Drive = drive_of(self.rows, self.columns, sources)
        self.lowest, self.highest = source_range(network, sources)
        self.span = self.highest - self.lowest
        self.law = law
        self._shape = network.shape

    def at(self, row: Array, column: Array) -> Balance:
        """Return how well potentials (V), shape (rows, columns), obey.

        Raises:
            ModelError: the law returns undefined numbers.
        """
        current = self.current(row - column)
        row_excess = _excess(self.rows, row, self.drive.into_rows - current)
        column_excess = _excess(self.columns, column.T, (self.drive.into_columns + current).T).T
        return Balance(row, column, current, row_excess, column_excess)

    def step(self, here: Balance, row: Array, column: Array, overshoot: float) -> Balance:
        """Return the balance behind a step (V), or behind a part of it that does not go past the co-content's minimum.

        Args:
            here: where the step begins.
            row: of row nodes, shape (rows, columns) (V); the co-content falls in its direction.
            column: of column nodes.
            overshoot: share of the first fall at which the co-content may rise where the step ends.
        """
        before = here.rise(row, column)
        low, high, at_low, at_high, share = 0.0, 1.0, before, 0.0, 1.0
        there = self.at(here.row + row, here.column + column)
        for attempt in range(SEARCH_MAX):
            rise = there.rise(row, column)
            if rise <= overshoot * abs(before) and (attempt == 0 or rise >= before / 2):
                break
            if rise > 0:
                high, at_high = share, rise
            else:
                low, at_low = share, rise
            share = (low + high) / 2 if attempt % 2 else low + (high - low) * at_low / (at_low - at_high)
            there = self.at(here.row + share * row, here.column + share * column)
        return there

    def current(self, voltage: Array) -> Array:
        """Return the cells' currents (A), their law continued as a straight line beyond the range of the sources.

        No solution lies there, and a step that leads there cannot overflow an exponential law.
        """
        if float(np.abs(voltage).max()) <= self.span:
            return self._defined(self.law.current(voltage), "current")
        inside = np.clip(voltage, -self.span, self.span)
        return self._defined(self.law.current(inside), "current") + self.slope(inside) * (voltage - inside)

    def slope(self, voltage: Array) -> Array:
        """Return the cells' differential conductances (S)."""
        slope = self._defined(self.law.slope(np.clip(voltage, -self.span, self.span)), "slope")
        if (slope < 0).any():
            raise ModelError("the cells' law falls with the voltage: only rising ones have one solution")
        return slope

    def _defined(self, given: Array, what: str) -> Array:
        values = np.asarray(given, dtype=np.float64)
        if values.shape != self._shape:
            raise ModelError(f"the cells' law returns a {what} of shape {values.shape} for {self._shape} cells")
        if not np.isfinite(values).all():
            row, column = (int(index[0]) for index in np.nonzero(~np.isfinite(values)))
            raise ModelError(f"the law of cell ({row}, {column}) returns an undefined {what}")
        return values


def _excess(lines: Lines, potential: Array, into: Array) -> Array:
    """Return the currents (A) left over at the nodes of lines, shape (count, nodes).

    Args:
        lines: which.
        potential: of the nodes (V).
        into: current into them from cells, and from sources while the lines stand at 0 V (A); it is overwritten.
    """
    into[:, 0] -= lines.at_start * potential[:, 0]
    into[:, -1] -= lines.at_end * potential[:, -1]
    if lines.segment > 0 and lines.nodes > 1:
        along = np.diff(potential, axis=1)
        along /= lines.segment
        into[:, :-1] += along
        into[:, 1:] -= along
    return into
