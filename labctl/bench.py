"""A bench: opened, identified and limited instruments, brought up and down in an order that hurts no die.

Up: the SMU gets a fixed source range, over-voltage protection and limit while its output is off; then the board is
cleared, limited and armed. A cell is routed and the output switched on only on request, at 0 V.
Down: SMU to 0 V, output off; SMU disconnected; board safe. An SMU that does not answer never holds up the board.
"""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from labctl import plugins
from labctl.attended import AttendedProbeBoard, AttendedSourceMeter
from labctl.board_data import BoardState, Cell, ComplianceAction, ReadScheme, Trip, WriteScheme
from labctl.current_prediction import CurrentPrediction
from labctl.errors import (
    DeniedError,
    EquipmentError,
    IdentityError,
    InputError,
    InterruptedRunError,
    LabctlError,
    LinkError,
    TrippedError,
)
from labctl.heartbeat import Heartbeat
from labctl.instruments import Instrument, ProbeBoard, SourceMeter
from labctl.ledger import NoLedger, PulseCount
from labctl.ledgered import ONLY_CELL, LedgeredProbeBoard, LedgeredSourceMeter
from labctl.levels import LevelScale
from labctl.limited import LimitedProbeBoard, LimitedSourceMeter
from labctl.limits import Envelope, number_of, whole_of
from labctl.ordered import OrderedProbeBoard, OrderedSourceMeter
from labctl.predicted import PredictedProbeBoard, PredictedSourceMeter
from labctl.protocol_bench import ProtocolBench
from labctl.pulse_life import LifeLedger
from labctl.remembered import RememberedProbeBoard, RememberedSourceMeter
from labctl.shutdown import switch_off
from labctl.smu_data import SourceSetup
from labctl.smu_route import SmuRoute, Standing
from labctl.stop_requests import StopNowError
from labctl.timed import TimedSourceMeter

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from labctl.backend import Backend, Clock
    from labctl.bench_file import BenchFile, InstrumentEntry
    from labctl.board_data import Capabilities
    from labctl.instruments import Identity
    from labctl.ledger import Ledger, Outcome

COMPLIANCE_MAX = 0.25
"""Largest current limit (A) of a board's line (board specification, section 3)."""


@dataclass(frozen=True, slots=True)
class Die:
    """What is known of the die beforehand: its name, shape, and the scale of its levels."""

    id: str
    rows: int
    columns: int
    scale: LevelScale

    @classmethod
    def of(cls, file: BenchFile) -> Die:
        """Return what a bench file says of its die."""
        return cls(file.die.id, file.die.rows, file.die.columns, LevelScale.up_to(file.twin.g_max))


class Driver(Protocol):
    """What an entry point of `labctl.drivers` is: a class of instruments."""

    Settings: type[InstrumentEntry]

    @classmethod
    def open(cls, backend: Backend, name: str, settings: InstrumentEntry) -> Instrument:
        """Open the channel; nothing is sent."""
        ...


