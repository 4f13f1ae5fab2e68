"""The numbers of one panel of a protocol's figure as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Band, Bars, Curve, Map
from labctl.live.copying import csv_text, headed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.figure import Panel


def panel_csv(panel: Panel) -> str:
    """Return every mark of `panel`, a line a point; of a map, a line a cell, with its value last."""
    headers = ["mark", headed(panel.x.label, panel.x.unit), headed(panel.y.label, panel.y.unit)]
    maps = [mark for mark in panel.marks if isinstance(mark, Map)]
    if maps:
        headers.append(headed(maps[0].label or "value", maps[0].unit))
    elif any(isinstance(mark, Curve) and mark.error is not None for mark in panel.marks):
        headers.append("standard deviation")
    return csv_text(headers, _rows(panel))


def _rows(panel: Panel) -> Iterator[tuple[object, ...]]:
    for mark in panel.marks:
        match mark:
            case Curve():
                errors = () if mark.error is None else (mark.error.tolist(),)
                for numbers in zip(mark.x.tolist(), mark.y.tolist(), *errors, strict=True):
                    yield (mark.label, *numbers)
            case Band():
                for side, values in (("low", mark.low), ("high", mark.high)):
                    for x, y in zip(mark.x.tolist(), values.tolist(), strict=True):
                        yield f"{mark.label}, {side}", x, y
            case Bars():
                centres = (mark.edges[:-1] + mark.edges[1:]) / 2
                for x, y in zip(centres.tolist(), mark.counts.tolist(), strict=True):
                    yield mark.label, x, y
            case Map():
                top, left = mark.first
                for (row, column), value in np.ndenumerate(mark.values):
                    yield mark.label, left + column, top + row, float(value)
