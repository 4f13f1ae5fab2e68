"""Instruments behind the envelope: what protocols are given, so that no layer above can go around its checks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.forwarding import ForwardingProbeBoard, ForwardingSourceMeter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.instruments import (
        Cell,
        CellReadings,
        ComplianceAction,
        ProbeBoard,
        Pulse,
        PulseReceipt,
        Reading,
        SourceMeter,
        SourceSetup,
    )
    from labctl.limits import Envelope


class LimitedProbeBoard(ForwardingProbeBoard):
    """A probe board that refuses what the envelope does not allow, and passes on the rest."""

    def __init__(self, board: ProbeBoard, envelope: Envelope) -> None:
        super().__init__(board)
        self._envelope = envelope
        self._pulses: Counter[Cell] = Counter()

    @override
    def set_compliance(self, limit: float, action: ComplianceAction) -> None:
        self._envelope.check("line_current", limit, "a line current limit")
        super().set_compliance(limit, action)

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        self._envelope.check("read_voltage", voltage, "a read voltage")
        return super().read(cells, voltage, averages)

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        self._admit(pulses)
        return super().pulse(pulses)

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        self._envelope.check("read_voltage", voltage, "a read voltage")
        self._admit(pulses)
        return super().pulse_read(pulses, voltage, averages)

    def _admit(self, pulses: Sequence[Pulse]) -> None:
        """Check every pulse of a list before any is counted, then count them against each cell's life."""
        counts: Counter[Cell] = Counter()
        for pulse in pulses:
            self._envelope.check_pulse(pulse)
            counts[pulse.cell] += pulse.count
        for cell, count in counts.items():
            self._envelope.check("pulses_per_cell", self._pulses[cell] + count, f"a pulse count for {cell}")
        self._pulses.update(counts)


class LimitedSourceMeter(ForwardingSourceMeter):
    """A source-measure unit that refuses what the envelope does not allow, and passes on the rest."""

    def __init__(self, smu: SourceMeter, envelope: Envelope) -> None:
        super().__init__(smu)
        self._envelope = envelope

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        self._envelope.check("voltage", setup.voltage, "a source range")
        self._envelope.check("cell_current", setup.current_limit, "a current limit")
        return super().configure(setup)

    @override
    def source(self, voltage: float) -> None:
        self._envelope.check("voltage", voltage, "a source voltage")
        super().source(voltage)

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        for voltage in voltages:
            self._envelope.check("voltage", voltage, "a sweep voltage")
        return super().sweep(voltages, delay)
