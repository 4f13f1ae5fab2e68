"""`screen` on twins with planted faults: each must be found, and nothing else."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EnvelopeError, LinkError, ParameterError
from labctl.figure import Map
from labctl.ledgered import LedgeredProbeBoard
from labctl.levels import LEVELS, LevelScale
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.analysis.cell_yield import Kind
from protocols.screen import PROTOCOL, ScreenParameters
from protocols.screen_bursts import ScreenRead
from protocols.screen_summary import screened
from sim_backend import die as die_module
from sim_backend.audit_report import summary_in_truth
from sim_backend.noise.cell_traits import CellTraits

ROWS, COLUMNS = 9, 8
DEVICES = ("ru-azo", "ru-azo-soft", "vteam-tio2", "vteam-taox")


@dataclass
class Planted:
    """Faults of the dies that are made from here on, by cell; `traits` are those of the last die."""

    dead: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    short: dict[tuple[int, int], float] = field(default_factory=dict[tuple[int, int], float])
    stuck: dict[tuple[int, int], float] = field(default_factory=dict[tuple[int, int], float])
    slow: dict[tuple[int, int], float] = field(default_factory=dict[tuple[int, int], float])
    traits: CellTraits | None = None


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Planted:
    """Return a plan of faults, which every die of the test gets."""
    plan = Planted()

    class Traits(CellTraits):
        """Traits with the plan's faults."""

        def __init__(self, seed: int, cells: int, *arguments: Any) -> None:
            super().__init__(seed, cells, *arguments)
            plan.traits = self
            if plan.dead or plan.stuck or plan.short or plan.slow:
                self._plant(cells)

        def _plant(self, cells: int) -> None:
            planted_cells = plan.dead | {*plan.stuck}

            def flags(places: Any) -> Any:
                found = np.zeros(cells, np.bool_)
                found[[row * COLUMNS + column for row, column in places]] = True
                return found

            self.dead, self.stuck = flags(plan.dead), flags(plan.stuck)
            order = sorted(plan.stuck)
            self.stuck_at = np.array([plan.stuck[place] for place in order])
            offset = np.zeros(cells) if self.offset is None else self.offset.copy()
            rate = np.ones(cells)
            for (row, column), conductance in plan.short.items():
                offset[row * COLUMNS + column] = conductance
            for (row, column), factor in plan.slow.items():
                rate[row * COLUMNS + column] = factor
            self.offset, self.rate = offset, rate
            self.fixed = flags(planted_cells)

    monkeypatch.setattr(die_module, "CellTraits", Traits)
    return plan


