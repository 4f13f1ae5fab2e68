"""`pulse-train` on the twin, through every layer, held against the truth."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import LinkError, ParameterError
from labctl.ledgered import LedgeredProbeBoard
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from protocols.measured_curves import measured_curve, residuals
from protocols.pulse_train import PROTOCOL, PulseTrainParameters
from protocols.staircase import Flight, Stair, Train, flights
from protocols.staircase_summary import read_drift, read_noise, summarise
from sim_backend.audit_report import summary_in_truth


def records_of(result: RunResult) -> list[Stair]:
    with closing(RunReader(result.folder)) as reader:
        return reader.typed("record", Stair)


def carry_out(data: Path, seed: int = 1, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=seed, audit=True)
    return run(RunRequest("pulse-train", settings=settings, twin=twin or {}, options=options, data=data), Watcher())


def truth_of(result: RunResult) -> Any:
    with closing(RunReader(result.folder)) as reader:
        return summary_in_truth(reader, result.folder / "audit.sqlite")


@pytest.mark.parametrize("seed", [1, 2])
def test_the_default_cell_meets_its_published_figures(tmp_path: Path, seed: int) -> None:
    result = carry_out(tmp_path, seed, quick="yes", judge="linear")
    assert result.passed
    for summary in (result.summary, truth_of(result)):
        assert summary.levels == 16_520
        assert summary.monotonic == 1.0
        assert summary.slope_up == pytest.approx(361e-9, rel=0.02)
        assert summary.slope_down == pytest.approx(-360e-9, rel=0.02)
        assert summary.symmetry == pytest.approx(1, abs=0.01)
        assert max(abs(summary.nu_up), abs(summary.nu_down), summary.inl) <= 0.1
        assert summary.inl <= 0.011
    assert result.summary.erased


def test_every_pulse_read_tells_read_noise_from_write_noise(tmp_path: Path) -> None:
    result = carry_out(tmp_path, up="1000", down="1000")
    summary, truth = result.summary, truth_of(result)
    assert summary.levels == 1001
    assert summary.write_sigma == pytest.approx(truth.write_sigma, rel=0.1)
    # Published: 0.0509 of a step at the low end, 0.0758 more at the top.
    assert truth.write_sigma == pytest.approx((0.0509 + 0.0758 * 0.03) * summary.slope_up, rel=0.1)
    assert summary.read_sigma == pytest.approx(0.03 * 357e-9, rel=0.35)
    assert abs(summary.read_drift) < 4 * summary.read_drift_sigma


def test_a_cell_that_is_not_erased_is_brought_to_its_low_end(tmp_path: Path) -> None:
    die = tmp_path / "die.npz"
    settings: dict[str, Any] = {"quick": "yes", "up": "9000", "down": "600"}
    options = BackendOptions(seed=1, die=die)
    run(RunRequest("pulse-train", settings=settings, options=options, data=tmp_path), Watcher())
    again = run(RunRequest("pulse-train", settings=settings, options=options, data=tmp_path), Watcher())
    assert again.summary.erased
    assert again.summary.erase_pulses > 9000
    assert again.summary.lowest < 1e-6


def test_it_lies_on_the_measured_curve(tmp_path: Path) -> None:
    summary = carry_out(tmp_path, quick="yes", compare="curve-a").summary
    assert summary.residual_rms <= 60e-6
    assert summary.pulses == 33_040


def test_cycles_scatter(tmp_path: Path) -> None:
    summary = carry_out(tmp_path, quick="yes", cycles="2", up="4000").summary
    assert summary.cycles == 2
    assert 0 < summary.cycle_sigma < 100 * 357e-9
    assert summary.slope_up_spread < 0.02


@pytest.mark.parametrize("device", ["vteam-tio2", "vteam-taox"])
def test_other_cells_are_measured_and_not_called_linear(tmp_path: Path, device: str) -> None:
    assert carry_out(tmp_path, twin={"device": device}, quick="yes").passed
    assert not carry_out(tmp_path, twin={"device": device}, quick="yes", judge="linear").passed


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"compare": "curve-b"}, "cell_current"),
        ({"compare": "curve-a", "up": "9000"}, "curve-a has 16520 pulses"),
        ({"read_every": "100000", "potentiation_width": "100 us"}, "read more often"),
        ({"row": "64"}, "rows 0..63"),
        ({"read_voltage": "0.1 V"}, "levels are defined"),
        ({"up": "some"}, "not a count"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ParameterError, match=words):
        carry_out(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("at", "sent"), [(4, False), (4, True), (13, True)])
def test_a_run_that_broke_off_goes_on_behind_what_was_put_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, sent: bool
) -> None:
    settings: dict[str, Any] = {"up": "800", "down": "800", "read_every": "10"}
    whole = records_of(carry_out(tmp_path / "whole", twin={"front_end": "ideal"}, **settings))
    pulse_read, requests = LedgeredProbeBoard.pulse_read, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal requests
        requests += 1
        if requests == at and not sent:
            raise LinkError("the link of the test is gone")
        found = pulse_read(board, *arguments)
        if requests == at:
            raise LinkError("the link of the test is gone")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "pulse_read", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", twin={"front_end": "ideal"}, **settings)
    resumed = records_of(resume(next((tmp_path / "broken").glob("*_pulse-train_*")), Watcher()))
    if not sent:
        assert [replace(one, boot=0, delivered=0) for one in resumed] == [
            replace(one, boot=0, delivered=0) for one in whole
        ]
    ends = [[one for one in records if one.branch == "down"][-1] for records in (whole, resumed)]
    assert ends[0].pulse == ends[1].pulse == 800
    # Pulses that the board put out unseen are counted by how far the cell went: to a few of a hundred.
    assert abs(ends[1].conductance - ends[0].conductance) < (5 if sent else 1e-9) * 357e-9


def test_flights_join_and_end_with_the_branch() -> None:
    trains = (Train("up", 0.9, 80e-9, 1001, 7), Train("down", -0.75, 65e-9, 3, 7))
    found = flights(trains, 2, 16)
    for cycle in (0, 1):
        for train in trains:
            parts = [part for part in found if part.cycle == cycle and part.train is train]
            assert parts[0].first == 0
            assert parts[-1].last == train.pulses
            assert all(one.last == other.first for one, other in pairwise(parts))
            reads = [read for part in parts for read in part.reads(part.first)]
            assert reads == [*range(7, train.pulses, 7), train.pulses]
    assert Flight(0, trains[0], 700, 770).reads(715) == [721, 728, 735, 742, 749, 756, 763, 770]
    assert Flight(0, trains[0], 700, 770).reads(770) == []


def stair(branch: str, pulse: int, conductance: float) -> Stair:
    return Stair(0, 0, 0, branch, pulse, conductance, 1, 0)


def test_repeated_reads_show_noise_and_drift_apart() -> None:
    draw = np.random.default_rng(3)
    records = [
        stair("repeat up", place, 1e-3 + place * 1e-6 + read * 5e-9 + 2e-8 * draw.normal())
        for place in range(200)
        for read in range(8)
    ]
    drift = read_drift(records)
    assert drift is not None
    assert drift[0] == pytest.approx(5e-9, abs=4 * drift[1])
    assert drift[1] < 1e-9
    assert np.sqrt(np.mean(np.square(read_noise(records)[1]))) == pytest.approx(2e-8, rel=0.05)


def test_steps_that_go_backward_for_sure_fail_a_run() -> None:
    up = [stair("up", pulse, 1e-3 + 1e-6 * (pulse - 40 * (pulse > 50))) for pulse in range(60)]
    down = [stair("down", pulse, 1e-3 - 1e-6 * (pulse - 60)) for pulse in range(60)]
    outcome = summarise([stair("erased", 9, 0.0), *up, *down], 3.0, None, linear=False)
    assert outcome.summary.levels == 59
    assert outcome.summary.backward == pytest.approx(1 / 118)
    assert outcome.passed
    more = [stair("up", pulse, 1e-3 + 1e-6 * pulse * (-1) ** pulse) for pulse in range(60)]
    assert not summarise([stair("erased", 9, 0.0), *more, *down], 3.0, None, linear=False).passed
    assert not summarise([stair("not erased", 9, 0.0), *up, *down], 3.0, None, linear=False).passed
    assert summarise(up, 3.0, None, linear=False).summary is None


def test_a_measured_curve_lies_on_itself() -> None:
    for name, turn, top in (("curve-a", 16_520, 5.858e-3), ("curve-b", 26_000, 7.131e-3)):
        curve = measured_curve(name)
        assert curve.turn == turn
        assert curve.conductance.max() == pytest.approx(top)
        up = curve.pulses <= turn
        found = residuals(
            curve, curve.pulses[up], curve.conductance[up], curve.pulses[~up] - turn, curve.conductance[~up] + 1e-5
        )
        assert found is not None
        assert found.worst == pytest.approx(1e-5)


def test_the_figure_shows_a_whole_run_and_a_broken_one(tmp_path: Path) -> None:
    parameters = PulseTrainParameters.model_validate({"compare": "curve-a"})
    assert PROTOCOL.figure is not None
    records = records_of(carry_out(tmp_path, quick="yes"))
    whole = PROTOCOL.figure(records, parameters)
    assert len(whole.panels) == 5
    assert [mark.label for mark in whole.panels[0].marks if hasattr(mark, "label")][-1] == "measured, Ru-azo film"
    assert len(PROTOCOL.figure(records[:1], parameters).panels) == 1
    assert len(PROTOCOL.figure(records[:20], parameters).panels) == 4