class Bench:
    """The instruments of one bench, as a protocol may use them.

    Args:
        file: what the bench is.
        backend: opens the channels; the caller closes it.
        envelope: in place of the bench file's, with the same limits, to see what is asked of it.

    Raises:
        LinkError: if a channel cannot be opened.
    """

    def __init__(self, file: BenchFile, backend: Backend, envelope: Envelope | None = None) -> None:
        self.file = file
        self.clock: Clock = backend.clock
        self.envelope = envelope or self.envelope_of(file)
        self.die = Die.of(file)
        self.unlimited: dict[str, Instrument] = {}
        """As they were opened, by name: neither envelope nor ledger stand between. No protocol gets at them."""
        self._smus: list[SourceMeter] = []
        self._boards: list[ProbeBoard] = []
        self._offered_smus: list[LimitedSourceMeter] = []
        self._offered_boards: list[LimitedProbeBoard] = []
        self._route = SmuRoute()
        self._prediction = CurrentPrediction(
            (self.die.rows, self.die.columns), self.die.scale.g_max, file.die.conduction_voltage, self.envelope
        )
        self._predicted: list[PredictedProbeBoard] = []
        self._ledgered: list[LedgeredProbeBoard | LedgeredSourceMeter] = []
        self._remembered: list[RememberedProbeBoard | RememberedSourceMeter] = []
        self._time_passes = file.bench.clock == "wall" or not backend.outlives_us
        self._paused = Standing(None, is_on=False, level=0.0)
        self.is_paused = False
        """Whether the bench was brought down between two steps, and is to go on."""
        self.heartbeat = Heartbeat(self.clock, self._boards)
        try:
            for name, entry in file.instruments.items():
                driver = cast("type[Driver]", plugins.load(plugins.DRIVERS, entry.driver))
                self._adopt(driver.open(backend, name, entry))
        except BaseException:
            self.close()
            raise
        self.keep_ledger(NoLedger())

    @staticmethod
    def envelope_of(file: BenchFile) -> Envelope:
        """Return the envelope that a bench file gives its die."""
        return Envelope(**file.envelope.model_dump())

    def _adopt(self, instrument: Instrument) -> None:
        """Keep an opened instrument, behind ledger, memory, order and envelope."""
        self.unlimited[instrument.name] = instrument
        if isinstance(instrument, ProbeBoard):
            ledgered = LedgeredProbeBoard(instrument)
            predicted = PredictedProbeBoard(ledgered, self._prediction, self.envelope.read_voltage, instrument.read)
            self._predicted.append(predicted)
            remembered = RememberedProbeBoard(predicted)
            board = AttendedProbeBoard(remembered, self.heartbeat)
            ordered = OrderedProbeBoard(
                board, self._route, lambda: switch_off(self._smus[:1], [board], self._route, "the safe state")
            )
            self._route.board = self._route.board or board
            self._boards.append(board)
            self._offered_boards.append(LimitedProbeBoard(ordered, self.envelope))
        elif isinstance(instrument, SourceMeter):
            ledgered = LedgeredSourceMeter(instrument, self.envelope.read_voltage, self._connected)
            predicted = PredictedSourceMeter(
                ledgered,
                self._prediction,
                self._connected,
                self._read_scheme,
                self.envelope.read_voltage,
                lambda: self._route.others_may_change,
            )
            remembered = RememberedSourceMeter(predicted)
            smu = AttendedSourceMeter(remembered, self.heartbeat)
            timed = TimedSourceMeter(OrderedSourceMeter(smu, self._route, remembered), self.envelope)
            self._route.smu = self._route.smu or remembered
            self._smus.append(smu)
            self._offered_smus.append(LimitedSourceMeter(timed, self.envelope))
        else:
            return
        self._ledgered.append(ledgered)
        self._remembered.append(remembered)

    def offered(self) -> ProtocolBench:
        """Return what a protocol gets of the bench."""
        return ProtocolBench(self)

    @property
    def board(self) -> ProbeBoard:
        """The probe board; the first one of the bench file.

        Raises:
            InputError: if the bench has none.
        """
        if not self._offered_boards:
            raise InputError("this needs a probe board; add one to the bench file (`labctl drivers` lists drivers)")
        return self._offered_boards[0]

    @property
    def smu(self) -> SourceMeter:
        """The source-measure unit, the first one of the bench file; its output is off unless a cell is `routed`.

        Raises:
            InputError: if the bench has none.
        """
        if not self._offered_smus:
            raise InputError("this needs a source-measure unit; add one to the bench file (see `labctl drivers`)")
        return self._offered_smus[0]

    def identify(self) -> dict[str, Identity]:
        """Ask every instrument who it is, setting nothing.

        Raises:
            LinkError: if one does not answer.
            IdentityError: if one is not what the bench file expects, or the board does not fit the die.
        """
        identities: dict[str, Identity] = {}
        for name, instrument in self.unlimited.items():
            identities[name] = identity = instrument.identify()
            expect = self.file.instruments[name].expect
            if expect is not None and expect not in str(identity):
                raise IdentityError(f"{name} at {instrument.address} is {str(identity)!r}; {expect!r} was expected")
            if instrument.models and not any(model in identity.model for model in instrument.models):
                driver = self.file.instruments[name].driver
                raise IdentityError(
                    f"{name} at {instrument.address} is {str(identity)!r}; {driver!r} does not drive it"
                )
        for board in self._boards:
            able = board.capabilities()
            if (able.rows, able.columns) != (self.die.rows, self.die.columns):
                raise IdentityError(
                    f"{board.name} at {board.address} has {able.rows} x {able.columns} lines, "
                    f"but the bench file's die has {self.die.rows} x {self.die.columns}"
                )
        return identities

    def capabilities(self) -> Capabilities | None:
        """Return what the first probe board can do, as it said when it was identified; None without a board."""
        return self._boards[0].capabilities() if self._boards else None

    def keep_ledger(self, ledger: Ledger, had: Mapping[Cell, int] | None = None) -> None:
        """Commit every write in `ledger` from here on; `had` is how many pulses each cell has had before."""
        counted = LifeLedger(ledger, self.envelope.pulses_per_cell, had)
        for instrument in self._ledgered:
            instrument.ledger = counted

    def settle(self) -> list[tuple[str, Outcome]]:
        """Find out what came of writes that stand open in the ledger; return instruments and outcomes.

        Raises:
            LinkError: if a board does not answer; its writes stay open.
        """
        return [(instrument.name, outcome) for instrument in self._ledgered for outcome in instrument.settle()]

    def pulse_counts(self) -> dict[str, PulseCount]:
        """Return what each board has counted, by name."""
        return {board.name: PulseCount.of(board.status()) for board in self._boards}

    def bring_up(self) -> Trip:
        """Set limits, then arm; every output stays off. Return the boards' trips that were cleared.

        A board is made safe first: a run that died may have left the SMU connected to a cell.
        """
        self.heartbeat.start()
        with self.heartbeat.waiting(disarmed=True):
            for smu in self._offered_smus:
                smu.configure(SourceSetup(self.envelope.voltage, self.envelope.cell_current))
            trips = Trip.NONE
            for board in self._boards:
                board.make_safe()
                board.open_session()
                trips |= board.clear()
                board.set_compliance(min(self.envelope.line_current, COMPLIANCE_MAX), ComplianceAction.CLAMP)
                board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
                board.arm(board.watchdog)
        return trips

    def pause(self) -> list[LabctlError]:
        """Bring the bench down between two steps; `go_on` undoes it. Return what could not be made safe."""
        self._paused = self._route.standing()
        failures = self.bring_down()
        self.is_paused = True
        return failures

    def go_on(self) -> Trip:
        """Bring a paused bench up again, set as it was: the SMU routed, on at 0 V, then at its level, if it was.

        Returns:
            The boards' trips that were cleared.

        Raises:
            IdentityError: if another instrument stands at an address by now.
            InDoubtError: if a board was restarted, or used by somebody else, meanwhile.
        """
        self.identify()
        for instrument in self._ledgered:
            if isinstance(instrument, LedgeredProbeBoard):
                instrument.check_count()
        restores = [instrument.snapshot() for instrument in self._remembered]
        trips = self.bring_up()
        for restore in restores:
            restore()
        self._route.restore(self._paused)
        self.is_paused = False
        return trips

    def bring_down(self, at_once: bool = False) -> list[LabctlError]:
        """Make every instrument safe; return what could not be made safe.

        Args:
            at_once: a request may be under way: the board is made safe beside the SMU, not after it.
        """
        with self.heartbeat.waiting(disarmed=True):
            failures = switch_off(self._smus, self._boards, self._route, at_once=at_once)
        self.heartbeat.stop()
        return failures

    def close(self) -> None:
        """Close every channel."""
        for instrument in self.unlimited.values():
            instrument.close()

    @contextmanager
    def routed(self, cell: Cell, others_may_change: bool = False) -> Generator[SourceMeter]:
        """Give the SMU to one cell, output on at 0 V; afterwards it is off and disconnected.

        What the board does meanwhile on its lines takes the cell away first: then the SMU refuses to be used.
        On a bench without a probe board the SMU is wired to its one cell.

        Args:
            cell: which.
            others_may_change: the rest of the array holds nothing that matters: without that, levels that write are
                refused, because they reach other cells through floating lines.
        """
        smu, route = self.smu, self._route
        with route.block():
            try:
                if self._offered_boards:
                    self._offered_boards[0].route(cell)
                else:
                    route.connect(Cell(whole_of(cell.row, "a row"), whole_of(cell.column, "a column")))
                route.others_may_change = others_may_change
                smu.output_on()
                yield smu
                self.check_route()
            except (LinkError, InterruptedRunError, StopNowError):
                raise  # the bench comes down: nothing may wait for an SMU that does not answer
            except BaseException:
                smu.output_off()
                with suppress(EquipmentError):
                    route.disconnect()
                raise
            route.let_go("leaving an inner routed block")

    def check_route(self) -> None:
        """Make sure that the cell which the SMU is given to is connected: else it measures an open circuit.

        Raises:
            TrippedError: if the board let it go by itself, tripped or restarted.
        """
        cell = self._route.cell
        if self._boards and cell is not None and self._boards[0].status().state is not BoardState.ARMED:
            raise TrippedError(f"{cell} is no longer connected: {self._boards[0].name} tripped or was restarted")

    def _connected(self) -> Cell | None:
        """Return the cell that the SMU's output reaches, if it reaches one."""
        return self._route.cell if self._boards else self._route.cell or ONLY_CELL

    def _read_scheme(self) -> ReadScheme:
        """Return what a board puts on the other lines while the SMU is routed."""
        return self._predicted[0].read_scheme if self._predicted else ReadScheme.FLOAT

    def wait(self, duration: float) -> None:
        """Let `duration` (s) pass. A wait longer than a board's watchdog is spent disarmed, outputs off.

        Afterwards the SMU stands as before: routed, on at 0 V, at its level.

        Raises:
            InputError: for a duration that is none.
            DeniedError: where time does not pass by itself.
        """
        duration = number_of(duration, "a wait")
        if not 0 <= duration < math.inf:
            raise InputError(f"a wait lasts 0 s or longer, not {duration:g} s")
        if not self._time_passes:
            raise DeniedError(
                "nothing can wait on a twin that is served with --speed max; use --speed real, or --backend twin"
            )
        if all(duration <= board.watchdog for board in self._boards):
            with self.heartbeat.waiting(disarmed=False):
                self.clock.sleep(duration)
            return
        with self._route.suspended(), self.heartbeat.waiting(disarmed=True):
            for board in self._boards:
                board.arm(0.0)
            self.clock.sleep(duration)
            for board in self._boards:
                board.arm(board.watchdog)
