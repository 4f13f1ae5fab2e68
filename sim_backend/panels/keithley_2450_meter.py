"""How the 2450 takes a reading, and how long that takes.

A measurement is a generator: it yields the times (s) it needs, one after the other, and returns its reading. Whoever
runs it lets the time pass: a query by sleeping, a sweep by a timer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2450_buffers import MeasureStatus, Reading, SourceStatus
from sim_backend.panels.keithley_2450_facts import (
    CONVERSION_OVERHEAD,
    OVERFLOW,
    REFERENCE_LIFE,
    SOURCES,
    Function,
    fits,
)
from sim_backend.panels.keithley_2450_output import auto_delay
from sim_backend.panels.keithley_2450_processing import Processing

if TYPE_CHECKING:
    from collections.abc import Generator

    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2450_facts import Settings
    from sim_backend.panels.keithley_2450_output import Output
    from sim_backend.world import Operating, SmuTerminals


class Meter:
    """Measures what the settings say.

    Args:
        settings: of the instrument; the range of an auto-ranged function is written back.
        output: whose settling is waited for.
        terminals: what the world puts behind them.
        clock: the time.
        line_frequency: of the mains, in Hz.
        accuracy: its errors and its noise; None: it has none.
    """

    def __init__(
        self,
        settings: Settings,
        output: Output,
        terminals: SmuTerminals,
        clock: VirtualClock,
        line_frequency: float,
        accuracy: MeterAccuracy | None,
    ) -> None:
        self._settings = settings
        self._output = output
        self._terminals = terminals
        self._clock = clock
        self.line_frequency = line_frequency
        self._accuracy = accuracy
        self._references: dict[float, float] = {}
        self.processing = Processing(settings)

    @property
    def aperture(self) -> float:
        """Integration time of one conversion in s."""
        return self._settings.sense.nplc / self.line_frequency

    def take(self) -> Generator[float, None, Reading]:
        """Take one reading, with the output on or off.

        With the output off it shows what the terminals do in the output-off state (assumption: the manual says that
        the zero state may be used as an ammeter, and of no error).
        """
        if self._output.on:
            yield self._output.settled_at - self._clock.now()
        if self._settings.sense.autozero:
            yield from self._refresh_references()
        values: list[float] = []
        operating = yield from self._measure()
        values.append(self._value(operating))
        for _ in range(self.processing.conversions - 1):
            operating = yield from self._measure()
            values.append(self._value(operating))
        return self._reading(operating, self.processing.filtered(values))

    def refresh_references(self) -> Generator[float, None, None]:
        """Measure zero and reference for the present aperture, whatever their age."""
        self._references.clear()
        yield from self._refresh_references()

    def forget_references(self) -> None:
        """Forget when zero and reference were measured, as after power-up."""
        self._references.clear()

    def _refresh_references(self) -> Generator[float, None, None]:
        """Measure zero and reference if they are older than `REFERENCE_LIFE`; each aperture has its own."""
        aperture = self.aperture
        measured = self._references.get(aperture)
        if measured is None or self._clock.now() - measured > REFERENCE_LIFE:
            yield 2 * (aperture + CONVERSION_OVERHEAD)
            self._references[aperture] = self._clock.now()

    def _measure(self) -> Generator[float, None, Operating]:
        """Convert until the range fits; a range change costs its delay and another conversion."""
        function = self._metered
        sense = self._settings.senses[function]
        source = self._settings.source
        # Source readback is a conversion of its own, ahead of the reading's.
        conversions = 2 if source.readback and self._output.on else 1
        for _ in function.ranges:
            yield conversions * (self.aperture + CONVERSION_OVERHEAD)
            operating = self._terminals.measure(self.aperture)
            if function is self._settings.source_function or not self._settings.sense.auto_range:
                return operating
            best = max(function.holding_range(_component(operating, function)), sense.lower_range)
            if best == sense.range:
                return operating
            sense.range = best
            yield auto_delay(best) if function is Function.CURRENT else CONVERSION_OVERHEAD
        return self._terminals.measure(self.aperture)

    @property
    def _metered(self) -> Function:
        """What is converted: for ohms, what is not sourced (assumption: ohms are V/I of the present source)."""
        function = self._settings.sense_function
        return self._settings.source_function.other if function is Function.RESISTANCE else function

    def _value(self, operating: Operating) -> float:
        """Return what one conversion makes of an operating point."""
        function = self._settings.sense_function
        if function is not Function.RESISTANCE:
            return self._converted(function, self._range(function), _component(operating, function))
        voltage, current = (self._converted(each, self._range(each), _component(operating, each)) for each in SOURCES)
        if current == 0 or max(abs(voltage), abs(current)) >= OVERFLOW:
            return OVERFLOW
        resistance, sense = voltage / current, self._settings.sense
        if sense.auto_range:
            sense.range = max(function.holding_range(resistance), sense.lower_range)
        return resistance if fits(resistance, sense.range) else OVERFLOW

    def _range(self, function: Function) -> float:
        """Return the range that a voltage or current is converted in: a sourced one in the source's."""
        settings = self._settings
        return settings.source.range if function is settings.source_function else settings.senses[function].range

    def _reading(self, operating: Operating, filtered: float) -> Reading:
        settings = self._settings
        function, source_function = settings.sense_function, settings.source_function
        source = settings.source.level
        if settings.source.readback:
            source = self._converted(source_function, settings.source.range, _component(operating, source_function))
        value, status = self.processing.finished(filtered)
        if settings.terminals == "FRON":
            status |= MeasureStatus.FRONT_TERMINALS
        return Reading(
            value, function, source, source_function, self._clock.now(), status, self._source_status(operating)
        )

    def _converted(self, function: Function, full_range: float, value: float) -> float:
        """Return what the instrument makes of a voltage or current in a range."""
        if self._accuracy is not None:
            count = self._terminals.count_conversion()
            value = self._accuracy.measured(function, full_range, value, self._settings.sense.nplc, count)
        return function.digitise(value, full_range)

    def _source_status(self, operating: Operating) -> SourceStatus:
        settings = self._settings
        conditions = {
            SourceStatus.PROTECTED: self._output.protecting,
            SourceStatus.READ_BACK: settings.source.readback,
            SourceStatus.LIMITED: self._output.limits(operating),
            SourceStatus.FOUR_WIRE: settings.sense.four_wire and self._output.on,
            SourceStatus.OUTPUT_ON: self._output.on,
        }
        status = SourceStatus(0)
        for bit, holds in conditions.items():
            if holds:
                status |= bit
        return status


def _component(operating: Operating, function: Function) -> float:
    """Return the voltage or the current of an operating point."""
    return operating.voltage if function is Function.VOLTAGE else operating.current
