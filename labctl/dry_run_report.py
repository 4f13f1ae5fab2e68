"""What a dry run found, for people and as plain JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from labctl.console import table
from labctl.limits import unit_of
from labctl.summaries import criteria_lines, summary_lines
from labctl.units import format_quantity

if TYPE_CHECKING:
    from labctl.dry_run import DryRun

_WORDS = {
    "voltage": "voltage",
    "read_voltage": "read voltage",
    "cell_current": "cell current (predicted, errs upwards)",
    "line_current": "line current (predicted, errs upwards)",
    "pulse_width": "pulse width",
    "pulses_per_cell": "pulses on one cell, over the die's life",
}
_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def duration_words(duration: float) -> str:
    """Return a duration (s) for people: its two largest parts from a minute on, as in "3 h 20 min"."""
    if duration < _STEPS[-2][0] - 0.5:
        return format_quantity(duration, "s", 3)
    seconds = round(duration)
    first = next(index for index, (size, _) in enumerate(_STEPS) if seconds >= size)
    (large, large_name), (small, small_name) = _STEPS[first : first + 2]
    parts = round(seconds / small)
    per = large // small
    return f"{parts // per} {large_name}" + (f" {parts % per} {small_name}" if parts % per else "")


def dry_run_json(found: DryRun) -> dict[str, Any]:
    """Return the keys of a run's result, without a run folder, and what a dry run adds; SI units."""
    result = found.result
    return {
        "run": None,
        "dry_run": True,
        "protocol": result.protocol,
        "backend": result.backend,
        "passed": result.passed,
        "summary": asdict(result.summary) if result.summary is not None else {},
        "bench_time": result.bench_time,
        "wall_time": result.wall_time,
        "pulses": found.pulses,
        "pulses_per_cell": found.pulses_per_cell,
        "energy": result.energy,
        "limits": {name: asdict(use) for name, use in found.limits.items()},
    }


def dry_run_lines(found: DryRun) -> list[str]:
    """Return the same for people."""
    result = found.result
    verdict = "would pass" if result.passed else "would not pass"
    title = f"dry run of {result.protocol} on a twin of this bench, with a fresh die and another seed"
    energy = "unknown" if result.energy is None else format_quantity(result.energy, "J")
    rows = [("within the envelope", "at most", "allowed")]
    for name, use in found.limits.items():
        unit = unit_of(name)
        asked = "none" if use.asked is None else _quantity(use.asked, unit)
        rows.append((_WORDS.get(name, name), asked, _quantity(use.allowed, unit)))
    estimates = [
        ("bench time", duration_words(result.bench_time)),
        ("pulses", f"{found.pulses}, at most {found.pulses_per_cell} on one cell"),
        ("energy", f"{energy} into the array"),
    ]
    return [
        f"{title}: {verdict}; nothing was sent",
        *(f"  {line}" for line in table(estimates)),
        *(f"  {line}" for line in table(rows)),
        "on the twin:",
        *summary_lines(result.summary),
        *criteria_lines(result.summary, result.criteria),
    ]


def _quantity(value: float, unit: str) -> str:
    return format_quantity(value, unit) if unit else f"{value:.10g}"
