"""The near ends of connections that other programs open: a socket, or the master of a pseudo-terminal."""

from __future__ import annotations

import os
import select
import socket
import sys
from typing import Final, Protocol, TypeAlias

from sim_backend.server.bounds import PIECE

Bytes: TypeAlias = bytes | bytearray | memoryview
_SEND_BUFFER: Final = 1 << 18
"""Bytes that the system keeps for a host that does not read; left alone, it keeps megabytes."""

_OWNER_ONLY: Final = 0o600
"""Mode of a terminal's device file: the system lets a group write to terminals, for messages between users."""


class Channel(Protocol):
    """Bytes to and from one host. Nothing here waits."""

    @property
    def lasts(self) -> bool:
        """Whether it outlives the hosts that come and go, as a serial port does."""
        ...

    def fileno(self) -> int:
        """Return what a selector waits for."""
        ...

    def receive(self) -> bytes | None:
        """Return what came, None if nothing did; no byte at all means that nothing ever will."""
        ...

    def send(self, data: Bytes, /) -> int:
        """Send the beginning of `data`, as much as there is room for; return how much that was.

        Raises:
            OSError: if the host is gone.
        """
        ...

    def hung_up(self) -> bool:
        """Return whether the host is known to send nothing more, though bytes of its may wait to be received."""
        ...

    def close(self) -> None:
        """Hang up."""


class SocketChannel:
    """A host on TCP.

    Args:
        accepted: its socket, which is this channel's from here on.
    """

    lasts = False

    def __init__(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._socket = accepted
        self.fileno = accepted.fileno
        self.close = accepted.close

    def receive(self) -> bytes | None:
        """Return what came; none if the connection is at its end, or broken."""
        try:
            return self._socket.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def send(self, data: Bytes, /) -> int:
        """Send what there is room for."""
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0

    def hung_up(self) -> bool:
        """Return whether the host has hung up, where the system tells while bytes wait."""
        if sys.platform == "win32":
            return False
        ends = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
        poll = select.poll()
        poll.register(self._socket, ends)
        return any(found & ends for _, found in poll.poll(0))


if sys.platform != "win32":
    import tty

    class TerminalChannel:
        """Whoever opens a pseudo-terminal. Its far end is kept open here, too, so that hosts may come and go.

        Raises:
            OSError: if this computer has none left.
        """

        lasts = True

        def __init__(self) -> None:
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            os.fchmod(self._slave, _OWNER_ONLY)
            os.set_blocking(self._master, False)
            self.name = os.ttyname(self._slave)

        def fileno(self) -> int:
            """Return the master's descriptor."""
            return self._master

        def receive(self) -> bytes | None:
            """Return what was written to the terminal."""
            try:
                return os.read(self._master, PIECE) or None
            except (BlockingIOError, InterruptedError):
                return None

        def send(self, data: Bytes, /) -> int:
            """Send what there is room for."""
            try:
                return os.write(self._master, data)
            except (BlockingIOError, InterruptedError):
                return 0

        def hung_up(self) -> bool:
            """Return False: hosts come and go."""
            return False

        def close(self) -> None:
            """Take the terminal away."""
            os.close(self._master)
            os.close(self._slave)


def open_terminal() -> tuple[Channel, str] | None:
    """Return a new pseudo-terminal and the name of its device file; None where this system has no such thing.

    Raises:
        OSError: if this computer has none left.
    """
    if sys.platform == "win32":
        return None
    channel = TerminalChannel()
    return channel, channel.name
