"""What the board does to the lines of an array, as a circuit: what terminates each line, and at which voltage.

The board holds a row line at its left end and a column line at its bottom end, through the driver's resistance where
it drives and through the reader's where it senses. With `both_ends` each driven line is fed at its other end, too, with
the same voltage through the same resistance; a sensed line has one reader, and its other end is open.

Polarity: a positive voltage makes the row line positive against the column line in every operation and direction.
So the current of a read row is `Solution.left`, of a read column `Solution.bottom`, and both are positive then.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import ReadScheme, WriteScheme
from labctl.errors import ModelError
from sim_backend.crossbar.network import Network, Sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Direction(IntEnum):
    """Which lines are inputs of a product; the others are its outputs."""

    ROWS_IN = 0
    COLUMNS_IN = 1


@dataclass(frozen=True, slots=True)
class LineResistances:
    """Resistances between the board's voltages and the cells, in ohm.

    Args:
        row_segment: of one wire segment of a row line.
        column_segment: of one wire segment of a column line.
        driver: of what drives a line.
        sense: input resistance of what senses a line.
        both_ends: driven lines are fed at both ends.
    """

    row_segment: float = 0.0
    column_segment: float = 0.0
    driver: float = 0.0
    sense: float = 0.0
    both_ends: bool = False


IDEAL = LineResistances()
"""Every line stands at its driver's voltage."""


@dataclass(frozen=True, slots=True, eq=False)
class DrivenNetwork:
    """An array on the board, but for its cells.

    Args:
        network: wires and terminations.
        sources: what stands behind the terminations.
    """

    network: Network
    sources: Sources


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """One side's lines: their voltages (V) and terminations at the board's end and at the far end (ohm)."""

    voltage: Array
    near: Array
    far: Array


def read_lines(
    shape: tuple[int, int],
    rows: int | Sequence[int],
    voltage: float,
    scheme: ReadScheme,
    resistances: LineResistances = IDEAL,
) -> DrivenNetwork:
    """Return the circuit of a read: driven rows against every column at virtual ground.

    Args:
        shape: rows and columns.
        rows: driven row, or rows.
        voltage: of the driven rows (V).
        scheme: of the other rows: at 0 V, open, or at minus `voltage`.
        resistances: of wires, drivers and readers.

    Raises:
        ModelError: for a row that does not exist, or *reverse* with a voltage that is not positive.
    """
    driven = np.atleast_1d(np.asarray(rows, dtype=np.int64))
    _check_lines("row", driven, shape[0])
    if scheme is ReadScheme.REVERSE and voltage <= 0:
        raise ModelError(f"{voltage} V: the reverse scheme reads with a positive voltage")
    others = -voltage if scheme is ReadScheme.REVERSE else 0.0
    row_lines = _driven(_with(shape[0], others, {int(row): voltage for row in driven}), resistances)
    if scheme is ReadScheme.FLOAT:
        row_lines = _opened(row_lines, driven)
    return _assembled(row_lines, _sensed(shape[1], resistances), resistances)


def write_lines(
    shape: tuple[int, int],
    row: int,
    column: int,
    voltage: float,
    scheme: WriteScheme,
    resistances: LineResistances = IDEAL,
) -> DrivenNetwork:
    """Return the circuit while one cell is pulsed: its row at `voltage`, its column at 0 V, every line driven.

    Args:
        shape: rows and columns.
        row: of the selected cell.
        column: of the selected cell.
        voltage: of the pulse (V), with sign.
        scheme: *half*: V/2 on every other line; *third*: V/3 on the other rows and 2V/3 on the other columns.
        resistances: of wires, drivers and readers.

    Raises:
        ModelError: for a cell that does not exist.
    """
    _check_cell(shape, row, column)
    other_rows, other_columns = {
        WriteScheme.HALF: (voltage / 2, voltage / 2),
        WriteScheme.THIRD: (voltage / 3, voltage * 2 / 3),
    }[scheme]
    row_lines = _driven(_with(shape[0], other_rows, {row: voltage}), resistances)
    column_lines = _driven(_with(shape[1], other_columns, {column: 0.0}), resistances)
    return _assembled(row_lines, column_lines, resistances)


