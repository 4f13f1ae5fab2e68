"""Serves the instruments of one world: everything, the passing of time included, happens in the thread that calls it.

While an operation lasts, others are begun from inside its wait, each instrument one at a time. So one that is begun
during another's wait holds up the other's answer if it lasts longer.
"""

from __future__ import annotations

import math
import selectors
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from labctl.errors import InterruptedRunError, LabctlError
from sim_backend.server.paced_clock import PacedClock, WatchClock, WorkClock
from sim_backend.server.served_instrument import ServedInstrument

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import WallClock
    from sim_backend.clock import VirtualClock
    from sim_backend.panel import Panel
    from sim_backend.server.bounds import Bounds

_QUIET: Final = 0.1
"""After this long (s) without anything to do, what can wait is done."""
_COARSE: Final = 1e-3
"""What selectors count in (s): they wait for whole ones, rounded up."""
_SLICE: Final = 2e-3
"""For how long (s) lines of one instrument's hosts are begun before others are looked after."""
_CROWD: Final = 64
"""Most hosts that are let in at once."""
_REPORTS: Final = 60
_LINE: Final = 500
"""So many lines of so many letters are said at most: what a pipe takes whose reader sleeps."""
_SWEEPS: Final = 60.0
"""How often, at least, idle hosts are looked for (s)."""


