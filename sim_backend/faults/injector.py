"""Lets a plan's faults strike a world: its links, instruments, cells, and the disk of its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.board_data import Trip
from labctl.errors import StoreError
from labctl.units import format_quantity
from sim_backend.faults.channel import FaultyChannel
from sim_backend.faults.disk import open_on_full_disk
from sim_backend.faults.kinds import BoardTrip, Direction, FaultKind
from sim_backend.faults.schedule import Progress, Schedule, Strike, strike_of, words
from sim_backend.panels import board_facts
from sim_backend.panels.probe_board import ProbeBoardPanel

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sim_backend.faults.plan import Fault, FaultPlan
    from sim_backend.panel import Panel
    from sim_backend.world import World

PROGRESS_FILE = "faults.json"
"""How far the plan has come, in the run's folder."""
_TRIPS = {BoardTrip.COMPLIANCE: Trip.COMPLIANCE, BoardTrip.SUPPLY: Trip.SUPPLY}
_TOO_HOT = board_facts.TEMPERATURE_MAX + 10.0


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that struck.

    Args:
        time: on the world's clock (s).
        channel: the instrument; "" for cells and the disk.
        kind: of the fault.
        what: which message, and the fault's arguments.
    """

    time: float
    channel: str
    kind: FaultKind
    what: str

    def __str__(self) -> str:
        where = f" {self.channel}" if self.channel else ""
        return f"fault at {format_quantity(self.time, 's')}:{where} {self.kind.value}{self.what and f' ({self.what})'}"


class FaultInjector:
    """The faults of one world.

    Args:
        plan: of them.
        world: whose notices and audit tell what struck.
        panels: the instruments, by name.
        progress: how far the plan had come when the run's last process ended.
    """

    def __init__(self, plan: FaultPlan, world: World, panels: Mapping[str, Panel], progress: Progress) -> None:
        self._world = world
        self._panels = panels
        boards = {name: isinstance(panel, ProbeBoardPanel) for name, panel in panels.items()}
        self._schedule = Schedule(plan, boards, progress)
        self.struck: list[Struck] = []
        """What struck in this process."""
        self._channels = {name: self._channel(name, panel, boards[name]) for name, panel in panels.items()}
        for name, panel in panels.items():
            panel.channel = self._channels[name]
        world.on_pulses = self._pulsed
        for fault in self._schedule.struck():
            if fault.kind is FaultKind.STUCK_CELL:
                self._stick(strike_of(fault))
        for fault in self._schedule.scripted().values():
            if fault.time is not None:
                self._at(fault.time, fault)

    @property
    def progress(self) -> Progress:
        """How far the plan has come."""
        return self._schedule.progress

    def step_done(self, steps: int) -> None:
        """Let strike what strikes when so many steps are done."""
        self._strike_all(lambda: self._schedule.steps(steps), "after step")

    def open_database(self, path: Path) -> sqlite3.Connection:
        """Open the run's database on a disk that may be full."""
        return open_on_full_disk(str(path), self._write_fails)

    def save(self, folder: Path) -> None:
        """Write down how far the plan has come.

        Raises:
            StoreError: if it cannot be written.
        """
        try:
            (folder / PROGRESS_FILE).write_text(self._schedule.progress.model_dump_json(), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write {folder / PROGRESS_FILE}: {error.strerror or error}") from None

    def _channel(self, name: str, panel: Panel, is_board: bool) -> FaultyChannel:
        def strikes(direction: Direction, size: int) -> list[tuple[int, Strike]]:
            found = self._schedule.message(name, direction, size)
            number = self._schedule.progress.messages[f"{name} {direction.value}"]
            for offset, strike in found:
                self._note(name, strike, f"{direction.value} {number}, byte {offset} of {size}")
            return found

        return FaultyChannel(
            panel,
            b"\x00" if is_board else b"\n",
            self._world.clock.watch,
            strikes,
            lambda strike: self._act(name, strike),
        )

    def _at(self, time: float, fault: Fault) -> None:
        """Let a scripted fault strike at a time (s) of the world."""

        def due() -> None:
            timer.cancel()
            for strike in self._schedule.due(lambda one: one is fault):
                self._strike(fault.channel or "", strike, "at its time")

        timer = self._world.clock.every(max(0.0, time - self._world.clock.now()), due)

    def _pulsed(self, count: int) -> None:
        self._strike_all(lambda: self._schedule.pulses(count), "at its pulse")

    def _strike_all(self, find: Callable[[], list[Strike]], when: str) -> None:
        before = self._schedule.scripted()
        strikes = find()
        left = self._schedule.scripted()
        gone = [fault for number, fault in before.items() if number not in left]
        for fault, strike in zip(gone, strikes, strict=True):
            self._strike(fault.channel or "", strike, when)

    def _strike(self, channel: str, strike: Strike, when: str) -> None:
        self._note(channel, strike, when)
        self._act(channel, strike)

    def _act(self, channel: str, strike: Strike) -> None:
        """Let a fault strike that concerns no message."""
        if strike.kind is FaultKind.STUCK_CELL:
            self._stick(strike)
            return
        if strike.kind is FaultKind.LINK_GONE:
            self._channels[channel].lose(strike.lasting)
            return
        if strike.kind is FaultKind.REBOOT:
            self._channels[channel].in_turn(lambda: self._reboot(channel))
            return
        board = self._panels[channel]
        if isinstance(board, ProbeBoardPanel):
            self._protect(board, strike)

    def _reboot(self, channel: str) -> None:
        self._panels[channel].power_cycle()
        self._channels[channel].forget()

    def _protect(self, board: ProbeBoardPanel, strike: Strike) -> None:
        """Let a protection of the board fire."""
        match strike.kind:
            case FaultKind.OVER_TEMPERATURE:
                board.set_temperature(_TOO_HOT)
                self._later(strike.lasting, lambda: board.set_temperature(board_facts.TEMPERATURE))
            case FaultKind.INTERLOCK:
                board.trip(Trip.INTERLOCK, lasts=True)
                self._later(strike.lasting, lambda: board.end_cause(Trip.INTERLOCK))
            case _:
                board.trip(_TRIPS[strike.cause])

    def _later(self, duration: float, action: Callable[[], None]) -> None:
        def due() -> None:
            timer.cancel()
            action()

        timer = self._world.clock.watch.every(duration, due)

    def _stick(self, strike: Strike) -> None:
        row, column = strike.cell
        self._world.die.stick(row * self._world.die.columns + column)

    def _write_fails(self) -> bool:
        fails = self._schedule.writes_fail()
        if fails:
            self._note("", Strike(FaultKind.DISK_FULL), f"write {self._schedule.progress.writes}")
        return fails

    def _note(self, channel: str, strike: Strike, what: str) -> None:
        """Write down that a fault strikes: in the world's notices, and in its audit."""
        details = ", ".join([what, *(f"{name} {value}" for name, value in words(strike).items())])
        struck = Struck(self._world.clock.now(), channel, strike.kind, details)
        self.struck.append(struck)
        self._world.notices.append(str(struck))
        if self._world.audit is not None:
            self._world.audit.note_fault(struck.time, channel, strike.kind.value, details)


def saved_progress(folder: Path) -> Progress:
    """Return how far the plan of a run has come.

    Raises:
        StoreError: if nobody can tell.
    """
    try:
        return Progress.model_validate_json((folder / PROGRESS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StoreError(f"{folder / PROGRESS_FILE} does not say how far the fault plan has come") from None
