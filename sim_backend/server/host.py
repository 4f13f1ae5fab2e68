"""One host of a served instrument: what it sends is taken as far as the bounds allow, what it gets is kept in order."""

from __future__ import annotations

from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Final

from sim_backend.server.bounds import PIECE_COST

if TYPE_CHECKING:
    from collections.abc import Callable
    from selectors import BaseSelector

    from sim_backend.links import Link
    from sim_backend.server.bounds import Bounds
    from sim_backend.server.channels import Channel
    from sim_backend.server.tokens import Lock

_BROWSERS: Final = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"CONNECT ")
"""What a web page can make a browser send to a loopback port begins with one of these; no instrument's message does."""


class Host:
    """A connection to one instrument.

    Args:
        channel: to the host; closed here.
        selector: told what this waits for; its events are to be passed to `ready`.
        bounds: of the connection.
        take: called as `take(host, data)` with what the host sends.
        gone: called once when the connection is closed.
        now: the time on the wall (s).
        lock: what the host must open first; None: nothing.
    """

    def __init__(
        self,
        channel: Channel,
        selector: BaseSelector,
        bounds: Bounds,
        take: Callable[[Host, bytes], None],
        gone: Callable[[Host], None],
        now: Callable[[], float],
        lock: Lock | None = None,
    ) -> None:
        self._lock = lock
        self._channel = channel
        self._selector = selector
        self._bounds = bounds
        self._take = take
        self._gone = gone
        self._now = now
        self._outbox = bytearray()
        self._events = 0
        self._ahead = 0
        self._ended = False
        self._unheard = True
        self._open = True
        self.last_heard = now()
        """When the host last sent something (s, on the wall)."""
        self.link: Link | None = None
        """To the panel, once there is one."""
        self._watch()

    @property
    def lasts(self) -> bool:
        """Whether this is a port that hosts come to and go from, and not one host's connection."""
        return self._channel.lasts

    @property
    def ended(self) -> bool:
        """Whether nothing more comes from the host; what came may still be obeyed and answered."""
        return self._ended

    @property
    def is_stranger(self) -> bool:
        """Whether the host must still say the token."""
        return self._lock is not None

    @property
    def obeyed_all(self) -> bool:
        """Whether all that came from the host has been obeyed; answers may still wait for it."""
        return self._ahead == 0

    @property
    def is_too_far_ahead(self) -> bool:
        """Whether the host has sent so much that is not obeyed that nothing more is taken from it."""
        return self._ahead > self._bounds.ahead

    def look_for_end(self) -> None:
        """Notice that a host which is far ahead has hung up; what it sent and was not taken is lost."""
        if self._open and not self._ended and self._channel.hung_up():
            self._ended = True
            self._go_on()

    def deliver(self, data: bytes) -> None:
        """Send an answer, or as much of it as there is room for; the rest follows as the host reads."""
        if not self._open:
            return
        if len(self._outbox) + len(data) > self._bounds.behind:
            if self.lasts:
                self._outbox.clear()  # a serial line that nobody listens to loses what is said
            else:
                self.close()
            return
        self._outbox += data
        self._flush()

    def obeyed(self, count: int) -> None:
        """Note that the instrument has obeyed `count` bytes of what the host sent."""
        self._ahead -= count
        self._go_on()

    def ready(self, mask: int) -> None:
        """Do what the selector found possible."""
        if mask & EVENT_WRITE and self._open:
            self._flush()
        if mask & EVENT_READ and self._open and not self._ended:
            self._read()

    def close(self) -> None:
        """Hang up. What was taken is still obeyed. Closing twice is harmless."""
        if self._open:
            self._open = False
            self._outbox.clear()
            self._watch()
            self._channel.close()
            self._gone(self)

    def _read(self) -> None:
        data = self._channel.receive()
        if data is None:
            return
        self.last_heard = self._now()
        if self._unheard and not self.lasts and data.startswith(_BROWSERS):
            data = b""
        self._unheard = False
        if data and self._lock is not None:
            data = self._unlocked(data, self._lock)
            if data is None:
                return
        if not data:
            self._ended = True
            self._go_on()
            return
        self._ahead += len(data) + PIECE_COST
        self._watch()
        self._take(self, data)

    def arrived(self) -> None:
        """Note that a piece is no longer under way."""
        self.obeyed(PIECE_COST)

    def _unlocked(self, data: bytes, lock: Lock) -> bytes | None:
        """Return what the host sends behind the token, None while there is nothing; a wrong token is the end."""
        try:
            rest = lock.open_with(data)
        except PermissionError:
            return b""
        if rest is not None:
            self._lock = None
        return rest or None

    def _flush(self) -> None:
        try:
            while self._outbox and (sent := self._channel.send(self._outbox)):
                del self._outbox[:sent]
        except OSError:
            if not self.lasts:
                self.close()
                return
            self._outbox.clear()
        self._go_on()

    def _go_on(self) -> None:
        """Hang up if the host has, and has its answers; else wait for what there may be."""
        if self._ended and self._ahead == 0 and not self._outbox:
            self.close()
        elif self._open:
            self._watch()

    def _watch(self) -> None:
        """Tell the selector what to wait for."""
        events = 0
        if self._open:
            reading = not self._ended and not self.is_too_far_ahead
            events = (EVENT_READ if reading else 0) | (EVENT_WRITE if self._outbox else 0)
        if events == self._events:
            return
        if not events:
            self._selector.unregister(self._channel.fileno())
        elif self._events:
            self._selector.modify(self._channel.fileno(), events, self.ready)
        else:
            self._selector.register(self._channel.fileno(), events, self.ready)
        self._events = events
