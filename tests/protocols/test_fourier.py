"""`fourier` on the twin, held against numpy's transforms."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EnvelopeError, InputError, LinkError, ParameterError
from labctl.figure import Map
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.analysis.image_quality import structural_similarity
from protocols.analysis.image_transform import BlockTransform
from protocols.fourier import PROTOCOL
from protocols.fourier_array import FourierArray
from protocols.fourier_parameters import FourierParameters
from protocols.fourier_run import Transform

SMALL = {"points": "16", "vectors": "24", "training": "48"}
"""A whole run in a second: 16 points, programmed."""
UNTOUCHED = {"points": "8", "vectors": "4", "training": "8", "program": "no"}
"""What is counted does not depend on what stands in the cells."""
ROWS, COLUMNS = 20, 37


def carry_out(data: Path, twin: dict[str, str] | None = None, /, **settings: str) -> RunResult:
    options = BackendOptions(seed=1)
    return run(RunRequest("fourier", settings, twin=twin or {}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[Transform]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", Transform)


def timeless(records: list[Transform]) -> list[Transform]:
    return [replace(one, time=0.0) for one in records]


@dataclass(frozen=True)
class Done:
    """A run that every test may look at, and what it worked on."""

    result: RunResult
    records: list[Transform]
    picture: np.ndarray[Any, np.dtype[np.float64]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("fourier")
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    picture = np.clip(0.5 + 0.3 * np.sin(x / 3 + y * y / 90) + 0.2 * ((x // 5 + y // 5) % 2), 0, 1)
    np.save(folder / "picture.npy", picture)
    result = carry_out(folder, image=str(folder / "picture.npy"), **SMALL)
    return Done(result, records_of(result.folder), picture)


def test_there_and_back_it_is_as_exact_as_levels_and_readers_allow(done: Done) -> None:
    summary = done.result.summary
    assert done.result.passed
    # 16 points at 16 averages: 79.5 to 82 dB over seeds; the cells' scatter alone allows 84.
    assert summary.forward_db > 79
    assert summary.inverse_db > 78
    assert summary.snr_db == min(summary.forward_db, summary.inverse_db)
    assert summary.snr_raw_db == min(summary.forward_raw_db, summary.inverse_raw_db)
    assert summary.snr_raw_db < summary.snr_db < 90
    assert summary.enob == pytest.approx((summary.snr_db - 1.76) / 6.02)
    assert summary.round_trip_db < summary.snr_db
    assert 0.1 < summary.programming_rms < 1


def test_the_summary_is_what_the_records_say(done: Done) -> None:
    for stage, exact in (("forward", np.fft.fft), ("inverse", np.fft.ifft)):
        own = [one for one in done.records if one.stage == stage]
        given, found = (
            np.array([getattr(one, name) for one in own])
            + 1j * np.array([getattr(one, f"{name}_imaginary") for one in own])
            for name in ("given", "found")
        )
        ideal = exact(given)
        ratio = 10 * np.log10(np.sum(np.abs(ideal) ** 2) / np.sum(np.abs(found - ideal) ** 2))
        assert getattr(done.result.summary, f"{stage}_db") == pytest.approx(ratio)
    forward = [one for one in done.records if one.stage == "forward"]
    inverse = [one for one in done.records if one.stage == "inverse"]
    assert [one.found for one in forward] == [one.given for one in inverse]  # what came there goes back
    assert len({one.calibration for one in done.records}) == 1
    assert len(done.records[0].calibration) == 64


def test_no_training_vector_is_a_test_vector(done: Done) -> None:
    training = {one.given for one in done.records if one.stage in ("signals", "spectra", "plain")}
    tests = {part for one in done.records for part in (one.given, one.given_imaginary) if one.stage == "forward"}
    assert len(training) == 3 * 48
    assert len(tests) == 2 * 24
    assert not training & tests


def test_every_pass_is_counted(done: Done) -> None:
    summary = done.result.summary
    assert summary.training_passes == 48 * (2 + 2 + 1)
    assert summary.passes == 4
    blocks = 2 * 3
    # A block of N x N: N products of greys, of one pass; then N and, back, 2 N of two, or one where nothing is below 0.
    assert blocks * 16 * 4 <= summary.picture_passes <= blocks * 16 * 7
    assert summary.passes_in_all == summary.training_passes + 4 * 48 + summary.picture_passes
    assert summary.blocks == blocks


def test_the_picture_comes_back_and_is_kept(done: Done) -> None:
    summary, folder = done.result.summary, done.result.folder
    found: np.ndarray[Any, np.dtype[np.float64]] = np.load(folder / "reconstructed.npy")
    assert found.shape == done.picture.shape
    assert summary.ssim == pytest.approx(structural_similarity(done.picture, found), abs=1e-12)
    assert summary.ssim > 0.999
    error = np.sqrt(np.mean((found - done.picture) ** 2))
    assert summary.picture_psnr_db == pytest.approx(-20 * np.log10(error))
    assert summary.picture_snr_db == pytest.approx(20 * np.log10(np.sqrt(np.mean(done.picture**2)) / error))
    assert summary.picture_snr_db > 60
    with Image.open(folder / "reconstructed.png") as kept:
        assert kept.mode == "L"
        assert np.abs(np.asarray(kept, np.float64) / 255 - np.clip(found, 0, 1)).max() <= 0.5 / 255 + 1e-12


@pytest.mark.parametrize(("signal", "forward", "inverse"), [("complex", 4, 4), ("real", 2, 2), ("non-negative", 1, 2)])
def test_symmetry_and_sign_save_passes(tmp_path: Path, signal: str, forward: int, inverse: int) -> None:
    folder = carry_out(tmp_path, signal=signal, **UNTOUCHED).folder
    for stage, passes in (("forward", forward), ("inverse", inverse)):
        own = [one.passes for one in records_of(folder) if one.stage == stage]
        assert own == [passes] * 4


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_one_direction_alone(tmp_path: Path, direction: str) -> None:
    result = carry_out(tmp_path, direction=direction, **UNTOUCHED)
    assert {one.stage for one in records_of(result.folder)} == {
        direction,
        "signals" if direction == "forward" else "spectra",
    }
    assert result.summary.round_trip_db is None
    assert result.summary.snr_db is not None


@pytest.mark.parametrize("mapping", ["differential", "reference"])
def test_other_mappings_take_more_columns(tmp_path: Path, mapping: str) -> None:
    settings = {**SMALL, "points": "8", "mapping": mapping}
    result = carry_out(tmp_path, **settings)
    assert result.summary.snr_db > 74
    basis = [one for one in records_of(result.folder) if one.stage == "basis"]
    assert len(basis[0].given) == {"differential": 16, "reference": 9}[mapping]


def test_without_training_nothing_is_called_calibrated(tmp_path: Path) -> None:
    result = carry_out(tmp_path, **{**UNTOUCHED, "training": "0", "figure": "raw"})
    assert result.summary.snr_db is None
    assert result.summary.snr_raw_db is not None
    assert not result.passed
    assert result.summary.enob == pytest.approx((result.summary.snr_raw_db - 1.76) / 6.02)


def test_cells_that_cannot_reach_their_targets_are_given_up_soon(tmp_path: Path) -> None:
    """The lowest 825 levels lie below the range of these cells: an eighth of the basis is out of reach."""
    data = tmp_path / "runs"
    request = RunRequest(
        "fourier", {"quick": "yes"}, twin={"device": "vteam-tio2"}, options=BackendOptions(seed=1), data=data
    )
    result = run(request, Watcher())
    assert result.bench_time < 12  # without them it takes 6 s
    basis = [one for one in records_of(result.folder) if one.stage == "basis"]
    wanted, found = (np.array([getattr(one, name) for one in basis]) for name in ("given", "found"))
    in_reach = wanted > 900
    assert np.median(np.abs(found - wanted)[in_reach]) < 1
    assert np.abs(found - 825)[~in_reach].max() < 65


def break_at(patched: pytest.MonkeyPatch, kind: type, method: str, call: int) -> None:
    """Let the link of a run be gone when a method is called for the n-th time."""
    whole, calls = getattr(kind, method), 0

    def broken_off(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise LinkError("the link of the test is gone")
        return whole(*arguments, **named)

    patched.setattr(kind, method, broken_off)


def test_it_goes_on_after_two_breaks_as_if_there_had_been_none(
    tmp_path: Path, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "picture.npy", done.picture)
    with monkeypatch.context() as patched:
        break_at(patched, FourierArray, "transforms", 3)  # before the second batch of test vectors
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", image=str(tmp_path / "picture.npy"), **SMALL)
    folder = next((tmp_path / "broken").glob("*_fourier_*"))
    with monkeypatch.context() as patched:
        break_at(patched, BlockTransform, "forward", 3)  # before the third block
        with pytest.raises(LinkError):
            resume(folder, Watcher())
    result = resume(folder, Watcher())
    assert timeless(records_of(result.folder)) == timeless(done.records)


def test_blocks_that_are_to_come_are_missing_in_the_picture(tmp_path: Path, done: Done) -> None:
    np.save(tmp_path / "picture.npy", done.picture)
    parameters = read_parameters(FourierParameters, {**SMALL, "image": str(tmp_path / "picture.npy")})
    first = [one.stage for one in done.records].index("picture")
    second = next(place for place, one in enumerate(done.records) if one.stage == "picture" and one.index == 1)
    assert PROTOCOL.figure is not None
    begun = PROTOCOL.figure(done.records[:second], parameters)
    panels = {panel.title: panel.marks[0] for panel in begun.panels}
    original, came = panels["Picture"], panels["There and back"]
    assert isinstance(original, Map)
    assert isinstance(came, Map)
    assert original.values.shape == came.values.shape == done.picture.shape
    assert np.isfinite(came.values).sum() == sum(len(one.found) for one in done.records[first:second])
    assert f"1 of {len(parameters.blocks())} blocks" in begun.title


def test_a_run_that_broke_off_has_a_figure_and_a_summary(done: Done) -> None:
    parameters = read_parameters(FourierParameters, SMALL)
    assert PROTOCOL.figure is not None
    assert PROTOCOL.files is not None
    assert len(PROTOCOL.figure(done.records, parameters).panels) == 6
    lengths = {*range(1, len(done.records), 29), 16, len(done.records) - 1}
    for count in sorted(lengths):
        assert PROTOCOL.figure(done.records[:count], parameters).panels
        assert PROTOCOL.summarise(done.records[:count], parameters).summary.ssim is None
        list(PROTOCOL.files(done.records[:count], parameters))
    assert not PROTOCOL.summarise([], parameters).passed


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"points": "63"}, ParameterError, "even number"),
        ({"points": "128"}, ParameterError, "128 points take 128 rows"),
        ({"row": "1"}, ParameterError, "64 points take 64 rows"),
        ({"mapping": "differential"}, ParameterError, "128 columns"),
        ({"rows": "32"}, ParameterError, "set points"),
        ({"training": "0"}, ParameterError, "nothing is calibrated"),
        ({"training": "3"}, ParameterError, "do not tell a gain"),
        ({"voltage": "0.24 V"}, ParameterError, "may disturb"),
        ({"voltage": "0.4 V"}, ParameterError, "this die allows"),
        ({"read_voltage": "0.4 V"}, EnvelopeError, "read_voltage"),
        ({"averages": "4097"}, ParameterError, "averages"),
        ({"image": "bright.npy"}, ParameterError, "within 0..1"),
        ({"image": "small.npy"}, ParameterError, "11 x 11"),
        ({"image": "nan.npy"}, ParameterError, "finite"),
        ({"image": "none.png"}, ParameterError, "none.png"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], error: type[InputError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("bright.npy", np.full((16, 16), 1.5))
    np.save("small.npy", np.full((16, 10), 0.5))
    np.save("nan.npy", np.full((16, 16), np.nan))
    with pytest.raises(error, match=words):
        carry_out(tmp_path / "runs", **settings)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
