"""Evenly spaced reads of one cell, in requests as long as a board allows.

A board converts consecutive cells of one row together, so that one cell asked for many times in a row is converted
once. Between two reads of the cell stands one of a cell in another row: with it the board goes to the cell anew, at a
pace that its own clock sets and no link disturbs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import Cell
from labctl.errors import EquipmentError, ParameterError
from protocols.board_requests import READS_MAX, REQUEST_TIME, read_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.board_data import CellReadings
    from labctl.instruments import ProbeBoard

REQUEST_READS = READS_MAX // 2
"""Reads of the cell in one request: the others are those between them."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Which cell is read, and which one in another row stands between its reads."""

    cell: Cell
    between: Cell

    @classmethod
    def beside(cls, cell: Cell, rows: int, columns: int) -> Turns:
        """Return the turns of a cell with its neighbour in the next row and column, whose reader is another one.

        Raises:
            ParameterError: if the die has one row only.
        """
        if rows < 2:
            raise ParameterError("a die of one row gives no second one, without which a board reads a cell but once")
        return cls(cell, Cell((cell.row + 1) % rows, (cell.column + 1) % columns))


@dataclass(frozen=True, slots=True)
class ReadsMemory:
    """Whether reads were found to move the cell: nothing is measured from then on."""

    disturbed: bool = False


def spacing(samples: int) -> float:
    """Return the time (s) from one read of the cell to the next, with the one between."""
    return 2 * read_time(samples)


def reads_in_request(samples: int) -> int:
    """Return how many reads of so many samples one request holds."""
    return max(1, min(REQUEST_READS, int(REQUEST_TIME / spacing(samples))))


def check_requests(levels: Sequence[int], samples: int, least: int) -> None:
    """Refuse levels that stand there twice, and samples of which a request holds too few reads.

    Args:
        levels: that are to be read.
        samples: of a read.
        least: fewest reads of a request.

    Raises:
        ParameterError: names the parameter.
    """
    if len(set(levels)) < len(levels):
        raise ParameterError("--set levels: a level stands there twice")
    if reads_in_request(samples) < least:
        raise ParameterError(
            f"--set samples: a request of 4 s holds fewer than {least} reads of {samples} samples each"
        )


def read_in_turns(board: ProbeBoard, turns: Turns, voltage: float, samples: int, count: int) -> NDArray[np.float64]:
    """Return `count` conductances (S) of the cell, evenly spaced: one request.

    Raises:
        EquipmentError: if a read is no measurement.
    """
    readings = board.read([turns.cell, turns.between] * count, voltage, samples)
    return conductances(readings, turns.cell, slice(0, None, 2))


def conductances(readings: CellReadings, cell: Cell, which: slice = slice(None)) -> NDArray[np.float64]:
    """Return what readings of a cell show (S).

    Raises:
        EquipmentError: if one is no measurement.
    """
    if bool((readings.saturated[which] | readings.in_compliance[which]).any()):
        raise EquipmentError(
            f"a read of {cell} saturated its reader or was held back by the line's limit; "
            "lower read_voltage, or look for a short"
        )
    return np.asarray(readings.current[which], np.float64) / readings.voltage
