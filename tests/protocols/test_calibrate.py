"""`calibrate` on the twin, held against the true gains of its board.

Most runs are of a small die: a source-measure unit sees an array through a network, which is what takes time.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.board_data import Capabilities, Feature
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import InputError, LinkError, ParameterError
from labctl.instruments import ProbeBoard
from labctl.ledgered import LedgeredProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.calibrate import PROTOCOL, CalibrateParameters
from protocols.calibrate_records import ColumnRecord
from protocols.calibrate_summary import evaluation_of
from sim_backend.front_end.board import BoardFrontEnd
from sim_backend.front_end.board_errors import BoardErrors

ROWS, COLUMNS = 6, 16
SMALL = {"points": "4", "rows": "4"}


def carry_out(
    data: Path, calibration: str = "none", seed: int = 1, device: str = "ru-azo", /, **settings: str
) -> RunResult:
    data.mkdir(parents=True, exist_ok=True)
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    bench = data / "bench.toml"
    bench.write_text(
        text.replace("rows = 64", f"rows = {ROWS}").replace("columns = 64", f"columns = {COLUMNS}"), encoding="utf-8"
    )
    twin = {"calibration": calibration, "device": device}
    request = RunRequest(
        "calibrate", {**SMALL, **settings}, bench=bench, backend="twin", twin=twin,
        options=BackendOptions(seed=seed), data=data / "runs",
    )  # fmt: skip
    return run(request, Watcher())


def records_of(folder: Path) -> list[ColumnRecord]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", ColumnRecord)


def gains_of(records: list[ColumnRecord], stage: str) -> NDArray[np.float64]:
    return np.array([one.gain for one in records if one.stage == stage])


def true_gains(calibration: str, seed: int) -> NDArray[np.float64]:
    """Return the gains of the columns' readers: a front end of the same seed, without any other error, shows them."""
    sizes = BoardErrors()
    errors = replace(BoardErrors.none(), path_gain=sizes.path_gain, path_gain_left=sizes.path_gain_left)
    board = BoardFrontEnd(errors, calibration == "factory", ROWS, COLUMNS, 5.9e-3, seed)
    lines = np.arange(COLUMNS)
    current = board.read(lines, np.full(COLUMNS, 1e-3), 0.0, 0.0, 4096).current
    return current / 1e-3 * board.calibrations[0].gain[lines]


def true_paths(seed: int, rows: int) -> float:
    """Return the mean gain of the rows' drivers at 0.2 V."""
    board = BoardFrontEnd(BoardErrors(), False, ROWS, COLUMNS, 5.9e-3, seed)
    return float(np.mean(board.line_voltage(np.arange(rows), 0.2)) / 0.2)


def spread(values: NDArray[np.float64]) -> float:
    """Return the relative spread in ppm."""
    return float(np.std(values, ddof=1) / np.mean(values)) * 1e6


def test_an_uncalibrated_board_is_equalised_in_truth_to_what_is_stated(tmp_path: Path) -> None:
    errors: list[NDArray[np.float64]] = []
    for seed in (1, 2, 3):
        result = carry_out(tmp_path / str(seed), "none", seed)
        summary, records, true = result.summary, records_of(result.folder), true_gains("none", seed)
        assert result.passed
        assert (summary.stored, summary.reason, summary.tied) == (True, "stored", False)
        left = true / gains_of(records, "stored")
        assert spread(true) == pytest.approx(summary.spread_raw_ppm, abs=4 * summary.uncertainty_ppm)
        assert summary.spread_ppm > 200
        assert spread(left) < 1.3 * summary.uncertainty_ppm < 13
        assert summary.spread_check_ppm < 20
        errors.append((left / left.mean() - 1) * 1e6 / summary.uncertainty_ppm)
        # The mean is kept: nothing is known that is better.
        assert np.mean(gains_of(records, "stored")) == pytest.approx(1.0, abs=1e-9)
    assert np.mean(np.abs(np.concatenate(errors)) < 2) > 0.93


def test_a_factory_calibration_is_left_as_it_is(tmp_path: Path) -> None:
    result = carry_out(tmp_path, "factory")
    summary, records = result.summary, records_of(result.folder)
    assert result.passed
    assert (summary.stored, summary.reason, summary.tied) == (False, "equal already", False)
    assert summary.calibration == summary.found == records[0].calibration
    assert gains_of(records, "stored").tolist() == gains_of(records, "found").tolist()
    assert summary.spread_raw_ppm > 200 > 20 > summary.spread_ppm
    assert summary.agreement_uncertainty_ppm > 100  # why the unit is no reference for it


