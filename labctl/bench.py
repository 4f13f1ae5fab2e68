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
from labctl.errors import EquipmentError, IdentityError, InputError, LabctlError
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
        self._instruments: dict[str, Instrument] = {}
        self._smu: SourceMeter | None = None
        self._board: ProbeBoard | None = None
        self._routed: Cell | None = None
        self._heartbeat: Timer | None = None
        self._touched = self.clock.now()
        self._waiting = False
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
        """Keep an opened instrument; the first of each kind is the one that protocols use."""
        self._instruments[instrument.name] = instrument
        if isinstance(instrument, ProbeBoard) and self._board is None:
            self._board = LimitedProbeBoard(instrument, self.envelope)
        elif isinstance(instrument, SourceMeter) and self._smu is None:
            self._smu = LimitedSourceMeter(instrument, self.envelope)

    @property
    def board(self) -> ProbeBoard:
        """The probe board.

        Raises:
            InputError: if the bench has none.
        """
        if self._board is None:
            raise InputError("this needs a probe board; add one to the bench file (`labctl drivers` lists drivers)")
        return self._board

    @property
    def smu(self) -> SourceMeter:
        """The source-measure unit; its output is off unless a cell is `routed`.

        Raises:
            InputError: if the bench has none.
        """
        if self._smu is None:
            raise InputError("this needs a source-measure unit; add one to the bench file (see `labctl drivers`)")
        return self._smu

    def has(self, interface: type[Instrument]) -> bool:
        """Return whether an instrument of this kind stands on the bench."""
        return any(isinstance(instrument, interface) for instrument in self._instruments.values())

    def identify(self) -> dict[str, Identity]:
        """Ask every instrument who it is, setting nothing.

        Raises:
            LinkError: if one does not answer.
            IdentityError: if one is not what the bench file expects, or the board does not fit the die.
        """
        identities: dict[str, Identity] = {}
        for name, instrument in self._instruments.items():
            identities[name] = identity = instrument.identify()
            expect = self.file.instruments[name].expect
            if expect is not None and expect not in str(identity):
                raise IdentityError(f"{name} at {instrument.address} is {str(identity)!r}; {expect!r} was expected")
            if instrument.models and not any(model in identity.model for model in instrument.models):
                driver = self.file.instruments[name].driver
                raise IdentityError(
                    f"{name} at {instrument.address} is {str(identity)!r}; {driver!r} does not drive it"
                )
        if self._board is not None:
            able = self._board.capabilities()
            if (able.rows, able.columns) != (self.die.rows, self.die.columns):
                raise IdentityError(
                    f"{self._board.name} has {able.rows} x {able.columns} lines, "
                    f"but the bench file's die has {self.die.rows} x {self.die.columns}"
                )
        return identities

    def bring_up(self) -> Trip:
        """Set limits, then arm; every output stays off. Return the board's trips that were cleared."""
        if self._smu is not None:
            self._smu.configure(SourceSetup(self.envelope.voltage, self.envelope.cell_current))
        if self._board is None:
            return Trip.NONE
        self._board.open_session()
        trips = self._board.clear()
        self._board.set_compliance(self.envelope.line_current, ComplianceAction.CLAMP)
        self._board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
        self._arm(self._board)
        return trips

    def bring_down(self, at_once: bool = False) -> list[LabctlError]:
        """Make every instrument safe; return what could not be made safe.

        Args:
            at_once: a request may be under way: the board is made safe beside the SMU, not after it.
        """
        self._disarm_heartbeat()
        failures: list[LabctlError] = []
        smu = threading.Thread(target=_make_safe, args=(self._smu, failures), name="SMU shutdown", daemon=True)
        smu.start()
        smu.join(0.0 if at_once else SMU_GRACE)
        if self._board is not None and self._routed is not None and not smu.is_alive():
            self._unroute(self._board)
        _make_safe(self._board, failures)
        smu.join()
        self._routed = None
        return failures

    def close(self) -> None:
        """Close every channel."""
        for instrument in self._instruments.values():
            instrument.close()

    @contextmanager
    def routed(self, cell: Cell) -> Generator[SourceMeter]:
        """Give the SMU to one cell, output on at 0 V; afterwards it is off and disconnected.

        On a bench without a probe board the SMU is wired to its one cell.
        """
        self.smu.output_off()
        if self._board is not None:
            self._board.route(cell)
        self._routed = cell
        try:
            self.smu.output_on()
            yield self.smu
        finally:
            self.smu.output_off()
            if self._board is not None:
                self._board.unroute()
            self._routed = None

    def wait(self, duration: float) -> None:
        """Let `duration` (s) pass. A wait longer than the board's watchdog is spent disarmed, outputs off."""
        board = self._board
        if board is None or duration <= board.watchdog:
            self._waiting = True
            self.clock.sleep(duration)
            self._waiting = False
        elif self._routed is not None:
            raise InputError("a wait longer than the watchdog's period is not possible while the SMU is routed")
        else:
            self._disarm_heartbeat()
            board.arm(0.0)
            self.clock.sleep(duration)
            self._arm(board)
        self.touch()

    def touch(self) -> None:
        """Note that the protocol is alive; the engine calls this at each item it yields."""
        self._touched = self.clock.now()

    def _arm(self, board: ProbeBoard) -> None:
        board.arm(board.watchdog)
        self.touch()
        self._heartbeat = self.clock.every(board.watchdog / 4, self._beat)

    def _beat(self) -> None:
        """Keep the board's watchdog alive while the protocol is; a hung protocol lets it bite."""
        if self._board is not None and (self._waiting or self.clock.now() - self._touched <= IDLE_LIMIT):
            with suppress(EquipmentError):  # the protocol's next request finds out, and says it better
                self._board.keep_alive()

    def _disarm_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    def _unroute(self, board: ProbeBoard) -> None:
        with suppress(EquipmentError):  # SAFE, which follows, opens the SMU port as well, and reports its own failure
            board.unroute()


def _make_safe(instrument: Instrument | None, failures: list[LabctlError]) -> None:
    """Make one instrument safe; whatever goes wrong is noted, so that the next one is reached."""
    if instrument is None:
        return
    try:
        instrument.make_safe()
    except LabctlError as error:
        rescue = f"; its watchdog of {instrument.watchdog} s does" if isinstance(instrument, ProbeBoard) else ""
        failures.append(EquipmentError(f"{error}{rescue}"))
    except Exception as error:  # noqa: BLE001 (a bug in one driver must not keep the others from being made safe)
        failures.append(EquipmentError(f"{instrument.name} at {instrument.address} may not be safe: {error!r}"))