def route_lines(
    shape: tuple[int, int],
    row: int,
    column: int,
    voltage: float,
    scheme: ReadScheme,
    resistances: LineResistances = IDEAL,
) -> DrivenNetwork:
    """Return the circuit while an external source holds a row at `voltage` against a column at 0 V.

    The source's path through the board has the driver's resistance on either side; its current is that of the row:
    `Solution.left[row] + Solution.right[row]`.

    Args:
        shape: rows and columns.
        row: at the source's high terminal.
        column: at its low terminal.
        voltage: of the source (V), with sign.
        scheme: of all other lines. *ground*: at 0 V; *float*: open, rows and columns; *reverse*: with a positive
            voltage the other rows at minus `voltage` and the other columns at 0 V, otherwise as *ground*.
        resistances: of wires, drivers and readers.

    Raises:
        ModelError: for a cell that does not exist.
    """
    _check_cell(shape, row, column)
    others = -voltage if scheme is ReadScheme.REVERSE and voltage > 0 else 0.0
    row_lines = _driven(_with(shape[0], others, {row: voltage}), resistances)
    column_lines = _driven(np.zeros(shape[1]), resistances)
    if scheme is ReadScheme.FLOAT:
        row_lines, column_lines = _opened(row_lines, np.array([row])), _opened(column_lines, np.array([column]))
    return _assembled(row_lines, column_lines, resistances)


def product_lines(
    shape: tuple[int, int], direction: Direction, voltages: Array, resistances: LineResistances = IDEAL
) -> DrivenNetwork:
    """Return the circuit of a product: every input line driven, every output line at virtual ground.

    Args:
        shape: rows and columns.
        direction: which lines are inputs.
        voltages: of the input lines, shape (inputs,) (V); positive makes rows positive against columns, so an input
            column stands at minus its voltage.
        resistances: of wires, drivers and readers.

    Raises:
        ModelError: if there is not one voltage an input line.
    """
    inputs = shape[direction]
    if voltages.shape != (inputs,):
        raise ModelError(f"{inputs} input lines need voltages of shape ({inputs},), not {voltages.shape}")
    if direction is Direction.ROWS_IN:
        return _assembled(_driven(voltages, resistances), _sensed(shape[1], resistances), resistances)
    return _assembled(_sensed(shape[0], resistances), _driven(-voltages, resistances), resistances)


def _with(count: int, others: float, lines: dict[int, float]) -> Array:
    """Return voltages (V), shape (count,): those of `lines`, and `others` everywhere else."""
    voltage = np.full(count, others)
    for line, value in lines.items():
        voltage[line] = value
    return voltage


def _driven(voltage: Array, resistances: LineResistances) -> _Lines:
    """Return lines that the board drives."""
    near = np.full(len(voltage), resistances.driver)
    return _Lines(voltage, near, near.copy() if resistances.both_ends else np.full(len(voltage), np.inf))


def _sensed(count: int, resistances: LineResistances) -> _Lines:
    """Return lines at the virtual ground of their readers."""
    return _Lines(np.zeros(count), np.full(count, resistances.sense), np.full(count, np.inf))


def _opened(lines: _Lines, kept: NDArray[np.int64]) -> _Lines:
    """Return `lines` with all but the `kept` ones open at both ends."""
    free = np.ones(len(lines.voltage), dtype=np.bool_)
    free[kept] = False
    return _Lines(
        np.where(free, 0.0, lines.voltage), np.where(free, np.inf, lines.near), np.where(free, np.inf, lines.far)
    )


def _assembled(rows: _Lines, columns: _Lines, resistances: LineResistances) -> DrivenNetwork:
    """Return the circuit of both sides' lines."""
    network = Network(
        row_segment=resistances.row_segment,
        column_segment=resistances.column_segment,
        left=rows.near,
        right=rows.far,
        top=columns.far,
        bottom=columns.near,
    )
    return DrivenNetwork(
        network, Sources(left=rows.voltage, right=rows.voltage, top=columns.voltage, bottom=columns.voltage)
    )


def _check_cell(shape: tuple[int, int], row: int, column: int) -> None:
    """Make sure that a cell exists."""
    _check_lines("row", np.array([row]), shape[0])
    _check_lines("column", np.array([column]), shape[1])


def _check_lines(name: str, lines: NDArray[np.int64], count: int) -> None:
    """Make sure that lines exist."""
    wrong = lines[(lines < 0) | (lines >= count)]
    if wrong.size or not lines.size:
        raise ModelError(f"{name} {int(wrong[0]) if wrong.size else 'none'}: the array has {name}s 0 to {count - 1}")
