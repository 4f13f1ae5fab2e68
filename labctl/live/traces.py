"""Which plots a run gets: decided by the names and units of its record fields, never by the protocol's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labctl.records import Column

MOST_PANELS = 4
"""Plots that fit below one another."""
_MOST_PLAIN = 3
"""Fields plotted of a record type that has neither a conductance nor an error."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a record type against step.

    Args:
        record_type: the name of the type.
        fields: the fields drawn, all of one unit; the first is drawn on top.
        unit: SI symbol, "levels", or "".
        reference: that one of them which says where another ought to be, or "".
        is_error: whether the field is an error, which has a tolerance and a distribution.
    """

    record_type: str
    fields: tuple[str, ...]
    unit: str
    reference: str = ""
    is_error: bool = False

    @property
    def is_conductance(self) -> bool:
        """Whether its fields are conductances of cells, which have a level."""
        return self.unit == "S" and self.fields[0] == "conductance"


def choose_panels(record_types: Mapping[str, Sequence[Column]]) -> tuple[Panel, ...]:
    """Return the plots of a run, from top to bottom.

    A conductance (S), with its target where there is one, and an error in levels are what a crossbar run is watched
    for. A run that has neither gets the first float fields of each record type, or ints where there is no float.
    """
    known = [panel for name, fields in record_types.items() for panel in _known(name, fields)]
    plain = [panel for name, fields in record_types.items() for panel in _plain(name, fields)]
    return tuple((known or plain)[:MOST_PANELS])


def _known(record_type: str, fields: Sequence[Column]) -> list[Panel]:
    units = {field.name: field.unit for field in fields if field.type == "float"}
    panels: list[Panel] = []
    if units.get("conductance") == "S":
        if units.get("target") == "S":
            panels.append(Panel(record_type, ("conductance", "target"), "S", reference="target"))
        else:
            panels.append(Panel(record_type, ("conductance",), "S"))
    if units.get("error") == "levels":
        panels.append(Panel(record_type, ("error",), "levels", is_error=True))
    return panels


def _plain(record_type: str, fields: Sequence[Column]) -> list[Panel]:
    """Return the panels of the first numbers of a record type; numbers of one unit share a panel."""
    numbers = [field for field in fields if field.type == "float"] or [field for field in fields if field.type == "int"]
    by_unit: dict[str, list[str]] = {}
    for field in numbers[:_MOST_PLAIN]:
        # Plain numbers have nothing in common but the lack of a unit: each is on its own axis.
        by_unit.setdefault(field.unit or f" {field.name}", []).append(field.name)
    return [Panel(record_type, tuple(names), unit if unit[0] != " " else "") for unit, names in by_unit.items()]
