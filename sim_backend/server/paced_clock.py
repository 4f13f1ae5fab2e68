"""A world's clock that goes with the clock on the wall, for a twin that is served in real time.

It stands between the two kinds of time: operations last exactly as long in the world as they would on a bench, and
nothing else happens sooner or later than on the wall. What the computer needs to work an operation out is part of the
time that the operation lasts; what goes beyond that does not count for the world. It does for the protections against
a silent host, which go by a clock of their own.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sim_backend.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Clock, Timer

    Guard = Callable[[Callable[[], None]], Callable[[], None]]
    """Returns an action that can be done during anybody's operation, whatever the given one raises."""

TOLERANCE: Final = 5e-3
"""How far (s) the world's time may be behind the wall's after an operation before the difference is forgotten."""
_INSTANT: Final = 1e-9
"""Less than this (s) is not waited for."""


class WatchClock(VirtualClock):
    """The time on the wall, for protections that go by nothing else.

    Args:
        wall: the time on the wall.
        guard: given each action before it is due.
    """

    def __init__(self, wall: Clock, guard: Guard) -> None:
        super().__init__(wall.now())
        self._wall = wall
        self._guard = guard

    @override
    def now(self) -> float:
        """Return the time in s since an arbitrary start."""
        self._now = self._wall.now()
        return self._now

    @override
    def sleep(self, duration: float) -> None:
        """Refuse: nothing lasts any time on this clock."""
        raise NotImplementedError

    @override
    def every(self, period: float, action: Callable[[], None]) -> Timer:
        """Call `action` each `period` (s) that passes on the wall."""
        self.now()
        return super().every(period, self._guard(action))

    def until_due(self, after: float) -> float | None:
        """Return the time (s) until the next timer is due that is due after `after`; None if there is none."""
        dues = [due for due, _, timer in self._due if due > after and not timer.cancelled]
        return max(0.0, min(dues) - self.now()) if dues else None

    def fire(self, after: float, until: float) -> None:
        """Do what is due after one time and until another."""
        self.now()
        for entry in sorted(entry for entry in self._due if after < entry[0] <= until):
            self._due.remove(entry)
            timer = entry[2]
            if not timer.cancelled:
                self._push(timer)
                timer.action()
        heapq.heapify(self._due)


class PacedClock(VirtualClock):
    """The time on the wall, let pass by one thread.

    Args:
        start: of the world's time (s).
        wall: the time that it goes with.
        watch: the clock that the protections against a silent host go by.
        guard: given each action before it is due.
        idle: called with a duration (s) while an operation lasts: does what else is to be done, and returns after that
            duration at the latest; it may return earlier, and call `sleep` again for another operation.
    """

    def __init__(
        self, start: float, wall: Clock, watch: WatchClock, guard: Guard, idle: Callable[[float], None]
    ) -> None:
        super().__init__(start)
        self._watch = watch
        self._guard = guard
        self._wall = wall
        self._offset = start - wall.now()
        self._idle = idle
        self._ends: list[float] = []
        self.paced = True
        """Whether anything is waited for; without, operations take no time on the wall."""

    @property
    @override
    def watch(self) -> WatchClock:
        return self._watch

    @override
    def every(self, period: float, action: Callable[[], None]) -> Timer:
        """Call `action` each `period` (s); what it raises is nothing to an operation during which it is due."""
        return super().every(period, self._guard(action))

    @override
    def sleep(self, duration: float) -> None:
        """Let `duration` (s) pass on the wall, too; what is due on the way is done meanwhile.

        Where the wall is ahead already, what else is to be done is done all the same, once.
        """
        end = self._now + max(0.0, duration)
        self._ends.append(end)
        try:
            if self.paced and self._until(end) <= _INSTANT:
                self._idle(0.0)
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
        guard: given each action before it is due.
    """

    def __init__(self, start: float, watch: WatchClock, guard: Guard) -> None:
        super().__init__(start)
        self._watch = watch
        self._guard = guard

    @property
    @override
    def watch(self) -> WatchClock:
        return self._watch

    @override
    def every(self, period: float, action: Callable[[], None]) -> Timer:
        """Call `action` each `period` (s); what it raises is nothing to an operation during which it is due."""
        return super().every(period, self._guard(action))
