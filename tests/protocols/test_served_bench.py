"""The same protocol, unchanged, on the same panels behind real sockets and a real terminal: the same values."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH, load_bench
from labctl.engine import Watcher, run
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from protocols.write_verify import LevelWritten
from sim_backend.backend import TwinBackend

LEVELS = "40"
SEED = 11


def records_of(folder: Path) -> list[LevelWritten]:
    """Return what a run recorded, times aside."""
    with closing(RunReader(folder)) as reader:
        return [dataclasses.replace(record, time=0.0) for record in reader.typed("record", LevelWritten)]


def request(data: Path, **more: Any) -> RunRequest:
    return RunRequest("write-verify", settings={"levels": LEVELS}, data=data, **more)


@pytest.fixture
def expected(tmp_path: Path) -> list[LevelWritten]:
    """What the twin inside this process records."""
    return records_of(run(request(tmp_path, options=BackendOptions(seed=SEED)), Watcher()).folder)


@pytest.mark.parametrize("way", ["tcp", "pty"])
def test_values_are_those_of_the_twin_in_this_process(
    way: str, expected: list[LevelWritten], served_panels: Any, tmp_path: Path
) -> None:
    if way == "pty" and sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals")
    with closing(TwinBackend.for_bench(load_bench(), BackendOptions(seed=SEED))) as twin:
        served = served_panels({name: twin.panel(name) for name in ("smu", "board")})
        text = DEFAULT_BENCH.read_text(encoding="utf-8")
        text = text.replace("TCPIP0::192.168.1.50::5025::SOCKET", served["smu"].visa)
        text = text.replace("/dev/ttyACM0", served["board"].terminal if way == "pty" else served["board"].url)
        bench = tmp_path / "bench.toml"
        bench.write_text(text, encoding="utf-8")
        result = run(request(tmp_path, bench=bench), Watcher())
    assert result.backend == "hardware"
    assert records_of(result.folder) == expected
    assert len(expected) == int(LEVELS)
