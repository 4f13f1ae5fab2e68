"""Runs side by side: what differs between them, and what each came to, a column a run."""

from __future__ import annotations

from dataclasses import dataclass
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


def are_alike(runs: Sequence[RunFacts]) -> bool:
    """Return whether runs are of one protocol, so that all of their figures belong beside each other."""
    return len({facts.protocol for facts in runs}) == 1


def summaries(runs: Sequence[RunFacts]) -> Table:
    """Return what runs of one protocol came to, a column a run."""
    return Table("Summaries", ("figure", "should be", *_heads(runs)), tuple(_summaries(runs)))


def own_summary(facts: RunFacts, runs: Sequence[RunFacts]) -> Table:
    """Return what one run came to, each figure with what was asked of it, among runs of different protocols."""
    rows = tuple((spaced(each.name), _judged(each)) for each in facts.findings)
    return Table(_head(facts, runs), (), rows, "" if rows else "no summary")


def differences(runs: Sequence[RunFacts]) -> Table:
    """Return what differs between runs; of different protocols, what at least two of them have."""
    rows = tuple(_split(runs).different)
    return Table("What differs", ("", *_heads(runs)), rows, "" if rows else "nothing that was asked for")


def own_values(facts: RunFacts, runs: Sequence[RunFacts]) -> Table:
    """Return what one run alone has, of runs of different protocols."""
    place = list(runs).index(facts)
    rows = ((name, values[place]) for name, *values in _split(runs).alone if values[place] != _NOTHING)
    return Table(_head(facts, runs), (), tuple(rows))


def courses(runs: Sequence[RunFacts]) -> Table:
    """Return how far runs came and what they cost, a column a run."""
    return Table("Course", ("", *_heads(runs)), tuple(_columns([course_values(facts) for facts in runs])))


def sameness(runs: Sequence[RunFacts]) -> Table:
    """Return what is the same in all runs."""
    return Table("The same in all", (), tuple(_split(runs).same))


def short_name(facts: RunFacts, runs: Sequence[RunFacts]) -> str:
    """Return what a run is called among others: the end of its id, where that tells it from them."""
    ends = [each.run.rpartition("_")[2] for each in runs]
    end = facts.run.rpartition("_")[2]
    return end if ends.count(end) == 1 else facts.run


def _heads(runs: Sequence[RunFacts]) -> tuple[str, ...]:
    return tuple(_head(facts, runs) for facts in runs)


def _head(facts: RunFacts, runs: Sequence[RunFacts]) -> str:
    """Return what stands above a run's column: its protocol, where that differs, and what else tells it from others."""
    protocols = [each.protocol for each in runs]
    if protocols.count(facts.protocol) == 1:
        return facts.protocol
    name = short_name(facts, runs)
    return name if are_alike(runs) else f"{facts.protocol} {name}"


@dataclass(frozen=True, slots=True)
class _Split:
    """Rows of a name and of values: those that differ, those that one run alone has, and what is the same in all."""

    different: list[tuple[str, ...]]
    alone: list[tuple[str, ...]]
    same: list[tuple[str, str]]


def _split(runs: Sequence[RunFacts]) -> _Split:
    found = _Split([], [], [])
    for before, values_of in _GROUPS:
        for name, *values in _columns([values_of(facts) for facts in runs]):
            row = (f"{before}{name}", *values)
            if len(set(values)) == 1:
                found.same.append((row[0], values[0]))
            elif are_alike(runs) or len(values) - values.count(_NOTHING) > 1:
                found.different.append(row)
            else:
                found.alone.append(row)
    return found


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


def _judged(finding: Finding) -> str:
    value = worded(finding.value, finding.unit)
    return f"{value} ({finding.demand}: {verdict_of(finding.is_met)})" if finding.is_asked else value


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return _NOTHING
    verdict = verdict_of(finding.is_met)
    return worded(finding.value, finding.unit) + (f" ({verdict})" if verdict else "")
