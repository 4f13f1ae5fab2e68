"""The sign of life of a run: it keeps the boards' watchdogs and the guardian quiet while the protocol lives.

A protocol lives while it has used an instrument or ended a step lately, waits for a time that it has declared, or is
inside an operation that takes its time. One that hangs lets the watchdog bite.
A process that was asleep or stopped has missed beats of its own: somebody may have made its bench safe meanwhile. It
notices that before it asks for anything more.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from labctl.errors import EquipmentError
from labctl.sleep_watch import LapsedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from labctl.backend import Clock, Timer
    from labctl.instruments import ProbeBoard

IDLE_LIMIT = 10.0
"""How long (s) a protocol may leave the engine alone before nobody keeps the watchdogs quiet any more."""
BEAT_MAX = 1.0
"""Longest time (s) between two beats."""
SILENCE_MAX = 4.0
"""Longest silence (s) after which a run goes on as if nothing had been: a second less than a guardian bears with."""


class Heartbeat:
    """Beats from the clock's own thread, a quarter of the shortest watchdog apart.

    Args:
        clock: of the bench.
        boards: whose watchdogs are kept quiet.
    """

    def __init__(self, clock: Clock, boards: Sequence[ProbeBoard]) -> None:
        self._clock = clock
        self._boards = boards
        self._timer: Timer | None = None
        self._lock = threading.Lock()
        """Held while boards are kept alive: none is armed by a beat that began before it was disarmed."""
        self._is_waiting = False
        self._is_disarmed = False
        self.on_beat: Callable[[], None] | None = None
        """Is told of every beat; whoever listens makes the bench safe when there is none."""
        self._reset()

    def _reset(self) -> None:
        now = self._clock.now()
        self._touched = self._busy_until = self._ticked = self._beaten = now
        self._lapse = 0.0

    def start(self) -> None:
        """Begin to beat."""
        self.stop()
        self._reset()
        if self._boards or self.on_beat is not None:
            period = min([BEAT_MAX, *(board.watchdog / 4 for board in self._boards)])
            self._timer = self._clock.every(period, self._beat)

    def stop(self) -> None:
        """Stop beating; a beat under way is let finish."""
        if self._timer is not None:
            self._lapse = self.lapse
            self._timer.cancel()
            self._timer = None

    def touch(self) -> None:
        """Note that the protocol lives."""
        self._touched = self._clock.now()

    @property
    def watchdog(self) -> float:
        """The shortest period (s) of the boards' watchdogs; that of who listens where there is no board."""
        return min([SILENCE_MAX, *(board.watchdog for board in self._boards)])

    @property
    def lapse(self) -> float:
        """Longest time (s) since `start` in which this process did not beat although it should have.

        It was asleep or stopped then, or the computer had no time for it.
        """
        if self._timer is None:
            return self._lapse
        return max(self._lapse, self._clock.now() - self._ticked)

    @contextmanager
    def busy(self, duration: float = 0.0) -> Generator[None]:
        """Beat on while the protocol is inside an operation that may take `duration` (s).

        Raises:
            LapsedError: before the operation, if this process was silent for so long that its bench may be safe.
            EquipmentError: likewise, if the protocol was.
        """
        self._check()
        self.touch()
        self._busy_until = self._touched + duration
        try:
            yield
        finally:
            self.touch()
            self._busy_until = self._touched

    @contextmanager
    def waiting(self, disarmed: bool) -> Generator[None]:
        """Beat on while the protocol waits; a board that is `disarmed` has no watchdog to be kept quiet."""
        with self._lock:
            self._is_waiting, self._is_disarmed = True, disarmed
        try:
            yield
        finally:
            self._is_waiting, self._is_disarmed = False, False
            self.touch()

    def _check(self) -> None:
        """Refuse to go on where somebody may have taken this run for dead."""
        if self.on_beat is None or self._timer is None or self._is_waiting:
            return
        if (lapse := self.lapse) > SILENCE_MAX:
            raise LapsedError(lapse)
        if (idle := self._clock.now() - self._beaten) > SILENCE_MAX:
            raise EquipmentError(
                f"the protocol left its instruments alone for {idle + IDLE_LIMIT:.0f} s without declaring a wait; its "
                "bench was taken for abandoned"
            )

    def _beat(self) -> None:
        now = self._clock.now()
        self._lapse, self._ticked = max(self._lapse, now - self._ticked), now
        if not self._is_waiting and now > max(self._touched + IDLE_LIMIT, self._busy_until):
            return
        self._beaten = now
        if self.on_beat is not None:
            self.on_beat()
        # A twin's clock may beat from inside a beat that waits for its board, in the same thread.
        if self._lock.acquire(blocking=False):
            try:
                if not self._is_disarmed:
                    for board in self._boards:
                        _keep_alive(board)
            finally:
                self._lock.release()


def _keep_alive(board: ProbeBoard) -> None:
    """Restart a board's watchdog. What goes wrong the protocol's next request finds, too, and says it better."""
    with suppress(Exception):  # the heart goes on beating for the other boards and the guardian
        board.keep_alive()
