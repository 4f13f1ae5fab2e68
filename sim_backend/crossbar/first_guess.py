"""Where to start looking for the potentials of a crossbar of nonlinear cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ModelError
from sim_backend.crossbar.circuit import Circuit
from sim_backend.crossbar.iteration import Stop
from sim_backend.crossbar.lines import Lines, holding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.crossbar.balance import Equations
    from sim_backend.crossbar.network import Network, Solution

    Array = NDArray[np.float64]

BENT = 3.0
"""Ratio of a cell's conductances at full and at low voltage from which the law counts as bent."""
LOW = 1 / 16
"""The low voltage, as a share of the full one."""
ROUGHLY = Stop(per_volt=float("inf"))


def first_guess(network: Network, equations: Equations, start: Solution | None) -> tuple[Array, Array]:
    """Return row and column potentials (V), shape (rows, columns), to start from.

    Args:
        network: everything but the cells.
        equations: to be solved.
        start: a solution of a similar circuit; without one, start from unloaded lines or, where the law is bent
            and so says little about cells behind loaded lines, from the circuit of middling conductances.

    Raises:
        ModelError: the start is one of another crossbar.
    """
    given = None if start is None else _given(network, start)
    # Between equal sources nothing flows: unloaded lines are the solution.
    nothing = equations.span == 0
    row, column = _unloaded(network, equations) if given is None or nothing else given
    if given is None and not nothing:
        voltage = row - column
        full, low = (_chord(equations, share * voltage) for share in (1.0, LOW))
        if (full > BENT * low).any():
            row, column = _linear(network, equations, np.sqrt(full * low))
    row_holds, column_holds = holding(equations.slope(row - column), equations.rows, equations.columns)
    row[~row_holds] = 0.0
    column[:, ~column_holds] = 0.0
    _clamp(equations, row, column)
    return row, column


def _given(network: Network, start: Solution) -> tuple[Array, Array]:
    row, column = start.row_potential, start.column_potential
    if row.shape != network.shape or column.shape != network.shape:
        raise ModelError(f"the solution to start from has shape {row.shape}, the crossbar {network.shape}")
    if not (np.isfinite(row).all() and np.isfinite(column).all()):
        raise ModelError("the solution to start from has undefined potentials")
    return row.copy(), column.copy()


def _unloaded(network: Network, equations: Equations) -> tuple[Array, Array]:
    """Return potentials as if no cell carried anything; of floating lines, the middle of the sources' range."""
    row, column = np.empty(network.shape), np.empty(network.shape)
    middle = (equations.lowest + equations.highest) / 2
    drive = equations.drive
    row[:] = _held(equations.rows, drive.into_rows, middle)[:, None]
    column[:] = _held(equations.columns, drive.into_columns.T, middle)
    _clamp(equations, row, column)
    return row, column


def _held(lines: Lines, into: Array, middle: float) -> Array:
    held = lines.at_start + lines.at_end
    potential = np.full_like(held, middle)
    np.divide(into[:, [0, -1] if lines.nodes > 1 else [0]].sum(axis=1), held, out=potential, where=held > 0)
    return potential


def _clamp(equations: Equations, row: Array, column: Array) -> None:
    drive = equations.drive
    clamped = equations.rows.clamped
    row[clamped] = drive.row_potential[clamped, None]
    clamped = equations.columns.clamped
    column[:, clamped] = drive.column_potential[clamped]


def _chord(equations: Equations, voltage: Array) -> Array:
    """Return current over voltage (S)."""
    tiny = np.abs(voltage) <= 1e-9 * equations.span
    slope = equations.slope(voltage) if tiny.any() else np.zeros_like(voltage)
    return np.where(tiny, slope, equations.current(voltage) / np.where(tiny, 1.0, voltage))


def _linear(network: Network, equations: Equations, conductance: Array) -> tuple[Array, Array]:
    """Return potentials of a circuit of linear cells."""
    drive = equations.drive
    circuit = Circuit(network, conductance)
    found = circuit.solve(*drive.injections(circuit.conductance), ROUGHLY)
    return found.row + drive.row_potential[:, None], found.column + drive.column_potential
