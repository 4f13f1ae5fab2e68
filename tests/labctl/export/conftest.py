"""Runs to export: a protocol with a field of each kind, which a test offers, and run folders of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from typing import Any

import pytest

from labctl.bench_file import load_bench
from labctl.cli import main
from labctl.figure import Axis, Figure, Panel, curve
from labctl.instruments import Identity, ProbeBoard
from labctl.protocol import Criterion, Outcome, Parameters, Protocol, judge, read_parameters
from labctl.provenance import Asked, manifest
from labctl.run_cost import Cost
from labctl.run_end import end_detail
from labctl.store import RunWriter, make_run_folder, write_manifest
from labctl.units import Amperes, Count, Decibels, Levels, Ohms, Seconds, Siemens, Volts

BEGAN = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e&$x$"


class RampParameters(Parameters):
    height: Volts = 0.9
    """How high it goes."""
    points: Count = 5


@dataclass(frozen=True, slots=True)
class Ramp:
    """One point of a ramp; `note` and `met` are of the operator.

    Args:
        row: of the cell.
        column: of the cell.
        time: on the bench; counted from
            the first pulse.
    """

    row: int
    column: int
    conductance: Siemens
    """Mean of the reads. They last 1 us each."""
    error: Levels
    ratio: Decibels
    load: Ohms
    share: float
    met: bool
    note: str
    given: tuple[Volts, ...]
    current: tuple[Amperes, ...]
    found: tuple[Amperes, ...]
    time: Seconds
    calibration: str


@dataclass(frozen=True, slots=True)
class RampSummary:
    top: Siemens
    points: int


def ramp_records(count: int) -> list[Ramp]:
    """Return records with every trouble that a file format may have."""
    notes = ["plain", '=1+1,"x"', "", "Ωµ\r\nb", HOSTILE]
    return [
        Ramp(
            1, k % 4, k * 1e-3, nan if k % 2 else -0.25, 70.5, 1e3, 0.1 + 0.2, k % 3 == 0, notes[k % 5],
            (0.1, 0.2), tuple(1e-6 * n for n in range(k % 4)), (float("inf"), -1e-9, 5e-324), k * 1e-6,
            "c1" if k < 3 else "c2",
        )
        for k in range(count)
    ]  # fmt: skip


def _summarise(records: Sequence[Ramp], parameters: RampParameters) -> Outcome:
    if not records:
        return Outcome(passed=False, summary=None)
    return judge(RampSummary(records[-1].conductance, len(records)), Criterion("top", at_least=1e-3))


def _figure(records: Sequence[Ramp], parameters: RampParameters) -> Figure:
    x, y = [record.time for record in records], [record.conductance for record in records]
    return Figure("ramp", (Panel("up", Axis("time", "s"), Axis("conductance", "S"), (curve(x, y),)),))


def _never(*arguments: Any) -> Any:
    raise AssertionError(f"to look at a run does not run a protocol: {arguments}")


RAMP = Protocol(
    name="ramp", title="a line that rises", parameters=RampParameters, record=Ramp, needs=(ProbeBoard,), check=_never,
    steps=lambda parameters: parameters.points, run=_never, summarise=_summarise, caption=_never, figure=_figure,
)  # fmt: skip


@pytest.fixture
def ramp(offer: Any) -> Protocol[Any, Any]:
    """The protocol, offered as a package would."""
    offer(RAMP)
    return RAMP


@pytest.fixture
def written() -> Callable[[int], list[Ramp]]:
    """The records that `make_run` writes."""
    return ramp_records


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run folder: `make_run("finished", 5)` has five records and came to its end."""
    made: list[Path] = []

    def make(
        end: str = "finished",
        records: int = 5,
        note: str = "",
        own: Sequence[Any] | None = None,
        kind: type[Any] = Ramp,
    ) -> Path:
        settings = {"height": "1.1 V"}
        parameters = read_parameters(RampParameters, settings)
        asked = Asked(
            protocol="ramp", settings=settings, backend="twin", bench_name="default.toml", bench_text="", twin={},
            seed=7, die=None, audit=False, note=note, operator="Ada",
        )  # fmt: skip
        name = f"20260801T120000Z_ramp_{len(made):08x}"
        folder = make_run_folder(tmp_path / "runs", name)
        identities = {"smu": Identity("KEITHLEY", "2450", "0123", "1.7")}
        bench = load_bench()
        write_manifest(
            folder, manifest(name, BEGAN, asked, parameters, 5, "a test 1.0", bench, identities, {"cores": [1, 2]})
        )
        _write(folder, end, ramp_records(records) if own is None else own, kind, parameters)
        made.append(folder)
        return folder

    return make


def _write(folder: Path, end: str, records: Sequence[Any], kind: type[Any], parameters: RampParameters) -> None:
    cost = Cost(2.5, 0.25)
    with closing(RunWriter(folder, {"record": kind}, power_safe=False, spent=lambda: cost)) as writer:
        writer.set_state(BEGAN, "running")
        for number, record in enumerate(records, 1):
            writer.add(record)
            if number % 2 == 0:
                writer.end_step(number * 0.5)
        writer.end_step(len(records) * 0.5)
        if end == "finished":
            outcome = _summarise(records, parameters) if kind is Ramp else None
            writer.set_state(BEGAN, "finished", end_detail(outcome, None))


@dataclass
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def labctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return call
