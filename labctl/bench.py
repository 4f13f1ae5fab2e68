"""A bench: opened, identified and limited instruments, brought up and down in an order that hurts no die.

Up: the SMU gets a fixed source range, over-voltage protection and limit while its output is off; then the board is
cleared, limited and armed. A cell is routed and the output switched on only on request, at 0 V.
Down: SMU to 0 V, output off; SMU disconnected; board safe. An SMU that does not answer never holds up the board.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from labctl import plugins
from labctl.attended import AttendedProbeBoard, AttendedSourceMeter
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
from labctl.instruments import (
    BoardState,
    Cell,
    ComplianceAction,
    Instrument,
    ProbeBoard,
    ReadScheme,
    SourceMeter,
    SourceSetup,
    Trip,
    WriteScheme,
)
from labctl.ledger import NoLedger, PulseCount
from labctl.ledgered import ONLY_CELL, LedgeredProbeBoard, LedgeredSourceMeter
from labctl.levels import LevelScale
from labctl.limited import LimitedProbeBoard, LimitedSourceMeter
from labctl.limits import Envelope
from labctl.predicted import PredictedProbeBoard, PredictedSourceMeter
from labctl.pulse_life import LifeLedger
from labctl.remembered import RememberedProbeBoard, RememberedSourceMeter
from labctl.stop_requests import StopNowError
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from labctl.backend import Backend, Clock
    from labctl.bench_file import BenchFile, InstrumentEntry
    from labctl.instruments import Identity
    from labctl.ledger import Ledger, Outcome

COMPLIANCE_MAX = 0.25
"""Largest current limit (A) of a board's line (board specification, section 3)."""
SMU_GRACE = 0.25
"""How long (s) the board's safe state waits for an SMU that is being shut down."""


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

    Raises:
        LinkError: if a channel cannot be opened.
    """

    def __init__(self, file: BenchFile, backend: Backend) -> None:
        self.file = file
        self.clock: Clock = backend.clock
        self.envelope = self.envelope_of(file)
        self.die = Die.of(file)
        self.instruments: dict[str, Instrument] = {}
        """As they were opened, by name, the envelope not between: for who sets nothing."""
        self._smus: list[SourceMeter] = []
        self._boards: list[ProbeBoard] = []
        self._prediction = CurrentPrediction(
            (self.die.rows, self.die.columns), self.die.scale.g_max, file.die.conduction_voltage, self.envelope
        )
        self._predicted: list[PredictedProbeBoard] = []
        self._ledgered: list[LedgeredProbeBoard | LedgeredSourceMeter] = []
        self._remembered: list[RememberedProbeBoard | RememberedSourceMeter] = []
        self._time_passes = file.bench.clock == "wall" or not backend.outlives_us
        self._routed: Cell | None = None
        """The cell that the SMU is given to."""
        self._paused_at: Cell | None = None
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
        """Keep an opened instrument, behind ledger, memory and envelope."""
        self.instruments[instrument.name] = instrument
        if isinstance(instrument, ProbeBoard):
            ledgered = LedgeredProbeBoard(instrument)
            predicted = PredictedProbeBoard(ledgered, self._prediction, self.envelope.read_voltage)
            self._predicted.append(predicted)
            remembered = RememberedProbeBoard(predicted)
            attended = AttendedProbeBoard(remembered, self.heartbeat)
            self._boards.append(LimitedProbeBoard(attended, self.envelope))
        elif isinstance(instrument, SourceMeter):
            ledgered = LedgeredSourceMeter(instrument, self.envelope.read_voltage, self._connected)
            predicted = PredictedSourceMeter(ledgered, self._prediction, self._connected, self._read_scheme)
            remembered = RememberedSourceMeter(predicted)
            attended = AttendedSourceMeter(remembered, self.heartbeat)
            self._smus.append(LimitedSourceMeter(attended, self.envelope))
        else:
            return
        self._ledgered.append(ledgered)
        self._remembered.append(remembered)

    @property
    def board(self) -> ProbeBoard:
        """The probe board; the first one of the bench file.

        Raises:
            InputError: if the bench has none.
        """
        if not self._boards:
            raise InputError("this needs a probe board; add one to the bench file (`labctl drivers` lists drivers)")
        return self._boards[0]

    @property
    def smu(self) -> SourceMeter:
        """The source-measure unit, the first one of the bench file; its output is off unless a cell is `routed`.

        Raises:
            InputError: if the bench has none.
        """
        if not self._smus:
            raise InputError("this needs a source-measure unit; add one to the bench file (see `labctl drivers`)")
        return self._smus[0]

    def identify(self) -> dict[str, Identity]:
        """Ask every instrument who it is, setting nothing.

        Raises:
            LinkError: if one does not answer.
            IdentityError: if one is not what the bench file expects, or the board does not fit the die.
        """
        identities: dict[str, Identity] = {}
        for name, instrument in self.instruments.items():
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
            for smu in self._smus:
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
        self._paused_at = self._routed
        failures = self.bring_down()
        self.is_paused = True
        return failures

    def go_on(self) -> Trip:
        """Bring a paused bench up again, set as it was; a cell that was routed is routed, output on at 0 V.

        Returns:
            The boards' trips that were cleared.

        Raises:
            IdentityError: if another instrument stands at an address by now.
        """
        self.identify()
        restores = [instrument.snapshot() for instrument in self._remembered]
        trips = self.bring_up()
        for restore in restores:
            restore()
        if self._paused_at is not None:
            self._connect(self._paused_at)
        self.is_paused = False
        return trips

    def bring_down(self, at_once: bool = False) -> list[LabctlError]:
        """Make every instrument safe; return what could not be made safe.

        Args:
            at_once: a request may be under way: the board is made safe beside the SMU, not after it.
        """
        with self.heartbeat.waiting(disarmed=True):
            failures = self._switch_off(at_once)
        self.heartbeat.stop()
        return failures

    def _switch_off(self, at_once: bool) -> list[LabctlError]:
        failures: list[LabctlError] = []
        off = [threading.Thread(target=_make_safe, args=(smu, failures), daemon=True) for smu in self._smus]
        for thread in off:
            thread.start()
        if not at_once:
            for thread in off:
                thread.join(SMU_GRACE)
        if not at_once and not any(thread.is_alive() for thread in off):
            self._unroute()  # a route is changed while the output is off, or not at all: SAFE comes next
        for board in self._boards:
            _make_safe(board, failures)
        for thread in off:
            thread.join()
        return failures

    def close(self) -> None:
        """Close every channel."""
        for instrument in self.instruments.values():
            instrument.close()

    @contextmanager
    def routed(self, cell: Cell) -> Generator[SourceMeter]:
        """Give the SMU to one cell, output on at 0 V; afterwards it is off and disconnected.

        On a bench without a probe board the SMU is wired to its one cell.
        """
        smu = self.smu
        smu.output_off()
        try:
            self._connect(cell)
            yield smu
            self.check_route()
        except (LinkError, InterruptedRunError, StopNowError):
            raise  # the bench comes down: nothing may wait for an SMU that does not answer
        except BaseException:
            smu.output_off()
            self._unroute()
            raise
        smu.output_off()
        if self._boards and self._routed is not None:
            self._boards[0].unroute()
        self._routed = None

    def check_route(self) -> None:
        """Make sure that the cell which the SMU is given to is connected: else it measures an open circuit.

        Raises:
            TrippedError: if the board let it go by itself, tripped or restarted.
        """
        if self._boards and self._routed is not None and self.board.status().state is not BoardState.ARMED:
            raise TrippedError(f"{self._routed} is no longer connected: {self.board.name} tripped or was restarted")

    def _connect(self, cell: Cell) -> None:
        """Give the SMU to a cell, then switch it on; its output is off."""
        if self._boards:
            self._boards[0].route(cell)
        self._routed = cell
        self.smu.output_on()

    def _connected(self) -> Cell | None:
        """Return the cell that the SMU's output reaches, if it reaches one."""
        return self._routed if self._boards else self._routed or ONLY_CELL

    def _read_scheme(self) -> ReadScheme:
        """Return what a board puts on the other lines while the SMU is routed."""
        return self._predicted[0].read_scheme if self._predicted else ReadScheme.FLOAT

    def wait(self, duration: float) -> None:
        """Let `duration` (s) pass. A wait longer than a board's watchdog is spent disarmed, outputs off.

        Raises:
            DeniedError: for a wait longer than the watchdog's period while the SMU is routed, or where time does not
                pass by itself.
        """
        if not self._time_passes:
            raise DeniedError(
                "nothing can wait on a twin that is served with --speed max; use --speed real, or --backend twin"
            )
        if all(duration <= board.watchdog for board in self._boards):
            with self.heartbeat.waiting(disarmed=False):
                self.clock.sleep(duration)
        elif self._routed is not None:
            raise DeniedError("a wait longer than the watchdog's period is not possible while the SMU is routed")
        else:
            with self.heartbeat.waiting(disarmed=True):
                for board in self._boards:
                    board.arm(0.0)
                self.clock.sleep(duration)
                for board in self._boards:
                    board.arm(board.watchdog)

    def _unroute(self) -> None:
        """Disconnect the SMU; SAFE, which follows, does it as well and reports its own failure."""
        if self._boards and self._routed is not None:
            with suppress(EquipmentError):
                self._boards[0].unroute()
        self._routed = None


def _make_safe(instrument: Instrument, failures: list[LabctlError]) -> None:
    """Make one instrument safe; whatever goes wrong is noted, so that the next one is reached."""
    try:
        instrument.make_safe()
    except LabctlError as error:
        failures.append(EquipmentError(f"{error}{_rescue(instrument)}"))
    except Exception as error:  # noqa: BLE001 (a bug in one driver must not keep the others from being made safe)
        failures.append(EquipmentError(f"{instrument.name} at {instrument.address} may not be safe: {error!r}"))


def _rescue(instrument: Instrument) -> str:
    """Return what still makes an instrument safe that does not answer."""
    if not isinstance(instrument, ProbeBoard):
        return ""
    period = format_quantity(instrument.watchdog, "s")
    return f"; if it is armed, its watchdog makes it safe {period} after the last request"
