"""The figure of `iv-sweep`: the curve, its magnitude on a logarithmic scale, the law fitted to it, and the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Curve, Figure, Panel, curve
from protocols.iv_summary import fits, fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.iv_sweep import IvPoint, IvSweepParameters

_VOLTAGE = Axis("voltage", "V")
_CURVES = 6
"""Most loops that are drawn each by itself; of more, as many are taken evenly."""
_FINE = 100
"""Points of a fitted line."""


def figure(records: Sequence[IvPoint], parameters: IvSweepParameters) -> Figure:
    """Return what a run, whole or broken off, looks like."""
    panels = [_linear(records), _logarithmic(records)]
    law = _law(records, parameters)
    if law is not None:
        panels.append(law)
    if parameters.mode == "pulsed":
        panels.append(_states(records))
    first = records[0]
    return Figure(f"iv-sweep: cell ({first.row}, {first.column}), {parameters.mode}", tuple(panels))


def _shown(records: Sequence[IvPoint]) -> list[list[IvPoint]]:
    """Return the points that make the curve, loop by loop: of a sweep, of pulses, or else of reads."""
    parts = {record.part for record in records}
    part = next(name for name in ("sweep", "pulse", "read", "before") if name in parts)
    chosen = [record for record in records if record.part == part]
    loops = sorted({record.loop for record in chosen})
    loops = loops[:: -(-len(loops) // _CURVES)]
    return [[record for record in chosen if record.loop == loop] for loop in loops]


def _linear(records: Sequence[IvPoint]) -> Panel:
    curves: list[Curve] = []
    for points in _shown(records):
        label = f"loop {points[0].loop + 1}"
        style = "line" if points[0].part == "sweep" else "points"
        curves.append(curve([p.across for p in points], [p.current for p in points], label, style))
    held = [record for record in records if record.in_compliance]
    if held:
        curves.append(curve([p.across for p in held], [p.current for p in held], "in compliance", "points"))
    return Panel("Current", _VOLTAGE, Axis("current", "A"), tuple(curves))


def _logarithmic(records: Sequence[IvPoint]) -> Panel:
    curves = [
        curve([p.voltage for p in points], np.abs([p.current for p in points]), f"loop {points[0].loop + 1}", "points")
        for points in _shown(records)
    ]
    reads = [record for record in records if record.part == "read"]
    if reads:
        curves.append(curve([p.voltage for p in reads], np.abs([p.current for p in reads]), "reads", "points"))
    return Panel("Its magnitude", _VOLTAGE, Axis("|current|", "A", log=True), tuple(curves))


def _law(records: Sequence[IvPoint], parameters: IvSweepParameters) -> Panel | None:
    """Return the last branch to which the conduction law was fitted, with the law; None without a fit."""
    found, points = fits(records, parameters), fitted(records, parameters)
    if not found:
        return None
    volts = [p.voltage for p in points[-1]]
    fine = np.linspace(0.0, max(volts, key=abs), _FINE)
    marks = (
        curve(volts, [p.current for p in points[-1]], "measured", "points"),
        curve(fine, found[-1].fit.current(fine), "G0 V0 sinh(V / V0)", "dashed"),
    )
    return Panel("Conduction law", _VOLTAGE, Axis("current", "A"), marks)


def _states(records: Sequence[IvPoint]) -> Panel:
    """Return the conductance behind each pulse against its amplitude."""
    verify = [record for record in records if record.part == "verify"]
    loops = sorted({record.loop for record in verify})
    curves = [
        curve(
            [p.amplitude for p in verify if p.loop == loop],
            [p.current / p.voltage for p in verify if p.loop == loop],
            f"loop {loop + 1}",
            "line and points",
        )
        for loop in loops[:: -(-len(loops) // _CURVES) or 1]
    ]
    return Panel("State behind each pulse", Axis("amplitude", "V"), Axis("conductance", "S"), tuple(curves))
