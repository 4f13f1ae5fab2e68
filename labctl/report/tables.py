"""What a report says of one run, as tables of text: the page and the terminal show the same."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labctl.bench_file import DieTable, EnvelopeTable, TwinTable
from labctl.protocol import list_parameters
from labctl.report.wording import duration, mapping, moment, spaced, units_of, worded
from labctl.units import Written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

    from labctl.report.facts import RunFacts

MET, NOT_MET = "met", "NOT MET"
_IDENTITY = ("vendor", "model", "serial", "firmware")
_RESUMED_AFTER = ("running", "failed", "stopped")
"""States after which a run that runs again was resumed by another process, or by itself."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a title.

    Args:
        title: says what the rows are.
        head: what stands above the columns; empty: nothing.
        rows: of the length of the head, where there is one.
        remark: a line below the title.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remark: str = ""


def tables_of(facts: RunFacts) -> list[Table]:
    """Return all that is to be said of a run; what it does not know has no table."""
    found = [
        summary_table(facts),
        _course(facts),
        Table("Parameters", ("parameter", "value", "", "what it does"), tuple(_parameters(facts))),
        Table("Instruments", ("name", "driver", "address", *_IDENTITY), tuple(_instruments(facts.manifest))),
        Table("Bench and die", (), tuple(pairs(bench_values(facts.manifest)))),
        Table("Limits of the die", (), tuple(pairs(limit_values(facts.manifest)))),
        Table("Provenance", (), tuple(pairs(provenance_values(facts.manifest)))),
        Table("Run log", ("time", "what happened"), tuple((moment(utc), message) for utc, message in facts.log)),
    ]
    return [table for table in found if table.rows]


def summary_table(facts: RunFacts) -> Table:
    """Return the summary with what was asked of each figure."""
    rows = tuple(
        (spaced(each.name), worded(each.value, each.unit), each.demand, verdict_of(each.is_met))
        for each in facts.findings
    )
    return Table("Summary", ("figure", "value", "should be", ""), rows)


def verdict_of(is_met: bool | None) -> str:
    """Return whether a criterion is met, in a word or two; "" if there is none."""
    return "" if is_met is None else MET if is_met else NOT_MET


def pairs(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield names and values that say something."""
    yield from ((name, value) for name, value in values.items() if value)


def parameter_values(facts: RunFacts) -> dict[str, str]:
    """Return what was set, by name, with units."""
    model = None if facts.experiment is None else type(facts.experiment.parameters)
    units = {} if model is None else units_of(model)
    nothing = {} if model is None else _words_for_nothing(model)
    return {
        name: nothing.get(name, "none") if value in (None, "") else worded(value, units.get(name, ""))
        for name, value in mapping(facts.manifest.get("parameters")).items()
    }


def place_and_time(facts: RunFacts) -> str:
    """Return in a line where a run was, when and by whom."""
    manifest = facts.manifest
    backend, bench = mapping(manifest.get("backend")).get("name"), mapping(manifest.get("bench"))
    die, operator = mapping(bench.get("die")).get("id"), manifest.get("operator")
    parts = [
        f"on the {backend} backend" if backend else "",
        f"die {die}" if die else "",
        moment(manifest.get("started", "")),
        f"by {operator}" if operator else "",
    ]
    return ", ".join(part for part in parts if part)


def bench_values(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return bench, die and, where there is one, the twin's settings."""
    bench, backend = mapping(manifest.get("bench")), mapping(manifest.get("backend"))
    values = {"backend": str(backend.get("name", "")), "bench": str(mapping(bench.get("bench")).get("name", ""))}
    die, units = mapping(bench.get("die")), units_of(DieTable)
    values |= {f"die {spaced(name)}": worded(value, units.get(name, "")) for name, value in die.items()}
    if backend.get("name") == "twin":
        twin, units = mapping(bench.get("twin")), units_of(TwinTable)
        values |= {f"twin {spaced(name)}": worded(value, units.get(name, "")) for name, value in twin.items()}
        values |= _twin_files(mapping(manifest.get("asked")))
        values["seed"] = worded(manifest.get("seed"))
    else:
        values |= {spaced(name): worded(value) for name, value in backend.items() if name != "name"}
    return values


def limit_values(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the envelope, by limit."""
    units = units_of(EnvelopeTable)
    limits = mapping(mapping(manifest.get("bench")).get("envelope"))
    return {spaced(name): worded(value, units.get(name, "")) for name, value in limits.items()}


def provenance_values(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return who ran what, where, with which software."""
    process, asked = mapping(manifest.get("process")), mapping(manifest.get("asked"))
    values = {
        "operator": str(manifest.get("operator", "")),
        "note": str(manifest.get("note", "")),
        "protocol from": str(manifest.get("protocol_origin", "")),
        "bench file": str(asked.get("bench_name", "")),
        "computer": str(process.get("host", "")),
        "user": str(process.get("user", "")),
    }
    return values | {str(name): str(value) for name, value in mapping(manifest.get("software")).items()}


def course_values(facts: RunFacts) -> dict[str, str]:
    """Return how far the run came and what it cost."""
    of = "" if facts.of is None else f" of {facts.of:,}"
    if facts.state == "finished" and facts.of != facts.steps and of:  # it needed fewer, or more, than it foresaw
        of = f"; {facts.of:,} were planned"
    return {
        "state": facts.verdict,
        "why it ended": facts.error,
        "steps": f"{facts.steps:,}{of}",
        "bench time": duration(facts.cost.bench_time),
        "wall time": duration(facts.cost.wall_time),
        "pulses by the ledger": f"{facts.pulses:,}",
        "began": moment(facts.manifest.get("started", "")),
    }


def _words_for_nothing(model: type[BaseModel]) -> dict[str, str]:
    """Return how parameters are written that have no value, by name, as "auto"."""
    return {
        name: part.nothing
        for name, field in model.model_fields.items()
        for part in field.metadata
        if isinstance(part, Written) and part.nothing
    }


def _course(facts: RunFacts) -> Table:
    rows = list(pairs(course_values(facts)))
    before = ""
    for number, (utc, state) in enumerate(facts.states):
        if number:
            word = state
            if state == "running":
                word = "resumed" if before in _RESUMED_AFTER else "went on"
            rows.append((word, moment(utc)))
        before = state
    return Table("Course", (), tuple(rows))


def _parameters(facts: RunFacts) -> Iterator[tuple[str, str, str, str]]:
    asked = mapping(mapping(facts.manifest.get("asked")).get("settings"))
    experiment = facts.experiment
    known = [] if experiment is None else list_parameters(type(experiment.parameters))
    does = {info.name: inspect.cleandoc(info.description) for info in known}
    for name, value in parameter_values(facts).items():
        yield name, value, "set" if name in asked else "default", does.get(name, "")


def _instruments(manifest: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    entries = mapping(mapping(manifest.get("bench")).get("instruments"))
    for name, found in mapping(manifest.get("instruments")).items():
        entry, identity = mapping(entries.get(name)), mapping(found)
        fields = (str(identity.get(key, "")) for key in _IDENTITY)
        yield (name, str(entry.get("driver", "")), str(entry.get("address", "")), *fields)


def _twin_files(asked: Mapping[str, Any]) -> dict[str, str]:
    return {
        "die file": str(asked.get("die") or ""),
        "fault plan": str(asked.get("faults_name") or ""),
        "audit": "yes" if asked.get("audit") else "",
    }
