"""Somebody else's protocol that waits, on a twin that is served with `--speed max`: refused before anything is sent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sim_backend.server.client_bench import write_client_bench

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOCOL = '''
"""A cell at rest: read, wait, read."""

from dataclasses import dataclass

from labctl.board_data import Cell
from labctl.instruments import ProbeBoard
from labctl.protocol import STEP_END, Outcome, Parameters, Protocol


@dataclass(frozen=True, slots=True)
class Reading:
    current: float


@dataclass(frozen=True, slots=True)
class Summary:
    readings: int


def run(bench, parameters, start):
    for _ in range(2):
        yield Reading(float(bench.board.read([Cell(0, 0)], 0.2, 16).current[0]))
        bench.wait(0.5)
        yield STEP_END


def protocol(name, **declared):
    return Protocol(
        name=name,
        title="reads a cell, waits, reads it again",
        parameters=Parameters,
        record=Reading,
        needs=(ProbeBoard,),
        check=lambda die, envelope, parameters: None,
        steps=lambda parameters: 2,
        run=run,
        summarise=lambda records, parameters: Outcome(True, Summary(len(records))),
        caption=lambda record: "read",
        **declared,
    )


REST = protocol("rest", waits=True)
SILENT = protocol("silent-rest")
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of somebody else, as pip installs it, with two protocols."""
    folder = tmp_path / "site"
    about = folder / "rest-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "rest.py").write_text(PROTOCOL, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: rest\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(
        "[labctl.protocols]\nrest = rest:REST\nsilent-rest = rest:SILENT\n", encoding="utf-8"
    )
    return folder


@pytest.fixture
def untouched() -> Iterator[socket.socket]:
    """An address at which somebody would notice the first byte."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def labctl(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "labctl", *arguments]
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, cwd=package.parent, env=environment, capture_output=True, text=True, check=False)


def client_bench(folder: Path, listener: socket.socket, *, hurries: bool) -> Path:
    port = listener.getsockname()[1]
    addresses = {"smu": f"TCPIP0::127.0.0.1::{port}::SOCKET", "board": f"socket://127.0.0.1:{port}"}
    path = folder / "client.toml"
    write_client_bench(path, None, {}, addresses, hurries=hurries)
    return path


def test_it_is_refused_before_anything_is_opened(package: Path, tmp_path: Path, untouched: socket.socket) -> None:
    bench = client_bench(tmp_path, untouched, hurries=True)
    done = labctl(package, "run", "rest", "--bench", str(bench))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "rest waits" in done.stderr
    assert "--speed real" in done.stderr
    with pytest.raises(BlockingIOError):
        untouched.accept()
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["rest", "silent-rest"])
def test_a_twin_in_the_experiment_s_process_lets_it_wait(
    package: Path, tmp_path: Path, untouched: socket.socket, name: str
) -> None:
    bench = client_bench(tmp_path, untouched, hurries=True)
    done = labctl(package, "run", name, "--bench", str(bench), "--backend", "twin", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bench_time"] >= 1.0


def test_a_bench_whose_time_passes_lets_it_begin(package: Path, tmp_path: Path, untouched: socket.socket) -> None:
    port = untouched.getsockname()[1]
    bench = client_bench(tmp_path, untouched, hurries=False)
    untouched.close()
    done = labctl(package, "run", "rest", "--bench", str(bench))
    assert done.returncode == 3
    assert str(port) in done.stderr
