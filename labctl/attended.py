"""Instruments that tell the heartbeat what the protocol does with them, and how long that may take.

So nobody takes a long operation, or many short ones, for a hung run; and a run that was taken for dead asks for nothing
more. What makes an instrument safe, identifies it or asks for its state is never refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.forwarding import ForwardingProbeBoard, ForwardingSourceMeter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from labctl.board_data import Cell, CellReadings, Pulse, PulseReceipt
    from labctl.board_features import ProductReadings, ProductSetup, SelfTest
    from labctl.heartbeat import Heartbeat
    from labctl.instruments import ProbeBoard, SourceMeter
    from labctl.smu_data import PulseTrain, Reading, SourceSetup

LINE_PERIOD = 0.02
"""Longest power line cycle (s), that of 50 Hz."""
CONVERSIONS = 3
"""Integrations of one reading: signal, reference and zero (2450 and 2400 manuals, auto zero)."""
OVERHEAD = 0.02
"""Time (s) of a reading beside its integration: ours, twice what the slowest of the known instruments takes."""


class AttendedSourceMeter(ForwardingSourceMeter):
    """A source-measure unit whose operations are signs of life.

    Args:
        smu: the instrument.
        heartbeat: is told.
    """

    def __init__(self, smu: SourceMeter, heartbeat: Heartbeat) -> None:
        super().__init__(smu)
        self._heartbeat = heartbeat
        self._reading_time = OVERHEAD

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        with self._heartbeat.busy():
            found = super().configure(setup)
        self._reading_time = CONVERSIONS * setup.nplc * LINE_PERIOD + OVERHEAD
        return found

    @override
    def source(self, voltage: float) -> None:
        with self._heartbeat.busy():
            super().source(voltage)

    @override
    def output_on(self) -> None:
        with self._heartbeat.busy():
            super().output_on()

    @override
    def measure(self) -> Reading:
        with self._heartbeat.busy(self._reading_time):
            return super().measure()

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        with self._heartbeat.busy(len(voltages) * (self._reading_time + delay)):
            return super().sweep(voltages, delay)

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        with self._heartbeat.busy(train.count * (train.width + train.rest + self._reading_time)):
            return super().pulse(train)


class AttendedProbeBoard(ForwardingProbeBoard):
    """A probe board whose operations are signs of life; none of them takes longer than the board allows a list.

    Args:
        board: the instrument.
        heartbeat: is told.
    """

    def __init__(self, board: ProbeBoard, heartbeat: Heartbeat) -> None:
        super().__init__(board)
        self._heartbeat = heartbeat

    @override
    def route(self, cell: Cell) -> None:
        with self._heartbeat.busy():
            super().route(cell)

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        with self._heartbeat.busy():
            return super().read(cells, voltage, averages)

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        with self._heartbeat.busy():
            return super().pulse(pulses)

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        with self._heartbeat.busy():
            return super().pulse_read(pulses, voltage, averages)

    @override
    def multiply(self, inputs: NDArray[np.float64], setup: ProductSetup) -> ProductReadings:
        with self._heartbeat.busy():
            return super().multiply(inputs, setup)

    @override
    def self_test(self) -> list[SelfTest]:
        with self._heartbeat.busy():
            return super().self_test()
