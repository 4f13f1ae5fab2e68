"""Reading buffers of the 2600B."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_facts import OVERFLOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2600_facts import Function


FILL_ONCE, FILL_WINDOW = 0, 1
"""Numbers of `bufferVar.fillmode`."""


class ReadingStatus(IntFlag):
    """Bits of a reading's status."""

    OVERTEMPERATURE = 0x02
    MEASURE_AUTORANGED = 0x04
    SOURCE_AUTORANGED = 0x08
    FOUR_WIRE = 0x10
    RELATIVE = 0x20
    COMPLIANCE = 0x40
    FILTERED = 0x80


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading.

    Args:
        value: V, A, ohm or W; plus or minus 9.91E37 beyond the range.
        quantity: what was measured: v, i, r or p.
        measure_range: V or A.
        source: programmed level, V or A.
        source_function: what was sourced.
        source_range: V or A.
        output_on: the output was on.
        time: when, in s on the world's clock.
        status: bits about it.
    """

    value: float
    quantity: str
    measure_range: float
    source: float
    source_function: Function
    source_range: float
    output_on: bool
    time: float
    status: ReadingStatus


@dataclass(slots=True)
class Statistics:
    """What a buffer knows of all readings that were added since it was cleared, those overwritten included.

    Args:
        count: readings.
        mean: of them.
        spread: sum of their squared distances from the mean.
        least: the smallest of them.
        greatest: the largest of them.
    """

    count: int = 0
    mean: float = 0.0
    spread: float = 0.0
    least: Reading | None = None
    greatest: Reading | None = None

    def add(self, reading: Reading) -> None:
        """Take a reading into account."""
        value = reading.value
        self.count += 1
        distance = value - self.mean
        self.mean += distance / self.count
        self.spread += distance * (value - self.mean)
        if self.least is None or value < self.least.value:
            self.least = reading
        if self.greatest is None or value > self.greatest.value:
            self.greatest = reading


class ReadingBuffer:
    """Keeps readings of one channel.

    Args:
        channel: letter of the channel that owns it.
        capacity: readings that it holds.
    """

    def __init__(self, channel: str, capacity: int) -> None:
        self.channel = channel
        self.capacity = capacity
        self.readings: list[Reading] = []
        self.restore_defaults()

    def restore_defaults(self) -> None:
        """Forget readings and settings."""
        self.readings.clear()
        self.append = False
        self.base_time = 0.0
        self.collects_sources = False
        self.collects_times = False
        self.time_resolution = 1e-6
        self.cached = True
        self.fill_mode = FILL_ONCE
        self.fill_count = 0.0
        self.following = 1
        self.statistics = Statistics()

    def __len__(self) -> int:
        return len(self.readings)

    def prepare(self) -> None:
        """Make ready for readings: without the append mode, those it has are lost."""
        if not self.append:
            self.clear()

    def store(self, reading: Reading) -> None:
        """Keep a reading; a full buffer takes no more, without an error, or overwrites its oldest (Rev. F p. 3-11)."""
        room = int(self.fill_count) or self.capacity if self.fill_mode == FILL_WINDOW else self.capacity
        if not self.readings:
            self.base_time = reading.time
        if self.following > len(self.readings) and len(self.readings) < room:
            self.readings.append(reading)
        elif self.fill_mode == FILL_WINDOW:
            self.following = self.following if self.following <= min(room, len(self.readings)) else 1
            self.readings[self.following - 1] = reading
        else:
            return
        self.following += 1
        self.statistics.add(reading)

    def clear(self) -> None:
        """Forget every reading."""
        self.readings.clear()
        self.base_time = 0.0
        self.following = 1
        self.statistics = Statistics()

    def recount(self) -> None:
        """Base the statistics on the readings that it holds."""
        self.statistics = Statistics()
        for reading in self.readings:
            self.statistics.add(reading)

    def change(self, name: str, value: object) -> None:
        """Collect sources or times from now on, or append, or count time otherwise.

        Raises:
            TspError: 5032 while the buffer holds readings.
        """
        if self.readings and value != getattr(self, name):
            raise TspError(5032, channel=self.channel)
        setattr(self, name, value)

    def time_of(self, reading: Reading) -> float:
        """Return the time of a reading since the first one, in s."""
        return round((reading.time - self.base_time) / self.time_resolution) * self.time_resolution


class Column:
    """One kind of element of a buffer, by places from 1.

    Args:
        buffer: whose.
        name: of the element.
        read: returns it of one reading, None where the buffer does not collect it.
    """

    def __init__(self, buffer: ReadingBuffer, name: str, read: Callable[[Reading], float | None]) -> None:
        self.buffer = buffer
        self.name = name
        self._read = read

    def get(self, place: int) -> float | None:
        """Return an element, None where there is none."""
        if not 1 <= place <= len(self.buffer):
            return None
        return self._read(self.buffer.readings[place - 1])

    def printed(self, place: int, fail: Callable[[TspError], None]) -> float:
        """Return an element as `printbuffer` does, which prints a number for everything."""
        value = self.get(place)
        if value is None:
            fail(TspError(4900, place))
            return OVERFLOW
        return value


def columns(buffer: ReadingBuffer) -> dict[str, Column]:
    """Return the columns of a buffer, by the names of its attributes."""

    def time(reading: Reading) -> float | None:
        return buffer.time_of(reading) if buffer.collects_times else None

    def of_source(read: Callable[[Reading], float]) -> Callable[[Reading], float | None]:
        return lambda reading: read(reading) if buffer.collects_sources else None

    numbers = {"i": 1.0, "v": 2.0, "r": 3.0, "p": 4.0}
    readers: dict[str, Callable[[Reading], float | None]] = {
        "readings": lambda reading: reading.value,
        "statuses": lambda reading: float(reading.status),
        "measureranges": lambda reading: reading.measure_range,
        "measurefunctions": lambda reading: numbers[reading.quantity],
        "timestamps": time,
        "sourcevalues": of_source(lambda reading: reading.source),
        "sourcefunctions": of_source(lambda reading: float(reading.source_function.number)),
        "sourceranges": of_source(lambda reading: reading.source_range),
        "sourceoutputstates": of_source(lambda reading: float(reading.output_on)),
    }
    return {name: Column(buffer, name, read) for name, read in readers.items()}
