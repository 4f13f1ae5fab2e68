"""The command line as a person and a script meet it: one clear line, the right exit code, strict JSON."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from drivers.hardware import HardwareBackend
from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH, load_bench
from labctl.locks import Holder, locked
from labctl.run_reader import RunReader

BENCH = DEFAULT_BENCH.read_text(encoding="utf-8")


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


# A mistyped name, and what is offered in its place: the nearest one, or what there is.
MISTYPED = [
    (["rum"], "`labctl` has no command 'rum'; did you mean 'run'?"),
    (["help"], "`labctl` has no command 'help'; did you mean '--help'?"),
    (["xyzzy"], "`labctl` has no command 'xyzzy'; there are: run, demo, "),
    (["bench", "chek"], "`labctl bench` has no command 'chek'; did you mean 'check'?"),
    (["twin", "servee"], "`labctl twin` has no command 'servee'; did you mean 'serve'?"),
    (["bench"], "`labctl bench` needs a command: check, init; see `labctl bench --help`"),
    (["--vers"], "`labctl` has no option '--vers'; did you mean '--version'?"),
    (["run", "--sed", "1", "vmm"], "`labctl run` has no option '--sed'; did you mean '--seed'?"),
    (["run", "--sed=1", "vmm"], "`labctl run` has no option '--sed'; did you mean '--seed'?"),
    (["twin", "serve", "--sped", "max"], "`labctl twin serve` has no option '--sped'; did you mean '--speed'?"),
    (["bench", "init", "--hepl"], "`labctl bench init` has no option '--hepl'; did you mean '--help'?"),
    (["runs", "--xyzzy"], "`labctl runs` has no option '--xyzzy'; see `labctl runs --help`"),
    (["runs", "extra"], "(extra); see `labctl runs --help`"),
    (["safe"], "'--bench'; see `labctl safe --help`"),
    (["run", "vmn"], "unknown protocol 'vmn'; did you mean 'vmm'?"),
    (["run", "xyzzy"], "unknown protocol 'xyzzy'; there are: calibrate, "),
    (["protocols", "furier"], "unknown protocol 'furier'; did you mean 'fourier'?"),
    (["drivers", "keithly-2450"], "unknown driver 'keithly-2450'; did you mean 'keithley-2450'?"),
    (["drivers", "xyzzy"], "unknown driver 'xyzzy'; there are: keithley-2400, "),
    (["run", "vmm", "--set", "vectrs=3"], "unknown parameter 'vectrs'; did you mean 'vectors'?"),
    (["run", "vmm", "--set", "mapping=ofset"], "--set mapping: it must be 'offset', 'differential' or 'reference'"),
    (["run", "vmm", "--set", "quick=yess"], "--set quick: 'yess' is neither 'yes' nor 'no'"),
    (["run", "vmm", "--backend", "twn"], "unknown backend 'twn'; did you mean 'twin'?"),
    (["run", "vmm", "--twin", "devise=x"], "unknown key of the [twin] table 'devise'; did you mean 'device'?"),
    (["run", "vmm", "--twin", "front_end=bord"], "--twin front_end: must be 'ideal' or 'board', not 'bord'"),
    (["run", "vmm", "--twin", "device=ru-azzo"], "unknown device 'ru-azzo'; did you mean 'ru-azo'?"),
    (["show", "xyzzy"], "there is no run 'xyzzy' in runs; name a run folder, or choose --data"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTYPED)
def test_a_mistyped_name_gets_the_nearest_one(labctl: Any, arguments: list[str], words: str) -> None:
    done = labctl(*arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert words in done.err
    assert done.err.count("did you mean") == words.count("did you mean")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('driver = "keithley-2450"', 'driver = "keithly-2450"'), "unknown driver 'keithly-2450'; did you mean"),
        (("[envelope]", "[envelop]"), "unknown key 'envelop'; did you mean 'envelope'?"),
        (("read_voltage =", "red_voltage ="), "unknown key 'red_voltage'; did you mean 'read_voltage'?"),
        (("voltage =", "xyzzy =1\nvoltage ="), "unknown key 'xyzzy'; there are: voltage, read_voltage, "),
        (('device = "ru-azo"', 'devise = "ru-azo"'), "unknown key 'devise'; did you mean 'device'?"),
    ],
)
def test_a_mistyped_name_in_a_bench_file(labctl: Any, tmp_path: Path, change: tuple[str, str], words: str) -> None:
    old, new = change
    path = tmp_path / "bench.toml"
    path.write_text(BENCH.replace(old, new, 1), encoding="utf-8")
    done = labctl("run", "write-verify", "--backend", "twin", "--bench", str(path))
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "bench.toml line" in done.err
    assert words in done.err


def test_a_mistyped_run_and_format(labctl: Any) -> None:
    run = Path(labctl("run", "write-verify", "--set", "levels=2", "--json").json["run"]).name
    end = run.rpartition("_")[2]
    assert f"did you mean {run!r}?" in labctl("show", run[:-9] + "x" + run[-8:]).err
    assert f"did you mean {end!r}?" in labctl("report", end[:-1] + "z").err
    assert f"the newest is {run!r}" in labctl("live", "xyzzy").err
    assert "unknown format 'netcfd'; did you mean 'netcdf'?" in labctl("export", "--format", "netcfd").err


def test_labctl_alone_says_what_to_do_next(labctl: Any, tmp_path: Path) -> None:
    done = labctl()
    assert done.code == 0
    for command in ("labctl demo", "labctl run write-verify --live", "labctl protocols", "labctl bench init"):
        assert f"  {command} " in done.out
    assert labctl("--version").out.startswith("labctl 0.")
    assert labctl("run", "write-verify", "--set", "levels=2", "--note", "--version").err.startswith("run ")
    (run,) = [each for each in (tmp_path / "runs").iterdir() if each.is_dir()]
    end = run.name.rpartition("_")[2]
    done = labctl("--traceback")
    assert done.code == 0
    assert f"write-verify  passed  labctl report {end}" in done.out
    assert labctl("report", end, "--data", "nowhere").code == 2


@pytest.mark.parametrize(
    ("state", "is_alive", "words"),
    [
        ("stopped", False, ["stopped", "labctl run --resume {}"]),
        ("running", True, ["running, step 2 of 2", "labctl live {}", "labctl pause {}"]),
        ("paused", True, ["paused, step 2 of 2", "labctl continue {}", "labctl live {}"]),
        ("running", False, ["died", "labctl show {}"]),
        ("failed", False, ["failed", "labctl show {}", "labctl run --resume {}"]),
    ],
)
def test_what_to_do_next_with_a_run(
    labctl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, is_alive: bool, words: list[str]
) -> None:
    labctl("run", "write-verify", "--set", "levels=2")
    (run,) = [each for each in (tmp_path / "runs").iterdir() if each.is_dir()]
    with closing(sqlite3.connect(run / "run.sqlite")) as database, database:
        database.execute("UPDATE state SET state = ?, detail = '{}' WHERE state = 'finished'", (state,))

    def alive(folder: Path) -> bool:
        return is_alive

    monkeypatch.setattr("labctl.first_words.is_alive", alive)
    for columns in ("100", "40"):
        monkeypatch.setenv("COLUMNS", columns)
        out = labctl().out
        for word in words:
            assert word.format(run.name.rpartition("_")[2]) in out
        assert ("--resume" in out) == any("--resume" in word for word in words)


def test_a_run_that_cannot_be_read_does_not_keep_the_others_from_being_listed(labctl: Any, tmp_path: Path) -> None:
    (tmp_path / "runs" / "20260101T000000Z_noise_0123abcd").mkdir(parents=True)
    done = labctl()
    assert done.code == 0
    assert "unreadable" in done.out


def test_help_fits_its_lines(labctl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for page in (["--help"], ["bench", "-h"], ["twin", "--help"]):
        out = labctl(*page).out
        assert "..." not in out.partition("Commands:")[2]
        for line in out.partition("Commands:")[2].splitlines():
            assert not line or re.match(r"  [a-z]+ +\S", line), line
    monkeypatch.setenv("COLUMNS", "50")
    narrow = labctl("--help").out
    assert "..." not in narrow.partition("Commands:")[2]
    assert max(map(len, narrow.splitlines())) <= 50


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
