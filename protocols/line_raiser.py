"""Raises cells to about a conductance, in lists: as bright lines whose exact levels do not matter.

A round is a list of pulses and a list of reads. How far a pulse leads is learned cell by cell; none is lowered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import Cell, Pulse, ReadScheme, WriteScheme
from labctl.levels import REFERENCE_VOLTAGE
from protocols.board_requests import PULSES_MAX, READS_MAX, pulse_lists

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.protocol_bench import ProtocolBench

    Array = NDArray[np.float64]

NEAR = 0.8
"""Share of the conductance that is asked for at which a cell is left alone."""
ROUNDS = 16
"""Most rounds; 2 are usual on a film whose pulses are known."""
PATIENCE = 4
"""Rounds in a row that bring a cell no further after which it is left where it is."""
SHORT = 0.02
"""Share of the conductance that is asked for below which a cell came no further."""
SAMPLES = 4
"""Samples of a read: a tenth of the way is all that matters."""
HARDLY = 0.1
"""A pulse that led less than this share of the way expected is followed by one longer than the way left asks for."""
LONGER = 8.0
"""By how much."""


class LineRaiser:
    """Raises cells of an array.

    Args:
        bench: that is up.
        cells: which may be raised.
        amplitude: of the pulses (V).
        width: of a pulse that leads a level, as a first guess (s).
    """

    def __init__(self, bench: ProtocolBench, cells: Sequence[Cell], amplitude: float, width: float) -> None:
        self._bench = bench
        self._cells = tuple(cells)
        self._amplitude = amplitude
        # Conductance that a second of pulses brings (S/s), cell by cell.
        self._gain = np.full(len(self._cells), bench.die.scale.step / width)

    def raise_to(self, target: float) -> Array:
        """Raise every cell that is well below `target` (S); return the last reads, shape (cells,) (S).

        Cells that do not come up in some rounds stay where they are, and are measured there.
        """
        now = self.read()
        idle = np.zeros(len(now), np.int64)
        for _ in range(ROUNDS):
            low = (now < NEAR * target) & (idle < PATIENCE)
            if not low.any():
                break
            able = self._bench.board.capabilities()
            longest = min(able.width_max, self._bench.envelope.pulse_width)
            time = np.clip((target - now) / self._gain, able.width_min, longest)
            self._pulse(np.nonzero(low)[0], time)
            before, now = now, self.read()
            moved, expected = now - before, time * self._gain
            learned = np.where(moved > HARDLY * expected, moved / time, self._gain / LONGER)
            self._gain = np.where(low, learned, self._gain)
            idle = np.where(moved < SHORT * target, idle + low, 0)
        return now

    def read(self) -> Array:
        """Return what each cell shows (S), shape (cells,); one that saturates its reader shows infinity."""
        self._bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
        found: list[Array] = []
        for first in range(0, len(self._cells), READS_MAX):
            readings = self._bench.board.read(self._cells[first : first + READS_MAX], REFERENCE_VOLTAGE, SAMPLES)
            found.append(np.where(readings.saturated, np.inf, readings.current / readings.voltage))
        return np.concatenate(found)

    def _pulse(self, chosen: NDArray[np.intp], time: Array) -> None:
        """Put one pulse on each of the chosen cells."""
        widths = np.round(time * 1e9) / 1e9
        pulses = [Pulse(self._cells[at], self._amplitude, float(widths[at])) for at in map(int, chosen)]
        for part in pulse_lists(pulses, PULSES_MAX):
            self._bench.board.pulse(part)


def crossing_cells(rows: Sequence[int], columns: Sequence[int], within: Sequence[Cell]) -> list[Cell]:
    """Return those cells of a part of the die that lie in one of these rows, or of these columns."""
    return [cell for cell in within if cell.row in rows or cell.column in columns]
