"""Fixtures that tests of several packages share."""

from __future__ import annotations

import importlib
import os
import selectors
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from sim_backend.links import link_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sim_backend.links import Link
    from sim_backend.panel import Panel

os.environ.setdefault("PYTEST_QT_API", "pyside6")


def _why_no_window() -> str:
    """Return why Qt cannot be loaded on this computer; "" if it can."""
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError as error:
        return f"the live window is NOT tested: {error}; the Debian packages that it needs stand in .ci/run"
    return ""


_WITHOUT_WINDOW = _why_no_window()
pytest_plugins = [] if _WITHOUT_WINDOW else ["pytestqt.plugin"]
collect_ignore = ["labctl/live"] if _WITHOUT_WINDOW else []


def pytest_report_header() -> str:
    """Say at the top what cannot be tested on this computer."""
    return _WITHOUT_WINDOW


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, too, what was not tested."""
    if _WITHOUT_WINDOW:
        terminalreporter.write_line(_WITHOUT_WINDOW)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take `--bench FILE`: the contract suites then ask a real bench. They pulse the cells of its die."""
    parser.addoption("--bench", default=None, help="run the contract suites against the instruments of this file")


PATIENCE = 5.0
"""How long a host that does not read may hold the server up, in s."""


@dataclass(frozen=True, slots=True)
class ServedPanel:
    """Where a panel is served.

    Args:
        visa: resource name of its TCP port.
        url: pyserial's URL of the same.
        terminal: device file of its pseudo-terminal, None where the system has none.
        lock: held while a panel works; take it to look at the world meanwhile.
    """

    visa: str
    url: str
    terminal: str | None
    lock: threading.Lock


class ServePanels(Protocol):
    """What the fixture `served_panels` is."""

    def __call__(self, panels: Mapping[str, Panel], /) -> dict[str, ServedPanel]:
        """Serve the panels of one world until the test ends; return where, by name."""
        ...


class Channel(Protocol):
    """A file descriptor with bytes on it."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...

    def receive(self) -> bytes:
        """Return what came; nothing when the other end is gone."""
        ...

    def send(self, data: bytes) -> None:
        """Send all of `data`, or none of it if the other end is gone."""

    def close(self) -> None:
        """Close it."""


class SocketChannel:
    """A host on TCP."""

    def __init__(self, accepted: socket.socket) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.settimeout(PATIENCE)
        self._socket = accepted
        self.fileno = accepted.fileno
        self.close = accepted.close

    def receive(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except OSError:
            return b""

    def send(self, data: bytes) -> None:
        with suppress(OSError):
            self._socket.sendall(data)


class TerminalChannel:
    """Whoever opens a pseudo-terminal. Its far end is kept open here, so that hosts may come and go."""

    def __init__(self) -> None:
        import tty

        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)

    def fileno(self) -> int:
        return self._master

    def receive(self) -> bytes:
        return os.read(self._master, 65_536)

    def send(self, data: bytes) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._master, selectors.EVENT_WRITE)
            while data and ready.select(PATIENCE):
                data = data[os.write(self._master, data) :]

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)


class PanelServer:
    """Serves the panels of one world from one thread, each on a TCP port and a pseudo-terminal of its own."""

    def __init__(self, panels: Mapping[str, Panel]) -> None:
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._bell, self._ears = socket.socketpair()
        self._selector.register(self._ears, selectors.EVENT_READ)
        self._listeners: list[socket.socket] = []
        self._channels: list[Channel] = []
        self.served = {name: self._offer(panel) for name, panel in panels.items()}
        self._thread = threading.Thread(target=self._work, name="served panels")
        self._thread.start()

    def close(self) -> None:
        """Hang up on everybody and end the thread."""
        self._bell.send(b"!")
        self._thread.join()
        self._selector.close()
        for end in (*self._channels, *self._listeners, self._bell, self._ears):
            end.close()

    def _offer(self, panel: Panel) -> ServedPanel:
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener, panel))
        terminal = None
        if os.name == "posix":
            channel = TerminalChannel()
            terminal = channel.name
            self._add(channel, panel)
        port = listener.getsockname()[1]
        return ServedPanel(f"TCPIP0::127.0.0.1::{port}::SOCKET", f"socket://127.0.0.1:{port}", terminal, self._lock)

    def _accept(self, listener: socket.socket, panel: Panel) -> None:
        accepted, _ = listener.accept()
        self._add(SocketChannel(accepted), panel)

    def _add(self, channel: Channel, panel: Panel) -> None:
        with self._lock:
            link = link_to(panel, channel.send)
        self._channels.append(channel)
        self._selector.register(channel.fileno(), selectors.EVENT_READ, lambda: self._pass_on(channel, link))

    def _pass_on(self, channel: Channel, link: Link) -> None:
        data = channel.receive()
        if data:
            with self._lock:
                link.receive(data, False)
        else:
            self._selector.unregister(channel.fileno())
            self._channels.remove(channel)
            channel.close()

    def _work(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._ears:
                    return
                key.data()


@pytest.fixture
def served_panels() -> Iterator[ServePanels]:
    """Serve the panels of a world, as `served_panels({"board": panel})["board"].url`, until the test ends.

    The clock is the panels' own: it passes as fast as they work.
    """
    servers: list[PanelServer] = []

    def serve(panels: Mapping[str, Panel], /) -> dict[str, ServedPanel]:
        servers.append(PanelServer(panels))
        return servers[-1].served

    yield serve
    for server in servers:
        server.close()
