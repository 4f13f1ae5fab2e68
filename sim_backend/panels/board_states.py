"""The board's states and what its lines, port and trips do as it goes from one to another (rule 6)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from labctl.board_data import BoardState, ComplianceAction, ReadScheme, Trip, WriteScheme
from labctl.wire import ErrorCode
from sim_backend.panels import board_facts as facts
from sim_backend.panels.board_breaks import WORLD_ERRORS, BrokenOff
from sim_backend.panels.board_watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Generator

    from labctl.board_data import Cell
    from sim_backend.world import World


class BoardStates:
    """SAFE, IDLE or ARMED, with the settings that live as long as the state allows.

    Args:
        world: what the lines and the SMU port are connected to.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = BoardState.SAFE
        self.trips = Trip.NONE
        self.write_scheme = WriteScheme.THIRD
        self.read_scheme = ReadScheme.GROUND
        self.limit = facts.LINE_LIMIT
        self.action = ComplianceAction.CLAMP
        self.watchdog = Watchdog(world.clock.watch, self._bite)
        self.safe_waiting = 0
        """SAFE requests that have been obeyed on arrival and not been answered yet: until then nothing leaves SAFE."""
        self.lasting = Trip.NONE
        """Protections whose cause lasts: what is too hot, open or without supply, whatever the board does."""
        self.temperature = facts.TEMPERATURE
        """Of the board, in degC."""
        self._routed: Cell | None = None

    def make_safe(self, trip: Trip = Trip.NONE) -> None:
        """Go to SAFE from any state; `trip` says which protection fired, if one did.

        A world that cannot work out what the port's last moments did to a cell keeps nobody from being safe: it is
        said in its notices.
        """
        self.watchdog.stop()
        try:
            self.open_port()
        except WORLD_ERRORS as error:
            self.world.notices.append(f"the board opened its SMU port; what that did to the cell is unknown: {error}")
        self.state = BoardState.SAFE
        self.trips |= trip
        self.write_scheme = WriteScheme.THIRD
        self.read_scheme = ReadScheme.GROUND

    def power_up(self) -> None:
        """Take the state and the settings that the board has after power-up."""
        self.make_safe()
        self.safe_waiting = 0
        self.trips = self.lasting
        self.limit = facts.LINE_LIMIT
        self.action = ComplianceAction.CLAMP

    def clear(self) -> Trip:
        """Leave SAFE; return the trips as they were. Outside SAFE there are none, and nothing changes.

        A line carries no current in SAFE, so that the cause of a COMPLIANCE ends with the trip.

        Raises:
            BrokenOff: while the cause of a trip lasts.
        """
        if self.lasting:
            raise BrokenOff(f"the cause of {self.lasting.name} lasts")
        trips = self.trips
        if self.state is BoardState.SAFE:
            self.state = BoardState.SAFE if self.safe_waiting else BoardState.IDLE
            self.trips = Trip.NONE
        return trips

    def arm(self, period: int) -> None:
        """Arm with a watchdog of `period` (ms), or disarm with 0: port open, lines grounded."""
        if period:
            self.state = BoardState.ARMED
            self.watchdog.start(period / 1e3)
        else:
            self.watchdog.stop()
            self.open_port()
            self.state = BoardState.IDLE

    def set_schemes(self, write: WriteScheme, read: ReadScheme) -> None:
        """Choose what the other lines get; a routed cell's other lines follow at once."""
        self.write_scheme = write
        self.read_scheme = read
        if self._routed is not None:
            self.world.route(self._routed, read)

    def set_compliance(self, limit: float, action: ComplianceAction) -> None:
        """Limit the current (A) of each line."""
        self.limit = limit
        self.action = action

    def route(self, cell: Cell) -> None:
        """Connect the SMU port to a cell."""
        self.world.route(cell, self.read_scheme)
        self._routed = cell

    def open_port(self) -> None:
        """Disconnect the SMU port."""
        if self._routed is not None:
            self._routed = None
            self.world.route(None, self.read_scheme)

    @contextmanager
    def kept_safe(self) -> Generator[None]:
        """Go to SAFE if the world cannot go on with what is done inside.

        Raises:
            BrokenOff: INTERNAL.
        """
        try:
            yield
        except WORLD_ERRORS as error:
            self.make_safe()
            text = f"the twin cannot go on: {error}"
            raise BrokenOff(text, code=ErrorCode.INTERNAL) from error

    def _bite(self) -> None:
        self.make_safe(Trip.WATCHDOG)
