"""`labctl twin serve` as people use it: processes, signals, files and exit codes."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import serial

from labctl.backend import BackendOptions
from labctl.bench_file import load_bench
from labctl.board_data import Cell, Pulse
from labctl.cli import main
from labctl.engine import Watcher, run
from labctl.errors import DieFileError
from labctl.messages import pack_entries, unpack_receipt
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from labctl.wire import Opcode
from protocols.write_verify import LevelWritten
from sim_backend.backend import TwinBackend
from sim_backend.die_file import load_die

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.server.conftest import Board, ServedTwin, ServeTwin

SEED = 3
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and pseudo-terminals")
pytestmark = posix


def labctl(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labctl", *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


def write_levels(tmp_path: Path, levels: str, *arguments: str) -> dict[str, Any]:
    done = labctl(tmp_path, "run", "write-verify", "--json", "--set", f"levels={levels}", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def records(run: str | Path) -> list[LevelWritten]:
    """Return what a run recorded, times aside."""
    with closing(RunReader(Path(run))) as reader:
        return [dataclasses.replace(record, time=0.0) for record in reader.typed("record", LevelWritten)]


def on_terminals(twin: ServedTwin) -> Path:
    """Return a bench file with the pseudo-terminals of a served twin."""
    text = twin.bench.read_text(encoding="utf-8")
    for instrument in twin.instruments.values():
        text = text.replace(instrument["resource"], instrument["others"][0])
    path = twin.bench.with_name("terminals.toml")
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[LevelWritten], Path]:
    """What the twin inside the experiment's own process records, and its die."""
    folder = tmp_path_factory.mktemp("here")
    options = BackendOptions(seed=SEED, die=folder / "die.npz")
    done = run(RunRequest("write-verify", settings={"levels": "500"}, data=folder, options=options), Watcher())
    return records(done.folder), folder / "die.npz"


@pytest.mark.parametrize("way", ["tcp", "pty"])
def test_values_are_those_of_the_twin_in_the_experiment_s_process(
    way: str, here: tuple[list[LevelWritten], Path], serve_twin: ServeTwin, tmp_path: Path
) -> None:
    twin = serve_twin("--speed", "max", "--seed", str(SEED), "--die", "die.npz", "--audit", "truth.sqlite")
    bench = on_terminals(twin) if way == "pty" else twin.bench
    found = write_levels(tmp_path, "500", "--bench", str(bench))
    assert found["backend"] == "hardware"
    assert records(found["run"]) == here[0]
    while_it_serves = labctl(tmp_path, "audit", found["run"], "--truth", "truth.sqlite", "--json")
    assert "die.npz" in twin.stop()
    served, mine = load_die(tmp_path / "die.npz").die, load_die(here[1]).die
    assert np.array_equal(served.state, mine.state)
    assert np.array_equal(served.conductance(), mine.conductance())
    audit = labctl(tmp_path, "audit", found["run"], "--truth", "truth.sqlite", "--json")
    assert audit.returncode == 0, audit.stderr
    truth = json.loads(audit.stdout)
    assert truth["levels"] == 500
    assert truth["true_within_half_level"] >= 0.99
    assert json.loads(while_it_serves.stdout) == truth


def test_a_killed_client_leaves_the_die_behind(serve_twin: ServeTwin, tmp_path: Path) -> None:
    twin = serve_twin("--speed", "max", "--seed", str(SEED), "--die", "die.npz")
    command = [sys.executable, "-m", "labctl", "run", "write-verify", "--set", "levels=all", "--bench", str(twin.bench)]
    client = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert client.stderr is not None
    folder = tmp_path / client.stderr.readline().removeprefix("run ").strip()
    while not _steps(folder) >= 20:
        pass
    client.kill()
    client.communicate()
    recorded = records(folder)
    twin.stop()
    die = load_die(tmp_path / "die.npz").die
    assert int(die.write_count.sum()) > 0
    goes_on = serve_twin("--speed", "max", "--die", "die.npz")
    again = write_levels(tmp_path, f"{recorded[-1].level},", "--bench", str(goes_on.bench))
    assert again["passed"]
    goes_on.stop()


