"""One host's connection to a panel that speaks in lines: an input buffer of its own, and where its replies go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_MESSAGE: Final = 64 * 1024
"""Bytes of a message that fit into the input buffer; an assumption, no manual gives the figure."""


class TakesMessages(Protocol):
    """What a link needs of its panel."""

    def answer(self, message: str, /) -> list[bytes]:
        """Obey one message; return its replies, each with its terminator."""
        ...

    def overrun(self) -> None:
        """Note that a message did not fit into an input buffer."""

    def forget(self) -> None:
        """Forget what the panel itself keeps of a message that is not complete, as of a script."""


class HostLink:
    """One host's connection to a panel.

    Args:
        panel: whose.
        deliver: gets each reply.
    """

    def __init__(self, panel: TakesMessages, deliver: Callable[[bytes], None] | None = None) -> None:
        self._panel = panel
        self._deliver = deliver
        self._input = bytearray()
        self._overrun = False

    def receive(self, data: bytes, end: bool, /) -> None:
        """Take bytes, cut anywhere, and deliver the replies that they complete."""
        for reply in self.read(data, end):
            if self._deliver is not None:
                self._deliver(reply)

    def read(self, data: bytes, end: bool) -> list[bytes]:
        """Take bytes, cut anywhere, and return the replies that they complete."""
        *whole, rest = data.split(b"\n")
        replies: list[bytes] = []
        for piece in whole:
            self._take(piece)
            replies += self._finish()
        self._take(rest)
        return replies + self._finish() if end and self._input else replies

    def reset(self) -> None:
        """Forget a half-received message."""
        self._empty()
        self._panel.forget()

    def _empty(self) -> None:
        """Empty the input buffer."""
        self._input.clear()
        self._overrun = False

    def _take(self, piece: bytes) -> None:
        """Put bytes into the input buffer; what does not fit is dropped, and reported once a message."""
        room = LONGEST_MESSAGE - len(self._input)
        self._input += piece[:room]
        if len(piece) > room and not self._overrun:
            self._overrun = True
            self._panel.overrun()

    def _finish(self) -> list[bytes]:
        """Let the panel obey the message in the input buffer."""
        message, overrun = self._input.decode("latin-1"), self._overrun
        self._empty()
        # A message that lost its tail is not obeyed at all: half of it might switch something on.
        return [] if overrun else self._panel.answer(message)
