"""Trigger events of the 2600B: what fires them, what waits for them, and the timers and blenders in between."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Timer
    from sim_backend.clock import VirtualClock

MOST_EVENTS: Final = 150_000
"""Events between two messages of the host; more are dropped, so that a loop of events ends (the twin's own bound)."""
NO_EVENT: Final = 0


class Listener(Protocol):
    """What is set up to answer events."""

    def hears(self, event: int) -> bool:
        """Note an event; return whether it is what this listener waits for."""
        ...


class EventBus:
    """Hands every event to whoever waits for it, one after the other."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._listeners: list[Listener] = []
        self._queue: deque[int] = deque()
        self._busy = False
        self._left = MOST_EVENTS

    def new_event(self) -> int:
        """Return the number of a new kind of event (assumption: the numbers; hosts use names)."""
        return next(self._numbers)

    def join(self, listener: Listener) -> None:
        """Hand events to a listener from now on."""
        self._listeners.append(listener)

    def allow(self) -> None:
        """Note that the host sent a message: events may go on."""
        self._left = MOST_EVENTS

    def spend(self) -> bool:
        """Return whether something that happens by itself may still happen."""
        self._left -= 1
        return self._left >= 0

    def fire(self, event: int) -> None:
        """Let an event happen, with all that follows from it at once."""
        self._queue.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                event = self._queue.popleft()
                if self.spend():
                    for listener in self._listeners:
                        listener.hears(event)
        finally:
            self._busy = False


class Detector:
    """Remembers that its stimulus came, until somebody who waited for it goes on."""

    def __init__(self, bus: EventBus, wake: Callable[[Detector], None] | None = None) -> None:
        self.stimulus: float = NO_EVENT
        self.latched = False
        self.overrun = False
        self._wake = wake
        bus.join(self)

    @property
    def bypassed(self) -> bool:
        """Whether nobody needs to wait for it."""
        return self.stimulus == NO_EVENT

    def hears(self, event: int) -> bool:
        """Latch if this is the stimulus."""
        if event != self.stimulus or self.bypassed:
            return False
        self.set()
        return True

    def set(self) -> None:
        """Latch, whatever the stimulus."""
        self.overrun |= self.latched
        self.latched = True
        if self._wake is not None:
            self._wake(self)

    def take(self) -> bool:
        """Return whether it is latched, and release it."""
        latched, self.latched = self.latched, False
        return latched

    def clear(self) -> None:
        """Release it and forget an overrun."""
        self.latched = self.overrun = False


class Blender:
    """Fires an event after one of up to four stimuli, or after all of them."""

    STIMULI: Final = 4

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self.event = bus.new_event()
        self.latch = Detector(bus)
        self.reset()
        bus.join(self)

    def reset(self) -> None:
        """Return to the default settings."""
        self.any_of_them = False
        self.stimuli: list[float] = [NO_EVENT] * self.STIMULI
        self._seen: set[int] = set()
        self.latch.clear()

    def clear(self) -> None:
        """Forget what was seen."""
        self._seen.clear()
        self.latch.clear()

    def hears(self, event: int) -> bool:
        """Note a stimulus; fire when enough of them came."""
        wanted = {place for place, stimulus in enumerate(self.stimuli) if stimulus != NO_EVENT}
        found = {place for place in wanted if self.stimuli[place] == event}
        if not found:
            return False
        self._seen |= found
        if self.any_of_them or self._seen >= wanted:
            self._seen.clear()
            self.latch.set()
            self._bus.fire(self.event)
        return True


class TriggerTimer:
    """Fires an event some time after its stimulus, once or several times."""

    def __init__(self, bus: EventBus, clock: VirtualClock) -> None:
        self._bus = bus
        self._clock = clock
        self._timer: Timer | None = None
        self.event = bus.new_event()
        self.latch = Detector(bus)
        self.reset()
        bus.join(self)

    def reset(self) -> None:
        """Return to the default settings."""
        self._stop()
        self.count = 1.0
        self.delays: list[float] = [10e-6]
        self.passthrough = False
        self.stimulus: float = NO_EVENT
        self.latch.clear()

    def clear(self) -> None:
        """Forget that it fired."""
        self.latch.clear()

    def hears(self, event: int) -> bool:
        """Start if this is the stimulus and it does not run."""
        if event != self.stimulus or event == NO_EVENT or self._timer is not None:
            return False
        if self.passthrough:
            self._bus.fire(self.event)
        self._start(0)
        return True

    def _start(self, place: int) -> None:
        delay = self.delays[place % len(self.delays)]
        self._timer = self._clock.every(delay, lambda: self._fire(place))

    def _fire(self, place: int) -> None:
        self._stop()
        if (self.count == 0 or place + 1 < self.count) and self._bus.spend():
            self._start(place + 1)
        self.latch.set()
        self._bus.fire(self.event)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None


class Generator:
    """An event that a script fires, or the host's `*TRG`."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self.event = bus.new_event()
        self.latch = Detector(bus)

    def fire(self) -> None:
        """Fire the event."""
        self.latch.set()
        self._bus.fire(self.event)


class Line:
    """A line of the digital port: no event comes in, and what goes out reaches nobody.

    Setting it up makes sense of scripts that do; a wait for it ends with its time.
    """

    def __init__(self, bus: EventBus) -> None:
        self.event = bus.new_event()
        self.latch = Detector(bus)
        self.stimulus: float = NO_EVENT

    def reset(self) -> None:
        """Return to the default settings."""
        self.stimulus = NO_EVENT
        self.latch.clear()

    def fire(self) -> None:
        """Put a pulse out, to which nothing is connected."""


class Triggers:
    """Everything of the `trigger` table, and the triggers of the digital port and the front panel."""

    BLENDERS: Final = 6
    TIMERS: Final = 8
    GENERATORS: Final = 2
    LINES: Final = 14

    def __init__(self, bus: EventBus, clock: VirtualClock) -> None:
        self.bus = bus
        self.command = Generator(bus)
        self.blenders = [Blender(bus) for _ in range(self.BLENDERS)]
        self.timers = [TriggerTimer(bus, clock) for _ in range(self.TIMERS)]
        self.generators = [Generator(bus) for _ in range(self.GENERATORS)]
        self.lines = [Line(bus) for _ in range(self.LINES)]
        self.display = Generator(bus)

    def reset(self) -> None:
        """Return to the default settings."""
        for part in (*self.blenders, *self.timers, *self.lines):
            part.reset()
        for part in (self.command, self.display, *self.generators):
            part.latch.clear()
