"""The output of a B2900A channel: what its terminals do, on and off, and when they have settled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_facts import (
    INTERLOCKED_VOLTAGE,
    OFF_CURRENT_LIMIT,
    RELAY_TIME,
    SMALLEST_CURRENT_LIMIT,
    Function,
    measure_wait,
)
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keysight_b2900_settings import ChannelSettings
    from sim_backend.panels.keysight_b2900_status import ChannelStatus
    from sim_backend.panels.keysight_b2900_terminals import Terminals
    from sim_backend.smu_terminals import Operating

INSTANT: Final = 1e-3
"""Time in s over which a question for the present state looks back (assumption)."""


class Output:
    """Drives a channel's terminals.

    Args:
        settings: of the channel; read, never written.
        terminals: what is behind the output.
        clock: the time.
        status: the channel's status bits.
        interlock: the interlock circuit is closed.
        accuracy: how far what it sources is off; None: not at all.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        terminals: Terminals,
        clock: VirtualClock,
        status: ChannelStatus,
        interlock: bool,
        accuracy: MeterAccuracy | None,
    ) -> None:
        self._settings = settings
        self._terminals = terminals
        self._clock = clock
        self._status = status
        self._interlock = interlock
        self._accuracy = accuracy
        self.on = False
        self.tripped = False
        self.level = 0.0
        self.settled_at = clock.now()
        self.changeable_at = clock.now()

    def switch(self, on: bool) -> None:
        """Switch the output on or off.

        Raises:
            ScpiError: -221 if the interlock keeps it off (assumption: the number).
        """
        if on == self.on:
            return
        if on:
            self.check_interlock(self.level)
            self.tripped = False
            self._status.put_protection(tripped=False)
        self.on = on
        self.refresh()
        if self.on:
            self._wait_from(self._clock.now() + RELAY_TIME)

    def apply(self, level: float, full_range: float) -> None:
        """Source a level (V or A) in a range that holds it."""
        moved = level != self.level or full_range != self._settings.source.range
        self._settings.source.range = full_range
        self.level = level
        self.refresh()
        if moved and self.on:
            self._wait_from(self._clock.now())

    def check_interlock(self, level: float) -> None:
        """Refuse a voltage that needs the interlock while its circuit is open.

        Raises:
            ScpiError: -221.
        """
        settings = self._settings
        voltage = abs(level) if settings.function is Function.VOLTAGE else settings.limiting.largest_limit
        if voltage > INTERLOCKED_VOLTAGE and not self._interlock:
            raise ScpiError(-221)

    def refresh(self) -> None:
        """Put the terminals into the state that the settings ask for."""
        settings = self._settings
        if not self.on:
            self._rest()
            return
        limit = settings.limiting.limit(self.level)
        if settings.function is Function.VOLTAGE:
            self._terminals.drive(self._sourced(), limit)
        else:
            # A current source with a voltage limit is a voltage source at that limit with a current limit.
            voltage = math.copysign(limit, self.level) if self.level else 0.0
            self._terminals.drive(voltage, max(abs(self._sourced()), SMALLEST_CURRENT_LIMIT))
        if settings.output.protection and self.limited:
            self.trip()

    def trip(self) -> None:
        """Switch off because the limit was reached: the output goes to 0 V and opens, whatever the off mode."""
        self.on = False
        self.tripped = True
        self._terminals.release()
        self._status.put_protection(tripped=True)

    @property
    def limited(self) -> bool:
        """Whether the compliance holds the output back at this moment."""
        return self.limits(self._terminals.measure(INSTANT))

    def limits(self, operating: Operating) -> bool:
        """Return whether the compliance held the output back at an operating point."""
        if not self.on:
            return False
        if self._settings.function is Function.VOLTAGE:
            return operating.in_compliance
        return bool(self.level) and not operating.in_compliance

    def _wait_from(self, changed: float) -> None:
        """Note that the output changes at a time (s)."""
        settings = self._settings
        initial = measure_wait(settings.senses[Function.CURRENT].range)
        self.settled_at = changed + settings.sense_wait.time(initial)
        # Assumption: the source's own wait is 0 unless an offset is set.
        self.changeable_at = changed + settings.source_wait.time(0.0)

    def _sourced(self) -> float:
        """Return what the programmed level really is in the present range."""
        if self._accuracy is None:
            return self.level
        function = self._settings.function
        return self._accuracy.sourced(function, self._settings.sources[function].range, self.level)

    def _rest(self) -> None:
        """Put the terminals into the output-off state."""
        if self._settings.output.off_mode == "ZERO" and not self.tripped:
            self._terminals.drive(0.0, OFF_CURRENT_LIMIT)
        else:
            # NORMal sets 0 V before its switch opens, HIZ leaves the level: open terminals either way.
            self._terminals.release()
