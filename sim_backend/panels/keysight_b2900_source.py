"""What a B2900A channel lets its source be set to: functions, levels, ranges, limits and how they hang together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim_backend.panels.keysight_b2900_facts import Function, possible, sources
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from sim_backend.panels.keysight_b2900_facts import Model
    from sim_backend.panels.keysight_b2900_output import Output
    from sim_backend.panels.keysight_b2900_settings import ChannelSettings


class Source:
    """Sets the source, refuses what cannot be, and lets the output follow."""

    def __init__(self, settings: ChannelSettings, output: Output, model: Model) -> None:
        self._settings = settings
        self._output = output
        self._model = model

    def select(self, function: Function) -> None:
        """Source another function; this switches the output off (assumption).

        Raises:
            ScpiError: -221 if its level and its limit cannot be had together.
        """
        settings = self._settings
        if function is settings.function:
            return
        self._check_pair(function, settings.sources[function].level, settings.senses[function.other].largest_limit)
        self._output.switch(on=False)
        settings.function = function
        self._output.level = settings.source.level
        self._output.refresh()

    def set_level(self, function: Function, level: float) -> None:
        """Source `level`, in V or A, at once.

        Raises:
            ScpiError: -222 beyond a fixed range, -221 if limit or interlock forbid it.
        """
        settings = self._settings
        full_range = self.range_for(function, level)
        if function is settings.function:
            self._check_pair(function, level, settings.limiting.largest_limit)
            if self._output.on:
                self._output.check_interlock(level)
        settings.sources[function].level = level
        if function is settings.function:
            self._output.apply(level, full_range)
        else:
            settings.sources[function].range = full_range

    def range_for(self, function: Function, level: float) -> float:
        """Return the range in which a level is sourced.

        Raises:
            ScpiError: -222 if the range is fixed and does not hold it.
        """
        source = self._settings.sources[function]
        if source.auto_range:
            return max(self._model.source_range(function, level), source.lower_range)
        if not sources(function, level, source.range):
            raise ScpiError(-222)
        return source.range

    def set_range(self, function: Function, value: float) -> None:
        """Fix the range whose name covers `value`, the next higher or lower one if that is infinite.

        Raises:
            ScpiError: -221 if it does not hold the present level; the range stays.
        """
        source = self._settings.sources[function]
        if math.isinf(value):
            full_range = self._model.neighbour(function, source.range, up=value > 0)
        else:
            full_range = self._model.named_range(function, value)
        if not sources(function, source.level, full_range):
            raise ScpiError(-221)
        source.auto_range = False
        self._use_range(function, full_range)

    def set_auto_range(self, function: Function, on: bool) -> None:
        """Let the level choose the range, or keep the present one."""
        source = self._settings.sources[function]
        source.auto_range = on
        if on:
            self._use_range(function, self.range_for(function, source.level))

    def set_lower_range(self, function: Function, value: float) -> None:
        """Let automatic ranging go no lower than the range whose name covers `value`."""
        source = self._settings.sources[function]
        source.lower_range = self._model.named_range(function, value)
        if source.auto_range:
            self._use_range(function, self.range_for(function, source.level))

    def set_limit(self, function: Function, limit: float, *, positive: bool, negative: bool) -> None:
        """Limit a function, in V or A, on one side or both.

        Raises:
            ScpiError: -221 if level or interlock forbid it; the limit stays.
        """
        settings = self._settings
        sense = settings.senses[function]
        before = sense.positive_limit, sense.negative_limit
        sense.positive_limit = limit if positive else sense.positive_limit
        sense.negative_limit = limit if negative else sense.negative_limit
        try:
            if function is settings.function.other:
                self._check_pair(settings.function, settings.source.level, sense.largest_limit)
                if self._output.on:
                    self._output.check_interlock(self._output.level)
        except ScpiError:
            sense.positive_limit, sense.negative_limit = before
            raise
        self._output.refresh()

    def _use_range(self, function: Function, full_range: float) -> None:
        if function is self._settings.function:
            self._output.apply(self._output.level, full_range)
        else:
            self._settings.sources[function].range = full_range

    def _check_pair(self, function: Function, level: float, limit: float) -> None:
        """Refuse a level and a limit that lie outside the power envelope.

        Raises:
            ScpiError: -221 (assumption: it is refused, and the number).
        """
        voltage, current = (level, limit) if function is Function.VOLTAGE else (limit, level)
        if not possible(voltage, current):
            raise ScpiError(-221)
