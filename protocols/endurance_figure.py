"""The figure of `endurance`: both states and the window between them against the cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Curve, Figure, Panel, curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.endurance import EnduranceParameters, WindowMeasured

_CYCLES = Axis("cycles", log=True)


def figure(records: Sequence[WindowMeasured], parameters: EnduranceParameters) -> Figure:
    """Return what the measurements of a run, whole or broken off, look like."""
    cycles = np.array([record.cycles for record in records], np.float64)
    window = np.array([record.window for record in records])
    marks: list[Curve] = [curve(cycles, window, "window", "line and points")]
    if window[0] > 0:
        limit = np.full(2, parameters.stop_below * window[0])
        marks.append(curve(cycles[[0, -1]], limit, "worn out", "dashed"))
    return Figure(
        f"endurance: cell ({records[0].row}, {records[0].column}), {records[-1].cycles} cycles",
        (
            Panel(
                "Both states",
                _CYCLES,
                Axis("conductance", "S"),
                (
                    curve(cycles, [record.on for record in records], "on", "line and points"),
                    curve(cycles, [record.off for record in records], "off", "line and points"),
                ),
            ),
            Panel("Window", _CYCLES, Axis("window", "S"), tuple(marks)),
        ),
    )
