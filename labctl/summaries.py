"""Summaries: the figures that a run amounts to, and what each must be for the run to pass.

A summary is a frozen dataclass. Its fields are what a record's are (`labctl.records`), or lists of floats, floats by
name, and floats that may be missing; each with its unit as an annotation.
"""

from __future__ import annotations

import math
import types
import typing
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from labctl.records import Column, unit_of
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Criterion:
    """What one figure of a summary must be.

    Args:
        figure: name of the summary's field.
        at_least: the smallest value that passes.
        at_most: the largest value that passes.
    """

    figure: str
    at_least: float = -math.inf
    at_most: float = math.inf

    def is_met(self, summary: Any) -> bool:
        """Return whether the figure is within its bounds; one that is missing or no number is not."""
        value = getattr(summary, self.figure)
        return value is not None and self.at_least <= value <= self.at_most


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a protocol makes of its records.

    Args:
        passed: whether the run meets the protocol's own criteria.
        summary: a dataclass of figures; None if there are no records.
        criteria: what was asked of them.
    """

    passed: bool
    summary: Any
    criteria: tuple[Criterion, ...] = ()


def judge(summary: Any, *criteria: Criterion) -> Outcome:
    """Return a summary judged by its criteria; it passes if all are met."""
    return Outcome(all(criterion.is_met(summary) for criterion in criteria), summary, criteria)


def summary_columns(kind: type) -> tuple[Column, ...]:
    """Return the fields of a summary, in order, each with the unit of its numbers."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(Column(field.name, "summary", _unit(hints[field.name])) for field in fields(kind))


def summary_lines(summary: Any) -> list[str]:
    """Return a summary for people: a name, a value and its unit a line."""
    if not is_dataclass(summary) or isinstance(summary, type):
        return []
    values, kind = asdict(summary), typing.cast("type[Any]", type(summary))
    figures = summary_columns(kind)
    width = max(20, *(len(column.name) for column in figures))
    return [f"  {column.name:<{width}} {_worded(values[column.name], column.unit)}" for column in figures]


def criteria_lines(summary: Any, criteria: Iterable[Criterion]) -> list[str]:
    """Return for people what was asked of a summary and is not met, a line each."""
    if summary is None:
        return []
    kind = typing.cast("type[Any]", type(summary))
    units = {column.name: column.unit for column in summary_columns(kind)}
    return [
        f"  {criterion.figure} should be {_bounds(criterion, units[criterion.figure])}"
        for criterion in criteria
        if not criterion.is_met(summary)
    ]


def _bounds(criterion: Criterion, unit: str) -> str:
    low, high = (format_quantity(float(bound), unit) for bound in (criterion.at_least, criterion.at_most))
    if criterion.at_least == -math.inf:
        return f"at most {high}"
    return f"at least {low}" if criterion.at_most == math.inf else f"from {low} to {high}"


def _unit(hint: Any) -> str:
    """Return the unit that a field's annotation gives, through lists, names and "or nothing"."""
    unit = unit_of(getattr(hint, "__metadata__", ()))
    if unit or typing.get_origin(hint) is None:
        return unit
    inner = [part for part in typing.get_args(hint) if part not in (types.NoneType, Ellipsis, str)]
    return _unit(inner[0]) if inner else ""


def _worded(value: Any, unit: str) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        named = typing.cast("dict[str, Any]", value)
        return ", ".join(f"{name} {_worded(part, unit)}" for name, part in named.items())
    if isinstance(value, (tuple, list)):
        return ", ".join(_worded(part, unit) for part in typing.cast("list[Any]", value))
    return format_quantity(value, unit) if isinstance(value, float) else str(value)
