"""One host's connection to the board: its own frames in, its own replies out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.wire import DELIMITER, FrameReader, Kind, Opcode
from sim_backend.panels import board_facts as facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.wire import Frame


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request.

    Args:
        connection: that asks.
        frame: what it asks.
        size: bytes that it took on the link.
        bad: damaged frames that came before it on the same connection and have not been counted.
    """

    connection: BoardConnection
    frame: Frame
    size: int
    bad: int

    @property
    def is_safe(self) -> bool:
        """Whether this is a SAFE, which is obeyed on arrival."""
        return self.frame.opcode == Opcode.SAFE and not self.frame.payload

    @property
    def link_time(self) -> float:
        """What the request takes on the link, in s."""
        return facts.LINK_TIME + self.size * facts.BYTE_TIME


class BoardConnection:
    """A link as the board sees it.

    Args:
        take: what the board does with the requests that one piece of the stream completes, in order.
        count_bad: what the board does with a number of damaged frames.
        deliver: where the replies go; called with one or more whole messages, and must not raise.
    """

    def __init__(
        self, take: Callable[[list[Arrival]], None], count_bad: Callable[[int], None], deliver: Callable[[bytes], None]
    ) -> None:
        self._take = take
        self._count_bad = count_bad
        self._deliver = deliver
        self.reset()

    def reset(self) -> None:
        """Forget the half-received frame of a link that is gone; the next reply is the first one of a new link."""
        self._reader = FrameReader(Kind.REQUEST)
        self._size = 0
        self._greeted = False

    def receive(self, data: bytes, _end: bool = False) -> None:
        """Take bytes, cut anywhere; whether the link marked an end means nothing, as frames mark their own."""
        *complete, rest = data.split(DELIMITER)
        arrivals: list[Arrival] = []
        counted = self._reader.bad_frames
        for piece in complete:
            size, self._size = self._size + len(piece) + len(DELIMITER), 0
            for frame in self._reader.feed(piece + DELIMITER):
                arrivals.append(Arrival(self, frame, size, self._reader.bad_frames - counted))
                counted = self._reader.bad_frames
        if rest:
            self._size += len(rest)
            self._reader.feed(rest)
        if arrivals:
            self._take(arrivals)
        self._count_bad(self._reader.bad_frames - counted)

    def send(self, frame: bytes) -> None:
        """Send one encoded frame; a delimiter goes before the first one of a link."""
        self._deliver(frame if self._greeted else DELIMITER + frame)
        self._greeted = True
