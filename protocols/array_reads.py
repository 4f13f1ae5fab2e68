"""Reads of many cells of an array, in lists as long as a board takes, and which board calibration they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import Feature
from labctl.board_features import Direction
from labctl.errors import ParameterError
from protocols.board_requests import READS_MAX, REQUEST_TIME, read_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from labctl.board_data import Capabilities, Cell, CellReadings
    from labctl.instruments import ProbeBoard


@dataclass(frozen=True, slots=True, eq=False)
class ListReadings:
    """What cells show, in the order they were asked for; arrays of shape (n,).

    Args:
        voltage: as the converter put it out (V).
        current: mean (A).
        saturated: amplifier or converter was at its end.
        in_compliance: the line driver was held back by its limit.
        requests: that it took.
    """

    voltage: float
    current: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    in_compliance: NDArray[np.bool_]
    requests: int


def read_list(board: ProbeBoard, cells: Sequence[Cell], voltage: float, samples: int) -> ListReadings:
    """Return what cells show at `voltage` (V); those of one row that stand together are converted together.

    Args:
        board: in an open session, its scheme set.
        cells: at least one.
        voltage: of the read (V).
        samples: that each read averages.
    """
    found = [board.read(part, voltage, samples) for part in _requests(cells, samples)]
    return joined(found)


def joined(found: Sequence[CellReadings]) -> ListReadings:
    """Return the readings of several requests as one."""
    return ListReadings(
        found[0].voltage,
        np.concatenate([one.current for one in found]),
        np.concatenate([one.saturated for one in found]),
        np.concatenate([one.in_compliance for one in found]),
        len(found),
    )


def calibration_id(board: ProbeBoard) -> str:
    """Return the id of the coefficients that the board corrects its readings with; "" if it has none."""
    if not board.capabilities().features & Feature.CALIBRATION:
        return ""
    return board.calibration(Direction.ROWS_IN, 0, 1).identity


def check_samples(able: Capabilities, samples: int) -> None:
    """Refuse more samples than the board averages.

    Raises:
        ParameterError: says how many it averages.
    """
    if samples > able.averages_max:
        raise ParameterError(f"--set samples: the board averages {able.averages_max} samples at most, not {samples}")


def _requests(cells: Sequence[Cell], samples: int) -> Iterator[list[Cell]]:
    """Yield cells in lists that one request holds."""
    groups_max = max(1, int(REQUEST_TIME / read_time(samples)))
    part: list[Cell] = []
    groups = 0
    for _, row in groupby(cells, key=lambda cell: cell.row):
        of_row = list(row)
        for first in range(0, len(of_row), READS_MAX):
            piece = of_row[first : first + READS_MAX]
            if part and (len(part) + len(piece) > READS_MAX or groups == groups_max):
                yield part
                part, groups = [], 0
            part.extend(piece)
            groups += 1
    if part:
        yield part
