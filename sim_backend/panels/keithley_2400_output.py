"""The output of the 2400: what its terminals do, on and off."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2400_facts import (
    AUTO_DELAYS,
    CURRENT_AUTO_DELAY_AT_1A,
    LEAST_AUTO_DELAY,
    LIMIT_FRACTION,
    OFF_LIMIT_FRACTION,
    RELAY_TIME,
    Function,
)
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2400_facts import Settings
    from sim_backend.world import Operating, SmuTerminals

INSTANT = 1e-3
"""Time in s over which a question for the present state looks back (assumption)."""
_SMALLEST_CURRENT = 1e-12
"""A: what stands for a current source at 0 A."""


class Output:
    """Drives the terminals as the settings say.

    Args:
        settings: of the instrument; read, never written.
        terminals: what the world puts behind them.
        clock: the time.
        enabled: the output-enable line is asserted; it counts only if the settings look at it.
        accuracy: how far what it sources is off; None: not at all.
    """

    def __init__(
        self,
        settings: Settings,
        terminals: SmuTerminals,
        clock: VirtualClock,
        enabled: bool,
        accuracy: MeterAccuracy | None,
    ) -> None:
        self._settings = settings
        self._terminals = terminals
        self._clock = clock
        self.enabled = enabled
        self._accuracy = accuracy
        self.on = False
        self.level = 0.0
        """What is sourced while the output is on, V or A: the programmed level, or a sweep's."""
        self.range = settings.source.range
        """The source range in use, V or A."""
        self.settled_at = clock.now()

    def switch(self, on: bool) -> None:
        """Switch the output on or off.

        Raises:
            ScpiError: +802 if the output-enable line keeps it off.
        """
        if on == self.on:
            return
        if on and self._settings.enable_line and not self.enabled:
            raise ScpiError(802)
        self.on = on
        self.refresh()
        if on and self._settings.off_mode == "HIMP":
            self.settled_at = self._clock.now() + RELAY_TIME

    def drive(self, level: float, full_range: float) -> None:
        """Source a level in a range."""
        self.level, self.range = level, full_range
        self.refresh()

    def refresh(self) -> None:
        """Put the terminals into the state that the settings ask for."""
        settings = self._settings
        if not self.on:
            self._rest()
        elif settings.source_function is Function.VOLTAGE:
            self._terminals.drive(self._protected(self._sourced()), settings.effective_limit)
        else:
            # A current source with a voltage limit is a voltage source at that limit with a current limit.
            current = self._sourced()
            voltage = math.copysign(self._protected(settings.effective_limit), current) if self.level else 0.0
            self._terminals.drive(voltage, max(abs(current), _SMALLEST_CURRENT))

    @property
    def delay(self) -> float:
        """The source delay in use, in s."""
        settings = self._settings
        if not settings.auto_delay:
            return settings.delay
        if settings.source_function is Function.CURRENT:
            if self.range >= 1.0:
                return CURRENT_AUTO_DELAY_AT_1A
            return AUTO_DELAYS.get(self.range, LEAST_AUTO_DELAY)
        return AUTO_DELAYS.get(settings.senses[Function.CURRENT].range, LEAST_AUTO_DELAY)

    @property
    def protecting(self) -> bool:
        """Whether the overvoltage protection holds the output back."""
        settings = self._settings
        wanted = self.level if settings.source_function is Function.VOLTAGE else settings.effective_limit
        return self.on and abs(wanted) > settings.protection

    @property
    def limited(self) -> bool:
        """Whether compliance holds the output back at this moment."""
        return self.on and self.limits(self._terminals.measure(INSTANT))

    def limits(self, operating: Operating) -> bool:
        """Return whether compliance held the output back at an operating point."""
        if not self.on:
            return False
        if self._settings.source_function is Function.VOLTAGE:
            return operating.in_compliance
        return bool(self.level) and not operating.in_compliance

    def _sourced(self) -> float:
        """Return what the present level really is in its range."""
        if self._accuracy is None:
            return self.level
        return self._accuracy.sourced(self._settings.source_function, self.range, self.level)

    def _protected(self, voltage: float) -> float:
        """Return a voltage, clamped by the overvoltage protection."""
        ceiling = self._settings.protection
        return max(-ceiling, min(ceiling, voltage))

    def _rest(self) -> None:
        """Put the terminals into the output-off state."""
        settings = self._settings
        if settings.off_mode in {"HIMP", "GUAR"}:
            # The guard state sources 0 A: to a passive circuit the same as open terminals.
            self._terminals.release()
            return
        limit = OFF_LIMIT_FRACTION * self._current_range
        if settings.off_mode == "ZERO":
            voltage_sourced = settings.source_function is Function.VOLTAGE
            limit = settings.effective_limit if voltage_sourced else max(abs(settings.source.level), limit)
        self._terminals.drive(0.0, limit)

    @property
    def _current_range(self) -> float:
        """The present current range in A: the source's, or the one that current is measured in."""
        if self._settings.source_function is Function.CURRENT:
            return self.range
        return self._settings.senses[Function.CURRENT].range


def smallest_limit(measure_range: float) -> float:
    """Return the smallest compliance in a measure range."""
    return LIMIT_FRACTION * measure_range
