"""`write-verify` on the twin, through every layer, held against the truth."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.backend import BackendOptions
from labctl.engine import RunRequest, RunResult, Watcher, run
from labctl.levels import LevelScale
from labctl.run_reader import RunReader
from protocols.write_verify import PROTOCOL, LevelWritten, WriteVerifyParameters
from sim_backend.audit import AuditRecord, AuditResult, join


def carry_out(tmp_path: Path, levels: str, seed: int = 1, **settings: str) -> tuple[RunResult, AuditResult]:
    request = RunRequest(
        protocol="write-verify",
        settings={"levels": levels, **settings},
        options=BackendOptions(seed=seed, audit=True),
        data=tmp_path,
    )
    result = run(request, Watcher())
    with closing(RunReader(result.folder)) as reader:
        records = reader.typed("record", LevelWritten)
    claims = [AuditRecord(one.row, one.column, one.target, one.boot, one.delivered) for one in records]
    return result, join(result.folder / "audit.sqlite", claims, LevelScale())


def test_ascending_levels_meet_their_figures_in_truth(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "8000:8799")
    assert result.passed
    assert truth.true_within_half_level >= 0.995
    assert truth.true_error_rms <= 0.20
    assert result.summary.bursts_per_level <= 1.5
    assert result.summary.reads_per_level <= 3
    assert result.summary.samples_per_level <= 64


@pytest.mark.parametrize("levels", ["16519:15519:5", "5,16000,300,9000,12000,1,16519,8000,4000,2000" + ",7777,77" * 20])
def test_other_orders_meet_the_tolerance_in_truth(tmp_path: Path, levels: str) -> None:
    result, truth = carry_out(tmp_path, levels)
    assert result.summary.written >= 0.98
    assert truth.true_within_half_level >= 0.98
    assert truth.true_error_rms <= 0.25


def test_the_summary_knows_its_own_error(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "600")
    assert result.summary.error_rms == pytest.approx(truth.true_error_rms, rel=0.12)
    assert abs(truth.true_error_mean) < 0.05


def test_noisier_levels_get_more_samples(tmp_path: Path) -> None:
    low, _ = carry_out(tmp_path, "100:199")
    high, _ = carry_out(tmp_path, "16300:16399")
    assert high.summary.samples_per_level > 1.5 * low.summary.samples_per_level


def test_another_cell_and_a_wider_tolerance(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "40", row="5", column="63", tolerance="2")
    assert result.passed
    assert truth.true_error_max <= 2.5
    with closing(RunReader(result.folder)) as reader:
        assert set(reader.column("record", "row")) == {5}
        assert set(reader.column("record", "column")) == {63}


def test_a_wrong_first_guess_of_the_gain_is_learned(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "100", potentiation_width="200 ns", depression_width="30 ns")
    assert result.passed
    assert truth.true_within_half_level >= 0.98


def test_a_level_out_of_reach_is_given_up_and_said(tmp_path: Path) -> None:
    result, _ = carry_out(tmp_path, "16000,", max_bursts="1")
    assert not result.passed
    assert result.summary.written == 0


def test_no_records_do_not_pass() -> None:
    assert not PROTOCOL.summarise([], WriteVerifyParameters()).passed


def test_summary_counts() -> None:
    record = LevelWritten(
        row=0, column=0, level=3, target=1e-6, conductance=1e-6, estimate=1e-6, error=0.3, sigma=0.1, written=True,
        bursts=2, pulses=5, reads=3, samples=20, pulse_time=1e-7, time=0.1, boot=1, delivered=5,
    )  # fmt: skip
    outcome = PROTOCOL.summarise([record, replace(record, error=-0.4, written=False)], WriteVerifyParameters())
    assert outcome.summary.written == 0.5
    assert outcome.summary.error_max == pytest.approx(0.4)
    assert outcome.summary.error_rms == pytest.approx((0.5 * (0.3**2 + 0.4**2) + 0.1**2) ** 0.5)
    assert outcome.summary.pulses == 10
    assert not outcome.passed
