"""A world's clock that goes with the clock on the wall, for a twin that is served in real time.

It stands between the two kinds of time: operations last exactly as long in the world as they would on a bench, and
nothing else happens sooner or later than on the wall. What the computer needs to work an operation out is part of the
time that the operation lasts; what goes beyond that does not count, so that a slow computer makes no watchdog bite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sim_backend.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Clock

TOLERANCE: Final = 5e-3
"""How far (s) the world's time may be behind the wall's after an operation before the difference is forgotten."""
_INSTANT: Final = 1e-9
"""Less than this (s) is not waited for."""


class PacedClock(VirtualClock):
    """The time on the wall, let pass by one thread.

    Args:
        start: of the world's time (s).
        wall: the time that it goes with.
        idle: called with a duration (s) while an operation lasts: does what else is to be done, and returns after that
            duration at the latest; it may return earlier, and call `sleep` again for another operation.
    """

    def __init__(self, start: float, wall: Clock, idle: Callable[[float], None]) -> None:
        super().__init__(start)
        self._wall = wall
        self._offset = start - wall.now()
        self._idle = idle
        self._ends: list[float] = []
        self.paced = True
        """Whether anything is waited for; without, operations take no time on the wall."""

    @override
    def sleep(self, duration: float) -> None:
        """Let `duration` (s) pass on the wall, too; what is due on the way is done meanwhile."""
        end = self._now + max(0.0, duration)
        self._ends.append(end)
        try:
            while self.paced and (left := self._until(end)) > _INSTANT:
                self._idle(left)
                self.catch_up()
        finally:
            self._ends.pop()
        super().sleep(end - self._now)

    def catch_up(self) -> None:
        """Let the time pass that has passed on the wall, not beyond the end of the operation under way."""
        if self.paced:
            present = self._wall.now() + self._offset
            super().sleep(min([present, *self._ends[-1:]]) - self._now)

    def finish_operation(self) -> None:
        """Forget the time that the operation which ends here took beyond its duration, if it was much."""
        behind = self._wall.now() + self._offset - self._now
        if behind > TOLERANCE:
            self._offset -= behind

    def until_due(self) -> float | None:
        """Return the time (s) on the wall until the next timer is due; None if there is none."""
        due = self.next_due()
        return None if due is None else max(0.0, self._until(due))

    def _until(self, time: float) -> float:
        """Return how long (s) it is on the wall until a time of the world."""
        return time - (self._wall.now() + self._offset)


class WorkClock(VirtualClock):
    """The clock of a world that works as fast as it can: operations take no time on the wall.

    Args:
        start: of the world's time (s).
        watch: the clock that the protections against a silent host go by.
    """

    def __init__(self, start: float, watch: PacedClock) -> None:
        super().__init__(start)
        self._watch = watch

    @property
    @override
    def watch(self) -> PacedClock:
        return self._watch
