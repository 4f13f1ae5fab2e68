"""A world with one talkative instrument, under pyvisa's own resource classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import pyvisa
from pyvisa.resources import MessageBasedResource

from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panel import Panel
from sim_backend.visa_library import TwinVisaLibrary
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOCKET = "TCPIP0::192.168.1.50::5025::SOCKET"
LAN = "TCPIP0::192.168.1.50::inst0::INSTR"
USB = "USB0::0x05E6::0x2450::01419969::0::INSTR"
SERIAL = "ASRL/dev/ttyUSB0::INSTR"
ALL = (SOCKET, LAN, USB, SERIAL)
FRAMED = (LAN, USB)
STREAMS = (SOCKET, SERIAL)


class Parrot(Panel):
    """Says what it is told to, a line at a time; notes what reached it."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.heard: list[tuple[bytes, bool]] = []
        self.connected = 0
        self._line = b""

    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        self.heard.append((data, end))
        *lines, self._line = (self._line + data).split(b"\n")
        if end and self._line:
            lines, self._line = [*lines, self._line], b""
        replies: list[bytes] = []
        for line in lines:
            word, _, rest = line.strip().partition(b" ")
            if word == b"say":
                replies.append(rest + b"\n")
            elif word == b"raw":
                replies.append(rest)
            elif word == b"hex":
                replies.append(bytes.fromhex(rest.decode()))
            elif word == b"work":
                self.world.clock.sleep(float(rest))
        return replies

    def power_cycle(self) -> None:
        self._line = b""

    def connect(self) -> None:
        self.connected += 1
        self._line = b""


class Shy(Parrot):
    """A parrot with a status byte."""

    def status_byte(self) -> int:
        """Return the status byte, without the bit for a waiting answer."""
        return 0x20


class Bench:
    """A world with one instrument at several addresses, and a resource manager on it."""

    def __init__(self, *names: str, kind: type[Parrot] = Parrot) -> None:
        self.clock = VirtualClock()
        world = World(Die.fresh("die", 2, 2, device_named("ru-azo", 5.9e-3), seed=0), self.clock)
        self.panel = kind(world, "parrot")
        self.library = TwinVisaLibrary(dict.fromkeys(names or ALL, self.panel))
        self.manager = pyvisa.ResourceManager(self.library)

    def open(self, name: str, **settings: Any) -> MessageBasedResource:
        """Open a resource."""
        return cast("MessageBasedResource", self.manager.open_resource(name, **settings))


@pytest.fixture
def make_bench() -> Iterator[Callable[..., Bench]]:
    """Make benches, with `Bench`'s arguments, that are closed at the end."""
    made: list[Bench] = []

    def make(*names: str, kind: type[Parrot] = Parrot) -> Bench:
        made.append(Bench(*names, kind=kind))
        return made[-1]

    yield make
    for bench in made:
        bench.manager.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench with a parrot at every address."""
    return make_bench()


@pytest.fixture
def shy_bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench whose instrument has a status byte."""
    return make_bench(kind=Shy)
