"""The figure of `read-disturb`: how each cell moved with the reads, and the disturb against the voltage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Curve, Figure, Panel, curve
from protocols.read_disturb_summary import VoltageDisturb, voltage_disturbs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.read_disturb import ReadDisturbParameters, ReadsDone

_PANELS_MAX = 5
"""Voltages shown one by one at most, the highest ones."""


def figure(records: Sequence[ReadsDone], parameters: ReadDisturbParameters) -> Figure:  # noqa: ARG001
    """Return what the reads of a run, whole or broken off, look like."""
    found = voltage_disturbs(records)
    panels = [_moves(one, records) for one in found[-_PANELS_MAX:]]
    several = [_against_voltage(found)] if sum(one.mean is not None for one in found) > 1 else []
    cells = len({record.row for record in records})
    title = f"read-disturb: {cells} {'cell' if cells == 1 else 'cells'}; dashed: disturb that is not told from none"
    return Figure(title, (*panels, *several))


def _moves(at: VoltageDisturb, records: Sequence[ReadsDone]) -> Panel:
    """Return the change of each cell with the reads at one voltage, from its level before the first of them."""
    marks: list[Curve] = []
    for cell in at.cells:
        own = [record for record in records if record.voltage == at.voltage and record.level == cell.level]
        reads = np.array([record.before + (record.reads + 1) / 2 for record in own])
        start = own[0].reading if cell.line is None else cell.line.start
        marks.append(curve(reads, [record.reading - start for record in own], f"level {cell.level}", "points"))
        if cell.line is not None:
            style = "line" if cell.disturb is not None and cell.disturb.found else "dashed"
            marks.append(curve(np.append(0.0, reads), cell.line.slope * np.append(0.0, reads), style=style))
    title = f"Reads at {at.voltage * 1e3:.0f} mV"
    return Panel(title, Axis("reads"), Axis("change", "levels"), tuple(marks))


def _against_voltage(found: list[VoltageDisturb]) -> Panel:
    """Return the disturb of one read against the voltage."""
    known = [(one.voltage, one.mean) for one in found if one.mean is not None]
    voltages = [voltage for voltage, _ in known]
    means, sigmas = [mean.per_event for _, mean in known], [mean.sigma for _, mean in known]
    return Panel(
        "Disturb of a read",
        Axis("read voltage", "V"),
        Axis("disturb per read", "levels"),
        (curve(voltages, means, "mean of all cells", "line and points", error=sigmas),),
    )
