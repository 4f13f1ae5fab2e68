"""Instruments that pass on what they are asked: the ground on which checks and ledgers stand between layers.

`LimitedProbeBoard` and `LedgeredProbeBoard` override what they have something to say about; nothing here decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.instruments import ProbeBoard, SourceMeter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from labctl.board_data import (
        BoardStatus,
        Capabilities,
        Cell,
        CellReadings,
        ComplianceAction,
        Pulse,
        PulseReceipt,
        ReadScheme,
        Trip,
        WriteScheme,
    )
    from labctl.board_features import Coefficients, Direction, ProductReadings, ProductSetup, SelfTest
    from labctl.instruments import Identity
    from labctl.smu_data import PulseTrain, Reading, SourceSetup


class ForwardingProbeBoard(ProbeBoard):
    """A probe board in front of another one."""

    def __init__(self, board: ProbeBoard) -> None:
        self._board = board
        self.name = board.name
        self.address = board.address
        self.watchdog = board.watchdog

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
    def keep_alive(self) -> None:
        self._board.keep_alive()

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
        self._board.set_compliance(limit, action)

    @override
    def route(self, cell: Cell) -> None:
        self._board.route(cell)

    @override
    def unroute(self) -> None:
        self._board.unroute()

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        return self._board.read(cells, voltage, averages)

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        return self._board.pulse(pulses)

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        return self._board.pulse_read(pulses, voltage, averages)

    @override
    def multiply(self, inputs: NDArray[np.float64], setup: ProductSetup) -> ProductReadings:
        return self._board.multiply(inputs, setup)

    @override
    def temperature(self) -> float:
        return self._board.temperature()

    @override
    def self_test(self) -> list[SelfTest]:
        return self._board.self_test()

    @override
    def calibration(self, direction: Direction, first: int = 0, lines: int | None = None) -> Coefficients:
        return self._board.calibration(direction, first, lines)

    @override
    def write_calibration(
        self, direction: Direction, first: int, gain: NDArray[np.float64], offset: NDArray[np.float64]
    ) -> str:
        return self._board.write_calibration(direction, first, gain, offset)


class ForwardingSourceMeter(SourceMeter):
    """A source-measure unit in front of another one."""

    def __init__(self, smu: SourceMeter) -> None:
        self._smu = smu
        self.name = smu.name
        self.address = smu.address
        self.has_watchdog = smu.has_watchdog
        self.sweeps_by_itself = smu.sweeps_by_itself
        self.pulse_width_min = smu.pulse_width_min

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
        return self._smu.configure(setup)

    @override
    def source(self, voltage: float) -> None:
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
        return self._smu.sweep(voltages, delay)

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        return self._smu.pulse(train)

    @override
    def read_errors(self) -> list[str]:
        return self._smu.read_errors()
