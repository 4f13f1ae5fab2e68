"""How well currents add up: what wires and rectifying cells spoil, and the floor that mends it.

Rows are parted at random in two; what the columns carry while one part is high, plus the same of the other, must be
what they carry while all are high, plus what they carry while none is. A cell that blocks, as its column's line has
risen above its row's, spoils the sum. A floor below all rows just above the columns' own rise keeps every cell forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import Coding, Direction, ProductSetup
from labctl.errors import EquipmentError
from protocols.board_requests import request_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.instruments import ProbeBoard
    from protocols.array_region import Region

SPLITS = 13
"""Partings of the rows that one figure comes from: with what belongs to them as many as a request holds of 64 lines."""
LADDER = (0.0, *(1e-3 * 2 ** (step / 2) for step in range(14)))
"""Floors that are tried, as shares of the input's voltage: up to 9 %, in steps of the square root of 2."""
NEARLY = 1.4
"""A floor is high enough where the sum is off by no more than this times the least (3 dB): chance makes 1 dB."""
GUARD = 2.0
"""By how much the floor lies above the lowest one that is high enough: what few vectors show is not the worst case, and
too high a floor costs little (1 dB at ten times the columns' rise; design study of this project, 2026)."""


@dataclass(frozen=True, slots=True)
class Floor:
    """A floor that was tried.

    Args:
        voltage: V.
        error: root mean square by which the sum is off, relative to the currents.
    """

    voltage: float
    error: float


class SuperpositionTest:
    """Parts rows, and adds up what came.

    Args:
        board: in an open session.
        die: its shape counts.
        region: whose lines take part.
        voltage: of a row that is high, above the floor (V).
        slot: s.
        averages: slots.
        seed: of the partings.
    """

    def __init__(
        self, board: ProbeBoard, die: Die, region: Region, voltage: float, slot: float, averages: int, seed: int = 0
    ) -> None:
        self._board = board
        self._lines = die.rows
        self._size = request_vectors(Direction.ROWS_IN, (die.rows, die.columns), averages, slot)
        self._region = region
        self._voltage = voltage
        self._setup = ProductSetup(Coding.AMPLITUDE, Direction.ROWS_IN, slot, averages)
        chance = np.random.default_rng(seed)
        parts = [chance.permutation(region.rows) < region.rows // 2 for _ in range(SPLITS)]
        self._parts: NDArray[np.bool_] = np.array(parts)

    def error(self, floor: float) -> float:
        """Return by how much sums are off above a `floor` (V), relative to the currents; root mean square.

        Raises:
            EquipmentError: if a reader was saturated or a line held back, or nothing carries a current.
        """
        some = np.zeros((2, self._region.rows), np.bool_)
        some[0] = True
        patterns = np.concatenate((some, self._parts, ~self._parts))
        inputs = np.zeros((len(patterns), self._lines))
        inputs[:, self._region.row_lines()] = self._voltage * patterns
        current = self._currents(inputs, replace(self._setup, floor=floor))
        whole, none, first, second = current[0], current[1], current[2 : 2 + SPLITS], current[2 + SPLITS :]
        off: NDArray[np.float64] = first + second - whole - none
        rise: NDArray[np.float64] = whole - none
        carried = float(np.mean(rise**2))
        if carried == 0:
            raise EquipmentError(
                "with all rows driven no column carries a current: there is nothing to find a floor by"
            )
        return math.sqrt(float(np.mean(off**2)) / carried)

    def _currents(self, inputs: NDArray[np.float64], setup: ProductSetup) -> NDArray[np.float64]:
        """Return the columns' currents (A), in as few requests as hold the inputs."""
        columns = self._region.column_lines()
        found: list[NDArray[np.float64]] = []
        for first in range(0, len(inputs), self._size):
            readings = self._board.multiply(inputs[first : first + self._size], setup)
            if (readings.saturated | readings.in_compliance)[:, columns].any():
                raise EquipmentError(
                    "with half of the rows driven, or all, a column saturated its reader or was held back by a limit: "
                    "no floor is found; lower the voltage, or look for a short with `labctl run screen`"
                )
            found.append(readings.current[:, columns])
        return np.concatenate(found)

    def find_floor(self, highest: float) -> Floor:
        """Return a floor, `highest` (V) at most, somewhat above the lowest at which currents add up best."""
        floors = [share * self._voltage for share in LADDER if share * self._voltage <= highest]
        tried = [Floor(floor, self.error(floor)) for floor in floors]
        enough = NEARLY * min(each.error for each in tried)
        lowest = next(each for each in tried if each.error <= enough)
        return Floor(min(GUARD * lowest.voltage, highest), lowest.error)
