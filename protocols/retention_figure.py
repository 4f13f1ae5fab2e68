"""The figure of `retention`: how far each cell has moved since its first read, and what reads alone did."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Band, Curve, Figure, Panel, curve
from protocols.retention_summary import cell_drifts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.retention import RetentionParameters, RetentionRead
    from protocols.retention_summary import KeptCell

_CONFIDENCE = 0.99
_CURVE_POINTS = 50


def figure(records: Sequence[RetentionRead], parameters: RetentionParameters) -> Figure:  # noqa: ARG001
    """Return what the reads of a run, whole or broken off, look like."""
    kept = [record for record in records if not record.survey]
    if not kept:
        return Figure("retention: nothing read yet")
    cells = cell_drifts(records, _CONFIDENCE)
    panels = [_changes(cells), _readings(kept)]
    survey = [record for record in records if record.survey]
    title = f"retention: {len(cells)} cells; dashed: drift that is not told from none"
    return Figure(title, (*panels, *([_survey(survey)] if survey else [])))


def _changes(cells: list[KeptCell]) -> Panel:
    """Return the change of each cell against its age, what the reads did taken out."""
    ends = np.array([min(cell.found.ages[0] for cell in cells), max(cell.found.ages[-1] for cell in cells)])
    marks: list[Band | Curve] = [Band(ends, np.full(2, -0.5), np.full(2, 0.5), "half a level")]
    for cell in cells:
        found = cell.found
        marks.append(curve(found.ages, found.levels - found.levels[0], f"level {cell.level}", "points"))
        if found.drift is not None:
            logs = np.linspace(math.log(found.ages[0]), math.log(found.ages[-1]), _CURVE_POINTS)
            times = np.exp(logs)
            course = np.array([found.drift.expected(time)[0] for time in times.tolist()])
            style = "line" if found.drift.found else "dashed"
            marks.append(curve(times, (course - course[0]) / cell.step, style=style))
    return Panel(
        "Change since the first read, reads' own effect taken out",
        Axis("age", "s", log=True),
        Axis("change", "levels"), tuple(marks),
    )  # fmt: skip


def _readings(kept: list[RetentionRead]) -> Panel:
    """Return the conductances as they were read."""
    rows = sorted({record.row for record in kept})
    marks = tuple(
        curve(
            [record.age for record in kept if record.row == row],
            [record.conductance for record in kept if record.row == row],
            f"level {next(record.level for record in kept if record.row == row)}",
            "line and points",
        )
        for row in rows
    )
    return Panel("As read", Axis("age", "s", log=True), Axis("conductance", "S"), marks)


def _survey(survey: list[RetentionRead]) -> Panel:
    """Return what reads one after the other did at the end."""
    marks: list[Curve] = []
    for row in sorted({record.row for record in survey}):
        own = [record for record in survey if record.row == row]
        first = own[0].reading
        marks.append(
            curve(
                range(1, len(own) + 1), [one.reading - first for one in own], f"level {own[0].level}", "line and points"
            )
        )
    return Panel("Reads in a row at the end", Axis("read"), Axis("change", "levels"), tuple(marks))
