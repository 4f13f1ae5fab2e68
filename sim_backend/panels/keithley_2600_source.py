"""What a channel of a 2600B lets its source be set to: levels, ranges, limits and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_facts import SOURCE_FULL_SCALE, Function, fits, holding_range
from sim_backend.panels.keithley_2600_nodes import check

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2600_nodes import Argument
    from sim_backend.panels.keithley_2600_output import Output
    from sim_backend.panels.keithley_2600_settings import Settings


class Source:
    """Sets the source of a channel, refuses what cannot be, and lets the output follow.

    Args:
        letter: of the channel.
        settings: of the channel.
        output: that follows.
    """

    def __init__(self, letter: str, settings: Settings, output: Output) -> None:
        self._letter = letter
        self._settings = settings
        self._output = output

    def select(self, function: Function) -> None:
        """Source voltage or current; with the output on, its programmed level at once."""
        settings = self._settings
        if function is settings.function:
            return
        self._check_area(function, settings.sources[function].range, settings.sources[function.other].limit)
        if self._output.on:
            sources = settings.sources
            self._output.check_line(function, sources[function].range, sources[Function.VOLTAGE].limit)
        settings.function = function
        self._output.level_changed()

    def set_level(self, function: Function, value: Argument) -> None:
        """Source a level, in V or A.

        Raises:
            TspError: 1101 or 1102 beyond the instrument, 5005 beyond a fixed range, 5007 outside the operating area,
                802 if the interlock forbids it.
        """
        level, full_range = self.checked_level(function, value)
        source = self._settings.sources[function]
        self._check_line(function, full_range)
        changed = level != source.level
        source.level, source.range = level, full_range
        if function is self._settings.function:
            if changed:
                self._output.level_changed()
            else:
                self._output.refresh()

    def checked_level(self, function: Function, value: Argument) -> tuple[float, float]:
        """Return a level that can be sourced, and the range it is sourced in; errors as for `set_level`."""
        settings = self._settings
        source = settings.sources[function]
        largest = SOURCE_FULL_SCALE * settings.family.largest(function)
        level = check(value, -largest, largest)
        if not source.auto_range and not fits(level, source.range, SOURCE_FULL_SCALE):
            raise TspError(5005, channel=self._letter)
        full_range = source.range
        if source.auto_range:
            ranges = settings.family.source_ranges(function)
            full_range = max(holding_range(ranges, level, SOURCE_FULL_SCALE), source.low_range)
        self._check_area(function, full_range, settings.sources[function.other].limit)
        return level, full_range

    def set_range(self, function: Function, value: Argument) -> None:
        """Fix the lowest range that holds `value`.

        Raises:
            TspError: 1101 if none does, 5005 if it does not hold the present level, 5007 outside the operating area,
                802 if the interlock forbids it.
        """
        settings = self._settings
        source = settings.sources[function]
        largest = SOURCE_FULL_SCALE * settings.family.largest(function)
        value = check(value, -largest, largest)
        full_range = holding_range(settings.family.source_ranges(function), value, 1.0)
        if not fits(source.level, full_range, SOURCE_FULL_SCALE):
            raise TspError(5005, channel=self._letter)
        self._check_area(function, full_range, settings.sources[function.other].limit)
        self._check_line(function, full_range)
        source.auto_range, source.range = False, full_range
        self._output.refresh()

    def set_auto_range(self, function: Function, on: bool) -> None:
        """Let the level choose the range, or keep the present one."""
        source = self._settings.sources[function]
        source.auto_range = on
        if on:
            self.set_level(function, source.level)

    def set_low_range(self, function: Function, value: Argument) -> None:
        """Set the lowest range that the level may choose.

        Raises:
            TspError: 1101 or 1102.
        """
        ranges = self._settings.family.source_ranges(function)
        source = self._settings.sources[function]
        source.low_range = holding_range(ranges, check(value, 0.0, ranges[-1]), 1.0)
        if source.auto_range:
            self.set_level(function, source.level)

    def set_limit(self, function: Function, value: Argument) -> None:
        """Limit a quantity while the other one is sourced, in V or A.

        Raises:
            TspError: 1101 or 1102 if the limit cannot be, 5007 outside the operating area, 802 if the interlock
                forbids it.
        """
        family = self._settings.family
        limit = check(value, family.smallest_limit(function), family.largest(function))
        self._check_area(function.other, self._settings.sources[function.other].range, limit)
        if self._output.on and function is Function.VOLTAGE and self._settings.function is Function.CURRENT:
            self._output.check_line(Function.CURRENT, 0.0, limit)
        self._settings.sources[function].limit = limit
        self._output.refresh()

    def _check_line(self, function: Function, full_range: float) -> None:
        """Refuse a range, while it is put out, that the interlock line forbids.

        Raises:
            TspError: 802.
        """
        if self._output.on and function is self._settings.function:
            self._output.check_line(function, full_range, self._settings.sources[Function.VOLTAGE].limit)

    def _check_area(self, function: Function, full_range: float, limit: float) -> None:
        """Refuse a range with a limit outside the operating area.

        Raises:
            TspError: 5007.
        """
        family = self._settings.family
        pair = (full_range, limit) if function is Function.VOLTAGE else (limit, full_range)
        # A limit belongs to the operating area only of the function that it limits.
        relevant = function is self._settings.function
        if relevant and pair[0] > family.full_current_voltage and pair[1] > family.high_voltage_current:
            raise TspError(5007, channel=self._letter)
