"""Runs side by side: what differs between them, and what each came to, a column a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.report.tables import (
    Table,
    bench_values,
    course_values,
    limit_values,
    parameter_values,
    provenance_values,
    verdict_of,
)
from labctl.report.wording import spaced, worded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from labctl.report.facts import RunFacts
    from labctl.report.findings import Finding

_NOTHING = "–"
_GROUPS: tuple[tuple[str, Callable[[RunFacts], Mapping[str, str]]], ...] = (
    ("", lambda facts: {"protocol": facts.protocol}),
    ("", parameter_values),
    ("", lambda facts: bench_values(facts.manifest)),
    ("limit of ", lambda facts: limit_values(facts.manifest)),
    ("", lambda facts: provenance_values(facts.manifest)),
)
"""What may differ, and what stands before its names."""


def compared(runs: Sequence[RunFacts]) -> list[Table]:
    """Return what is to be said of several runs side by side."""
    names = tuple(short_name(facts, runs) for facts in runs)
    different, same = _split(runs)
    tables = [
        Table("Summaries", ("figure", "should be", *names), tuple(_summaries(runs))),
        Table("What differs", ("", *names), tuple(different), "" if different else "nothing that was asked for"),
        Table("Course", ("", *names), tuple(_columns([course_values(facts) for facts in runs]))),
        Table("The same in all", (), tuple(same)),
    ]
    return [table for table in tables if table.rows or table.remark]


def short_name(facts: RunFacts, runs: Sequence[RunFacts]) -> str:
    """Return what a run is called among others: the end of its id, where that tells it from them."""
    ends = [each.run.rpartition("_")[2] for each in runs]
    end = facts.run.rpartition("_")[2]
    return end if ends.count(end) == 1 else facts.run


def _split(runs: Sequence[RunFacts]) -> tuple[list[tuple[str, ...]], list[tuple[str, str]]]:
    """Return what differs, and what is the same."""
    different: list[tuple[str, ...]] = []
    same: list[tuple[str, str]] = []
    for before, values_of in _GROUPS:
        for name, *values in _columns([values_of(facts) for facts in runs]):
            if len(set(values)) > 1:
                different.append((f"{before}{name}", *values))
            elif values[0] != _NOTHING:
                same.append((f"{before}{name}", values[0]))
    return different, same


def _columns(values: Sequence[Mapping[str, str]]) -> list[tuple[str, ...]]:
    """Return rows of a name and the value that it has in each run."""
    names = list(dict.fromkeys(name for each in values for name in each))
    rows = [(name, *(each.get(name, "") or _NOTHING for each in values)) for name in names]
    return [row for row in rows if any(value != _NOTHING for value in row[1:])]


def _summaries(runs: Sequence[RunFacts]) -> list[tuple[str, ...]]:
    found = [{each.name: each for each in facts.findings} for facts in runs]
    names = list(dict.fromkeys(name for each in found for name in each))
    return [(spaced(name), _demand(name, found), *(_cell(each.get(name)) for each in found)) for name in names]


def _demand(name: str, found: Sequence[Mapping[str, Finding]]) -> str:
    return ", or ".join(dict.fromkeys(each[name].demand for each in found if name in each and each[name].demand))


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return _NOTHING
    verdict = verdict_of(finding.is_met)
    return worded(finding.value, finding.unit) + (f" ({verdict})" if verdict else "")
