"""Errors and status registers of the 2400: texts, the bits they set, what is admitted to the error queue."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sim_backend.panels.scpi_errors import StandardEvent, standard_event
from sim_backend.panels.scpi_events import Event, EventKind, EventLog
from sim_backend.panels.scpi_status import EventRegister, Status, StatusByte

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUE: Final = 10
"""Unread errors that the queue holds."""
TEXTS: Final[dict[int, str]] = {
    -211: "Trigger ignored",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    701: "ASCII only with RS-232",
    800: "Illegal with storage active",
    802: "OUTPUT blocked by output enable",
    803: "Not permitted with OUTPUT off",
    822: "Too small for sense range",
    823: "Invalid with source read-back on",
    824: "Cannot exceed compliance range",
    826: "Attempt to exceed power limit",
    830: "Invalid with INF ARM:COUNT",
}
"""What the 2400 words otherwise than the SCPI standard, and its own errors (manual, table B-1)."""
EXECUTION_ERRORS: Final = range(800, 900)
"""The 2400's own errors that are execution errors; its other ones are device errors (table B-1)."""


class Measurement(IntFlag):
    """Bits of the measurement register that the twin sets."""

    LIMIT_1 = 1 << 0
    LIMIT_2_LOW = 1 << 1
    LIMIT_2_HIGH = 1 << 2
    LIMIT_3_LOW = 1 << 3
    LIMIT_3_HIGH = 1 << 4
    LIMITS_PASSED = 1 << 5
    READING = 1 << 6
    OVERFLOW = 1 << 7
    BUFFER_AVAILABLE = 1 << 8
    BUFFER_FULL = 1 << 9
    OUTPUT_ENABLE = 1 << 11
    PROTECTED = 1 << 13
    COMPLIANCE = 1 << 14


class Operation(IntFlag):
    """Bits of the operation register that the twin sets."""

    SWEEPING = 1 << 3
    WAITING_FOR_TRIGGER = 1 << 5
    WAITING_FOR_ARM = 1 << 6
    IDLE = 1 << 10


class Registers:
    """The register sets of the 2400."""

    def __init__(self) -> None:
        self.measurement = EventRegister()
        self.operation = EventRegister(condition=Operation.IDLE)
        self.questionable = EventRegister()

    def summaries(self) -> dict[StatusByte, EventRegister]:
        """Return the sets by the bit of the status byte that sums them up."""
        return {
            StatusByte.MEASUREMENT: self.measurement,
            StatusByte.OPERATION: self.operation,
            StatusByte.QUESTIONABLE: self.questionable,
        }

    def operate(self, condition: Operation) -> None:
        """Say what the trigger model does."""
        _change(self.operation, int(condition))

    def measure(self, bits: Measurement, holds: bool) -> None:
        """Set or clear conditions of the measurement register."""
        condition = self.measurement.condition
        _change(self.measurement, condition | bits if holds else condition & ~bits)


def _change(register: EventRegister, condition: int) -> None:
    """Set a condition; what rises is latched."""
    register.event |= condition & ~register.condition
    register.condition = condition


class Status2400(Status):
    """The status of a 2400: an error sets the bit of table B-1, and joins the queue if that admits it.

    Args:
        registers: its register sets.
        now: its clock in s.
    """

    def __init__(self, registers: Registers, now: Callable[[], float]) -> None:
        super().__init__(EventLog(QUEUE, now, TEXTS), registers.summaries())
        self._now = now
        self.admitted: list[range] | None = None
        """Codes that the queue takes; None: all."""
        self.refused: list[range] = []
        """Codes that it does not take."""
        self.standard = StandardEvent.POWER_ON

    @override
    def report(self, code: int, text: str | None = None, kind: EventKind = EventKind.ERROR) -> Event:
        """Set the bit of an error and write it down, if it is admitted."""
        self.standard |= StandardEvent.EXECUTION_ERROR if code in EXECUTION_ERRORS else standard_event(code)
        outside = self.admitted is not None and not any(code in codes for codes in self.admitted)
        if outside or any(code in codes for codes in self.refused):
            return Event(code, text or "", kind, self._now())
        return self.log.post(code, text, kind)
