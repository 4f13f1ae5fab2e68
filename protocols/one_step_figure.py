"""The figure of `one-step`: how far off one pulse is, how that grows with the distance, what corrections leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Curve, Figure, Panel, curve, histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.one_step import OneStepParameters, OneStepWrite

BINS = 40
_ERROR = Axis("error", "levels")


def figure(records: Sequence[OneStepWrite], parameters: OneStepParameters) -> Figure:
    """Return what the writes of a run, whole or broken off, look like."""
    first = [record for record in records if record.attempt == 0]
    panels = (
        _errors(records),
        _against_distance(first),
        _corrections(records),
        _rates(first, parameters.coding),
    )
    title = f"one-step: {len(first)} levels of cell ({records[0].row}, {records[0].column}), {parameters.coding} coded"
    return Figure(title, panels)


def _errors(records: Sequence[OneStepWrite]) -> Panel:
    bars = tuple(
        histogram([record.error for record in records if record.attempt == attempt], BINS, _name(attempt))
        for attempt in sorted({record.attempt for record in records})[:1]
    )
    return Panel("How far off the first pulse is", _ERROR, Axis("levels"), bars)


def _against_distance(first: Sequence[OneStepWrite]) -> Panel:
    """Return errors against distances, and the error to be expected."""
    order = sorted(first, key=lambda record: abs(record.aimed))
    distance = [abs(record.aimed) for record in order]
    marks: tuple[Curve, ...] = (
        curve(distance, [abs(record.error) for record in order], "as read", "points"),
        curve(distance, [record.expected for record in order], "expected, one sigma", "line"),
    )
    return Panel(
        "Errors grow with the root of the distance", Axis("distance", "levels"), Axis("error", "levels"), marks
    )


def _corrections(records: Sequence[OneStepWrite]) -> Panel:
    """Return the root mean square error after each pulse."""
    attempts = sorted({record.attempt for record in records})
    rms = [
        float(np.sqrt(np.mean([record.error**2 for record in records if record.attempt == attempt])))
        for attempt in attempts
    ]
    marks = (curve(attempts, rms, "root mean square", "line and points"),)
    return Panel("What corrections leave", Axis("corrections"), Axis("error", "levels", log=True), marks)


def _rates(first: Sequence[OneStepWrite], coding: str) -> Panel:
    """Return how the width, or the height, follows from the way."""
    marks: list[Curve] = []
    for name, sign in (("up", 1), ("down", -1)):
        chosen = [record for record in first if sign * record.aimed > 0]
        values = [record.width if coding == "width" else record.amplitude for record in chosen]
        marks.append(curve([record.aimed for record in chosen], values, name, "points"))
    axis = Axis("width", "s") if coding == "width" else Axis("height", "V")
    return Panel(f"The pulse's {axis.label}", Axis("way", "levels"), axis, tuple(marks))


def _name(attempt: int) -> str:
    return "first pulse" if attempt == 0 else f"correction {attempt}"
