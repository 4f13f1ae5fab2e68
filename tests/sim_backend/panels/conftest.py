"""Two benches: a toy instrument behind the SCPI front end, and a 2450 with one resistor on its terminals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import pytest

from sim_backend.clock import VirtualClock
from sim_backend.panels.keithley_2450 import Keithley2450Panel
from sim_backend.panels.scpi import FrontEnd
from sim_backend.panels.scpi_events import EventLog
from sim_backend.panels.scpi_panel import ScpiPanel
from sim_backend.panels.scpi_parameters import Boolean, Choice, Integer, Number, Text
from sim_backend.panels.scpi_settings import choice_setting, event, flag_setting, integer_setting, number_setting, query
from sim_backend.panels.scpi_status import EventRegister, Status, StatusByte
from sim_backend.panels.scpi_table import Command, Signature
from sim_backend.world import Operating

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2450_instrument import Options
    from sim_backend.world import World


QUEUE = 5


class Toy:
    """An instrument with a level, a mode, a count, and an operation that lasts until it is waited for."""

    identity = "TOY WORKS,MODEL 1,0,0.1"

    def __init__(self) -> None:
        self.level, self.mode, self.count, self.switch, self.note = 0.0, "NORM", 1, False, ""
        self.busy = False
        self.resets = 0
        self._actions: list[Callable[[], None]] = []
        self.questionable = EventRegister()
        log = EventLog(QUEUE, lambda: 0.0)
        self.status = Status(log, {StatusByte.QUESTIONABLE: self.questionable})

    def reset(self) -> None:
        self.resets += 1
        self.busy = False

    def wait(self) -> None:
        self.busy = False
        actions, self._actions = self._actions, []
        for action in actions:
            action()

    def when_idle(self, action: Callable[[], None]) -> None:
        if self.busy:
            self._actions.append(action)
        else:
            action()

    def start(self) -> None:
        self.busy = True

    def set_level(self, level: float) -> None:
        self.level = level

    def set_mode(self, mode: str) -> None:
        self.mode = mode

    def set_count(self, count: int) -> None:
        self.count = count

    def set_switch(self, on: bool) -> None:
        self.switch = on

    def commands(self) -> list[Command]:
        return [
            number_setting(
                ":SOURce[1]:VOLTage[:LEVel][:IMMediate]",
                Number(-210, 210, 0.5, "V"),
                lambda: self.level,
                self.set_level,
                conflicts=True,
            ),
            number_setting(":SOURce[1]:VOLTage:ILIMit[:LEVel]", Number(0, 1, 0.1, "A"), lambda: 0.25, self.set_level),
            query(":SOURce[1]:VOLTage:ILIMit[:LEVel]:TRIPped", lambda: "0"),
            choice_setting(
                ":OUTPut[1|2]:SMODe", Choice(("NORMal", "HIMPedance", "ZERO")), lambda: self.mode, self.set_mode
            ),
            choice_setting(
                "[:SENSe[1]]:FUNCtion[:ON]",
                Choice(("CURRent|CURRent:DC", "VOLTage|VOLTage:DC"), quoted=True),
                lambda: self.mode,
                self.set_mode,
            ),
            integer_setting("[:SENSe[1]]:COUNt", Integer(0, 1000, 7), lambda: self.count, self.set_count),
            flag_setting(":OUTPut[1|2][:STATe]", lambda: self.switch, self.set_switch),
            Command(
                ":SYSTem:NOTE",
                lambda arguments: setattr(self, "note", arguments.text(0)),
                Signature((Text(),), required=1),
                lambda _: f'"{self.note}"',
            ),
            Command(
                ":LIST", takes=Signature((Boolean(), Integer(0, 9, 0)), required=1, repeated=3), action=lambda _: None
            ),
            Command(":CHANnel[1|2]:NUMBer", answer=lambda arguments: ",".join(map(str, arguments.suffixes))),
            query(":BLOCk", lambda: b"#0;\n;"),
            query(":SYSTem:ERRor[:NEXT]", self.error),
            event(":INITiate[:IMMediate]", self.start),
        ]

    def error(self) -> str:
        entry = self.status.log.next()
        return f'{entry.code},"{entry.text}"' if entry else '0,"No error"'


class ToyPanel(ScpiPanel):
    """The toy behind a link."""

    def __init__(self) -> None:
        self.toy = Toy()
        super().__init__(cast("World", None), "toy")

    def ask(self, message: str) -> str | None:
        """Return the reply to one message, None if there is none."""
        replies = self.receive(message.encode() + b"\n")
        assert len(replies) <= 1
        return replies[0].decode().removesuffix("\n") if replies else None

    def error(self, message: str) -> int:
        """Return the code of the one error that a message gives, 0 for none."""
        self.ask("*CLS")
        self.ask(message)
        entries = [entry for _ in range(QUEUE) if (entry := self.toy.status.log.next())]
        assert len(entries) <= 1
        return entries[0].code if entries else 0

    def _switch_on(self) -> FrontEnd:
        self.toy = Toy()
        return FrontEnd(self.toy.commands(), self.toy.status, self.toy)

    def _switch_off(self) -> None:
        self.toy.busy = False


class Resistor:
    """Terminals with a resistor on them, and a note of what they were told."""

    def __init__(self) -> None:
        self.resistance = 10e3
        self.drive_state: tuple[float, float] | None = None
        self.durations: list[float] = []

    def drive(self, voltage: float, limit: float) -> None:
        self.drive_state = voltage, limit

    def release(self) -> None:
        self.drive_state = None

    def measure(self, duration: float) -> Operating:
        self.durations.append(duration)
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

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.terminals = Resistor()

    has_real_instruments = False

    def smu(self, name: str) -> Resistor:
        assert name == "smu"
        return self.terminals


class Bench2450:
    """A 2450 and its resistor."""

    def __init__(self, options: Options | None = None) -> None:
        world = BenchWorld()
        self.clock = world.clock
        self.terminals = world.terminals
        self.panel = Keithley2450Panel(cast("World", world), "smu", options=options)

    def ask(self, message: str) -> str | None:
        """Return the reply to one message, None if there is none."""
        replies = self.panel.receive(message.encode() + b"\n")
        assert len(replies) <= 1
        return replies[0].decode().removesuffix("\n") if replies else None

    def values(self, message: str) -> list[float]:
        """Return the numbers that a query answers."""
        reply = self.ask(message)
        assert reply is not None
        return [float(field) for field in reply.split(",")]

    def code(self, message: str) -> int:
        """Return the code of the first error since the last reading of the log that a message adds, 0 for none."""
        self.ask(":SYST:CLE")
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
def make_toy_panel() -> Callable[[], ToyPanel]:
    """Return what makes a toy behind a link."""
    return ToyPanel


@pytest.fixture
def panel() -> ToyPanel:
    """Return a toy behind a link."""
    return ToyPanel()


@pytest.fixture(scope="session")
def make_bench_2450() -> Callable[..., Bench2450]:
    """Return what makes a bench with a freshly switched-on 2450."""
    return Bench2450


@pytest.fixture
def bench_2450(make_bench_2450: Callable[..., Bench2450]) -> Bench2450:
    """Return a bench with a freshly switched-on 2450."""
    return make_bench_2450()
