"""How a channel of a 2600B takes readings, and how long that takes.

A measurement is a generator: it yields the times (s) it needs, one after the other, and returns its readings. Whoever
runs it lets the time pass: a command by sleeping, a sweep by a timer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2600_buffers import Reading, ReadingStatus
from sim_backend.panels.keithley_2600_facts import (
    AUTORANGE_FULL_SCALE,
    CONVERSION_OVERHEAD,
    MEASURE_FULL_SCALE,
    OVERFLOW,
    RANGE_CHANGE_TIME,
    READING_STEPS,
    REFERENCE_LIFE,
    Function,
    fits,
    holding_range,
    measure_delay,
)
from sim_backend.panels.keithley_2600_settings import AUTORANGE_FOLLOW_LIMIT, AUTOZERO_AUTO, DELAY_AUTO

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2600_output import Output, Terminals
    from sim_backend.panels.keithley_2600_settings import Settings
    from sim_backend.smu_terminals import Operating

NEEDS = {"v": "v", "i": "i", "r": "vi", "p": "vi"}
"""What is converted for each quantity."""


class Meter:
    """Measures as the settings of a channel say.

    Args:
        settings: of the channel; the range of an auto-ranged function is written back.
        output: whose settling is waited for.
        terminals: what it is connected to.
        clock: the time.
        line_frequency: of the mains, in Hz.
        accuracy: its errors and its noise; None: it has none.
    """

    def __init__(
        self,
        settings: Settings,
        output: Output,
        terminals: Terminals,
        clock: VirtualClock,
        line_frequency: float,
        accuracy: MeterAccuracy | None,
    ) -> None:
        self._settings = settings
        self._output = output
        self._terminals = terminals
        self._clock = clock
        self._line_frequency = line_frequency
        self._accuracy = accuracy
        self._references: dict[float, float] = {}
        self.in_compliance = False
        """Of the last reading; the status registers follow it."""
        self.overflown = False
        """A value of the last reading was beyond its range."""

    @property
    def aperture(self) -> float:
        """Integration time of one conversion in s."""
        return self._settings.nplc / self._line_frequency

    def take(self, quantities: Sequence[str], delays: bool = True) -> Generator[float, None, list[Reading]]:
        """Take one reading of each quantity, all of one moment, with the measure delay or without; output on or off."""
        if self._output.on:
            yield self._output.settled_at - self._clock.now()
        functions = {Function(letter) for quantity in quantities for letter in NEEDS[quantity]}
        if delays:
            yield self._delay(functions)
        if self._settings.autozero == AUTOZERO_AUTO:
            yield from self.refresh_references()
        average = int(self._settings.filter_count) if self._settings.filter_enabled else 1
        totals = dict.fromkeys(functions, 0.0)
        limited = False
        for _ in range(average):
            operating = yield from self._measure(functions)
            limited |= self._output.limits(operating)
            for function in functions:
                totals[function] += self._converted(function, operating)
        values = {function: total / average for function, total in totals.items()}
        self.in_compliance = limited
        self.overflown = any(abs(value) > 0.99 * OVERFLOW / average for value in values.values())
        return [self._reading(quantity, values, limited) for quantity in quantities]

    def refresh_references(self, anew: bool = False) -> Generator[float, None, None]:
        """Measure zero and reference if they are old, or anew; each aperture has its own."""
        measured = self._references.get(self.aperture)
        if anew or measured is None or self._clock.now() - measured > REFERENCE_LIFE:
            yield 2 * (self.aperture + CONVERSION_OVERHEAD)
            self._references[self.aperture] = self._clock.now()

    def forget_references(self) -> None:
        """Forget when zero and reference were measured, as after a reset."""
        self._references.clear()

    def range_of(self, function: Function) -> float:
        """Return the measure range in force: of what is sourced, the source range."""
        settings = self._settings
        if function is settings.function:
            return settings.source.range
        measure = settings.measures[function]
        if measure.auto_range == AUTORANGE_FOLLOW_LIMIT:
            ranges = settings.family.measure_ranges(function)
            return holding_range(ranges, settings.sources[function].limit, MEASURE_FULL_SCALE)
        return measure.range

    def _delay(self, functions: set[Function]) -> float:
        """Return the measure delay; the automatic one comes with current only (Rev. C p. 7-218)."""
        settings = self._settings
        if settings.measure_delay != DELAY_AUTO:
            return settings.measure_delay
        if Function.CURRENT not in functions:
            return 0.0
        return settings.delay_factor * measure_delay(self.range_of(Function.CURRENT))

    def _measure(self, functions: set[Function]) -> Generator[float, None, Operating]:
        """Convert until the ranges fit; a range change costs its delay and another conversion."""
        settings = self._settings
        ranged = [f for f in functions if f is not settings.function and settings.measures[f].auto_range == 1]
        duration = len(functions) * (self.aperture + CONVERSION_OVERHEAD)
        yield duration
        operating = self._terminals.measure(self.aperture)
        for function in ranged:
            measure, ranges = settings.measures[function], settings.family.measure_ranges(function)
            for _ in ranges:
                best = holding_range(ranges, _component(operating, function), AUTORANGE_FULL_SCALE)
                best = max(best, measure.low_range)
                if best == measure.range:
                    break
                measure.range = best
                yield RANGE_CHANGE_TIME + self._delay({function})
                yield duration
                operating = self._terminals.measure(self.aperture)
        return operating

    def _converted(self, function: Function, operating: Operating) -> float:
        """Return what the instrument makes of a voltage or current in the present range."""
        value, full_range = _component(operating, function), self.range_of(function)
        if self._accuracy is not None:
            count = self._terminals.count_conversion()
            value = self._accuracy.measured(function.value, full_range, value, self._settings.nplc, count)
        if not fits(value, full_range, MEASURE_FULL_SCALE):
            return OVERFLOW if value > 0 else -OVERFLOW
        return round(value / full_range * READING_STEPS) * full_range / READING_STEPS

    def _reading(self, quantity: str, values: dict[Function, float], limited: bool) -> Reading:
        settings = self._settings
        letters = NEEDS[quantity]
        function = Function(letters[-1])
        if len(letters) == 1:
            measure = settings.measures[function]
            value = values[function] - (measure.relative_level if measure.relative else 0.0)
            relative = measure.relative
        else:
            value = _derived(quantity, values[Function.VOLTAGE], values[Function.CURRENT])
            relative = settings.relatives[quantity]
            value -= settings.relative_levels[quantity] if relative else 0.0
        conditions = {
            ReadingStatus.MEASURE_AUTORANGED: bool(settings.measures[function].auto_range),
            ReadingStatus.SOURCE_AUTORANGED: settings.source.auto_range,
            ReadingStatus.FOUR_WIRE: settings.sense == 1,
            ReadingStatus.RELATIVE: relative,
            ReadingStatus.COMPLIANCE: limited,
            ReadingStatus.FILTERED: bool(settings.filter_enabled),
        }
        status = ReadingStatus(0)
        for bit, holds in conditions.items():
            if holds:
                status |= bit
        return Reading(
            value=value,
            quantity=quantity,
            measure_range=self.range_of(function),
            source=self._output.level,
            source_function=settings.function,
            source_range=settings.source.range,
            output_on=self._output.on,
            time=self._clock.now(),
            status=status,
        )


def _derived(quantity: str, voltage: float, current: float) -> float:
    """Return a resistance or a power; 9.91E37 where there is none."""
    if max(abs(voltage), abs(current)) >= 0.99 * OVERFLOW or (quantity == "r" and not current):
        return OVERFLOW
    return voltage / current if quantity == "r" else voltage * current


def _component(operating: Operating, function: Function) -> float:
    return operating.voltage if function is Function.VOLTAGE else operating.current
