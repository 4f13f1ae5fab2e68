"""A bench in memory, whose one instrument answers at once: what is left is labctl's own cost."""

from __future__ import annotations

from typing import Any

from drivers.knobs import number
from drivers.scpi import ScpiLink
from labctl.backend import Backend, BackendOptions, WallClock
from labctl.bench_file import BenchFile, InstrumentEntry
from labctl.instruments import Identity, SourceMeter
from labctl.smu_data import Reading, SourceSetup

BENCH = """
[bench]
name = "in memory"
[instruments.smu]
driver = "memory"
address = "memory"
[envelope]
voltage = "1.3 V"
read_voltage = "0.25 V"
cell_current = "15 mA"
line_current = "250 mA"
pulse_width = "10 ms"
pulses_per_cell = 1e9
[die]
id = "none"
rows = 1
columns = 1
"""


class MemoryResource:
    """A resource with pyvisa's method names that remembers one number."""

    def __init__(self) -> None:
        self._value = b"0\n"

    def write_raw(self, message: bytes) -> int:
        """Take a command or a query."""
        if message[-2:] != b"?\n":
            self._value = message[message.index(b" ") + 1 :]
        return len(message)

    def read_raw(self) -> bytes:
        """Return the number."""
        return self._value

    def read_bytes(self, count: int) -> bytes:
        """Return the number's first bytes."""
        return self._value[:count]

    def close(self) -> None:
        """Do nothing."""


class MemoryMeter(SourceMeter):
    """A source-measure unit in memory: measures the number that it was given."""

    Settings = InstrumentEntry
    level = number(":SOUR:VOLT {}", ":SOUR:VOLT?", "V", -10.0, 10.0, "source level")

    def __init__(self, name: str) -> None:
        self.name = self.address = name
        self.link: Any = ScpiLink(MemoryResource, name, name)

    @classmethod
    def open(cls, backend: Backend, name: str, settings: InstrumentEntry) -> MemoryMeter:
        """Return the instrument."""
        return cls(name)

    def identify(self) -> Identity:
        """Return who it is."""
        return Identity("labctl", "memory", "0", "0")

    def make_safe(self) -> None:
        """Source 0 V."""
        self.level = 0.0

    def close(self) -> None:
        """Do nothing."""

    def configure(self, setup: SourceSetup) -> SourceSetup:
        """Take any setup."""
        return setup

    def source(self, voltage: float) -> None:
        """Set the level (V)."""
        self.level = voltage

    def output_on(self) -> None:
        """Do nothing."""

    def output_off(self) -> None:
        """Do nothing."""

    def measure(self) -> Reading:
        """Return the level as both voltage and current."""
        value = self.level
        return Reading(value, value, 0.0)

    def sweep(self, voltages: Any, delay: float = 0.0) -> list[Reading]:
        """Return a reading of each voltage."""
        return [Reading(voltage, voltage, 0.0) for voltage in voltages]

    def read_errors(self) -> list[str]:
        """Return no errors."""
        return []


class MemoryBackend(Backend):
    """Opens nothing and keeps the wall's time; its worlds die with the process, as the twin's do."""

    outlives_us = False

    def __init__(self) -> None:
        self.clock = WallClock()

    @classmethod
    def for_bench(cls, bench: BenchFile, options: BackendOptions) -> MemoryBackend:
        """Return the backend."""
        return cls()

    def open_visa(self, resource_name: str, **settings: Any) -> Any:
        """Open nothing."""
        raise AssertionError(resource_name, settings)

    def open_serial(self, port: str, **settings: Any) -> Any:
        """Open nothing."""
        raise AssertionError(port, settings)

    @classmethod
    def lock_names(cls, bench: BenchFile, options: BackendOptions) -> tuple[str, ...]:
        """Lock nothing."""
        return ()

    def close(self) -> None:
        """Do nothing."""
