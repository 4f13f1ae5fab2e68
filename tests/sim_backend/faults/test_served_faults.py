"""`labctl twin serve --faults`: the same plan, the same faults, on real sockets."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labctl.engine import Watcher, resume, run
from labctl.errors import EquipmentError
from labctl.plan import RunRequest

Serve = Callable[[str], Path]
PATIENCE = 60.0


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve the packaged bench under a plan; return the client's bench file."""
    processes: list[subprocess.Popen[str]] = []

    def start(plan: str) -> Path:
        (tmp_path / "plan.toml").write_text(plan, encoding="utf-8")
        bench = tmp_path / "client.toml"
        options = ["--faults", "plan.toml", "--speed", "max", "--json", "--write-bench", str(bench)]
        process = subprocess.Popen(
            [sys.executable, "-m", "labctl", "twin", "serve", *options],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(process.communicate(timeout=PATIENCE)[1])
        assert json.loads(line)["instruments"]
        return bench

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def begin(bench: Path, data: Path) -> bool:
    request = RunRequest("write-verify", settings={"levels": "40,90"}, bench=bench, backend="hardware", data=data)
    return run(request, Watcher()).passed


def test_a_link_that_faults_disturb_is_mended_by_the_driver(serve: Serve, tmp_path: Path) -> None:
    kinds = '["drop", "repeat", "split", "merge", "flip", "reorder", "cut"]'
    bench = serve(f'[random]\nseed = 5\nrate = 0.03\nkinds = {kinds}\nchannels = ["board"]\n')
    assert begin(bench, tmp_path / "runs")


# pyserial does not close a socket whose peer has closed it before, and leaves that to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_link_that_is_gone_ends_the_run_which_goes_on_when_it_is_back(serve: Serve, tmp_path: Path) -> None:
    bench = serve('[[fault]]\nkind = "link-gone"\nchannel = "board"\nbyte = 700\nfor = "300 ms"\n')
    data = tmp_path / "runs"
    with pytest.raises(EquipmentError):
        begin(bench, data)
    folder = next(data.glob("*_write-verify_*"))
    for _ in range(20):
        try:
            done = resume(folder, Watcher())
        except EquipmentError:  # it is not back yet
            continue
        assert done.passed
        gc.collect()
        return
    pytest.fail("the link did not come back")
