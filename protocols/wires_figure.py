"""The figure of `wires`: the conductances as reads show them, what lines lose together, and what schemes let leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Figure, Map, Panel, curve
from protocols.wires_summary import SideData, side_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.wires import WireProduct, WiresParameters

    Array = NDArray[np.float64]


def figure(records: Sequence[WireProduct], parameters: WiresParameters) -> Figure:  # noqa: ARG001
    """Return what the currents of a run, whole or broken off, look like."""
    stage = max(one.stage for one in records)
    own = [one for one in records if one.stage == stage]
    panels: list[Panel] = []
    sides = {inputs: side_data(own, inputs) for inputs in ("rows", "columns")}
    if (rows := sides["rows"]) is not None:
        panels.append(_map(rows.singles / max(max(one.levels) for one in own if one.kind == "single")))
    panels.extend(_losses(side, inputs) for inputs, side in sides.items() if side is not None)
    schemes = list(dict.fromkeys(one.scheme for one in records if one.kind == "read"))
    if schemes:
        panels.append(_by_scheme(records, schemes))
    if not panels:
        panels.append(_as_measured(own))
    return Figure(f"wires: {len(records)} products and reads, lines raised {stage} times", tuple(panels))


def _map(conductance: Array) -> Panel:
    marks = (Map(conductance, "conductance", "S"),)
    return Panel("Cells, rows driven alone", Axis("column"), Axis("row"), marks)


def _losses(side: SideData, inputs: str) -> Panel:
    """Return what each bright line lost in each product."""
    lines = np.nonzero(side.bright)[0]
    others = side.losses[1:, lines]
    marks = [curve(lines, side.losses[0, lines], "all on", "line and points")]
    if len(others):
        marks.append(curve(lines, others.mean(axis=0), "half of them on", "points", error=others.std(axis=0)))
    line = "column" if inputs == "rows" else "row"
    return Panel(f"Lost of the sum of single lines, {inputs} in", Axis(line), Axis("share lost"), tuple(marks))


def _by_scheme(records: Sequence[WireProduct], schemes: list[str]) -> Panel:
    """Return the mean current of each column's cells under each scheme."""
    marks = tuple(
        curve(np.arange(len(mean)), mean, scheme, "line and points")
        for scheme in schemes
        if len(mean := _mean(records, scheme))
    )
    return Panel("Reads, mean of each column", Axis("column"), Axis("current", "A"), marks)


def _mean(records: Sequence[WireProduct], scheme: str) -> Array:
    return np.array([one.current for one in records if one.kind == "read" and one.scheme == scheme]).mean(axis=0)


def _as_measured(records: Sequence[WireProduct]) -> Panel:
    means = [float(np.mean(one.current)) for one in records]
    return Panel("As measured", Axis("product"), Axis("mean current", "A"), (curve(np.arange(len(means)), means),))
