"""`labctl twin serve` as a process of its own, as its users have it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from labctl.backend import BackendOptions, WallClock
from labctl.bench_file import DEFAULT_BENCH, read_bench
from labctl.messages import pack_arm, unpack_hello_reply, unpack_status
from labctl.wire import SESSIONLESS, Frame, FrameReader, Kind, Opcode, encode_frame
from sim_backend.backend import TwinBackend
from sim_backend.server.bounds import Bounds
from sim_backend.server.loop import Loop
from sim_backend.server.offers import Terms, offer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.bench_file import BenchFile
    from labctl.board_data import BoardStatus

PATIENCE = 60.0
"""How long (s) a process may take for what takes it a second."""


@dataclass(slots=True)
class ServedTwin:
    """A twin that is being served.

    Args:
        process: which serves it.
        instruments: what it printed, by name.
        bench: the bench file that it wrote.
    """

    process: subprocess.Popen[str]
    instruments: dict[str, Any]
    bench: Path

    def stop(self, number: int = signal.SIGTERM) -> str:
        """End it; return what it said on stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        assert out == ""
        assert self.process.returncode == 128 + number, err
        return err


class ServeTwin(Protocol):
    """What the fixture `serve_twin` is."""

    def __call__(self, *arguments: str) -> ServedTwin:
        """Serve a twin until the test ends."""
        ...


@pytest.fixture
def serve_twin(tmp_path: Path) -> Iterator[ServeTwin]:
    """Start `labctl twin serve` with these arguments and `--json`, in the test's folder."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> ServedTwin:
        bench = tmp_path / f"client-{len(processes)}.toml"
        command = [sys.executable, "-m", "labctl", "twin", "serve", "--json", "--write-bench", str(bench), *arguments]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True)
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(process.communicate(timeout=PATIENCE)[1])
        found = json.loads(line)
        return ServedTwin(process, {entry["name"]: entry for entry in found["instruments"]}, bench)

    yield start
    for process in processes:
        process.kill()
        process.communicate()


class ServeBench(Protocol):
    """What the fixture `serve_bench` is."""

    def __call__(
        self, bounds: Bounds = ..., latency: float = ..., *, hurry: bool = ..., token: bytes = ..., driver: str = ...
    ) -> ServedHere:
        """Serve the packaged bench until the test ends."""
        ...


def _bench(driver: str) -> BenchFile:
    """Return the packaged bench with another source-measure unit."""
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    text = text.replace('"keithley-2450"', f'"{driver}"').replace('expect = "2450"', "")
    return read_bench(text, f"{driver}.toml")


class ServedHere:
    """The packaged bench, served from a thread of this process."""

    def __init__(self, bounds: Bounds, terms: Terms, hurry: bool, driver: str) -> None:
        self.complaints: list[str] = []
        self._stopping = threading.Event()
        self._connections: list[socket.socket] = []
        self.loop = Loop(WallClock(), bounds, self.complaints.append, lambda: None)
        self.twin = TwinBackend(
            _bench(driver), BackendOptions(), lambda start: self.loop.make_clock(start, hurry=hurry)
        )
        found = {name: offer(self.loop, panel, "any", terms) for name, panel in self.twin.panels.items()}
        self.ports = {name: int(re.findall(r"\d+", one.resource)[-1]) for name, one in found.items()}
        self.terminals = {name: one.others[0] if one.others else "" for name, one in found.items()}
        self._thread = threading.Thread(target=self.loop.run, args=(self._stopping.is_set,))
        self._thread.start()

    def connect(self, name: str) -> socket.socket:
        """Return a new connection to an instrument."""
        connection = socket.socket()
        self._connections.append(connection)
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.connect(("127.0.0.1", self.ports[name]))
        return connection

    def board(self) -> Board:
        """Return a new connection to the board."""
        return Board(self.connect("board"))

    def stop(self) -> None:
        """Serve no more."""
        self._stopping.set()
        self.loop.bell.send(b"!")
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def close(self) -> None:
        """Hang up on everybody."""
        if self._thread.is_alive():
            self.stop()
        self.loop.close()
        self.twin.close()
        for connection in self._connections:
            connection.close()


class Board:
    """A host of the board that checks nothing and waits for what it is told to."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.session = 0
        self._sequence = 0
        self._outside = 0x8000_0000
        self._reader = FrameReader(Kind.REPLY, Kind.ERROR)
        self._found: list[Frame] = []

    def send(self, opcode: Opcode, payload: bytes = b"") -> None:
        """Send a request, of the session if it needs one."""
        if opcode in SESSIONLESS:
            self._outside += 1
            frame = Frame(Kind.REQUEST, opcode, self._outside, 0, payload)
        else:
            self._sequence += 1
            frame = Frame(Kind.REQUEST, opcode, self._sequence, self.session, payload)
        self.connection.sendall(b"\0" + encode_frame(frame))

    def next(self) -> Frame:
        """Wait for the next answer."""
        while not self._found:
            data = self.connection.recv(65_536)
            assert data, "the board hung up"
            self._found = self._reader.feed(data)
        return self._found.pop(0)

    def ask(self, opcode: Opcode, payload: bytes = b"") -> Frame:
        """Send a request and wait for its answer."""
        self.send(opcode, payload)
        frame = self.next()
        assert frame.opcode == opcode
        return frame

    def arm(self, period: float) -> None:
        """Open a session and arm the board."""
        self.session, self._sequence = unpack_hello_reply(self.ask(Opcode.HELLO, b"\1\2\3\4").payload).session, 0
        assert self.ask(Opcode.CLEAR).kind == Kind.REPLY
        assert self.ask(Opcode.ARM, pack_arm(period)).kind == Kind.REPLY

    def status(self) -> BoardStatus:
        """Return the board's state."""
        return unpack_status(self.ask(Opcode.STATUS).payload)


@pytest.fixture
def board_at() -> Iterator[Callable[[int], Board]]:
    """Connect to the board at a port, as `board_at(port)`."""
    connections: list[socket.socket] = []

    def connect(port: int) -> Board:
        connections.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        return Board(connections[-1])

    yield connect
    for connection in connections:
        connection.close()


@pytest.fixture
def serve_bench() -> Iterator[ServeBench]:
    """Serve the packaged bench from a thread, as `serve_bench().connect("smu")`; nothing may be complained of."""
    served: list[ServedHere] = []

    def start(
        bounds: Bounds | None = None,
        latency: float = 0.0,
        *,
        hurry: bool = False,
        token: bytes = b"",
        driver: str = "keithley-2450",
    ) -> ServedHere:
        served.append(ServedHere(bounds or Bounds(), Terms(latency=latency, token=token), hurry, driver))
        return served[-1]

    yield start
    for one in served:
        one.close()
        assert one.complaints == []