@pytest.fixture
def random_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every die begin with cells anywhere in their range."""
    make = die_module.Die.__init__

    def made(die: die_module.Die, *arguments: Any, **named: Any) -> None:
        make(die, *arguments, **named)
        die.state[:] = np.random.default_rng(3).uniform(0, LEVELS - 1, die.state.shape)

    monkeypatch.setattr(die_module.Die, "__init__", made)


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """Return a bench with a small die."""
    file = tmp_path / "bench.toml"
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    text = text.replace("rows = 64", f"rows = {ROWS}").replace("columns = 64", f"columns = {COLUMNS}")
    file.write_text(text, encoding="utf-8")
    return file


def carry_out(data: Path, bench: Path | None, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=1, audit=True)
    return run(RunRequest("screen", settings, bench, "twin", twin or {}, options, data / "runs"), Watcher())


def records_of(folder: Path) -> list[ScreenRead]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", ScreenRead)


def kinds(result: RunResult) -> dict[tuple[int, int], str]:
    """Return what every cell is that is not good, from the file that the run left."""
    lines = (result.folder / "yield.csv").read_text().splitlines()[1:]
    found = {(int(row), int(column)): kind for row, column, kind, *_ in (line.split(",") for line in lines)}
    assert len(found) == result.summary.cells
    return {place: kind for place, kind in found.items() if kind != "good"}


def truth(result: RunResult) -> Any:
    with closing(RunReader(result.folder)) as reader:
        return summary_in_truth(reader, result.folder / "audit.sqlite")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("wires", ["ideal", "metal"])
def test_a_whole_die_gives_no_false_alarm(tmp_path: Path, bench: Path, device: str, wires: str) -> None:
    result = carry_out(tmp_path, bench, {"device": device, "wires": wires}, reverse="no", returns="0")
    assert result.passed
    assert kinds(result) == {}
    assert result.summary.good == 1.0
    assert truth(result).good == 1.0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("wires", ["ideal", "metal"])
def test_every_planted_cell_is_found_and_no_other(
    tmp_path: Path, bench: Path, planted: Planted, device: str, wires: str
) -> None:
    planted.dead = {(0, 0), (3, 4), (8, 7)}
    planted.stuck = {(2, 2): 3000.0, (5, 7): 14000.0, (8, 1): 14000.0}
    planted.slow = {(7, 3): 0.2}
    planted.short = {(6, 6): 20e-3}
    twin = {"device": device, "wires": wires}
    result = carry_out(tmp_path, bench, twin, reverse="no", returns="0", required="0.85")
    found = kinds(result)
    places = planted.dead | {*planted.stuck, *planted.slow, *planted.short}
    assert set(found) == places
    assert {place for place, kind in found.items() if kind == "open"} == planted.dead
    assert found[7, 3] == "weak"
    assert found[6, 6] == "short"
    assert {found[place] for place in planted.stuck} <= {"stuck low", "stuck high"}
    assert found[2, 2] == "stuck low"
    if device.startswith("ru-azo") and wires == "ideal":  # elsewhere the level is not the position
        assert (found[5, 7], found[8, 1]) == ("stuck high", "stuck high")
    summary = result.summary
    assert (summary.opens, summary.shorts, summary.weak) == (3, 1, 1)
    assert summary.good == pytest.approx(1 - len(places) / (ROWS * COLUMNS))
    assert result.passed
    assert truth(result).good == summary.good


def test_open_lines_are_found_as_such(tmp_path: Path, bench: Path, planted: Planted) -> None:
    planted.dead = {(4, column) for column in range(COLUMNS)} | {(row, 6) for row in range(ROWS)}
    planted.dead |= {(8, column) for column in range(COLUMNS)}
    result = carry_out(tmp_path, bench)
    assert not result.passed
    assert (result.summary.open_rows, result.summary.open_columns) == (2, 1)
    assert kinds(result) == dict.fromkeys(planted.dead, "open")


def test_a_shorted_cell_is_not_pulsed_and_stops_nobody(tmp_path: Path, bench: Path, planted: Planted) -> None:
    planted.short = {(3, 3): 30e-3}
    result = carry_out(tmp_path, bench)
    pulses = {(one.row, one.column): one.pulses for one in records_of(result.folder) if one.phase == "after"}
    assert pulses[3, 3] == 0
    assert min(count for place, count in pulses.items() if place != (3, 3)) >= 6
    assert kinds(result) == {(3, 3): "short"}


def test_where_a_short_would_carry_too_much_nothing_is_pulsed(tmp_path: Path, bench: Path, planted: Planted) -> None:
    planted.short = {(3, 3): 0.6}  # 120 mA at 0.2 V: beyond the largest range of the reader
    result = carry_out(tmp_path, bench)
    assert not result.passed
    assert result.summary.shorts == 1
    assert result.summary.untested == ROWS * COLUMNS - 1
    assert result.summary.pulses == 0
    assert kinds(result)[3, 3] == "short"


def test_a_row_in_compliance_is_not_pulsed(tmp_path: Path, bench: Path, planted: Planted) -> None:
    planted.short = {(3, 3): 2.0}  # 400 mA at 0.2 V: beyond the line's limit
    result = carry_out(tmp_path, bench)
    assert result.summary.held_rows == 1
    assert kinds(result)[3, 3] == "short"


@pytest.mark.parametrize("device", ["ru-azo", "vteam-taox"])
def test_cells_of_a_profile_with_faults_are_found(tmp_path: Path, bench: Path, planted: Planted, device: str) -> None:
    profile = tmp_path / "faulty.toml"
    shares = "[noise]\nstuck_share = 0.06\ndead_share = 0.04\n"
    profile.write_text(f'base = "{device}"\nname = "faulty"\n{shares}', encoding="utf-8")
    result = carry_out(tmp_path, bench, {"device": str(profile)})
    traits = planted.traits
    assert traits is not None
    assert traits.dead is not None
    assert traits.stuck is not None
    dead = {divmod(int(cell), COLUMNS) for cell in np.flatnonzero(traits.dead)}
    stuck = {divmod(int(cell), COLUMNS) for cell in np.flatnonzero(traits.stuck & ~traits.dead)}
    assert len(dead) > 1
    assert len(stuck) > 3
    found = kinds(result)
    assert {place for place, kind in found.items() if kind == "open"} == dead
    assert {place for place, kind in found.items() if kind.startswith("stuck")} == stuck
    assert set(found) == dead | stuck


def test_rectification_is_measured_and_can_be_asked_for(tmp_path: Path, bench: Path) -> None:
    film = carry_out(tmp_path / "1", bench).summary
    assert film.rectification == pytest.approx(1e4, rel=0.1)
    assert film.rectification_at_least < film.rectification
    oxide = carry_out(tmp_path / "2", bench, {"device": "vteam-taox"}, rectification="100")
    assert oxide.summary.rectification < 2
    assert oxide.summary.leaky == ROWS * COLUMNS
    assert oxide.summary.leaky_lines == ROWS + COLUMNS
    assert carry_out(tmp_path / "3", bench, rectification="100").passed


@pytest.mark.usefixtures("random_states")
def test_cells_are_left_about_where_they_were(tmp_path: Path, bench: Path) -> None:
    result = carry_out(tmp_path, bench)
    assert result.passed
    assert result.summary.good == 1.0
    assert result.summary.displaced_rms < 100
    assert truth(result).displaced_rms < 100


@pytest.mark.usefixtures("random_states")
@pytest.mark.parametrize("device", ["vteam-tio2", "vteam-taox"])
def test_a_nonlinear_film_gives_no_false_alarm_wherever_its_cells_stand(
    tmp_path: Path, bench: Path, device: str
) -> None:
    result = carry_out(tmp_path, bench, {"device": device}, reverse="no", returns="0")
    assert kinds(result) == {}


def test_it_goes_on_after_a_break_as_if_there_had_been_none(
    tmp_path: Path, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = records_of(carry_out(tmp_path / "whole", bench, reverse="no", returns="0").folder)
    pulse_read, asked = LedgeredProbeBoard.pulse_read, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 8:
            raise LinkError("the link of the test is gone")
        return pulse_read(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "pulse_read", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", bench, reverse="no", returns="0")
    result = resume(next((tmp_path / "broken" / "runs").glob("*_screen_*")), Watcher())
    same = [replace(one, time=0.0, boot=0, delivered=0) for one in records_of(result.folder)]
    assert same == [replace(one, time=0.0, boot=0, delivered=0) for one in whole]


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"levels": "16001"}, ParameterError, "levels"),
        ({"levels": "16000", "potentiation_width": "1 us"}, ParameterError, "pulse_width up to 10 ms"),
        ({"row": "64"}, ParameterError, "no cell"),
        ({"depression": "-2 V"}, EnvelopeError, "voltage"),
        ({"potentiation": "-0.9 V"}, ParameterError, "potentiation"),
        ({"required": "1.5"}, ParameterError, "required"),
        ({"read_voltage": "0.22 V"}, ParameterError, "may disturb"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        carry_out(tmp_path, None, None, **settings)
    assert not list(tmp_path.iterdir())


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path, bench: Path) -> None:
    records = records_of(carry_out(tmp_path, bench).folder)
    parameters = read_parameters(ScreenParameters, {})
    assert PROTOCOL.figure is not None
    assert len(PROTOCOL.figure(records, parameters).panels) == 6
    for count in (1, 50, 80, 145, 160, len(records) - 1):
        begun = PROTOCOL.figure(records[:count], parameters)
        (kinds,) = begun.panels[0].marks
        assert isinstance(kinds, Map)
        tested = int(np.isfinite(kinds.values).sum())
        assert begun.title.startswith(f"screen: {tested} of {kinds.values.size} cells tested")
        assert tested > 0 or "0 of them not good" in begun.title  # a cell that waits for its bursts is not bad
        PROTOCOL.summarise(records[:count], parameters)
    assert not PROTOCOL.summarise([], parameters).passed
    broken = screened(records[:160], parameters).found.kind
    assert np.count_nonzero(broken == Kind.UNTESTED) > 0


def test_the_scale_of_another_die_is_understood(tmp_path: Path, bench: Path) -> None:
    small = carry_out(tmp_path, bench, {"g_max": "20 uS", "wires": "metal"}, reverse="no", returns="0")
    assert small.passed
    assert records_of(small.folder)[0].one_level == pytest.approx(LevelScale.up_to(20e-6).step)
