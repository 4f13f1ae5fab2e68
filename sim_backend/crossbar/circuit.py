"""A crossbar of given cell conductances, ready to be solved for any currents into its nodes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ModelError
from sim_backend.crossbar.iteration import ITERATIONS_MAX, LINEAR, Potentials, Solver, Stop
from sim_backend.crossbar.lines import Lines, columns_of, conducting, rows_of
from sim_backend.crossbar.network import Network, Solution, Sources
from sim_backend.crossbar.plain import PlainSolver

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

COMPILED = True
"""Whether to use compiled loops where numba can be imported; results differ by roundings."""


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """What the sources do to the lines.

    Args:
        row_potential: of clamped rows, 0 elsewhere, shape (rows,) (V).
        column_potential: likewise, shape (columns,).
        into_rows: current into row nodes while all other lines stand at 0 V, shape (rows, columns) (A).
        into_columns: into column nodes, likewise.
    """

    row_potential: Array
    column_potential: Array
    into_rows: Array
    into_columns: Array

    def injections(self, conductance: Array) -> tuple[Array, Array]:
        """Return the currents (A) into row nodes and column nodes while every line that is not clamped is at 0 V.

        Lines that stand at a source's voltage act on the others as currents through the cells between them.

        Args:
            conductance: of the cells, shape (rows, columns) (S).
        """
        return (
            self.into_rows + conductance * self.column_potential,
            self.into_columns + conductance * self.row_potential[:, None],
        )


class Circuit:
    """Wires, terminations and linear cells.

    Args:
        network: everything but the cells.
        conductance: of the cells, shape (rows, columns) (S).
    """

    def __init__(self, network: Network, conductance: Array) -> None:
        self.rows: Lines = rows_of(network)
        self.columns: Lines = columns_of(network)
        self.conductance = conducting(conductance, self.rows, self.columns)
        kind = (_compiled_solver() if COMPILED else None) or PlainSolver
        self._solver: Solver = kind(self.conductance, self.rows, self.columns)

    def solve(self, into_rows: Array, into_columns: Array, stop: Stop = LINEAR) -> Potentials:
        """Return the potentials with every source at 0 V.

        Args:
            into_rows: current into each row node, shape (rows, columns) (A).
            into_columns: into each column node.
            stop: when to be content.

        Raises:
            ModelError: the iteration does not converge.
        """
        found = self._solver.solve(into_rows, into_columns, stop)
        if found.iterations >= ITERATIONS_MAX or not np.isfinite(found.last):
            raise ModelError(
                f"the crossbar's linear circuit is not solved: after {found.iterations} iterations nodes"
                f" still move by {found.last:.3g} V"
            )
        return found


@functools.cache
def _compiled_solver() -> Callable[[Array, Lines, Lines], Solver] | None:
    """Return the compiled solver, or None without numba (or where numba finds no place for its files)."""
    try:
        from sim_backend.crossbar.compiled import CompiledSolver
    except (ImportError, RuntimeError):
        return None
    return CompiledSolver


def drive_of(rows: Lines, columns: Lines, sources: Sources) -> Drive:
    """Return what sources do to lines without their cells.

    Raises:
        ModelError: voltages are missing or undefined, or two sources short each other.
    """
    left, right = _voltages("left", sources.left, rows.start), _voltages("right", sources.right, rows.end)
    top, bottom = _voltages("top", sources.top, columns.start), _voltages("bottom", sources.bottom, columns.end)
    shape = (len(left), len(top))
    into_rows, into_columns = np.zeros(shape), np.zeros(shape)
    into_rows[:, 0] += rows.at_start * left
    into_rows[:, -1] += rows.at_end * right
    into_columns[0] += columns.at_start * top
    into_columns[-1] += columns.at_end * bottom
    return Drive(rows.clamp_potentials(left, right), columns.clamp_potentials(top, bottom), into_rows, into_columns)


def solution_of(
    rows: Lines, columns: Lines, sources: Sources, potentials: tuple[Array, Array], current: Array
) -> Solution:
    """Return a solution with the currents at the lines' ends.

    Args:
        rows: the row lines.
        columns: the column lines.
        sources: voltages behind the terminations.
        potentials: of row and column nodes, shape (rows, columns) (V).
        current: through each cell from row to column, shape (rows, columns) (A).
    """
    left, right = rows.end_currents(
        current, np.where(np.isinf(rows.start), 0.0, sources.left), np.where(np.isinf(rows.end), 0.0, sources.right)
    )
    top, bottom = columns.end_currents(
        -current.T,
        np.where(np.isinf(columns.start), 0.0, sources.top),
        np.where(np.isinf(columns.end), 0.0, sources.bottom),
    )
    return Solution(*potentials, left=left, right=right, top=-top, bottom=-bottom)


def _voltages(name: str, voltages: Array, resistance: Array) -> Array:
    """Return source voltages (V), 0 behind open ends."""
    given = np.asarray(voltages, dtype=np.float64)
    if given.shape != resistance.shape:
        raise ModelError(f"{name}: {len(resistance)} sources have one voltage each, not shape {given.shape}")
    voltage = np.where(np.isinf(resistance), 0.0, given)
    if not np.isfinite(voltage).all():
        raise ModelError(f"{name}[{int(np.argmax(~np.isfinite(voltage)))}]: a source has a finite voltage")
    return voltage


def source_range(network: Network, sources: Sources) -> tuple[float, float]:
    """Return the lowest and the highest voltage (V) of the sources that are connected; 0 and 0 if none is."""
    pairs = (
        (network.left, sources.left),
        (network.right, sources.right),
        (network.top, sources.top),
        (network.bottom, sources.bottom),
    )
    connected = np.concatenate([np.asarray(voltages)[np.isfinite(resistance)] for resistance, voltages in pairs])
    return (float(connected.min()), float(connected.max())) if len(connected) else (0.0, 0.0)
