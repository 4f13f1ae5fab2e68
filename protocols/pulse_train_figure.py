"""The figure of `pulse-train`: the staircase, how straight it is, its steps, its noise, and both branches' symmetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Curve, Figure, Panel, curve, histogram
from protocols.analysis.branch_symmetry import symmetry
from protocols.analysis.linearity import best_line
from protocols.staircase_summary import noise_of, paths, read_noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.figure import Bars
    from protocols.measured_curves import MeasuredCurve
    from protocols.staircase import Stair
    from protocols.staircase_summary import Path

POINTS = 2000
"""Points of a curve that are drawn: more than a screen shows."""
SYMMETRY_BINS = 16
_CONDUCTANCE = Axis("conductance", "S")
_PULSES = Axis("pulses")


def figure(records: Sequence[Stair], measured: MeasuredCurve | None) -> Figure:
    """Return what the branches of a run, whole or broken off, look like."""
    up, down = paths(records, "up"), paths(records, "down")
    panels = [_stairs(up, down, measured)]
    if max((len(path.pulses) for path in up + down), default=0) > 2:
        panels += [_straightness(up, down), _steps(up, down), _noise(records, up, down)]
    if up and down and (found := _asymmetry(up[0], down[0])):
        panels.append(found)
    first = records[0]
    return Figure(f"pulse-train: {len(records)} reads of cell ({first.row}, {first.column})", tuple(panels))


def _stairs(up: list[Path], down: list[Path], measured: MeasuredCurve | None) -> Panel:
    marks: list[Curve] = []
    for number, path in enumerate(up):
        marks.append(_drawn(path.pulses, path.conductance, "up" if number == 0 else ""))
    for number, path in enumerate(down):
        begin = up[number].pulses[-1] if number < len(up) else 0.0
        marks.append(_drawn(begin + path.pulses, path.conductance, "down" if number == 0 else ""))
    if measured is not None:
        marks.append(curve(measured.pulses, measured.conductance, "measured, Ru-azo film", "points"))
    return Panel("Conductance against pulses of a cycle", _PULSES, _CONDUCTANCE, tuple(marks))


def _straightness(up: list[Path], down: list[Path]) -> Panel:
    """Return the distances from the best lines."""
    marks: list[Curve] = []
    for label, branch in (("up", up), ("down", down)):
        for number, path in enumerate(branch):
            line = best_line(path.pulses, path.conductance)
            if line is not None:
                off = path.conductance - line.offset - line.slope * path.pulses
                marks.append(_drawn(path.pulses, off, label if number == 0 else ""))
    return Panel("Off the best line", _PULSES, Axis("distance", "S"), tuple(marks))


def _steps(up: list[Path], down: list[Path]) -> Panel:
    """Return how large the steps of one pulse are, each along its branch's way."""
    bars: list[Bars] = []
    for label, branch, way in (("up", up, 1.0), ("down", down, -1.0)):
        sizes = [way * np.diff(path.conductance) / np.diff(path.pulses) for path in branch]
        if sizes:
            bars.append(histogram(np.concatenate(sizes), label=label))
    return Panel("Steps of a pulse, as read", Axis("step, along its way", "S"), Axis("steps"), tuple(bars))


def _noise(records: Sequence[Stair], up: list[Path], down: list[Path]) -> Panel:
    """Return read and write noise along the range."""
    splits = sorted((split for path in up + down for split in noise_of(path)), key=lambda split: split.conductance)
    places = [split.conductance for split in splits]
    marks = (
        curve(*read_noise(records), "read", "points"),
        curve(places, [s.write_sigma for s in splits], "step", "points", [s.write_sigma_error for s in splits]),
    )
    return Panel("Noise of a read and of a step", _CONDUCTANCE, Axis("standard deviation", "S"), marks)


def _asymmetry(up: Path, down: Path) -> Panel | None:
    found = symmetry(up.pulses, up.conductance, down.pulses, down.conductance, SYMMETRY_BINS)
    if found is None:
        return None
    marks = (curve(found.conductance, found.asymmetry, "", "line and points"),)
    return Panel("Asymmetry of steps", _CONDUCTANCE, Axis("(|dG+| - |dG-|) / (|dG+| + |dG-|)"), marks)


def _drawn(x: np.ndarray, y: np.ndarray, label: str) -> Curve:
    """Return a line of no more points than can be seen, its last one included."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).round().astype(int))
    return curve(x[chosen], y[chosen], label)