def test_every_record_carries_the_calibration_in_force(tmp_path: Path) -> None:
    result = carry_out(tmp_path, "none", 1, quick="yes")
    records = records_of(result.folder)
    before = {one.calibration for one in records if one.stage in ("found", "transfer")}
    after = {one.calibration for one in records if one.stage in ("stored", "check")}
    assert before == {result.summary.found}
    assert after == {result.summary.calibration} != before
    assert len(next(iter(after))) == 64


def test_tying_brings_the_paths_to_the_units_scale_within_what_is_stated(tmp_path: Path) -> None:
    result = carry_out(tmp_path, "none", 3, tie="yes")
    summary = result.summary
    stored = gains_of(records_of(result.folder), "stored")
    scale = float(np.mean(true_gains("none", 3) / stored)) * true_paths(3, 4)
    assert summary.tied
    assert abs(scale - 1) * 1e6 < 2 * summary.agreement_uncertainty_ppm
    assert np.mean(stored) == pytest.approx(1 + summary.agreement_ppm * 1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("ru-azo-soft", "cells move under the reads"),
        ("vteam-tio2", "the unit sees other currents"),
        ("vteam-taox", "the unit sees other currents"),
    ],
)
def test_dies_that_do_not_hold_still_or_conduct_both_ways_are_spared(tmp_path: Path, device: str, reason: str) -> None:
    result = carry_out(tmp_path, "none", 1, device, quick="yes")
    assert not result.passed
    assert (result.summary.stored, result.summary.reason) == (False, reason)
    tried = [one for one in records_of(result.folder) if math.isfinite(one.before)]
    assert len(tried) == COLUMNS // 8


def test_told_not_to_it_reports_only(tmp_path: Path) -> None:
    result = carry_out(tmp_path, "none", 1, write="no", quick="yes")
    summary = result.summary
    assert not result.passed
    assert (summary.stored, summary.reason) == (False, "told not to")
    assert summary.calibration == summary.found
    assert summary.residual_ppm == summary.spread_ppm > 200
    assert summary.spread_check_ppm == pytest.approx(summary.spread_point_ppm, abs=20)


def test_cells_as_they_are_get_no_pulse(tmp_path: Path) -> None:
    result = carry_out(tmp_path, "none", 1, program="no", quick="yes")
    assert {one.delivered for one in records_of(result.folder)} == {0}
    # 40 nA a cell say nothing of 350 ppm, and that is what is said.
    assert not result.passed
    assert not result.summary.stored


def test_coefficients_of_a_run_can_be_given_back(tmp_path: Path) -> None:
    first = carry_out(tmp_path / "1", "none", 1, quick="yes")
    stored, found = first.folder / "coefficients-stored.csv", first.folder / "coefficients-found.csv"
    result = carry_out(tmp_path / "2", "none", 1, coefficients=str(stored))
    assert (result.passed, result.summary.stored, result.summary.reason) == (True, True, "given")
    assert result.summary.calibration == first.summary.calibration
    assert (
        gains_of(records_of(result.folder), "stored").tolist() == gains_of(records_of(first.folder), "stored").tolist()
    )
    back = carry_out(tmp_path / "3", "none", 1, coefficients=str(found))
    assert (back.passed, back.summary.stored) == (True, False)  # the twin's board has these
    assert back.summary.calibration == first.summary.found


@pytest.mark.parametrize("written", [False, True])
def test_a_broken_off_write_is_looked_into_and_done_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    whole = carry_out(tmp_path / "whole", "none", 1, quick="yes")
    write = LedgeredProbeBoard.write_calibration
    writes: list[str] = []

    def broken_off(board: ProbeBoard, *arguments: Any) -> str:
        if written:
            writes.append(write(board, *arguments))  # pyright: ignore[reportArgumentType]
        raise LinkError("the link of the test is gone")

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "write_calibration", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", "none", 1, quick="yes")

    def counted(board: LedgeredProbeBoard, *arguments: Any) -> str:
        writes.append(write(board, *arguments))
        return writes[-1]

    monkeypatch.setattr(LedgeredProbeBoard, "write_calibration", counted)
    result = resume(next((tmp_path / "broken" / "runs").glob("*_calibrate_*")), Watcher())
    assert writes == [whole.summary.calibration]
    assert (
        gains_of(records_of(result.folder), "stored").tolist() == gains_of(records_of(whole.folder), "stored").tolist()
    )


