"""The link of one instrument with its faults: whatever hosts are connected, they share its counts and its fate."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakSet

from sim_backend.faults.kinds import Direction
from sim_backend.faults.lane import Lane, Piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Clock
    from sim_backend.faults.schedule import Strike
    from sim_backend.links import Link
    from sim_backend.panel import Panel


class FaultyChannel:
    """One instrument's link.

    Args:
        panel: the instrument.
        end: the byte that ends each request.
        clock: that late messages and broken links go by.
        strikes: counts a message of a direction and says what strikes it.
        act: lets a fault strike the instrument.
    """

    def __init__(
        self,
        panel: Panel,
        end: bytes,
        clock: Clock,
        strikes: Callable[[Direction, int], list[tuple[int, Strike]]],
        act: Callable[[Strike], None],
    ) -> None:
        self._panel = panel
        self.end = end
        self.clock = clock
        self.strikes = strikes
        self.act = act
        self._back_at = 0.0
        self._links: WeakSet[FaultyLink] = WeakSet()
        self._busy = False
        self._waiting: deque[Callable[[], None]] = deque()

    @property
    def is_gone(self) -> bool:
        """Whether the link cannot be opened at the moment."""
        return self.clock.now() < self._back_at

    def link(
        self,
        connect: Callable[[Callable[[bytes], None]], Link],
        deliver: Callable[[bytes], None],
        part: Callable[[bytes], None],
    ) -> FaultyLink:
        """Open a link to the instrument; while the link is gone, one that is lost from the start.

        Args:
            connect: opens the link to the instrument itself.
            deliver: gets its answers, one message a call.
            part: gets pieces of answers that do not end with them.
        """
        link = FaultyLink(self, connect, deliver, part)
        self._links.add(link)
        return link

    def lose(self, lasting: float) -> None:
        """Break every link; none can be opened for some time (s)."""
        self._back_at = self.clock.now() + lasting
        for link in list(self._links):
            link.lose()

    def forget(self) -> None:
        """Forget what the instrument has received of messages that are not complete, as with its power."""
        for link in list(self._links):
            link.forget()

    def in_turn(self, action: Callable[[], None]) -> None:
        """Do something with the instrument: at once if it takes that, else when it is done with what it does."""
        if self._panel.interruptible:
            action()
            return
        self._waiting.append(action)
        if self._busy:
            return
        self._busy = True
        try:
            while self._waiting:
                self._waiting.popleft()()
        finally:
            self._busy = False


class FaultyLink:
    """One host's link to an instrument.

    Args:
        channel: that it is on.
        connect: opens the link to the instrument itself.
        deliver: gets its answers.
        part: gets pieces of answers that do not end with them.
    """

    def __init__(
        self,
        channel: FaultyChannel,
        connect: Callable[[Callable[[bytes], None]], Link],
        deliver: Callable[[bytes], None],
        part: Callable[[bytes], None],
    ) -> None:
        self._channel = channel
        self._deliver = deliver
        self._part = part
        self.is_lost = channel.is_gone
        """Whether it is broken for good: a host must open another one."""
        self.on_lost: Callable[[], None] | None = None
        """Is told when it breaks."""
        self.lasts = False
        """Whether it is a port that comes back with its link, and not a connection that is lost with it."""
        self._half = bytearray()
        self._requests = self._lane(Direction.REQUEST, self._to_instrument)
        self._replies = self._lane(Direction.REPLY, self._to_host)
        self._inner = connect(self._replies.carry)

    def receive(self, data: bytes, end: bool, /) -> None:
        """Take bytes of the host, cut anywhere, and let each message pass that they complete."""
        if self.is_lost and self.lasts and not self._channel.is_gone:
            self.is_lost = False
        if self.is_lost:
            return
        self._half += data
        whole = self._half if end else self._half[: self._half.rfind(self._channel.end) + 1]
        rest = self._half[len(whole) :]
        messages = _messages(bytes(whole), self._channel.end)
        self._half = rest
        for number, message in enumerate(messages, 1):
            self._requests.carry(message, marked=end and number == len(messages))

    def reset(self) -> None:
        """Forget half-received bytes."""
        self._half.clear()
        self._inner.reset()

    def lose(self) -> None:
        """Break."""
        if not self.is_lost:
            self.is_lost = True
            self._half.clear()
            self._requests.forget()
            self._replies.forget()
            self._inner.reset()
            if self.on_lost is not None:
                self.on_lost()

    def forget(self) -> None:
        """Forget what the instrument has of a message that is not complete."""
        self._inner.reset()

    def _lane(self, direction: Direction, send: Callable[[Piece], None]) -> Lane:
        channel = self._channel
        return Lane(
            send,
            channel.clock,
            lambda size: channel.strikes(direction, size),
            channel.act,
            lambda: self.is_lost,
        )

    def _to_instrument(self, piece: Piece) -> None:
        self._channel.in_turn(lambda: self._inner.receive(piece.data, piece.marked))

    def _to_host(self, piece: Piece) -> None:
        (self._deliver if piece.is_end else self._part)(piece.data)


def _messages(data: bytes, end: bytes) -> list[bytes]:
    """Return the messages in `data`, each with what ends it; empty ones before a message belong to it."""
    messages: list[bytes] = []
    begun = b""
    for piece in data.split(end)[:-1]:
        begun += piece + end
        if piece:
            messages.append(begun)
            begun = b""
    rest = begun + data[len(data) - len(data.rsplit(end, 1)[-1]) :] if data else b""
    return [*messages, rest] if rest else messages
