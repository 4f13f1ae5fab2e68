"""How a B2900A channel takes a reading, and how long that takes.

A measurement is a generator: it yields the times (s) it needs, one after the other, and returns its reading. Voltage
and current are converted at the same time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim_backend.panels.keysight_b2900_accuracy import effective_cycles
from sim_backend.panels.keysight_b2900_facts import (
    CONVERSION_OVERHEAD,
    DEFAULT_CYCLES,
    Function,
    measure_wait,
    measures,
)
from sim_backend.panels.keysight_b2900_readings import Reading, ReadingStatus

if TYPE_CHECKING:
    from collections.abc import Generator

    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keysight_b2900_facts import Model
    from sim_backend.panels.keysight_b2900_output import Output
    from sim_backend.panels.keysight_b2900_settings import ChannelSettings, SystemSettings
    from sim_backend.panels.keysight_b2900_terminals import Terminals
    from sim_backend.smu_terminals import Operating


class Meter:
    """Measures what the settings of a channel say.

    Args:
        settings: of the channel; the range of an auto-ranged function is written back.
        system: settings of the instrument.
        output: whose settling is waited for.
        terminals: what is behind the output.
        clock: the time.
        model: which instrument it is.
        accuracy: its errors and its noise; None: it has none.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        system: SystemSettings,
        output: Output,
        terminals: Terminals,
        clock: VirtualClock,
        model: Model,
        accuracy: MeterAccuracy | None,
    ) -> None:
        self._settings = settings
        self._system = system
        self._output = output
        self._terminals = terminals
        self._clock = clock
        self._model = model
        self._accuracy = accuracy
        self.timer_start = clock.now()

    @property
    def aperture(self) -> float:
        """Integration time in s."""
        aperture = self._settings.aperture
        return DEFAULT_CYCLES / self._system.line_frequency if aperture is None else aperture

    @property
    def cycles(self) -> float:
        """Integration time in power line cycles."""
        return self.aperture * self._system.line_frequency

    def take(self) -> Generator[float, None, Reading]:
        """Take one reading, with the output on or off; off, nothing flows (assumption: it is no error)."""
        if self._output.on:
            yield self._output.settled_at - self._clock.now()
        start = self._clock.now()
        operating = yield from self._convert()
        return self._reading(operating, start - self.timer_start)

    def in_pulse(self) -> Reading:
        """Return a reading of which the conversion ends at this moment.

        Ranges are fixed in pulses; assumption: automatic ranging takes the one that covers the compliance.
        """
        sense = self._settings.limiting
        if sense.auto_range:
            sense.range = self.ceiling(self._settings.function.other)
        operating = self._terminals.measure(self.aperture)
        return self._reading(operating, self._clock.now() - self.aperture - self.timer_start)

    def range_of(self, function: Function) -> float:
        """Return the range in which a function is measured.

        That is the source's own for what is sourced; the other one's is no higher than what covers the compliance,
        whatever range is set (user's guide, "Ranging Mode").
        """
        settings = self._settings
        if function is settings.function:
            return settings.source.range
        sense = settings.senses[function]
        return min(sense.range, self._model.measure_range(function, sense.largest_limit))

    def set_range_of(self, function: Function) -> float:
        """Return the range that a query for a measure range answers: the source's own for what is sourced."""
        settings = self._settings
        return settings.source.range if function is settings.function else settings.senses[function].range

    def ceiling(self, function: Function) -> float:
        """Return the highest range that automatic ranging uses: no higher than the one that covers the compliance."""
        sense = self._settings.senses[function]
        return min(self._model.measure_range(function, sense.largest_limit), sense.upper_range)

    def _convert(self) -> Generator[float, None, Operating]:
        """Convert until the range fits; a range change costs its wait and another conversion."""
        settings = self._settings
        function = settings.function.other
        sense = settings.senses[function]
        # Pulses are measured in a fixed range.
        ranging = sense.auto_range and settings.shape == "DC"
        if ranging:
            sense.range = self._within(function, sense.range)
        for _ in self._model.ranges(function):
            yield self.aperture + CONVERSION_OVERHEAD
            operating = self._terminals.measure(self.aperture)
            value = operating.voltage if function is Function.VOLTAGE else operating.current
            best = self._within(function, self._model.measure_range(function, value))
            if not ranging or best == sense.range:
                return operating
            sense.range = best
            yield settings.sense_wait.time(measure_wait(settings.senses[Function.CURRENT].range))
        return self._terminals.measure(self.aperture)

    def _within(self, function: Function, full_range: float) -> float:
        """Return the nearest range that automatic ranging may use."""
        lowest, highest = self._settings.senses[function].lower_range, self.ceiling(function)
        return min(max(full_range, min(lowest, highest)), highest)

    def _reading(self, operating: Operating, time: float) -> Reading:
        settings = self._settings
        voltage = self._converted(Function.VOLTAGE, operating.voltage)
        current = self._converted(Function.CURRENT, operating.current)
        status = ReadingStatus(0)
        if settings.function is Function.CURRENT:
            status |= ReadingStatus.CURRENT_SOURCE
        if self._output.limits(operating):
            status |= ReadingStatus.COMPLIANCE
        if math.isinf(voltage) or math.isinf(current):
            status |= ReadingStatus.MEASURE_OVERFLOW
        return Reading(
            voltage=voltage,
            current=current,
            resistance=_ratio(voltage, current) if "RES" in settings.measured else math.nan,
            time=round(time, 6),
            status=status,
            source=self._output.level,
        )

    def _converted(self, function: Function, value: float) -> float:
        """Return what the instrument makes of a voltage or current: rounded, infinite beyond its range."""
        if function not in self._settings.measured:
            return math.nan
        full_range = self.range_of(function)
        if self._accuracy is not None:
            cycles = effective_cycles(self._accuracy, function, full_range, self.cycles)
            value = self._accuracy.measured(function, full_range, value, cycles, self._terminals.count_conversion())
        if not measures(function, value, full_range):
            return math.copysign(math.inf, value)
        resolution = function.resolution(full_range)
        return round(value / resolution) * resolution


def _ratio(voltage: float, current: float) -> float:
    """Return the resistance in ohm; infinite without a current, NaN where a part is unknown."""
    if math.isnan(voltage) or math.isnan(current) or (math.isinf(voltage) and math.isinf(current)):
        return math.nan
    return voltage / current if current else math.copysign(math.inf, voltage)
