"""The event log of an instrument: what `:SYSTem:ERRor?` reads, bounded as on the bench."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

from sim_backend.panels.scpi_errors import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class EventKind(IntFlag):
    """How grave an event is, in the numbers that the 2450 family prints."""

    ERROR = 1
    WARNING = 2
    INFORMATION = 4


ALL_KINDS = EventKind.ERROR | EventKind.WARNING | EventKind.INFORMATION


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log.

    Args:
        code: its number.
        text: what it says.
        kind: how grave it is.
        time: when, in s on the instrument's clock.
    """

    code: int
    text: str
    kind: EventKind
    time: float


class EventLog:
    """Unread events, oldest first. When it is full, its newest entry becomes -350 and what follows is lost.

    Args:
        capacity: how many unread events it holds.
        now: the instrument's clock in s.
        texts: what this instrument words otherwise than the standard, by code.
    """

    def __init__(self, capacity: int, now: Callable[[], float], texts: Mapping[int, str] | None = None) -> None:
        self._capacity = capacity
        self._now = now
        self._texts = {**TEXTS, **(texts or {})}
        self._entries: deque[Event] = deque()

    def post(self, code: int, text: str | None = None, kind: EventKind = EventKind.ERROR) -> Event:
        """Write an event down and return it; `text` None takes the text that belongs to the code."""
        event = Event(code, self._texts.get(code, "") if text is None else text, kind, self._now())
        if len(self._entries) < self._capacity:
            self._entries.append(event)
        else:
            self._entries[-1] = Event(-350, self._texts[-350], EventKind.ERROR, event.time)
        return event

    def next(self, kinds: EventKind = ALL_KINDS) -> Event | None:
        """Return the oldest unread event of `kinds`; it and all before it count as read. None if there is none."""
        if not self.count(kinds):
            return None
        while True:
            event = self._entries.popleft()
            if event.kind & kinds:
                return event

    def count(self, kinds: EventKind = ALL_KINDS) -> int:
        """Return how many unread events of `kinds` there are."""
        return sum(1 for event in self._entries if event.kind & kinds)

    def clear(self) -> None:
        """Forget every unread event."""
        self._entries.clear()
