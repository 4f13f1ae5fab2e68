"""Instruments with a pulse ledger: no write leaves before its intent is committed, and none is repeated.

An error or an interruption leaves a write open. Nothing is asked then, lest it hold up the way to the safe state;
`settle` does it when there is time: before the next write, after the bench came down, when the run is resumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.board_data import Cell, Pulse
from labctl.errors import InDoubtError
from labctl.forwarding import ForwardingProbeBoard, ForwardingSourceMeter
from labctl.ledger import Intent, NoLedger, OpenWrite, Outcome, PulseCount, WriteState, settle
from labctl.timed import point_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.board_data import CellReadings, PulseReceipt
    from labctl.instruments import ProbeBoard, SourceMeter
    from labctl.ledger import Ledger
    from labctl.smu_data import PulseTrain, Reading, SourceSetup

ONLY_CELL = Cell(0, 0)
"""The cell that an SMU is wired to where there is no probe board."""


class LedgeredProbeBoard(ForwardingProbeBoard):
    """A probe board whose pulses stand in a ledger."""

    def __init__(self, board: ProbeBoard) -> None:
        super().__init__(board)
        self.ledger: Ledger = NoLedger()
        self._count: PulseCount | None = None
        self._is_settled = True

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        write = self._intend(pulses)
        receipt = super().pulse(pulses)
        self._confirm(write, receipt)
        return receipt

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        readings = super().read(cells, voltage, averages)
        self.ledger.note_read(cells)
        return readings

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        write = self._intend(pulses)
        receipt, readings = super().pulse_read(pulses, voltage, averages)
        self._confirm(write, receipt)
        self.ledger.note_read([pulse.cell for pulse in pulses])
        return receipt, readings

    def settle(self) -> list[Outcome]:
        """Ask the board what came of its open writes, and commit it.

        Raises:
            LinkError: if the board does not answer; they stay open.
        """
        writes = [write for write in self.ledger.open_writes() if write.intent.instrument == self.name]
        outcomes: list[Outcome] = []
        if writes:
            self._count = PulseCount.of(self.status())
            outcomes = [_resolved(self.ledger, write, self._count) for write in writes]
        self._is_settled = True
        return outcomes

    def check_count(self) -> None:
        """Make sure that nobody restarted the board, or pulsed it, since the last write: the cells are as it left them.

        Raises:
            InDoubtError: if somebody did.
        """
        if self._count is not None and self._is_settled and PulseCount.of(self.status()) != self._count:
            raise InDoubtError(
                f"{self.name} at {self.address} has been restarted or used by another program since this run's last "
                "write; its cells must be read before anything else: `labctl run --resume` does that"
            )

    def _intend(self, pulses: Sequence[Pulse]) -> OpenWrite:
        """Commit the intent of a write; from here on it is open."""
        if not self._is_settled:
            self.settle()
        if self._count is None:
            self._count = PulseCount.of(self.status())
        intent = Intent(self.name, pulses, self._count)
        number = self.ledger.intend(intent)
        self._is_settled = False
        return OpenWrite(number, intent)

    def _confirm(self, write: OpenWrite, receipt: PulseReceipt) -> None:
        """Commit what a reply says of a write.

        Raises:
            InDoubtError: if the board has counted other pulses than this run sent.
        """
        found = PulseCount(receipt.boot, receipt.delivered)
        expected = sum(pulse.count for pulse in write.intent.pulses[: receipt.executed])
        outcome = settle(write.intent, found)
        if outcome.put_out != expected:
            raise InDoubtError(
                f"{self.name} at {self.address} counted {receipt.delivered} pulses, which are not the ones that were "
                "sent; another program may be using it: re-read the cells"
            )
        self.ledger.resolve(write.number, Outcome(WriteState.CONFIRMED, expected))
        self._count, self._is_settled = found, True


class LedgeredSourceMeter(ForwardingSourceMeter):
    """A source-measure unit whose writes stand in a ledger.

    Anything beyond the die's read voltage is a write. It keeps no count: without an answer, a write is in doubt.

    Args:
        smu: the instrument.
        read_voltage: the largest voltage (V) that only reads.
        routed: returns the cell that it is connected to, None if to none.
    """

    def __init__(self, smu: SourceMeter, read_voltage: float, routed: Callable[[], Cell | None]) -> None:
        super().__init__(smu)
        self.ledger: Ledger = NoLedger()
        self._read_voltage = read_voltage
        self._routed = routed
        self._nplc = 0.0

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        found = super().configure(setup)
        self._nplc = found.nplc
        return found

    @override
    def source(self, voltage: float) -> None:
        number = self._intend([voltage])
        super().source(voltage)
        self._confirm(number)

    @override
    def measure(self) -> Reading:
        reading = super().measure()
        if (cell := self._routed()) is not None:
            self.ledger.note_read([cell])
        return reading

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        number = self._intend(voltages, point_time(self._nplc, delay))
        readings = super().sweep(voltages, delay)
        self._confirm(number)
        return readings

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        number = self._intend([train.base, train.level], train.width, train.count)
        readings = super().pulse(train)
        self._confirm(number)
        return readings

    def settle(self) -> list[Outcome]:
        """Commit that nobody knows what came of its open writes."""
        writes = [write for write in self.ledger.open_writes() if write.intent.instrument == self.name]
        return [_resolved(self.ledger, write, None) for write in writes]

    def _intend(self, voltages: Sequence[float], width: float = 0.0, count: int = 1) -> int | None:
        """Commit the intent of what writes among `voltages`; None if nothing does, or no cell is connected."""
        cell = self._routed()
        if cell is None:
            return None
        pulses = [Pulse(cell, voltage, width, count) for voltage in voltages if not abs(voltage) <= self._read_voltage]
        return self.ledger.intend(Intent(self.name, pulses, None)) if pulses else None

    def _confirm(self, number: int | None) -> None:
        if number is not None:
            self.ledger.resolve(number, Outcome(WriteState.CONFIRMED, None))


def _resolved(ledger: Ledger, write: OpenWrite, found: PulseCount | None) -> Outcome:
    """Commit and return what came of an open write."""
    outcome = settle(write.intent, found)
    ledger.resolve(write.number, outcome)
    return outcome
