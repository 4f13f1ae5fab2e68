"""`noise` on the twin, held against the twin's own noise."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EnvelopeError, LinkError, ParameterError
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from protocols import noise
from protocols.noise import PROTOCOL, NoiseParameters, NoiseRecord, plan
from protocols.noise_figure import figure
from sim_backend.device_models.profile_files import packaged_profile
from sim_backend.noise.flicker import corner_frequency

if TYPE_CHECKING:
    from pathlib import Path

    from protocols.approach import Approached

SMALL: dict[str, Any] = {"levels": "8259,", "reads": "1024", "spectrum_reads": "512", "pulses": "512"}
LEVEL = "8259"
TWIN = packaged_profile("ru-azo")


def records_of(result: RunResult) -> list[NoiseRecord]:
    with closing(RunReader(result.folder)) as reader:
        return reader.typed("record", NoiseRecord)


def carry_out(tmp_path: Path, seed: int = 1, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    request = RunRequest(protocol="noise", twin=twin or {}, settings=settings, options=options, data=tmp_path)
    return run(request, Watcher())


def refuse(tmp_path: Path, name: str, value: str) -> None:
    settings: dict[str, Any] = {name: value}
    carry_out(tmp_path, **settings)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A small run on the packaged bench."""
    return carry_out(tmp_path_factory.mktemp("noise"), **SMALL)


def test_read_and_write_noise_and_corner_are_the_twins(whole: RunResult) -> None:
    found = whole.summary
    assert whole.passed
    place = found.conductance_by_level[LEVEL]
    assert found.read_sigma == pytest.approx(TWIN.noise.read + TWIN.noise.read_slope * place, rel=0.1)
    share = (place - TWIN.g_min) / (TWIN.g_max - TWIN.g_min)
    assert found.write_sigma_relative == pytest.approx(TWIN.noise.write + TWIN.noise.write_rise * share, rel=0.1)
    assert found.write_sigma == pytest.approx(found.write_sigma_relative * found.step_by_level[LEVEL])
    assert corner_frequency(TWIN.noise) / 2 < found.corner < 2 * corner_frequency(TWIN.noise)
    assert found.reader_sigma == pytest.approx(58e-9, rel=0.15)  # 7.1e-6 of 1.25 mA, amplifier and driver
    assert found.telegraph == found.disturbed == 0


def test_an_ideal_reader_has_no_noise_of_its_own(tmp_path: Path) -> None:
    few: dict[str, Any] = {**SMALL, "spectrum_reads": "128", "pulses": "64", "staircase": "32"}
    found = carry_out(tmp_path, seed=3, twin={"front_end": "ideal"}, **few).summary
    true = TWIN.noise.read + TWIN.noise.read_slope * found.conductance_by_level[LEVEL]
    assert abs(found.read_sigma - true) < 3 * found.read_sigma_error < 0.1 * true
    assert found.reader_sigma + 2 * found.reader_sigma_error < 0.1 * found.read_sigma


def test_records_stand_for_every_read(whole: RunResult) -> None:
    records = records_of(whole)
    parts = {
        part: [one for one in records if one.part == part] for part in ("read", "reader", "spectrum", "up", "down")
    }
    assert [len(group) for group in parts.values()] == [16, 16, 512, 257, 257]
    assert {one.samples for one in parts["spectrum"]} == {400}
    assert {one.voltage for one in parts["reader"]} == {0.02}
    assert parts["up"][-1].conductance - parts["up"][0].conductance == pytest.approx(256 * 361e-9, rel=0.05)
    assert PROTOCOL.steps(NoiseParameters.model_validate(SMALL)) == 7


def test_the_figure_shows_a_run_whole_or_broken_off(whole: RunResult) -> None:
    records = records_of(whole)
    parameters = NoiseParameters.model_validate(SMALL)
    assert [bool(panel.marks) for panel in figure(records, parameters).panels] == [True] * 5
    for count in (1, 20, 40, 600):
        assert figure(records[:count], parameters).panels
        assert PROTOCOL.summarise(records[:count], parameters).summary.levels == 1
    assert not PROTOCOL.summarise([], parameters).passed


def test_a_run_goes_on_after_a_break_as_if_there_had_been_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: RunResult
) -> None:
    approach, calls = noise.approach, 0

    def broken_off(*arguments: Any, **named: Any) -> Approached:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise LinkError("the link of the test is gone")
        return approach(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(noise, "approach", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path, **SMALL)
    resumed = resume(next(tmp_path.glob("*_noise_*")), Watcher())
    assert [replace(one, time=0.0) for one in records_of(resumed)] == [
        replace(one, time=0.0) for one in records_of(whole)
    ]


def test_reads_that_move_the_cell_end_the_measurement(tmp_path: Path) -> None:
    result = carry_out(tmp_path, twin={"device": "ru-azo-soft"}, **SMALL)
    assert not result.passed
    assert result.summary.disturbed == 1
    assert result.summary.read_sigma is None
    assert result.bench_time < 1.0


def test_a_quick_run_is_a_small_one() -> None:
    steps = plan(NoiseParameters.model_validate({"quick": "yes"}))
    assert {step.level for step in steps} == {1259, 8259, 15259}
    assert sum(step.count for step in steps) < 20_000
    assert max(step.count for step in plan(NoiseParameters())) <= 512


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reader_voltage", "0.15 V"),
        ("read_voltage", "0.21 V"),
        ("samples", "4096"),
        ("levels", "5,5"),
        ("levels", "16520,"),
        ("row", "64"),
        ("staircase", "1001"),
    ],
)
def test_parameters_without_sense_are_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ParameterError, match=name if name != "row" else "rows"):
        refuse(tmp_path, name, value)


def test_a_read_beyond_the_envelope_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvelopeError, match="read_voltage"):
        carry_out(tmp_path, read_voltage="0.3 V", force="yes")
