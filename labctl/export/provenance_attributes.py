"""Where a run's records come from, as flat names with text and numbers: what a file's attributes can hold."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from labctl.report.experiment import Experiment, find_experiment
from labctl.report.facts import UNDER_WAY
from labctl.report.wording import mapping, units_of
from labctl.run_lock import is_alive
from labctl.run_names import id_of
from labctl.store import strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from labctl.export.layout import Attribute
    from labctl.export.record_table import RecordTable
    from labctl.run_reader import RunReader

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
"""What an attribute may be called, so that every program can ask for it."""
_MOST: Final = 256
"""Values by name that become attributes of their own; more of them stand in the JSON only."""
_INTEGER_MAX: Final = 1 << 63
_IDENTITY: Final = ("vendor", "model", "serial", "firmware")


def provenance(reader: RunReader, made: datetime) -> dict[str, Any]:
    """Return what a run was, on what, with which parameters and software, and what it came to, as JSON keeps it.

    Quantities are in SI units; what is not known is left out.

    Args:
        reader: of the run.
        made: when this is asked for (UTC).

    Raises:
        StoreError: if the run cannot be read.
    """
    manifest = reader.manifest
    found = find_experiment(manifest)
    experiment = found if isinstance(found, Experiment) else None
    values: dict[str, Any] = {
        "Conventions": "CF-1.11",
        **_what(manifest, experiment),
        "history": f"{made.isoformat(timespec='seconds')} exported by labctl {version('labctl')}",
        "labctl_run": id_of(dict(manifest), reader.folder),
        **_course(reader),
        **_named("parameter", manifest.get("parameters")),
        "parameter_units": _units(experiment),
        "die": mapping(mapping(manifest.get("bench")).get("die")).get("id"),
        "backend_detail": manifest.get("backend"),
        **{
            f"instrument_{name}": " ".join(str(mapping(identity).get(part, "")) for part in _IDENTITY)
            for name, identity in _few(manifest.get("instruments")).items()
        },
        **_named("software", manifest.get("software")),
        **_outcome(reader),
        "manifest": dict(manifest),
    }
    known = ((name, value) for name, value in values.items() if value is not None and value != "")
    return {name: value for name, value in known if _NAME.fullmatch(name)}


def calibrations(table: RecordTable) -> dict[str, Any]:
    """Return which calibrations of the board the records name, once they were all read."""
    found = table.calibrations
    return {"calibration": found[0] if len(found) == 1 else list(found)} if found else {}


def flat(values: Mapping[str, Any]) -> dict[str, Attribute]:
    """Return provenance as a file's attributes: text and numbers; lists and tables stand in JSON."""
    return {name: _flat(value) for name, value in values.items()}


def plain(text: str) -> str:
    """Return text as every file format can hold it: without halves of characters, and with "?" for NUL."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "?")


def _what(manifest: Mapping[str, Any], experiment: Experiment | None) -> dict[str, Any]:
    backend = mapping(manifest.get("backend")).get("name")
    name = str(manifest.get("protocol", "unknown protocol"))
    return {
        "title": name if experiment is None else f"{name}: {experiment.protocol.title}",
        "source": "simulation (a twin of the bench)" if backend == "twin" else f"measurement ({backend} backend)",
        **{key: manifest.get(key) for key in ("protocol", "protocol_origin", "started", "operator", "note", "seed")},
        "backend": backend,
    }


def _course(reader: RunReader) -> dict[str, Any]:
    last, cost = reader.state(), reader.cost()
    error, passed = mapping(last.detail.get("error")), last.detail.get("passed")
    return {
        "state": "died" if last.state in UNDER_WAY and not is_alive(reader.folder) else last.state,
        "state_since": last.utc,
        "passed": passed if isinstance(passed, bool) else None,
        "error": f"{error.get('type', 'error')}: {error.get('message', '')}" if error else None,
        "steps_done": reader.steps(),
        "steps_planned": reader.manifest.get("steps"),
        "bench_time": cost.bench_time,
        "wall_time": cost.wall_time,
        "pulses": sum(reader.pulses_had().values()),
    }


def _outcome(reader: RunReader) -> dict[str, Any]:
    detail = reader.state().detail
    return {
        **_named("summary", detail.get("summary")),
        "summary_units": {name: unit for name, unit in mapping(detail.get("units")).items() if unit} or None,
        "criteria": detail.get("criteria") or None,
    }


def _units(experiment: Experiment | None) -> dict[str, str] | None:
    units = {} if experiment is None else units_of(type(experiment.parameters))
    return {name: unit for name, unit in units.items() if unit} or None


def _named(kind: str, values: object) -> dict[str, Any]:
    return {f"{kind}_{re.sub('[^A-Za-z0-9_]', '_', name)}": value for name, value in _few(values).items()}


def _few(values: object) -> Mapping[str, Any]:
    found = mapping(values)
    return found if len(found) <= _MOST else {}


def _flat(value: object) -> Attribute:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return value if -_INTEGER_MAX <= value < _INTEGER_MAX else str(value)
        case float():
            return value
        case str():
            return plain(value)
        case _:
            return json.dumps(strict_json(value), allow_nan=False)
