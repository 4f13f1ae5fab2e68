"""The bursts of `screen` and the reads between them, in lists as long as the board takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import Pulse
from labctl.errors import EnvelopeError
from labctl.units import Levels, Seconds, Siemens
from protocols.array_reads import ListReadings, calibration_id, joined, read_list
from protocols.board_requests import PULSE_READS_MAX, pulse_lists, read_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from labctl.board_data import CellReadings
    from labctl.protocol_bench import ProtocolBench
    from protocols.screen import ScreenParameters

    Array = NDArray[np.float64]

BACK = 0.05
"""A cell is back if it is nearer to where it was than this share of a burst,"""
BACK_LEVELS = 10.0
"""or than so many levels."""
LEARNED = 8.0
"""By which factor what is known of a burst may change with one pulse: a short one tells little."""
LONGEST = 4.0
"""Longest pulse that brings a cell back, in bursts."""
FORWARD = ("start", "raised", "lowered")
"""Phases of the bursts: after the shortest pulse there is, which hardly moves a cell, so that it is read right before
the burst up; after that one; and after the burst down."""
REVERSE = tuple(f"{phase} reverse" for phase in FORWARD)
"""The same once more, read at minus the read voltage."""


@dataclass(frozen=True, slots=True)
class ScreenRead:
    """One read of one cell.

    `phase` is "before" and "again" for two reads in a row at the beginning, "start", "raised" and "lowered" around the
    bursts, the same with " reverse" for bursts that were read at minus the read voltage, and "after" at the end.
    `conductance` is current over voltage; `pulses` counts those that this run has put on the cell.
    """

    row: int
    column: int
    phase: str
    conductance: Siemens
    level: Levels
    saturated: bool
    in_compliance: bool
    pulses: int
    one_level: Siemens
    time: Seconds
    boot: int
    delivered: int
    calibration: str


@dataclass(frozen=True, slots=True)
class ScreenMemory:
    """What a run knows between two steps.

    Args:
        before: conductance of each cell of the region, row by row, as first read (S).
        flagged: which of them, by their number in this order, get no pulse.
    """

    before: tuple[float, ...]
    flagged: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Counters:
    """The board's counters after each of some reads."""

    boot: int
    delivered: Sequence[int]