def test_it_goes_on_after_a_break_as_if_there_had_been_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = records_of(carry_out(tmp_path / "whole", "none", 1, quick="yes").folder)
    scheme, schemes = LedgeredProbeBoard.set_scheme, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal schemes
        schemes += 1
        # One on the way up, two as found, two to bring the row; then a step has one, and two for each of its columns.
        if schemes == 1 + 2 + 2 + 3 * (1 + 2 * COLUMNS // 8) + 1:
            raise LinkError("the link of the test is gone")
        return scheme(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "set_scheme", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", "none", 1, quick="yes")
    broken = next((tmp_path / "broken" / "runs").glob("*_calibrate_*"))
    assert len(records_of(broken)) == COLUMNS + 3 * COLUMNS // 8
    result = resume(broken, Watcher())
    assert [_timeless(one) for one in records_of(result.folder)] == [_timeless(one) for one in whole]


def test_a_break_amid_the_pulses_leads_to_the_same_coefficients_within_what_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse_read, trains = LedgeredProbeBoard.pulse_read, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal trains
        trains += 1
        if trains == 20:
            raise LinkError("the link of the test is gone")
        return pulse_read(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "pulse_read", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path, "none", 1, quick="yes")
    result = resume(next((tmp_path / "runs").glob("*_calibrate_*")), Watcher())
    assert result.passed
    left = true_gains("none", 1) / gains_of(records_of(result.folder), "stored")
    assert spread(left) < 2 * result.summary.uncertainty_ppm


def _timeless(one: ColumnRecord) -> str:
    return repr(replace(one, time=0.0, boot=0, delivered=0))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"row": "4", "rows": "4"}, "rows 0..5"),
        ({"read_voltage": "0.22 V"}, "may disturb"),
        ({"level": "16520"}, "level"),
        ({"points": "1"}, "points"),
        ({"tie": "maybe"}, "tie"),
        ({"coefficients": "missing.csv"}, "missing.csv"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(ParameterError, match=words):
        carry_out(tmp_path, "none", 1, **settings)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("lines", "words"),
    [(["1.0,0.0"] * 3, "16 columns are expected"), (["1.0,0.0"] * 15 + ["0.0,0.0"], "not above 0")],
)
def test_a_file_of_other_coefficients_is_refused(tmp_path: Path, lines: list[str], words: str) -> None:
    file = tmp_path / "given.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        carry_out(tmp_path, "none", 1, coefficients=str(file))


def test_a_board_without_coefficients_or_port_is_refused() -> None:
    able = Capabilities(6, 16, -5, 5, 0.5, 1e-4, 1e-5, 20e-9, 10e-3, 1_000_000, 4096, Feature.CALIBRATION)
    parameters = read_parameters(CalibrateParameters, {})
    assert PROTOCOL.check_board is not None
    with pytest.raises(ParameterError, match="no port"):
        PROTOCOL.check_board(able, parameters)
    with pytest.raises(ParameterError, match="no coefficients"):
        PROTOCOL.check_board(replace(able, features=Feature.SMU_PORT), parameters)


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path) -> None:
    settings = {**SMALL, "quick": "yes"}
    records = records_of(carry_out(tmp_path, "none", 1, quick="yes").folder)
    parameters = read_parameters(CalibrateParameters, settings)
    assert PROTOCOL.figure is not None
    assert len(PROTOCOL.figure(records, parameters).panels) == 5
    for count in (1, COLUMNS, COLUMNS + 1, 2 * COLUMNS, 2 * COLUMNS + 5, 4 * COLUMNS, len(records) - 1):
        PROTOCOL.figure(records[:count], parameters)
        outcome = PROTOCOL.summarise(records[:count], parameters)
        assert outcome.passed == (count == len(records) - 1)
        assert not any(isinstance(value, float) and math.isnan(value) for value in _values(outcome.summary))
    assert not PROTOCOL.summarise([], parameters).passed
    assert evaluation_of(records[:COLUMNS], parameters) is None


def _values(summary: Any) -> list[Any]:
    return [getattr(summary, name) for name in summary.__dataclass_fields__]
