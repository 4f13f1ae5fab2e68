"""The output of the 2450: what its terminals do, on and off, and when they have settled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2450_facts import (
    AUTO_DELAYS,
    CURRENT_AUTO_DELAY_AT_1A,
    INTERLOCKED_VOLTAGE,
    LEAST_AUTO_DELAY,
    OFF_LIMIT_FRACTION,
    RELAY_TIME,
    SMALLEST_CURRENT_LIMIT,
    Function,
)
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2450_facts import Settings
    from sim_backend.world import Operating, SmuTerminals

INSTANT = 1e-3
"""Time in s over which a question for the present state looks back (assumption)."""


class Output:
    """Drives the terminals as the settings say.

    Args:
        settings: of the instrument; read, never written.
        terminals: what the world puts behind them.
        clock: the time.
        interlock: the interlock line is asserted, so that all ranges may be used.
        accuracy: how far what it sources is off; None: not at all.
    """

    def __init__(
        self,
        settings: Settings,
        terminals: SmuTerminals,
        clock: VirtualClock,
        interlock: bool,
        accuracy: MeterAccuracy | None,
    ) -> None:
        self._settings = settings
        self._accuracy = accuracy
        self._terminals = terminals
        self._clock = clock
        self.interlock = interlock
        self.on = False
        self.settled_at = clock.now()

    def switch(self, on: bool) -> None:
        """Switch the output on or off.

        Raises:
            ScpiError: -221 if the interlock keeps it off.
        """
        if on == self.on:
            return
        if on:
            self.check_interlock(self._settings.source.level)
        self.on = on
        self.refresh()
        if on:
            relay = RELAY_TIME if self._settings.source.off_mode == "HIMP" else 0.0
            self.settled_at = self._clock.now() + relay + self.delay

    def check_interlock(self, level: float) -> None:
        """Refuse a voltage that needs the interlock while it is not asserted.

        Raises:
            ScpiError: -221.
        """
        voltage = abs(level) if self._settings.source_function is Function.VOLTAGE else 0.0
        if voltage > INTERLOCKED_VOLTAGE and not self.interlock:
            raise ScpiError(-221)

    def refresh(self) -> None:
        """Put the terminals into the state that the settings ask for."""
        settings = self._settings
        source = settings.source
        if not self.on:
            self._rest()
        elif settings.source_function is Function.VOLTAGE:
            self._terminals.drive(self._sourced(self._protected(source.level)), source.limit)
        else:
            # A current source with a voltage limit is a voltage source at that limit with a current limit.
            voltage = math.copysign(self._protected(source.limit), source.level) if source.level else 0.0
            self._terminals.drive(voltage, max(abs(source.level), SMALLEST_CURRENT_LIMIT))

    def level_changed(self) -> None:
        """Drive a new level; it settles for the source delay."""
        self.refresh()
        if self.on:
            self.settled_at = self._clock.now() + self.delay

    @property
    def delay(self) -> float:
        """The source delay in use, in s."""
        settings = self._settings
        if not settings.source.auto_delay:
            return settings.source.delay
        if settings.source_function is Function.VOLTAGE:
            return auto_delay(settings.senses[Function.CURRENT].range)
        current_range = settings.source.range
        return CURRENT_AUTO_DELAY_AT_1A if current_range >= 1.0 else auto_delay(current_range)

    @property
    def protecting(self) -> bool:
        """Whether the overvoltage protection holds the output back."""
        settings = self._settings
        wanted = settings.source.level if settings.source_function is Function.VOLTAGE else settings.source.limit
        return self.on and abs(wanted) > settings.protected_voltage

    @property
    def limited(self) -> bool:
        """Whether the source limit holds the output back at this moment."""
        return self.limits(self._terminals.measure(INSTANT))

    def limits(self, operating: Operating) -> bool:
        """Return whether the source limit held the output back at an operating point."""
        if not self.on:
            return False
        if self._settings.source_function is Function.VOLTAGE:
            return operating.in_compliance
        return bool(self._settings.source.level) and not operating.in_compliance

    def _sourced(self, voltage: float) -> float:
        """Return what a sourced voltage really is in the present range."""
        if self._accuracy is None:
            return voltage
        return self._accuracy.sourced(Function.VOLTAGE, self._settings.source.range, voltage)

    def _protected(self, voltage: float) -> float:
        """Return a voltage, clamped by the overvoltage protection."""
        ceiling = self._settings.protected_voltage
        return max(-ceiling, min(ceiling, voltage))

    def _rest(self) -> None:
        """Put the terminals into the output-off state."""
        mode = self._settings.source.off_mode
        if mode in {"HIMP", "GUAR"}:
            # The guard state sources 0 A: to a passive circuit the same as open terminals.
            self._terminals.release()
            return
        current_range = self._settings.senses[Function.CURRENT].range
        share = OFF_LIMIT_FRACTION if mode == "NORM" else 1.0
        self._terminals.drive(0.0, share * current_range)


def auto_delay(current_range: float) -> float:
    """Return the source auto delay of a voltage source in s, by current range in A."""
    return AUTO_DELAYS.get(current_range, LEAST_AUTO_DELAY)
