"""`half-select` on the twin, held against the device model's law of rates."""

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
from labctl.levels import LEVELS
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.half_select import PROTOCOL, HalfSelectParameters, NeighbourRead
from sim_backend.device_models.catalogue import model_of
from sim_backend.device_models.profile_files import packaged_profile
from sim_backend.device_models.ru_azo import RuAzo

UP, DOWN = (0.9, 80e-9), (-0.75, 65e-9)
SHARES = {
    "half row": 0.5, "half column": 0.5, "half diagonal": 0.0,
    "third row": 1 / 3, "third column": 1 / 3, "third diagonal": -1 / 3,
}  # fmt: skip
"""Of the pulse's voltage that a neighbour gets, with sign (board specification, section 3)."""


def carry_out(data: Path, seed: int = 1, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    return run(RunRequest("half-select", settings, twin=twin or {}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[NeighbourRead]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", NeighbourRead)


def expected() -> dict[str, float]:
    """Return by how many levels the law moves a soft neighbour near level 6000 with one pulse, by name."""
    model = model_of(packaged_profile("ru-azo-soft"))
    assert isinstance(model, RuAzo)
    profile = model.profile
    positions = np.array([[5500.0, 6500.0], [0.0, 0.0], [0.0, 0.0]])
    rise = float(np.diff(model.conductance(positions))[0]) / 1000
    density = rise / ((profile.g_max - profile.g_min) / (LEVELS - 1))
    found: dict[str, float] = {}
    for name, share in SHARES.items():
        scheme, place = name.split()
        for after, (voltage, width) in {"up": UP, "down": DOWN}.items():
            stress = share * voltage
            rate = float(model.kinetics.rate(stress)) if abs(stress) > 0.155 else 0.0
            found[f"{scheme} {after} {place}"] = rate * width * density
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_the_fitted_disturb_of_the_soft_die_is_found_by_scheme_direction_and_place(tmp_path: Path, seed: int) -> None:
    result = carry_out(tmp_path, seed, {"device": "ru-azo-soft"}, quick="yes")
    summary, law = result.summary, expected()
    assert not result.passed
    assert set(summary.per_event) == set(law)
    assert summary.disturbed == 10  # all but those that see no voltage
    for name, value in law.items():
        margin = 4 * summary.per_event_sigma[name]
        assert summary.per_event[name] == pytest.approx(value, rel=0.015, abs=margin)
        assert summary.per_event_sigma[name] < 0.003
    assert summary.worst_half == pytest.approx(law["half up row"], rel=0.03)
    # (63 + 63) other cells, each programmed by half of all levels.
    assert summary.array_half == pytest.approx(126 * 8260 * summary.worst_half)


@pytest.mark.parametrize("device", ["ru-azo", "vteam-tio2", "vteam-taox"])
def test_a_selfselecting_die_is_not_blamed_and_gets_a_bound(tmp_path: Path, device: str) -> None:
    result = carry_out(tmp_path, 1, {"device": device}, quick="yes")
    assert result.passed
    assert result.summary.disturbed == 0
    assert max(result.summary.per_event_at_most.values()) < 1e-4
    assert result.summary.array_half == result.summary.array_third == 0.0


def test_half_a_level_in_a_whole_array_becomes_visible_with_long_trains(tmp_path: Path) -> None:
    summary = carry_out(tmp_path, 1, scheme="half", pulses="1000000", cycles="12", reads="16").summary
    assert summary.disturbed == 0
    assert summary.array_half_at_most < 0.5
    assert (summary.array_third, summary.worst_third) == (None, None)


def test_honest_dies_are_hardly_ever_blamed(tmp_path: Path) -> None:
    found = [carry_out(tmp_path, seed, quick="yes", row="9", column="63").summary for seed in range(1, 9)]
    assert sum(one.disturbed for one in found) <= 1
    truth = [abs(one.per_event[name]) / one.per_event_sigma[name] for one in found for name in one.per_event]
    assert np.sqrt(np.mean(np.square(truth))) < 1.5


def test_trains_grow_only_where_they_move_no_neighbour(tmp_path: Path) -> None:
    quiet = records_of(carry_out(tmp_path / "1", scheme="half", quick="yes").folder)
    soft = records_of(carry_out(tmp_path / "2", twin={"device": "ru-azo-soft"}, scheme="half", quick="yes").folder)
    assert sorted({one.pulses for one in quiet}) == [0, 1000, 8000]
    assert sorted({one.pulses for one in soft}) == [0, 1000]


def test_neighbours_lie_inside_the_die(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, row="63", column="0", quick="yes", scheme="third").folder)
    places = {(one.place, one.row, one.column) for one in records}
    assert places == {("row", 63, 1), ("column", 62, 0), ("diagonal", 62, 1)}


def test_it_goes_on_after_a_break_as_if_there_had_been_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = records_of(carry_out(tmp_path / "whole", quick="yes").folder)
    scheme, schemes = LedgeredProbeBoard.set_scheme, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal schemes
        schemes += 1
        if schemes == 8:
            raise LinkError("the link of the test is gone")
        return scheme(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "set_scheme", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", quick="yes")
    result = resume(next((tmp_path / "broken").glob("*_half-select_*")), Watcher())
    same = [replace(one, time=0.0, boot=0, delivered=0) for one in records_of(result.folder)]
    assert same == [replace(one, time=0.0, boot=0, delivered=0) for one in whole]


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"pulses": "1000000", "potentiation_width": "10 us"}, ParameterError, "take longer than 4 s"),
        ({"read_voltage": "0.1 V"}, ParameterError, "levels are defined"),
        ({"row": "64"}, ParameterError, "no cell"),
        ({"level": "16520"}, ParameterError, "level"),
        ({"depression": "-2 V"}, EnvelopeError, "voltage"),
        ({"cycles": "1"}, ParameterError, "cycles"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words):
        carry_out(tmp_path, 1, None, **settings)
    assert not list(tmp_path.iterdir())


def test_a_life_that_is_too_short_and_a_die_without_neighbours_are_refused(tmp_path: Path) -> None:
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    bench = tmp_path / "bench.toml"
    for found, changed, words in [
        ("pulses_per_cell = 1e9", "pulses_per_cell = 1e4", "exceed its life"),
        ("columns = 64", "columns = 1", "neither row nor column"),
    ]:
        bench.write_text(text.replace(found, changed), encoding="utf-8")
        request = RunRequest("half-select", bench=bench, backend="twin", data=tmp_path / "runs")
        with pytest.raises(InputError, match=words):
            run(request, Watcher())


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, quick="yes").folder)
    parameters = read_parameters(HalfSelectParameters, {})
    assert PROTOCOL.figure is not None
    assert len(PROTOCOL.figure(records, parameters).panels) == 4
    for count in (1, 9, 97, 120, 150, 200, len(records) - 1):
        PROTOCOL.figure(records[:count], parameters)
        PROTOCOL.summarise(records[:count], parameters)
    assert not PROTOCOL.summarise([], parameters).passed
