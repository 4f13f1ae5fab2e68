"""A bench: a B2900A with one resistor on channel 1 and nothing on channel 2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import pytest

from sim_backend.clock import VirtualClock
from sim_backend.panels.keysight_b2900 import KeysightB2900Panel
from sim_backend.smu_terminals import Operating

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keysight_b2900_instrument import Options
    from sim_backend.world import World


class Resistor:
    """Terminals with a resistor on them, and a note of what they were told."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.resistance = 10e3
        self.drive_state: tuple[float, float] | None = None
        self.history: list[tuple[float, float | None]] = []
        self._conversions = 0

    def drive(self, voltage: float, limit: float) -> None:
        self.drive_state = voltage, limit
        self.history.append((self._clock.now(), voltage))

    def release(self) -> None:
        self.drive_state = None
        self.history.append((self._clock.now(), None))

    def count_conversion(self) -> int:
        self._conversions += 1
        return self._conversions - 1

    def measure(self, duration: float) -> Operating:
        assert duration > 0
        if self.drive_state is None:
            return Operating(0.0, 0.0, in_compliance=False)
        voltage, limit = self.drive_state
        current = voltage / self.resistance
        if abs(current) <= limit:
            return Operating(voltage, current, in_compliance=False)
        held = math.copysign(limit, voltage)
        return Operating(held * self.resistance, held, in_compliance=True)


class BenchWorld:
    """What the panel uses of a world."""

    def __init__(self, real: bool) -> None:
        self.clock = VirtualClock()
        self.terminals = Resistor(self.clock)
        self.has_real_instruments = real

    def smu(self, name: str) -> Resistor:
        assert name == "smu"
        return self.terminals

    def seed_of(self, name: str) -> int:
        return len(name)


class Bench:
    """A B2900A and its resistor."""

    def __init__(self, options: Options | None = None, *, real: bool = False) -> None:
        world = BenchWorld(real)
        self.clock = world.clock
        self.terminals = world.terminals
        self.panel = KeysightB2900Panel(cast("World", world), "smu", options=options)

    def raw(self, message: str) -> bytes | None:
        """Return the reply to one message as it comes, None if there is none."""
        replies = self.panel.receive(message.encode() + b"\n")
        assert len(replies) <= 1
        return replies[0] if replies else None

    def ask(self, message: str) -> str | None:
        """Return the reply to one message without its newline, None if there is none."""
        reply = self.raw(message)
        return None if reply is None else reply.decode().removesuffix("\n")

    def values(self, message: str) -> list[float]:
        """Return the numbers that a query answers."""
        reply = self.ask(message)
        assert reply is not None
        return [float(field) for field in reply.split(",")]

    def code(self, message: str) -> int:
        """Return the code of the first error that a message adds, 0 for none."""
        self.ask("*CLS")
        self.ask(message)
        reply = self.ask(":SYST:ERR?")
        assert reply is not None
        return int(reply.split(",")[0])

    def elapsed(self, message: str) -> float:
        """Return the time in s that a message takes."""
        before = self.clock.now()
        self.ask(message)
        return self.clock.now() - before


@pytest.fixture(scope="session")
def make_bench() -> Callable[..., Bench]:
    """Return what makes a bench with a freshly switched-on instrument."""
    return Bench


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """Return a bench with a freshly switched-on B2912A."""
    return make_bench()
