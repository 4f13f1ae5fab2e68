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
from labctl.errors import (
    DeniedError,
    EquipmentError,
    IdentityError,
    InputError,
    InterruptedRunError,
    LabctlError,
    LinkError,
)
from labctl.instruments import (
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
from labctl.levels import LevelScale
from labctl.limited import LimitedProbeBoard, LimitedSourceMeter
from labctl.limits import Envelope
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Generator

    from labctl.backend import Backend, Clock, Timer
    from labctl.bench_file import BenchFile, InstrumentEntry
    from labctl.instruments import Identity

IDLE_LIMIT = 10.0
"""How long (s) a protocol may leave the engine alone before the board's watchdog is no longer kept alive."""
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
        self._time_passes = file.bench.clock == "wall" or not backend.outlives_us
        self._routed: Cell | None = None
        self._heartbeat: Timer | None = None
        self._touched = self.clock.now()
        self._waiting = False
        self._alive = False
        try:
            for name, entry in file.instruments.items():
                driver = cast("type[Driver]", plugins.load(plugins.DRIVERS, entry.driver))
                self._adopt(driver.open(backend, name, entry))
        except BaseException:
            self.close()
            raise

    @staticmethod
    def envelope_of(file: BenchFile) -> Envelope:
        """Return the envelope that a bench file gives its die."""
        return Envelope(**file.envelope.model_dump())

    def _adopt(self, instrument: Instrument) -> None:
        """Keep an opened instrument, behind the envelope."""
        self.instruments[instrument.name] = instrument
        if isinstance(instrument, ProbeBoard):
            self._boards.append(LimitedProbeBoard(instrument, self.envelope))
        elif isinstance(instrument, SourceMeter):
            self._smus.append(LimitedSourceMeter(instrument, self.envelope))

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

    def bring_up(self) -> Trip:
        """Set limits, then arm; every output stays off. Return the boards' trips that were cleared.

        A board is made safe first: a run that died may have left the SMU connected to a cell.
        """
        for smu in self._smus:
            smu.configure(SourceSetup(self.envelope.voltage, self.envelope.cell_current))
        trips = Trip.NONE
        for board in self._boards:
            board.make_safe()
            board.open_session()
            trips |= board.clear()
            board.set_compliance(self.envelope.line_current, ComplianceAction.CLAMP)
            board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
            board.arm(board.watchdog)
        self._start_heartbeat()
        return trips

    def bring_down(self, at_once: bool = False) -> list[LabctlError]:
        """Make every instrument safe; return what could not be made safe.

        Args:
            at_once: a request may be under way: the board is made safe beside the SMU, not after it.
        """
        self._alive = False
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
        self._stop_heartbeat()
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
        smu, boards = self.smu, self._boards
        smu.output_off()
        if boards:
            boards[0].route(cell)
            self._routed = cell
        try:
            smu.output_on()
            yield smu
        except (LinkError, InterruptedRunError):
            raise  # the bench comes down: nothing may wait for an SMU that does not answer
        except BaseException:
            self._leave(smu)
            raise
        self._leave(smu)

    def _leave(self, smu: SourceMeter) -> None:
        """Switch the SMU off, then disconnect it."""
        smu.output_off()
        if self._routed is not None:
            self._boards[0].unroute()
            self._routed = None

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
            self._waiting = True
            self.clock.sleep(duration)
            self._waiting = False
        elif self._routed is not None:
            raise DeniedError("a wait longer than the watchdog's period is not possible while the SMU is routed")
        else:
            self._stop_heartbeat()
            for board in self._boards:
                board.arm(0.0)
            self.clock.sleep(duration)
            for board in self._boards:
                board.arm(board.watchdog)
            self._start_heartbeat()
        self.touch()

    def touch(self) -> None:
        """Note that the protocol is alive; the engine calls this at each item it yields."""
        self._touched = self.clock.now()

    def _start_heartbeat(self) -> None:
        self._stop_heartbeat()
        self._alive = True
        self.touch()
        if self._boards:
            period = min(board.watchdog for board in self._boards) / 4
            self._heartbeat = self.clock.every(period, self._beat)

    def _stop_heartbeat(self) -> None:
        self._alive = False
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    def _beat(self) -> None:
        """Keep the boards' watchdogs alive while the protocol is; a hung protocol lets them bite."""
        if self._alive and (self._waiting or self.clock.now() - self._touched <= IDLE_LIMIT):
            for board in self._boards:
                with suppress(EquipmentError):  # the protocol's next request finds out, and says it better
                    board.keep_alive()

    def _unroute(self) -> None:
        """Disconnect the SMU; SAFE, which follows, does it as well and reports its own failure."""
        if self._routed is not None:
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
