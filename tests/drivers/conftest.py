"""Two instruments in memory: one that expects lines in order, and one that answers them by a function."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.keithley_2450 import Keithley2450
from drivers.scpi import ScpiLink
from labctl.errors import LinkError
from labctl.smu_data import SourceSetup

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

TAG = re.compile(r"\*ESE (\d+);\*ESE\?;(?!\*ESE)")
"""What stands before a query whose answer must begin with a number; transcripts leave both out."""
BARE_TOKEN = re.compile(r"\*ESE (\d+);\*ESE\?;\*ESE (\d+);\*ESE\?")
Answer = bytes | BaseException | None
SHUT_DOWN = (":ABOR", ":ABOR", ":SOUR:VOLT 0", ":OUTP 0")


class Wire:
    """A channel whose traffic is written down beforehand."""

    timeout = 3000.0

    def __init__(self) -> None:
        self.expected: list[tuple[str, bytes | None]] = []
        self.output = b""
        self.settings: dict[str, str] | None = None

    def say(self, *lines: str) -> None:
        """Expect lines of a transcript: "command", or "query -> answer"."""
        for line in lines:
            sent, arrow, reply = line.partition(" -> ")
            self.say_bytes(sent, reply.encode("ascii") + b"\n" if arrow else None)

    def say_bytes(self, sent: str, reply: bytes | None) -> None:
        """Expect a line and answer it with any bytes, or not at all."""
        self.expected.append((sent, reply))

    def say_token(self, first: int, answered: bool = True) -> None:
        """Expect one of the two exchanges that synchronise a link."""
        answer = f"{first};{first + 1}\n".encode() if answered else None
        self.say_bytes(f"*ESE {first};*ESE?;*ESE {first + 1};*ESE?", answer)

    def say_safe(self, first: int, output: str = "0") -> None:
        """Expect what makes the instrument safe; `first` is the first token's number."""
        self.say(*SHUT_DOWN)
        self.say_token(first)
        self.say_token(first + 2)
        self.say(f":OUTP? -> {output}")

    def write_raw(self, message: bytes) -> int:
        assert message.endswith(b"\n")
        line = message.decode("ascii")[:-1]
        if self.settings is not None:
            self._remember(line, self.settings)
            return len(message)
        assert self.expected, f"{line!r} was not expected"
        sent, reply = self.expected.pop(0)
        if (tagged := TAG.match(line)) is not None and TAG.match(sent) is None:
            line, reply = line[tagged.end() :], f"{tagged[1]};".encode() + (reply or b"")
        assert line == sent
        self.output += reply or b""
        return len(message)

    def _remember(self, line: str, settings: dict[str, str]) -> None:
        """Answer a query with what was set last; for a driver that has to be configured before the test begins."""
        if (tagged := TAG.match(line)) is not None:
            self.output += f"{tagged[1]};".encode()
            line = line[tagged.end() :]
        name, _, value = line.partition(" ")
        if line.startswith("*ESE"):
            numbers = line.replace(";", " ").split(" ")
            self.output += f"{numbers[1]};{numbers[4]}\n".encode()
        elif name.endswith("?"):
            self.output += settings[name[:-1]].encode() + b"\n"
        else:
            settings[name] = value

    def read_raw(self) -> bytes:
        line, end, self.output = self.output.partition(b"\n")
        if not end:
            raise VisaIOError(StatusCode.error_timeout)
        return line + end

    def read_bytes(self, count: int) -> bytes:
        data, self.output = self.output[:count], self.output[count:]
        if len(data) < count:
            raise VisaIOError(StatusCode.error_timeout)
        return data

    def close(self) -> None:
        pass


class AnsweringInstrument:
    """Answers lines through `answer`; what is not read stays in its output, also for the next connection.

    `late` is put out before the next line is answered.
    """

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.answer: Callable[[str], Answer] = answer
        self.sent: list[str] = []
        self.pending = b""
        self.late = b""
        self.opened = 0
        self.plugged = True
        self.gap = ""
        self.timeout = 5000.0

    def connect(self) -> AnsweringInstrument:
        if not self.plugged:
            raise LinkError("cannot open it")
        self.opened += 1
        self.timeout = 5000.0
        return self

    def write_raw(self, message: bytes) -> int:
        assert message.endswith(b"\n")
        line = message.decode("ascii")[:-1]
        self.sent.append(line)
        self.pending += self.late
        self.late = b""
        token = BARE_TOKEN.fullmatch(line)
        reply = self.answer(line) if token is None else f"{token[1]};{self.gap}{token[2]}\n".encode()
        if isinstance(reply, BaseException):
            raise reply
        self.pending += reply or b""
        return len(message)

    def read_raw(self) -> bytes:
        line, end, self.pending = self.pending.partition(b"\n")
        if not end:
            raise VisaIOError(StatusCode.error_timeout)
        return line + end

    def read_bytes(self, count: int) -> bytes:
        data, self.pending = self.pending[:count], self.pending[count:]
        if len(data) < count:
            raise VisaIOError(StatusCode.error_timeout)
        return data

    def close(self) -> None:
        pass

    @property
    def commands(self) -> list[str]:
        """What was sent apart from tokens."""
        return [line for line in self.sent if BARE_TOKEN.fullmatch(line) is None]


class Timer:
    """What `every` of a clock returns."""

    def cancel(self) -> None:
        pass


class FakeClock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, duration: float) -> None:
        self.time += duration

    def every(self, period: float, action: Callable[[], None]) -> Timer:
        return Timer()


@pytest.fixture
def wire() -> Generator[Wire]:
    wire = Wire()
    yield wire
    assert wire.expected == []
    assert wire.output == b""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def smu(wire: Wire, clock: FakeClock) -> Keithley2450:
    """A 2450 of which nothing is known yet."""
    return Keithley2450(ScpiLink(lambda: wire, "smu", "TCPIP0::bench::5025::SOCKET"), clock)


@pytest.fixture
def ready(smu: Keithley2450, wire: Wire) -> Keithley2450:
    """A 2450 configured for 2 V and 15 mA; tokens up to 104 are used up."""
    wire.settings = {"*LANG": "SCPI", "*OPC": "1", ":SYST:ERR": '0,"No error;0;0 0"', ":ROUT:TERM": "FRON"}
    smu.configure(SourceSetup(voltage=1.3, current_limit=0.015))
    wire.settings = None
    return smu


class Linked(Protocol):
    """What the fixture `linked` is."""

    def __call__(self, answer: Callable[[str], Answer]) -> tuple[AnsweringInstrument, ScpiLink]:
        """Return an instrument that answers so, and a link to it."""
        ...


@pytest.fixture
def linked() -> Linked:
    def call(answer: Callable[[str], Answer]) -> tuple[AnsweringInstrument, ScpiLink]:
        instrument = AnsweringInstrument(answer)
        return instrument, ScpiLink(instrument.connect, "smu", "TCPIP0::bench::5025::SOCKET")

    return call
