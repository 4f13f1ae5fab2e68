"""`retention` on the twin: hours in seconds, and what it finds against what the die's profile says."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
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
from protocols.board_age import BoardAge
from protocols.drift_under_reads import pooled_drift
from protocols.read_effect import SURVEY_READS, read_effect
from protocols.retention import PROTOCOL, RetentionParameters, RetentionRead


def carry_out(data: Path, seed: int = 1, device: str = "ru-azo", **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    return run(RunRequest("retention", settings, twin={"device": device}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[RetentionRead]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", RetentionRead)


def drifting(folder: Path, exponent: float) -> str:
    """Return a profile of a die that drifts by that exponent, from a second after a write on."""
    path = folder / "drifting.toml"
    path.write_text(f'base = "ru-azo"\n[noise]\ndrift_exponent = {exponent}\n', encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("exponent", [1e-3, 2e-5])
def test_the_drift_of_the_profile_is_found_within_its_uncertainty(tmp_path: Path, exponent: float) -> None:
    for seed in range(1, 4):
        result = carry_out(tmp_path, seed, drifting(tmp_path, exponent))
        found = result.summary
        assert found.drift_found
        assert not result.passed
        assert found.half_level_after is not None
        assert found.nu == pytest.approx(exponent, abs=3 * found.nu_sigma)
        assert found.nu_sigma < 2e-6


def test_a_large_drift_is_found_too_and_costs_the_level_when_it_says(tmp_path: Path) -> None:
    result = carry_out(tmp_path, 1, drifting(tmp_path, 0.05), levels="12000,")
    found, first = result.summary, records_of(result.folder)[0]
    assert found.nu == pytest.approx(0.05, rel=1e-3)
    # From the first read on, G falls by half a level.
    levels = first.conductance / first.level_step
    assert found.half_level_after / first.age - 1 == pytest.approx((1 - 0.5 / levels) ** (-1 / 0.05) - 1, rel=2e-3)
    assert found.lost == 1


@pytest.mark.parametrize(
    ("device", "bound"), [("ru-azo", 1e-5), ("ru-azo-soft", 1e-3), ("vteam-tio2", 5e-5), ("vteam-taox", 5e-5)]
)
def test_a_die_that_does_not_drift_is_not_blamed_and_gets_a_bound(tmp_path: Path, device: str, bound: float) -> None:
    result = carry_out(tmp_path, 1, device, quick="yes")
    assert result.passed
    assert not result.summary.drift_found
    assert 0 < result.summary.nu_at_most < bound
    assert result.summary.half_level_after is None
    assert result.bench_time == pytest.approx(3600, rel=0.01)
    assert result.wall_time < 20


def test_honest_dies_are_hardly_ever_blamed(tmp_path: Path) -> None:
    found = [carry_out(tmp_path, seed, quick="yes", column="7").summary for seed in range(1, 13)]
    assert sum(one.drift_found for one in found) <= 1
    assert sum(one.lost for one in found) == 0
    assert np.median([one.nu_at_most for one in found]) < 5e-6


def test_reads_that_move_the_cell_are_seen_and_taken_out(tmp_path: Path) -> None:
    summary = carry_out(tmp_path, 3, "ru-azo-soft", levels="4000,8000", points="12").summary
    # The softplus law: 0.281 levels a us at 0.2 V, for 110 us; the read levels are 2 % denser there.
    assert summary.read_effect == pytest.approx(0.281 * 110 * 1.02, rel=0.02)
    assert not summary.drift_found
    assert abs(summary.change) < 4 * summary.change_sigma


def test_ages_are_evenly_spaced_in_their_logarithm_and_reads_are_few(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, points="9", duration="1000 s").folder)
    first = [one for one in records if one.row == 4]
    kept = [one.age for one in first if not one.survey]
    assert np.diff(np.log(kept)) == pytest.approx(np.full(8, np.log(1000) / 8), rel=0.05)
    assert len(first) - len(kept) == SURVEY_READS
    assert [one.reads for one in first] == list(range(1, len(first) + 1))


def test_it_ends_early_where_that_is_asked_for(tmp_path: Path) -> None:
    result = carry_out(tmp_path, 1, drifting(tmp_path, 1e-2), stop_after="20", levels="4000,8000")
    assert 2 < result.summary.duration < 1000
    assert len([one for one in records_of(result.folder) if one.survey]) == 2 * SURVEY_READS


@pytest.mark.parametrize("when", [3, 40])
def test_ages_survive_a_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: int) -> None:
    settings = {"levels": "3000,9000", "points": "8", "duration": "2000 s"}
    device = drifting(tmp_path, 1e-3)
    whole = records_of(carry_out(tmp_path / "whole", 1, device, **settings).folder)
    arm, arms = LedgeredProbeBoard.arm, 0

    def broken_off(board: LedgeredProbeBoard, period: float) -> Any:
        nonlocal arms
        arms += 1
        if arms == when:
            raise LinkError("the link of the test is gone")
        return arm(board, period)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "arm", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", 1, device, **settings)
    result = resume(next((tmp_path / "broken").glob("*_retention_*")), Watcher())
    records = records_of(result.folder)
    assert len(records) == len(whole)
    for one, other in zip(records, whole, strict=True):
        assert (one.row, one.level, one.survey, one.reads) == (other.row, other.level, other.survey, other.reads)
        # What passed before the board restarted is lost: a wait that was broken off, at most.
        assert one.age == pytest.approx(other.age, rel=0.05, abs=60)
    assert result.summary.nu == pytest.approx(1e-3, rel=0.05)
    assert result.summary.exact == (records[0].boot == records[-1].boot)


def test_an_age_goes_on_by_the_boards_clock_and_is_a_bound_after_a_restart() -> None:
    age = BoardAge(10.0, time=100.0, boot=3)
    later = age.at(160.0, 3)
    assert (later.age, later.exact) == (70.0, True)
    restarted = later.at(5.0, 4)
    assert (restarted.age, restarted.time, restarted.boot, restarted.exact) == (75.0, 5.0, 4, False)
    assert restarted.at(6.0, 4) == replace(restarted, age=76.0, time=6.0)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"duration": "0.5 s"}, ParameterError, "after the first"),
        ({"row": "62"}, ParameterError, "die has 2 there"),
        ({"column": "64"}, ParameterError, "columns 0..63"),
        ({"levels": "16520,"}, ParameterError, "16520"),
        ({"read_voltage": "0.24 V"}, ParameterError, "may disturb"),
        ({"read_voltage": "0.24 V", "force": "yes"}, ParameterError, "levels are defined at 200 mV"),
        ({"potentiation": "2 V"}, EnvelopeError, "voltage"),
        ({"points": "2"}, ParameterError, "points"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words):
        carry_out(tmp_path, 1, **settings)
    assert not list(tmp_path.iterdir())


def test_no_time_to_wait_is_refused(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    text = DEFAULT_BENCH.read_text(encoding="utf-8").replace("[bench]", '[bench]\nclock = "operations"')
    bench.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="waits"):
        run(RunRequest("retention", bench=bench, backend="hardware", data=tmp_path), Watcher())


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, points="8", levels="500,9000").folder)
    parameters = read_parameters(RetentionParameters, {})
    figure = PROTOCOL.figure
    assert figure is not None
    assert [panel.title for panel in figure(records, parameters).panels][-1] == "Reads in a row at the end"
    for count in range(1, len(records), 7):
        figure(records[:count], parameters)
        PROTOCOL.summarise(records[:count], parameters)
    assert not PROTOCOL.summarise([], parameters).passed


def test_the_effect_of_a_read_is_taken_out_with_its_uncertainty() -> None:
    effect = read_effect([100 + 3.0 * read for read in range(1, 20)])
    assert effect is not None
    assert effect.undone([103.0, 106.0], [0, 1]).tolist() == pytest.approx([103.0, 103.0])
    assert effect.covariance([0, 2]).shape == (2, 2)
    assert pooled_drift([], 0.99) is None
