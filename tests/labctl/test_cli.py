"""The command line as a person and a script meet it: one clear line, the right exit code, strict JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.hardware import HardwareBackend
from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH, load_bench
from labctl.cli import main
from labctl.locks import Holder, locked
from labctl.run_reader import RunReader

BENCH = DEFAULT_BENCH.read_text(encoding="utf-8")


posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell, signals and devices")


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is not strict JSON"))


@pytest.fixture
def labctl(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capfd.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return call


def a_bench(tmp_path: Path, *changes: tuple[str, str]) -> str:
    text = BENCH
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "bench.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_run_prints_one_strict_json_object(labctl: Any) -> None:
    done = labctl("run", "write-verify", "--json", "--set", "levels=5", "--seed", "1")
    assert done.code == 0
    assert set(done.json) == {"run", "protocol", "backend", "passed", "summary", "bench_time", "wall_time"}
    assert Path(done.json["run"]).is_absolute()
    assert (Path(done.json["run"]) / "world.npz").is_file()
    assert done.json["summary"]["levels"] == 5
    assert done.json["passed"] is True
    assert done.json["bench_time"] > 0
    expected = {"within_half_level", "error_rms", "error_max", "bursts_per_level", "reads_per_level"}
    assert expected | {"samples_per_level"} <= set(done.json["summary"])


def test_same_seed_same_records(labctl: Any) -> None:
    def records(seed: str) -> list[Any]:
        run = labctl("run", "write-verify", "--json", "--set", "levels=20", "--seed", seed).json["run"]
        with closing(RunReader(Path(run))) as reader:
            return reader.records("record")

    assert records("7") == records("7")
    assert records("7") != records("8")


def test_quick_is_small(labctl: Any) -> None:
    assert labctl("run", "write-verify", "--json", "--set", "quick=yes").json["summary"]["levels"] <= 64


def test_summary_for_people_carries_units(labctl: Any) -> None:
    done = labctl("run", "write-verify", "--set", "levels=3")
    assert done.code == 0
    assert "error_rms" in done.out
    assert "levels" in done.out
    assert "passed" in done.out
    assert done.err.startswith("run ")


def test_a_run_that_does_not_pass_exits_with_one(labctl: Any) -> None:
    done = labctl("run", "write-verify", "--json", "--set", "levels=16000,", "--set", "max_bursts=1")
    assert done.code == 1
    assert done.json["passed"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "write-verfy"], ["unknown protocol 'write-verfy'", "did you mean 'write-verify'"]),
        (["run", "write-verify", "--set", "level=3"], ["unknown parameter 'level'", "did you mean 'levels'"]),
        (["run", "write-verify", "--set", "levels=20000"], ["--set levels", "16520"]),
        (["run", "write-verify", "--set", "levels"], ["--set 'levels'", "NAME=VALUE"]),
        (["run", "write-verify", "--set", "row=1", "--set", "row=2"], ["--set row", "twice"]),
        (["run", "write-verify", "--set", "row=64"], ["rows 0..63", "(64, 0)"]),
        (["run", "write-verify", "--set", "read_voltage=0.2"], ["--set read_voltage", "'0.2'", "'0.9 V'"]),
        (["run", "write-verify", "--set", "read_voltage=0.2 A"], ["--set read_voltage", "not a quantity in V"]),
        (["run", "write-verify", "--set", "read_voltage=0.3 V"], ["read_voltage", "300 mV", "250 mV", "envelope"]),
        (["run", "write-verify", "--set", "potentiation=1.4 V"], ["potentiation", "1.4 V", "1.3 V", "envelope"]),
        (["run", "write-verify", "--set", "potentiation=900 V"], ["potentiation", "900 V", "envelope"]),
        (["run", "write-verify", "--set", "depression=0.75 V"], ["--set depression", "less than"]),
        (["run", "write-verify", "--set", "tolerance=nan"], ["--set tolerance", "nan"]),
        (["run", "write-verify", "--backend", "hardwear"], ["unknown backend", "did you mean 'hardware'"]),
        (["run", "write-verify", "--backend", "hardware", "--die", "d.npz"], ["--die", "hardware backend"]),
        (["run", "write-verify", "--backend", "hardware", "--audit"], ["--audit", "hardware backend"]),
        (["run", "write-verify", "--backend", "hardware", "--twin", "wires=ideal"], ["--twin", "hardware backend"]),
        (["run", "write-verify", "--twin", "device=vteam-tio"], ["unknown device", "did you mean 'vteam-tio2'"]),
        (["run", "write-verify", "--twin", "device=nowhere.toml"], ["nowhere.toml"]),
        (["run", "write-verify", "--twin", "wires=0.5 S"], ["--twin wires", "'0.5 ohm'"]),
        (["run", "write-verify", "--twin", "pulses=some"], ["--twin pulses", "'network'"]),
        (["run", "write-verify", "--bench", "nowhere.toml"], ["nowhere.toml", "cannot read"]),
        (["run", "write-verify", "--data", "runs."], ["--data", "'runs.'", "dot"]),
        (["run", "write-verify", "--data", "x/COM1"], ["--data", "'COM1'", "device"]),
        (["run", "--resume", "x", "--seed", "0"], ["--resume", "without --seed"]),
        (["run", "--resume", "x", "--note=", "--operator="], ["--resume", "without --note, --operator"]),
        (["run", "--resume", "x", "--set", "row=1", "--audit"], ["--resume", "without --set, --audit"]),
        (["run", "--resume", "x", "write-verify"], ["--resume", "without a protocol"]),
        (["run", "--resume", "x", "--bench", "nowhere.toml"], ["there is no run 'x'"]),
        (["run"], ["protocol"]),
        (["rnu", "write-verify"], ["rnu", "did you mean 'run'"]),
        (["run", "write-verify", "--sed", "1"], ["--sed"]),
        (["run", "write-verify", "--seed", "-1"], ["--seed"]),
        (["protocols", "write"], ["unknown protocol 'write'", "write-verify"]),
        (["drivers", "keithley-245"], ["unknown driver", "did you mean 'keithley-2450'"]),
        (["die", "show", "nowhere.npz"], ["nowhere.npz"]),
        (["live", "20991231"], ["there is no run"]),
        (["audit"], ["there are no runs"]),
    ],
)
def test_bad_input_gets_one_clear_line(labctl: Any, arguments: list[str], words: list[str], tmp_path: Path) -> None:
    done = labctl(*arguments)
    assert done.code == 2
    assert done.err.startswith("labctl: ")
    assert done.err.count("\n") == 1, done.err
    for word in words:
        assert word.lower() in done.err.lower()
    assert done.out == ""
    assert not (tmp_path / "runs").exists()


def test_labctl_alone_shows_what_there_is(labctl: Any) -> None:
    done = labctl()
    assert done.code == 0
    assert "run" in done.out
    assert labctl("--version").out.startswith("labctl 0.")
    assert labctl("run", "write-verify", "--set", "levels=2", "--note", "--version").err.startswith("run ")


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


def test_a_bench_file_with_a_byte_order_mark(labctl: Any, tmp_path: Path) -> None:
    path = Path(a_bench(tmp_path))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert labctl("run", "write-verify", "--backend", "twin", "--bench", str(path), "--set", "levels=2").code == 0


def test_failure_is_json_too(labctl: Any) -> None:
    done = labctl("run", "write-verfy", "--json")
    assert done.code == 2
    assert set(done.json) == {"error", "run"}
    assert set(done.json["error"]) == {"type", "message"}
    assert done.json["run"] is None


def test_bench_file_that_is_not_toml(labctl: Any, tmp_path: Path) -> None:
    done = labctl("run", "write-verify", "--backend", "twin", "--bench", a_bench(tmp_path, ("[die]", "[die")))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "not TOML" in done.err


def test_unwritable_data_folder(labctl: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = labctl("run", "write-verify", "--data", "file")
    assert done.code == 3
    assert "--data" in done.err


def test_wrong_identity_ends_the_run_before_any_setting(labctl: Any, tmp_path: Path) -> None:
    bench = a_bench(tmp_path, ('expect = "2450"', 'expect = "2461"'))
    done = labctl("run", "write-verify", "--backend", "twin", "--bench", bench)
    assert done.code == 3
    assert "'2461' was expected" in done.err
    assert not (tmp_path / "runs").exists()


def test_die_of_another_shape_than_the_board(labctl: Any, tmp_path: Path) -> None:
    done = labctl("run", "write-verify", "--set", "levels=2", "--die", "die.npz")
    assert done.code == 0
    bench = a_bench(tmp_path, ("rows = 64", "rows = 32"))
    done = labctl("run", "write-verify", "--backend", "twin", "--bench", bench, "--die", "die.npz")
    assert done.code == 2
    assert "64 x 64" in done.err
    assert "32 x 64" in done.err


def test_a_die_lives_across_runs(labctl: Any) -> None:
    assert labctl("run", "write-verify", "--set", "levels=8000,", "--die", "die.npz").code == 0
    shown = labctl("die", "show", "die.npz", "--json").json
    assert (shown["rows"], shown["columns"]) == (64, 64)
    assert len(shown["conductance"]) == 64
    assert shown["conductance"][0][0] == pytest.approx(200e-9 + 8000 * 357.15e-9, abs=357.15e-9)
    assert shown["conductance"][1][0] < 1e-6
    assert shown["state"][0][0] > 7000
    again = labctl("run", "write-verify", "--set", "levels=8000,", "--die", "die.npz", "--json").json
    assert again["summary"]["bursts_per_level"] <= 1
    assert "64 x 64" in labctl("die", "show", "die.npz").out


def test_a_locked_die_is_refused_with_its_holder(labctl: Any, tmp_path: Path) -> None:
    die = tmp_path / "die.npz"
    with locked([str(die.resolve())], Holder("other-run", os.getpid(), "ada", "2026-11-21T12:00:00+00:00")):
        done = labctl("run", "write-verify", "--die", "die.npz")
    assert done.code == 3
    for word in ("die.npz", "other-run", str(os.getpid()), "ada"):
        assert word in done.err


def test_a_locked_address_is_refused_with_its_holder(labctl: Any, tmp_path: Path) -> None:
    bench = a_bench(tmp_path)
    file = load_bench(Path(bench))
    names = HardwareBackend.lock_names(file, BackendOptions())
    with locked(names[:1], Holder("other-run", os.getpid(), "ada", "2026-11-21T12:00:00+00:00")):
        done = labctl("run", "write-verify", "--bench", bench, "--json")
    assert done.code == 3
    assert done.json["error"]["type"] == "AddressLockedError"
    for word in ("other-run", str(os.getpid()), "ada"):
        assert word in done.err
    assert not (tmp_path / "runs").exists()


def test_address_that_does_not_answer(labctl: Any, tmp_path: Path) -> None:
    bench = a_bench(
        tmp_path,
        ("TCPIP0::192.168.1.50::5025::SOCKET", "TCPIP0::127.0.0.1::9::SOCKET"),
        ("/dev/ttyACM0", "socket://127.0.0.1:9"),
    )
    done = labctl("run", "write-verify", "--bench", bench, "--json")
    assert done.code == 3
    assert "127.0.0.1" in done.json["error"]["message"]
    assert done.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_audit_tells_the_truth(labctl: Any) -> None:
    run = labctl("run", "write-verify", "--set", "levels=50", "--audit", "--json", "--seed", "3").json
    audit = labctl("audit", run["run"], "--json").json
    assert audit["levels"] == 50
    assert audit["true_within_half_level"] >= 0.98
    assert audit["true_error_rms"] < 0.25
    assert audit["true_error_max"] < 1
    assert "true_error_rms" in labctl("audit").out


def test_audit_needs_an_audit(labctl: Any) -> None:
    labctl("run", "write-verify", "--set", "levels=2")
    done = labctl("audit", "--json")
    assert done.code == 2
    assert "--audit" in done.json["error"]["message"]


def test_lists(labctl: Any) -> None:
    assert "write-verify" in labctl("protocols").out
    listing = labctl("protocols", "write-verify").out
    for word in ("read_voltage", "200 mV", "tolerance", "yes or no", "within the envelope's read_voltage"):
        assert word in listing
    names = [entry["name"] for entry in labctl("protocols", "write-verify", "--json").json["parameters"]]
    assert names[0] == "quick"
    assert "probe-board" in labctl("drivers").out
    assert "watchdog" in labctl("drivers", "probe-board").out
    assert {entry["name"] for entry in labctl("drivers", "--json").json["drivers"]} >= {"keithley-2450", "probe-board"}


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


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals; Windows sends CTRL_C_EVENT to a whole console")
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
