"""Whole cycles of one cell: which trains lead it up to a level and down to its low end, and many of them in a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.board_data import Pulse
from labctl.levels import REFERENCE_VOLTAGE
from protocols.board_requests import REQUEST_TIME, pulse_slot
from protocols.cell_reader import BoardReader, ReadScale
from protocols.erasure import erase
from protocols.repeated_reads import conductances

if TYPE_CHECKING:
    from labctl.protocol_bench import ProtocolBench
    from protocols.cell_parameters import PulsedCellParameters

PIECES = 16
"""Pieces into which the way up is cut while its length is found out."""
PIECES_MAX = 96
"""Pieces after which a way is as long as it gets."""
STILL = 0.01
"""Share of the way below which a piece hardly leads any further: the next one is twice as long, as oxides leave their
ends slowly, up to `LONGEST` pieces."""
LONGEST = 8
STILL_PIECES = 6
"""Such pieces in a row that end a way."""
BEYOND = 0.1
"""Share by which the train down is longer than it must be: it ends at the low end, whatever was before."""
REQUEST_CYCLES = 500
"""Cycles in one list: a board takes 1,023 entries."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """Trains of one cycle; widths in s."""

    up_width: float
    up_count: int
    down_width: float
    down_count: int

    @property
    def pulses(self) -> int:
        """Pulses of one cycle."""
        return self.up_count + self.down_count

    @property
    def up_time(self) -> float:
        """Time of the pulses up (s)."""
        return self.up_width * self.up_count

    @property
    def down_time(self) -> float:
        """Time of the pulses down (s)."""
        return self.down_width * self.down_count

    @property
    def period(self) -> float:
        """What a board takes for a cycle (s)."""
        return self.up_count * pulse_slot(self.up_width) + self.down_count * pulse_slot(self.down_width)


class Cycler:
    """Drives one cell up and down.

    Args:
        bench: armed.
        parameters: cell, amplitudes, and first guesses of the widths of a level.
    """

    def __init__(self, bench: ProtocolBench, parameters: PulsedCellParameters) -> None:
        self._board = bench.board
        self._cell = parameters.cell
        self._parameters = parameters
        self._scale = bench.die.scale
        able = bench.board.capabilities()
        self._width_max = min(able.width_max, bench.envelope.pulse_width)
        self._samples = min(parameters.samples, able.averages_max)

    def find(self, level: int) -> Cycle:
        """Find out the trains that lead from the low end up to `level`, and back.

        Raises:
            EquipmentError: if a read is no measurement.
        """
        p = self._parameters
        reader = BoardReader(self._board, self._cell, ReadScale(self._scale, REFERENCE_VOLTAGE))
        low = erase(reader, self._cell, p.depression, p.depression_width, self._samples).level
        up = self._way(p.potentiation, p.potentiation_width * level / PIECES, low, level)
        high = reader.read(self._samples)
        down = self._way(p.depression, p.depression_width * level / PIECES, high, low + STILL * (high - low))
        cycle = Cycle(*self._train(up), *self._train(down * (1 + BEYOND)))
        self.put_out(cycle, 1)  # from here on every cycle begins where the last one ended
        return cycle

    def put_out(self, cycle: Cycle, count: int) -> None:
        """Put out so many cycles, read none."""
        most = max(1, min(REQUEST_CYCLES, int(REQUEST_TIME / cycle.period)))
        while count > 0:
            some = min(most, count)
            self._board.pulse(self._pulses(cycle) * some)
            count -= some

    def measure(self, cycle: Cycle, count: int) -> tuple[float, float]:
        """Put out so many cycles; return the mean conductances (S) after the trains up and after those down.

        Raises:
            EquipmentError: if a read is no measurement.
        """
        on = off = 0.0
        for _ in range(count):
            _, readings = self._board.pulse_read(self._pulses(cycle), REFERENCE_VOLTAGE, self._samples)
            found = conductances(readings, self._cell)
            on, off = on + float(found[0]) / count, off + float(found[1]) / count
        return on, off

    def _pulses(self, cycle: Cycle) -> list[Pulse]:
        p = self._parameters
        return [
            Pulse(self._cell, p.potentiation, cycle.up_width, cycle.up_count),
            Pulse(self._cell, p.depression, cycle.down_width, cycle.down_count),
        ]

    def _way(self, amplitude: float, piece: float, begin: float, end: float) -> float:
        """Pulse from level `begin` to `end`, or as far as it goes, `piece` (s) at a time; return how long it takes."""
        sign = 1.0 if end > begin else -1.0
        now, time, still = begin, 0.0, 0
        for _ in range(PIECES_MAX):
            width, count = self._train(piece * min(2**still, LONGEST))
            pulse = Pulse(self._cell, amplitude, width, count)
            _, readings = self._board.pulse_read([pulse], REFERENCE_VOLTAGE, self._samples)
            before, now = now, self._scale.level(float(conductances(readings, self._cell)[0]))
            time += width * count
            if sign * (now - end) >= 0 and now != before:
                return time - width * count * (now - end) / (now - before)
            still = still + 1 if sign * (now - before) < STILL * abs(end - begin) else 0
            if still == STILL_PIECES:
                break
        return time

    def _train(self, time: float) -> tuple[float, int]:
        """Return width (s), in whole nanoseconds, and count of pulses that last `time` (s) together."""
        count = max(1, math.ceil(time / self._width_max))
        return max(1, math.floor(time / count * 1e9)) / 1e9, count
