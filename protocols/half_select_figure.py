"""The figure of `half-select`: how each neighbour moved with each train, and what that is per pulse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Curve, Figure, Panel, curve
from protocols.half_select_jumps import PLACES, Jumps, all_jumps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.half_select import HalfSelectParameters, NeighbourRead


def figure(records: Sequence[NeighbourRead], parameters: HalfSelectParameters) -> Figure:  # noqa: ARG001
    """Return what the reads of a run, whole or broken off, look like."""
    jumps = all_jumps(records)
    schemes = [scheme for scheme in ("half", "third") if any(one.scheme == scheme for one in jumps)]
    panels = [_moves([one for one in jumps if one.scheme == scheme], scheme) for scheme in schemes]
    cells = f"{len(PLACES)} neighbours"
    return Figure(f"half-select: {cells}", (*panels, *([_per_event(jumps)] if jumps else []), _readings(records)))


def _moves(jumps: list[Jumps], scheme: str) -> Panel:
    """Return by how much each train moved each neighbour with one scheme."""
    marks = tuple(
        curve(np.arange(1, len(one.moved) + 1), one.moved, f"{one.after}, {one.place}", "line and points")
        for one in jumps
    )
    return Panel(f"Moved by a train, scheme {scheme}", Axis("cycle"), Axis("change", "levels"), marks)


def _per_event(jumps: list[Jumps]) -> Panel:
    """Return the disturb per pulse with its bound, by scheme and place, for either direction."""
    ways = list(dict.fromkeys((one.scheme, one.place) for one in jumps))
    marks: list[Curve] = []
    for aside, after in ((-0.1, "up"), (0.1, "down")):
        own = [one for one in jumps if one.after == after]
        places = [ways.index((one.scheme, one.place)) + aside for one in own]
        reach = [one.disturb.at_most - abs(one.disturb.per_event) for one in own]
        marks.append(curve(places, [one.disturb.per_event for one in own], after, "points", error=reach))
    return Panel(
        "Disturb of a pulse, with 99 % bounds",
        Axis("", names=tuple(f"{scheme}, {place}" for scheme, place in ways)),
        Axis("per pulse", "levels"),
        (*marks, curve([-0.5, len(ways) - 0.5], [0, 0], "", "dashed")),
    )


def _readings(records: Sequence[NeighbourRead]) -> Panel:
    """Return all readings in their order."""
    marks = tuple(
        curve(
            np.arange(sum(one.place == place for one in records)),
            [one.reading for one in records if one.place == place],
            place,
        )
        for place in PLACES
    )
    return Panel("As read", Axis("read"), Axis("level", "levels"), marks)
