"""`read-map` on the twin, held cell by cell against the true conductances."""

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
from labctl.errors import InputError, LinkError, ParameterError
from labctl.ledgered import LedgeredProbeBoard
from labctl.levels import LEVELS, LevelScale
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.read_map import PROTOCOL, CellRead, ReadMapParameters
from sim_backend.audit import true_conductances
from sim_backend.audit_report import summary_in_truth
from sim_backend.die import Die

STEP = LevelScale().step


@pytest.fixture
def full_die(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every die begin with random levels, uniform over the range."""
    make = Die.__init__

    def made(die: Die, *arguments: Any, **named: Any) -> None:
        make(die, *arguments, **named)
        die.state[:] = np.random.default_rng(7).uniform(0, LEVELS - 1, die.state.shape)

    monkeypatch.setattr(Die, "__init__", made)


def carry_out(data: Path, twin: dict[str, str] | None = None, bench: Path | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=1, audit=True)
    request = RunRequest("read-map", settings, bench, "twin", twin or {}, options, data)
    return run(request, Watcher())


def records_of(result: RunResult) -> list[CellRead]:
    with closing(RunReader(result.folder)) as reader:
        return reader.typed("record", CellRead)


def errors_of(result: RunResult) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return by how much (levels) each cell of the map is off."""
    records = records_of(result)
    true = true_conductances(result.folder / "audit.sqlite", records)
    return (np.array([one.conductance for one in records]) - true) / STEP


def truth(result: RunResult) -> Any:
    with closing(RunReader(result.folder)) as reader:
        return summary_in_truth(reader, result.folder / "audit.sqlite")


@pytest.mark.usefixtures("full_die")
def test_a_full_die_is_read_within_its_noise_cell_by_cell(tmp_path: Path) -> None:
    result = carry_out(tmp_path)
    errors = errors_of(result)
    assert result.passed
    assert (result.summary.cells, result.summary.flagged) == (4096, 0)
    # Of 16 samples: published noise of the cell, and 0.15 levels a sample of the board. The converter's INL is one step
    # of 18 bit at most in the range of 1.25 mA, 0.134 levels; factory calibration leaves 5 ppm.
    conductance = np.array([one.conductance for one in records_of(result)])
    cell = (27.228e-9 + 1.8647e-5 * conductance) / STEP / 4
    most = np.sqrt(np.mean(cell**2 + (0.15 / 4) ** 2 + 0.134**2 + (5e-6 * conductance / STEP) ** 2))
    assert np.sqrt(np.mean(cell**2)) < np.sqrt(np.mean(errors**2)) < most
    assert np.abs(errors).max() < 0.134 + 5 * most
    assert abs(errors.mean()) < 0.02
    in_truth = truth(result)
    assert in_truth.error_rms == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)
    assert in_truth.error_max == pytest.approx(np.abs(errors).max(), rel=1e-6)
    assert result.summary.error_rms is None
    assert result.summary.level_spread == pytest.approx(in_truth.level_spread, rel=1e-4)
    assert result.summary.requests <= 32


@pytest.mark.usefixtures("full_die")
def test_what_is_taken_off_is_the_leak_and_the_offset(tmp_path: Path) -> None:
    kept = errors_of(carry_out(tmp_path / "1", leak="keep"))
    # 63 others of 8,260 levels on average, blocked 1e4 times, are taken off each column.
    assert kept.mean() == pytest.approx(-63 * 8260 / 1e4, rel=0.03)
    ground = errors_of(carry_out(tmp_path / "2", scheme="ground", samples="1024", offset="keep", rows="16"))
    mended = errors_of(carry_out(tmp_path / "3", scheme="ground", samples="1024", rows="16"))
    assert np.sqrt(np.mean(ground**2)) > 0.4
    assert np.sqrt(np.mean(mended**2)) < 0.35


