"""The host's end of the probe board's link: every request is executed at most once, every reply is the one asked for.

A request without reply is sent again as the same bytes, up to three times; the board answers repeats from its cache
and executes nothing twice. When that does not help, a new session is opened and the caller must settle what happened.
Which requests there are is in `drivers/probe_board.py`.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Protocol, TypeVar

import serial

from labctl.errors import LinkError, RefusedError, TrippedError
from labctl.messages import PayloadError, pack_hello, unpack_error, unpack_hello_reply
from labctl.wire import (
    DELIMITER,
    OUTSIDE_SESSION,
    ErrorCode,
    Frame,
    FrameReader,
    Kind,
    Opcode,
    encode_frame,
    error_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Clock
    from labctl.messages import ErrorReport, HelloReply

RESENDS = 3
"""How often the same bytes are sent again (board specification, section 2, rule 4)."""
REPLY_TIME = 0.25
"""How long (s) a reply may take beyond the time that the request itself runs."""
LIST_TIME = 5.0
"""The longest run (s) of any request, during which others wait (board specification, section 2, rule 7)."""
POLL_TIME = 0.05
"""Time-out (s) of one read of the port."""
_SEQUENCES = 2**32 - OUTSIDE_SESSION


class LostReplyError(LinkError):
    """A request stayed without reply; whether it was executed must be settled."""


class BoardError(RefusedError):
    """The board answered with an error; `report` says how far it came."""

    def __init__(self, message: str, report: ErrorReport) -> None:
        super().__init__(message)
        self.report = report


class BoardTrippedError(TrippedError):
    """The board is in its safe state because a protection fired; `report` says how far the request came."""

    def __init__(self, message: str, report: ErrorReport) -> None:
        super().__init__(message)
        self.report = report


Value = TypeVar("Value")


class Port(Protocol):
    """What is used of a pyserial port; pyserial's base class does not declare `in_waiting`."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        ...

    def read(self, size: int = 1, /) -> bytes:
        """Return up to `size` bytes, fewer when the time-out passes."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""
        ...

    def close(self) -> None:
        """Close the port."""
        ...


class BoardLink:
    """One serial port to a probe board.

    Args:
        port: an open pyserial port whose time-out is `POLL_TIME`.
        clock: counts the waiting.
        where: how messages call the board, as "board at COM5".
    """

    def __init__(self, port: Port, clock: Clock, where: str) -> None:
        self._port = port
        self._clock = clock
        self._where = where
        self._frames = FrameReader(Kind.REPLY, Kind.ERROR)
        self._lock = threading.Lock()
        self._outside = secrets.randbelow(_SEQUENCES)
        self._session = 0
        self._sequence = 0
        self._unanswered: Frame | None = None
        self._delimited = False

    def open_session(self) -> HelloReply:
        """Say HELLO; the board forgets the session before.

        Raises:
            LinkError: if the board does not answer.
        """
        with self._lock:
            return self._hello()

    def ask(self, opcode: Opcode, payload: bytes = b"", duration: float = 0.0) -> bytes:
        """Send a request of the session and return the payload of its reply.

        Args:
            opcode: the operation.
            payload: its arguments.
            duration: how long (s) the board needs to carry it out.

        Raises:
            LostReplyError: if no reply came; a new session must be opened before the next request.
            BoardError, BoardTrippedError: if the board answers with an error.
            LinkError: if the port is gone, or the session is not ours any more.
        """
        with self._lock:
            return self._ask(opcode, payload, duration, RESENDS)

    def ask_if_free(self, opcode: Opcode, payload: bytes) -> None:
        """Send a request unless another is under way, and wait for its reply only once."""
        if self._lock.acquire(blocking=False):
            try:
                self._ask(opcode, payload, 0.0, 0)
            finally:
                self._lock.release()

    def ask_outside(self, opcode: Opcode, payload: bytes = b"") -> bytes:
        """Send a request that needs no session and changes nothing that may not be changed twice.

        Raises:
            LinkError: if no reply came.
            BoardError: if the board answers with an error.
        """
        with self._lock:
            return self._ask_outside(opcode, payload)

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _hello(self) -> HelloReply:
        self._unanswered = None
        payload = pack_hello(secrets.randbits(32))
        reply = _reading(unpack_hello_reply, self._ask_outside(Opcode.HELLO, payload, LIST_TIME), self._where)
        self._session, self._sequence = reply.session, 0
        return reply

    def _ask(self, opcode: Opcode, payload: bytes, duration: float, resends: int) -> bytes:
        if self._unanswered is not None:
            self._exchange(self._unanswered, LIST_TIME, RESENDS)
            self._unanswered = None
        self._sequence += 1
        frame = Frame(Kind.REQUEST, opcode, self._sequence, self._session, payload)
        self._unanswered = frame
        reply = self._exchange(frame, duration, resends)
        self._unanswered = None
        return self._judge(frame, reply)

    def _exchange(self, frame: Frame, duration: float, resends: int) -> Frame:
        data = encode_frame(frame)
        for _ in range(1 + resends):
            self._send(data)
            reply = self._await(frame, duration + REPLY_TIME)
            if reply is not None:
                return reply
        name = Opcode(frame.opcode).name
        raise LostReplyError(f"{self._where} did not answer {name}; check the cable, its power and the address")

    def _ask_outside(self, opcode: Opcode, payload: bytes, duration: float = 0.0) -> bytes:
        for _ in range(1 + RESENDS):
            self._outside = (self._outside + 1) % _SEQUENCES
            frame = Frame(Kind.REQUEST, opcode, OUTSIDE_SESSION + self._outside, 0, payload)
            self._send(encode_frame(frame))
            reply = self._await(frame, duration + REPLY_TIME)
            if reply is not None:
                return self._judge(frame, reply)
        raise LinkError(f"{self._where} did not answer {opcode.name}; check the cable, its power and the address")

    def _send(self, data: bytes) -> None:
        """Write a frame; the first one follows a delimiter, so that noise before it ends there."""
        try:
            self._port.write(data if self._delimited else DELIMITER + data)
        except (OSError, serial.SerialException) as error:
            raise self._lost(error) from None
        self._delimited = True

    def _await(self, request: Frame, patience: float) -> Frame | None:
        """Return the reply to `request`; every frame that answers something else is thrown away."""
        deadline = self._clock.now() + patience
        while True:
            try:
                data = self._port.read(max(1, self._port.in_waiting))
            except (OSError, serial.SerialException) as error:
                raise self._lost(error) from None
            for frame in self._frames.feed(data):
                if (frame.session, frame.sequence, frame.opcode) == (request.session, request.sequence, request.opcode):
                    return frame
            if self._clock.now() >= deadline:
                return None

    def _judge(self, request: Frame, reply: Frame) -> bytes:
        """Return the payload of a reply; raise what an error means."""
        if reply.kind is Kind.REPLY:
            return reply.payload
        first = _reading(unpack_error, reply.payload, self._where)
        broken_off = first.code == ErrorCode.TRIPPED and request.opcode == Opcode.PULSE_READ
        report = unpack_error(reply.payload, with_block=True) if broken_off else first
        name, code = Opcode(request.opcode).name, error_name(report.code)
        what = f"{self._where} answered {name} with {code}: {report.text!r}"
        if report.code in (ErrorCode.TRIPPED, ErrorCode.SAFE_STATE, ErrorCode.NOT_ARMED):
            raise BoardTrippedError(f"{what}; find the cause, then start anew", report)
        if report.code in (ErrorCode.SESSION, ErrorCode.SEQUENCE):
            raise LinkError(f"{what}; the board was restarted, or another program talks to it")
        raise BoardError(what, report)

    def _lost(self, error: Exception) -> LinkError:
        return LinkError(f"the link to {self._where} is gone ({error}); check the cable and its power")


def _reading(unpack: Callable[[bytes], Value], payload: bytes, where: str) -> Value:
    """Return what a reply holds; one of a wrong length comes from another firmware."""
    try:
        return unpack(payload)
    except PayloadError as error:
        raise LinkError(f"{where} sent a reply that its specification does not allow: {error}") from None