class Screening:
    """Reads and pulses the cells of a region.

    Args:
        bench: with a board whose scheme is set.
        parameters: what was asked for.
        began: bench time at which the run began (s).
        memory: of the run's earlier part, if there is one.
    """

    def __init__(
        self, bench: ProtocolBench, parameters: ScreenParameters, began: float, memory: ScreenMemory | None
    ) -> None:
        self._bench = bench
        self._board = bench.board
        self._parameters = parameters
        self._began = began
        self.cells = parameters.region(bench.die).cells()
        """Of the region, row by row."""
        self.memory = memory or ScreenMemory((), ())
        self._calibration = calibration_id(bench.board)
        able = bench.board.capabilities()
        self._width_min = able.width_min
        self._width_max = min(able.width_max, bench.envelope.pulse_width)
        self._pulses = dict.fromkeys(range(len(self.cells)), 0)
        self._moves = np.zeros((2, 0))

    def survey(self) -> Iterator[ScreenRead]:
        """Read every cell twice; remember what it showed, and which cells are not to be pulsed."""
        p = self._parameters
        everything = range(len(self.cells))
        first, second = self._read(everything), self._read(everything)
        counters = self._counters(len(everything))
        yield from self._records("before", everything, first, counters)
        yield from self._records("again", everything, second, counters)
        flagged = first.saturated | second.saturated | first.in_compliance | second.in_compliance
        most = p.short_above * self._bench.die.scale.g_max
        before = np.maximum(first.current, second.current) / first.voltage
        flagged |= before > most
        mean = (first.current + second.current) / 2 / first.voltage
        self.memory = ScreenMemory(tuple(mean.tolist()), tuple(np.flatnonzero(flagged).tolist()))

    def look_at_flagged(self) -> None:
        """Read the cells that get no pulse, as nobody else on this bench may know of them."""
        if self.memory.flagged:
            self._read(self.memory.flagged)

    def test(self, part: Sequence[int]) -> Iterator[ScreenRead]:
        """Raise and lower the cells of these numbers, bring them back, and read them."""
        p = self._parameters
        sound = [number for number in part if number not in set(self.memory.flagged)]
        try:
            if sound:
                yield from self._bursts(sound, p.read_voltage, FORWARD)
                if p.reverse and not p.quick:
                    yield from self._bursts(sound, -p.read_voltage, REVERSE)
        except EnvelopeError:
            # A short is half-selected by every pulse: where it would carry too much, nothing is pulsed any more.
            if not self.memory.flagged:
                raise
        yield from self._records("after", part, self._read(part), self._counters(len(part)))

    def _bursts(self, numbers: Sequence[int], voltage: float, phases: tuple[str, ...]) -> Iterator[ScreenRead]:
        """Raise and lower each cell once, read at `voltage` (V) around that; then bring back what can be."""
        p = self._parameters
        up, down = p.levels * p.potentiation_width, p.levels * p.depression_width
        pulses = [
            Pulse(self.cells[number], *burst)
            for number in numbers
            for burst in ((p.potentiation, self._width_min), (p.potentiation, up), (p.depression, down))
        ]
        found, counters = self._pulse(pulses, voltage)
        for number in numbers:
            self._pulses[number] += len(phases)
        for offset, phase in enumerate(phases):
            own = slice(offset, None, len(phases))
            of_phase = ListReadings(
                found.voltage, found.current[own], found.saturated[own], found.in_compliance[own], found.requests
            )
            at = _Counters(counters.boot, counters.delivered[own])
            yield from self._records(phase, numbers, of_phase, at)
        if phases == FORWARD:
            start, raised, lowered = (found.current[offset::3] / found.voltage for offset in range(3))
            self._moves = np.stack([raised - start, raised - lowered]).clip(0.0)
        self._bring_back(numbers)

    def _bring_back(self, numbers: Sequence[int]) -> None:
        """Pulse cells towards where they were, for as many rounds as it takes and is allowed."""
        p, step = self._parameters, self._bench.die.scale.step
        if not p.returns:
            return
        now = self._conductances(numbers)
        target = np.array([self.memory.before[number] for number in numbers])
        # By how much a burst up, and one down, moves a cell: learned from what each round does.
        moves = self._moves.copy()
        burst: Array = moves.max(axis=0)
        for _ in range(p.returns):
            off: Array = now - target
            far = np.flatnonzero((np.abs(off) > np.maximum(BACK * burst, BACK_LEVELS * step)) & (burst > step))
            if not far.size:
                return
            ways = (off[far] > 0).astype(np.int64)
            known: Array = np.maximum(moves[ways, far], step)
            shares = np.abs(off[far]) / known
            pulses = [
                self._towards(numbers[index], bool(down), share)
                for index, down, share in zip(far.tolist(), ways.tolist(), shares.tolist(), strict=True)
            ]
            found, _ = self._pulse(pulses, p.read_voltage)
            for index in far.tolist():
                self._pulses[numbers[index]] += 1
            then, now[far] = now[far], found.current / found.voltage
            put_out = np.array([pulse.width for pulse in pulses]) / self._burst_widths()[ways]
            moves[ways, far] = np.clip(np.abs(now[far] - then) / put_out, known / LEARNED, known * LEARNED)

    def _burst_widths(self) -> Array:
        """Return the widths (s) of a burst up and of one down."""
        p = self._parameters
        return p.levels * np.array([p.potentiation_width, p.depression_width])

    def _towards(self, number: int, down: bool, share: float) -> Pulse:
        """Return the pulse that moves a cell by a share of a burst, as far as one pulse may."""
        p = self._parameters
        width = float(self._burst_widths()[int(down)])
        most = min(self._width_max, LONGEST * width)
        nanoseconds = round(min(max(share * width, self._width_min), most) * 1e9)
        return Pulse(self.cells[number], p.depression if down else p.potentiation, nanoseconds / 1e9)

    def _conductances(self, numbers: Sequence[int]) -> Array:
        found = self._read(numbers)
        return found.current / found.voltage

    def _read(self, numbers: Sequence[int]) -> ListReadings:
        p = self._parameters
        return read_list(self._board, [self.cells[number] for number in numbers], p.read_voltage, p.samples)

    def _counters(self, count: int) -> _Counters:
        status = self._board.status()
        return _Counters(status.boot, [status.delivered] * count)

    def _pulse(self, pulses: Sequence[Pulse], voltage: float) -> tuple[ListReadings, _Counters]:
        """Put out pulses, each followed by a read of its cell; return also the counters at each read."""
        samples = self._parameters.samples
        readings: list[CellReadings] = []
        delivered: list[int] = []
        boot = 0
        for part in pulse_lists(pulses, PULSE_READS_MAX, read_time(samples)):
            receipt, found = self._board.pulse_read(part, voltage, samples)
            readings.append(found)
            delivered += range(receipt.delivered - len(part) + 1, receipt.delivered + 1)
            boot = receipt.boot
        return joined(readings), _Counters(boot, delivered)

    def _records(
        self, phase: str, numbers: Sequence[int], found: ListReadings, counters: _Counters
    ) -> Iterator[ScreenRead]:
        scale, time = self._bench.die.scale, self._bench.clock.now() - self._began
        for index, number in enumerate(numbers):
            cell = self.cells[number]
            conductance = float(found.current[index]) / found.voltage
            yield ScreenRead(
                row=cell.row,
                column=cell.column,
                phase=phase,
                conductance=conductance,
                level=scale.level(conductance),
                saturated=bool(found.saturated[index]),
                in_compliance=bool(found.in_compliance[index]),
                pulses=self._pulses[number],
                one_level=scale.step,
                time=time,
                boot=counters.boot,
                delivered=counters.delivered[index],
                calibration=self._calibration,
            )
