"""Fixtures that tests of several packages share."""

from __future__ import annotations

import gc
import importlib
import os
import re
import shutil
import signal
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from labctl.backend import WallClock
from sim_backend.server.bounds import Bounds
from sim_backend.server.loop import Loop
from sim_backend.server.offers import offer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sim_backend.panel import Panel

os.environ.setdefault("PYTEST_QT_API", "pyside6")
# A shell starts what it puts in the background deaf to these, and a child inherits it: tests send them to theirs.
_HEARD = [getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)]
for _number in _HEARD:
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


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


MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one: what tests write there is on no disk, so nothing waits for one."""
ROOM = 2 << 30
"""Free bytes that it must have: containers have often 64 MiB, and dies of many tests lie there at once."""
CORES = 8
"""More are not used: a container may see cores that are not its own."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keep temporary files in memory, and share the whole suite between processes.

    A suite that is asked for without naming files runs in one process more than there are cores, as many tests wait
    for sockets, processes and clocks; `-n 0` keeps it in this process. Without pytest-xdist it runs here, too.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    option = config.option
    asked = config.args_source is not pytest.Config.ArgsSource.TESTPATHS or option.collectonly or option.usepdb
    if not asked and getattr(option, "numprocesses", 0) is None:
        option.numprocesses, option.dist = min(os.cpu_count() or 1, CORES) + 1, "worksteal"
        # Matrices here are small: threads of BLAS would only take the cores from the other processes.
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the checks of types, layers and format begin first: they take longest."""
    items.sort(key=lambda item: item.path.parent.name != "checks")


def pytest_collection_finish() -> None:
    """Exempt what was collected from garbage collection: walking through thousands of tests takes half a second."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, too, what was not tested."""
    if _WITHOUT_WINDOW:
        terminalreporter.write_line(_WITHOUT_WINDOW)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take `--bench FILE`: the contract suites then ask a real bench. They pulse the cells of its die.

    And `--clients PYTHON`: an environment with other people's programs, which drive the served panels.
    """
    parser.addoption("--bench", default=None, help="run the contract suites against the instruments of this file")
    parser.addoption(
        "--backend", default="hardware", choices=["hardware", "twin"], help="of --bench: the real ones, or their panels"
    )
    parser.addoption(
        "--clients", default=None, help="interpreter of an environment with tests/clients/requirements.txt"
    )


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """Undo what a command line that ran inside this process did: at its end it is deaf to signals."""
    before = {number: signal.getsignal(number) for number in _HEARD}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class ServedPanel:
    """Where a panel is served.

    Args:
        visa: resource name of its TCP port.
        url: pyserial's URL of the same.
        terminal: device file of its pseudo-terminal, None where the system has none.
    """

    visa: str
    url: str
    terminal: str | None


class ServePanels(Protocol):
    """What the fixture `served_panels` is."""

    def __call__(self, panels: Mapping[str, Panel], /) -> dict[str, ServedPanel]:
        """Serve the panels of one world until the test ends; return where, by name."""
        ...


class PanelServer:
    """Serves the panels of one world from a thread of its own, as `labctl twin serve` serves a bench."""

    def __init__(self, panels: Mapping[str, Panel]) -> None:
        self.complaints: list[str] = []
        self._stopping = threading.Event()
        self._loop = Loop(WallClock(), Bounds(), self.complaints.append, lambda: None)
        self.served = {name: self._offer(panel) for name, panel in panels.items()}
        self._thread = threading.Thread(target=self._loop.run, args=(self._stopping.is_set,), name="served panels")
        self._thread.start()

    def close(self) -> None:
        """Hang up on everybody and end the thread."""
        self._stopping.set()
        self._loop.bell.send(b"!")
        self._thread.join()
        self._loop.close()

    def _offer(self, panel: Panel) -> ServedPanel:
        found = offer(self._loop, panel, "any driver")
        port = int(re.findall(r"\d+", found.resource)[-1])
        terminal = found.others[0].removeprefix("ASRL").removesuffix("::INSTR") if found.others else None
        return ServedPanel(f"TCPIP0::127.0.0.1::{port}::SOCKET", f"socket://127.0.0.1:{port}", terminal)


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
    assert [server.complaints for server in servers] == [[]] * len(servers)
