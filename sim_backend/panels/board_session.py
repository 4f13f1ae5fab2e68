"""At most once: which requests are due, which are answered again, which belong to nobody (rules 1 and 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.messages import HelloReply, pack_hello_reply
from labctl.wire import ErrorCode
from sim_backend.panels.board_checks import Refusal

if TYPE_CHECKING:
    from labctl.wire import Frame

KEPT = 16
"""Replies that the board keeps."""
_STRIDE = 40_507
"""From one session's number to the next, modulo 65,535: coprime to it, so that all numbers have their turn."""
_BOOT_STRIDE = 24_593
"""From the first number of one power-up to that of the next, modulo 65,535: coprime to it, too."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given: its frame, and whether the request was carried out or refused."""

    reply: bytes
    executed: bool


class Session:
    """The board's one session.

    Numbers of sessions follow from one another and from the power-up, so that a twin's run can be repeated, and a
    request of the session before a restart is not taken for one of the session after it.

    Args:
        boot: power-ups of the board so far, this one included.
    """

    def __init__(self, boot: int) -> None:
        self._previous = (boot - 1) * _BOOT_STRIDE % 0xFFFF
        self._number: int | None = None
        self._nonce: int | None = None
        self._hello = b""
        self._last = 0
        self._kept: dict[int, Kept] = {}

    def open(self, nonce: int, boot: int, delivered: int) -> bytes:
        """Return the payload that answers HELLO; another host nonce than the last one opens a new session."""
        if nonce != self._nonce:
            self._previous = number = (self._previous + _STRIDE - 1) % 0xFFFF + 1
            self._number, self._nonce, self._last = number, nonce, 0
            self._kept.clear()
            self._hello = pack_hello_reply(HelloReply(nonce, number, boot, delivered))
        return self._hello

    def admit(self, frame: Frame) -> Kept | None:
        """Return the answer that this request was given before; None if it is the next one to be carried out.

        Raises:
            Refusal: SESSION or SEQUENCE; such a request uses up nothing.
        """
        if frame.session != self._number:
            raise Refusal(ErrorCode.SESSION, f"session {frame.session} is not open")
        kept = self._kept.get(frame.sequence)
        if kept is None and frame.sequence != self._last + 1:
            raise Refusal(ErrorCode.SEQUENCE, f"sequence {self._last + 1} is due, not {frame.sequence}")
        return kept

    def keep(self, reply: bytes, executed: bool) -> None:
        """Note the answer to the request that was due."""
        self._last += 1
        self._kept[self._last] = Kept(reply, executed)
        self._kept.pop(self._last - KEPT, None)

    def forget(self) -> None:
        """Lose the session, as with the power; the next one has another number all the same."""
        self._number = self._nonce = None
        self._kept.clear()
