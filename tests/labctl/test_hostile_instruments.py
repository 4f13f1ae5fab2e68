"""Instruments, notes, names and files that speak to the terminal: what they say is shown, and never obeyed."""

from __future__ import annotations

import json
import sqlite3
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
from labctl.run_reader import RunReader, run_folders
from sim_backend.backend import TwinBackend
from sim_backend.panels import board_facts
from sim_backend.panels.keithley_2450 import Keithley2450Panel
from sim_backend.panels.keithley_2450_instrument import Instrument

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x1b[31m[red]"
"""What an instrument of text can say: the link takes ASCII only."""
UNICODE = "\x1b]52;c;Zm9v\x07\u202eliam\u2066\x9b1m[bold]"
"""What a probe board, a file or a person can say, too."""
FORBIDDEN = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\r")


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str

    def check(self) -> None:
        """See that nothing was said to the terminal."""
        for letter in FORBIDDEN:
            assert letter not in self.out
            assert letter not in self.err


@pytest.fixture
def labctl(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Instrument, "identity", f"KEITHLEY INSTRUMENTS{ESCAPES},MODEL 2450,0{ESCAPES},1.0")
    monkeypatch.setattr(board_facts, "VENDOR", f"labctl{UNICODE}")

    def call(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capfd.readouterr()
        done = Done(int(ended.value.code or 0), captured.out, captured.err)
        done.check()
        return done

    return call


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """A small bench, with a name that speaks to the terminal."""
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    text = text.replace("rows = 64", "rows = 3").replace("columns = 64", "columns = 3")
    path = tmp_path / ("bench.toml" if sys.platform == "win32" else f"{UNICODE}.toml")
    path.write_text(text.replace("packaged bench", json.dumps(UNICODE)[1:-1]), encoding="utf-8")
    return path


def test_bench_check(labctl: Any, bench: Path, served_panels: Any) -> None:
    with closing(TwinBackend(load_bench(bench), BackendOptions())) as twin:
        smu = twin.panels["smu"]
        assert isinstance(smu, Keithley2450Panel)
        smu._instrument.status.log.post(-113, f"Undefined{ESCAPES}")
        served = served_panels(twin.panels)
        text = bench.read_text(encoding="utf-8").replace("/dev/ttyACM0", served["board"].url)
        bench.write_text(text.replace("TCPIP0::192.168.1.50::5025::SOCKET", served["smu"].visa), encoding="utf-8")
        done = labctl("bench", "check", str(bench))
        assert done.code == 0
        assert done.out.count("\\x1b[2J\\x1b]0;owned\\x07\\x1b[31m[red]") == 2
        assert "-113 Undefined\\x1b[2J\\x1b]0" in done.out
        assert "\\u202eliam\\u2066" in done.out
        found = json.loads(labctl("bench", "check", str(bench), "--json").out)
        assert ESCAPES in found["instruments"][0]["identity"]
        bench.write_text(
            bench.read_text(encoding="utf-8").replace('expect = "2450"', 'expect = "999"'), encoding="utf-8"
        )
        refused = labctl("bench", "check", str(bench))
        assert refused.code == 3
        assert refused.err.count("\n") == 1


def test_a_run_and_what_is_told_of_it(labctl: Any, bench: Path, tmp_path: Path) -> None:
    asked = ("--set", "levels=10,20", "--bench", str(bench), "--backend", "twin")
    done = labctl("run", "write-verify", *asked, "--note", UNICODE, "--operator", UNICODE)
    assert done.code in (0, 1)
    (folder,) = run_folders(tmp_path / "runs")
    with closing(RunReader(folder)) as reader:
        assert reader.manifest["note"] == UNICODE
        assert ESCAPES in reader.manifest["instruments"]["smu"]["vendor"]
    assert "\x1b" not in (folder / "manifest.json").read_text(encoding="utf-8")
    assert labctl("runs").code == 0
    assert json.loads(labctl("runs", "--json").out)["runs"]
    with closing(sqlite3.connect(folder / "run.sqlite")) as db:
        db.execute("UPDATE state SET state = ?", (UNICODE,))
        db.commit()
    assert "\\u202e" in labctl("runs").out


def test_what_is_refused_is_named_and_not_obeyed(labctl: Any, bench: Path) -> None:
    for arguments in (
        ("run", UNICODE),
        ("run", "write-verify", "--set", f"levels={UNICODE}"),
        ("run", "write-verify", "--bench", f"{UNICODE}.none"),
        ("run", "write-verify", "--twin", f"{UNICODE}=1"),
        ("run", "--resume", UNICODE),
        (UNICODE,),
        ("die", "show", UNICODE),
        ("bench", "check", f"{UNICODE}.none", "--traceback"),
    ):
        done = labctl(*arguments)
        assert done.code == 2, arguments
        assert "\\u202e" in done.err or "\\\\u202e" in done.err, arguments


def test_an_instrument_that_says_much(labctl: Any, bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Instrument, "identity", f"KEITHLEY{'x' * 50_000},MODEL 2450,{ESCAPES * 1000},1.0")
    bench.write_text(bench.read_text(encoding="utf-8").replace('expect = "2450"', 'expect = "999"'), encoding="utf-8")
    done = labctl("run", "write-verify", "--bench", str(bench), "--backend", "twin")
    assert done.code == 3
    assert len(done.err) < 10_000


def test_hardware_is_what_bench_check_asks() -> None:
    """Else nothing hostile was asked above."""
    assert HardwareBackend.outlives_us
