"""A scripted 2600B: a channel that expects lines in order, and fails the test that leaves one over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.keithley_2600 import SHUT_DOWN, Keithley2600
from drivers.tsp import TspLink
from labctl.smu_data import SourceSetup

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.drivers.conftest import FakeClock

ADDRESS = "TCPIP0::bench::5025::SOCKET"
NUMBERS = {
    "OUTPUT_DCVOLTS": "1",
    "OUTPUT_DCAMPS": "0",
    "OUTPUT_OFF": "0",
    "OUTPUT_ON": "1",
    "OUTPUT_NORMAL": "0",
    "OUTPUT_ZERO": "1",
    "OUTPUT_HIGH_Z": "2",
    "AUTORANGE_OFF": "0",
    "AUTORANGE_ON": "1",
    "SENSE_LOCAL": "0",
    "SENSE_REMOTE": "1",
    "AUTOZERO_AUTO": "2",
    "DELAY_AUTO": "-1",
    "OE_NONE": "0",
    "OE_OUTPUT_OFF": "1",
    "ASCII": "1",
    "REAL64": "3",
    "LITTLEENDIAN": "1",
}
_PRINT = re.compile(r'print\("<(\d+)>", (.*), "<\1>", \2\)')
_TOKEN = re.compile(r'print\("(\d+);(\d+)"\)')


class TspWire:
    """A channel whose traffic is written down beforehand, or answered from what was set last."""

    timeout = 3000.0

    def __init__(self) -> None:
        self.expected: list[tuple[str, bytes | None]] = []
        self.sent: list[str] = []
        self.output = b""
        self.tag = 1000
        self.token = 101
        self.settings: dict[str, str] | None = None
        self.connections = 0

    def connect(self) -> TspWire:
        self.connections += 1
        return self

    def say(self, *lines: str) -> None:
        """Expect lines of a transcript: "command", or "expressions -> answer" for a numbered query."""
        for line in lines:
            sent, arrow, reply = line.partition(" -> ")
            if not arrow:
                self.say_bytes(sent, None)
                continue
            tag = f"<{self.next_tag()}>"
            half = tag + "\t" + reply.replace(" ", "\t")
            self.say_bytes(f'print("{tag}", {sent}, "{tag}", {sent})', f"{half}\t{half}\n".encode())

    def next_tag(self) -> int:
        self.tag += 1
        return self.tag - 1

    def say_bytes(self, sent: str, reply: bytes | None) -> None:
        """Expect a line and answer it with any bytes, or not at all."""
        self.expected.append((sent, reply))

    def say_block(self, call: str, data: bytes) -> None:
        """Expect a numbered block query, and answer it with a `#0` block."""
        tag = f"<{self.next_tag()}>"
        self.say_bytes(f'print("{tag}") {call}', f"{tag}\n#0".encode() + data + b"\n")

    def say_sync(self, *first: str, answered: bool = True) -> None:
        """Expect commands and the two tokens that synchronise a link; only the first one if it is not answered."""
        self.say(*first)
        for _ in range(2 if answered else 1):
            pair = f"{self.token};{self.token + 1}"
            self.token += 2
            self.say_bytes(f'print("{pair}")', f"{pair}\n".encode() if answered else None)

    def say_shut_down(self, smu: str = "smua") -> None:
        """Expect what switches the channel off."""
        self.say_sync("abort", "abort", *(line.replace("smuX", smu) for line in SHUT_DOWN))

    def say_safe(self, output: str = "0.0") -> None:
        """Expect what makes the instrument safe."""
        self.say_shut_down()
        self.say(f"smua.source.output -> {output}")

    def say_errors(self, *errors: str) -> None:
        """Expect the error queue to be emptied; each error is "code text"."""
        self.say(f"errorqueue.count -> {len(errors):.5e}")
        for error in errors:
            code, _, text = error.partition(" ")
            self.say("labctl_code, labctl_text = errorqueue.next()")
            tag = f"<{self.next_tag()}>"
            asked, half = f'"{tag}", labctl_code, labctl_text', f"{tag}\t{float(code):.5e}\t{text}"
            self.say_bytes(f"print({asked}, {asked})", f"{half}\t{half}\n".encode())

    def write_raw(self, message: bytes) -> int:
        assert message.endswith(b"\n")
        line = message.decode("ascii")[:-1]
        self.sent.append(line)
        if self.settings is not None:
            self._remember(line, self.settings)
            return len(message)
        assert self.expected, f"{line!r} was not expected"
        sent, reply = self.expected.pop(0)
        assert line == sent
        self.output += reply or b""
        return len(message)

    def _remember(self, line: str, settings: dict[str, str]) -> None:
        """Answer a query with what was set last."""
        if match := _PRINT.fullmatch(line):
            values = "\t".join(settings[name] for name in match[2].split(", "))
            half = f"<{match[1]}>\t{values}"
            self.output += f"{half}\t{half}\n".encode()
            self.tag = int(match[1]) + 1
        elif match := _TOKEN.fullmatch(line):
            self.output += f"{match[1]};{match[2]}\n".encode()
            self.token = int(match[2]) + 1
        elif match := re.fullmatch(r"([\w.]+) = ([\w.+-]+)", line):
            value = match[2].rpartition(".")[2] if match[2][0].isalpha() else match[2]
            settings[match[1]] = NUMBERS.get(value, value)
            if match[1].endswith(".measure.rangei"):
                settings["smua.measure.autorangei"] = "0"

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


@pytest.fixture
def tsp() -> Generator[TspWire]:
    wire = TspWire()
    yield wire
    assert wire.expected == []
    assert wire.output == b""


@pytest.fixture
def link(tsp: TspWire) -> TspLink:
    return TspLink(tsp.connect, "smu", ADDRESS, "smua")


@pytest.fixture
def new_smu(tsp: TspWire, clock: FakeClock) -> Callable[..., Keithley2600]:
    """Makes a 2600B of which nothing is known yet."""

    def make(smu: str = "smua", interlock: bool = False) -> Keithley2600:
        return Keithley2600(TspLink(tsp.connect, "smu", ADDRESS, smu), clock, interlock)

    return make


@pytest.fixture
def smu(new_smu: Callable[..., Keithley2600]) -> Keithley2600:
    """Channel a of a 2600B of which nothing is known yet."""
    return new_smu()


@pytest.fixture
def ready(smu: Keithley2600, tsp: TspWire) -> Keithley2600:
    """Channel a of a 2636B, configured for 2 V and 15 mA, output off."""
    tsp.settings = {"localnode.model": "2636B", "smua.source.output": "0", "errorqueue.count": "0.00000e+00"}
    smu.configure(SourceSetup(voltage=1.3, current_limit=0.015))
    tsp.settings = None
    tsp.sent.clear()
    return smu
