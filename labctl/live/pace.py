"""How fast a run goes on, as seen from outside."""

from __future__ import annotations

from collections import deque

_WINDOW = 10.0
"""Stretch of time (s) over which the rate is taken."""
_SHORTEST = 0.5
"""Below this (s) a rate is chance."""


class Pace:
    """The steps per second of the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, steps: int) -> None:
        """Take down that `steps` are done at the time `now` (s)."""
        if self._seen and self._seen[-1][1] == steps and len(self._seen) > 1 and self._seen[-2][1] == steps:
            # Of a stretch without a step only its ends matter.
            self._seen.pop()
        self._seen.append((now, steps))
        while len(self._seen) > 2 and now - self._seen[1][0] >= _WINDOW:
            self._seen.popleft()

    def rate(self) -> float | None:
        """Return steps per second of the window's time, or None while it cannot be told."""
        if len(self._seen) < 2:
            return None
        (begin, first), (end, last) = self._seen[0], self._seen[-1]
        return (last - first) / (end - begin) if end - begin >= _SHORTEST else None
