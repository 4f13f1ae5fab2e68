"""`program-array` on the twin, held against the true conductances and the ideal write loop."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import InputError, LinkError, ParameterError
from labctl.ledgered import LedgeredProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.analysis.ideal_write_loop import WrittenCells, ideal_write_loop
from protocols.program_array import PROTOCOL, CellProgrammed, ProgramArrayParameters
from protocols.program_array_summary import latest
from sim_backend.audit import true_conductances
from sim_backend.audit_report import TRUTH, claims, summary_in_truth


def carry_out(data: Path, seed: int = 1, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=seed, audit=True)
    return run(RunRequest("program-array", settings, twin=twin or {}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[CellProgrammed]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", CellProgrammed)


def in_truth(result: RunResult, **settings: str) -> Any:
    """Return the summary that the protocol makes of the true conductances."""
    records = latest(records_of(result.folder))
    assert PROTOCOL.in_truth is not None
    true = true_conductances(result.folder / TRUTH, records).tolist()
    told = [PROTOCOL.in_truth(record, value) for record, value in zip(records, true, strict=True)]
    return PROTOCOL.summarise(told, read_parameters(ProgramArrayParameters, settings)).summary


def test_a_random_array_is_written_as_the_issue_demands(tmp_path: Path) -> None:
    result = carry_out(tmp_path)
    summary, truth = result.summary, in_truth(result)
    assert result.passed
    assert summary.cells == 4096
    assert truth.within_half_level >= 0.993
    assert truth.error_rms < 0.2
    assert summary.within_half_level == pytest.approx(truth.within_half_level, abs=0.005)
    assert summary.error_rms == pytest.approx(truth.error_rms, rel=0.2)
    assert summary.given_up == 0
    rng = np.random.default_rng(1)
    ideal = ideal_write_loop(0.3 * rng.standard_normal(4096), rng.uniform(0, 16519, 4096), WrittenCells(), rng)
    assert summary.bursts_per_cell <= 1.3 * ideal.bursts_per_cell
    assert summary.bursts_per_cell <= 3.5
    figure = PROTOCOL.figure
    assert figure is not None
    assert len(figure(records_of(result.folder), read_parameters(ProgramArrayParameters, {})).panels) == 6


def test_an_audit_counts_each_cell_once(tmp_path: Path) -> None:
    result = carry_out(tmp_path, rows="4", columns="4")
    assert len(records_of(result.folder)) > 2 * 16  # each cell is read before it is pulsed, and after
    with closing(RunReader(result.folder)) as reader:
        assert len(claims(reader)) == 16
        truth = summary_in_truth(reader, result.folder / TRUTH)
    assert truth.cells == 16
    assert truth.within_half_level > 0.9


def test_map_and_history_grow_with_the_rounds(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, rows="4", columns="4").folder)
    assert {(one.row, one.column) for one in records if one.rounds == 1} == {(r, c) for r in range(4) for c in range(4)}
    of_one = [one for one in records if (one.row, one.column) == (2, 3)]
    assert [one.rounds for one in of_one] == sorted(one.rounds for one in of_one)
    assert [one.reads for one in of_one] == sorted(one.reads for one in of_one)
    assert abs(of_one[-1].error) < 0.5 < abs(of_one[0].error)


def test_wires_of_a_known_resistance_are_reckoned_out(tmp_path: Path) -> None:
    twin = {"wires": "metal", "g_max": "20 uS"}
    region = {"rows": "8", "columns": "8", "row": "50", "column": "50"}
    believed = carry_out(tmp_path / "none", 1, twin, **region)
    assert not believed.summary.wires_reckoned
    plain = in_truth(believed)
    told = {"strategy": "per-cell", "segment_resistance": "0.5 ohm"}
    known = in_truth(carry_out(tmp_path / "known", 1, twin, **region, **told))
    assert plain.within_half_level < 0.2
    assert known.within_half_level > 0.9
    assert known.error_rms < 0.05 * plain.error_rms


@pytest.mark.parametrize("device", ["vteam-tio2", "vteam-taox"])
def test_a_film_of_another_kind_ends_with_honest_figures(tmp_path: Path, device: str) -> None:
    result = carry_out(tmp_path, 1, {"device": device}, quick="yes")
    summary, truth = result.summary, in_truth(result)
    assert not result.passed
    assert truth.within_half_level > 0.7
    assert truth.error_median < 0.3
    assert summary.within_half_level == pytest.approx(truth.within_half_level, abs=0.04)
    assert summary.error_rms == pytest.approx(truth.error_rms, rel=0.05, abs=0.1)
    assert summary.written + summary.given_up / summary.cells == pytest.approx(1.0)


def matrix_file(folder: Path, values: Any) -> str:
    file = folder / "matrix.npy"
    np.save(file, values)
    return str(file)


def test_a_matrix_of_weights_is_written_where_it_belongs(tmp_path: Path) -> None:
    weights = np.array([[-1.0, 0.0, 1.0], [0.5, -0.5, 0.25]])
    file = matrix_file(tmp_path, weights)
    place = {"row": "5", "column": "60", "rows": "2", "columns": "3", "low": "1000", "high": "9000"}
    result = carry_out(tmp_path / "runs", 1, None, matrix=file, values="weights", **place)
    records = latest(records_of(result.folder))
    assert [(one.row, one.column) for one in records] == [(5, 60), (5, 61), (5, 62), (6, 60), (6, 61), (6, 62)]
    assert [one.level for one in records] == pytest.approx([1000, 5000, 9000, 7000, 3000, 6000])
    assert all(abs(one.error) < 0.5 for one in records)
    assert len({one.calibration for one in records}) == 1
    assert all(len(one.errors) == min(one.bursts + 1, 8) for one in records)


def test_few_distinct_values_take_no_more_rounds_than_random_ones(tmp_path: Path) -> None:
    few = np.where(np.random.default_rng(1).random((16, 16)) < 0.5, 4000.0, 12000.0)
    region = {"rows": "16", "columns": "16"}
    for name, values in (("two", few), ("diagonal", 8000.0 + 4000.0 * np.eye(16))):
        file = matrix_file(tmp_path, values)
        result = carry_out(tmp_path / name, 1, None, matrix=file, **region)
        assert result.summary.rounds <= 10
        assert in_truth(result).within_half_level > 0.98


def test_a_single_cell_is_written_and_never_taken_for_one_that_reads_disturb(tmp_path: Path) -> None:
    for device, place in (("ru-azo", "0"), ("ru-azo", "63"), ("vteam-taox", "0")):
        one = {"rows": "1", "columns": "1", "row": place, "column": place}
        result = carry_out(tmp_path, 0, {"device": device}, **one)
        assert result.summary.given_up == 0
        assert in_truth(result).error_max < 0.5


def test_cells_that_nobody_has_read_do_not_keep_it_from_a_die_with_a_low_line_current(tmp_path: Path) -> None:
    packaged = resources.files("labctl").joinpath("benches/default.toml").read_text("utf-8")
    bench = tmp_path / "bench.toml"
    bench.write_text(re.sub(r'line_current = ".*"', 'line_current = "50 mA"', packaged), "utf-8")
    options = BackendOptions(seed=1, audit=True)
    place = {"row": "10", "column": "50", "rows": "4", "columns": "5"}
    request = RunRequest("program-array", place, bench=bench, backend="twin", options=options, data=tmp_path / "runs")
    result = run(request, Watcher())
    assert result.summary.given_up == 0
    assert in_truth(result).error_max < 0.6


def test_a_wide_tolerance_accepts_cells_within_it(tmp_path: Path) -> None:
    result = carry_out(tmp_path, 1, None, rows="4", columns="5", tolerance="5")
    assert result.summary.written == 1.0
    assert in_truth(result).error_max < 8


def test_it_goes_on_after_a_break_as_if_there_had_been_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    region = {"rows": "8", "columns": "8"}
    whole = records_of(carry_out(tmp_path / "whole", 1, None, **region).folder)
    read, reads = LedgeredProbeBoard.pulse, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal reads
        reads += 1
        if reads == 4:
            raise LinkError("the link of the test is gone")
        return read(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "pulse", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", 1, None, **region)
    result = resume(next((tmp_path / "broken").glob("*_program-array_*")), Watcher())
    same = [replace(one, time=0.0, boot=0, delivered=0) for one in records_of(result.folder)]
    assert same == [replace(one, time=0.0, boot=0, delivered=0) for one in whole]


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        (np.zeros((3, 3)), {}, "64 x 64 cells are to be written"),
        (np.full((2, 2), 16520.0), {"rows": "2", "columns": "2"}, "levels 0 to 16519"),
        (np.full((2, 2), 1.5), {"rows": "2", "columns": "2", "values": "weights"}, "-1 to 1"),
        (np.full((2, 2), 7e-3), {"rows": "2", "columns": "2", "values": "siemens"}, "7 mS"),
        (np.full((2, 2), np.nan), {"rows": "2", "columns": "2"}, "finite"),
        (None, {"read_voltage": "0.1 V"}, "levels are defined"),
        (None, {"strategy": "per-cell"}, "segment_resistance"),
        (None, {"segment_resistance": "1 ohm"}, "strategy=per-cell"),
        (None, {"low": "500", "high": "500"}, "low < high"),
        (None, {"rows": "65"}, "beyond the die"),
        (None, {"max_samples": "8"}, "max_samples"),
        (None, {"potentiation": "2 V"}, "voltage"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, values: Any, settings: dict[str, str], words: str
) -> None:
    given = {} if values is None else {"matrix": matrix_file(tmp_path, values)}
    with pytest.raises(InputError, match=words):
        carry_out(tmp_path / "runs", 1, None, **given, **settings)
    assert not (tmp_path / "runs").exists()


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, rows="4", columns="4").folder)
    parameters = read_parameters(ProgramArrayParameters, {})
    assert PROTOCOL.figure is not None
    for count in (1, 5, 16):
        PROTOCOL.figure(records[:count], parameters)
        assert json.dumps(PROTOCOL.summarise(records[:count], parameters).summary.cells) == str(count)
    assert not PROTOCOL.summarise([], parameters).passed
    with pytest.raises(ParameterError):
        read_parameters(ProgramArrayParameters, {"matrix": "nowhere.npy"})