@pytest.mark.usefixtures("full_die")
def test_floating_rows_show_sneak_paths(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    text = (
        DEFAULT_BENCH.read_text(encoding="utf-8")
        .replace("rows = 64", "rows = 8")
        .replace("columns = 64", "columns = 8")
    )
    bench.write_text(text, encoding="utf-8")
    errors = errors_of(carry_out(tmp_path / "1", {"wires": "metal"}, bench, scheme="float"))
    better = errors_of(carry_out(tmp_path / "2", {"wires": "metal"}, bench, scheme="ground"))
    assert np.sqrt(np.mean(errors**2)) > 1
    assert np.isfinite(better).all()


@pytest.mark.usefixtures("full_die")
def test_repeats_show_the_noise_and_what_of_it_is_the_boards(tmp_path: Path) -> None:
    result = carry_out(tmp_path, repeats="32", rows="8", columns="64")
    summary = result.summary
    scatter = np.array([one.sigma for one in records_of(result)]) / STEP
    # Published: 27.2 nS + 1.86e-5 G a sample, here a quarter of it; the rest is the board's.
    own = 0.25 * (27.228e-9 + 1.8647e-5 * np.array([one.conductance for one in records_of(result)])) / STEP
    assert summary.noise == pytest.approx(np.sqrt(np.mean(scatter**2)))
    assert np.sqrt(np.mean(own**2)) < summary.noise < 1.6 * np.sqrt(np.mean(own**2))
    assert list(summary.noise_by_level) == ["0..4129", "4130..8259", "8260..12389", "12390..16519"]
    assert summary.noise_by_level["0..4129"] < summary.noise_by_level["12390..16519"]
    assert 0 < summary.amplifier_noise < summary.noise_by_level["0..4129"]


def test_the_map_of_one_run_is_the_reference_of_the_next(tmp_path: Path) -> None:
    first = carry_out(tmp_path / "1", quick="yes", samples="64")
    file = first.folder / "levels.csv"
    assert np.loadtxt(file, delimiter=",").shape == (16, 16)
    again = carry_out(tmp_path / "2", rows="16", columns="16", reference=str(file))
    assert again.summary.reference_error_rms < 0.1
    assert again.summary.reference_within_half_level == 1.0
    other = tmp_path / "other.csv"
    np.savetxt(other, np.full((16, 16), 3.0), delimiter=",")
    off = carry_out(tmp_path / "3", rows="16", columns="16", reference=str(other)).summary
    assert off.reference_error_mean == pytest.approx(off.level_mean - 3.0)
    siemens = np.loadtxt(first.folder / "conductance.csv", delimiter=",")
    assert siemens.mean() == pytest.approx(first.summary.conductance_mean, rel=1e-6)


@pytest.mark.parametrize("device", ["ru-azo", "ru-azo-soft", "vteam-tio2", "vteam-taox"])
def test_every_device_is_mapped(tmp_path: Path, device: str) -> None:
    result = carry_out(tmp_path, {"device": device}, quick="yes", scheme="ground")
    assert (result.passed, result.summary.cells) == (True, 256)
    if device != "ru-azo-soft":  # reads move that one
        assert np.abs(errors_of(result)).max() < 1.0


def test_a_flagged_cell_is_a_fact_and_no_exception(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    text = DEFAULT_BENCH.read_text(encoding="utf-8").replace('line_current = "250 mA"', 'line_current = "1 mA"')
    bench.write_text(text, encoding="utf-8")
    result = carry_out(tmp_path, {"device": "vteam-tio2"}, bench, scheme="ground", quick="yes")
    assert not result.passed
    assert all(one.in_compliance for one in records_of(result))


def test_it_goes_on_after_a_break_as_if_there_had_been_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = records_of(carry_out(tmp_path / "whole", quick="yes", repeats="2"))
    status, asked = LedgeredProbeBoard.multiply, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 9:  # the first one of the third step: four a step
            raise LinkError("the link of the test is gone")
        return status(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "multiply", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", quick="yes", repeats="2")
    result = resume(next((tmp_path / "broken").glob("*_read-map_*")), Watcher())
    same = [replace(one, time=0.0, boot=0, delivered=0) for one in records_of(result)]
    assert same == [replace(one, time=0.0, boot=0, delivered=0) for one in whole]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"row": "64"}, "no cell"),
        ({"rows": "65"}, "reach beyond"),
        ({"read_voltage": "0.22 V"}, "may disturb"),
        ({"reference": "none.csv"}, "none.csv"),
        ({"scheme": "third"}, "reverse"),
        ({"repeats": "0"}, "repeats"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(ParameterError, match=words):
        carry_out(tmp_path, None, None, **settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.zeros((3, 4)), "has 3 rows and 4 columns"),
        (np.full((64, 64), 50_000.0), "holds 50000"),
        (np.full((64, 64), np.nan), "finite"),
    ],
)
def test_a_reference_that_cannot_be_is_refused(
    tmp_path: Path, matrix: np.ndarray[Any, np.dtype[np.float64]], words: str
) -> None:
    file = tmp_path / "reference.npy"
    np.save(file, matrix)
    with pytest.raises(InputError, match=words):
        carry_out(tmp_path / "runs", reference=str(file))
    assert not (tmp_path / "runs").exists()


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, quick="yes", repeats="3"))
    parameters = read_parameters(ReadMapParameters, {"repeats": "3"})
    assert PROTOCOL.figure is not None
    assert PROTOCOL.files is not None
    assert len(PROTOCOL.figure(records, parameters).panels) == 5
    for count in (1, 7, 64, 100, len(records)):
        PROTOCOL.figure(records[:count], parameters)
        PROTOCOL.summarise(records[:count], parameters)
        assert len(list(PROTOCOL.files(records[:count], parameters))) == 2
    assert not PROTOCOL.summarise([], parameters).passed
    flagged = [replace(one, saturated=True) for one in records]
    PROTOCOL.figure(flagged, parameters)
    assert not PROTOCOL.summarise(flagged, parameters).passed
