"""`wires` on the twin, held against the resistance that the twin's lines have."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EnvelopeError, InputError, LinkError, ParameterError
from labctl.ledgered import LedgeredProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader
from protocols.analysis.wire_outlook import STRATEGIES
from protocols.wires import PROTOCOL, WireProduct, WiresParameters

METAL = {"wires": "metal", "g_max": "20 uS"}
SEGMENT = 0.5
"""Of `wires = "metal"` (ohm)."""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A bench of 16 x 12 cells: everything is the same there, and quicker."""
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    bench = tmp_path / "small.toml"
    bench.write_text(text.replace("rows = 64", "rows = 16").replace("columns = 64", "columns = 12"), encoding="utf-8")
    return bench


def carry_out(
    data: Path, bench: Path | None = None, seed: int = 1, twin: dict[str, str] | None = None, **settings: str
) -> RunResult:
    options, backend = BackendOptions(seed=seed), "twin"
    request = RunRequest("wires", settings, bench=bench, backend=backend, twin=twin or {}, options=options, data=data)
    return run(request, Watcher())


def records_of(folder: Path) -> list[WireProduct]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", WireProduct)


def test_metal_wires_of_a_whole_die_are_found_within_two_per_cent(tmp_path: Path) -> None:
    result = carry_out(tmp_path, twin=METAL, quick="yes")
    summary = result.summary
    assert result.passed
    assert summary.seen
    assert summary.row_segment == pytest.approx(SEGMENT, rel=0.02)
    assert summary.column_segment == pytest.approx(SEGMENT, rel=0.02)
    assert abs(summary.row_segment - SEGMENT) < 5 * summary.row_segment_sigma
    assert abs(summary.column_segment - SEGMENT) < 5 * summary.column_segment_sigma
    assert summary.gmax_r == pytest.approx(1e-5, rel=0.02)
    assert summary.worst_drop == pytest.approx(0.040, rel=0.05)
    assert summary.rectification == pytest.approx(1e4, rel=0.05)
    assert summary.bend == pytest.approx(0.348, rel=0.01)  # the law of cells near their highest level
    assert summary.strategy == STRATEGIES[2]
    # Two bright rows' worth of cells leak a ten thousandth of their current back in reverse.
    assert summary.sneak["reverse"] < -3 * summary.sneak_sigma["reverse"]
    assert abs(summary.sneak["ground"]) < 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ideal_wires_are_none_within_the_bound(tmp_path: Path, small: Path, seed: int) -> None:
    summary = carry_out(tmp_path / "run", small, seed, quick="yes").summary
    assert not summary.seen
    assert summary.gmax_r is None
    for name in ("row_segment", "column_segment"):
        found, sigma = getattr(summary, name), getattr(summary, f"{name}_sigma")
        assert abs(found) < 7 * sigma  # 99 % with the three lines of a quick run
        assert max(found, 0) < getattr(summary, f"{name}_at_most") < 1e-3
    assert summary.gmax_r_at_most < 1e-6


def test_an_erased_die_that_is_not_programmed_gets_a_bound_and_no_advice(tmp_path: Path, small: Path) -> None:
    result = carry_out(tmp_path / "run", small, twin=METAL, program="no", quick="yes")
    assert not result.passed
    assert not result.summary.seen
    assert not result.summary.settled
    assert result.summary.mean_conductance < 1e-9
    assert {one.stage for one in records_of(result.folder)} == {0}
    assert max(one.delivered for one in records_of(result.folder)) == 0


def test_lines_are_raised_only_until_their_wires_show(tmp_path: Path, small: Path) -> None:
    thick = carry_out(tmp_path / "1", small, twin={"wires": "2.5 ohm"}, quick="yes")
    assert max(one.stage for one in records_of(thick.folder)) == 2
    assert thick.summary.row_segment == pytest.approx(2.5, rel=0.02)
    assert thick.summary.column_segment == pytest.approx(2.5, rel=0.02)
    assert thick.summary.strategy == STRATEGIES[4]


def test_a_film_that_its_reads_write_is_left_alone(tmp_path: Path, small: Path) -> None:
    result = carry_out(tmp_path / "run", small, twin={"device": "ru-azo-soft"}, quick="yes")
    assert not result.passed
    assert abs(result.summary.drift) > 0.01
    assert not result.summary.seen
    assert max(one.delivered for one in records_of(result.folder)) == 0


def test_resistors_lose_nothing_together_and_get_no_resistance(tmp_path: Path, small: Path) -> None:
    summary = carry_out(tmp_path / "run", small, twin={"device": "vteam-tio2", **METAL}, quick="yes").summary
    assert summary.rectification == pytest.approx(1.0, abs=1e-3)
    assert not summary.seen
    assert not summary.settled


def test_it_goes_on_after_a_break_as_if_there_had_been_none(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = records_of(carry_out(tmp_path / "whole", small, twin=METAL, quick="yes").folder)
    multiply, requests = LedgeredProbeBoard.multiply, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal requests
        requests += 1
        if requests == 15:
            raise LinkError("the link of the test is gone")
        return multiply(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "multiply", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", small, twin=METAL, quick="yes")
    result = resume(next((tmp_path / "broken").glob("*_wires_*")), Watcher())
    # Noise is drawn anew, cells that stand where they should are not raised again.
    again = records_of(result.folder)
    what = [(one.stage, one.kind, one.inputs, one.scheme, one.line) for one in whole]
    assert what == [(one.stage, one.kind, one.inputs, one.scheme, one.line) for one in again]
    assert result.summary.row_segment == pytest.approx(SEGMENT, abs=5 * result.summary.row_segment_sigma)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"row": "64"}, ParameterError, "no cell"),
        ({"rows": "65"}, ParameterError, "beyond the die"),
        ({"read_voltage": "0.22 V"}, ParameterError, "may disturb"),
        ({"read_voltage": "0.4 V", "force": "yes"}, EnvelopeError, "read_voltage"),
        ({"lines": "0"}, ParameterError, "lines"),
        ({"averages": "4097"}, ParameterError, "averages"),
        ({"uncertainty": "0"}, ParameterError, "uncertainty"),
        ({"potentiation": "2 V"}, EnvelopeError, "voltage"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], error: type[InputError], words: str
) -> None:
    with pytest.raises(error, match=words):
        carry_out(tmp_path, None, 1, None, **settings)
    assert not list(tmp_path.iterdir())


def test_a_die_of_one_line_or_of_very_many_is_refused(tmp_path: Path) -> None:
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    for changed in ("rows = 1", "rows = 129"):
        bench = tmp_path / "bench.toml"
        bench.write_text(text.replace("rows = 64", changed), encoding="utf-8")
        with pytest.raises(ParameterError, match="lines a side"):
            carry_out(tmp_path / "runs", bench)


def test_a_run_that_broke_off_has_a_figure_and_a_summary(tmp_path: Path, small: Path) -> None:
    records = records_of(carry_out(tmp_path / "run", small, twin=METAL, quick="yes").folder)
    parameters = read_parameters(WiresParameters, {})
    assert PROTOCOL.figure is not None
    assert len(PROTOCOL.figure(records, parameters).panels) == 4
    first = len([one for one in records if one.stage == 0 and one.kind != "read"])
    for count in (1, 17, 40, first - 1, first, first + 30, len(records) - 1):
        PROTOCOL.figure(records[:count], parameters)
        outcome = PROTOCOL.summarise(records[:count], parameters)
        assert (outcome.summary is None) == (count < first)
    assert not PROTOCOL.summarise([], parameters).passed
