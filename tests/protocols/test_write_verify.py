"""`write-verify` on the twin, through every layer, held against the truth."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EnvelopeError, LinkError, ParameterError
from labctl.ledgered import LedgeredProbeBoard
from labctl.levels import LEVELS, LevelScale
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from protocols.level_writer import STANDSTILL, Arrival, LevelWriter
from protocols.write_algorithms.catalogue import AlgorithmName
from protocols.write_verify import PROTOCOL, LevelWritten, WriteVerifyParameters, _levels
from sim_backend.audit import AuditRecord, AuditResult, join


def records_of(result: RunResult) -> list[LevelWritten]:
    with closing(RunReader(result.folder)) as reader:
        return reader.typed("record", LevelWritten)


IDEAL = {"front_end": "ideal"}
"""A bench whose reader has no errors of its own, so that what is claimed of a cell can be held against the truth."""


def carry_out(
    tmp_path: Path, levels: str, seed: int = 1, twin: dict[str, str] | None = None, **settings: str
) -> tuple[RunResult, AuditResult]:
    request = RunRequest(
        protocol="write-verify",
        twin=twin or {},
        settings={"levels": levels, **settings},
        options=BackendOptions(seed=seed, audit=True),
        data=tmp_path,
    )
    result = run(request, Watcher())
    claims = [AuditRecord(one.row, one.column, one.target, one.boot, one.delivered) for one in records_of(result)]
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
    result, truth = carry_out(tmp_path, "600", twin=IDEAL, reader_error="0")
    assert result.summary.error_rms == pytest.approx(truth.true_error_rms, rel=0.12)
    assert abs(truth.true_error_mean) < 0.05


def test_over_many_boards_the_summary_knows_the_readers_error_too(tmp_path: Path) -> None:
    runs = [carry_out(tmp_path, "100", seed, row="3", column=str(seed)) for seed in range(24)]
    claimed = np.mean([result.summary.error_rms**2 for result, _ in runs])
    true = np.mean([truth.true_error_rms**2 for _, truth in runs])
    assert claimed == pytest.approx(true, rel=0.25)


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


def true_to_claimed(result: RunResult) -> float:
    """Return the rms of what the estimates are off by in truth, over the rms of their standard deviations."""
    records = records_of(result)
    claims = [AuditRecord(one.row, one.column, one.estimate, one.boot, one.delivered) for one in records]
    truth = join(result.folder / "audit.sqlite", claims, LevelScale())
    return truth.true_error_rms / float(np.sqrt(np.mean([record.sigma**2 for record in records])))


RANDOM = ",".join(str(level) for level in np.random.default_rng(5).integers(0, LEVELS, 250))


@pytest.mark.parametrize(("levels", "count"), [("400", 3), ("8000:8149", 12), (RANDOM, 3)])
def test_estimates_are_as_good_as_they_say(tmp_path: Path, levels: str, count: int) -> None:
    # Where one survey serves a whole run, its own 13 % do not average out within the run.
    cells = [("0", "0"), ("5", "63"), ("40", "7")]
    runs = [
        carry_out(tmp_path, levels, 60 + number, IDEAL, row=cells[number % 3][0], column=cells[number % 3][1])
        for number in range(count)
    ]
    ratios = [true_to_claimed(result) for result, _ in runs]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)
    assert all(result.passed for result, _ in runs)
    assert min(truth.true_within_half_level for _, truth in runs) >= 0.995


WIDTHS = [("800 ns", "650 ns"), ("8 ns", "6.5 ns"), ("800 ns", "6.5 ns"), ("8 ns", "650 ns"), ("8 us", "6.5 us")]


@pytest.mark.parametrize(("up", "down"), WIDTHS)
@pytest.mark.parametrize("levels", ["100", "8000:8060", "16519:0:400"])
def test_a_wrong_first_guess_of_the_gain_is_learned(tmp_path: Path, up: str, down: str, levels: str) -> None:
    result, truth = carry_out(tmp_path, levels, potentiation_width=up, depression_width=down)
    assert result.summary.written >= 0.97
    assert truth.true_error_max <= 1.0
    dear = [record.bursts for record in records_of(result)[3:]]
    assert sum(dear) / len(dear) <= 4.0
    assert max(record.samples for record in records_of(result)) <= 1000


def test_a_level_that_a_broken_off_pulse_had_reached_is_told_by_the_boards_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = 0
    pulse_read = LedgeredProbeBoard.pulse_read

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal writes
        writes += 1
        found = pulse_read(board, *arguments)
        if writes == 60:
            raise LinkError("the link of the test is gone")
        return found

    monkeypatch.setattr(LedgeredProbeBoard, "pulse_read", broken_off)
    with pytest.raises(LinkError):
        carry_out(tmp_path, "8000:8400:4")
    result = resume(next(tmp_path.glob("*_write-verify_*")), Watcher())
    records = records_of(result)
    first = next(number for number, record in enumerate(records) if record.boot == 2)
    assert records[first].bursts == 0  # the pulse had brought the cell there
    assert records[first].delivered == 0
    assert all(record.boot == 1 for record in records[:first])
    assert all(record.boot == 2 for record in records[first:])


def test_a_level_out_of_reach_is_given_up_and_said(tmp_path: Path) -> None:
    result, _ = carry_out(tmp_path, "16000,", max_bursts="1")
    assert not result.passed
    assert result.summary.written == 0


def test_a_level_below_the_cells_own_range_is_given_up_and_harms_no_other(tmp_path: Path) -> None:
    result, _ = carry_out(tmp_path, "0,0,7000,8000,0,7000,8000,7000", seed=0, row="21", column="29")
    records = records_of(result)
    assert [record.written for record in records if record.level == 0] == [False] * 3
    assert all(record.written and record.bursts <= 8 for record in records if record.level > 0)
    assert records[0].bursts <= STANDSTILL
    assert records[1].bursts <= STANDSTILL
    assert records[0].pulse_time + records[1].pulse_time < 1e-3
    # 0 -> 7000 -> 8000 -> 0 -> 7000 -> 8000 -> 7000 takes 1.94 ms at the published 80 ns and 65 ns a level.
    assert sum(record.pulse_time for record in records) < 3.5e-3


def test_short_ways_are_gone_though_the_narrowest_pulse_seems_too_wide(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "100,99,98,97", depression_width="1 ns")
    assert result.passed
    assert truth.true_error_max <= 0.6


@pytest.mark.parametrize("width", ["100 ns", "200 ns", "300 ns", "500 ns", "1 us", "117.5 ns"])
def test_pulses_stay_within_the_envelope(tmp_path: Path, width: str) -> None:
    text = DEFAULT_BENCH.read_text(encoding="utf-8").replace('pulse_width = "10 ms"', f'pulse_width = "{width}"')
    assert width in text
    bench = tmp_path / "bench.toml"
    bench.write_text(text, encoding="utf-8")
    request = RunRequest(
        "write-verify",
        {"levels": "6"},
        bench=bench,
        backend="twin",
        options=BackendOptions(seed=1),
        data=tmp_path / "d",
    )
    assert run(request, Watcher()).passed


def test_a_fine_tolerance_costs_a_bounded_number_of_samples(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "60", tolerance="0.2")
    assert result.summary.written >= 0.7
    assert truth.true_within_half_level == 1.0
    assert max(record.samples for record in records_of(result)[1:]) <= 1000


def refused(tmp_path: Path, name: str, value: str) -> str:
    with pytest.raises((ParameterError, EnvelopeError)) as caught:
        run(RunRequest("write-verify", {"levels": "1", name: value}, data=tmp_path), Watcher())
    assert not list(tmp_path.iterdir())
    return str(caught.value)


@pytest.mark.parametrize("value", ["0.1 V", "0.21 V", "1 uV", "200.01 mV"])
def test_levels_are_read_at_the_voltage_that_defines_them(tmp_path: Path, value: str) -> None:
    assert "levels are defined at 200 mV" in refused(tmp_path, "read_voltage", value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depression_width", "1e-300 s"),
        ("potentiation_width", "0.5 ns"),
        ("potentiation_width", "1 s"),
        ("potentiation", "1e-300 V"),
        ("depression", "-1 uV"),
        ("write_noise", "1e-300"),
        ("tolerance", "0.1"),
        ("row", "64"),
        ("algorithm", "newton"),
        ("order", "upwards"),
        ("reader", "ammeter"),
        ("line_resistance", "-1 ohm"),
    ],
)
def test_parameters_without_sense_are_refused(tmp_path: Path, name: str, value: str) -> None:
    assert name in refused(tmp_path, name, value)


def test_no_records_do_not_pass() -> None:
    assert not PROTOCOL.summarise([], WriteVerifyParameters()).passed


def test_summary_counts() -> None:
    record = LevelWritten(
        row=0, column=0, level=3, target=1e-6, conductance=1e-6, estimate=1e-6, error=0.3, sigma=0.1, written=True,
        bursts=2, pulses=5, reads=3, samples=20, pulse_time=1e-7, time=0.1, boot=1, delivered=5,
    )  # fmt: skip
    parameters = WriteVerifyParameters.model_validate({"reader_error": "0.2"})
    outcome = PROTOCOL.summarise([record, replace(record, error=-0.4, written=False)], parameters)
    assert outcome.summary.written == 0.5
    assert outcome.summary.error_max == pytest.approx(0.4)
    assert outcome.summary.error_rms == pytest.approx((0.5 * (0.3**2 + 0.4**2) + 0.1**2 + 0.2**2) ** 0.5)
    assert outcome.summary.pulses == 10
    assert not outcome.passed


ALGORITHMS = get_args(AlgorithmName)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("order", ["ascending", "random"])
def test_every_algorithm_writes_its_levels_in_truth(tmp_path: Path, algorithm: str, order: str) -> None:
    result, truth = carry_out(tmp_path, "4000:12000:160", algorithm=algorithm, order=order)
    assert result.summary.written >= 0.98
    assert truth.true_within_half_level >= 0.98
    assert truth.true_error_rms <= 0.25


def test_random_order_takes_few_bursts_once_the_slope_is_learned_all_along_the_range(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "200", order="random")
    assert result.summary.bursts_per_level <= 3.0
    assert truth.true_within_half_level >= 0.99


def test_orders() -> None:
    given = {"levels": "5,3,9,3"}
    orders = {
        order: _levels(WriteVerifyParameters.model_validate({**given, "order": order}))
        for order in ("as-given", "ascending", "descending", "random")
    }
    assert orders["as-given"] == (5, 3, 9, 3)
    assert orders["ascending"] == (3, 3, 5, 9)
    assert orders["descending"] == (9, 5, 3, 3)
    assert sorted(orders["random"]) == [3, 3, 5, 9]


def test_a_random_order_is_that_of_its_seed_and_quick_runs_keep_their_levels() -> None:
    def levels(**settings: str) -> tuple[int, ...]:
        return _levels(WriteVerifyParameters.model_validate({"order": "random", **settings}))

    assert levels(order_seed="3") == levels(order_seed="3") != levels(order_seed="4")
    assert sorted(levels(quick="yes", order_seed="3")) == sorted(levels(quick="yes", order="as-given"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_goes_on_after_a_break_as_if_there_had_been_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    levels = "9000,4000,4001,12000,300,301,8000,2000"
    whole, _ = carry_out(tmp_path / "whole", levels, algorithm=algorithm)
    write, written = LevelWriter.write, 0

    def broken_off(writer: LevelWriter, level: int) -> Arrival:
        nonlocal written
        written += 1
        if written == 6:
            raise LinkError("the link of the test is gone")
        return write(writer, level)

    with monkeypatch.context() as patched:
        patched.setattr(LevelWriter, "write", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", levels, algorithm=algorithm)
    resumed = resume(next((tmp_path / "broken").glob("*_write-verify_*")), Watcher())
    assert [replace(one, time=0.0, boot=0, delivered=0) for one in records_of(resumed)] == [
        replace(one, time=0.0, boot=0, delivered=0) for one in records_of(whole)
    ]


def test_a_source_measure_unit_reads_through_the_board_and_says_how_far_it_can_be_trusted(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "300,320,310", reader="smu")
    assert result.summary.written == 1.0
    assert truth.true_error_max <= 5.0
    assert result.summary.error_rms >= 5.0


def test_lines_of_known_resistance_are_reckoned_out(tmp_path: Path) -> None:
    twin = {"wires": "metal", "front_end": "ideal"}
    blind, missed = carry_out(tmp_path / "blind", "9000,12000", twin=twin)
    told, met = carry_out(tmp_path / "told", "9000,12000", twin=twin, line_resistance="32.5 ohm")
    assert blind.summary.written == told.summary.written == 1.0  # no read shows it
    assert missed.true_error_rms > 500
    assert met.true_error_rms < 5


def test_reads_that_move_the_cell_are_found_and_said(tmp_path: Path) -> None:
    result, truth = carry_out(tmp_path, "4000,4100,4050", twin={"device": "ru-azo-soft"})
    assert not result.passed
    assert result.summary.read_drift == pytest.approx(20.0, rel=0.2)
    assert result.summary.error_rms > 2.0  # what no read tells counts
    assert truth.true_error_max < 2.0
    assert max(record.bursts for record in records_of(result)) < 32


@pytest.mark.parametrize(("device", "lowest"), [("vteam-tio2", 825), ("vteam-taox", 55)])
def test_levels_below_an_oxides_range_are_given_up_and_those_above_written_to_its_noise(
    tmp_path: Path, device: str, lowest: int
) -> None:
    result, truth = carry_out(tmp_path / "in", f"{lowest + 200}:14000:900", twin={"device": device}, tolerance="1")
    assert result.summary.written >= 0.9
    assert truth.true_within_half_level >= 0.6
    below, _ = carry_out(tmp_path / "below", f"0,{lowest // 2}", twin={"device": device})
    assert below.summary.written == 0.0
    assert below.summary.lowest == -1
    assert sum(record.pulse_time for record in records_of(below)) < 0.1
