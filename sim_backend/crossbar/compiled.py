"""The circuit's solver as compiled loops; imported only where numba is installed.

All lines of a kind are swept together, node after node, so that neighbouring lines lie side by side in memory and the
processor works on several at once. Rows are therefore kept transposed, (columns, rows), and columns as they are.
Reductions may be reordered (`reassoc`), which moves results by roundings only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from sim_backend.crossbar.iteration import COARSEST, ITERATIONS_MAX, Potentials, Stop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.crossbar.lines import Lines

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Factors = tuple[Array, Array, float]
    """Factors of one kind of line with its cells to fixed potentials: the share of a node's current that goes on to
    the next node, shape (nodes, count); the reciprocal of each line's last pivot, shape (count,) (ohm), 0 for lines
    that do not move; the resistance of a segment (ohm)."""

STRIP = 8
"""Numbers in a cache line, which is how wide the strips are in which matrices are transposed."""


class CompiledSolver:
    """A `Solver`.

    Args:
        conductance: of the cells, shape (rows, columns) (S).
        rows: the row lines.
        columns: the column lines.
    """

    def __init__(self, conductance: Array, rows: Lines, columns: Lines) -> None:
        # Copies: one memory layout, writeable, so that the loops are compiled once.
        self._conductance = np.array(conductance, order="C")
        self._rows = _factors(np.array(conductance.T, order="C"), rows)
        self._columns = _factors(self._conductance, columns)

    def solve(self, into_rows: Array, into_columns: Array, stop: Stop) -> Potentials:
        """Return potentials for currents into the nodes, both of shape (rows, columns) (A)."""
        row, column = np.empty_like(self._conductance), np.empty_like(self._conductance)
        first, last, iterations = _solve(
            self._conductance,
            self._rows,
            self._columns,
            (np.ascontiguousarray(into_rows), np.ascontiguousarray(into_columns)),
            (stop.move, stop.relative, stop.per_volt, COARSEST),
            ITERATIONS_MAX,
            (row, column),
        )
        return Potentials(row, column, first, last, iterations)


def _factors(conductance: Array, lines: Lines) -> Factors:
    """Factor lines; `conductance` has the shape (nodes, count)."""
    passed, ends = np.empty_like(conductance), np.empty(conductance.shape[1])
    _factor(conductance, lines.segment, (lines.at_start, lines.at_end), lines.clamped, passed, ends)
    return passed, ends, lines.segment


@njit(cache=True, error_model="numpy")
def _factor(
    conductance: Array, segment: float, outer: tuple[Array, Array], clamped: Flags, passed: Array, ends: Array
) -> None:
    """Fill `passed` and `ends` by the recurrence of `plain.factor`."""
    nodes, count = conductance.shape
    at_start, at_end = outer
    excess = np.empty(count)
    for j in range(count):
        excess[j] = at_start[j] + conductance[0, j]
    for i in range(nodes - 1):
        for j in range(count):
            share = 1.0 / (1.0 + segment * excess[j])
            passed[i, j] = share
            excess[j] = conductance[i + 1, j] + excess[j] * share
    for j in range(count):
        last = excess[j] + at_end[j]
        ends[j] = 1.0 / last if last > 0.0 and not clamped[j] else 0.0


@njit(cache=True, error_model="numpy")
def _sweep(factors: Factors, values: Array) -> None:
    """Turn currents into nodes (A) into potentials (V), shape (nodes, count), in place."""
    passed, ends, segment = factors
    nodes, count = values.shape
    for i in range(nodes - 1):
        for j in range(count):
            values[i + 1, j] += passed[i, j] * values[i, j]
    for j in range(count):
        values[nodes - 1, j] *= ends[j]
    for i in range(nodes - 2, -1, -1):
        for j in range(count):
            values[i, j] = passed[i, j] * (segment * values[i, j] + values[i + 1, j])


@njit(cache=True, error_model="numpy")
def _to_columns(conductance: Array, rows: Array, columns: Array) -> None:
    """Put conductance * rows.T into columns, in strips as wide as a cache line of `rows`."""
    count, nodes = conductance.shape
    whole = count - count % STRIP
    for i0 in range(0, whole, STRIP):
        for j in range(nodes):
            for i in range(STRIP):
                columns[i0 + i, j] = conductance[i0 + i, j] * rows[j, i0 + i]
    for i in range(whole, count):
        for j in range(nodes):
            columns[i, j] = conductance[i, j] * rows[j, i]


@njit(cache=True, error_model="numpy")
def _to_rows(conductance: Array, columns: Array, rows: Array) -> None:
    """Put (conductance * columns).T into rows, in strips as wide as a cache line of `columns`."""
    count, nodes = conductance.shape
    whole = nodes - nodes % STRIP
    for j0 in range(0, whole, STRIP):
        for i in range(count):
            for j in range(STRIP):
                rows[j0 + j, i] = conductance[i, j0 + j] * columns[i, j0 + j]
    for j in range(whole, nodes):
        for i in range(count):
            rows[j, i] = conductance[i, j] * columns[i, j]


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _dot(residual: Array, move: Array) -> float:
    total = 0.0
    for i in range(residual.shape[0]):
        for j in range(residual.shape[1]):
            total += residual[i, j] * move[i, j]
    return total


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "nsz", "nnan"})
def _largest(move: Array) -> float:
    largest = 0.0
    for i in range(move.shape[0]):
        for j in range(move.shape[1]):
            size = abs(move[i, j])
            largest = size if size > largest else largest
    return largest


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _respond(force: Array, back: Array, direction: Array) -> float:
    """Turn `back` into the response, force - back, and return direction . response."""
    total = 0.0
    for i in range(force.shape[0]):
        for j in range(force.shape[1]):
            back[i, j] = force[i, j] - back[i, j]
            total += direction[i, j] * back[i, j]
    return total


@njit(cache=True, error_model="numpy")
def _solve(
    conductance: Array,
    rows: Factors,
    columns: Factors,
    injections: tuple[Array, Array],
    stop: tuple[float, float, float, float],
    limit: int,
    potentials: tuple[Array, Array],
) -> tuple[float, float, int]:
    """Fill `potentials` and return first move, last move, iterations; names are those of `PlainSolver.solve`."""
    into_rows, into_columns = injections
    row, column = potentials
    count, nodes = conductance.shape
    sheet = into_columns.copy()
    _sweep(columns, sheet)
    residual = np.empty((nodes, count))
    _to_rows(conductance, sheet, residual)
    for i in range(count):
        for j in range(nodes):
            residual[j, i] += into_rows[i, j]
    move = residual.copy()
    _sweep(rows, move)
    energy, first = _dot(residual, move), _largest(move)
    largest = first
    exact, rough = max(stop[0], stop[1] * first), first * min(stop[2] * first, stop[3])
    potential = np.zeros((nodes, count))
    direction, force, back = move.copy(), residual.copy(), np.empty((nodes, count))
    iterations, stiffness = 0, 1.0
    while energy > 0.0 and iterations < limit:
        if iterations > 0 and largest <= max(exact / stiffness, rough):
            break
        _to_columns(conductance, direction, sheet)
        _sweep(columns, sheet)
        _to_rows(conductance, sheet, back)
        curvature = _respond(force, back, direction)
        if not curvature > 0.0:
            break
        step = energy / curvature
        stiffness = max(stiffness, step)
        for i in range(nodes):
            for j in range(count):
                potential[i, j] += step * direction[i, j]
                residual[i, j] -= step * back[i, j]
                move[i, j] = residual[i, j]
        _sweep(rows, move)
        before = energy
        energy, largest = _dot(residual, move), _largest(move)
        again = energy / before
        for i in range(nodes):
            for j in range(count):
                direction[i, j] = move[i, j] + again * direction[i, j]
                force[i, j] = residual[i, j] + again * force[i, j]
        iterations += 1
    for i in range(count):
        for j in range(nodes):
            row[i, j] = potential[j, i] + move[j, i]
            column[i, j] = into_columns[i, j] + conductance[i, j] * row[i, j]
    _sweep(columns, column)
    return first, largest, iterations
