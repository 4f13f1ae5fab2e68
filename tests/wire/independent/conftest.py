"""The served twin that the independent client speaks to."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from wire.independent.client import Client

HERE = Path(__file__).parent
ROWS, COLUMNS = 3, 5
BENCH = f"""
[bench]
name = "independent client"
[instruments.board]
driver = "probe-board"
address = "/dev/ttyACM0"
watchdog = "1 s"
[envelope]
voltage = "1.3 V"
read_voltage = "0.25 V"
cell_current = "15 mA"
line_current = "250 mA"
pulse_width = "10 ms"
pulses_per_cell = 1e9
[die]
id = "INDEPENDENT"
rows = {ROWS}
columns = {COLUMNS}
[twin]
device = "ru-azo"
"""


FAULTS = "".join(
    f'[[fault]]\nkind = "{kind}"\nchannel = "board"\npulse = {pulse}\n{more}\n'
    for kind, pulse, more in (
        ("over-temperature", 5, 'for = "100 ms"'),
        ("interlock", 10, 'for = "100 ms"'),
        ("trip", 15, 'cause = "supply"'),
        ("reboot", 20, ""),
    )
)
"""What befalls the faulty board, by the pulses that it has put out."""


def _load() -> None:
    """Make client.py importable by its name: tests are no packages."""
    name = "wire.independent.client"
    spec = importlib.util.spec_from_file_location(name, HERE / "client.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_load()


def _serve(folder: Path, speed: str, *more: str) -> Generator[int]:
    """Serve the bench with `labctl twin serve`; yield the board's TCP port."""
    (folder / "bench.toml").write_text(BENCH, encoding="utf-8")
    command = [sys.executable, "-m", "labctl", "twin", "serve", "--json", "--bench", "bench.toml", "--speed", speed]
    command += more
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            (board,) = json.loads(process.stdout.readline())["instruments"]
            yield int(board["resource"].rpartition(":")[2])
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="session")
def fast_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a board whose operations take no time."""
    yield from _serve(tmp_path_factory.mktemp("fast"), "max")


@pytest.fixture(scope="session")
def real_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a board whose operations take their time."""
    yield from _serve(tmp_path_factory.mktemp("real"), "real")


@pytest.fixture
def faulty_port(tmp_path: Path) -> Iterator[int]:
    """Port of a board of its own, which meets its faults; its operations take no time."""
    (tmp_path / "faults.toml").write_text(FAULTS, encoding="utf-8")
    yield from _serve(tmp_path, "max", "--faults", "faults.toml")


def _client(port: int) -> Generator[Client]:
    """Yield a client in a session of its own; what an earlier test set is set back."""
    from wire.independent.client import Client, Link, Op

    with Link(port) as link:
        client = Client(link)
        client.free(Op.SAFE)
        client.do(Op.CLEAR)
        client.do(Op.COMPLIANCE, bytes.fromhex("000000000000d03f00"))
        client.free(Op.SAFE)
        yield client


@pytest.fixture
def board(fast_port: int) -> Iterator[Client]:
    """Speak to the quick board, which is in SAFE without trips."""
    yield from _client(fast_port)


@pytest.fixture
def real(real_port: int) -> Iterator[Client]:
    """Speak to the board in real time, which is in SAFE without trips."""
    yield from _client(real_port)
