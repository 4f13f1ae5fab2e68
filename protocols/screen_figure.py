"""The figure of `screen`, and the yield map that a run leaves as a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Figure, Map, Panel, histogram
from labctl.protocol import RunFile
from protocols.analysis.cell_yield import Kind
from protocols.screen_summary import screened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.screen import ScreenParameters
    from protocols.screen_bursts import ScreenRead

    Array = NDArray[np.float64]

KINDS = tuple(kind.words for kind in sorted(Kind))
"""What the values of a yield map mean, from 0 on."""


def figure(records: Sequence[ScreenRead], parameters: ScreenParameters) -> Figure:
    """Return what a run, whole or broken off, found."""
    cells = screened(records, parameters)
    found, step = cells.found, cells.one_level
    tested = found.kind != Kind.UNTESTED
    bad = int(np.count_nonzero(tested & (found.kind != Kind.GOOD)))
    kinds = np.where(tested, found.kind, np.nan)
    corner = cells.row, cells.column
    panels = [
        Panel("Yield", Axis("column"), Axis("row"), (Map(kinds, "", names=KINDS, first=corner),)),
        _map("Conductance before", cells.seen.before, "conductance", "S", corner),
    ]
    if np.isfinite(found.swing).any():
        with np.errstate(invalid="ignore", divide="ignore"):
            share = found.swing / found.expected
        panels.append(_map("Swing of the bursts", found.swing / step, "swing", "levels", corner))
        panels.append(_histogram("Swing over that of cells alike", "share", "", share))
        moved = (cells.after - cells.seen.before) / step
        panels.append(_map("Moved for good", moved, "change", "levels", corner, diverging=True))
    if np.isfinite(found.reverse).any():
        panels.append(_histogram("Swing at minus the read voltage", "swing", "levels", found.reverse / step))
    done = int(np.count_nonzero(tested))
    return Figure(f"screen: {done} of {found.kind.size} cells tested, {bad} of them not good", tuple(panels))


def files(records: Sequence[ScreenRead], parameters: ScreenParameters) -> tuple[RunFile, ...]:
    """Return the yield map: a line for each cell, conductances in S."""
    cells = screened(records, parameters)
    found = cells.found
    text = io.StringIO()
    text.write("row,column,kind,before,start,raised,lowered,swing,expected_swing,reverse_swing,after\n")
    seen = cells.seen
    columns = (
        seen.before, seen.start, seen.raised, seen.lowered, found.swing, found.expected, found.reverse, cells.after,
    )  # fmt: skip
    for (row, column), kind in np.ndenumerate(found.kind):
        numbers = ",".join(f"{values[row, column]:.6e}" for values in columns)
        text.write(f"{row + cells.row},{column + cells.column},{Kind(kind).words},{numbers}\n")
    return (RunFile("yield.csv", text.getvalue().encode()),)


def _map(title: str, values: Array, label: str, unit: str, corner: tuple[int, int], diverging: bool = False) -> Panel:
    return Panel(title, Axis("column"), Axis("row"), (Map(values, label, unit, diverging, first=corner),))


def _histogram(title: str, label: str, unit: str, values: Array) -> Panel:
    return Panel(title, Axis(label, unit), Axis("cells"), (histogram(values[np.isfinite(values)]),))
