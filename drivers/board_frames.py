"""Frames over a serial port: one out, its reply in; what answers something else is thrown away.

How often a frame is sent, and what an answer means, is decided in `drivers/board_link.py`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol, TypeAlias

import serial

from labctl.errors import LinkError
from labctl.wire import DELIMITER, FrameReader, Kind

if TYPE_CHECKING:
    from labctl.backend import Clock
    from labctl.wire import Frame

POLL_TIME = 0.05
"""Time-out (s) of one read of the port."""
_Key: TypeAlias = tuple[int, int, int]
"""Session, sequence and opcode, which a reply repeats."""


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


class BoardFrames:
    """The frames of one port; several threads may wait for replies at once.

    Args:
        port: an open pyserial port whose time-out is `POLL_TIME`.
        clock: counts the waiting.
        where: how messages call the board, as "board at COM5".
    """

    def __init__(self, port: Port, clock: Clock, where: str) -> None:
        self._port = port
        self._clock = clock
        self._where = where
        self._reader = FrameReader(Kind.REPLY, Kind.ERROR)
        # Re-entrant: a twin's clock calls its timers from inside a read that waits.
        self._receiving = threading.RLock()
        self._awaited: dict[_Key, Frame | None] = {}
        self._delimited = False

    def attempt(self, request: Frame, data: bytes, patience: float) -> Frame | None:
        """Send a request once and wait for its reply; None if none comes in time."""
        key = _key(request)
        self._awaited[key] = None
        try:
            self._send(data)
            deadline = self._clock.now() + patience
            while True:
                self._receive()
                reply = self._awaited[key]
                if reply is not None or self._clock.now() >= deadline:
                    return reply
        finally:
            del self._awaited[key]

    def _send(self, data: bytes) -> None:
        """Write a whole frame. A delimiter goes before the first one, and before one that follows half a frame."""
        whole = data if self._delimited else DELIMITER + data
        self._delimited = False
        try:
            self._port.write(whole)
        except (OSError, serial.SerialException) as error:
            raise self._gone(error) from None
        self._delimited = True

    def _receive(self) -> None:
        """Read what came. A reply that some thread waits for is kept for it; every other one is thrown away."""
        with self._receiving:
            try:
                data = self._port.read(max(1, self._port.in_waiting))
            except (OSError, serial.SerialException) as error:
                raise self._gone(error) from None
            for frame in self._reader.feed(data):
                if _key(frame) in self._awaited:
                    self._awaited[_key(frame)] = frame

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _gone(self, error: Exception) -> LinkError:
        return LinkError(f"the link to {self._where} is gone ({error}); check the cable and its power")


def _key(frame: Frame) -> _Key:
    return frame.session, frame.sequence, frame.opcode
