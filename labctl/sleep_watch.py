"""Noticing that this computer slept, that its clock was set, or that this process did not run for a while.

Durations are counted by a clock that never goes back, and that stands still while a computer sleeps (Linux, macOS) or
does not (Windows); the calendar goes on during sleep and jumps when somebody sets it. So a calendar that has gone
another way than the clock tells of either; who was stopped, or slept on Windows, has missed heartbeats of its own
(`labctl/heartbeat.py`). After any of them the instruments may be in another state, or others: they are identified again
before the run goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.errors import EquipmentError

if TYPE_CHECKING:
    from labctl.backend import WallClock
    from labctl.errors import LinkError

TOLERANCE = 2.0
"""How far (s) calendar and clock may go apart unnoticed: ours, more than a step of a time server in normal service."""
DRIFT = 1e-3
"""And how far for each second: twice the 500 ppm at which a time server may pull a calendar right (ntpd manual)."""
TRIES = 3
"""How often in a row, without a step done between, a run that lapsed goes on by itself."""
WAKING = 30.0
"""How long (s) instruments are waited for after that: networks and USB devices come back late."""
TRY_AGAIN = 1.0
"""How long (s) after each failed try to reach them."""


class LapsedError(EquipmentError):
    """This process did not run for a while, so that its bench may be in another state than it believes.

    Args:
        duration: how long (s).
        error: what came of it; "" where nothing was asked for since.
    """

    def __init__(self, duration: float, error: str = "") -> None:
        lapse = f"this process did not run for {duration:.1f} s (asleep or stopped); its bench may have been made safe"
        super().__init__(error or lapse)


class SleepWatch:
    """Compares the calendar with the clock that never goes back.

    Args:
        wall: both of them.
    """

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._clock, self._calendar = self._look()

    def jump(self) -> float:
        """Return how much farther (s) the calendar went than the clock since this was last asked; 0 within tolerance.

        More than 0: the computer slept, or the calendar was set forward. Less: it was set back.
        """
        before, calendar_before = self._clock, self._calendar
        self._clock, self._calendar = self._look()
        elapsed = self._clock - before
        jump = self._calendar - calendar_before - elapsed
        return jump if abs(jump) > TOLERANCE + DRIFT * elapsed else 0.0

    def _look(self) -> tuple[float, float]:
        return self._wall.now(), self._wall.utc().timestamp()


def jump_words(jump: float) -> str:
    """Return what a jump of the calendar means, for a person."""
    if jump > 0:
        return f"the calendar went {jump:.0f} s ahead of this run: the computer slept, or its clock was set"
    return f"the computer's clock was set back by {-jump:.0f} s"


class Waking:
    """Lets a run that lapsed go on by itself, as `labctl run --resume` would, but not for ever.

    Args:
        wall: waits.
    """

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self.begun = wall.now()
        """When the process began with the run, or with what it does of it since the last lapse (s)."""
        self.is_first = True
        """Whether the run has not lapsed so far."""
        self._until = self.begun
        self._tries = 0
        self._steps = -1

    def lapsed(self, error: LapsedError, steps: int) -> None:
        """Return if the run may go on; `steps` of it are done.

        Raises:
            LapsedError: if it lapsed too often since a step was done.
        """
        self._tries = 1 if steps > self._steps else self._tries + 1
        self._steps = steps
        if self._tries > TRIES:
            raise error
        self.is_first = False
        self.begun = self._wall.now()
        self._until = self.begun + WAKING

    def wait(self, error: LinkError) -> None:
        """Return after a while if the instruments, which do not answer yet, may be tried again.

        Raises:
            LinkError: if the run has not lapsed, or lapsed too long ago.
        """
        if self.is_first or self._wall.now() > self._until:
            raise error
        self._wall.sleep(TRY_AGAIN)
