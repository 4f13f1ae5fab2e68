"""`labctl bench check` and `labctl bench init`, as a person and a script meet them."""

from __future__ import annotations

import os
import re
import socket
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.hardware import HardwareBackend
from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH, load_bench, read_bench
from labctl.locks import Holder, locked
from labctl.units import format_quantity
from labctl.wire import FrameReader, Kind, Opcode
from sim_backend.backend import TwinBackend
from sim_backend.panels.keithley_2450 import Keithley2450Panel
from sim_backend.panels.probe_board import ProbeBoardPanel

SMU_ADDRESS = "TCPIP0::192.168.1.50::5025::SOCKET"
"""In the packaged bench file."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A served bench: its file, and whatever was said to its instruments."""

    path: Path
    heard: dict[str, bytearray]

    def change(self, old: str, new: str) -> None:
        text = self.path.read_text(encoding="utf-8")
        assert old in text
        self.path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def bench(served_panels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    heard = {"smu": bytearray(), "board": bytearray()}
    with closing(TwinBackend(load_bench(), BackendOptions())) as twin:
        smu, board = twin.panels["smu"], twin.panels["board"]
        assert isinstance(smu, Keithley2450Panel)
        assert isinstance(board, ProbeBoardPanel)
        served = served_panels({"smu": smu, "board": board})
        _listen(monkeypatch, smu, heard["smu"])
        _listen(monkeypatch, board, heard["board"])
        text = DEFAULT_BENCH.read_text(encoding="utf-8")
        text = text.replace(SMU_ADDRESS, served["smu"].visa)
        path = tmp_path / "bench.toml"
        path.write_text(text.replace("/dev/ttyACM0", served["board"].url), encoding="utf-8")
        yield Bench(path, heard)


def _listen(monkeypatch: pytest.MonkeyPatch, panel: Any, heard: bytearray) -> None:
    """Write down what is sent to a panel."""
    connection: Any = panel.connection

    def listening(deliver: Any) -> Any:
        link = connection(deliver)
        receive = link.receive

        def overheard(data: bytes, end: bool) -> None:
            heard.extend(data)
            receive(data, end)

        return _Overheard(overheard, link.reset)

    monkeypatch.setattr(panel, "connection", listening)


@dataclass(frozen=True, slots=True)
class _Overheard:
    """A link with a listener in it."""

    receive: Any
    reset: Any


def test_it_says_who_answers_and_with_which_limits(labctl: Any, bench: Bench) -> None:
    done = labctl("bench", "check", str(bench.path))
    assert done.code == 0
    assert done.err == ""
    for words in ("KEITHLEY INSTRUMENTS", "XPB-64", "current limit  105 uA", "error queue    empty", "SAFE"):
        assert words in done.out


def test_in_json_limits_are_numbers(labctl: Any, bench: Bench) -> None:
    done = labctl("bench", "check", str(bench.path), "--json")
    assert done.code == 0
    smu, board = done.json["instruments"]
    assert (smu["name"], board["name"]) == ("smu", "board")
    assert "2450" in smu["identity"]
    assert smu["limits"]["current_limit"] == pytest.approx(105e-6)
    assert smu["limits"]["output"] is False
    assert smu["limits"]["protection"] is None  # there is none
    assert smu["errors"] == []
    assert (board["limits"]["rows"], board["limits"]["v_max"], board["limits"]["state"]) == (64, 5.0, "SAFE")
    assert "error" not in done.json


def test_nothing_is_set(labctl: Any, bench: Bench) -> None:
    assert labctl("bench", "check", str(bench.path)).code == 0
    lines = bytes(bench.heard["smu"]).decode().split("\n")
    assert len(lines) > 3
    assert [line for line in lines if line and not line.endswith("?")] == []
    frames = FrameReader(Kind.REQUEST).feed(bytes(bench.heard["board"]))
    assert {Opcode(frame.opcode) for frame in frames} == {Opcode.IDENTIFY, Opcode.CAPABILITIES, Opcode.STATUS}


LIMITS = {
    "keithley-2450": ("MODEL 2450,", {"current_limit": 105e-6, "source_range": 0.02}, [rb"[^ ]+\?"]),
    "keithley-2400": ("MODEL 2400,", {"current_limit": 105e-6, "source_range": 21.0}, [rb"[^ ]+\?"]),
    "keithley-2600": (
        "Model 2636B,",
        {"current_limit": 0.1, "source_range": 0.2},
        # Reading the error queue takes its entries out, by way of two variables.
        [
            rb"\*IDN\?",
            rb"labctl_code, labctl_text = errorqueue\.next\(\)",
            rb'print\("<\d+>", [a-z.]+, "<\d+>", [a-z.]+\)',
        ],
    ),
    "keysight-b2900": ("B2912A", {"current_limit": 1e-4, "source_range": 0.2}, [rb"[^ ]+\?"]),
}
"""Of each driver: what stands in its instrument's identity, limits after power-up (V, A), and lines that only ask."""


@pytest.mark.parametrize("driver", LIMITS)
def test_the_limits_of_every_driver_are_shown_and_nothing_is_set(
    labctl: Any, served_panels: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    model, limits, questions = LIMITS[driver]
    path, heard = tmp_path / "one.toml", bytearray()
    text = _one_smu(DEFAULT_BENCH.read_text(encoding="utf-8"), driver)
    with closing(TwinBackend(read_bench(text, driver), BackendOptions())) as twin:
        served = served_panels({"smu": twin.panels["smu"]})
        _listen(monkeypatch, twin.panels["smu"], heard)
        path.write_text(text.replace(SMU_ADDRESS, served["smu"].visa), encoding="utf-8")
        done = labctl("bench", "check", str(path), "--json")
        table = labctl("bench", "check", str(path))
    assert done.code == table.code == 0
    (smu,) = done.json["instruments"]
    assert model in smu["identity"]
    assert {name: smu["limits"][name] for name in limits} == pytest.approx(limits)
    assert smu["limits"]["output"] is False
    assert set(smu["limits"]) >= {"source_level", "measure_range"}
    assert f"current limit  {format_quantity(limits['current_limit'], 'A')}" in table.out
    lines = [line.rstrip(b"\r") for line in bytes(heard).split(b"\n") if line.strip()]
    assert len(lines) > 6
    assert [line for line in lines if not any(re.fullmatch(question, line) for question in questions)] == []


def _one_smu(text: str, driver: str) -> str:
    """Return a bench file with nothing but an SMU of another driver, without the expectation of a model."""
    board = text.index("[instruments.board]")
    text = text[:board] + text[text.index("[envelope]", board) :]
    return text.replace('"keithley-2450"', f'"{driver}"').replace('expect = "2450"', "")


def test_another_model_than_the_drivers_is_told_and_the_others_are_shown(labctl: Any, bench: Bench) -> None:
    bench.change('driver = "keithley-2450"', 'driver = "keysight-b2900"')
    bench.change('expect = "2450"', "")
    done = labctl("bench", "check", str(bench.path))
    assert done.code == 3
    assert "'keysight-b2900' does not drive it" in done.err
    assert "XPB-64" in done.out
    lines = [line for line in bytes(bench.heard["smu"]).split(b"\n") if line]
    assert lines == [b"*IDN?"]


def test_what_stands_in_the_error_queue_is_shown(labctl: Any, bench: Bench) -> None:
    port = int(load_bench(bench.path).instruments["smu"].address.split("::")[2])
    with socket.create_connection(("127.0.0.1", port)) as host:
        host.sendall(b":NONSENSE\n*IDN?\n")
        assert host.recv(100)
    done = labctl("bench", "check", str(bench.path), "--json")
    assert done.code == 0
    (error,) = done.json["instruments"][0]["errors"]
    assert "-113" in error


def test_one_that_is_not_there_hides_no_other(labctl: Any, bench: Bench) -> None:
    bench.change("socket://", "socket://127.0.0.1:9/?was=")
    done = labctl("bench", "check", str(bench.path), "--json")
    assert done.code == 3
    assert "KEITHLEY" in done.json["instruments"][0]["identity"]
    assert done.json["instruments"][1]["identity"] == ""
    assert "127.0.0.1:9" in done.json["error"]["message"]
    assert done.err.count("\n") == 1
    table = labctl("bench", "check", str(bench.path))
    assert table.code == 3
    assert "current limit  105 uA" in table.out
    assert "127.0.0.1:9" in table.out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('expect = "2450"', 'expect = "2461"', ["'2461' was expected", "smu"]),
        ("rows = 64", "rows = 32", ["64 x 64", "32 x 64"]),
    ],
)
def test_another_instrument_than_expected(labctl: Any, bench: Bench, old: str, new: str, words: list[str]) -> None:
    bench.change(old, new)
    done = labctl("bench", "check", str(bench.path))
    assert done.code == 3
    for word in words:
        assert word in done.err


