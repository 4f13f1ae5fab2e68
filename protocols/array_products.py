"""Vectors through the array: passes in batches of what one request holds, and the currents they amount to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import Direction, ProductSetup
from labctl.errors import EquipmentError
from labctl.units import format_quantity
from protocols.analysis.input_coding import InputCoding, Pass
from protocols.board_requests import request_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.instruments import ProbeBoard
    from protocols.array_region import Region

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """What n vectors brought.

    Args:
        current: the passes' currents, summed up by how much each counts, shape (n, outputs) (A).
        drive: what the lines were driven by, summed up likewise, shape (n, inputs) (V).
        passes: electrical passes that it took.
    """

    current: Array
    drive: Array
    passes: int


class ArrayProducts:
    """Multiplies vectors with the cells of a region; lines outside of it get no pulse.

    Args:
        board: in an open session.
        die: its shape counts.
        region: whose lines take part.
        coding: how inputs are put on lines.
        slot: time over which each output is averaged (s).
        averages: slots that are averaged.
        floor: level of an input line without its pulse (V).
        direction: rows in and columns out, or the other way round.
    """

    def __init__(
        self,
        board: ProbeBoard,
        die: Die,
        region: Region,
        coding: InputCoding,
        *,
        slot: float,
        averages: int,
        floor: float = 0.0,
        direction: Direction = Direction.ROWS_IN,
    ) -> None:
        self._board = board
        self._lines = direction.sides(die.rows, die.columns)[0]
        sides = region.row_lines(), region.column_lines()
        self._inputs, self._outputs = sides if direction is Direction.ROWS_IN else sides[::-1]
        self.coding = coding
        self.region = region
        self.setup = ProductSetup(coding.board, direction, slot, averages, floor, coding.voltage)
        self.vectors_max = request_vectors(direction, (die.rows, die.columns), averages, slot)

    def passes_of(self, signed: bool) -> int:
        """Return how many passes a vector takes."""
        return self.coding.count(signed)

    def batch(self, signed: bool) -> int:
        """Return how many vectors one request holds with all their passes; 1 if their passes take several."""
        return max(1, self.vectors_max // self.coding.count(signed))

    def multiply(self, vectors: Array, signed: bool | None = None) -> Products:
        """Return what `vectors` of -1..1, shape (n, inputs), bring.

        Args:
            vectors: as many inputs as the region has lines on that side.
            signed: whether a pass for inputs below 0 is made; None: where there are any.

        Raises:
            EquipmentError: if a reader was saturated or a line held back: the result would be no product.
        """
        two_signs = bool((vectors < 0).any()) if signed is None else signed
        size = self.batch(two_signs)
        pieces = [self._batch(vectors[first : first + size], two_signs) for first in range(0, len(vectors), size)]
        return Products(
            np.concatenate([piece.current for piece in pieces]),
            np.concatenate([piece.drive for piece in pieces]),
            sum(piece.passes for piece in pieces),
        )

    def single(self, vectors: Array) -> Products:
        """Return what `vectors` of 0..1, shape (n, inputs), bring in one pass each, what a floor lets through included.

        For codings of one pass a sign.
        """
        (only,) = self.coding.passes(vectors, signed=False)
        current, drive = self._raw(only.inputs)
        return Products(current, drive, len(vectors))

    def _batch(self, vectors: Array, signed: bool) -> Products:
        passes = self.coding.passes(vectors, signed)
        if not signed and self.setup.floor > 0:
            # What all lines at the floor let through goes with a pass that carries nothing.
            passes = [*passes, Pass(np.zeros_like(vectors), -sum(each.weight for each in passes))]
        inputs = np.concatenate([each.inputs for each in passes])
        weights = np.repeat([each.weight for each in passes], len(vectors))
        current, drive = self._raw(inputs)
        shape = len(passes), len(vectors), -1
        return Products(
            (weights[:, None] * current).reshape(shape).sum(axis=0),
            (weights[:, None] * drive).reshape(shape).sum(axis=0),
            len(inputs),
        )

    def _raw(self, inputs: Array) -> tuple[Array, Array]:
        """Return currents and drives of single passes, in as few requests as hold them."""
        found = [self._request(inputs[rows]) for rows in self._requests(len(inputs))]
        return np.concatenate([current for current, _ in found]), np.concatenate([drive for _, drive in found])

    def _requests(self, count: int) -> Iterator[slice]:
        for first in range(0, count, self.vectors_max):
            yield slice(first, first + self.vectors_max)

    def _request(self, inputs: Array) -> tuple[Array, Array]:
        whole = np.zeros((len(inputs), self._lines))
        whole[:, self._inputs] = inputs
        readings = self._board.multiply(whole, self.setup)
        if readings.saturated[:, self._outputs].any() or readings.in_compliance[:, self._outputs].any():
            what = "saturated a reader" if readings.saturated[:, self._outputs].any() else "was held back by a limit"
            raise EquipmentError(
                f"a product at {format_quantity(self.coding.voltage, 'V')} {what}, so its currents are no product; "
                "lower the voltage, or look for a short with `labctl run screen`"
            )
        drive = self.coding.drive(readings.inputs[:, self._inputs], readings.low, readings.high)
        return readings.current[:, self._outputs], drive
