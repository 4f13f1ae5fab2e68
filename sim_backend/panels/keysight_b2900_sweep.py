"""What levels a run of a B2900A channel brings to its output, and in which ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim_backend.panels.keysight_b2900_facts import possible, sources
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim_backend.panels.keysight_b2900_facts import Function, Model
    from sim_backend.panels.keysight_b2900_settings import ChannelSettings, SourceSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """Levels (V or A) and their source ranges, one for each trigger; after the last the first comes again."""

    levels: Sequence[float]
    ranges: Sequence[float]

    def at(self, index: int) -> tuple[float, float]:
        """Return level and range of a trigger, counted from 0."""
        place = index % len(self.levels)
        return self.levels[place], self.ranges[place]


def make_plan(settings: ChannelSettings, model: Model) -> Plan:
    """Return what the present settings bring.

    Raises:
        ScpiError: -222 if a fixed range does not hold a level or a level cannot be sourced, -221 if it and the limit
            cannot be had together, or if a logarithmic sweep touches 0 (assumption: these numbers).
    """
    function = settings.function
    levels = _levels(settings, settings.source)
    for level in levels:
        voltage, current = level, settings.limiting.largest_limit
        if function.unit == "A":
            voltage, current = current, voltage
        if abs(level) > function.largest * (1 + 1e-12):
            raise ScpiError(-222)
        if not possible(voltage, current):
            raise ScpiError(-221)
    return Plan(levels, _ranges(settings, model, function, levels))


def _levels(settings: ChannelSettings, source: SourceSettings) -> list[float]:
    if source.mode == "LIST":
        return list(source.list)
    if source.mode == "FIX":
        return [source.level if source.triggered is None else source.triggered]
    levels = _logarithmic(source) if settings.spacing == "LOG" else _linear(settings, source)
    return [*levels, *reversed(levels)] if settings.stair == "DOUB" else levels


def _linear(settings: ChannelSettings, source: SourceSettings) -> list[float]:
    """Return the levels of a linear sweep; downwards it goes from stop to start."""
    places = range(source.points)
    if settings.direction == "DOWN":
        return [source.stop - source.step * place for place in places]
    return [source.start + source.step * place for place in places]


def _logarithmic(source: SourceSettings) -> list[float]:
    """Return the levels of a logarithmic sweep.

    Raises:
        ScpiError: -221 if start and stop do not have the same sign.
    """
    if source.start * source.stop <= 0:
        raise ScpiError(-221)
    if source.points == 1:
        return [source.start]
    ratio = source.stop / source.start
    inner = [source.start * ratio ** (place / (source.points - 1)) for place in range(source.points - 1)]
    return [*inner, source.stop]


def _ranges(settings: ChannelSettings, model: Model, function: Function, levels: Sequence[float]) -> list[float]:
    """Return the source range of each level.

    Raises:
        ScpiError: -222 if the present range is kept and does not hold a level.
    """
    source = settings.source
    if source.mode == "FIX":
        fixed = not source.auto_range
        ranging = "FIX" if fixed else "AUTO"
    else:
        ranging = settings.ranging
    if ranging == "BEST" and settings.spacing == "LOG" and source.mode == "SWE":
        ranging = "AUTO"
    if ranging == "AUTO":
        return [max(model.source_range(function, level), source.lower_range) for level in levels]
    largest = max(map(math.fabs, levels))
    full_range = source.range if ranging == "FIX" else model.source_range(function, largest)
    if not sources(function, largest, full_range):
        raise ScpiError(-222)
    return [full_range] * len(levels)
