"""What the 2450 lets its source be set to: ranges, levels, limits and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2450_facts import (
    LARGEST_CURRENT,
    LARGEST_CURRENT_AT_200V,
    LARGEST_VOLTAGE,
    LARGEST_VOLTAGE_AT_1A,
    LIMIT_FRACTION,
    PROTECTIONS,
    SMALLEST_CURRENT_LIMIT,
    SMALLEST_VOLTAGE_LIMIT,
    Function,
    fits,
)
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_events import EventKind

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2450_facts import Settings
    from sim_backend.panels.keithley_2450_output import Output
    from sim_backend.panels.scpi_status import Status

_RAISED = 1.05
"""By what a limit that had to be raised exceeds the smallest one (assumption)."""
_LIMIT_CHANGED = "Settings conflict, source limit changed to fit the range"


class Source:
    """Sets the source, refuses what cannot be, and lets the output follow."""

    def __init__(self, settings: Settings, output: Output, status: Status) -> None:
        self._settings = settings
        self._output = output
        self._status = status

    def select(self, function: Function) -> None:
        """Source another function; this switches the output off (assumption: as on the 2400)."""
        if function is not self._settings.source_function:
            self._output.switch(on=False)
            self._settings.source_function = function
            self._lower_limit(function)
            self._output.refresh()

    def set_level(self, function: Function, level: float) -> None:
        """Source `level`, in V or A.

        Raises:
            ScpiError: -222 beyond a fixed range, -221 if the interlock forbids it.
        """
        source = self._settings.sources[function]
        if not source.auto_range and not fits(level, source.range):
            raise ScpiError(-222)
        if self._output.on:
            self._output.check_interlock(level)
        self.apply(function, level, function.holding_range(level) if source.auto_range else source.range)

    def apply(self, function: Function, level: float, full_range: float) -> None:
        """Source a level in a range that holds it, as a sweep does whatever the fixed range."""
        source = self._settings.sources[function]
        moved = level != source.level
        source.level = level
        source.range = full_range
        self._lower_limit(function)
        if moved:
            self._output.level_changed()
        else:
            self._output.refresh()

    def set_range(self, function: Function, value: float) -> None:
        """Fix the lowest range that holds `value`.

        Raises:
            ScpiError: -221 if it does not hold the present level; the range stays.
        """
        source = self._settings.sources[function]
        full_range = function.holding_range(value)
        if not fits(source.level, full_range):
            raise ScpiError(-221)
        source.auto_range = False
        source.range = full_range
        self._lower_limit(function)
        self._output.refresh()

    def set_auto_range(self, function: Function, on: bool) -> None:
        """Let the level choose the range, or keep the present one."""
        source = self._settings.sources[function]
        source.auto_range = on
        if on:
            self.apply(function, source.level, function.holding_range(source.level))

    def set_limit(self, function: Function, limit: float) -> None:
        """Limit the other function, in A or V.

        Raises:
            ScpiError: -222 if the limit cannot be, -221 if a fixed measure range is too coarse for it.
        """
        smallest = SMALLEST_CURRENT_LIMIT if function is Function.VOLTAGE else SMALLEST_VOLTAGE_LIMIT
        if not smallest <= limit <= self._largest_limit(function):
            raise ScpiError(-222)
        if limit <= self._fixed_range_share(function):
            raise ScpiError(-221)
        self._settings.sources[function].limit = limit
        self._output.refresh()

    def set_protection(self, name: str) -> None:
        """Clamp the output at an overvoltage protection level; a voltage limit above it is lowered."""
        self._settings.protection = name
        self._lower_limit(self._settings.source_function)
        self._output.refresh()

    def measure_range_fixed(self) -> None:
        """Raise a limit that is too small for the measure range fixed just now (assumption: as on the 2470)."""
        function = self._settings.source_function
        source = self._settings.sources[function]
        smallest = self._fixed_range_share(function)
        if source.limit <= smallest:
            source.limit = _RAISED * smallest
            self._warn()
        self._output.refresh()

    def _lower_limit(self, function: Function) -> None:
        """Lower a limit that the source range does not allow."""
        source = self._settings.sources[function]
        largest = self._largest_limit(function)
        if source.limit > largest:
            source.limit = largest
            self._warn()

    def _largest_limit(self, function: Function) -> float:
        """Return the largest limit in the present source range, in A or V."""
        source_range = self._settings.sources[function].range
        if function is Function.VOLTAGE:
            return LARGEST_CURRENT_AT_200V if source_range >= 200.0 else LARGEST_CURRENT
        largest = LARGEST_VOLTAGE_AT_1A if source_range >= 1.0 else LARGEST_VOLTAGE
        return min(largest, PROTECTIONS.get(self._settings.protection, largest))

    def _fixed_range_share(self, function: Function) -> float:
        """Return what a limit must exceed because of a fixed measure range, in A or V; 0 without one."""
        if self._settings.sense_function is not function.other:
            return 0.0
        sense = self._settings.senses[function.other]
        return 0.0 if sense.auto_range else LIMIT_FRACTION * sense.range

    def _warn(self) -> None:
        self._status.report(-221, _LIMIT_CHANGED, EventKind.WARNING)
