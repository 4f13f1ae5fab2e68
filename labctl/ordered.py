"""Instruments that keep the order of a bench whoever asks them: no route changes while the output is on.

A request to the board that opens the port, or changes what stands on the lines, first brings the source-measure unit to
0 V, switches it off and disconnects it. Channels are the bench's to close.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.errors import DeniedError
from labctl.forwarding import ForwardingProbeBoard, ForwardingSourceMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from labctl.board_data import Cell, CellReadings, Pulse, PulseReceipt, ReadScheme, WriteScheme
    from labctl.board_features import ProductReadings, ProductSetup
    from labctl.errors import LabctlError
    from labctl.instruments import ProbeBoard, SourceMeter
    from labctl.remembered import RememberedSourceMeter
    from labctl.smu_data import PulseTrain, Reading
    from labctl.smu_route import SmuRoute


class OrderedProbeBoard(ForwardingProbeBoard):
    """A probe board that takes the source-measure unit off its cell before anything else happens to the lines.

    Args:
        board: the instrument.
        route: of the unit.
        switch_off: makes the unit and this board safe, in their order; returns what could not be.
    """

    def __init__(self, board: ProbeBoard, route: SmuRoute, switch_off: Callable[[], list[LabctlError]]) -> None:
        super().__init__(board)
        self._route = route
        self._switch_off = switch_off

    @override
    def make_safe(self) -> None:
        for failure in self._switch_off():
            raise failure

    @override
    def close(self) -> None:
        raise DeniedError(f"the bench closes {self.name}, not the protocol")

    @override
    def arm(self, period: float) -> None:
        if period == 0:
            self._route.let_go("disarming")
        super().arm(period)

    @override
    def set_scheme(self, write: WriteScheme, read: ReadScheme) -> None:
        self._route.let_go("a new scheme")
        super().set_scheme(write, read)

    @override
    def route(self, cell: Cell) -> None:
        self._route.connect(cell)

    @override
    def unroute(self) -> None:
        self._route.let_go("UNROUTE")
        super().unroute()

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        self._route.let_go("a read")
        return super().read(cells, voltage, averages)

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        self._route.let_go("a pulse")
        return super().pulse(pulses)

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        self._route.let_go("a pulse")
        return super().pulse_read(pulses, voltage, averages)

    @override
    def multiply(self, inputs: NDArray[np.float64], setup: ProductSetup) -> ProductReadings:
        self._route.let_go("a product")
        return super().multiply(inputs, setup)


class OrderedSourceMeter(ForwardingSourceMeter):
    """A source-measure unit that is switched on at 0 V, and not used where its cell was taken away.

    Args:
        smu: the instrument.
        route: its way to a cell.
        remembered: how it stands.
    """

    def __init__(self, smu: SourceMeter, route: SmuRoute, remembered: RememberedSourceMeter) -> None:
        super().__init__(smu)
        self._route = route
        self._remembered = remembered

    @override
    def close(self) -> None:
        raise DeniedError(f"the bench closes {self.name}, not the protocol")

    @override
    def output_on(self) -> None:
        """Switch the output on at 0 V; a level that was set before follows."""
        self._route.check()
        level = self._remembered.level
        if level != 0 and not self._remembered.may_be_on:
            super().source(0.0)
        super().output_on()
        if level != self._remembered.level:
            super().source(level)

    @override
    def source(self, voltage: float) -> None:
        self._route.check()
        super().source(voltage)

    @override
    def measure(self) -> Reading:
        self._route.check()
        return super().measure()

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        self._route.check()
        return super().sweep(voltages, delay)

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        self._route.check()
        return super().pulse(train)
