"""What a run of the 2400 sources, point by point: a fixed level, a staircase or a list."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim_backend.panels.keithley_2400_facts import FULL_SCALE, MOST_POINTS, fits
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim_backend.panels.keithley_2400_facts import Settings, SourceSettings


@dataclass(frozen=True, slots=True)
class Point:
    """A level (V or A), the range it is sourced in, and the settings that a memory sweep takes with it."""

    level: float
    range: float
    setup: dict[str, Any] | None = None


def plan(settings: Settings) -> list[Point]:
    """Return the points of one pass; a run that is longer starts again at the first.

    Raises:
        ScpiError: -221 if start, stop and step make no sweep.
    """
    source, function = settings.source, settings.source_function
    if source.mode == "FIX":
        level = source.triggered
        return [Point(level, function.holding_range(level) if source.auto_range else source.range)]
    levels = _list_levels(settings) if source.mode == "LIST" else _staircase(settings)
    if settings.ranging == "AUTO":
        return [Point(level, function.holding_range(level)) for level in levels]
    full_range = function.holding_range(max(levels, key=abs)) if settings.ranging == "BEST" else source.range
    return [Point(_clipped(level, full_range), full_range) for level in levels]


def step_points(source: SourceSettings) -> int:
    """Return the number of points of a staircase.

    Raises:
        ScpiError: -221 if a given step does not lead from start to stop in 2 to 2500 points.
    """
    if source.step is None:
        return source.points
    span = source.stop - source.start
    steps = span / source.step if source.step else math.inf
    points = math.floor(steps + 1e-9) + 1 if 0 < steps < MOST_POINTS else 0
    if not 2 <= points <= MOST_POINTS:
        raise ScpiError(-221)
    return points


def step_size(source: SourceSettings) -> float:
    """Return the step of a linear staircase in V or A."""
    return (source.stop - source.start) / (source.points - 1) if source.step is None else source.step


def _staircase(settings: Settings) -> Sequence[float]:
    """Return the levels of a staircase, from start to stop or back."""
    source = settings.source
    points = step_points(source)
    if settings.spacing == "LOG":
        if source.start * source.stop <= 0:
            raise ScpiError(-221)
        factor = source.stop / source.start
        levels = [source.start * factor ** (place / (points - 1)) for place in range(points)]
    else:
        step = step_size(source)
        levels = [source.start + step * place for place in range(points)]
    if source.step is None:
        levels[-1] = source.stop
    return levels if settings.direction == "UP" else levels[::-1]


def _list_levels(settings: Settings) -> Sequence[float]:
    """Return the levels of a list, from its start point on, around; backwards from its end."""
    source = settings.source
    if settings.list_direction == "DOWN":
        return source.list[::-1]
    first = min(source.list_start, len(source.list)) - 1
    return [*source.list[first:], *source.list[:first]]


def _clipped(level: float, full_range: float) -> float:
    """Return what a range gives of a level that may exceed it."""
    return level if fits(level, full_range) else math.copysign(FULL_SCALE * full_range, level)
