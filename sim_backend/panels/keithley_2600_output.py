"""The output of one channel of a 2600B: what its terminals do, on and off, and when they have settled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_facts import (
    RELAY_TIME,
    UNLOCKED_VOLTAGE,
    Function,
    source_delay,
)
from sim_backend.panels.keithley_2600_settings import DELAY_AUTO, OFF_HIGH_Z, OFF_NORMAL
from sim_backend.smu_terminals import Operating

if TYPE_CHECKING:
    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2600_settings import Settings

INSTANT: Final = 1e-3
"""Time in s over which a question for the present state looks back (assumption)."""
LEAST_CURRENT: Final = 1e-15
"""A: what a current source at 0 A still lets through, so that its voltage is defined."""


class Terminals(Protocol):
    """What a channel is connected to."""

    def drive(self, voltage: float, limit: float) -> None:
        """Source a voltage (V) with a current limit (A)."""

    def release(self) -> None:
        """Open the terminals."""

    def measure(self, duration: float) -> Operating:
        """Return the mean over the last `duration` (s)."""
        ...

    def count_conversion(self) -> int:
        """Return how many conversions there were before this one."""
        ...


class OpenTerminals:
    """Terminals with nothing on them: a voltage is held without current."""

    def __init__(self) -> None:
        self._voltage = 0.0
        self._conversions = 0

    def drive(self, voltage: float, limit: float) -> None:  # noqa: ARG002 (no current flows that could reach it)
        """Hold a voltage (V)."""
        self._voltage = voltage

    def release(self) -> None:
        """Hold nothing."""
        self._voltage = 0.0

    def measure(self, duration: float) -> Operating:  # noqa: ARG002
        """Return the voltage that is held."""
        return Operating(self._voltage, 0.0, in_compliance=False)

    def count_conversion(self) -> int:
        """Return how many conversions there were before this one."""
        self._conversions += 1
        return self._conversions - 1


class Output:
    """Drives the terminals of a channel as its settings say.

    Args:
        settings: of the channel; read, never written.
        terminals: what it is connected to.
        clock: the time.
        interlock: the interlock line is asserted; on models without one, the output enable line.
        accuracy: how far what it sources is off; None: not at all.
    """

    def __init__(
        self,
        settings: Settings,
        terminals: Terminals,
        clock: VirtualClock,
        interlock: bool,
        accuracy: MeterAccuracy | None,
    ) -> None:
        self._settings = settings
        self._terminals = terminals
        self._clock = clock
        self._interlock = interlock
        self._accuracy = accuracy
        self._level: float | None = None
        self._limit: float | None = None
        self.on = False
        self.settled_at = clock.now()

    @property
    def level(self) -> float:
        """The level in force: of the sweep under way, else the programmed one."""
        return self._settings.source.level if self._level is None else self._level

    def step(self, level: float | None, limit: float | None = None) -> None:
        """Let a sweep put out a level, or None to go back to the programmed one; it settles for the source delay."""
        self._level, self._limit = level, limit
        self.level_changed()

    def switch(self, on: bool) -> None:
        """Switch the output on or off.

        Raises:
            TspError: 802 if the interlock keeps it off.
        """
        settings = self._settings
        if on == self.on:
            return
        if on:
            self.check_line(settings.function, settings.source.range, settings.sources[Function.VOLTAGE].limit)
        self.on = on
        self.refresh()
        if on:
            relay = RELAY_TIME if settings.off_mode == OFF_HIGH_Z else 0.0
            self.settled_at = self._clock.now() + relay + self.delay

    def check_line(self, function: Function, full_range: float, voltage_limit: float) -> None:
        """Refuse an output that the interlock line, or the output enable line, forbids while it is not asserted.

        Source: reference manual, Rev. F p. 9-250: the 200 V range, and a voltage limit beyond 20 V, need the interlock
        always; lower ones if `source.outputenableaction` is OE_OUTPUT_OFF. That a setting is refused while the output
        is on, rather than the output switched off, is an assumption.

        Raises:
            TspError: 802.
        """
        if self._interlock:
            return
        voltage = full_range if function is Function.VOLTAGE else voltage_limit
        high = self._settings.family.has_interlock and voltage > UNLOCKED_VOLTAGE
        if high or self._settings.output_enable_action:
            raise TspError(802)

    def set_enable_action(self, action: int) -> None:
        """Set what the output enable line or interlock does; the output goes off if it may not be on any more."""
        self._settings.output_enable_action = action
        if action and not self._interlock:
            self.switch(on=False)

    def level_changed(self) -> None:
        """Drive a level that changed; it settles for the source delay."""
        self.refresh()
        if self.on:
            self.settled_at = self._clock.now() + self.delay

    def refresh(self) -> None:
        """Put the terminals into the state that the settings ask for."""
        settings = self._settings
        limit = settings.limit if self._limit is None else self._limit
        if not self.on:
            self._rest()
        elif settings.function is Function.VOLTAGE:
            self._terminals.drive(self._sourced(self.level), limit)
        else:
            # A current source with a voltage limit is a voltage source at that limit with a current limit.
            voltage = math.copysign(limit, self.level) if self.level else 0.0
            self._terminals.drive(voltage, max(abs(self.level), LEAST_CURRENT))

    @property
    def delay(self) -> float:
        """The source delay in use, in s."""
        settings = self._settings
        if settings.source_delay == DELAY_AUTO:
            return source_delay(settings.function, settings.source.range)
        return settings.source_delay

    @property
    def limited(self) -> bool:
        """Whether the limit holds the output back at this moment."""
        return self.limits(self._terminals.measure(INSTANT))

    def limits(self, operating: Operating) -> bool:
        """Return whether the limit held the output back at an operating point."""
        if not self.on:
            return False
        if self._settings.function is Function.VOLTAGE:
            return operating.in_compliance
        return bool(self.level) and not operating.in_compliance

    def _sourced(self, voltage: float) -> float:
        """Return what a sourced voltage really is in the present range."""
        if self._accuracy is None:
            return voltage
        return self._accuracy.sourced(Function.VOLTAGE.value, self._settings.source.range, voltage)

    def _rest(self) -> None:
        """Put the terminals into the output-off state."""
        settings = self._settings
        if settings.off_mode == OFF_HIGH_Z:
            self._terminals.release()
        elif settings.off_mode == OFF_NORMAL:
            if settings.off_function is Function.VOLTAGE:
                self._terminals.drive(0.0, settings.sources[Function.CURRENT].off_limit)
            else:
                # 0 A is, to a passive circuit, the same as open terminals.
                self._terminals.release()
        elif settings.function is Function.VOLTAGE:
            self._terminals.drive(0.0, settings.limit)
        else:
            self._terminals.drive(0.0, max(abs(settings.source.level), 0.1 * settings.source.range))
