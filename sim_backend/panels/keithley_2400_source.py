"""What the 2400 lets its source and its compliance be set to, and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2400_facts import (
    LARGEST_CURRENT_AT_200V,
    LARGEST_VOLTAGE,
    LARGEST_VOLTAGE_AT_1A,
    PROTECTIONS,
    Function,
    fits,
)
from sim_backend.panels.keithley_2400_output import smallest_limit
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2400_facts import Settings
    from sim_backend.panels.keithley_2400_output import Output


class Source:
    """Sets source, compliance and measure ranges, refuses what cannot be, and lets the output follow."""

    def __init__(self, settings: Settings, output: Output) -> None:
        self._settings = settings
        self._output = output

    def select(self, function: Function) -> None:
        """Source another function; this switches the output off."""
        if function is self._settings.source_function:
            return
        self._output.switch(on=False)
        self._settings.source_function = function
        self.restore()

    def restore(self) -> None:
        """Source the programmed level in its range, as after a sweep."""
        source = self._settings.source
        self._output.drive(source.level, source.range)

    def set_level(self, function: Function, level: float) -> None:
        """Source `level` (V or A), at once and in the next run.

        Raises:
            ScpiError: -222 beyond a fixed range, +826 if the compliance allows more power than there is.
        """
        source = self._settings.sources[function]
        full_range = self._range_for(function, level)
        source.level = source.triggered = level
        source.range = full_range
        self._follow(function)

    def set_triggered(self, function: Function, level: float) -> None:
        """Source `level` (V or A) in the next run.

        Raises:
            ScpiError: as for a level.
        """
        self._range_for(function, level)
        self._settings.sources[function].triggered = level

    def set_range(self, function: Function, value: float) -> None:
        """Fix the lowest range that holds `value`.

        Raises:
            ScpiError: -221 if it does not hold the present level (assumption), +826 as for a level.
        """
        source = self._settings.sources[function]
        full_range = function.holding_range(value)
        if not fits(source.level, full_range):
            raise ScpiError(-221)
        self._check_power(function, full_range, self._settings.senses[function.other].limit)
        source.auto_range = False
        source.range = full_range
        source.triggered = source.level
        self._follow(function)

    def set_auto_range(self, function: Function, on: bool) -> None:
        """Let the level choose the range, or keep the present one."""
        source = self._settings.sources[function]
        source.auto_range = on
        if on:
            source.range = function.holding_range(source.level)
            self._follow(function)

    def set_limit(self, function: Function, limit: float) -> None:
        """Limit `function`, in V or A, while the other one is sourced.

        Raises:
            ScpiError: +822 if it is too small for the measure range, +826 beyond the power envelope; it stays.
        """
        sense = self._settings.senses[function]
        limit = abs(limit)
        # With auto range the instrument is free to measure in its lowest range.
        lowest = function.ranges[0] if sense.auto_range else sense.range
        if limit < smallest_limit(lowest) * (1 - 1e-12):
            raise ScpiError(822)
        self._check_power(function.other, self._settings.sources[function.other].range, limit)
        sense.limit = limit
        self._limit_changed(function)

    def set_measure_range(self, function: Function, value: float) -> None:
        """Fix the lowest range that measures `value`.

        Raises:
            ScpiError: +823 if this function is sourced and read back, +824 above the range of the compliance.
        """
        self._check_not_read_back(function)
        sense = self._settings.senses[function]
        full_range = function.holding_range(value)
        if full_range > function.holding_range(sense.limit):
            raise ScpiError(824)
        sense.range, sense.auto_range = full_range, False
        self._output.refresh()

    def set_auto_measure_range(self, function: Function, on: bool) -> None:
        """Measure in the range that fits, or keep the present one.

        Raises:
            ScpiError: +823 if this function is sourced and read back.
        """
        if on:
            self._check_not_read_back(function)
        self._settings.senses[function].auto_range = on
        self._output.refresh()

    def set_protection(self, voltage: float) -> None:
        """Clamp the output at the lowest overvoltage protection level that lets `voltage` (V) through."""
        voltage = abs(voltage)
        self._settings.protection = next((level for level in PROTECTIONS if voltage <= level), LARGEST_VOLTAGE)
        self._output.refresh()

    def _range_for(self, function: Function, level: float) -> float:
        """Return the range to source a level in, if it can be."""
        source = self._settings.sources[function]
        if not source.auto_range and not fits(level, source.range):
            raise ScpiError(-222)
        full_range = function.holding_range(level) if source.auto_range else source.range
        self._check_power(function, full_range, self._settings.senses[function.other].limit)
        return full_range

    def _follow(self, function: Function) -> None:
        if function is self._settings.source_function:
            self.restore()

    def _limit_changed(self, function: Function) -> None:
        """Let range synchronisation and the auto range follow a compliance, then the output."""
        sense = self._settings.senses[function]
        compliance_range = function.holding_range(sense.limit)
        if self._settings.names.get("RSYN") == "1" or (sense.auto_range and sense.range > compliance_range):
            sense.range = compliance_range
        self._output.refresh()

    def _check_not_read_back(self, function: Function) -> None:
        settings = self._settings
        if function is settings.source_function and function in settings.functions:
            raise ScpiError(823)

    def _check_power(self, function: Function, full_range: float, limit: float) -> None:
        """Refuse a source range and a compliance that together exceed 22 W.

        Raises:
            ScpiError: +826.
        """
        voltage_sourced = function is Function.VOLTAGE
        highest = full_range >= (200.0 if voltage_sourced else 1.0)
        largest = LARGEST_CURRENT_AT_200V if voltage_sourced else LARGEST_VOLTAGE_AT_1A
        if highest and limit > largest * (1 + 1e-12):
            raise ScpiError(826)
