"""The transfer matrix of a crossbar of linear cells, by elimination of one row after the other.

What rows 0 to r make of the column lines above them is a dense conductance matrix between the columns' nodes, the
*excess*; it passes the next wire segments as a ladder of resistors does, with a matrix in place of each number:

    through = excess (1 + segment excess)^-1,    next excess = through + what the next row adds

That needs no division by the segment's resistance, so 0 ohm is one like any other. Each step costs some columns^3; the
network is turned on its side where it has fewer rows than columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dgesv, dposv

from labctl.errors import ModelError
from sim_backend.crossbar.lines import Lines, columns_of, conducting, rows_of
from sim_backend.crossbar.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BLOCK_NUMBERS = 2**21
"""Most numbers of the rows' matrices that are worked out at once (16 MiB)."""


def transfer_matrix(network: Network, conductance: Array) -> Array:
    """Return the currents (A) out of the columns' bottoms for 1 V at each row's left, shape (columns, rows) (S).

    All other sources stand at 0 V.

    Args:
        network: everything but the cells.
        conductance: of the cells, shape (rows, columns) (S).

    Raises:
        ModelError: both ends of a row are 0 ohm from their sources, so that its left cannot be driven alone.
    """
    shorted = (network.left == 0) & (network.right == 0) if network.row_segment == 0 else np.zeros(1, dtype=bool)
    if shorted.any():
        raise ModelError(f"row {int(np.argmax(shorted))}: its left cannot be driven alone, its right is 0 ohm away")
    if network.shape[0] >= network.shape[1]:
        return _eliminate(network, conductance)
    # By reciprocity this is the transpose of what the bottoms would drive out of the lefts: turn the network on its
    # side, bottoms to the left and lefts to the bottom.
    turned = Network(
        row_segment=network.column_segment,
        column_segment=network.row_segment,
        left=network.bottom[::-1],
        right=network.top[::-1],
        top=network.right[::-1],
        bottom=network.left[::-1],
    )
    return np.ascontiguousarray(_eliminate(turned, conductance[::-1, ::-1].T)[::-1, ::-1].T)


def _eliminate(network: Network, conductance: Array) -> Array:
    """Return the transfer matrix, with matrices of columns x columns."""
    rows, columns = rows_of(network), columns_of(network)
    cells = np.ascontiguousarray(conducting(conductance, rows, columns))
    count = network.shape[1]
    # The first columns hold the excess, those behind them what each row's source drives down the columns.
    both = np.zeros((count, count + len(cells)), order="F")
    excess = both[:, :count]
    excess[:] = np.diag(columns.at_start)
    unit = np.asfortranarray(np.eye(count))
    diagonal = np.einsum("ii->i", excess)
    for row, (shunted, driven) in enumerate(_row_matrices(rows, cells)):
        if row > 0 and columns.segment > 0:
            # In place: the slice is contiguous in LAPACK's order.
            _, _, info = dposv(unit + columns.segment * excess, both[:, : count + row], overwrite_a=1, overwrite_b=1)
            if info != 0:
                raise ModelError(TOO_UNEQUAL)
        excess -= shunted
        excess -= shunted.T
        diagonal += cells[row]
        both[:, count + row] = driven
    return _bottom_currents(columns, excess, both[:, count:])


def _row_matrices(rows: Lines, cells: Array) -> Iterator[tuple[Array, Array]]:
    """Yield, of each row, what its line makes of its cells, and the currents (A) its source drives for 1 V.

    With R the potentials along the line for 1 A into each of its nodes and G its cells, the columns' nodes see the
    conductances G - G R G: what is yielded is G R G above the diagonal and half of it there, shape (columns, columns).
    The source drives G R's first column times the conductance to it, or G itself where the line is clamped.
    """
    count = cells.shape[1]
    block = max(1, BLOCK_NUMBERS // count**2)
    for first in range(0, len(cells), block):
        part = slice(first, first + block)
        held = cells[part]
        resistance = line_resistances(rows, part, held)
        driven = held * resistance[0] * rows.at_start[part, None]
        # A clamped row stands at its left's voltage, or at 0 V; between two such ends (one more turned bottom and
        # top) each bears half.
        shares = np.where(rows.start[part] == 0, np.where(rows.end[part] == 0, 0.5, 1.0), 0.0)
        driven += held * np.where(rows.clamped[part], shares, 0.0)[:, None]
        np.einsum("iki->ki", resistance)[:] /= 2
        for line, own in enumerate(held):
            yield own[:, None] * resistance[:, line] * own, driven[line]


def line_resistances(lines: Lines, part: slice, cells: Array) -> Array:
    """Return potentials (V) along lines for 1 A into each node, their cells leading to 0 V.

    Args:
        lines: of which
        part: are looked at.
        cells: conductances on them, shape (lines, nodes) (S).

    Returns:
        By node, line and node into which the current goes, shape (nodes, lines, nodes); 0 where the second node comes
        before the first, since the matrix of each line is symmetric.
    """
    nodes, segment = cells.shape[1], lines.segment
    passed, own = np.empty_like(cells), np.empty_like(cells)
    excess = lines.at_start[part]
    for node in range(nodes):
        own[:, node] = excess = excess + cells[:, node]
        passed[:, node] = 1.0 / (1.0 + segment * excess)
        excess = excess * passed[:, node]
    excess = lines.at_end[part]
    for node in range(nodes - 1, -1, -1):
        own[:, node] += excess
        excess = excess + cells[:, node]
        excess = excess / (1.0 + segment * excess)
    resistance = np.zeros((nodes, len(cells), nodes))
    held = np.zeros_like(own)
    np.divide(1.0, own, out=held, where=(own > 0) & ~lines.clamped[part, None])
    np.einsum("iki->ki", resistance)[:] = held
    for node in range(nodes - 2, -1, -1):
        np.multiply(passed[:, node, None], resistance[node + 1, :, node + 1 :], out=resistance[node, :, node + 1 :])
    return resistance


def _bottom_currents(columns: Lines, excess: Array, driven: Array) -> Array:
    """Return the currents (A) out of the columns' bottoms behind the last row.

    A column's last potential is p x and its current c x, where p and c follow from its termination, open or clamped
    ones included; then driven = current + excess * potential.
    """
    is_open = np.isinf(columns.end)
    potential = np.where(columns.clamped, 0.0, np.where(is_open, 1.0, columns.segment + columns.end))
    matrix = excess * potential
    diagonal = np.arange(len(potential))
    # A column that hangs on nothing has no cells left: any equation does for its potential.
    hanging = is_open & ~columns.clamped & (excess[diagonal, diagonal] == 0)
    matrix[diagonal, diagonal] += np.where(is_open & ~columns.clamped & ~hanging, 0.0, 1.0)
    _, _, found, info = dgesv(matrix, driven)
    if info != 0:
        raise ModelError(TOO_UNEQUAL)
    # Of what reaches a clamped column, the bottom's share; of an open one, nothing.
    share = np.where(columns.clamped, 1.0 - columns.start_shares()[:, -1], np.where(is_open, 0.0, 1.0))
    return np.ascontiguousarray(share[:, None] * found)


TOO_UNEQUAL = "the crossbar's transfer matrix cannot be worked out: its conductances are too unequal"
