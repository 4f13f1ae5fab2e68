"""Ideal wires: every line stands at its driver's voltage, whatever it carries.

So the voltage across each cell follows from the scheme alone, and what is left to work out are line currents and
the voltage at which a line stays within its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from labctl.instruments import WriteScheme

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

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


def neighbours(die: Die, row: int, column: int) -> NDArray[np.int64]:
    """Return the other cells of a cell's row and column."""
    of_row = row * die.columns + np.delete(np.arange(die.columns), column)
    of_column = np.delete(np.arange(die.rows), row) * die.columns + column
    return np.concatenate((of_row, of_column))


def rest(die: Die, row: int, column: int) -> NDArray[np.int64]:
    """Return the cells that share neither row nor column with a cell."""
    rows, columns = np.delete(np.arange(die.rows), row), np.delete(np.arange(die.columns), column)
    return (rows[:, None] * die.columns + columns).reshape(-1)


def held_write_voltage(die: Die, row: int, column: int, voltage: float, scheme: WriteScheme, limit: float) -> float:
    """Return the voltage (V) that a pulse of `voltage` reaches on a cell while no line carries more than `limit` (A).

    A line's current is the sum of the magnitudes of its cells' currents, in the states before the pulse.
    """
    selection = SELECTIONS[scheme]
    bound = die.cell.conduction.current_bound
    most = die.conductance_bound
    others = max(bound(most, voltage * selection.neighbours), bound(most, voltage * selection.rest))
    if bound(most, voltage) + (max(die.rows, die.columns) - 1) * others <= limit:
        return voltage
    share = np.full((die.rows, die.columns), selection.rest)
    share[row, :] = share[:, column] = selection.neighbours
    share[row, column] = 1.0
    everywhere = np.arange(share.size).reshape(share.shape)

    def largest(selected: float) -> float:
        currents = np.abs(die.current(everywhere, selected * share))
        return float(max(currents.sum(axis=0).max(), currents.sum(axis=1).max()))

    return lowered(largest, voltage, limit)


def lowered(line_current: Callable[[float], float], voltage: float, limit: float) -> float:
    """Return `voltage` (V), or the lower one of its sign at which `line_current` (V to A, rising) is `limit` (A)."""
    if line_current(voltage) <= limit:
        return voltage
    return voltage * float(brentq(lambda part: line_current(part * voltage) - limit, 0.0, 1.0, xtol=1e-13))
