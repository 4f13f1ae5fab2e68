"""The figures of a summary, each with its unit and what was asked of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from labctl.report.wording import mapping, worded
from labctl.summaries import summary_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.summaries import Outcome


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure of a summary.

    Args:
        name: of the summary's field.
        value: as JSON keeps it.
        unit: of its numbers.
        at_least: the smallest value that passes; None if nothing is asked.
        at_most: the largest.
    """

    name: str
    value: object
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_asked(self) -> bool:
        """Whether something was asked of it."""
        return self.at_least is not None or self.at_most is not None

    @property
    def is_met(self) -> bool | None:
        """Whether it is what was asked; None if nothing was."""
        if not self.is_asked:
            return None
        if not isinstance(self.value, int | float):
            return False
        low, high = self.at_least, self.at_most
        return (low is None or self.value >= low) and (high is None or self.value <= high)

    @property
    def demand(self) -> str:
        """What was asked, in words; "" if nothing was."""
        low, high = worded(self.at_least, self.unit), worded(self.at_most, self.unit)
        if self.at_least is None:
            return "" if self.at_most is None else f"at most {high}"
        return f"at least {low}" if self.at_most is None else f"{low} to {high}"


def findings_of(detail: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return the summary that stands in the details of a run's last state."""
    units = mapping(detail.get("units"))
    criteria = detail.get("criteria")
    asked = cast("list[object]", criteria) if isinstance(criteria, list) else []
    return _found(mapping(detail.get("summary")), units, (mapping(each) for each in asked))


def findings_from(outcome: Outcome) -> tuple[Finding, ...]:
    """Return what a protocol has just made of its records."""
    if outcome.summary is None:
        return ()
    kind = cast("type[Any]", type(outcome.summary))
    units = {column.name: column.unit for column in summary_columns(kind)}
    return _found(asdict(outcome.summary), units, (asdict(criterion) for criterion in outcome.criteria))


def _found(
    summary: Mapping[str, Any], units: Mapping[str, Any], criteria: Iterable[Mapping[str, Any]]
) -> tuple[Finding, ...]:
    bounds = {str(each.get("figure")): (_bound(each.get("at_least")), _bound(each.get("at_most"))) for each in criteria}
    return tuple(
        Finding(name, value, str(units.get(name, "")), *bounds.get(name, (None, None)))
        for name, value in summary.items()
    )


def _bound(value: object) -> float | None:
    """Return a bound; an infinite one, which JSON keeps as null, asks for nothing."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
