"""Linear cells: one circuit, solved for any sources; one transfer matrix for many vectors of row voltages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ModelError
from sim_backend.crossbar.circuit import Circuit, drive_of, solution_of
from sim_backend.crossbar.network import Network, Solution, Sources
from sim_backend.crossbar.transfer import transfer_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class LinearCrossbar:
    """A crossbar of linear cells.

    Args:
        network: everything but the cells.
        conductance: of the cells, shape (rows, columns) (S).

    Raises:
        ModelError: no cells could have these conductances.
    """

    def __init__(self, network: Network, conductance: Array) -> None:
        given = np.array(conductance, dtype=np.float64)
        network.check_conductances(given)
        self.network = network
        self._conductance = given
        self._circuit = Circuit(network, given)
        self._transfer: Array | None = None

    @property
    def conductance(self) -> Array:
        """Conductances of the cells (S), shape (rows, columns); a copy."""
        return self._conductance.copy()

    def solve(self, sources: Sources) -> Solution:
        """Return potentials and currents for any voltages of the sources."""
        circuit = self._circuit
        drive = drive_of(circuit.rows, circuit.columns, sources)
        potentials = circuit.solve(*drive.injections(circuit.conductance))
        row = potentials.row + drive.row_potential[:, None]
        column = potentials.column + drive.column_potential
        return solution_of(circuit.rows, circuit.columns, sources, (row, column), circuit.conductance * (row - column))

    def transfer(self) -> Array:
        """Return the currents (A) out of the bottoms for 1 V at each left, shape (columns, rows) (S); read-only.

        All other sources stand at 0 V. It is worked out when first needed and kept up to date by `change`.
        """
        if self._transfer is None:
            self._transfer = _frozen(transfer_matrix(self.network, self._conductance))
        return self._transfer

    def currents(self, left_voltages: Array) -> Array:
        """Return bottom currents, shape (n, columns) (A), for n vectors of left voltages, shape (n, rows) (V).

        All other sources stand at 0 V.

        Raises:
            ModelError: the vectors do not have one voltage for each row.
        """
        if left_voltages.ndim != 2 or left_voltages.shape[1] != self.network.shape[0]:
            raise ModelError(
                f"left voltages have shape {left_voltages.shape}, the crossbar {self.network.shape[0]} rows"
            )
        return left_voltages @ self.transfer().T

    def change(self, row: int, column: int, conductance: float) -> None:
        """Give one cell another conductance (S).

        A transfer matrix that is there is changed exactly (Sherman-Morrison), at the cost of one solution.

        Raises:
            ModelError: there is no such cell, or none could have this conductance.
        """
        if not (0 <= row < self.network.shape[0] and 0 <= column < self.network.shape[1]):
            raise ModelError(f"cell ({row}, {column}) is not one of {self.network.shape}")
        if not (np.isfinite(conductance) and conductance >= 0):
            raise ModelError(f"cell ({row}, {column}) has {conductance} S: finite and 0 or more is possible")
        difference = float(conductance) - float(self._conductance[row, column])
        if difference == 0:
            return
        before, matrix = self._circuit, self._transfer
        conductances = self._conductance.copy()
        conductances[row, column] = conductance
        after = Circuit(self.network, conductances)
        # Where lines hang on nothing, or come to, a cell joins or parts circuits: no small change of a matrix.
        whole = before.conductance is self._conductance and after.conductance is conductances
        self._conductance, self._circuit, self._transfer = conductances, after, None
        if matrix is not None and whole:
            # Seen from the circuit in which the cell conducts less, no digits are lost.
            without = before if difference > 0 else after
            self._transfer = _frozen(matrix - _difference(without, row, column, difference))


def _difference(circuit: Circuit, row: int, column: int, difference: float) -> Array:
    """Return by how much the transfer matrix falls (S) when one cell of it gains `difference` (S).

    Args:
        circuit: before, or behind, whichever has the cell conduct less.
        row: of the cell.
        column: of the cell.
        difference: behind minus before.
    """
    shape = circuit.conductance.shape
    into_rows, into_columns = np.zeros(shape), np.zeros(shape)
    into_rows[row, column], into_columns[row, column] = 1.0, -1.0
    potentials = circuit.solve(into_rows, into_columns)
    voltage = potentials.row - potentials.column
    current = circuit.conductance * voltage
    current[row, column] -= 1.0
    nowhere = Sources(*(np.zeros(count) for count in (shape[0], shape[0], shape[1], shape[1])))
    found = solution_of(circuit.rows, circuit.columns, nowhere, (potentials.row, potentials.column), current)
    # By reciprocity, what 1 A at the cell sends out of the lefts is the cell's voltage for 1 V at each left.
    across = -found.left
    scaled = across * (difference / (1.0 + abs(difference) * float(voltage[row, column])))
    return found.bottom[:, None] * scaled


def _frozen(matrix: Array) -> Array:
    matrix.flags.writeable = False
    return matrix
