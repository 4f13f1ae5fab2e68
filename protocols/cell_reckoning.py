"""Cells' own conductances, reckoned out of what reads through wires of a known resistance show.

A read drives a whole row: what one cell shows depends on all others of its row and column, and so all are reckoned
together from what each of them showed last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import ReadScheme
from protocols.analysis.array_law import ArrayLaw
from protocols.analysis.de_embedding import de_embedded
from protocols.analysis.wire_network import Wires

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

EXACT = 1e-7
"""Share of the largest read that the reads of the cells found may be off by: 0.002 levels."""


class CellReckoning:
    """What the cells of a whole die showed last, and what they conduct.

    Args:
        shape: rows and columns of the die.
        segment_resistance: of the wire from one crossing to the next (ohm), rows and columns alike.
        conduction_voltage: V0 (V) of the cells' current, I ~ sinh(V / V0).
    """

    def __init__(self, shape: tuple[int, int], segment_resistance: float, conduction_voltage: float) -> None:
        self._wires = Wires(segment_resistance, segment_resistance)
        self._bend = conduction_voltage
        self._shown = np.zeros(shape)
        self._own = np.zeros(shape)
        self.is_known = False
        """Whether every cell was read."""

    def memory(self) -> Array:
        """Return all that is known, as one row of floats."""
        return np.concatenate(([float(self.is_known)], self._shown.reshape(-1), self._own.reshape(-1)))

    def recall(self, memory: Array) -> None:
        """Know what another one knew."""
        self.is_known = bool(memory[0])
        shown, own = np.split(memory[1:], 2)
        self._shown, self._own = shown.reshape(self._shown.shape).copy(), own.reshape(self._own.shape).copy()

    def take(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64], shown: Array, scheme: ReadScheme
    ) -> tuple[Array, Array]:
        """Take what cells of the die show (S), shape (n,), and return what they conduct (S), and that over `shown`.

        Reads are taken for free of what rows that are not read let through.

        Raises:
            EquipmentError: if no cells explain the reads: the resistance is not that of these wires.
        """
        self._shown[rows, columns] = np.maximum(shown, 0.0)
        if not self.is_known:
            self._own, self.is_known = self._shown.copy(), True
        blocks = np.inf if scheme is ReadScheme.REVERSE else 1.0
        law = ArrayLaw(self._own, self._bend, blocks)
        self._own = de_embedded(self._shown, self._wires, law, scheme=scheme, tolerance=EXACT)
        own = self._own[rows, columns]
        return own, own / np.maximum(shown, 1e-12)