def _steps(folder: Path) -> int:
    with closing(RunReader(folder)) as reader:
        return reader.steps()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_saves_the_die(serve_twin: ServeTwin, tmp_path: Path, number: signal.Signals) -> None:
    twin = serve_twin("--die", "die.npz", "--seed", "9")
    assert twin.stop(number).count("\n") == 1
    assert load_die(tmp_path / "die.npz").die.seed == 9


def test_what_it_prints(serve_twin: ServeTwin) -> None:
    twin = serve_twin("--port", f"smu={(port := free_port())}", "--latency", "1 ms")
    assert set(twin.instruments) == {"smu", "board"}
    smu, board = twin.instruments["smu"], twin.instruments["board"]
    assert smu == {
        "name": "smu",
        "driver": "keithley-2450",
        "model": "2450",
        "resource": f"TCPIP0::127.0.0.1::{port}::SOCKET",
        "others": smu["others"],
    }
    assert board["resource"].startswith("socket://127.0.0.1:")
    assert Path(board["others"][0]).exists()
    assert Path(smu["others"][0].removeprefix("ASRL").removesuffix("::INSTR")).exists()
    assert "whoever" not in twin.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_the_table_for_people(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labctl", "twin", "serve"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        table = [process.stdout.readline().split() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert table[0] == ["name", "driver", "model", "resource", "others"]
    assert [row[0] for row in table[1:]] == ["smu", "board"]
    assert out == ""
    assert process.returncode == 130


def test_two_at_once_do_not_share_a_die(serve_twin: ServeTwin, tmp_path: Path) -> None:
    serve_twin("--die", "die.npz")
    done = labctl(tmp_path, "twin", "serve", "--die", "die.npz")
    assert done.returncode == 3
    assert "labctl twin serve" in done.stderr
    serve_twin()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bench", "none.toml"], ["none.toml", "No such file"]),
        (["--twin", "wirse=metal"], ["'wirse'", "wires"]),
        (["--twin", "device=nothing"], ["nothing"]),
        (["--speed", "fast"], ["real", "max"]),
        (["--latency", "1"], ["--latency", "'1'", "s"]),
        (["--latency", "-1 s"], ["--latency", "negative"]),
        (["--port", "smu"], ["--port", "NAME=VALUE"]),
        (["--port", "smv=1"], ["'smv'", "'smu'"]),
        (["--port", "smu=70000"], ["--port smu=70000", "65535"]),
        (["--host", "::1"], ["::1", "IPv4"]),
        (["--host", "0.0.0.0"], ["0.0.0.0", "--token-file"]),
        (["--token-file", "mine.toml"], ["mine.toml", "no token"]),
        (["--audit", "."], ["--audit", "folder"]),
        (["--die", "nowhere/die.npz"], ["--die", "no folder"]),
        (["--write-bench", "mine.toml"], ["mine.toml", "name another"]),
    ],
)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    (tmp_path / "mine.toml").write_text("[bench]\n", encoding="utf-8")
    (tmp_path / "mine.toml").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["twin", "serve", *arguments])
    out, err = capfd.readouterr()
    assert ended.value.code == 2
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml"]


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = labctl(tmp_path, "twin", "serve", "--json", "--port", f"board={port}")
    assert done.returncode == 3
    assert str(port) in json.loads(done.stdout)["error"]["message"]


def test_a_damaged_die_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "die.npz").write_bytes(b"no die")
    done = labctl(tmp_path, "twin", "serve", "--die", "die.npz")
    assert done.returncode == DieFileError.exit_code
    assert (tmp_path / "die.npz").read_bytes() == b"no die"


