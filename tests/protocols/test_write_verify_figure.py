"""The figure of `write-verify`, of a run on the twin and of runs that went badly."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl import plugins
from labctl.cli import main
from labctl.figure import Band, Bars, Curve
from protocols.write_verify import PROTOCOL, LevelWritten, WriteVerifyParameters
from protocols.write_verify_figure import figure

PARAMETERS = WriteVerifyParameters()


def record(level: int, error: float, written: bool = True, bursts: int = 1) -> LevelWritten:
    values: dict[str, Any] = {field.name: 0 for field in dataclasses.fields(LevelWritten)}
    values |= {"level": level, "error": error, "written": written, "bursts": bursts}
    values |= {"target": level * 1e-6, "estimate": (level + error) * 1e-6}
    return LevelWritten(**values)


def test_it_shows_errors_cost_and_conductance() -> None:
    found = figure([record(1, 0.1), record(2, -0.2, bursts=3), record(3, 0.0)], PARAMETERS)
    histogram, where, cost, conductance = found.panels
    band, bars = histogram.marks
    assert isinstance(band, Band)
    assert band.x.tolist() == [-PARAMETERS.tolerance, PARAMETERS.tolerance]
    assert isinstance(bars, Bars)
    assert bars.counts.sum() == 3
    assert [mark.label for mark in where.marks] == ["tolerance", "written"]
    bursts = cost.marks[0]
    assert isinstance(bursts, Bars)
    assert dict(zip(bursts.edges[:-1] + 0.5, bursts.counts, strict=True)) == {1: 2, 2: 0, 3: 1}
    written, target = conductance.marks
    assert isinstance(written, Curve)
    assert np.allclose(written.y, [1.1e-6, 1.8e-6, 3e-6])
    assert isinstance(target, Curve)
    assert target.x.tolist() == target.y.tolist() == pytest.approx([1e-6, 3e-6])


def test_levels_that_were_given_up_stand_apart_and_are_counted() -> None:
    found = figure([record(1, 0.1), record(2, 400.0, written=False)], PARAMETERS)
    histogram, where, _, _ = found.panels
    assert histogram.marks[1].label == "levels; 1 further out"
    assert [mark.label for mark in where.marks] == ["tolerance", "written", "given up"]


def test_one_level_and_only_failures_have_a_figure() -> None:
    assert len(figure([record(7, 0.0)], PARAMETERS).panels) == 4
    assert len(figure([record(7, 900.0, written=False)], PARAMETERS).panels) == 4


def test_it_stands_in_the_report_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    load = plugins.load

    def with_figure(group: str, name: str) -> Any:
        return dataclasses.replace(PROTOCOL, figure=figure) if name == PROTOCOL.name else load(group, name)

    def ask(*arguments: str) -> Any:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--json"])
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plugins, "load", with_figure)
    run = ask("run", "write-verify", "--set", "levels=6")
    made = ask("report")
    page = Path(made["page"]).read_text(encoding="utf-8")
    assert made["page"].startswith(run["run"])
    assert "write-verify: 6 levels of cell (0, 0)" in page
    assert "TWIN-board" in page
    assert Path(made["figures"][0]).stat().st_size > 20_000