class Loop:
    """Waits for hosts and timers, and lets the panels do what they ask for.

    Args:
        wall: the time on the wall.
        bounds: of each connection.
        report: told, in one line, what went wrong; each thing once.
        quiet: called when there is nothing to do after there was.
    """

    def __init__(
        self, wall: WallClock, bounds: Bounds, report: Callable[[str], None], quiet: Callable[[], None]
    ) -> None:
        self._wall = wall
        self._bounds = bounds
        self._report = report
        self._quiet = quiet
        self._reported: set[str] = set()
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []
        self._doors: set[int] = set()
        """Descriptors of the listeners: who goes is let out before somebody comes in."""
        self._instruments: list[ServedInstrument] = []
        self._bell, self._ears = socket.socketpair()
        self._bell.setblocking(False)
        self._ears.setblocking(False)
        self._selector.register(self._ears, selectors.EVENT_READ, self._hear)
        self._owner: Panel | None = None
        """The instrument whose operation is under way; of several, the last one that was begun."""
        self._watch = WatchClock(wall, self._owned)
        self._taken = -math.inf
        """Up to when what hosts had sent is being obeyed; what was due on the watch by then waits until it is."""
        self._pace = PacedClock(0.0, wall, self._watch, self._owned, self._idle)
        self._clock: VirtualClock = self._pace
        self._stopping: Callable[[], bool] = lambda: False
        self._at_rest = True

    def make_clock(self, start: float, *, hurry: bool) -> VirtualClock:
        """Return the clock for the world whose instruments are to be served; asked for once.

        Args:
            start: of the world's time (s).
            hurry: operations take no time on the wall.
        """
        self._pace = PacedClock(start, self._wall, self._watch, self._owned, self._idle)
        self._clock = WorkClock(start, self._watch, self._owned) if hurry else self._pace
        self._watch.every(min(_SWEEPS, self._bounds.idle / 4, self._bounds.strange / 4), self._drop_idle)
        return self._clock

    def add(self, panel: Panel, latency: float, token: bytes = b"") -> ServedInstrument:
        """Serve an instrument.

        Args:
            panel: the instrument.
            latency: how long whatever is sent to it is under way (s).
            token: what hosts on TCP must send first; empty: nothing.
        """

        def later(action: Callable[[], None]) -> None:
            self._after(latency, action)

        def work(action: Callable[[], None]) -> bool:
            return self._work(action, panel)

        instrument = ServedInstrument(
            panel, self._selector, self._bounds, work, later if latency > 0 else None, self._wall.now, token
        )
        self._instruments.append(instrument)
        return instrument

    def listen(self, instrument: ServedInstrument, listener: socket.socket) -> None:
        """Let an instrument take the hosts that come to a listening socket, which is closed here."""
        listener.setblocking(False)
        self._listeners.append(listener)
        self._doors.add(listener.fileno())

        def ready(_mask: int) -> None:
            with suppress(OSError):  # nobody waits any more, or who did gave up before being let in
                for _ in range(_CROWD):
                    accepted, _ = listener.accept()
                    instrument.accept(accepted)

        self._selector.register(listener, selectors.EVENT_READ, ready)

    @property
    def bell(self) -> socket.socket:
        """What wakes the loop when a byte is sent to it, so that it looks whether it is to stop."""
        return self._bell

    def run(self, stopping: Callable[[], bool]) -> None:
        """Serve until `stopping()` is true after the bell has been rung; what is under way then is finished at once."""
        self._stopping = stopping
        self._pace.paced = not stopping()
        while self._pace.paced:
            happened = self._turn(self._patience())
            if happened:
                self._at_rest = False
            elif self._clock is not self._pace and (due := self._clock.next_due()) is not None:
                self._work(lambda due=due: self._clock.sleep(due - self._clock.now()))
            elif not self._at_rest:
                self._at_rest = True
                self._guard(self._quiet)

    def close(self) -> None:
        """Hang up on everybody and listen no more."""
        for listener in self._listeners:
            self._selector.unregister(listener)
            listener.close()
        for instrument in self._instruments:
            instrument.close()
        self._selector.close()
        self._bell.close()
        self._ears.close()

    def _patience(self) -> float | None:
        """Return how long (s) there is nothing to do but wait for hosts and timers; None: for ever."""
        if self._clock is not self._pace and self._clock.next_due() is not None:
            return 0.0
        return None if self._at_rest else _QUIET

    def _turn(self, patience: float | None) -> bool:
        """Do what hosts and timers ask for; wait for them for `patience` (s) at most. Return whether any host did.

        What a host has sent before a protection is due is obeyed first, however slow this computer is.
        """
        outer = self._taken
        if any(instrument.has_work for instrument in self._instruments):
            patience = 0.0
        for due in (self._pace.until_due(), self._watch.until_due(outer)):
            patience = due if patience is None or (due is not None and due < patience) else patience
        events = self._selector.select(patience)
        self._taken = self._wall.now()
        self._work(self._pace.catch_up)
        for key, mask in sorted(events, key=lambda event: event[0].fd in self._doors):
            key.data(mask)
        working = [instrument for instrument in self._instruments if instrument.has_work]
        for instrument in working:
            end = self._wall.now() + _SLICE
            while instrument.has_work and self._wall.now() < end:
                instrument.work()
        self._watch.fire(outer, self._taken)
        self._taken = outer
        return bool(events or working)

    def _idle(self, duration: float) -> None:
        """Let a part of `duration` (s), in which an operation lasts, pass on the wall."""
        whole = (duration // _COARSE - 0.5) * _COARSE
        if not self._turn(max(0.0, whole)) and duration < _COARSE:
            self._wall.sleep(duration)

    def _work(self, action: Callable[[], None], owner: Panel | None = None) -> bool:
        """Do one thing with the world that may take its time; return whether it could be done."""
        before, self._owner = self._owner, owner
        is_done = self._guard(action)
        self._owner = before
        self._pace.finish_operation()
        return is_done

    def _owned(self, action: Callable[[], None]) -> Callable[[], None]:
        """Return what an instrument does later on: if that fails, it is no other instrument's failure."""
        owner = self._owner

        def due() -> None:
            before, self._owner = self._owner, owner
            try:
                if owner is not None and owner is before:
                    action()  # its own operation is under way, and fails with it
                elif not self._guard(action) and owner is not None:
                    self._guard(owner.fail)
            finally:
                self._owner = before

        return due

    def _guard(self, action: Callable[[], None]) -> bool:
        """Do one thing, and return whether it could be done: what one host asks for ends nobody else's service."""
        try:
            action()
        except InterruptedRunError:
            raise
        except LabctlError as error:
            self.report_once(str(error))
        except Exception as error:  # noqa: BLE001 (a bug that one host's bytes find must not end the others' service)
            self.report_once(f"a bug of ours: {type(error).__name__}: {error}")
        else:
            return True
        return False

    def report_once(self, message: str) -> None:
        """Say what went wrong, if it was not said before; not for ever, as nobody may be reading it."""
        message = message[:_LINE]
        if message not in self._reported and len(self._reported) < _REPORTS:
            self._reported.add(message)
            self._report(message)

    def _after(self, latency: float, action: Callable[[], None]) -> None:
        def due() -> None:
            timer.cancel()
            action()

        timer = self._clock.every(latency, due)

    def _hear(self, _: int) -> None:
        with suppress(BlockingIOError):
            self._ears.recv(4096)
        if self._stopping():
            self._pace.paced = False

    def _drop_idle(self) -> None:
        for instrument in self._instruments:
            instrument.drop_idle()
