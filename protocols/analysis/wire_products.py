"""Currents that an array behind wires gives its readers: products in either coding, and single-row reads.

All of it for rows as inputs; for columns as inputs, see `column_products`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import ReadScheme
from labctl.errors import ParameterError
from protocols.analysis.array_law import ArrayLaw
from protocols.analysis.wire_network import operating_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.analysis.wire_network import Wires

    Array = NDArray[np.float64]


def product_currents(law: ArrayLaw, wires: Wires, voltages: Array) -> Array:
    """Return the columns' currents, shape (n, columns) (A), while the rows stand at `voltages`, shape (n, rows) (V).

    Raises:
        ParameterError: if there is not one voltage a row.
    """
    return operating_points(law, wires, voltages).columns


def column_products(law: ArrayLaw, wires: Wires, voltages: Array) -> Array:
    """Return the rows' currents, shape (n, rows) (A), with columns as inputs, at `voltages`, shape (n, columns) (V).

    A positive voltage makes rows positive against columns, as everywhere: the columns stand below 0 V.

    Raises:
        ParameterError: if there is not one voltage a column.
    """
    # Seen from the columns, both sides are counted from the other end: what drives them is at the bottom.
    return product_currents(law.turned(), wires.turned(), voltages[:, ::-1])[:, ::-1]


def width_currents(law: ArrayLaw, wires: Wires, shares: Array, height: float, floor: float = 0.0) -> Array:
    """Return the columns' mean currents over a slot in which each row has a pulse of its own width.

    Args:
        law: of the cells.
        wires: of the lines.
        shares: width over slot of each pulse, shape (n, rows), 0 to 1; all begin together.
        height: of every pulse above the floor (V).
        floor: level of a row without its pulse (V).

    Returns:
        shape (n, columns) (A).

    Raises:
        ParameterError: for a width that is none of a pulse within the slot.
    """
    if not bool(((shares >= 0) & (shares <= 1)).all()):
        raise ParameterError("widths of pulses are between 0 and the slot")
    vector, on, lasting = _patterns(shares)
    distinct, which = np.unique(on, axis=0, return_inverse=True)
    currents = product_currents(law, wires, floor + height * distinct.astype(np.float64))
    found = np.zeros((len(shares), law.shape[1]))
    np.add.at(found, vector, lasting[:, None] * currents[which.reshape(-1)])
    return found


def _patterns(shares: Array) -> tuple[NDArray[np.intp], NDArray[np.bool_], Array]:
    """Return which vector has which rows on, shape (k, rows), for which share of the slot, one after the other."""
    count = len(shares)
    ends = np.sort(np.hstack([np.zeros((count, 1)), shares, np.ones((count, 1))]), axis=1)
    lasting = np.diff(ends, axis=1)
    vector, piece = np.nonzero(lasting)
    return vector, shares[vector] > ends[vector, piece, None], lasting[vector, piece]


def row_reads(
    law: ArrayLaw,
    wires: Wires,
    voltage: float,
    scheme: ReadScheme = ReadScheme.GROUND,
    rows: NDArray[np.intp] | None = None,
) -> Array:
    """Return the currents (A) of cells read row by row, shape (rows read, columns).

    Args:
        law: of the cells.
        wires: of the lines.
        voltage: of the row that is read (V).
        scheme: of the other rows: at 0 V, or at minus the voltage.
        rows: which are read; None: all.

    Raises:
        ParameterError: for floating rows, which the solver has not.
    """
    return product_currents(law, wires, read_voltages(law.shape[0], voltage, scheme, rows))


def read_voltages(rows: int, voltage: float, scheme: ReadScheme, chosen: NDArray[np.intp] | None = None) -> Array:
    """Return the voltages of all rows (V) while each of the chosen ones is read, shape (reads, rows).

    Raises:
        ParameterError: for floating rows, which the solver has not.
    """
    if scheme is ReadScheme.FLOAT:
        raise ParameterError("reads with floating rows are not computed; take the scheme ground or reverse")
    read = np.arange(rows) if chosen is None else chosen
    found = np.full((len(read), rows), -voltage if scheme is ReadScheme.REVERSE else 0.0)
    found[np.arange(len(read)), read] = voltage
    return found


def linear_transfer(conductance: Array, wires: Wires) -> Array:
    """Return the matrix T (S), shape (rows, columns), of I = V T for cells that are resistors and all stay forward.

    Args:
        conductance: of the cells, shape (rows, columns) (S).
        wires: of the lines.
    """
    return product_currents(ArrayLaw(conductance), wires, np.eye(len(conductance)))
