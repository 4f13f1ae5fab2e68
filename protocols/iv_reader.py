"""Current-voltage points of one cell, through a source-measure unit or through the probe board.

A source-measure unit sweeps: its points above the die's read voltage are pulses of a millisecond or longer, with the
current at their end. A board reads up to the read voltage only, and pulses from some nanoseconds on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.board_data import Pulse, ReadScheme, WriteScheme
from labctl.errors import InputError
from labctl.smu_data import SourceSetup
from protocols.board_requests import pulse_slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.board_data import Cell, CellReadings
    from labctl.instruments import ProbeBoard
    from labctl.protocol_bench import ProtocolBench
    from labctl.smu_data import Reading

TRAINS_TIME = 3.5
"""Longest list of trains (s): of the 5 s that a board gives to a request, reads and the way take their share."""
REQUEST_ENTRIES = 200
"""Most pulses of one request: what is under way when somebody wants to stop."""
READ_NPLC = 1.0
"""Integration time of a read by a source-measure unit (power line cycles): mains hum averages out."""


@dataclass(frozen=True, slots=True)
class Point:
    """One reading.

    Args:
        voltage: that was asked for (V).
        across: read back, or as the converter put it out (V).
        current: (A); not a number where it did not fit.
        in_compliance: a limit held the output back.
        overrange: it did not fit the measure range.
    """

    voltage: float
    across: float
    current: float
    in_compliance: bool
    overrange: bool


class IvReader(ABC):
    """Measures one cell."""

    @abstractmethod
    def read(self, voltages: Sequence[float], repeats: int) -> list[Point]:
        """Read at each of `voltages` (V), within the die's read voltage, `repeats` times each."""

    @abstractmethod
    def sweep(self, voltages: Sequence[float]) -> list[Point]:
        """Go through `voltages` (V), one point each."""

    @abstractmethod
    def pulse(self, amplitudes: Sequence[float]) -> list[tuple[Point | None, Point]]:
        """Put out a pulse of each amplitude (V), and read after it.

        Returns:
            For each pulse the current at its end, where the instrument tells, and the read.
        """

    def close(self) -> None:  # noqa: B027
        """Leave the bench as it was found."""


class SmuIvReader(IvReader):
    """A source-measure unit; on a bench with a board, routed to the cell while all other lines float.

    Args:
        bench: that has one.
        cell: where.
        sweeps: how it is set up for sweeps and pulses.
        delay: of a point of a sweep (s).
        read_voltage: of the reads (V).
        others_may_change: the rest of an array holds nothing that matters.
    """

    def __init__(
        self,
        bench: ProtocolBench,
        cell: Cell,
        sweeps: SourceSetup,
        delay: float,
        read_voltage: float,
        others_may_change: bool,
    ) -> None:
        self._bench, self._cell, self._smu = bench, cell, bench.smu
        self._others_may_change = others_may_change
        self._sweeps, self._delay, self._read_voltage = sweeps, delay, read_voltage
        # In its own range, and with auto range, a read resolves currents that a sweep's fixed range cannot.
        self._reads = SourceSetup(read_voltage, sweeps.current_limit, nplc=READ_NPLC)
        self._board = _board_of(bench)
        if self._board is not None:
            # Grounded lines would let the unit see, and write, the cell's whole row.
            self._board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)

    @override
    def close(self) -> None:
        if self._board is not None:
            self._board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)

    @override
    def read(self, voltages: Sequence[float], repeats: int) -> list[Point]:
        self._smu.configure(self._reads)
        found: list[Point] = []
        with self._bench.routed(self._cell) as smu:
            for voltage in voltages:
                smu.source(voltage)
                found += [_point(voltage, smu.measure()) for _ in range(repeats)]
            smu.source(0.0)
        return found

    @override
    def sweep(self, voltages: Sequence[float]) -> list[Point]:
        self._smu.configure(self._sweeps)
        with self._bench.routed(self._cell, self._others_may_change) as smu:
            readings = smu.sweep(voltages, self._delay)
        return [_point(voltage, reading) for voltage, reading in zip(voltages, readings, strict=True)]

    @override
    def pulse(self, amplitudes: Sequence[float]) -> list[tuple[Point | None, Point]]:
        """Sweep to each amplitude and back to the read voltage: a pulse lasts as long as a point of a sweep does."""
        levels = [level for amplitude in amplitudes for level in (amplitude, self._read_voltage)]
        found = self.sweep(levels)
        return list(zip(found[::2], found[1::2], strict=True))


class BoardIvReader(IvReader):
    """The probe board's own converter and pulses.

    Args:
        bench: that has a board.
        cell: where.
        train: what is put out at each amplitude, which replaces its own.
        read_voltage: of the reads after pulses (V).
        samples: that a read averages.
    """

    def __init__(self, bench: ProtocolBench, cell: Cell, train: Pulse, read_voltage: float, samples: int) -> None:
        self._board, self._cell, self._train = bench.board, cell, train
        self._read_voltage, self._samples = read_voltage, samples

    @override
    def read(self, voltages: Sequence[float], repeats: int) -> list[Point]:
        found: list[Point] = []
        for voltage in voltages:
            # Cells of one row share their samples within a request: repeats are requests of their own.
            reads = (self._board.read([self._cell], voltage, self._samples) for _ in range(repeats))
            found += [_of_board(voltage, readings, 0) for readings in reads]
        return found

    @override
    def sweep(self, voltages: Sequence[float]) -> list[Point]:
        return self.read(voltages, 1)

    @override
    def pulse(self, amplitudes: Sequence[float]) -> list[tuple[Point | None, Point]]:
        train, found = self._train, list[tuple[Point | None, Point]]()
        most = max(1, min(REQUEST_ENTRIES, int(TRAINS_TIME / train_time(train.width, train.count))))
        for start in range(0, len(amplitudes), most):
            part = [Pulse(self._cell, level, train.width, train.count) for level in amplitudes[start : start + most]]
            _, readings = self._board.pulse_read(part, self._read_voltage, self._samples)
            found += [(None, _of_board(self._read_voltage, readings, entry)) for entry in range(len(part))]
        return found


def train_time(width: float, count: int) -> float:
    """Return how long (s) a board takes for a train of pulses of `width` (s)."""
    return count * pulse_slot(width)


def _board_of(bench: ProtocolBench) -> ProbeBoard | None:
    """Return the board, None on a bench without one, whose unit is wired to its one cell."""
    try:
        return bench.board
    except InputError:
        return None


def _point(voltage: float, reading: Reading) -> Point:
    return Point(voltage, reading.voltage, reading.current, reading.in_compliance, reading.overrange)


def _of_board(voltage: float, readings: CellReadings, entry: int) -> Point:
    saturated = bool(readings.saturated[entry])
    current = float("nan") if saturated else float(readings.current[entry])
    return Point(voltage, readings.voltage, current, bool(readings.in_compliance[entry]), saturated)
