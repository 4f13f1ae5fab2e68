"""One direction of a link: messages pass in order, but for what strikes them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim_backend.faults.kinds import MESSAGES, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Clock
    from sim_backend.faults.schedule import Strike


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes on their way.

    Args:
        data: they.
        is_end: the message ends with them.
        marked: the link itself marks that end (VISA's END).
    """

    data: bytes
    is_end: bool
    marked: bool = False


class Lane:
    """One direction of one host's link.

    Args:
        send: lets a piece through.
        clock: that late messages go by.
        strikes: counts a message of so many bytes and returns what strikes it, and after how many of its bytes.
        act: lets a fault strike that concerns no message, but the instrument or the link.
        is_lost: whether the link is gone, and nothing passes any more.
    """

    def __init__(
        self,
        send: Callable[[Piece], None],
        clock: Clock,
        strikes: Callable[[int], list[tuple[int, Strike]]],
        act: Callable[[Strike], None],
        is_lost: Callable[[], bool],
    ) -> None:
        self._send = send
        self._clock = clock
        self._strikes = strikes
        self._act = act
        self._is_lost = is_lost
        self._queue: deque[Piece] = deque()
        """What waits behind something late."""
        self._late = 0
        self._passed_over: list[Piece] = []
        """What waits for the next message to overtake it."""
        self._joins = False
        """Whether the queue waits for the next message and then leaves in one piece."""

    def forget(self) -> None:
        """Lose what is under way, with the link."""
        self._queue.clear()
        self._passed_over.clear()
        self._joins = False
        self._late += 1

    def carry(self, message: bytes, marked: bool = False) -> None:
        """Let a message pass, as far as nothing strikes it."""
        if self._is_lost():
            return
        strikes = self._strikes(len(message))
        shape = next(((offset, strike) for offset, strike in strikes if strike.kind in MESSAGES), None)
        sent = 0
        for offset, strike in strikes:
            if strike.kind in MESSAGES:
                continue
            if offset > sent:
                self._pass(Piece(message[sent:offset], offset == len(message), marked and offset == len(message)))
                sent = offset
            self._act(strike)
            if self._is_lost():
                return
        if sent < len(message):
            self._shape(message[sent:], marked, shape, sent)

    def _shape(self, message: bytes, marked: bool, shape: tuple[int, Strike] | None, sent: int) -> None:
        """Let a message, or what is left of it, pass as a fault makes it."""
        whole = Piece(message, is_end=True, marked=marked)
        if shape is None:
            self._pass(whole)
            return
        offset, strike = shape
        at = min(max((offset if strike.at is None else strike.at) - sent, 0), len(message) - 1)
        match strike.kind:
            case FaultKind.DELAY:
                self._pass_late(whole, strike.lasting)
            case FaultKind.CUT:
                self._pass(Piece(message[:at], is_end=False))
            case FaultKind.REPEAT:
                self._pass(whole)
                self._pass(whole)
            case FaultKind.REORDER:
                self._passed_over.append(whole)
                self._after(strike.lasting, self._overtaken)
            case FaultKind.SPLIT:
                self._pass(Piece(message[:at], is_end=False))
                self._pass_late(Piece(message[at:], is_end=True, marked=marked), strike.lasting)
            case FaultKind.MERGE:
                self._joins = True
                self._pass_late(whole, strike.lasting)
            case FaultKind.FLIP:
                flipped = bytearray(message)
                flipped[at] ^= 1 << strike.bit
                self._pass(Piece(bytes(flipped), is_end=True, marked=marked))
            case _:
                pass  # it is dropped

    def _pass(self, piece: Piece) -> None:
        """Let a piece pass, behind what is late; then what it overtakes."""
        if self._late_is_waiting():
            self._queue.append(piece)
            if self._joins:
                self._joins = False
                self._flush(joined=True)
        elif piece.data:
            self._send(piece)
        if piece.is_end:
            self._overtaken()

    def _late_is_waiting(self) -> bool:
        return bool(self._queue)

    def _pass_late(self, piece: Piece, lasting: float) -> None:
        self._queue.append(piece)
        if len(self._queue) == 1:
            self._after(lasting, self._flush)

    def _flush(self, joined: bool = False) -> None:
        """Let pass what was late."""
        pieces = list(self._queue)
        self._queue.clear()
        self._joins = False
        self._late += 1
        if joined and pieces:
            pieces = [Piece(b"".join(piece.data for piece in pieces), pieces[-1].is_end, pieces[-1].marked)]
        for piece in pieces:
            if self._is_lost():
                return
            self._send(piece)

    def _overtaken(self) -> None:
        """Let pass what has been overtaken."""
        waiting, self._passed_over = self._passed_over, []
        for piece in waiting:
            if not self._is_lost():
                self._pass(piece)

    def _after(self, lasting: float, action: Callable[[], None]) -> None:
        """Do something later, unless what it was for has passed by then."""
        number = self._late

        def due() -> None:
            timer.cancel()
            if number == self._late or action == self._overtaken:
                action()

        timer = self._clock.every(lasting, due)