def test_a_bench_in_use_is_left_alone(labctl: Any, bench: Bench) -> None:
    names = HardwareBackend.lock_names(load_bench(bench.path), BackendOptions())
    with locked(names[:1], Holder("other-run", os.getpid(), "ada", "2026-11-21T12:00:00+00:00")):
        done = labctl("bench", "check", str(bench.path))
    assert done.code == 3
    assert "other-run" in done.err
    assert not bench.heard["smu"]


def test_a_wrong_file_is_bad_input(labctl: Any, tmp_path: Path) -> None:
    assert labctl("bench", "check", "none.toml").code == 2
    (tmp_path / "bad.toml").write_text("[bench]\nnme = 'x'\n", encoding="utf-8")
    assert labctl("bench", "check", "bad.toml").code == 2
    assert labctl("bench", "check").code == 2
    assert labctl("bench", "chek").code == 2


def test_init_writes_a_bench_file_that_is_one(labctl: Any, tmp_path: Path) -> None:
    done = labctl("bench", "init", "mine.toml")
    assert done.code == 0
    assert "labctl bench check mine.toml" in done.out
    assert "serial" in done.out
    assert "VISA" in done.out
    file = load_bench(tmp_path / "mine.toml")
    assert set(file.instruments) == {"smu", "board"}
    default = load_bench()
    assert (file.envelope, file.die, file.twin) == (default.envelope, default.die, default.twin)


