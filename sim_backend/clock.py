"""The virtual clock: every operation of the twin costs the time it would cost on the bench, at once."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Timer


class VirtualClock:
    """Time that passes only when somebody lets it pass; timers that fall due on the way are called.

    Not thread-safe: whoever serves a world to several clients serialises them.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._due: list[tuple[float, int, _VirtualTimer]] = []
        self._order = itertools.count()

    @property
    def watch(self) -> VirtualClock:
        """The clock that protections against a silent host go by; a served twin that hurries has one of its own."""
        return self

    def now(self) -> float:
        """Return the time in s since the world was made."""
        return self._now

    def next_due(self) -> float | None:
        """Return when the next timer is due, in s on this clock; None if there is none."""
        while self._due and self._due[0][2].cancelled:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def sleep(self, duration: float) -> None:
        """Let `duration` (s) pass; timers due on the way are called at their own times, oldest first."""
        end = self._now + max(0.0, duration)
        while self._due and self._due[0][0] <= end:
            due, _, timer = heapq.heappop(self._due)
            if timer.cancelled:
                continue
            self._now = max(self._now, due)
            self._push(timer)
            timer.action()
        self._now = max(self._now, end)

    def every(self, period: float, action: Callable[[], None]) -> Timer:
        """Call `action` each `period` (s) of virtual time."""
        timer = _VirtualTimer(period, action)
        self._push(timer)
        return timer

    def _push(self, timer: _VirtualTimer) -> None:
        heapq.heappush(self._due, (self._now + timer.period, next(self._order), timer))


class _VirtualTimer:
    """An action that is due each period until it is cancelled."""

    def __init__(self, period: float, action: Callable[[], None]) -> None:
        self.period = period
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True
