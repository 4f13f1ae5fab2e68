"""A raw socket for pyvisa-py that tells within the time-out, and without a spin, that its peer is gone.

pyvisa-py 0.8.1 opens a socket to a closed port without a word, reads from a closed connection in a loop until the
time-out (when it clears, for ever), waits without limit for a peer that takes nothing, and starts the time-out anew
with each piece of an answer that has no end. Its session is replaced by this one, under pyvisa's own resources.
"""

from __future__ import annotations

import errno
import select
import socket
from typing import TYPE_CHECKING, Final

from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa_py.tcpip import TCPIPSocketSession
from typing_extensions import override

from labctl.backend import WallClock

if TYPE_CHECKING:
    from labctl.backend import Clock

OPEN_TIMEOUT: Final = 10.0
"""How long a connection may take where nothing else is said (s), as in pyvisa-py."""
PIECE: Final = 65536
"""Bytes that are received at once."""
SLICE: Final = 0.2
"""Longest wait without looking for a keyboard interrupt (s): on Windows it does not end a `select`."""
QUIET: Final = 0.1
"""How long the line must be quiet to count as clear (s), as in pyvisa-py."""


class BenchSocketSession(TCPIPSocketSession):
    """The session of one `TCPIP::host::port::SOCKET` resource.

    A peer that closed the connection is a ConnectionResetError of the next read, write or clear. The time-out is that
    of the whole call.
    """

    _clock: Clock = WallClock()

    @property
    def unread(self) -> int:
        """How many bytes came that were not read; at most `PIECE` are looked at beyond those that pyvisa-py keeps."""
        self._listen(0.0)
        return len(self._pending_buffer)

    @override
    def _connect(self) -> StatusCode:
        timeout = self.open_timeout / 1000 if self.open_timeout else OPEN_TIMEOUT
        self.interface = socket.create_connection((self.parsed.host_address, int(self.parsed.port)), timeout)
        self.interface.setblocking(False)
        # A command and the query after it are two messages; together with a peer that delays its acknowledgements,
        # the second would wait for 40 ms and more.
        self.interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return StatusCode.success

    @override
    def read(self, count: int) -> tuple[bytes, StatusCode]:
        if not self.get_attribute(ResourceAttribute.suppress_end_enabled)[0]:
            return super().read(count)  # silence ends the message
        termination = self._termination()
        deadline = self._deadline()
        searched = 0
        while True:
            end = -1 if termination is None else self._pending_buffer.find(termination, searched, count)
            if end >= 0:
                return self._take(end + 1), StatusCode.success_termination_character_read
            if len(self._pending_buffer) >= count:
                return self._take(count), StatusCode.success_max_count_read
            searched = len(self._pending_buffer)
            if not self._listen(self._left(deadline)):
                return self._take(count), StatusCode.error_timeout

    @override
    def write(self, data: bytes) -> tuple[int, StatusCode]:
        deadline = self._deadline()
        rest = memoryview(data)
        self._listen(0.0)  # the system takes a message for a peer that is gone, and tells only at the next one
        while rest:
            if not self._wait(self._left(deadline), writing=True):
                return len(data) - len(rest), StatusCode.error_timeout
            try:
                rest = rest[self._socket().send(rest) :]
            except BlockingIOError:
                continue
        return len(data), StatusCode.success

    @override
    def clear(self) -> StatusCode:
        deadline = self._deadline()
        self._pending_buffer.clear()
        while self._listen(min(QUIET, self._left(deadline))):
            self._pending_buffer.clear()
            if self._left(deadline) <= 0:
                return StatusCode.error_timeout
        return StatusCode.success

    def _termination(self) -> bytes | None:
        if not self.get_attribute(ResourceAttribute.termchar_enabled)[0]:
            return None
        return bytes([self.get_attribute(ResourceAttribute.termchar)[0]])

    def _take(self, count: int) -> bytes:
        data = bytes(self._pending_buffer[:count])
        del self._pending_buffer[:count]
        return data

    def _listen(self, patience: float) -> bool:
        """Add to what is pending whatever comes within `patience` (s), and return whether something did.

        Raises:
            ConnectionResetError: if the peer closed the connection.
        """
        if not self._wait(patience, writing=False):
            return False
        try:
            data = self._socket().recv(PIECE)
        except BlockingIOError:
            return False
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the instrument closed the connection")
        self._pending_buffer += data
        return True

    def _wait(self, patience: float, *, writing: bool) -> bool:
        """Return whether the socket is ready for reading, or writing, within `patience` (s)."""
        interface = [self._socket()]
        until = self._clock.now() + patience
        while True:
            left = min(SLICE, max(0.0, until - self._clock.now()))
            ready = select.select([], interface, [], left)[1] if writing else select.select(interface, [], [], left)[0]
            if ready:
                return True
            if self._clock.now() >= until:
                return False

    def _socket(self) -> socket.socket:
        if self.interface is None:
            raise ConnectionError(errno.ENOTCONN, "the connection is closed")
        return self.interface

    def _deadline(self) -> float:
        return float("inf") if self.timeout is None else self._clock.now() + self.timeout

    def _left(self, deadline: float) -> float:
        return max(0.0, deadline - self._clock.now())