def test_init_never_overwrites(labctl: Any, tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text("mine", encoding="utf-8")
    done = labctl("bench", "init")
    assert done.code == 2
    assert "bench.toml exists" in done.err
    assert (tmp_path / "bench.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
def test_init_follows_no_link(labctl: Any, tmp_path: Path) -> None:
    (tmp_path / "dangling.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert labctl("bench", "init", "dangling.toml").code == 2
    assert not (tmp_path / "elsewhere.toml").exists()


def test_init_in_json_and_where_it_cannot_write(labctl: Any, tmp_path: Path) -> None:
    done = labctl("bench", "init", "--json")
    assert done.code == 0
    assert done.json["bench"] == str(tmp_path / "bench.toml")
    assert isinstance(done.json["visa"], list)
    assert isinstance(done.json["serial"], dict)
    assert labctl("bench", "init", "nowhere/bench.toml").code == 3


def test_what_devices_call_themselves_stays_a_comment(
    labctl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serial.tools import list_ports

    @dataclass
    class Port:
        device: str
        description: str

    ports = [Port("/dev/ttyACM3", "evil\n[die]\nrows = 1"), Port("COM7", "n/a")]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    assert labctl("bench", "init").code == 0
    file = load_bench(tmp_path / "bench.toml")
    assert file.instruments["board"].address == "/dev/ttyACM3"
    assert file.die.rows == 64


def test_what_is_expected_may_be_any_part_of_the_reply(labctl: Any, bench: Bench) -> None:
    bench.change('expect = "2450"', 'expect = "KEITHLEY INSTRUMENTS,MODEL 2450,"')
    done = labctl("bench", "check", str(bench.path))
    assert done.code == 0
    assert "KEITHLEY INSTRUMENTS,MODEL 2450," in done.out
