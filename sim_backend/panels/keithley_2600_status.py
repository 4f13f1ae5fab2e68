"""The status model of the 2600B: register sets whose summaries are bits of others, up to the status byte."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sim_backend.panels.scpi_errors import StandardEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2600_channel import Channel
    from sim_backend.panels.keithley_2600_errors import ErrorQueue

MEASUREMENT_SUMMARY: Final = 1
ERROR_AVAILABLE: Final = 4
QUESTIONABLE_SUMMARY: Final = 8
MESSAGE_AVAILABLE: Final = 16
EVENT_SUMMARY: Final = 32
MASTER_SUMMARY: Final = 64
OPERATION_SUMMARY: Final = 128
ALL_BITS: Final = 0xFFFF

VOLTAGE_LIMIT, CURRENT_LIMIT, READING_OVERFLOW, BUFFER_AVAILABLE = 1, 2, 128, 256
INTERLOCK, INSTRUMENT_SUMMARY = 2048, 8192
SWEEPING = 8
MEASUREMENT_BITS: Final = {
    "VOLTAGE_LIMIT": VOLTAGE_LIMIT, "VLMT": VOLTAGE_LIMIT, "CURRENT_LIMIT": CURRENT_LIMIT, "ILMT": CURRENT_LIMIT,
    "READING_OVERFLOW": READING_OVERFLOW, "ROF": READING_OVERFLOW,
    "BUFFER_AVAILABLE": BUFFER_AVAILABLE, "BAV": BUFFER_AVAILABLE,
}  # fmt: skip


@dataclass(slots=True)
class Register:
    """One register set: condition, event (latched, cleared by reading), enable, and the transitions that latch.

    Args:
        sense: returns the condition bits that the instrument sets directly.
        parts: register sets whose summaries are bits of this one's condition, with those bits.
        names: bits by the names of the constants.
    """

    sense: Callable[[], int] = lambda: 0
    parts: list[tuple[Register, int]] = field(default_factory=list["tuple[Register, int]"])
    names: dict[str, int] = field(default_factory=dict[str, int])
    condition: int = 0
    event: int = 0
    enable: int = 0
    rising: int = ALL_BITS
    falling: int = 0

    def refresh(self) -> None:
        """Bring the condition up to date and latch what changed."""
        bits = self.sense()
        for part, bit in self.parts:
            part.refresh()
            if part.event & part.enable:
                bits |= bit
        self.event |= (bits & ~self.condition & self.rising) | (self.condition & ~bits & self.falling)
        self.condition = bits

    def read_event(self) -> int:
        """Return the latched events and clear them."""
        self.refresh()
        event, self.event = self.event, 0
        return event

    def clear(self) -> None:
        """Clear the latched events, of the parts too."""
        self.event = 0
        for part, _ in self.parts:
            part.clear()

    def reset(self) -> None:
        """Clear events and enables, and let rising bits latch, in the parts too."""
        self.event = self.enable = self.falling = 0
        self.rising = ALL_BITS
        for part, _ in self.parts:
            part.reset()


class Status:
    """Status byte and standard event register over error queue and register sets.

    Args:
        errors: the queue, which keeps the standard events.
        channels: by letter.
        interlock: the interlock line is asserted.
    """

    def __init__(self, errors: ErrorQueue, channels: dict[str, Channel], interlock: bool) -> None:
        self._errors = errors
        self.standard_enable = 0
        self.request_enable = 0
        self.message_available = False
        places = {letter: 2 << place for place, letter in enumerate(channels)}
        names = {f"SMU{letter.upper()}": bit for letter, bit in places.items()}
        self.channels = {
            letter: Register(lambda channel=channel: _condition(channel), names=dict(MEASUREMENT_BITS))
            for letter, channel in channels.items()
        }
        self.instrument = Register(parts=[(self.channels[letter], bit) for letter, bit in places.items()], names=names)

        def summary(mask: int) -> Register:
            def sense() -> int:
                return sum(bit for letter, bit in places.items() if _condition(channels[letter]) & mask)

            return Register(sense, names=dict(names))

        self.summaries = {
            "voltage_limit": (summary(VOLTAGE_LIMIT), VOLTAGE_LIMIT),
            "current_limit": (summary(CURRENT_LIMIT), CURRENT_LIMIT),
            "reading_overflow": (summary(READING_OVERFLOW), READING_OVERFLOW),
            "buffer_available": (summary(BUFFER_AVAILABLE), BUFFER_AVAILABLE),
        }
        self.measurement = Register(
            lambda: INTERLOCK if interlock else 0,
            [*self.summaries.values(), (self.instrument, INSTRUMENT_SUMMARY)],
            MEASUREMENT_BITS | {"INTERLOCK": INTERLOCK, "INT": INTERLOCK, "INSTRUMENT_SUMMARY": INSTRUMENT_SUMMARY},
        )
        self.sweeping = Register(
            lambda: sum(bit for letter, bit in places.items() if channels[letter].model.running), names=dict(names)
        )
        self.operation = Register(parts=[(self.sweeping, SWEEPING)], names={"SWEEPING": SWEEPING, "SWE": SWEEPING})
        self.questionable = Register()

    def reset(self) -> None:
        """Return to the state of `status.reset()`."""
        self.standard_enable = self.request_enable = 0
        for register in (self.measurement, self.operation, self.questionable):
            register.reset()

    def clear(self) -> None:
        """Clear events and the error queue, as `*CLS` does; enables stay."""
        self._errors.clear()
        self._errors.standard = StandardEvent(0)
        for register in (self.measurement, self.operation, self.questionable):
            register.clear()

    def read_standard(self) -> int:
        """Return the standard event register and clear it."""
        value, self._errors.standard = self._errors.standard, StandardEvent(0)
        return int(value)

    def byte(self) -> int:
        """Return the status byte, with the master summary in bit 6, as `*STB?` does."""
        value = ERROR_AVAILABLE if len(self._errors) else 0
        if self.message_available:
            value |= MESSAGE_AVAILABLE
        if self._errors.standard & self.standard_enable:
            value |= EVENT_SUMMARY
        pairs = (
            (self.measurement, MEASUREMENT_SUMMARY),
            (self.questionable, QUESTIONABLE_SUMMARY),
            (self.operation, OPERATION_SUMMARY),
        )
        for register, bit in pairs:
            register.refresh()
            if register.event & register.enable:
                value |= bit
        if value & self.request_enable & ~MASTER_SUMMARY:
            value |= MASTER_SUMMARY
        return value


def _condition(channel: Channel) -> int:
    """Return the measurement bits of a channel, as its last reading left them."""
    from_voltage = channel.settings.function.number == 1
    bits = 0
    if channel.meter.in_compliance:
        bits |= CURRENT_LIMIT if from_voltage else VOLTAGE_LIMIT
    if channel.meter.overflown:
        bits |= READING_OVERFLOW
    if any(len(buffer) for buffer in channel.buffers):
        bits |= BUFFER_AVAILABLE
    return bits
