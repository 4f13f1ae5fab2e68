"""The host's end of the probe board's link: every request is executed at most once, every reply is the one asked for.

A request without reply is sent again as the same bytes, up to three times; the board answers repeats from its cache
and executes nothing twice. When that does not help, or something breaks a request off, nothing of it is ever sent
again: the session is over. What a lost list of pulses did is settled in a session that is opened after it.
Which requests there are is in `drivers/probe_board.py`.
"""

from __future__ import annotations

import itertools
import secrets
import threading
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from drivers.board_errors import BoardError, BoardTrippedError, LostReplyError, PulseCount
from drivers.board_frames import BoardFrames
from labctl.errors import LinkError
from labctl.messages import (
    ErrorReport,
    PayloadError,
    pack_hello,
    split_pulse_read_reply,
    unpack_error,
    unpack_hello_reply,
    unpack_receipt,
)
from labctl.wire import (
    OUTSIDE_SESSION,
    ErrorCode,
    Frame,
    Kind,
    Opcode,
    encode_frame,
    error_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.board_frames import Port
    from labctl.backend import Clock
    from labctl.messages import HelloReply

RESENDS = 3
"""How often the same bytes are sent again (board specification, section 2, rule 4)."""
REPLY_TIME = 0.25
"""How long (s) a reply may take beyond the time that the request itself runs."""
LIST_TIME = 5.0
"""The longest run (s) of any request, during which others wait (board specification, section 2, rule 7)."""
_SEQUENCES = 2**32 - OUTSIDE_SESSION
_PULSING = (Opcode.PULSE, Opcode.PULSE_READ)
_NO_SUCH_SESSION = (ErrorCode.SESSION, ErrorCode.SEQUENCE)


Value = TypeVar("Value")


class _Session(Enum):
    """Whether a request of the session may be sent."""

    CLOSED = 0
    """Not before the caller opens one: there was none yet, or it ended in a way that the caller must know of."""
    OPEN = 1
    """Yes."""
    LOST = 2
    """After a HELLO, which the request sends by itself: a reply was lost, and the caller was told."""


class BoardLink:
    """One serial port to a probe board.

    Args:
        port: an open pyserial port whose time-out is `POLL_TIME`.
        clock: counts the waiting.
        where: how messages call the board, as "board at COM5".
    """

    def __init__(self, port: Port, clock: Clock, where: str) -> None:
        self._where = where
        self._frames = BoardFrames(port, clock, where)
        self._lock = threading.Lock()
        self._outside = itertools.count(secrets.randbelow(_SEQUENCES))
        self._state = _Session.CLOSED
        self._session = 0
        self._sequence = 0
        self._count = PulseCount()

    @property
    def boot(self) -> int:
        """Power-ups of the board when the session was opened."""
        return self._count.boot

    def open_session(self) -> HelloReply:
        """Say HELLO; the board forgets the session before.

        Raises:
            LinkError: if the board does not answer.
        """
        with self._lock:
            return self._hello(LIST_TIME + REPLY_TIME, RESENDS)

    def ask(self, opcode: Opcode, payload: bytes = b"", duration: float = 0.0) -> bytes:
        """Send a request of the session and return the payload of its reply.

        Once this has returned or raised, the request is never sent again. After a lost reply the next request opens
        a session first; every HELLO that stays without answer costs it one of its resends.

        Args:
            opcode: the operation.
            payload: its arguments.
            duration: how long (s) the board needs to carry it out.

        Raises:
            LostReplyError: if no reply came, or none that can be read.
            BoardError, BoardTrippedError: if the board answers with an error.
            LinkError: if there is no session, and nothing was done: none was opened, a request was broken off from
                outside, the board was restarted, or another program talks to it. `open_session` must be called.
        """
        with self._lock:
            return self._ask(opcode, payload, duration, RESENDS)

    def ask_if_free(self, opcode: Opcode, payload: bytes) -> None:
        """Do as `ask` does, but send once only; do nothing while another request is under way."""
        if self._lock.acquire(blocking=False):
            try:
                self._ask(opcode, payload, 0.0, 0)
            finally:
                self._lock.release()

    def ask_outside(self, opcode: Opcode, payload: bytes = b"") -> bytes:
        """Send a request that needs no session and changes nothing that may not be changed twice.

        Raises:
            LinkError: if no reply came.
            BoardError, BoardTrippedError: if the board answers with an error.
        """
        with self._lock:
            return self._ask_outside(opcode, payload, REPLY_TIME, RESENDS)

    def make_safe(self) -> None:
        """Send SAFE and see it answered; a request of another thread holds it up for `REPLY_TIME` at most.

        Raises:
            LinkError: if no reply came.
            BoardError, BoardTrippedError: if the board answers with an error.
        """
        alone = self._lock.acquire(timeout=REPLY_TIME)
        try:
            self._ask_outside(Opcode.SAFE, b"", REPLY_TIME, RESENDS)
        finally:
            if alone:
                self._lock.release()

    def parse(self, unpack: Callable[[bytes], Value], payload: bytes) -> Value:
        """Return what a reply holds.

        Raises:
            LinkError: if it has a wrong length, as that of another firmware may have.
        """
        try:
            return unpack(payload)
        except PayloadError as error:
            raise LinkError(f"{self._where} sent a reply that its specification does not allow: {error}") from None

    def close(self) -> None:
        """Close the port."""
        self._frames.close()

    def _hello(self, patience: float, resends: int) -> HelloReply:
        """Open a session. The one before is lost even if no answer comes: the board may have forgotten it."""
        if self._state is _Session.OPEN:
            self._state = _Session.LOST
        payload = self._ask_outside(Opcode.HELLO, pack_hello(secrets.randbits(32)), patience, resends)
        reply = self.parse(unpack_hello_reply, payload)
        self._session, self._sequence = reply.session, 0
        self._count = PulseCount(reply.boot, reply.delivered)
        self._state = _Session.OPEN
        return reply

    def _renew(self, resends: int) -> int:
        """Open a session in place of one that lost a reply; return how many resends are left."""
        boot = self._count.boot
        while True:
            try:
                self._hello(REPLY_TIME, 0)
                break
            except LinkError:
                if resends == 0:
                    raise
                resends -= 1
        if self._count.boot != boot:
            self._state = _Session.CLOSED
            raise LinkError(f"{self._where} was restarted and has lost its settings; open a new session")
        return resends

    def _ask(self, opcode: Opcode, payload: bytes, duration: float, resends: int) -> bytes:
        if self._state is _Session.LOST:
            resends = self._renew(resends)
        if self._state is _Session.CLOSED:
            raise LinkError(f"no session is open with {self._where}, or a request broke it off; open a new one")
        self._sequence += 1
        frame = Frame(Kind.REQUEST, opcode, self._sequence, self._session, payload)
        # Closed until the reply is there: wherever an exception from outside strikes, nothing is left to be sent.
        self._state = _Session.CLOSED
        try:
            answer = self._exchange(frame, duration, resends)
            count = self._counted(frame, answer)
        except LinkError as error:
            self._state = _Session.LOST
            raise LostReplyError(str(error), self._count) from None
        if not (isinstance(answer, ErrorReport) and answer.code in _NO_SUCH_SESSION):
            self._count = count
            self._state = _Session.OPEN
        return self._judge(opcode, answer)

    def _exchange(self, frame: Frame, duration: float, resends: int) -> bytes | ErrorReport:
        """Send a request until it is answered.

        Raises:
            LinkError: if it may or may not have been executed.
        """
        data = encode_frame(frame)
        for copy in range(1 + resends):
            reply = self._frames.attempt(frame, data, duration + REPLY_TIME)
            if reply is None:
                continue
            answer = self._answer(reply)
            if (
                copy
                and frame.opcode in _PULSING
                and isinstance(answer, ErrorReport)
                and answer.code in _NO_SUCH_SESSION
            ):
                break  # this copy was not executed, but one before it may have been, in a session that is over
            return answer
        raise self._silence(Opcode(frame.opcode))

    def _ask_outside(self, opcode: Opcode, payload: bytes, patience: float, resends: int) -> bytes:
        for _ in range(1 + resends):
            sequence = OUTSIDE_SESSION + next(self._outside) % _SEQUENCES
            frame = Frame(Kind.REQUEST, opcode, sequence, 0, payload)
            reply = self._frames.attempt(frame, encode_frame(frame), patience)
            if reply is not None:
                return self._judge(opcode, self._answer(reply))
        raise self._silence(opcode)

    def _answer(self, reply: Frame) -> bytes | ErrorReport:
        """Return the payload of a reply, or what an error reports."""
        if reply.kind is Kind.REPLY:
            return reply.payload
        report = self.parse(unpack_error, reply.payload)
        if report.code == ErrorCode.TRIPPED and reply.opcode == Opcode.PULSE_READ:
            return unpack_error(reply.payload, with_block=True)
        return report

    def _counted(self, request: Frame, answer: bytes | ErrorReport) -> PulseCount:
        """Return what the board has counted after a request.

        Raises:
            LinkError: if the answer to a list of pulses cannot be read.
        """
        if isinstance(answer, ErrorReport):
            return replace(self._count, delivered=answer.delivered)
        if request.opcode == Opcode.PULSE:
            return replace(self._count, delivered=self.parse(unpack_receipt, answer)[1])
        if request.opcode == Opcode.PULSE_READ:
            return replace(self._count, delivered=self.parse(split_pulse_read_reply, answer)[1])
        return self._count

    def _judge(self, opcode: Opcode, answer: bytes | ErrorReport) -> bytes:
        """Return the payload of a reply; raise what an error means."""
        if not isinstance(answer, ErrorReport):
            return answer
        what = f"{self._where} answered {opcode.name} with {error_name(answer.code)}: {answer.text!r}"
        if answer.code in (ErrorCode.TRIPPED, ErrorCode.SAFE_STATE, ErrorCode.NOT_ARMED):
            raise BoardTrippedError(f"{what}; find the cause, then start anew", answer)
        if answer.code in _NO_SUCH_SESSION:
            raise LinkError(f"{what}; the board was restarted, or another program talks to it")
        raise BoardError(what, answer)

    def _silence(self, opcode: Opcode) -> LinkError:
        return LinkError(f"{self._where} did not answer {opcode.name}; check the cable, its power and the address")
