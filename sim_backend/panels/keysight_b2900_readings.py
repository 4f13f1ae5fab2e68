"""Readings of the B2900A, the buffers that keep them, and how they are written down for the host."""

from __future__ import annotations

import math
import struct
from collections import deque
from dataclasses import dataclass
from enum import IntFlag
from itertools import islice
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_facts import MOST_READINGS, nr3

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim_backend.panels.keysight_b2900_settings import SystemSettings

ELEMENTS: Final = ("VOLT", "CURR", "RES", "TIME", "STAT", "SOUR")
"""Elements of a reading, in the order in which they are always sent."""
_ALL_ELEMENTS: Final = ("CALC", *ELEMENTS)
"""With what was calculated, of which only TIME and STAT are sent, too."""
NOT_A_NUMBER: Final = 9.91e37
"""What ASCII shows where there is no number."""
INFINITE: Final = 9.9e37
"""What ASCII shows of a reading beyond its range, with its sign."""


class ReadingStatus(IntFlag):
    """Bits of the STATus element."""

    CURRENT_SOURCE = 1
    COMPLIANCE = 2
    MEASURE_OVERFLOW = 8192


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading; what was not measured is NaN, what is beyond its range infinite.

    Args:
        voltage: in V.
        current: in A.
        resistance: in ohm.
        time: when it was triggered, in s on the instrument's timer.
        status: about source and measurement.
        source: the programmed level in V or A.
        calculated: what was calculated from it, in the unit of that.
    """

    voltage: float
    current: float
    resistance: float
    time: float
    status: ReadingStatus
    source: float
    calculated: float = math.nan

    def values(self, elements: Sequence[str]) -> list[float]:
        """Return the chosen elements in their fixed order."""
        everything = (
            self.calculated,
            self.voltage,
            self.current,
            self.resistance,
            self.time,
            float(self.status),
            self.source,
        )
        return [value for name, value in zip(_ALL_ELEMENTS, everything, strict=True) if name in elements]


class DataBuffer:
    """What a channel's last run has read; the oldest goes when it is full (assumption)."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque(maxlen=MOST_READINGS)

    def __len__(self) -> int:
        return len(self._readings)

    def store(self, reading: Reading) -> None:
        """Keep a reading."""
        self._readings.append(reading)

    def clear(self) -> None:
        """Forget every reading."""
        self._readings.clear()

    def slice(self, offset: int, size: int | None) -> list[Reading]:
        """Return `size` readings from `offset` on, or all of them."""
        return list(islice(self._readings, offset, None if size is None else offset + size))

    def last(self) -> list[Reading]:
        """Return the newest reading, in a list that is empty if there is none."""
        return [self._readings[-1]] if self._readings else []


class ReadingFormatter:
    """Formats readings as `:FORMat` says.

    Args:
        settings: of the instrument.
    """

    def __init__(self, settings: SystemSettings) -> None:
        self._settings = settings

    def interleaved(self, channels: Sequence[Sequence[Reading]], elements: Sequence[str]) -> str | bytes:
        """Return the reply for several channels: first the first reading of each, then the second.

        A channel with fewer readings than another, and one without any, sends what is not a number.
        """
        longest = max(1, *map(len, channels)) if channels else 0
        values: list[float] = []
        for place in range(longest):
            for readings in channels:
                if place < len(readings):
                    values += readings[place].values(elements)
                else:
                    values += [math.nan] * len(elements)
        return self.encode(values)

    def encode(self, values: Sequence[float]) -> str | bytes:
        """Return numbers as a comma-separated list, or as a block of definite length."""
        if self._settings.data_format == "ASC":
            return ",".join(map(_ascii, values))
        order = "<" if self._settings.byte_order == "SWAP" else ">"
        kind = "d" if self._settings.data_format == "REAL,64" else "f"
        data = struct.pack(f"{order}{len(values)}{kind}", *values)
        length = str(len(data))
        return f"#{len(length)}{length}".encode() + data


def _ascii(value: float) -> str:
    if math.isnan(value):
        return nr3(NOT_A_NUMBER)
    if math.isinf(value):
        return nr3(math.copysign(INFINITE, value))
    return nr3(value)
