"""How the 2400 takes a reading, and how long that takes.

A measurement is a generator: it yields the times (s) it needs, one after the other, and returns its reading.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import (
    AUTOZERO_PHASES,
    CONVERSION_OVERHEAD,
    FIRMWARE_TIMES,
    MEASURED_SCALE,
    OVERFLOW,
    RESOLUTION,
    SOURCES,
    Function,
    fits,
)
from sim_backend.panels.keithley_2400_readings import Reading, StatusWord, missing, ratio

if TYPE_CHECKING:
    from collections.abc import Generator

    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2400_facts import Settings
    from sim_backend.panels.keithley_2400_output import Output
    from sim_backend.world import Operating, SmuTerminals

TIMER_SPAN: Final = 100_000.0
"""s after which the timestamp starts again at 0."""
_MEASURED: Final = {
    Function.VOLTAGE: StatusWord.VOLTAGE_MEASURED,
    Function.CURRENT: StatusWord.CURRENT_MEASURED,
    Function.RESISTANCE: StatusWord.OHMS_MEASURED,
}
_SOURCED: Final = {Function.VOLTAGE: StatusWord.VOLTAGE_SOURCED, Function.CURRENT: StatusWord.CURRENT_SOURCED}


class Meter:
    """Measures what the settings say.

    Args:
        settings: of the instrument; the range of an auto-ranged function is written back.
        output: whose state a reading tells.
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
        self._timer_start = clock.now()
        self._past: deque[dict[Function, float]] = deque()

    @property
    def timer(self) -> float:
        """The timestamp, in s."""
        return (self._clock.now() - self._timer_start) % TIMER_SPAN

    def reset_timer(self) -> None:
        """Start the timestamp at 0."""
        self._timer_start = self._clock.now()

    def forget(self) -> None:
        """Empty the moving filter."""
        self._past.clear()

    def take(self) -> Generator[float, None, Reading]:
        """Take one reading of every function that is measured."""
        settings = self._settings
        repeats = settings.filter.count if settings.filter.on and settings.filter.repeating else 1
        values: dict[Function, float] = {}
        held = False
        for function in SOURCES:
            if function in settings.functions or Function.RESISTANCE in settings.functions:
                operating = yield from self._measure(function, repeats)
                values[function] = self._converted(function, _component(operating, function), repeats)
                held |= self._output.limits(operating)
        if not values:
            operating = yield from self._measure(settings.source_function, 1)
            held = self._output.limits(operating)
        return self._reading(self._averaged(values), held)

    def _measure(self, function: Function, repeats: int) -> Generator[float, None, Operating]:
        """Convert until the range fits; a range change costs another conversion."""
        settings = self._settings
        aperture = settings.nplc / self.line_frequency
        phases = AUTOZERO_PHASES if settings.autozero else 1
        cost = phases * (aperture + CONVERSION_OVERHEAD) + FIRMWARE_TIMES[settings.autozero, function.value]
        for _ in function.ranges:
            yield repeats * cost
            operating = self._terminals.measure(repeats * aperture)
            if not self._change_range(function, abs(_component(operating, function))):
                return operating
        return self._terminals.measure(repeats * aperture)

    def _change_range(self, function: Function, value: float) -> bool:
        """Let the auto range of a function follow a value, up to the range of its compliance; return if it moved."""
        settings = self._settings
        sense = settings.senses[function]
        if function is settings.source_function or not sense.auto_range:
            return False
        wanted = max(function.holding_range(value), sense.lower_range)
        best = min(wanted, function.holding_range(sense.limit))
        moved = best != sense.range
        sense.range = best
        return moved

    def _range(self, function: Function) -> float:
        """Return the range that a function is measured in: a sourced one in the source's."""
        sourced = function is self._settings.source_function
        return self._output.range if sourced else self._settings.senses[function].range

    def _converted(self, function: Function, value: float, repeats: int) -> float:
        """Return what the instrument makes of a voltage or current in its range."""
        full_range = self._range(function)
        if self._accuracy is not None:
            count = self._terminals.count_conversion()
            value = self._accuracy.measured(function, full_range, value, self._settings.nplc * repeats, count)
        if not fits(value, full_range, MEASURED_SCALE):
            return OVERFLOW if value > 0 else -OVERFLOW
        resolution = RESOLUTION * full_range
        return round(value / resolution) * resolution

    def _averaged(self, values: dict[Function, float]) -> dict[Function, float]:
        """Return the mean of the last readings, if a moving filter is on."""
        settings = self._settings.filter
        overflow = any(abs(value) >= OVERFLOW for value in values.values())
        if not settings.on or settings.repeating or overflow:
            return values
        self._past.append(values)
        while len(self._past) > settings.count:
            self._past.popleft()
        alike = [past for past in self._past if past.keys() == values.keys()]
        return {function: sum(past[function] for past in alike) / len(alike) for function in values}

    def _reading(self, values: dict[Function, float], held: bool) -> Reading:
        settings = self._settings
        elements: dict[Function, float | None] = dict.fromkeys(SOURCES)
        elements[settings.source_function] = self._output.level if self._output.on else settings.source.level
        for function in SOURCES:
            if function in settings.functions:
                elements[function] = values[function]
        resistance = None
        if Function.RESISTANCE in settings.functions:
            resistance = ratio(values[Function.VOLTAGE], values[Function.CURRENT])
        return Reading(
            missing(elements[Function.VOLTAGE]),
            missing(elements[Function.CURRENT]),
            missing(resistance),
            self.timer,
            self._status(any(abs(value) >= OVERFLOW for value in values.values()), held),
        )

    def _status(self, overflow: bool, held: bool) -> StatusWord:
        settings = self._settings
        conditions = {
            StatusWord.OVERFLOW: overflow,
            StatusWord.FILTER: settings.filter.on,
            StatusWord.FRONT: settings.terminals == "FRON",
            StatusWord.COMPLIANCE: held and not settings.range_limited,
            StatusWord.PROTECTED: self._output.protecting,
            StatusWord.MATH: settings.calc.math,
            StatusWord.NULL: settings.calc.null,
            StatusWord.LIMIT_TEST: settings.calc.testing,
            StatusWord.AUTO_OHMS: settings.ohms.mode == "AUTO",
            StatusWord.RANGE_COMPLIANCE: held and settings.range_limited,
            StatusWord.FOUR_WIRE: settings.four_wire,
        }
        status = _SOURCED[settings.source_function]
        for function in settings.functions:
            status |= _MEASURED[function]
        for bit, holds in conditions.items():
            if holds:
                status |= bit
        return status


def _component(operating: Operating, function: Function) -> float:
    """Return the voltage or the current of an operating point."""
    return operating.voltage if function is Function.VOLTAGE else operating.current
