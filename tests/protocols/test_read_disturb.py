"""`read-disturb` on the twin, held against the device model, integrated apart from it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EnvelopeError, InputError, LinkError, ParameterError
from labctl.ledgered import LedgeredProbeBoard
from labctl.levels import LEVELS
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.read_disturb import PROTOCOL, ReadDisturbParameters, ReadsDone
from protocols.read_disturb_summary import voltage_disturbs
from sim_backend.device_models.catalogue import model_of
from sim_backend.device_models.profile_files import packaged_profile
from sim_backend.device_models.ru_azo import RuAzo

SOFT = model_of(packaged_profile("ru-azo-soft"))
STEP = 1e-9
"""Of the integration (s)."""


def carry_out(data: Path, seed: int = 1, device: str = "ru-azo", **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    return run(RunRequest("read-disturb", settings, twin={"device": device}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[ReadsDone]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", ReadsDone)


def level_of(position: float) -> float:
    """Return the level that a soft cell at a position shows."""
    profile = SOFT.profile
    conductance = float(SOFT.conductance(np.array([[position], [0.0], [0.0]]))[0])
    return (conductance - profile.g_min) / ((profile.g_max - profile.g_min) / (LEVELS - 1))


def expected(level: float, voltage: float, time: float) -> float:
    """Return by how many levels a soft cell at `level` moves under `voltage` (V) for `time` (s): the law of rates."""
    assert isinstance(SOFT, RuAzo)
    positions = np.arange(0.0, LEVELS, 10.0)
    start = float(np.interp(level, [level_of(position) for position in positions.tolist()], positions))
    return level_of(start + float(SOFT.kinetics.rate(voltage)) * time) - level_of(start)


@pytest.mark.parametrize("voltage", [0.16, 0.2, 0.24])
def test_the_fitted_disturb_of_the_soft_die_is_found(tmp_path: Path, voltage: float) -> None:
    settings = {"read_voltage": f"{voltage} V", "force": "yes", "quick": "yes", "levels": "4000,8000,11000"}
    result = carry_out(tmp_path, 2, "ru-azo-soft", **settings)
    (found,) = voltage_disturbs(records_of(result.folder))
    assert not result.passed
    assert result.summary.found
    for cell in found.cells:
        assert cell.line is not None
        mine = expected(cell.line.start + 250, voltage, 30e-6 + 16 * 5e-6)
        assert cell.line.slope == pytest.approx(mine, rel=0.015, abs=3.5 * cell.line.slope_sigma)
        assert cell.line.slope_sigma < 0.02 * mine
    assert result.summary.disturb_per_second == pytest.approx(result.summary.disturb_per_read / 110e-6)


@pytest.mark.parametrize("device", ["ru-azo", "vteam-tio2", "vteam-taox"])
def test_a_die_that_reads_do_not_move_is_not_blamed_and_gets_a_bound(tmp_path: Path, device: str) -> None:
    result = carry_out(tmp_path, 1, device, quick="yes")
    assert result.passed
    assert not result.summary.found
    assert result.summary.disturb_at_most < 1e-3
    assert result.summary.reads_to_half_level is None
    assert result.summary.reads_to_half_level_at_least == pytest.approx(0.5 / result.summary.disturb_at_most)
    assert result.summary.reads == 1000


def test_the_soft_die_is_quiet_below_its_bypass(tmp_path: Path) -> None:
    # The softplus law holds from 155 mV on (published compact model).
    summary = carry_out(tmp_path, 1, "ru-azo-soft", quick="yes", read_voltage="150 mV").summary
    assert not summary.found
    assert summary.disturb_at_most < 1e-3


def test_the_hard_threshold_holds_at_the_envelopes_read_voltage(tmp_path: Path) -> None:
    summary = carry_out(tmp_path, 1, quick="yes", read_voltage="0.25 V", force="yes", voltages="2").summary
    assert summary.voltages == pytest.approx((0.125, 0.25))
    assert max(summary.per_read_at_most) < 1e-3


def test_longer_reads_disturb_longer(tmp_path: Path) -> None:
    short = carry_out(tmp_path, 3, "ru-azo-soft", quick="yes", levels="6000,").summary
    long = carry_out(tmp_path, 3, "ru-azo-soft", quick="yes", levels="6000,", samples="64").summary
    ratio = long.disturb_per_read / short.disturb_per_read
    assert ratio == pytest.approx((30 + 64 * 5) / (30 + 16 * 5), rel=0.03)
    assert long.disturb_per_second == pytest.approx(short.disturb_per_second, rel=0.03)


def test_the_level_before_the_first_read_is_led_back_to(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, 1, "ru-azo-soft", quick="yes", levels="6000,").folder)
    line = voltage_disturbs(records)[0].cells[0].line
    assert line is not None
    assert line.start == pytest.approx(records[0].reading - line.slope, abs=5 * line.walk)


def test_it_goes_on_after_a_break_as_if_there_had_been_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"quick": "yes", "voltages": "2"}
    whole = records_of(carry_out(tmp_path / "whole", 1, **settings).folder)
    read, reads = LedgeredProbeBoard.read, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal reads
        reads += 1
        if reads == 60:
            raise LinkError("the link of the test is gone")
        return read(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "read", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", 1, **settings)
    result = resume(next((tmp_path / "broken").glob("*_read-disturb_*")), Watcher())
    same = [replace(one, time=0.0, boot=0, delivered=0) for one in records_of(result.folder)]
    assert same == [replace(one, time=0.0, boot=0, delivered=0) for one in whole]


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"read_voltage": "0.24 V"}, ParameterError, "force=yes"),
        ({"read_voltage": "0.3 V", "force": "yes"}, EnvelopeError, "read_voltage"),
        ({"row": "63"}, ParameterError, "die has 1 there"),
        ({"row": "64", "levels": "5,"}, ParameterError, "no cell"),
        ({"voltages": "50"}, ParameterError, "reads need 10 mV"),
        ({"reads": "3"}, ParameterError, "reads"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words):
        carry_out(tmp_path, 1, **settings)
    assert not list(tmp_path.iterdir())


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path) -> None:
    records = records_of(carry_out(tmp_path, quick="yes", voltages="2").folder)
    parameters = read_parameters(ReadDisturbParameters, {})
    assert PROTOCOL.figure is not None
    titles = [panel.title for panel in PROTOCOL.figure(records, parameters).panels]
    assert titles == ["Reads at 100 mV", "Reads at 200 mV", "Disturb of a read"]
    for count in (1, 2, 7, 8, 9, len(records) - 1):
        PROTOCOL.figure(records[:count], parameters)
        PROTOCOL.summarise(records[:count], parameters)
    assert not PROTOCOL.summarise([], parameters).passed
