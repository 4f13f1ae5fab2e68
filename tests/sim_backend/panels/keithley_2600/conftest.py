"""A bench with a 2600B, a resistor on its channel a, and a note of what the terminals were told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import pytest

from sim_backend.clock import VirtualClock
from sim_backend.panels.keithley_2600 import Keithley2600Panel
from sim_backend.panels.keithley_2600_surroundings import Options
from sim_backend.world import Operating

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.world import World


class Resistor:
    """Terminals with a resistor on them."""

    def __init__(self) -> None:
        self.resistance = 10e3
        self.state: tuple[float, float] | None = None
        self.states: list[tuple[float, float] | None] = []
        self.durations: list[float] = []

    def drive(self, voltage: float, limit: float) -> None:
        self.state = voltage, limit
        self.states.append(self.state)

    def release(self) -> None:
        self.state = None
        self.states.append(None)

    def count_conversion(self) -> int:
        return len(self.durations)

    def measure(self, duration: float) -> Operating:
        self.durations.append(duration)
        if self.state is None:
            return Operating(0.0, 0.0, in_compliance=False)
        voltage, limit = self.state
        current = voltage / self.resistance
        if abs(current) <= limit:
            return Operating(voltage, current, in_compliance=False)
        held = math.copysign(limit, voltage)
        return Operating(held * self.resistance, held, in_compliance=True)


class BenchWorld:
    """What the panel uses of a world."""

    def __init__(self, real: bool) -> None:
        self.clock = VirtualClock()
        self.terminals = Resistor()
        self.has_real_instruments = real

    def smu(self, name: str) -> Resistor:
        assert name == "smu"
        return self.terminals

    def seed_of(self, name: str) -> int:
        return len(name)


class Bench2600:
    """A 2600B and its resistor."""

    def __init__(self, options: Options | None = None, real: bool = False) -> None:
        world = BenchWorld(real)
        self.clock = world.clock
        self.terminals = world.terminals
        self.panel = Keithley2600Panel(cast("World", world), "smu", options=options)

    def send(self, *lines: str) -> list[bytes]:
        """Return the replies to some lines."""
        return self.panel.receive("".join(f"{line}\n" for line in lines).encode("latin-1"))

    def ask(self, line: str) -> str:
        """Return the one reply to a line."""
        (reply,) = self.send(line)
        return reply.decode("latin-1").removesuffix("\n")

    def print(self, expressions: str) -> list[float]:
        """Return the numbers that expressions have."""
        return [float(field) for field in self.ask(f"print({expressions})").split("\t")]

    def errors(self) -> list[tuple[int, str]]:
        """Return what the error queue holds, and empty it."""
        found: list[tuple[int, str]] = []
        while True:
            code, text, *_ = self.ask("print(errorqueue.next())").split("\t")
            if not float(code):
                return found
            found.append((int(float(code)), text))

    def error(self, *lines: str) -> tuple[int, str] | None:
        """Return the one error that some lines give, None for none."""
        self.send("errorqueue.clear()", *lines)
        found = self.errors()
        assert len(found) <= 1, found
        return found[0] if found else None

    def elapsed(self, line: str) -> float:
        """Return the time in s that a line takes."""
        before = self.clock.now()
        self.send(line)
        return self.clock.now() - before


@pytest.fixture(scope="session")
def make_bench() -> Callable[..., Bench2600]:
    """Return what makes a bench with a freshly switched-on 2600B."""
    return Bench2600


@pytest.fixture(scope="module")
def one_bench(make_bench: Callable[..., Bench2600]) -> Bench2600:
    """Return one bench for all tests of a module."""
    return make_bench()


@pytest.fixture
def used_bench(one_bench: Bench2600) -> Bench2600:
    """Return a bench whose 2636B was reset; making one takes longer than most tests."""
    one_bench.panel.connect()
    one_bench.send("*RST", "*CLS")
    return one_bench


@pytest.fixture
def bench(make_bench: Callable[..., Bench2600]) -> Bench2600:
    """Return a bench with a freshly switched-on 2636B."""
    return make_bench()
