"""What the window says in words and figures about a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from labctl.escaped import escaped
from labctl.records import ROW_TYPE, Column
from labctl.run_reader import step_words
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.live.follow import Follower, Table

_LONGEST = 300
"""Characters shown of a text that comes from a record or an error."""
_MOST_READ = 2 * _LONGEST
"""Characters of such a text that are looked at, its blanks included."""
_MOST_FIGURES, _MOST_ROWS = 16, 12
"""Figures of a summary, and fields of a record, that there is room for."""

Tone = Literal["waiting", "running", "good", "attention", "bad"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of a run in a word or two, and how it is to be taken."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and what it is called."""

    caption: str
    value: str


def verdict(follower: Follower) -> Verdict:
    """Return the state of the run as it is: a run whose process is dead does not run.

    While somebody looks back, that is said instead: nothing that is shown is the newest.
    """
    if follower.looked_back is not None:
        return Verdict(f"looking back, step {follower.looked_back:,}", "attention")
    return standing(follower)


def standing(follower: Follower) -> Verdict:
    """Return the state of the run as it is, whatever is looked at."""
    if follower.process_gone:
        return Verdict("process gone", "bad")
    state = follower.state.state
    match state:
        case "finished" if follower.state.detail.get("passed") is False:
            return Verdict("finished, not passed", "attention")
        case "finished":
            return Verdict("finished", "good")
        case "running":
            return Verdict("running", "running")
        case "starting":
            return Verdict("starting", "waiting")
        case "failed":
            return Verdict("failed", "bad")
        case _:
            return Verdict(one_line(state), "attention")


def progress(follower: Follower) -> list[Figure]:
    """Return how far the run is, and how fast; while somebody looks back, how far it was."""
    if follower.looked_back is not None:
        return [
            Figure("step that is looked at", f"{follower.shown_steps:,} of {follower.steps:,}"),
            Figure("bench time then", f"{duration(follower.shown_time)} of {duration(follower.bench_time)}"),
        ]
    total = follower.total_steps
    figures = [Figure("step", step_words(follower.steps, total))]
    if follower.state.state == "finished":
        figures = [Figure("steps", f"{follower.steps:,}")]
    figures.append(Figure("bench time", duration(follower.bench_time)))
    if follower.bench_time > 0 and follower.steps:
        figures.append(Figure("rate on the bench", _rate(follower.steps / follower.bench_time)))
    pace = follower.pace.rate()
    if verdict(follower).tone == "running" and pace:
        figures.append(Figure("rate as seen here", _rate(pace)))
        if total and total > follower.steps:
            left = total - follower.steps
            figures.append(Figure("time left", f"about {duration(left / pace)}"))
            if follower.bench_time > 0 and follower.steps:
                bench = left * follower.bench_time / follower.steps
                figures.append(Figure("bench time left", f"about {duration(bench)}"))
    return figures


def share_done(follower: Follower) -> float | None:
    """Return the part (0 to 1) of the run that is shown; None where nobody knows how long it will be.

    A finished run is whole, however many steps it was expected to take.
    """
    if follower.looked_back is not None or follower.state.state == "finished":
        total = follower.steps
    else:
        total = follower.total_steps
    if not total:
        return 1.0 if follower.state.state == "finished" else None
    share = follower.shown_steps / total
    return share if share <= 1 else None


def last_record(table: Table, first: Sequence[str] = ()) -> list[Figure]:
    """Return the values of the last record that is shown, the fields named in `first` before the others."""
    pairs = list(zip(table.columns, table.shown, strict=False))
    pairs.sort(key=lambda pair: first.index(pair[0].name) if pair[0].name in first else len(first))
    return [Figure(words(column.name), show_value(value, column)) for column, value in pairs][:_MOST_ROWS]


def summary(detail: dict[str, Any]) -> list[Figure]:
    """Return the figures that belong to the state of a run: whether it passed, and its summary."""
    units = detail.get("units")
    known = cast("dict[str, str]", units) if isinstance(units, dict) else {}
    return [Figure(words(name), _with_unit(value, known.get(name, ""))) for name, value in _flat(detail)][
        :_MOST_FIGURES
    ]


_FLOAT = 8
"""Bytes of one value of a row."""


def why_ended(detail: dict[str, Any]) -> str:
    """Return the error that ended a run, or "" if there was none."""
    error = detail.get("error")
    if not isinstance(error, dict):
        return one_line(error) if isinstance(error, str) else ""
    message = cast("dict[str, Any]", error).get("message")
    return one_line(message) if isinstance(message, str) else ""


def show_value(value: object, column: Column) -> str:
    """Return one value of a record with its unit; a dash for NaN."""
    if isinstance(value, float | int) and column.type == "float":
        if not math.isfinite(value):
            return "–" if math.isnan(value) else str(value)
        if column.unit == "levels":
            return f"{value:.3f} levels" if abs(value) < 1000 else f"{value:,.0f} levels"
        return format_quantity(value, column.unit).replace(f" u{column.unit}", f" µ{column.unit}")
    if column.type == "bool" and value in (0, 1):
        return "yes" if value else "no"
    if column.type == ROW_TYPE and isinstance(value, bytes):
        return f"{len(value) // _FLOAT} values"
    return _plain(value)


def duration(seconds: float) -> str:
    """Return a length of time for people: "180 ms", "42.3 s", "12 min 5 s", "3 h 20 min", "2 d 4 h"; a dash for NaN."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 1:
        return format_quantity(seconds, "s", 3)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24:,} d {hours % 24} h"


def words(name: str) -> str:
    """Return a field's name as it is read: "read_voltage" is "read voltage"."""
    return one_line(name.replace("_", " "))


def one_line(text: str) -> str:
    """Return `text` on one line, cut to a length that fits."""
    line = escaped(" ".join(text[:_MOST_READ].split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _rate(per_second: float) -> str:
    if per_second >= 10:
        return f"{per_second:,.0f} steps/s"
    if per_second >= 0.1:
        return f"{per_second:.2g} steps/s"
    return f"{per_second * 3600:.3g} steps/h"


def _flat(detail: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in detail.items():
        if name in ("error", "units", "criteria"):
            continue
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value))
        else:
            yield name, value


def _with_unit(value: object, unit: str) -> str:
    return show_value(value, Column("", "float", unit)) if isinstance(value, float) and unit else _plain(value)


def _plain(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case _:
            return one_line(str(value))
