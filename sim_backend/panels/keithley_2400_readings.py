"""Readings of the 2400, and how they are written down for the host: ASCII numbers or a `#0` block of 32-bit floats."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import NOT_MEASURED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sim_backend.panels.keithley_2400_facts import Settings

ELEMENTS: Final = ("VOLT", "CURR", "RES", "TIME", "STAT")
"""Elements of a reading, in the order that they always have."""


class StatusWord(IntFlag):
    """Bits of the 24-bit status word that the twin sets (manual, pages 18-50 and 18-51)."""

    OVERFLOW = 1 << 0
    FILTER = 1 << 1
    FRONT = 1 << 2
    COMPLIANCE = 1 << 3
    PROTECTED = 1 << 4
    MATH = 1 << 5
    NULL = 1 << 6
    LIMIT_TEST = 1 << 7
    AUTO_OHMS = 1 << 10
    VOLTAGE_MEASURED = 1 << 11
    CURRENT_MEASURED = 1 << 12
    OHMS_MEASURED = 1 << 13
    VOLTAGE_SOURCED = 1 << 14
    CURRENT_SOURCED = 1 << 15
    RANGE_COMPLIANCE = 1 << 16
    FOUR_WIRE = 1 << 22


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading.

    Args:
        voltage: measured, else programmed, else `NOT_MEASURED` (V).
        current: likewise (A).
        resistance: measured, else `NOT_MEASURED` (ohm).
        time: on the instrument's timer (s).
        status: how it was taken.
    """

    voltage: float
    current: float
    resistance: float
    time: float
    status: StatusWord

    @property
    def in_compliance(self) -> bool:
        """Whether the compliance, or a fixed measure range, held the output back."""
        return bool(self.status & (StatusWord.COMPLIANCE | StatusWord.RANGE_COMPLIANCE))

    def element(self, name: str) -> float:
        """Return an element by its short name."""
        return {
            "VOLT": self.voltage,
            "CURR": self.current,
            "RES": self.resistance,
            "TIME": self.time,
            "STAT": float(self.status),
        }[name]


def format_readings(settings: Settings, readings: Iterable[Reading]) -> str | bytes:
    """Return readings as `:FORMat` says."""
    names = [name for name in ELEMENTS if name in settings.elements]
    return format_values(settings, [reading.element(name) for reading in readings for name in names])


def format_values(settings: Settings, values: Sequence[float]) -> str | bytes:
    """Return numbers as `:FORMat` says: `+1.234567E+00,...`, or a block without a length."""
    if settings.data_format == "ASC":
        return ",".join(f"{value:+.6E}" for value in values)
    order = ">" if settings.byte_order == "NORM" else "<"
    return b"#0" + struct.pack(f"{order}{len(values)}f", *values)


def ratio(voltage: float, current: float) -> float:
    """Return V/I as the instrument gives it: overflow without a current, or with an overflow in either."""
    if current == 0 or abs(voltage) >= 9e37 or abs(current) >= 9e37:
        return 9.9e37
    return max(-9.9e37, min(9.9e37, voltage / current))


def missing(value: float | None) -> float:
    """Return a value, or what stands for one that there is none of."""
    return NOT_MEASURED if value is None else value
