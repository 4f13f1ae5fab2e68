"""`separability` on the twin, and how it is refused, broken off and gone on with."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import LinkError, ParameterError
from labctl.levels import LEVELS, LevelScale
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from protocols import separability
from protocols.analysis.level_errors import reads_needed
from protocols.separability import PROTOCOL, SeparabilityParameters, SeparabilityRecord
from protocols.separability_figure import figure
from protocols.separability_summary import scale_of
from sim_backend.device_models.profile_files import packaged_profile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SMALL: dict[str, Any] = {"levels": "2000,14000", "reads": "1024", "long_reads": "256"}
IDEAL = {"front_end": "ideal"}
NOISE = packaged_profile("ru-azo").noise
STEP = LevelScale().step


def records_of(result: RunResult) -> list[SeparabilityRecord]:
    with closing(RunReader(result.folder)) as reader:
        return reader.typed("record", SeparabilityRecord)


def carry_out(tmp_path: Path, seed: int = 1, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    request = RunRequest(protocol="separability", twin=twin or {}, settings=settings, options=options, data=tmp_path)
    return run(request, Watcher())


def refuse(tmp_path: Path, name: str, value: str) -> None:
    settings: dict[str, Any] = {name: value}
    carry_out(tmp_path, **settings)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A small run on a bench whose reader has no noise."""
    return carry_out(tmp_path_factory.mktemp("separability"), twin=IDEAL, **SMALL)


def test_noise_and_samples_needed_are_those_of_the_twin(whole: RunResult) -> None:
    found = whole.summary
    assert whole.passed
    for level, place in found.conductance_by_level.items():
        sigma = NOISE.read + NOISE.read_slope * place
        assert found.sigma_by_level[level] == pytest.approx(sigma, rel=0.06)
        needed = reads_needed(1e-3, STEP, sigma, NOISE.flicker_share**2)
        assert needed is not None
        assert abs(found.samples_needed_by_level[level] - needed) <= 1
        assert abs(found.distance_by_level[level] - 1) < 0.5
    assert found.samples_needed == max(found.samples_needed_by_level.values())


def test_measured_misreads_are_those_to_be_expected(whole: RunResult) -> None:
    found = whole.summary
    assert found.agreement >= 0.7
    assert found.misread_low <= found.misread_expected <= found.misread_high
    assert found.misread_by_samples["1"] == found.misread > found.misread_by_samples["8"]
    assert list(found.misread_by_samples) == ["1", "2", "4", "8", "16", "32", "64"]


def test_distinguishable_levels_are_those_of_the_twins_noise(whole: RunResult) -> None:
    # A published figure: 1.44e4 at 3 deviations of the film's own read noise.
    assert whole.summary.distinguishable == pytest.approx(14_400, rel=0.06)


def test_records_tell_the_scale_of_the_die(whole: RunResult) -> None:
    scale = scale_of(records_of(whole))
    assert scale.step == pytest.approx(STEP, rel=1e-6)
    assert scale.g_max == pytest.approx(LevelScale().g_max, rel=1e-6)


def test_the_figure_shows_a_run_whole_or_broken_off(whole: RunResult) -> None:
    records, parameters = records_of(whole), SeparabilityParameters.model_validate(SMALL)
    assert [bool(panel.marks) for panel in figure(records, parameters).panels] == [True] * 4
    for count in (1, 1100, 1400, 3000):
        assert figure(records[:count], parameters).panels
        assert PROTOCOL.summarise(records[:count], parameters).summary.pairs <= 1
    assert not PROTOCOL.summarise([], parameters).passed


def test_a_run_goes_on_after_a_break_as_if_there_had_been_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: RunResult
) -> None:
    read, calls = separability.read_in_turns, 0

    def broken_off(*arguments: Any) -> NDArray[Any]:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise LinkError("the link of the test is gone")
        return read(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(separability, "read_in_turns", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path, twin=IDEAL, **SMALL)
    resumed = resume(next(tmp_path.glob("*_separability_*")), Watcher())
    assert [replace(one, time=0.0) for one in records_of(resumed)] == [
        replace(one, time=0.0) for one in records_of(whole)
    ]


def test_reads_that_move_the_cell_end_the_measurement(tmp_path: Path) -> None:
    result = carry_out(tmp_path, twin={"device": "ru-azo-soft"}, **SMALL)
    assert not result.passed
    assert result.summary.disturbed == 1
    assert result.summary.samples_needed is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("levels", f"100,{LEVELS - 1}"),
        ("levels", "5,5"),
        ("read_voltage", "0.1 V"),
        ("samples", "4096"),
        ("column", "64"),
        ("misread", "0.5"),
    ],
)
def test_parameters_without_sense_are_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ParameterError, match=name):
        refuse(tmp_path, name, value)
