"""Status registers of the B2900A: condition, transition filters, event and enable, and the bits of each channel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from sim_backend.panels.scpi_status import EventRegister

ALL_BITS: Final = 0x7FFF
"""Bit 15 is never used."""


@dataclass(slots=True)
class FilteredRegister(EventRegister):
    """A register set whose events pass a filter for rising and one for falling conditions."""

    positive: int = ALL_BITS
    negative: int = 0

    def put(self, mask: int, bits: int) -> None:
        """Set the condition bits of `mask` to those of `bits`."""
        condition = (self.condition & ~mask) | (bits & mask)
        rising, falling = condition & ~self.condition, self.condition & ~condition
        self.event |= (rising & self.positive) | (falling & self.negative)
        self.condition = condition

    def preset(self) -> None:
        """Return filters and enable register to the values of `:STATus:PRESet`."""
        self.positive, self.negative, self.enable = ALL_BITS, 0, 0


class Operation(IntFlag):
    """Bits of the operation register of channel 1; those of channel 2 are six places higher.

    Clients wait for 18 of channel 1 and 1152 of channel 2; assumption: the order of the others.
    """

    TRANSITION_IDLE = 2
    TRANSITION_TRIGGER = 4
    TRANSITION_ARM = 8
    ACQUIRE_IDLE = 16
    ACQUIRE_TRIGGER = 32
    ACQUIRE_ARM = 64


class Measurement(IntFlag):
    """Bits of the measurement register of channel 1; those of channel 2 are six places higher."""

    LIMIT_FAILED = 1
    READING_AVAILABLE = 2
    READING_OVERFLOW = 4
    BUFFER_AVAILABLE = 8
    BUFFER_FULL = 16


class Questionable(IntFlag):
    """Bits of the questionable register."""

    VOLTAGE = 1
    CURRENT = 2
    PROTECTION_1 = 4
    PROTECTION_2 = 8
    INTERLOCK = 1024


CHANNEL_BITS: Final = 6
"""How many places a channel's bits of the operation and measurement registers are above those of the one before."""


class ChannelStatus:
    """The bits of one channel in the shared registers.

    Args:
        number: of the channel, from 1.
        operation: register of the instrument.
        measurement: register of the instrument.
        questionable: register of the instrument.
    """

    def __init__(
        self,
        number: int,
        operation: FilteredRegister,
        measurement: FilteredRegister,
        questionable: FilteredRegister,
    ) -> None:
        self._shift = CHANNEL_BITS * (number - 1)
        self._operation = operation
        self._measurement = measurement
        self._questionable = questionable
        self._protection = Questionable.PROTECTION_1 if number == 1 else Questionable.PROTECTION_2

    def put_operation(self, bits: Operation) -> None:
        """Say what the channel's device actions do."""
        self._operation.put(0b1111110 << self._shift, int(bits) << self._shift)

    def put_measurement(self, mask: Measurement, bits: Measurement) -> None:
        """Say what is known of readings and buffers."""
        self._measurement.put(int(mask) << self._shift, int(bits) << self._shift)

    def put_protection(self, tripped: bool) -> None:
        """Say whether the protection opened the output switch."""
        self._questionable.put(self._protection, self._protection if tripped else 0)
