"""Brings a cell to the low end of its range, wherever it stands: depressing trains, until one moves it no further."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.board_data import Pulse, PulseReceipt
from labctl.levels import LEVELS
from protocols.board_requests import pulse_slot

if TYPE_CHECKING:
    from labctl.board_data import Cell
    from protocols.cell_reader import CellReader

TRAIN = 4096
"""Pulses of a train that must not move the cell any further: a quarter of the range at nominal steps."""
TRAINS_MAX = 64
"""Trains after which a cell is taken as it is: 16 times the range at nominal steps."""
STILL = 1.0
"""Levels by which such a train may move a cell that stands at its low end: reads scatter by less than half of it."""
TRAIN_TIME = 2.0
"""Longest train (s): a board gives 5 s to one request."""


@dataclass(frozen=True, slots=True)
class Erased:
    """A cell at its low end.

    Args:
        level: read last.
        erased: whether the last train moved it no further.
        pulses: that it took.
        receipt: what the board said of the last train.
    """

    level: float
    erased: bool
    pulses: int
    receipt: PulseReceipt


def erase(reader: CellReader, cell: Cell, amplitude: float, width: float, samples: int) -> Erased:
    """Depress a cell until a whole train moves it by less than a level.

    Args:
        reader: of the cell; its reads of `samples` samples verify.
        cell: where.
        amplitude: of the pulses, below 0 (V).
        width: that lowers by about one level (s).
        samples: of each read.
    """
    most = max(1, int(TRAIN_TIME / pulse_slot(width)))
    level, pulses = reader.read(samples), 0
    # The first train leads down by as much as is there; only the next ones tell whether that was the end.
    count = min(max(math.ceil(level), TRAIN), LEVELS, most)
    found = Erased(level, erased=False, pulses=0, receipt=PulseReceipt(0, 0, 0))
    for _ in range(TRAINS_MAX):
        receipt, after = reader.pulse_read(Pulse(cell, amplitude, width, count), samples)
        pulses += count
        found = Erased(after, erased=level - after < STILL, pulses=pulses, receipt=receipt)
        if found.erased:
            break
        level, count = after, min(TRAIN, most)
    return found
