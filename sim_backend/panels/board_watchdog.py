"""The board's watchdog on the world's clock (rule 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Clock, Timer


class Watchdog:
    """Bites when nothing restarts it for a period.

    It sets one timer at a time: when that falls due too early, because of a restart, it sets another for what is
    left. So a restart costs nothing but noting the time.

    Args:
        clock: the time it goes by.
        bite: what it does then; it has stopped itself before.
    """

    def __init__(self, clock: Clock, bite: Callable[[], None]) -> None:
        self._clock = clock
        self._bite = bite
        self._period: float | None = None
        self._deadline = 0.0
        self._held = False
        self._timer: Timer | None = None

    def start(self, period: float) -> None:
        """Go with this period (s)."""
        self._period = period
        self.restart()
        self._set(period)

    def restart(self) -> None:
        """Count the period from here; nothing happens if it does not go."""
        if self._period is not None:
            self._deadline = self._clock.now() + self._period

    def stop(self) -> None:
        """Go no more."""
        self._period = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def hold(self) -> None:
        """Stand still until the next `release`."""
        self._held = True

    def release(self) -> None:
        """Go on after `hold`; the request that it stood still for restarts it."""
        self._held = False

    def _set(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.every(delay, self._due)

    def _due(self) -> None:
        if self._period is None:
            return
        left = self._deadline - self._clock.now()
        if self._held:
            self._set(self._period)
        elif left > 0:
            self._set(left)
        else:
            self.stop()
            self._bite()
