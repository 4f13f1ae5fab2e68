"""Instruments behind the envelope: what protocols are given, so that no layer above can go around its checks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.instruments import ProbeBoard, SourceMeter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.instruments import (
        BoardStatus,
        Capabilities,
        Cell,
        CellReadings,
        ComplianceAction,
        Identity,
        Pulse,
        PulseReceipt,
        Reading,
        ReadScheme,
        SourceSetup,
        Trip,
        WriteScheme,
    )
    from labctl.limits import Envelope


class LimitedProbeBoard(ProbeBoard):
    """A probe board that refuses what the envelope does not allow, and passes on the rest."""

    def __init__(self, board: ProbeBoard, envelope: Envelope) -> None:
        self._board = board
        self._envelope = envelope
        self._pulses: Counter[Cell] = Counter()
        self.name = board.name
        self.address = board.address
        self.watchdog = board.watchdog

    @override
    def keep_alive(self) -> None:
        self._board.keep_alive()

    @override
    def identify(self) -> Identity:
        return self._board.identify()

    @override
    def make_safe(self) -> None:
        self._board.make_safe()

    @override
    def close(self) -> None:
        self._board.close()

    @override
    def capabilities(self) -> Capabilities:
        return self._board.capabilities()

    @override
    def status(self) -> BoardStatus:
        return self._board.status()

    @override
    def open_session(self) -> None:
        self._board.open_session()

    @override
    def clear(self) -> Trip:
        return self._board.clear()

    @override
    def arm(self, period: float) -> None:
        self._board.arm(period)

    @override
    def set_scheme(self, write: WriteScheme, read: ReadScheme) -> None:
        self._board.set_scheme(write, read)

    @override
    def set_compliance(self, limit: float, action: ComplianceAction) -> None:
        self._envelope.check("line_current", limit, "a line current limit")
        self._board.set_compliance(limit, action)

    @override
    def route(self, cell: Cell) -> None:
        self._board.route(cell)

    @override
    def unroute(self) -> None:
        self._board.unroute()

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        self._envelope.check("read_voltage", voltage, "a read voltage")
        return self._board.read(cells, voltage, averages)

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        self._admit(pulses)
        return self._board.pulse(pulses)

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        self._envelope.check("read_voltage", voltage, "a read voltage")
        self._admit(pulses)
        return self._board.pulse_read(pulses, voltage, averages)

    def _admit(self, pulses: Sequence[Pulse]) -> None:
        """Check every pulse of a list before any is counted, then count them against each cell's life."""
        counts: Counter[Cell] = Counter()
        for pulse in pulses:
            self._envelope.check_pulse(pulse)
            counts[pulse.cell] += pulse.count
        for cell, count in counts.items():
            self._envelope.check("pulses_per_cell", self._pulses[cell] + count, f"a pulse count for {cell}")
        self._pulses.update(counts)


class LimitedSourceMeter(SourceMeter):
    """A source-measure unit that refuses what the envelope does not allow, and passes on the rest."""

    def __init__(self, smu: SourceMeter, envelope: Envelope) -> None:
        self._smu = smu
        self._envelope = envelope
        self.name = smu.name
        self.address = smu.address

    @override
    def identify(self) -> Identity:
        return self._smu.identify()

    @override
    def make_safe(self) -> None:
        self._smu.make_safe()

    @override
    def close(self) -> None:
        self._smu.close()

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        self._envelope.check("voltage", setup.voltage, "a source range")
        self._envelope.check("cell_current", setup.current_limit, "a current limit")
        return self._smu.configure(setup)

    @override
    def source(self, voltage: float) -> None:
        self._envelope.check("voltage", voltage, "a source voltage")
        self._smu.source(voltage)

    @override
    def output_on(self) -> None:
        self._smu.output_on()

    @override
    def output_off(self) -> None:
        self._smu.output_off()

    @override
    def measure(self) -> Reading:
        return self._smu.measure()

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        for voltage in voltages:
            self._envelope.check("voltage", voltage, "a sweep voltage")
        return self._smu.sweep(voltages, delay)

    @override
    def read_errors(self) -> list[str]:
        return self._smu.read_errors()
