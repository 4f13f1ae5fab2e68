"""`endurance` on the twin: windows that close as the die's profile says, and those that do not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EnvelopeError, InputError, LinkError, ParameterError
from labctl.ledgered import LedgeredProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.endurance import MEASURED, PROTOCOL, STEP_CYCLES, EnduranceParameters, WindowMeasured

DEVICES = ["ru-azo", "ru-azo-soft", "vteam-tio2", "vteam-taox"]
WHOLE = 2 * 16519
"""Levels of a full cycle, in which the profile counts its endurance."""


def carry_out(data: Path, seed: int = 1, device: str = "ru-azo", **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    return run(RunRequest("endurance", settings, twin={"device": device}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[WindowMeasured]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", WindowMeasured)


def wearing(folder: Path, endurance: float, exponent: float) -> str:
    """Return a profile of a die whose window closes by that power from so many full cycles on."""
    path = folder / "wearing.toml"
    text = f'base = "ru-azo"\n[noise]\nendurance = {endurance}\nwear_exponent = {exponent}\n'
    path.write_text(text, encoding="utf-8")
    return str(path)


def left(cycles: float, levels: float, endurance: float, exponent: float) -> float:
    """Return the share of the window that is left by the profile."""
    return max(cycles * 2 * levels / (WHOLE * endurance), 1.0) ** -exponent


@pytest.mark.parametrize("device", DEVICES)
def test_a_die_that_does_not_wear_passes_with_a_bound(tmp_path: Path, device: str) -> None:
    result = carry_out(tmp_path, 2, device, quick="yes")
    assert result.passed
    summary = result.summary
    assert not summary.wears
    assert summary.window == pytest.approx(1.0, abs=0.02)
    assert summary.end is None
    assert summary.end_at_least > 1000
    assert summary.cycles == 60
    assert result.wall_time < 20


def test_the_wear_of_the_profile_is_found(tmp_path: Path) -> None:
    device = wearing(tmp_path, 3, 0.1)
    result = carry_out(tmp_path, 1, device, cycles="400", level="12000", points="12")
    records = records_of(result.folder)
    assert not result.passed
    assert result.summary.wears
    first, last = records[0], records[-1]
    expected = left(last.cycles, 12000, 3, 0.1) / left(MEASURED / 2, 12000, 3, 0.1)
    assert result.summary.window == pytest.approx(expected, rel=0.01)
    assert last.window / first.window == result.summary.window
    # Beyond the knee each ten times as many cycles leave 10^-0.1 of the window.
    beyond = [one for one in records if one.cycles > 30]
    slope = np.polyfit(np.log10([one.cycles for one in beyond]), np.log10([one.window for one in beyond]), 1)[0]
    assert slope == pytest.approx(-0.1, abs=0.006)


def test_it_ends_when_the_cell_is_worn_out(tmp_path: Path) -> None:
    result = carry_out(tmp_path, 1, wearing(tmp_path, 6, 0.5), cycles="2000", level="8000")
    summary = result.summary
    assert summary.worn
    assert summary.end == summary.cycles
    # Half of the window is left after four times the profile's endurance, here of cycles over less than half the range.
    worn = 4 * 6 * WHOLE / (2 * 8000)
    before = [one.cycles for one in records_of(result.folder) if not one.worn]
    assert max(before) < 1.1 * worn
    assert 0.9 * worn < summary.end < 1.5 * worn


def test_a_stuck_cell_ends_the_run_at_once(tmp_path: Path) -> None:
    path = tmp_path / "stuck.toml"
    path.write_text('base = "ru-azo"\n[noise]\nstuck_share = 1\n', encoding="utf-8")
    result = carry_out(tmp_path, 1, str(path), quick="yes")
    assert not result.passed
    assert result.summary.worn
    assert result.summary.cycles == MEASURED


def test_every_cycle_is_one_up_and_one_down(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, cycles="500", level="3000", points="6").folder)
    for one, other in pairwise(records):
        assert other.delivered - one.delivered == 2 * (other.cycles - one.cycles)
    assert records[-1].cycles == 500
    assert records[-1].on == pytest.approx(200e-9 + 3000 * 357.15e-9, rel=0.02)
    assert records[-1].off < 1e-6


@pytest.mark.parametrize("when", [2, 5])
def test_a_step_that_broke_off_is_counted_as_doubtful_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    settings = {"cycles": "800", "level": "2000", "points": "5"}
    pulse, lists = LedgeredProbeBoard.pulse, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal lists
        lists += 1
        found = pulse(board, *arguments)
        if lists == when:
            raise LinkError("the link of the test is gone")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "pulse", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path, 1, **settings)
    result = resume(next(tmp_path.glob("*_endurance_*")), Watcher())
    assert result.summary.cycles == 800
    assert 0 < result.summary.doubtful <= STEP_CYCLES + MEASURED
    assert result.passed


def test_it_goes_on_after_a_break_between_steps_as_if_there_had_been_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"cycles": "500", "level": "2000", "points": "5"}
    whole = records_of(carry_out(tmp_path / "whole", 1, **settings).folder)
    pulse, lists = LedgeredProbeBoard.pulse, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal lists
        lists += 1
        if lists == 4:
            raise LinkError("the link of the test is gone")
        return pulse(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "pulse", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", 1, **settings)
    result = resume(next((tmp_path / "broken").glob("*_endurance_*")), Watcher())
    same = [replace(one, time=0.0, boot=0, delivered=0) for one in records_of(result.folder)]
    assert same == [replace(one, time=0.0, boot=0, delivered=0) for one in whole]


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"cycles": "100000000"}, ParameterError, "time_limit"),
        ({"cycles": "600000000", "level": "100", "time_limit": "1e9 s"}, EnvelopeError, "exceed its life"),
        ({"read_voltage": "0.1 V"}, ParameterError, "levels are defined"),
        ({"column": "64"}, ParameterError, "no cell"),
        ({"level": "16520"}, ParameterError, "level"),
        ({"potentiation": "2 V"}, EnvelopeError, "voltage"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words):
        carry_out(tmp_path, 1, **settings)
    assert not [path for path in tmp_path.iterdir() if "endurance" in path.name]


def test_a_life_that_is_too_short_is_refused(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    text = DEFAULT_BENCH.read_text(encoding="utf-8").replace("pulses_per_cell = 1e9", "pulses_per_cell = 1e4")
    bench.write_text(text, encoding="utf-8")
    request = RunRequest("endurance", bench=bench, backend="twin", data=tmp_path / "runs")
    with pytest.raises(EnvelopeError, match="exceed its life"):
        run(request, Watcher())


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, quick="yes").folder)
    parameters = read_parameters(EnduranceParameters, {})
    assert PROTOCOL.figure is not None
    for count in range(1, len(records) + 1):
        assert len(PROTOCOL.figure(records[:count], parameters).panels) == 2
        PROTOCOL.summarise(records[:count], parameters)
    assert not PROTOCOL.summarise([], parameters).passed
