"""A dry run tells what a run would take, sends nothing, and leaves nothing."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sinh
from pathlib import Path
from typing import Any

import pytest

from drivers.hardware import HardwareBackend
from labctl import guardian_process
from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.board_data import Cell, Pulse
from labctl.cli import main
from labctl.dry_run import dry_run
from labctl.dry_run_report import dry_run_json, dry_run_lines, duration_words
from labctl.engine import Watcher, run
from labctl.errors import DeniedError, EnvelopeError, InputError, InterruptedRunError
from labctl.instruments import ProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import STEP_END, Outcome, Parameters, Protocol, StepEnd
from labctl.protocol_bench import ProtocolBench
from labctl.units import Siemens

BENCH = DEFAULT_BENCH.read_text(encoding="utf-8")
CELL = Cell(1, 2)
V0 = 0.343826
"""Conduction voltage of the film, in V (published compact model of the Ru-azo film, 2026)."""
BENCH_TIME = 0.2
"""By how much a dry run's bench time may differ from the run's."""


@dataclass(frozen=True, slots=True)
class Item:
    conductance: Siemens


@dataclass(frozen=True, slots=True)
class Count:
    items: int


Body = Callable[[ProtocolBench], Iterator[Item | StepEnd]]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give temporary folders a place of their own; after the test nothing is left in it."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


@pytest.fixture
def no_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail as soon as a backend of real instruments or a guardian is wanted."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a dry run reached for the bench")

    for name in ("for_bench", "lock_names", "open_visa", "open_serial"):
        monkeypatch.setattr(HardwareBackend, name, refuse)
    monkeypatch.setattr(guardian_process, "GuardianProcess", refuse)


@pytest.fixture
def request_for(offer: Callable[[Protocol[Any, Any]], None], tmp_path: Path) -> Callable[..., RunRequest]:
    """Return a request for a protocol with a body that a test makes up."""

    def call(body: Body, passed: bool = True, **more: Any) -> RunRequest:
        offer(
            Protocol(
                name="made-up",
                title="for a test",
                parameters=Parameters,
                record=Item,
                needs=(ProbeBoard,),
                check=lambda die, envelope, parameters: None,
                steps=lambda parameters: 1,
                run=lambda bench, parameters, start: body(bench),
                summarise=lambda records, parameters: Outcome(passed, Count(len(records))),
                caption=lambda record: "",
            )
        )
        return RunRequest("made-up", data=tmp_path / "runs", **more)

    return call


def a_bench(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = BENCH
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "bench.toml"
    path.write_text(text, encoding="utf-8")
    return path


def pulses(amplitude: float = 0.9, count: int = 1, width: float = 80e-9) -> Body:
    def body(bench: ProtocolBench) -> Iterator[Item | StepEnd]:
        bench.board.pulse([Pulse(CELL, amplitude, width, count)])
        yield Item(0.0)
        yield STEP_END

    return body


def test_bench_time_is_the_runs(temporary: Path, tmp_path: Path) -> None:
    request = RunRequest("write-verify", {"levels": "64"}, data=tmp_path / "runs", options=BackendOptions(seed=1))
    real = run(request, Watcher())
    found = dry_run(request, Watcher())
    assert found.result.bench_time == pytest.approx(real.bench_time, rel=BENCH_TIME)
    assert found.result.bench_time != real.bench_time, "the seed is another one"
    assert found.result.passed == real.passed
    assert found.pulses == pytest.approx(real.summary.pulses, rel=0.3)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [real.folder.name]


@pytest.mark.usefixtures("no_hardware")
def test_a_hardware_bench_is_neither_opened_nor_locked(temporary: Path, tmp_path: Path) -> None:
    bench = a_bench(
        tmp_path,
        ('expect = "2450"', 'expect = "serial number of the real one"'),
        (BENCH[BENCH.index("[twin]") :], ""),
    )
    data = tmp_path / "runs"
    found = dry_run(RunRequest("write-verify", {"levels": "8"}, bench=bench, data=data), Watcher())
    assert found.result.backend == "hardware"
    assert found.result.passed
    assert found.pulses > 0
    assert not data.exists()


def test_the_command_prints_one_json_object(
    temporary: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["run", "write-verify", "--set", "levels=4", "--dry-run", "--json"])
    found = json.loads(capfd.readouterr().out)
    assert ended.value.code == 0
    assert (found["run"], found["dry_run"], found["protocol"]) == (None, True, "write-verify")
    assert found["bench_time"] > 0
    assert found["energy"] > 0
    assert found["limits"]["voltage"] == {"allowed": 1.3, "asked": 0.9}
    assert found["limits"]["read_voltage"] == {"allowed": 0.25, "asked": 0.2}
    assert 0 < found["limits"]["cell_current"]["asked"] <= 15e-3
    assert found["limits"]["pulses_per_cell"]["asked"] == found["pulses_per_cell"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["temporary"]


@pytest.mark.parametrize("option", ["--live", "--audit", "--faults=plan.toml", "--resume=newest"])
def test_what_makes_no_sense_beside_it_is_refused(
    option: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.toml").write_text("", encoding="utf-8")
    protocol = [] if option.startswith("--resume") else ["write-verify"]
    with pytest.raises(SystemExit) as ended:
        main(["run", *protocol, "--dry-run", option])
    told = capfd.readouterr()
    assert ended.value.code == 2
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert option.partition("=")[0] in told.err


def test_a_die_file_is_neither_read_nor_made(temporary: Path, tmp_path: Path) -> None:
    there, new = tmp_path / "there.npz", tmp_path / "new.npz"
    there.write_bytes(b"no die at all")
    for die in (there, new):
        request = RunRequest("write-verify", {"levels": "4"}, data=tmp_path / "runs", options=BackendOptions(die=die))
        assert dry_run(request, Watcher()).result.passed
    assert there.read_bytes() == b"no die at all"
    assert not new.exists()


def test_what_the_envelope_forbids_is_refused_as_in_a_run(
    temporary: Path, request_for: Callable[..., RunRequest], tmp_path: Path
) -> None:
    request = request_for(pulses(amplitude=1.4))
    with pytest.raises(DeniedError) as denied:
        run(request, Watcher())
    with pytest.raises(EnvelopeError) as refused:
        dry_run(request, Watcher())
    assert str(refused.value) == str(denied.value)
    assert (refused.value.exit_code, refused.value.run) == (2, None)


def test_the_largest_of_what_is_asked_stands_beside_each_limit(
    temporary: Path, request_for: Callable[..., RunRequest]
) -> None:
    def body(bench: ProtocolBench) -> Iterator[Item | StepEnd]:
        bench.board.pulse([Pulse(CELL, 0.6, 100e-9, 3), Pulse(CELL, -0.7, 80e-9, 2), Pulse(Cell(0, 0), 0.5, 90e-9, 4)])
        yield Item(0.0)
        yield STEP_END

    limits = dry_run(request_for(body), Watcher()).limits
    assert limits["voltage"].asked == pytest.approx(0.7)
    assert limits["pulse_width"].asked == pytest.approx(100e-9)
    assert limits["read_voltage"].asked is None
    assert limits["pulses_per_cell"].asked == 5


def test_ranges_are_not_taken_for_levels(temporary: Path, request_for: Callable[..., RunRequest]) -> None:
    def body(bench: ProtocolBench) -> Iterator[Item | StepEnd]:
        with bench.routed(CELL) as smu:
            smu.source(0.1)
            yield Item(smu.measure().current)
        yield STEP_END

    found = dry_run(request_for(body), Watcher())
    assert found.limits["voltage"].asked == 0.1
    assert (found.pulses, found.pulses_per_cell) == (0, 0)
    assert found.limits["pulses_per_cell"].asked is None


@pytest.mark.usefixtures("no_hardware")
def test_pulses_beyond_what_is_left_of_a_cells_life_are_refused(
    temporary: Path, request_for: Callable[..., RunRequest], tmp_path: Path
) -> None:
    bench = a_bench(tmp_path, ("pulses_per_cell = 1e9", "pulses_per_cell = 100"))
    die = tmp_path / "die.npz"
    options: dict[str, Any] = {"bench": bench, "backend": "twin", "options": BackendOptions(die=die)}
    run(request_for(pulses(count=70), **options), Watcher())
    before = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    found = dry_run(request_for(pulses(count=30), **options), Watcher())
    assert (found.pulses_per_cell, found.limits["pulses_per_cell"].asked) == (30, 100)
    with pytest.raises(EnvelopeError, match="40 pulses on row 1, column 2, which has 30 left") as refused:
        dry_run(request_for(pulses(count=40), **options), Watcher())
    assert refused.value.run is None
    with pytest.raises(DeniedError, match="exceed its life"):
        run(request_for(pulses(count=40), **options), Watcher())
    after = {path: path.read_bytes() for path in before if path.parent != tmp_path / "runs"}
    assert after == {path: before[path] for path in after}


def test_looking_at_a_history_does_not_change_it(
    temporary: Path, request_for: Callable[..., RunRequest], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"options": BackendOptions(die=tmp_path / "die.npz")}
    run(request_for(pulses(count=7), **options), Watcher())
    before = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    assert dry_run(request_for(pulses(count=5), **options), Watcher()).limits["pulses_per_cell"].asked == 12
    assert {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()} == before


def test_ctrl_c_ends_it_and_leaves_nothing(temporary: Path, request_for: Callable[..., RunRequest]) -> None:
    def body(bench: ProtocolBench) -> Iterator[Item | StepEnd]:
        yield Item(0.0)
        signal.raise_signal(signal.SIGINT)
        yield STEP_END
        pytest.fail("the step was the last one")

    with pytest.raises(InterruptedRunError, match="nothing was sent") as stopped:
        dry_run(request_for(body), Watcher())
    assert (stopped.value.exit_code, stopped.value.run) == (130, None)


def test_a_bug_leaves_nothing(temporary: Path, request_for: Callable[..., RunRequest]) -> None:
    def body(bench: ProtocolBench) -> Iterator[Item | StepEnd]:
        yield Item(1 / bench.die.rows - bench.die.rows)
        raise ZeroDivisionError

    with pytest.raises(Exception, match="ZeroDivisionError") as bug:
        dry_run(request_for(body), Watcher())
    assert getattr(bug.value, "run", "none") is None


def test_an_estimate_that_does_not_pass_says_so(
    temporary: Path, request_for: Callable[..., RunRequest], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    request = request_for(pulses(), passed=False)
    found = dry_run(request, Watcher())
    assert "would not pass" in dry_run_lines(found)[0]
    assert dry_run_json(found)["passed"] is False
    with pytest.raises(SystemExit) as ended:
        main(["run", "made-up", "--dry-run", "--data", str(tmp_path / "runs")])
    assert ended.value.code == 1
    assert "pulses on one cell" in capfd.readouterr().out


def test_data_that_no_run_could_be_kept_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="CON"):
        dry_run(RunRequest("write-verify", data=tmp_path / "CON"), Watcher())


def test_energy_of_pulses_is_voltage_times_current_times_width(
    temporary: Path, request_for: Callable[..., RunRequest]
) -> None:
    """One cell, 40 pulses of 0.9 V and 80 ns, by the published law I = G Vref sinh(V / V0) / sinh(Vref / V0)."""
    options: dict[str, Any] = {"twin": {"front_end": "ideal", "pulses": "isolated"}}
    conductances: list[float] = []

    def read_around(bench: ProtocolBench) -> Iterator[Item | StepEnd]:
        for _ in range(2):
            conductances.append(float(bench.board.read([CELL], 0.2, 64).current[0]) / 0.2)
            bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 40)])
        yield Item(0.0)
        yield STEP_END

    dry_run(request_for(read_around, **options), Watcher())
    found = dry_run(request_for(pulses(0.9, 40, 80e-9), **options), Watcher())
    current = sum(conductances) / 2 * 0.2 * sinh(0.9 / V0) / sinh(0.2 / V0)
    # The erased film bends a little more than its published mean V0, and its read noise is one of some per mille.
    assert found.result.energy == pytest.approx(0.9 * current * 40 * 80e-9, rel=0.05)


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (80e-9, "80 ns"), (4.273, "4.27 s"), (59.4, "59.4 s"), (59.9, "1 min"), (61, "1 min 1 s"),
        (3600, "1 h"), (7325, "2 h 2 min"), (90_000, "1 d 1 h"), (86_399.9, "1 d"),
    ],
)  # fmt: skip
def test_durations_are_for_people(duration: float, words: str) -> None:
    assert duration_words(duration) == words
