"""The status model of IEEE 488.2 and SCPI: event registers and the status byte that sums them up."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntFlag
from typing import TYPE_CHECKING

from sim_backend.panels.scpi_errors import ScpiError, StandardEvent, standard_event
from sim_backend.panels.scpi_events import EventKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim_backend.panels.scpi_events import Event, EventLog


class StatusByte(IntFlag):
    """Bits of the status byte; bits 0, 3 and 7 belong to register sets that the instrument names."""

    MEASUREMENT = 1
    EVENT_AVAILABLE = 4
    QUESTIONABLE = 8
    MESSAGE_AVAILABLE = 16
    EVENT_SUMMARY = 32
    MASTER_SUMMARY = 64
    OPERATION = 128


@dataclass(slots=True)
class EventRegister:
    """A 16-bit register set: condition, event (latched, cleared by reading) and enable.

    `set_by` and `cleared_by` say which event numbers of the log set and clear a condition bit.
    """

    condition: int = 0
    event: int = 0
    enable: int = 0
    set_by: dict[int, int] = field(default_factory=dict[int, int])
    cleared_by: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def summary(self) -> bool:
        """Whether an enabled event is latched."""
        return bool(self.event & self.enable)

    def read(self) -> int:
        """Return the latched events and clear them."""
        event, self.event = self.event, 0
        return event

    def notice(self, code: int) -> None:
        """Let event number `code` set and clear the bits that are mapped to it."""
        for bit, number in self.set_by.items():
            if number == code:
                self.condition |= 1 << bit
                self.event |= 1 << bit
        for bit, number in self.cleared_by.items():
            if number == code:
                self.condition &= ~(1 << bit)


class Status:
    """Standard event register, service request and status byte over an event log.

    Args:
        log: where events are written down.
        registers: register sets, by the bits of the status byte that their summary sets.
    """

    def __init__(self, log: EventLog, registers: Mapping[StatusByte, EventRegister]) -> None:
        self.log = log
        self.standard = StandardEvent(0)
        self.standard_enable = 0
        self.service_enable = 0
        self.message_available = False
        self._registers = dict(registers)

    def report(self, code: int, text: str | None = None, kind: EventKind = EventKind.ERROR) -> Event:
        """Write an event down; an error sets its bit of the standard event register, too."""
        event = self.log.post(code, text, kind)
        if kind is EventKind.ERROR:
            self.standard |= standard_event(code)
        for register in self._registers.values():
            register.notice(code)
        return event

    def fail(self, error: ScpiError) -> None:
        """Write down why a command was not obeyed."""
        self.report(error.code, error.text)

    def complete(self) -> None:
        """Note that every pending operation is done, for `*OPC`."""
        self.standard |= StandardEvent.OPERATION_COMPLETE

    def read_standard(self) -> int:
        """Return the standard event register and clear it."""
        value, self.standard = self.standard, StandardEvent(0)
        return int(value)

    def byte(self) -> int:
        """Return the status byte, with the master summary in bit 6, as `*STB?` does."""
        value = StatusByte(0)
        if self.log.count(EventKind.ERROR):
            value |= StatusByte.EVENT_AVAILABLE
        if self.message_available:
            value |= StatusByte.MESSAGE_AVAILABLE
        if self.standard & self.standard_enable:
            value |= StatusByte.EVENT_SUMMARY
        for bits, register in self._registers.items():
            if register.summary:
                value |= bits
        if value & self.service_enable & ~StatusByte.MASTER_SUMMARY:
            value |= StatusByte.MASTER_SUMMARY
        return int(value)

    def clear(self) -> None:
        """Clear log and event registers; enable registers and conditions stay, as `*CLS` leaves them."""
        self.log.clear()
        self.standard = StandardEvent(0)
        for register in self._registers.values():
            register.event = 0
