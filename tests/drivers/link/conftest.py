"""Peers on real sockets that answer, fall silent, hang up or babble, and what pyvisa-py by itself makes of them."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pyvisa

from drivers.hardware import HardwareBackend
from drivers.scpi import ScpiLink

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

TIMEOUT = 0.4
"""Of the links in these tests (s)."""
TOKEN = re.compile(r'\*ESE (\d+);\*ESE\?;\*ESE (\d+);\*ESE\?|print\("(\d+);(\d+)"\)')


class Caller:
    """One connection to a peer."""

    def __init__(self, connection: socket.socket, peer: Peer) -> None:
        self.socket = connection
        self._peer = peer

    def say(self, data: bytes) -> None:
        """Send what was held back so far, and `data`."""
        held, self._peer.held = self._peer.held, b""
        self.socket.sendall(held + data)

    def hold_back(self, data: bytes) -> None:
        """Send `data` before whatever is said next, on any connection: all share one output queue."""
        self._peer.held += data

    def hang_up(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


Answer = Callable[[Caller, str], None]


class Peer:
    """A raw-socket instrument that gives each line but tokens to `answer`; tokens are answered unless it is `mute`.

    `deliver` says the answers to tokens, behind whose semicolon stands `gap`. One that does not listen takes nothing
    from its connections.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.lines: list[str] = []
        self.callers: list[Caller] = []
        self.mute = False
        self.gap = ""
        self.held = b""
        self.deliver: Callable[[Caller, bytes], None] = lambda caller, data: caller.say(data)
        self.listens = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.address = f"TCPIP0::127.0.0.1::{self.port}::SOCKET"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                caller = Caller(connection, self)
                self.callers.append(caller)
                if self.listens:
                    threading.Thread(target=self._talk, args=(caller,), daemon=True).start()

    def _talk(self, caller: Caller) -> None:
        with caller.socket, suppress(OSError):
            for raw in caller.socket.makefile("rb"):
                line = raw.decode("ascii").rstrip("\n")
                token = TOKEN.fullmatch(line)
                if token is None:
                    self.lines.append(line)
                    self.answer(caller, line)
                elif not self.mute:
                    first, second = filter(None, token.groups())
                    self.deliver(caller, f"{first};{self.gap}{second}\n".encode())

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for caller in self.callers:
            caller.hang_up()
            if not self.listens:
                caller.socket.close()
        self._thread.join(5)


@dataclass(slots=True)
class Spent:
    """What a piece of work took (s): time on the wall, and of all processors by this process."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def measure_spent() -> Generator[Spent]:
    spent = Spent()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield spent
    finally:
        spent.wall, spent.cpu = time.perf_counter() - wall, time.process_time() - cpu


@pytest.fixture
def spending() -> Callable[[], Any]:
    return measure_spent


@pytest.fixture
def peer() -> Generator[Callable[[Answer], Peer]]:
    peers: list[Peer] = []

    def start(answer: Answer) -> Peer:
        peers.append(Peer(answer))
        return peers[-1]

    yield start
    for one in peers:
        one.close()


@pytest.fixture
def backend() -> Generator[HardwareBackend]:
    backend = HardwareBackend()
    yield backend
    backend.close()


@pytest.fixture
def link_to(backend: HardwareBackend) -> Callable[[str], ScpiLink]:
    """Open our link to an address."""

    def open_link(address: str) -> ScpiLink:
        def connect() -> MessageBasedResource:
            return backend.open_visa(
                address, read_termination="\n", write_termination="\n", timeout=round(1000 * TIMEOUT)
            )

        return ScpiLink(connect, "smu", address)

    return open_link


@pytest.fixture
def raw_to() -> Generator[Callable[..., Any]]:
    """Open an address with pyvisa-py as it is installed, nothing of ours in between."""
    opened: list[Any] = []
    manager = pyvisa.ResourceManager("@py")

    def open_raw(address: str, **settings: Any) -> Any:
        options: dict[str, Any] = {
            "read_termination": "\n",
            "write_termination": "\n",
            "timeout": round(1000 * TIMEOUT),
        } | settings
        opened.append(manager.open_resource(address, **options))
        return opened[-1]

    yield open_raw
    for resource in opened:
        with suppress(OSError, AttributeError, pyvisa.Error):
            resource.close()