def test_a_client_of_a_twin_that_hurries_cannot_wait(serve_twin: ServeTwin) -> None:
    from drivers.hardware import HardwareBackend
    from labctl.bench import Bench
    from labctl.errors import DeniedError

    file = load_bench(serve_twin("--speed", "max").bench)
    with (
        closing(HardwareBackend.for_bench(file, BackendOptions())) as backend,
        closing(Bench(file, backend)) as bench,
        pytest.raises(DeniedError, match="--speed max"),
    ):
        bench.wait(0.1)
    with closing(TwinBackend(file, BackendOptions())) as backend, closing(Bench(file, backend)) as bench:
        bench.wait(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_at_any_time_save_what_was_delivered(
    serve_twin: ServeTwin, tmp_path: Path, number: signal.Signals, board_at: Callable[[int], Board]
) -> None:
    """However many: the die in the file is the one that the hosts' pulses made."""
    twin = serve_twin("--die", "die.npz", "--speed", "max")
    port = int(twin.instruments["board"]["resource"].rpartition(":")[2])
    confirmed, board = 0, board_at(port)
    board.arm(5.0)
    for count in range(100):
        if count >= 50:
            twin.process.send_signal(number)
        try:
            board.send(Opcode.PULSE, pack_entries([Pulse(Cell(3, 5), 0.9, 80e-9)] * 7))
            confirmed = unpack_receipt(board.next().payload)[1]
        except (ConnectionError, AssertionError):
            break
    else:
        pytest.fail("it goes on")
    _, err = twin.process.communicate(timeout=60)
    assert twin.process.returncode == 128 + number
    assert err.splitlines() == ["labctl: the die is saved in die.npz"]
    saved = int(load_die(tmp_path / "die.npz").die.write_count.sum())
    assert saved in (confirmed, confirmed + 7), "the last list's confirmation may have been under way"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["client-0.toml", "die.npz"]


def test_an_audit_of_another_die_is_not_mixed_up_with_this_one_s(serve_twin: ServeTwin, tmp_path: Path) -> None:
    twin = serve_twin("--speed", "max", "--seed", str(SEED), "--audit", "truth.sqlite")
    labctl(tmp_path, "run", "write-verify", "--set", "levels=3", "--bench", str(twin.bench))
    twin.stop()
    done = labctl(tmp_path, "twin", "serve", "--seed", "99", "--audit", "truth.sqlite")
    assert done.returncode == 2
    assert "--audit truth.sqlite: it tells of another die" in done.stderr


def test_an_audit_goes_on_with_its_die(serve_twin: ServeTwin, tmp_path: Path) -> None:
    runs: list[str] = []
    for _ in range(2):
        twin = serve_twin("--speed", "max", "--die", "die.npz", "--audit", "truth.sqlite")
        command = ["run", "write-verify", "--json", "--set", "levels=20", "--bench", str(twin.bench)]
        runs.append(json.loads(labctl(tmp_path, *command).stdout)["run"])
        twin.stop()
    for one in runs:
        audit = labctl(tmp_path, "audit", one, "--truth", "truth.sqlite", "--json")
        truth = json.loads(audit.stdout)
        assert truth["levels"] == 20
        assert truth["true_error_rms"] < 2.0


def test_a_token_lets_other_computers_in(serve_twin: ServeTwin, tmp_path: Path) -> None:
    twin = serve_twin("--host", "0.0.0.0", "--token-file", "token")
    port = int(twin.instruments["smu"]["resource"].split("::")[2])
    for token, answer in ((b"wrong" * 5, b""), ((tmp_path / "token").read_bytes().strip(), b"KEITHLEY")):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(token + b"\n*IDN?\n")
            try:
                assert connection.recv(4096)[:8] == answer
            except ConnectionResetError:
                assert answer == b""
    assert "begins with a line that holds the token in token" in twin.stop()


def test_terminals_go_with_the_service(serve_twin: ServeTwin) -> None:
    twin = serve_twin()
    devices = [one["others"][0].removeprefix("ASRL").removesuffix("::INSTR") for one in twin.instruments.values()]
    with serial.Serial(devices[0], timeout=60) as port:
        twin.process.kill()
        twin.process.wait()
        with pytest.raises(serial.SerialException):
            port.read(1)
    assert not any(Path(device).exists() for device in devices)


def test_a_bench_that_was_written_is_served_again(serve_twin: ServeTwin) -> None:
    """Its clock is that of the twin that wrote it, not of the one that serves it."""
    first = serve_twin("--speed", "max")
    first.stop()
    assert load_bench(first.bench).bench.clock == "operations"
    second = serve_twin("--bench", str(first.bench))
    assert load_bench(second.bench).bench.clock == "wall"
