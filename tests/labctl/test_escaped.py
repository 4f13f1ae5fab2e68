"""Text from elsewhere: nothing of it reaches a terminal, a log or a window but what can be seen."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from labctl.console import complain, print_lines, table
from labctl.escaped import LONGEST, escaped
from labctl.guardian import _Log
from labctl.live.status import one_line
from labctl.progress import ProgressWatcher
from labctl.store import DATABASE, RunWriter

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u202egnp.exe\u2066 [red]x[/red] <b>y</b> \ud800\x00\u2028end"
FORBIDDEN = "\x1b\x07\x9b\r\n\u202e\u2066\ud800\x00\u2028"


def clean(text: str) -> bool:
    return not any(letter in text for letter in FORBIDDEN)


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_shown_can_be_seen(text: str) -> None:
    shown = escaped(text)
    assert shown.isprintable()
    assert (shown == text) == text.isprintable()


def test_escapes_say_what_stood_there() -> None:
    assert escaped("\x1b[31m\n\t\x9b\u202e\U000e0001") == "\\x1b[31m\\n\\t\\x9b\\u202e\\U000e0001"
    assert escaped("µΩ 5 °C 電圧") == "µΩ 5 °C 電圧"


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\x1b" * 1_000_000])
def test_long_texts_are_cut(text: str) -> None:
    shown = escaped(text)
    assert shown.endswith(f"... ({len(text)} characters)")
    assert len(shown) < 4 * LONGEST + 40


def test_lines_and_complaints(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines([HOSTILE, *table([("name", HOSTILE), (HOSTILE, "x")])])
    complain(HOSTILE)
    found = capsys.readouterr()
    assert all(clean(line) for line in (*found.out.split("\n"), *found.err.split("\n")))
    assert (found.out.count("\n"), found.err.count("\n")) == (3, 1)
    assert "[red]x[/red]" in found.out


def test_columns_stay_aligned() -> None:
    rows = table([("a", "1"), ("\x1b\x1b", "2"), ("abc", "3")])
    assert len({row.index(digit) for row, digit in zip(rows, "123", strict=True)}) == 1


def test_progress_and_what_a_run_says(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    watcher = ProgressWatcher()
    monkeypatch.setattr(
        watcher,
        "_console",
        Console(file=stream, force_terminal=True, color_system="standard", markup=False, highlight=False),
    )
    watcher.said(HOSTILE)
    assert clean(stream.getvalue().rstrip("\n"))
    assert "[red]x[/red]" in stream.getvalue()


def test_logs(tmp_path: Path) -> None:
    with closing(RunWriter(tmp_path, {}, power_safe=False)) as store:
        store.log(datetime.now(UTC), HOSTILE)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        (message,) = db.execute("SELECT message FROM log").fetchone()
    assert clean(message)
    _Log(tmp_path / "guardian.log")(HOSTILE)
    text = (tmp_path / "guardian.log").read_text(encoding="utf-8")
    assert text.count("\n") == 1
    assert clean(text.rstrip("\n"))


@given(st.text(st.characters(exclude_categories=[])))
def test_words_of_the_window(text: str) -> None:
    assert one_line(text).isprintable()
