"""Runs to report on: a small protocol that a test offers, and run folders written as the engine writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import Field

from labctl.bench_file import load_bench
from labctl.figure import Axis, Band, Figure, Panel, curve
from labctl.instruments import Identity, ProbeBoard
from labctl.protocol import Criterion, Outcome, Parameters, Protocol, judge, read_parameters
from labctl.provenance import Asked, manifest
from labctl.report.palette import DARK, LIGHT, Palette
from labctl.run_cost import Cost
from labctl.run_end import end_detail
from labctl.store import RunWriter, make_run_folder, write_manifest
from labctl.units import Count, Fraction, Seconds, Siemens, Volts

BEGAN = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
PNG = {palette: b"\x89PNG\r\n\x1a\n" + name for palette, name in ((LIGHT, b"light"), (DARK, b"dark"))}
"""What stands for a drawn figure."""
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e&"


class SlopeParameters(Parameters):
    height: Annotated[Volts, Field(gt=0)] = 0.9
    """How high <b>it</b> goes."""
    points: Count = 5
    """How many there are."""


@dataclass(frozen=True, slots=True)
class Point:
    time: Seconds
    conductance: Siemens


@dataclass(frozen=True, slots=True)
class SlopeSummary:
    top: Siemens
    share: Fraction
    points: int


def _summarise(records: Sequence[Point], parameters: SlopeParameters) -> Outcome:
    if not records:
        return Outcome(passed=False, summary=None)
    top = max(record.conductance for record in records)
    share = len(records) / parameters.points
    return judge(
        SlopeSummary(top, share, len(records)), Criterion("top", at_least=2e-3), Criterion("share", at_most=0.5)
    )


def _figure(records: Sequence[Point], parameters: SlopeParameters) -> Figure:
    x, y = [record.time for record in records], np.array([record.conductance for record in records])
    panel = Panel(
        "How it rises",
        Axis("time", "s"),
        Axis("conductance", "S"),
        (Band(np.asarray(x), y * 0.9, y * 1.1, "allowed"), curve(x, y, "read", "line and points")),
    )
    return Figure(f"slope of {len(records)} points", (panel,))


def _never(*arguments: Any) -> Any:
    raise AssertionError(f"a report does not run a protocol: {arguments}")


SLOPE = Protocol(
    name="slope",
    title="a line that rises",
    parameters=SlopeParameters,
    record=Point,
    needs=(ProbeBoard,),
    check=_never,
    steps=lambda parameters: parameters.points,
    run=_never,
    summarise=_summarise,
    caption=_never,
    figure=_figure,
)


@pytest.fixture
def slope(offer: Any) -> Protocol[Any, Any]:
    """The protocol, offered as a package would."""
    offer(SLOPE)
    return SLOPE


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write a run folder: `make_run("finished", 5)` has five records and came to its end."""
    made: list[Path] = []

    def make(
        end: str = "finished",
        records: int = 5,
        settings: dict[str, str] | None = None,
        note: str = "",
        protocol: str = "slope",
        model: str = "2450",
        log: Sequence[str] = (),
        seed: int = 0,
    ) -> Path:
        given = settings or {}
        parameters = read_parameters(SlopeParameters, given)
        asked = Asked(
            protocol=protocol, settings=given, backend="twin", bench_name="default.toml", bench_text="", twin={},
            seed=seed, die=None, audit=False, note=note, operator="Ada",
        )  # fmt: skip
        name = f"20260801T120000Z_{protocol}_{len(made):08x}"
        folder = make_run_folder(tmp_path / "runs", name)
        identities = {"smu": Identity("KEITHLEY", model, "0123", "1.7")}
        write_manifest(
            folder,
            manifest(name, BEGAN, asked, parameters, parameters.points, "a test 1.0", load_bench(), identities, {}),
        )
        _write(folder, end, [Point(k * 1e-6, k * 1e-3) for k in range(records)], parameters, log)
        made.append(folder)
        return folder

    return make


def _write(folder: Path, end: str, points: list[Point], parameters: SlopeParameters, log: Sequence[str]) -> None:
    spent = [Cost()]
    with closing(RunWriter(folder, {"record": Point}, power_safe=False, spent=lambda: spent[0])) as writer:
        writer.set_state(BEGAN, "running")
        for number, point in enumerate(points):
            writer.add(point)
            spent[0] = Cost(number + 1.0, 0.25)
            writer.end_step(number + 1.0)
        for message in log:
            writer.log(BEGAN, message)
        if end in ("running", "died"):
            return
        outcome = _summarise(points, parameters)
        error = None if end == "finished" else RuntimeError(f"it broke {HOSTILE}")
        writer.set_state(BEGAN + timedelta(seconds=90), end, end_detail(None if end == "failed" else outcome, error))


@pytest.fixture
def pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw at once, where it is not the drawing that is tested."""
    if "drawn" in request.fixturenames:
        return

    def render(figure: Figure, palette: Palette, kinds: Sequence[str], *rest: object) -> dict[str, bytes]:
        return {kind: PNG[palette] if kind == "png" else b"%PDF" for kind in kinds}

    monkeypatch.setattr("labctl.report.drawing.render", render)


@pytest.fixture
def drawn() -> None:
    """Let matplotlib draw."""
