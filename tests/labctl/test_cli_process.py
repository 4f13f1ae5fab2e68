"""The command line as a process of its own: its streams, its signals, its terminal, and what it imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from labctl.run_reader import RunReader

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell, signals and devices")


def shell(command: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run labctl behind a shell's redirections."""
    program = f"{sys.executable} -m labctl"
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("LABCTL", program)], cwd=tmp_path, capture_output=True, text=True, check=False
    )


@posix
def test_a_result_that_cannot_be_printed_is_said(tmp_path: Path) -> None:
    done = shell("LABCTL run write-verify --json --set levels=2 > /dev/full", tmp_path)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("labctl: cannot print the result")
    assert "Traceback" not in done.stderr
    assert shell("LABCTL run write-verify --set levels=2 >&-", tmp_path).returncode == 0
    assert "Traceback" not in shell("LABCTL --help | head -0", tmp_path).stderr


@posix
def test_progress_that_cannot_be_shown_does_not_end_a_run(tmp_path: Path) -> None:
    for redirection in ("2>/dev/full", "2>&-"):
        done = shell(f"LABCTL run write-verify --json --set levels=2 {redirection}", tmp_path)
        assert done.returncode == 0
        assert json.loads(done.stdout)["passed"] is True


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_anything_was_sent(tmp_path: Path, number: int, code: int) -> None:
    program = (
        "import os\nfrom labctl import engine\nfrom labctl.cli import main\n"
        f"engine.plan = lambda request: os.kill(os.getpid(), {int(number)})\n"
        "main(['run', 'write-verify', '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert json.loads(done.stdout)["error"]["type"] == "InterruptedRunError"
    assert done.stderr == "labctl: stopped before anything was set\n"


@posix
def test_a_window_that_cannot_open_is_said_and_the_run_goes_on(tmp_path: Path) -> None:
    """Reading both streams to their end also shows that the window keeps none of them open."""
    program = (
        "import threading\n"
        "from labctl.cli import main\n"
        "try:\n    main(['run', 'write-verify', '--json', '--live', '--set', 'levels=40'])\n"
        "finally:\n"
        "    [one.join(30) for one in threading.enumerate() if one.name == 'live window']\n"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment.pop("QT_QPA_PLATFORM", None)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["passed"] is True
    assert "labctl: " in done.stderr
    assert "display" in done.stderr or "Qt" in done.stderr


@posix
def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labctl", "run", "write-verify", "--json", "--set", "levels=1000"]
    child = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert child.stderr is not None
    folder = Path(child.stderr.readline().removeprefix("run ").strip())
    _await_steps(folder, 20)
    child.send_signal(signal.SIGHUP)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert json.loads(out)["summary"]["levels"] == 1000


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom labctl.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "heavy = {'numpy', 'scipy', 'pydantic', 'pyvisa', 'serial', 'PySide6', 'pyqtgraph', 'rich', 'matplotlib'}\n"
        "heavy |= {'xarray', 'h5py', 'pandas'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_saves_and_exits_honestly(tmp_path: Path, number: int, code: int) -> None:
    command = [sys.executable, "-m", "labctl", "run", "write-verify", "--json", "--set", "levels=all"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    folder = Path(child.stderr.readline().removeprefix("run ").strip())
    _await_steps(folder, 20)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert json.loads(out)["error"]["type"] == "InterruptedRunError"
    assert json.loads(out)["run"] == str(folder)
    with closing(RunReader(folder)) as reader:
        assert reader.state().state == "stopped"
        assert reader.state().detail["summary"]["levels"] == reader.steps()
        assert len(reader.records("record")) == reader.steps() >= 20
    assert (folder / "world.npz").is_file()


def _await_steps(folder: Path, steps: int) -> None:
    """Poll until a run has done so many steps; the test's own time-out ends a wait in vain."""
    while True:
        with closing(RunReader(folder)) as reader:
            if reader.steps() >= steps:
                return
