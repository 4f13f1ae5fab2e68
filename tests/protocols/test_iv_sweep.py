"""`iv-sweep` on the twin, held against the devices' profiles."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EnvelopeError, InputError, LinkError
from labctl.figure import Curve
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.iv_reader import BoardIvReader, SmuIvReader
from protocols.iv_sweep import PROTOCOL, IvPoint, IvSweepParameters, branches

SOLO = """
[bench]
name = "an SMU and a probe tip"
[instruments.smu]
driver = "keithley-2450"
address = "TCPIP0::192.168.1.50::5025::SOCKET"
[envelope]
voltage = "1.3 V"
read_voltage = "0.25 V"
cell_current = "15 mA"
line_current = "250 mA"
pulse_width = "10 ms"
pulses_per_cell = 1e9
[die]
id = "one"
rows = 1
columns = 1
[twin]
"""


LOOPS = {"instrument": "smu", "mode": "loop"}
"""What is asked for unless a test says otherwise."""


def carry_out(
    folder: Path, device: str = "ru-azo", seed: int = 1, file: str | None = None, **settings: Any
) -> RunResult:
    """Run it on the packaged bench where the board measures, else on an SMU alone."""
    settings = LOOPS | settings
    folder.mkdir(exist_ok=True)
    bench = None
    if file or settings["instrument"] != "board":
        bench = folder / "solo.toml"
        bench.write_text(file or SOLO, "utf-8")
    request = RunRequest(
        protocol="iv-sweep",
        settings=settings,
        bench=bench,
        backend="twin",
        twin={"device": device},
        options=BackendOptions(seed=seed),
        data=folder,
    )
    return run(request, Watcher())


def records_of(result: RunResult) -> list[IvPoint]:
    with closing(RunReader(result.folder)) as reader:
        return reader.typed("record", IvPoint)


def parameters(**settings: str) -> IvSweepParameters:
    return read_parameters(IvSweepParameters, LOOPS | settings)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_loop_finds_the_films_law_rectification_and_threshold(tmp_path: Path, seed: int) -> None:
    result = carry_out(tmp_path, seed=seed)
    found, records = result.summary, records_of(result)
    assert result.passed
    assert found.conduction_voltage == pytest.approx(0.3492, rel=2e-3)  # driven to 7.1 mS; 343.826 mV where erased
    assert found.conduction_voltage_sigma < 1e-3
    assert found.rectification_ratio == pytest.approx(1e4, rel=0.01)
    assert abs(found.threshold_up - 0.466) < 3 * found.threshold_up_sigma < 0.05
    assert found.threshold_down is None  # reverse currents are far below the noise of the sweep's range
    assert found.on_off_ratio > 2e4
    assert found.in_compliance == sum(record.in_compliance for record in records) > 0
    assert all(abs(record.current) <= 10.01e-3 for record in records)
    assert [records[0].part, records[-1].part] == ["before", "after"]
    assert found.conductance_before == pytest.approx(records[0].current / 0.2, rel=0.05)


@pytest.mark.parametrize(("device", "bend", "ratio"), [("vteam-taox", 0.5, 300), ("vteam-tio2", None, 20)])
def test_oxides(tmp_path: Path, device: str, bend: float | None, ratio: float) -> None:
    found = carry_out(tmp_path, device, v_min="-0.9 V").summary
    if bend is None:
        assert found.conduction_voltage is None
        assert found.conduction_voltage_least > 5
    else:
        assert found.conduction_voltage == pytest.approx(bend, rel=5e-3)
    assert found.rectification_ratio == pytest.approx(1, abs=3e-3)
    assert found.on_off_ratio == pytest.approx(ratio, rel=0.1)
    assert 0.5 <= found.threshold_up < 0.9
    assert -0.9 < found.threshold_down <= -0.4


def test_pulses_of_the_smu_show_the_threshold_where_the_film_blocks(tmp_path: Path) -> None:
    result = carry_out(tmp_path, mode="pulsed")
    found = result.summary
    assert result.passed
    assert abs(found.threshold_up - 0.466) < 3 * found.threshold_up_sigma < 0.05
    assert abs(found.threshold_down + 0.466) < 3 * found.threshold_down_sigma < 0.05
    assert found.conduction_voltage == pytest.approx(0.3492, rel=4e-3)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pulses_of_the_board(tmp_path: Path, seed: int) -> None:
    result = carry_out(tmp_path, seed=seed, instrument="board", mode="pulsed")
    found, records = result.summary, records_of(result)
    assert result.passed
    assert abs(found.threshold_up - 0.466) < 3 * found.threshold_up_sigma < 0.05
    assert abs(found.threshold_down + 0.466) < 3 * found.threshold_down_sigma < 0.05
    assert found.conduction_voltage == pytest.approx(0.3443, rel=5e-3)
    if found.rectification_ratio is not None:
        assert found.rectification_ratio == pytest.approx(1e4, rel=0.3)
    assert found.rectification_at_least > 3e3
    assert {record.voltage for record in records if record.part == "verify"} == {0.2}


def test_a_staircase_goes_one_way(tmp_path: Path) -> None:
    result = carry_out(tmp_path, mode="staircase", loops="1")
    swept = [record.voltage for record in records_of(result) if record.part == "sweep"]
    assert swept == sorted(swept)
    assert (swept[0], swept[-1], len(swept)) == (-0.75, 0.9, 61)
    found = result.summary
    assert found.on_off_ratio is None
    assert found.loop_area is None
    assert found.conduction_voltage == pytest.approx(0.3492, rel=4e-3)


def test_a_cell_that_conducts_too_little_for_a_reader_does_not_pass(tmp_path: Path) -> None:
    result = carry_out(tmp_path, instrument="board", v_max="0.2 V", v_min="-0.2 V", samples="1")
    assert not result.passed
    assert result.summary.rectification_ratio is None
    assert result.summary.rectification_at_least < 1e4
    assert result.summary.threshold_up is None


def test_a_cell_that_moves_under_the_reads_does_not_pass(tmp_path: Path) -> None:
    result = carry_out(tmp_path, "ru-azo-soft", instrument="board", mode="pulsed")
    assert not result.passed
    assert result.summary.threshold_up < 0.3


@pytest.mark.parametrize("settings", [{}, {"instrument": "board", "mode": "pulsed"}])
def test_a_run_that_broke_off_goes_on_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    # A broken-off step is gone through again, so the break comes at its very beginning.
    whole = carry_out(tmp_path / "whole", **settings)
    kind, name = (BoardIvReader, "pulse") if settings else (SmuIvReader, "sweep")
    measure, calls = getattr(kind, name), list[int]()

    def broken_off(self: Any, levels: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise LinkError("cut")
        return measure(self, levels)

    with monkeypatch.context() as patched:
        patched.setattr(kind, name, broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", **settings)
    resumed = resume(next((tmp_path / "broken").glob("*_iv-sweep_*")), Watcher())
    assert [_kept(one) for one in records_of(resumed)] == [_kept(one) for one in records_of(whole)]


def _kept(record: IvPoint) -> IvPoint:
    return replace(record, time=0.0, current=0.0 if math.isnan(record.current) else record.current)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"v_max": "1.31 V"}, "outside the envelope"),
        ({"v_min": "-2 V"}, "outside the envelope"),
        ({"compliance": "16 mA"}, "outside the envelope"),
        ({"nplc": "1"}, "may last 126 ms"),
        ({"delay": "5 ms"}, "may last"),
        ({"instrument": "board"}, "a board reads up to 250 mV"),
        ({"instrument": "board", "v_max": "0.24 V", "v_min": "0 V"}, "force=yes"),
        ({"instrument": "board", "mode": "pulsed", "width": "1 ms", "count": "10000"}, "fewer of them"),
        ({"instrument": "board", "mode": "pulsed", "width": "11 ms"}, "outside the envelope"),
        ({"v_max": "0 V", "v_min": "0 V"}, "two voltages that differ"),
        ({"row": "64"}, "no cell|no source|rows 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        carry_out(tmp_path, **settings)
    assert not list(tmp_path.glob("*_iv-sweep_*"))


def test_an_smu_on_an_array_writes_only_where_the_other_cells_may_change(tmp_path: Path) -> None:
    small = DEFAULT_BENCH.read_text("utf-8").replace("rows = 64", "rows = 3").replace("columns = 64", "columns = 4")
    with pytest.raises(EnvelopeError, match=r"3 x 4 array as well.*others=may-change"):
        carry_out(tmp_path, file=small)
    assert not list(tmp_path.glob("*_iv-sweep_*"))
    assert carry_out(tmp_path / "reads", file=small, v_max="0.2 V", v_min="-0.2 V", quick="yes").summary is not None
    written = carry_out(tmp_path / "writes", file=small, quick="yes", others="may-change")
    assert written.summary.threshold_up == pytest.approx(0.466, abs=0.08)


def test_a_slow_sweep_that_only_reads_is_allowed(tmp_path: Path) -> None:
    result = carry_out(tmp_path, v_max="0.25 V", v_min="0 V", nplc="1", points="9", loops="1")
    assert all(record.polarity >= 0 for record in records_of(result))
    with pytest.raises(EnvelopeError):
        carry_out(tmp_path, v_max="0.26 V", v_min="0 V", nplc="1")


def test_branches_go_out_and_back() -> None:
    up, down = branches(parameters(points="5", loops="1", v_max="0.8 V", v_min="-0.4 V"))
    assert up.voltages == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 0.6, 0.4, 0.2, 0))
    assert down.voltages == pytest.approx((0, -0.1, -0.2, -0.3, -0.4, -0.3, -0.2, -0.1, 0))
    assert len(branches(parameters(v_min="0 V", loops="3"))) == 3
    assert PROTOCOL.steps(parameters(quick="yes")) == 4


def test_the_life_of_a_cell_counts_the_boards_pulses() -> None:
    asked = parameters(instrument="board", mode="pulsed", points="5", loops="2", count="10")
    assert PROTOCOL.pulses is not None
    assert sum(PROTOCOL.pulses(None, asked).values()) == 2 * 2 * 7 * 10  # pyright: ignore[reportArgumentType]
    assert not PROTOCOL.pulses(None, parameters())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("settings", [{}, {"mode": "pulsed"}, {"mode": "staircase"}])
def test_the_figure_shows_the_curve_and_its_law(tmp_path: Path, settings: dict[str, Any]) -> None:
    records = records_of(carry_out(tmp_path, quick="yes", **settings))
    assert PROTOCOL.figure is not None
    shown = PROTOCOL.figure(records, parameters(quick="yes", **settings))
    titles = [panel.title for panel in shown.panels]
    assert titles[:3] == ["Current", "Its magnitude", "Conduction law"]
    marks = [mark for panel in shown.panels for mark in panel.marks]
    assert all(isinstance(mark, Curve) and len(mark.x) for mark in marks)
    assert PROTOCOL.figure(records[:3], parameters(quick="yes")).panels  # a run that broke off at once
