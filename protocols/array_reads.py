"""Reads of many cells of an array, in lists as long as a board takes, and which board calibration they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import Direction
from labctl.errors import ParameterError
from labctl.instruments import Feature

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from labctl.instruments import Capabilities, Cell, CellReadings, ProbeBoard

CELLS_MAX = 1024
"""Cells of one read request at most (board specification, section 3)."""
REQUEST_TIME = 4.0
"""Longest request (s): a board gives 5 s to one (section 2, rule 7)."""
SETTLING, SAMPLE_TIME = 30e-6, 5e-6
"""Of the cells of one row, which are converted together, and of each of their samples (s) (section 2, rule 9)."""


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
    groups_max = max(1, int(REQUEST_TIME / (SETTLING + samples * SAMPLE_TIME)))
    part: list[Cell] = []
    groups = 0
    for _, row in groupby(cells, key=lambda cell: cell.row):
        of_row = list(row)
        for first in range(0, len(of_row), CELLS_MAX):
            piece = of_row[first : first + CELLS_MAX]
            if part and (len(part) + len(piece) > CELLS_MAX or groups == groups_max):
                yield part
                part, groups = [], 0
            part.extend(piece)
            groups += 1
    if part:
        yield part
