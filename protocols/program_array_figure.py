"""The figure of `program-array`: what the cells hold, what is missing, and what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Bars, Figure, Map, Panel, curve, histogram
from protocols.program_array_summary import latest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from protocols.program_array import CellProgrammed, ProgramArrayParameters

    Array = NDArray[np.float64]

SHOWN = 1.5
"""Errors (levels) that the histogram shows; what is beyond counts at its ends."""
BINS = 60


def figure(records: Sequence[CellProgrammed], parameters: ProgramArrayParameters) -> Figure:  # noqa: ARG001
    """Return what the cells of a run, whole or broken off, look like."""
    records = latest(records)
    corner = row, column = min(record.row for record in records), min(record.column for record in records)
    shape = max(record.row for record in records) - row + 1, max(record.column for record in records) - column + 1

    def mapped(of: Callable[[CellProgrammed], float]) -> Array:
        values = np.full(shape, np.nan)
        for record in records:
            values[record.row - row, record.column - column] = of(record)
        return values

    errors = np.array([record.error for record in records])
    rows, columns = Axis("row"), Axis("column")
    panels = (
        Panel(
            "As read",
            columns,
            rows,
            (Map(mapped(lambda one: one.level + one.error), "level", "levels", first=corner),),
        ),
        Panel(
            "Error, as read",
            columns,
            rows,
            (Map(np.clip(mapped(lambda one: one.error), -SHOWN, SHOWN), "error", "levels", True, first=corner),),
        ),
        Panel(
            "Errors",
            Axis("error", "levels"),
            Axis("cells"),
            (histogram(np.clip(errors, -SHOWN, SHOWN), BINS, "cells"),),
        ),
        _convergence(records),
        Panel("Bursts", Axis("bursts"), Axis("cells"), (_counts([record.bursts for record in records]),)),
        Panel("Bursts by cell", columns, rows, (Map(mapped(lambda one: one.bursts), "bursts", first=corner),)),
    )
    return Figure(f"program-array: {len(records)} cells", panels)


def _convergence(records: Sequence[CellProgrammed]) -> Panel:
    """Return the errors of the cells that got so many bursts, against how many."""
    longest = max(len(record.errors) for record in records)
    bursts = np.arange(longest)
    found = [np.abs([record.errors[index] for record in records if len(record.errors) > index]) for index in bursts]
    rms = [float(np.sqrt(np.nanmean(one**2))) for one in found]
    median = [float(np.nanmedian(one)) for one in found]
    return Panel(
        "Error of the cells that were pulsed so often",
        Axis("bursts"),
        Axis("error", "levels", log=True),
        (
            curve(bursts, rms, "rms", "line and points"),
            curve(bursts, median, "median", "line and points"),
            curve([0, max(longest - 1, 1)], [0.5, 0.5], "half a level", "dashed"),
        ),
    )


def _counts(values: list[int]) -> Bars:
    counts = np.bincount(values)
    return Bars(np.arange(len(counts) + 1, dtype=np.float64) - 0.5, counts.astype(np.float64), "cells")
