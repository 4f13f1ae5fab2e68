"""Reading buffers of the 2450."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass
from enum import IntFlag
from itertools import islice
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_facts import DEFAULT_CAPACITY, OVERFLOW
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2450_facts import Function

SMALLEST_CAPACITY: Final = 10
LARGEST_CAPACITY: Final = 6_875_000
"""Readings of all buffers together (standard style)."""
DEFAULT_NAMES: Final = ("defbuffer1", "defbuffer2")
_NAME: Final = re.compile(r"[A-Za-z]\w{0,30}", re.ASCII)


class SourceStatus(IntFlag):
    """Bits of the SOURSTATus element."""

    PROTECTED = 4
    READ_BACK = 8
    OVERTEMPERATURE = 16
    LIMITED = 32
    FOUR_WIRE = 64
    OUTPUT_ON = 128


class MeasureStatus(IntFlag):
    """Bits of the STATus element (assumption: numbered as in later manuals of the family)."""

    QUESTIONABLE = 1
    FRONT_TERMINALS = 8
    LIMIT_2_LOW = 16
    LIMIT_2_HIGH = 32
    LIMIT_1_LOW = 64
    LIMIT_1_HIGH = 128


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading.

    Args:
        value: in V or A; plus or minus 9.9E37 beyond the range.
        function: what was measured.
        source: source value, measured or programmed, in V or A.
        source_function: what was sourced.
        time: when, in s on the instrument's clock.
        status: about the measurement.
        source_status: about the source.
    """

    value: float
    function: Function
    source: float
    source_function: Function
    time: float
    status: MeasureStatus
    source_status: SourceStatus


class Statistics:
    """Statistics of the readings that a buffer was given since it was cleared; of those it has overwritten, too."""

    def __init__(self) -> None:
        self._number = 0
        self._mean = 0.0
        self._squares = 0.0
        self._least = math.inf
        self._most = -math.inf

    def count(self, value: float) -> None:
        """Count a reading."""
        self._number += 1
        step = value - self._mean
        self._mean += step / self._number
        self._squares += step * (value - self._mean)
        self._least, self._most = min(self._least, value), max(self._most, value)

    def get(self, name: str) -> float:
        """Return a statistic.

        Raises:
            ScpiError: -230 if there was no reading.
        """
        if not self._number:
            raise ScpiError(-230)
        deviation = math.sqrt(self._squares / max(1, self._number - 1))
        values = {"AVER": self._mean, "MAX": self._most, "MIN": self._least, "STDD": deviation}
        value = self._most - self._least if name == "PK2P" else values[name]
        return max(-OVERFLOW, min(OVERFLOW, value))


class ReadingBuffer:
    """Keeps readings.

    Args:
        capacity: how many it keeps.
        continuous: when it is full, the newest reading replaces the oldest; else it takes no more.
    """

    def __init__(self, capacity: int, continuous: bool) -> None:
        self.capacity = capacity
        self.continuous = continuous
        self.logs = True
        """Whether it notes events in the log; kept for its query (assumption: on)."""
        self._readings: deque[Reading] = deque()
        self._first_time = 0.0
        self.statistics = Statistics()

    def __len__(self) -> int:
        return len(self._readings)

    def store(self, reading: Reading) -> None:
        """Keep a reading.

        Raises:
            ScpiError: 4915 if there is no room (assumption: number and text).
        """
        if not self._readings:
            self._first_time = reading.time
        if len(self._readings) >= self.capacity:
            if not self.continuous:
                raise ScpiError(4915, "Attempting to store past capacity of reading buffer")
            self._readings.popleft()
        self._readings.append(reading)
        self.statistics.count(reading.value)

    def slice(self, first: int, last: int) -> list[Reading]:
        """Return readings by their places, from 1, both ends included.

        Raises:
            ScpiError: -222 if there are no such readings.
        """
        if not 1 <= first <= last <= len(self._readings):
            raise ScpiError(-222)
        return list(islice(self._readings, first - 1, last))

    def last(self) -> Reading:
        """Return the newest reading.

        Raises:
            ScpiError: -230 if there is none.
        """
        if not self._readings:
            raise ScpiError(-230)
        return self._readings[-1]

    def relative(self, reading: Reading) -> float:
        """Return the time of a reading since the first that was stored, in s."""
        return reading.time - self._first_time

    def clear(self) -> None:
        """Forget every reading."""
        self._readings.clear()
        self.statistics = Statistics()

    def resize(self, capacity: int) -> None:
        """Change the capacity; the readings are lost."""
        self.capacity = capacity
        self.clear()


class Buffers:
    """The two default buffers and what the user made."""

    def __init__(self) -> None:
        self._buffers: dict[str, ReadingBuffer] = {}
        self.reset()

    def reset(self) -> None:
        """Leave two empty default buffers."""
        self._buffers = {name: ReadingBuffer(DEFAULT_CAPACITY, continuous=True) for name in DEFAULT_NAMES}

    def get(self, name: str) -> ReadingBuffer:
        """Return a buffer.

        Raises:
            ScpiError: -224 if there is none of this name.
        """
        buffer = self._buffers.get(name)
        if buffer is None:
            raise ScpiError(-224)
        return buffer

    def make(self, name: str, capacity: int) -> None:
        """Make a buffer that fills once.

        Raises:
            ScpiError: -224 if the name cannot be, 1115 if it is taken, -222 if there is no room.
        """
        if _NAME.fullmatch(name) is None:
            raise ScpiError(-224)
        if name in self._buffers:
            raise ScpiError(1115, "Parameter error: TRACe:MAKE cannot take an existing reading buffer name")
        self._check_room(capacity)
        self._buffers[name] = ReadingBuffer(capacity, continuous=False)

    def delete(self, name: str) -> None:
        """Delete a buffer that the user made.

        Raises:
            ScpiError: -224 if there is none of this name, or if it is a default buffer.
        """
        self.get(name)
        if name in DEFAULT_NAMES:
            raise ScpiError(-224)
        del self._buffers[name]

    def resize(self, name: str, capacity: int) -> None:
        """Change the capacity of a buffer; its readings are lost.

        Raises:
            ScpiError: -224 or -222.
        """
        buffer = self.get(name)
        self._check_room(capacity - buffer.capacity)
        buffer.resize(capacity)

    def _check_room(self, more: int) -> None:
        if sum(buffer.capacity for buffer in self._buffers.values()) + more > LARGEST_CAPACITY:
            raise ScpiError(-222)
