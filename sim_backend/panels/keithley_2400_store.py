"""What the 2400 keeps without power: the reading buffer behind `:TRACe`, and saved set-ups."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from sim_backend.panels.keithley_2400_facts import NOT_MEASURED, Settings
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim_backend.panels.keithley_2400_readings import Reading

READING_BYTES: Final = 20
"""What a stored reading takes, in bytes (assumption: five single-precision elements)."""
SETUPS: Final = 5
"""Set-ups that `*SAV` keeps."""


class ReadingStore:
    """The buffer: it is told to fill once, does so from the next run on, and then stops."""

    def __init__(self) -> None:
        self.size = 100
        self.feed = "SENS"
        self.timestamps = "ABS"
        self.active = False
        self._fresh = False
        self._readings: list[Reading] = []

    def __len__(self) -> int:
        return len(self._readings)

    @property
    def full(self) -> bool:
        """Whether it holds as many readings as it was sized for."""
        return len(self._readings) >= self.size

    def check_inactive(self) -> None:
        """Refuse what cannot be changed while readings are stored.

        Raises:
            ScpiError: +800.
        """
        if self.active:
            raise ScpiError(800)

    def arm(self, on: bool) -> None:
        """Store the readings that come, in place of those that are there; or stop."""
        self.active = self._fresh = on

    def store(self, reading: Reading) -> None:
        """Keep a reading, if readings are stored."""
        if not self.active:
            return
        if self._fresh:
            self._readings.clear()
            self._fresh = False
        self._readings.append(reading)
        self.active = not self.full

    def clear(self) -> None:
        """Forget every reading."""
        self._readings.clear()

    def resize(self, size: int) -> None:
        """Change the size; the readings are lost (assumption).

        Raises:
            ScpiError: +800 while readings are stored.
        """
        self.check_inactive()
        self.size = size
        self.clear()

    def readings(self) -> list[Reading]:
        """Return the readings; their times count from the first one, or from one to the next."""
        if not self._readings:
            return []
        first = self._readings[0].time
        if self.timestamps == "ABS":
            return [replace(reading, time=reading.time - first) for reading in self._readings]
        steps = [0.0, *(after.time - before.time for before, after in pairwise(self._readings))]
        return [replace(reading, time=step) for reading, step in zip(self._readings, steps, strict=True)]

    def statistics(self, name: str) -> list[float]:
        """Return a statistic of voltage, current, resistance and math (of which there is none).

        Raises:
            ScpiError: -230 without readings.
        """
        if not self._readings:
            raise ScpiError(-230)
        columns = [[reading.element(element) for reading in self._readings] for element in ("VOLT", "CURR", "RES")]
        return [*(_statistic(name, column) for column in columns), NOT_MEASURED]


class Memory:
    """What survives a power cycle."""

    def __init__(self) -> None:
        self.store = ReadingStore()
        self.setups: dict[int, Settings] = {}
        self.sources: dict[int, dict[str, Any]] = {}
        """Places of the source memory that were written."""
        self.power_on = "PRES"
        """Where the settings at power-up come from; the factory's choice are the bench defaults."""


def bench_defaults() -> Settings:
    """Return the settings of `:SYSTem:PRESet`, as far as they differ from `*RST`: the byte order.

    Measuring without end while the output is on, which they also mean, is not modelled.
    """
    return Settings(byte_order="SWAP")


def _statistic(name: str, values: Sequence[float]) -> float:
    """Return a statistic of one column; not a number if an element was not measured."""
    if any(abs(value) >= 9e37 for value in values):
        return NOT_MEASURED
    mean = math.fsum(values) / len(values)
    if name == "SDEV":
        return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
    return {"MEAN": mean, "MAX": max(values), "MIN": min(values), "PKPK": max(values) - min(values)}[name]
