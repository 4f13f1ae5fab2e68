"""The circuit's solver in numpy and LAPACK, for where numba is not installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dpttrs

from sim_backend.crossbar.iteration import ITERATIONS_MAX, Potentials, Stop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.crossbar.lines import Lines

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LineFactors:
    """Factors of one kind of line with its cells to fixed potentials: L D L^T, all lines as one long chain.

    Lines of 0 ohm, and a single node, which LAPACK does not take for a chain, need the last pivots alone.

    Args:
        segment: resistance of one wire segment (ohm).
        diagonal: D, shape (count * nodes,) (S).
        below: L's subdiagonal, shape (count * nodes - 1,), 0 from line to line.
        ends: reciprocal of the last pivot of each line, shape (count,) (ohm), 0 for lines that do not move.
    """

    segment: float
    diagonal: Array
    below: Array
    ends: Array

    def solve(self, injection: Array) -> Array:
        """Return potentials (V), shape (count, nodes), for currents (A) into the nodes."""
        if self.segment == 0 or injection.size == 1:
            potential = self.ends * injection.sum(axis=1)
            return np.repeat(potential, injection.shape[1]).reshape(injection.shape)
        potentials, _ = dpttrs(self.diagonal, self.below, injection.reshape(-1))
        return potentials.reshape(injection.shape)


def factor(conductance: Array, lines: Lines) -> LineFactors:
    """Factor lines whose cells lead to fixed potentials.

    The recurrence carries what a node has beyond its next segment, as resistors in series and in parallel: sums of
    positive numbers only, so a floating line with weak cells loses no digits.

    Args:
        conductance: of the cells, one line a row, shape (count, nodes) (S).
        lines: what they lie on.
    """
    excess = lines.at_start + conductance[:, 0]
    passed = np.zeros_like(conductance)
    for node in range(lines.nodes - 1):
        passed[:, node] = 1.0 / (1.0 + lines.segment * excess)
        excess = conductance[:, node + 1] + excess * passed[:, node]
    last = excess + lines.at_end
    ends = np.zeros_like(last)
    np.divide(1.0, last, out=ends, where=(last > 0) & ~lines.clamped)
    if lines.segment == 0 or conductance.size == 1:
        return LineFactors(lines.segment, np.empty(0), np.empty(0), ends)
    diagonal = np.empty_like(conductance)
    diagonal[:, :-1] = 1.0 / (lines.segment * passed[:, :-1])
    diagonal[:, -1] = np.where(ends > 0, last, np.inf)
    return LineFactors(lines.segment, diagonal.reshape(-1), -passed.reshape(-1)[:-1], ends)


class PlainSolver:
    """A `Solver`.

    Args:
        conductance: of the cells, shape (rows, columns) (S).
        rows: the row lines.
        columns: the column lines.
    """

    def __init__(self, conductance: Array, rows: Lines, columns: Lines) -> None:
        self._by_row = np.ascontiguousarray(conductance)
        self._by_column = np.ascontiguousarray(conductance.T)
        self._rows = factor(self._by_row, rows)
        self._columns = factor(self._by_column, columns)

    def solve(self, into_rows: Array, into_columns: Array, stop: Stop) -> Potentials:
        """Return potentials for currents into the nodes, both of shape (rows, columns) (A)."""
        residual = into_rows + (self._by_column * self._columns.solve(np.ascontiguousarray(into_columns.T))).T
        potential = np.zeros_like(residual)
        move = self._rows.solve(residual)
        first = largest = float(np.abs(move).max())
        energy = float(np.vdot(residual, move))
        # `force` is the row lines' own matrix times `direction`: a recurrence, never a difference of potentials.
        direction, force = move, residual.copy()
        iterations, stiffness = 0, 1.0
        while energy > 0 and iterations < ITERATIONS_MAX:
            # One step at least: that a sweep moves nothing far may mean stiffness only.
            if iterations > 0 and largest <= stop.target(first, stiffness):
                break
            response = force - self._through_columns(direction)
            curvature = float(np.vdot(direction, response))
            if not curvature > 0:
                break
            step = energy / curvature
            stiffness = max(stiffness, step)
            potential += step * direction
            residual -= step * response
            move = self._rows.solve(residual)
            largest = float(np.abs(move).max())
            before, energy = energy, float(np.vdot(residual, move))
            direction = move + energy / before * direction
            force = residual + energy / before * force
            iterations += 1
        # The last sweep's move is itself a correction.
        potential += move
        column = self._columns.solve(np.ascontiguousarray((into_columns + self._by_row * potential).T)).T
        return Potentials(potential, np.ascontiguousarray(column), first, largest, iterations)

    def _through_columns(self, row: Array) -> Array:
        """Return the currents (A) back into row nodes at potentials `row` (V), by way of the columns."""
        return (self._by_column * self._columns.solve(np.ascontiguousarray((self._by_row * row).T))).T
