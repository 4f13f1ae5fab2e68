"""Passes through the array one by one, with the voltages that the lines really stood at and all columns' currents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import Coding
from labctl.errors import EquipmentError
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.instruments import ProbeBoard
    from protocols.array_products import ArrayProducts

    Array = NDArray[np.float64]

IDLE = 16
"""Passes with no line driven."""
AMPLITUDES = 8
"""Voltages at which each line is measured alone where inputs are amplitudes: straight lines between them are within
0.1 % of the power of cells that conduct like a sinh."""


@dataclass(frozen=True, slots=True, eq=False)
class LinePasses:
    """What n passes were, and what they brought.

    Args:
        voltage: of the region's input lines during their pulses, shape (n, lines) (V).
        share: of the slot that the pulses take, shape (n, lines).
        floor: level of input lines without a pulse (V).
        current: of all columns of the die, in the region or not, shape (n, columns) (A).
    """

    voltage: Array
    share: Array
    floor: float
    current: Array


class LinePassReader:
    """Makes passes; the lines of the region are inputs, all columns are outputs.

    Args:
        board: in an open session.
        die: its shape counts.
        products: of the region, rows in.
    """

    def __init__(self, board: ProbeBoard, die: Die, products: ArrayProducts) -> None:
        self._board = board
        self._products = products
        self._lines = die.rows
        self._rows = products.region.row_lines()
        self._setup = products.setup

    def idle(self) -> LinePasses:
        """Return passes with all lines at the floor: some, as what they bring is taken from all others."""
        return self._passes(np.zeros((IDLE, self._products.region.rows)))

    def lines_alone(self) -> Iterator[LinePasses]:
        """Yield passes in which one line after the other has a full pulse: at full height, or at each of some heights.

        Each item holds all lines at one height, heights rising.
        """
        for height in self._heights():
            yield self._passes(height * np.eye(self._products.region.rows))

    def vectors(self, vectors: Array, signed: bool) -> list[LinePasses]:
        """Return each of the passes that `vectors` of -1..1, shape (n, lines), take.

        Without a sign, one that takes out what lines at a floor let through is among them.
        """
        inputs = [each.inputs for each in self._products.coding.passes(vectors, signed)]
        if not signed and self._setup.floor > 0:
            inputs.append(np.zeros_like(vectors))
        return [self._passes(each) for each in inputs]

    def _heights(self) -> list[float]:
        coding = self._products.coding
        if self._setup.coding is Coding.WIDTH:
            return [self._setup.slot]
        if coding.count(signed=False) > 1:
            return [coding.voltage]
        return (coding.voltage * np.arange(1, AMPLITUDES + 1) / AMPLITUDES).tolist()

    def _passes(self, inputs: Array) -> LinePasses:
        most = self._products.vectors_max
        found = [self._request(inputs[first : first + most]) for first in range(0, len(inputs), most)]
        return LinePasses(
            np.concatenate([each.voltage for each in found]),
            np.concatenate([each.share for each in found]),
            found[0].floor,
            np.concatenate([each.current for each in found]),
        )

    def _request(self, inputs: Array) -> LinePasses:
        whole = np.zeros((len(inputs), self._lines))
        whole[:, self._rows] = inputs
        readings = self._board.multiply(whole, self._setup)
        if readings.saturated.any() or readings.in_compliance.any():
            what = "saturated a reader" if readings.saturated.any() else "was held back by a limit"
            raise EquipmentError(
                f"a product at {format_quantity(self._products.coding.voltage, 'V')} {what}, so its currents are not "
                "what the array takes; lower the voltage, or look for a short with `labctl run screen`"
            )
        own = readings.inputs[:, self._rows]
        if self._setup.coding is Coding.WIDTH:
            share = own / self._setup.slot
            return LinePasses(np.full_like(own, readings.high), share, readings.low, readings.current)
        return LinePasses(own, np.ones_like(own), self._setup.floor, readings.current)
