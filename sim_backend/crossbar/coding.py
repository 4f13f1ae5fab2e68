"""Mean output currents of a product: what a gated integrator collects over a slot while inputs are coded in time.

Width coding: each input line stands at the floor plus the pulse height for its own width, and at the floor for the
rest of the slot. Between two switching instants nothing moves, so the mean is that of one operating point for each
distinct pattern of lines still on, weighted with how long it lasts. With linear cells that equals one operating point
at the lines' mean voltages. Charging of the lines is not part of the circuit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from labctl.errors import ModelError
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.network import Network
from sim_backend.crossbar.nonlinear import TOLERANCE, solve_nonlinear
from sim_backend.crossbar.schemes import IDEAL, Direction, LineResistances, product_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.crossbar.network import Solution
    from sim_backend.crossbar.nonlinear import ArrayLaw

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]


class Product(Protocol):
    """An array whose input lines are driven and whose output lines are read at virtual ground."""

    @property
    def linear(self) -> bool:
        """Whether currents add up when input voltages do."""
        ...

    def currents(self, voltages: Array) -> Array:
        """Return output currents, shape (n, outputs) (A), at input `voltages`, shape (n, inputs) (V)."""
        ...


class LinearProduct:
    """A product with linear cells: one transfer matrix, made once.

    Args:
        conductance: of the cells, shape (rows, columns) (S).
        direction: which lines are inputs.
        resistances: of wires, drivers and readers.

    Raises:
        ModelError: no array could have these conductances.
    """

    linear = True

    def __init__(
        self, conductance: Array, direction: Direction = Direction.ROWS_IN, resistances: LineResistances = IDEAL
    ) -> None:
        shape: tuple[int, int] = (conductance.shape[0], conductance.shape[1])
        network = product_lines(shape, direction, np.zeros(shape[direction], dtype=np.float64), resistances).network
        column_by_row = LinearCrossbar(network, conductance).transfer()
        if resistances.both_ends and direction is Direction.ROWS_IN:
            # The sources at the right ends act like those at the left ends of the mirrored array.
            column_by_row = column_by_row + LinearCrossbar(*_mirrored(network, conductance)).transfer()[::-1]
        elif resistances.both_ends:
            column_by_row = column_by_row + LinearCrossbar(*_upended(network, conductance)).transfer()[:, ::-1]
        # Resistors are reciprocal: a column's voltage drives a row's current as the row's would drive the column's.
        self.transfer: Array = column_by_row.T if direction is Direction.ROWS_IN else column_by_row
        """Output current over input voltage, shape (inputs, outputs) (S)."""

    def currents(self, voltages: Array) -> Array:
        """Return output currents, shape (n, outputs) (A), at input `voltages`, shape (n, inputs) (V)."""
        return voltages @ self.transfer


class NonlinearProduct:
    """A product with cells that follow any rising law: one operating point a vector, each started from the last one.

    Args:
        law: of the cells.
        shape: rows and columns.
        direction: which lines are inputs.
        resistances: of wires, drivers and readers.
        tolerance: of each operating point, as in `solve_nonlinear`.
    """

    linear = False

    def __init__(
        self,
        law: ArrayLaw,
        shape: tuple[int, int],
        direction: Direction = Direction.ROWS_IN,
        resistances: LineResistances = IDEAL,
        tolerance: float = TOLERANCE,
    ) -> None:
        self._law = law
        self._shape = shape
        self._direction = direction
        self._wiring = resistances
        self._tolerance = tolerance
        self._last: tuple[Array, Solution] | None = None

    def currents(self, voltages: Array) -> Array:
        """Return output currents, shape (n, outputs) (A), at input `voltages`, shape (n, inputs) (V)."""
        current = np.empty((len(voltages), self._shape[1 - self._direction]))
        for k, vector in enumerate(voltages):
            solution = self.solve(vector)
            current[k] = solution.bottom if self._direction is Direction.ROWS_IN else solution.left
        return current

    def solve(self, voltages: Array) -> Solution:
        """Return the operating point at input `voltages`, shape (inputs,) (V)."""
        driven = product_lines(self._shape, self._direction, voltages, self._wiring)
        found = solve_nonlinear(
            driven.network, self._law, driven.sources, start=self._start(voltages), tolerance=self._tolerance
        )
        self._last = (voltages.copy(), found)
        return found

    def _start(self, voltages: Array) -> Solution | None:
        """Return the last solution with each input line moved by as much as its source has been."""
        if self._last is None:
            return None
        told, last = self._last
        moved = voltages - told
        if self._direction is Direction.ROWS_IN:
            return replace(last, row_potential=last.row_potential + moved[:, None])
        return replace(last, column_potential=last.column_potential + moved)


def amplitude_coded(product: Product, voltages: Array, floor: float = 0.0) -> Array:
    """Return mean output currents while each input stands at the floor plus its own voltage for the whole slot.

    Args:
        product: the array.
        voltages: of the inputs, shape (n, inputs) (V).
        floor: added to every input (V).

    Returns:
        Currents, shape (n, outputs) (A).
    """
    return product.currents(floor + voltages)


def width_coded(product: Product, widths: Array, slot: float, height: float, floor: float = 0.0) -> Array:
    """Return mean output currents over a slot while each input is at the floor plus `height` for its own width.

    Args:
        product: the array.
        widths: of the inputs' pulses, shape (n, inputs), 0 to `slot` (s).
        slot: time over which the outputs are averaged (s).
        height: of every pulse (V).
        floor: level of an input before, after and without its pulse (V).

    Returns:
        Currents, shape (n, outputs) (A).

    Raises:
        ModelError: a width is undefined, negative or longer than the slot.
    """
    wrong = ~((widths >= 0) & (widths <= slot))
    if wrong.any():
        vector, line = (int(index[0]) for index in np.nonzero(wrong))
        raise ModelError(f"vector {vector}, input {line}: a width of {widths[vector, line]} s in a slot of {slot} s")
    if product.linear:
        return product.currents(floor + height * (widths / slot))
    on, vector, share = patterns(widths / slot)
    distinct, which = _distinct(on)
    currents = product.currents(floor + height * distinct.astype(np.float64))
    mean = np.zeros((len(widths), currents.shape[1]))
    np.add.at(mean, vector, share[:, None] * currents[which])
    return mean


def patterns(shares: Array) -> tuple[Flags, NDArray[np.intp], Array]:
    """Return the patterns of lines that are on, one after the other, vector by vector.

    Args:
        shares: of the slot during which each line is on, shape (n, inputs), 0 to 1.

    Returns:
        Lines that are on, shape (k, inputs); the vector each pattern belongs to, shape (k,); the share of the slot for
        which it lasts, shape (k,), above 0. The shares of a vector add up to 1.
    """
    count = len(shares)
    edges = np.concatenate((np.zeros((count, 1)), np.sort(shares, axis=1), np.ones((count, 1))), axis=1)
    lasting = np.diff(edges, axis=1)
    vector, begin = np.nonzero(lasting > 0)
    on = shares[vector] > edges[vector, begin][:, None]
    return on, vector, lasting[vector, begin]


def _distinct(on: Flags) -> tuple[Flags, NDArray[np.intp]]:
    """Return each pattern once, in the order of its first appearance, and which of them each of `on` is."""
    packed = np.packbits(on, axis=1)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return on[first[order]], place[which.reshape(-1)]


def _mirrored(network: Network, conductance: Array) -> tuple[Network, Array]:
    """Return an array seen from behind: columns in reverse order, left and right exchanged."""
    turned = Network(
        network.row_segment,
        network.column_segment,
        left=network.right,
        right=network.left,
        top=network.top[::-1],
        bottom=network.bottom[::-1],
    )
    return turned, conductance[:, ::-1]


def _upended(network: Network, conductance: Array) -> tuple[Network, Array]:
    """Return an array turned upside down: rows in reverse order, top and bottom exchanged."""
    turned = Network(
        network.row_segment,
        network.column_segment,
        left=network.left[::-1],
        right=network.right[::-1],
        top=network.bottom,
        bottom=network.top,
    )
    return turned, conductance[::-1]
