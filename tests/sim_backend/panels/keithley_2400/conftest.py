"""A bench with a 2400 and one resistor on its terminals."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, cast

import pytest

from sim_backend.clock import VirtualClock
from sim_backend.panels.keithley_2400 import Keithley2400Panel
from sim_backend.world import Operating

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2400_instrument import Options
    from sim_backend.world import World


class Resistor:
    """Terminals with a resistor on them, and a note of what they were told."""

    def __init__(self) -> None:
        self.resistance = 10e3
        self.current_gain = 1.0
        """By what the current is larger than the resistor's, as with a source beside it."""
        self.drive_state: tuple[float, float] | None = None
        self.driven: list[tuple[float, float]] = []
        self.durations: list[float] = []
        self.conversions = 0

    def drive(self, voltage: float, limit: float) -> None:
        self.drive_state = voltage, limit
        self.driven.append(self.drive_state)

    def release(self) -> None:
        self.drive_state = None

    def count_conversion(self) -> int:
        self.conversions += 1
        return self.conversions - 1

    def measure(self, duration: float) -> Operating:
        self.durations.append(duration)
        if self.drive_state is None:
            return Operating(0.0, 0.0, in_compliance=False)
        voltage, limit = self.drive_state
        current = voltage / self.resistance
        if abs(current) <= limit:
            return Operating(voltage, self.current_gain * current, in_compliance=False)
        held = math.copysign(limit, voltage)
        return Operating(held * self.resistance, self.current_gain * held, in_compliance=True)


class BenchWorld:
    """What the panel uses of a world."""

    def __init__(self, has_real_instruments: bool) -> None:
        self.clock = VirtualClock()
        self.terminals = Resistor()
        self.has_real_instruments = has_real_instruments

    def smu(self, name: str) -> Resistor:
        assert name == "smu"
        return self.terminals

    def seed_of(self, name: str) -> int:
        assert name == "smu"
        return 7


class Bench2400:
    """A 2400 and its resistor, after `*RST` and `*CLS`."""

    def __init__(self, options: Options | None = None, *, real: bool = False, fresh: bool = False) -> None:
        world = BenchWorld(real)
        self.clock = world.clock
        self.terminals = world.terminals
        self.panel = Keithley2400Panel(cast("World", world), "smu", options=options)
        if not fresh:
            self.ask("*RST;*CLS")

    def raw(self, message: str) -> list[bytes]:
        """Return the replies to some messages, as bytes."""
        return self.panel.receive(message.encode() + b"\n")

    def ask(self, message: str) -> str | None:
        """Return the reply to one message, None if there is none."""
        replies = self.raw(message)
        assert len(replies) <= 1
        return replies[0].decode().removesuffix("\n") if replies else None

    def values(self, message: str) -> list[float]:
        """Return the numbers that a query answers."""
        reply = self.ask(message)
        assert reply is not None
        return [float(field) for field in reply.split(",")]

    def status(self, message: str = ":READ?") -> int:
        """Return the status word of the reading that a query answers."""
        return int(self.values(message)[-1])

    def block(self, message: str, order: str) -> list[float]:
        """Return the numbers of the block that a query answers."""
        (reply,) = self.raw(message)
        assert reply.startswith(b"#0")
        assert reply.endswith(b"\n")
        data = reply[2:-1]
        return list(struct.unpack(f"{order}{len(data) // 4}f", data))

    def code(self, message: str) -> int:
        """Return the code of the one error that a message gives, 0 for none."""
        self.ask(":SYST:CLE")
        self.ask(message)
        codes = self.ask(":SYST:ERR:CODE:ALL?")
        assert codes is not None
        return int(codes)

    def elapsed(self, message: str) -> float:
        """Return the time in s that a message takes."""
        before = self.clock.now()
        self.ask(message)
        return self.clock.now() - before


@pytest.fixture(scope="session")
def make_bench_2400() -> Callable[..., Bench2400]:
    """Return what makes a bench with a 2400."""
    return Bench2400


@pytest.fixture
def bench_2400() -> Bench2400:
    """Return a bench with a 2400 after `*RST`."""
    return Bench2400()
