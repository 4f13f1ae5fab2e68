"""One kind of line (the rows, or the columns) as equal chains of resistors between two terminations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.crossbar.network import Network

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

CONDUCTING_MIN = 1e-100
"""Smallest conductance (S) that joins two lines: its reciprocal, and products of it, must exist."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """`len(start)` lines of `nodes` nodes; its methods speak of sources behind their starts and ends.

    Args:
        name: of one line, for messages.
        nodes: of one line.
        segment: resistance between neighbouring nodes, and between an end and its termination (ohm).
        start: shape (count,), terminating resistance in front of node 0 (ohm, inf where open).
        end: shape (count,), behind the last node.
    """

    name: str
    nodes: int
    segment: float
    start: Array
    end: Array
    clamped: Flags = field(init=False)
    """Which lines stand at the voltage of a source, whatever they carry."""
    at_start: Array = field(init=False)
    """Conductance between node 0 and the source (S); 0 where open, and for clamped lines."""
    at_end: Array = field(init=False)
    """Likewise, of the last node."""

    def __post_init__(self) -> None:
        to_start, to_end = self.start + self.segment, self.end + self.segment
        clamped = np.minimum(to_start, to_end) == 0
        # A clamped line takes part with what its source's voltage does to its cells, and moves with nothing.
        if clamped.any():
            to_start[clamped] = to_end[clamped] = np.inf
        object.__setattr__(self, "clamped", clamped)
        object.__setattr__(self, "at_start", 1.0 / to_start)
        object.__setattr__(self, "at_end", 1.0 / to_end)

    @property
    def floating(self) -> Flags:
        """Which lines are open at both ends."""
        return np.isinf(self.start) & np.isinf(self.end)

    def clamp_potentials(self, start: Array, end: Array) -> Array:
        """Return the potentials (V) of clamped lines, 0 for all others.

        Args:
            start: voltages behind the starts, shape (count,) (V).
            end: behind the ends.

        Raises:
            ModelError: two sources of different voltages meet on a line without resistance.
        """
        if self.segment > 0:
            return np.zeros_like(start)
        by_start, by_end = self.start == 0, self.end == 0
        shorted = by_start & by_end & (start != end)
        if shorted.any():
            line = int(np.argmax(shorted))
            raise ModelError(
                f"{self.name} {line}: {start[line]} V and {end[line]} V meet on a line of 0 ohm, an infinite current"
            )
        return np.where(by_start, start, np.where(by_end, end, 0.0))

    def end_currents(self, leaving: Array, start: Array, end: Array) -> tuple[Array, Array]:
        """Return the currents (A) from the sources into the lines, start and end.

        They follow from the currents through the cells, not from small differences of potentials: each cell's
        current divides between the two ends as the resistances towards them demand.

        Args:
            leaving: current that leaves each node through its cell, shape (count, nodes) (A).
            start: voltages behind the starts, shape (count,) (V).
            end: behind the ends.
        """
        open_start, open_end = np.isinf(self.start), np.isinf(self.end)
        if open_end.all():
            return np.where(open_start, 0.0, leaving.sum(axis=1)), np.zeros_like(end)
        if open_start.all():
            return np.zeros_like(start), np.where(open_end, 0.0, leaving.sum(axis=1))
        shares = self.start_shares()
        through = self._through(start, end)
        at_start = np.einsum("ij,ij->i", leaving, shares)
        at_end = np.einsum("ij,ij->i", leaving, 1.0 - shares)
        return np.where(open_start, 0.0, at_start + through), np.where(open_end, 0.0, at_end - through)

    def start_shares(self) -> Array:
        """Return which share of a current that leaves node k comes from the start, shape (count, nodes).

        Where two terminations of 0 ohm meet on a line of 0 ohm, each bears half: the limit of equal small ones.
        """
        to_end = self.end[:, None] + self.segment * np.arange(self.nodes, 0, -1)
        to_start = self.start[:, None] + self.segment * np.arange(1, self.nodes + 1)
        total = to_start + to_end
        shares = np.full_like(total, 0.5)
        np.divide(to_end, total, out=shares, where=np.isfinite(total) & (total > 0))
        shares[np.isinf(self.end)] = 1.0
        shares[np.isinf(self.start)] = 0.0
        return shares

    def _through(self, start: Array, end: Array) -> Array:
        """Return the currents (A) that flow from starts to ends whatever the cells do."""
        resistance = self.start + self.end + (self.nodes + 1) * self.segment
        through = np.zeros_like(start)
        np.divide(start - end, resistance, out=through, where=np.isfinite(resistance) & (resistance > 0))
        return through


def rows_of(network: Network) -> Lines:
    """Return the row lines, left to right."""
    return Lines("row", len(network.top), float(network.row_segment), network.left, network.right)


def columns_of(network: Network) -> Lines:
    """Return the column lines, top to bottom."""
    return Lines("column", len(network.left), float(network.column_segment), network.top, network.bottom)


def conducting(conductance: Array, rows: Lines, columns: Lines) -> Array:
    """Return the conductances (S) with those between lines that hang on nothing at all replaced by 0.

    A floating line that no path of conducting cells joins to any source has no defined potential; without its cells
    it is a line that carries nothing, at 0 V.
    """
    row_holds, column_holds = holding(conductance, rows, columns)
    if row_holds.all() and column_holds.all():
        return conductance
    return np.where(row_holds[:, None] & column_holds, conductance, 0.0)


def holding(conductance: Array, rows: Lines, columns: Lines) -> tuple[Flags, Flags]:
    """Return which rows and which columns are joined to any source, if only through cells."""
    row_holds, column_holds = ~rows.floating, ~columns.floating
    if row_holds.all() and column_holds.all():
        return row_holds, column_holds
    joined = conductance > CONDUCTING_MIN
    while True:
        more_rows = row_holds | joined[:, column_holds].any(axis=1)
        more_columns = column_holds | joined[more_rows].any(axis=0)
        if (more_rows == row_holds).all() and (more_columns == column_holds).all():
            return row_holds, column_holds
        row_holds, column_holds = more_rows, more_columns
