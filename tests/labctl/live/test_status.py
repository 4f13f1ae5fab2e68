from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from labctl.live.follow import Follower, Table
from labctl.live.status import (
    Figure,
    duration,
    last_record,
    one_line,
    progress,
    show_value,
    summary,
    verdict,
    why_ended,
)
from labctl.records import Column
from labctl.run_reader import RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def follower(new_run: Callable[..., Path]) -> Follower:
    return Follower(new_run(), lambda: 0.0)


@pytest.mark.parametrize(
    ("state", "detail", "text", "tone"),
    [
        ("starting", {}, "starting", "waiting"),
        ("running", {}, "running", "running"),
        ("finished", {"passed": True}, "finished", "good"),
        ("finished", {"passed": False}, "finished, not passed", "attention"),
        ("stopped", {}, "stopped", "attention"),
        ("failed", {}, "failed", "bad"),
        ("paused\nfor <b>lunch</b>", {}, "paused for <b>lunch</b>", "attention"),
    ],
)
def test_the_state_is_said_in_words(
    follower: Follower, state: str, detail: dict[str, Any], text: str, tone: str
) -> None:
    follower.state = RunState(state, "", detail)
    assert (verdict(follower).text, verdict(follower).tone) == (text, tone)


def test_a_run_whose_process_is_gone_does_not_run(follower: Follower) -> None:
    follower.state, follower.process_gone = RunState("running", "", {}), True
    assert verdict(follower).text == "process gone"
    assert verdict(follower).tone == "bad"


def test_progress_with_and_without_a_known_end(follower: Follower) -> None:
    follower.steps, follower.bench_time = 1200, 60.0
    assert progress(follower) == [
        Figure("step", "1,200"),
        Figure("bench time", "1 min 0 s"),
        Figure("rate on the bench", "20 steps/s"),
    ]
    follower.manifest = {"steps": 16_520}
    assert progress(follower)[0] == Figure("step", "1,200 of 16,520")


def test_time_left_is_told_while_the_run_goes_on(follower: Follower) -> None:
    follower.manifest, follower.state, follower.steps = {"steps": 300}, RunState("running", "", {}), 200
    follower.pace.note(0.0, 100)
    follower.pace.note(5.0, 200)
    assert progress(follower)[-2:] == [Figure("rate as seen here", "20 steps/s"), Figure("time left", "about 5.0 s")]
    follower.state = RunState("stopped", "", {})
    assert [figure.caption for figure in progress(follower)] == ["step", "bench time"]


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (3.204e-3, Column("g", "float", "S"), "3.204 mS"),
        (4.3e-7, Column("g", "float", "A"), "430 nA"),
        (1.5e-6, Column("g", "float", "A"), "1.5 µA"),
        (0.25, Column("e", "float", "levels"), "0.250 levels"),
        (-12345.6, Column("e", "float", "levels"), "-12,346 levels"),
        (0.9876543, Column("f", "float", ""), "0.9877"),
        (2, Column("f", "float", "V"), "2 V"),
        (None, Column("g", "float", "S"), "–"),
        (math.inf, Column("g", "float", "S"), "inf"),
        (12345, Column("n", "int", ""), "12,345"),
        (1, Column("b", "bool", ""), "yes"),
        (0, Column("b", "bool", ""), "no"),
        ("<i>two\nlines</i>", Column("t", "str", ""), "<i>two lines</i>"),
    ],
)
def test_values_are_shown_with_their_unit(value: object, column: Column, text: str) -> None:
    assert show_value(value, column) == text


def test_the_last_record_is_listed_field_by_field() -> None:
    table = Table((Column("read_voltage", "float", "V"), Column("cell", "int", "")), last=(0.2, 7))
    assert last_record(table) == [Figure("read voltage", "200 mV"), Figure("cell", "7")]
    assert last_record(table, ["cell"])[0] == Figure("cell", "7")
    assert last_record(Table(table.columns)) == []


def test_the_summary_is_flat_and_the_error_apart() -> None:
    detail: dict[str, Any] = {
        "passed": False,
        "summary": {"worst_error": 0.4999, "levels": 16_520, "median": None},
        "error": {"type": "LinkError", "message": "the board is\nsilent"},
    }
    assert summary(detail) == [
        Figure("passed", "no"),
        Figure("worst error", "0.4999"),
        Figure("levels", "16,520"),
        Figure("median", "–"),
    ]
    assert why_ended(detail) == "the board is silent"
    assert why_ended({}) == ""
    assert why_ended({"error": "gone"}) == "gone"
    assert why_ended({"error": {"message": 3}}) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.0123, "12.3 ms"), (42.31, "42.3 s"), (59.99, "1 min 0 s"), (3725, "1 h 2 min"), (4e5, "4 d 15 h")],
)
def test_lengths_of_time_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_long_text_is_cut() -> None:
    assert len(one_line("x" * 5000)) == 300
    assert one_line("x" * 5000).endswith("…")


def test_a_time_that_nobody_knows_is_a_dash() -> None:
    assert duration(math.nan) == "–"
