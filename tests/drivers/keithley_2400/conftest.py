"""A scripted 2400: it remembers what is set, answers from that, and refuses, changes or damages what a test says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.keithley_2400 import Keithley2400
from drivers.keithley_2400_link import TOKEN
from drivers.scpi import ScpiLink
from labctl.smu_data import SourceSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.conftest import FakeClock

GOOD = 1 << 11 | 1 << 12 | 1 << 14
DEFAULTS = {
    ":SOUR:VOLT:MODE": "FIX",
    ":SOUR:VOLT": "0.000000E+00",
    ":SENS:CURR:PROT": "1.050000E-04",
    ":OUTP": "0",
    ":OUTP:ENAB": "0",
    ":OUTP:ENAB:TRIP": "1",
    ":FORM": "ASC",
    ":FORM:BORD": "NORM",
    ":TRIG:COUN": "1",
    ":ROUT:TERM": "FRON",
}


class Scripted2400:
    """A channel with a simple-minded 2400 behind it."""

    timeout = 3000.0

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.settings = dict(DEFAULTS)
        self.output = b""
        self.errors: list[str] = []
        self.time = 0.0
        self.levels: list[str] = []
        self.stored: list[tuple[float, float, float, float]] = []
        self.status = GOOD
        self.current: float | None = None
        """What is measured whatever the level; None for a resistor of 1 kOhm."""
        self.held: dict[str, str] = {}
        """Settings that stay as they are, by header."""
        self.damage: Callable[[str, bytes], bytes] = lambda line, reply: reply
        self.on_line: Callable[[str], None] = lambda line: None
        self.connections = 0

    def connect(self) -> Scripted2400:
        """Open it: what it had to say is gone."""
        self.connections += 1
        self.output = b""
        return self

    def write_raw(self, message: bytes) -> int:
        assert message.endswith(b"\n")
        line = message.decode("ascii").rstrip("\r\n")
        # Transcripts leave out the numbers that tell answers of the error queue from older ones.
        self.lines.append(re.sub(r"^\*ESE \d+;\*ESE\?;(?=:SYST:ERR)", "", line))
        self.on_line(line)
        answers = [answer for part in line.split(";") if (answer := self._do(part)) is not None]
        if answers:
            self.output += self.damage(line, b";".join(answers) + b"\n")
        return len(message)

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

    def _do(self, part: str) -> bytes | None:
        header, _, value = part.partition(" ")
        match header:
            case ":READ?" if self.settings[":OUTP"] == "0":
                self.errors.append('803,"Not permitted with OUTPUT off"')
                return None
            case ":READ?" | ":INIT":
                self._trigger()
                return self._stored() if header == ":READ?" else None
            case ":FETC?":
                return self._stored()
            case ":SYST:ERR?":
                return (self.errors.pop(0) if self.errors else '0,"No error"').encode()
            case ":SYST:TIME?":
                return f"{self.time:+.6E}".encode()
            case ":SOUR:LIST:VOLT:POIN?":
                return str(len(self.levels)).encode()
            case ":SOUR:LIST:VOLT" | ":SOUR:LIST:VOLT:APP":
                self.levels = [*(self.levels if header.endswith("APP") else ()), *value.split(",")]
            case "*OPC?":
                return b"1"
            case "*RST":
                self.settings = dict(DEFAULTS)
            case _ if header.endswith("?"):
                return self.settings[header[:-1]].encode()
            case _:
                self.settings[header] = self.held.get(header, value)
        return None

    def _trigger(self) -> None:
        listed = self.settings[":SOUR:VOLT:MODE"] == "LIST"
        levels = self.levels if listed else [self.settings[":SOUR:VOLT"]]
        assert int(self.settings[":TRIG:COUN"]) == len(levels)
        self.stored = []
        for level in map(float, levels):
            self.time += 0.02
            current = level / 1000 if self.current is None else self.current
            self.stored.append((level, current, self.time, self.status))

    def _stored(self) -> bytes:
        if self.settings[":FORM"] != "ASC":
            order = ">f4" if self.settings[":FORM:BORD"] == "NORM" else "<f4"
            return b"#0" + np.array(self.stored, order).tobytes()
        return ",".join(f"{value:+.6E}" for row in self.stored for value in row).encode()


@pytest.fixture
def instrument() -> Scripted2400:
    return Scripted2400()


@pytest.fixture
def smu(instrument: Scripted2400, clock: FakeClock) -> Keithley2400:
    """A 2400 on GPIB of which nothing is known yet."""
    return Keithley2400(ScpiLink(instrument.connect, "smu", "GPIB0::24::INSTR", "\n", TOKEN), clock)


@pytest.fixture
def ready(smu: Keithley2400, instrument: Scripted2400) -> Keithley2400:
    """A 2400 configured for 2 V and 15 mA, its output on, nothing in its log."""
    smu.configure(SourceSetup(voltage=1.3, current_limit=0.015, nplc=0.1, current_range=0.01))
    smu.output_on()
    instrument.lines.clear()
    return smu


@pytest.fixture
def serial(instrument: Scripted2400, clock: FakeClock) -> Keithley2400:
    """The same on a serial line of 9600 baud."""
    link = ScpiLink(instrument.connect, "smu", "ASRL/dev/ttyUSB0::INSTR", "\r\n", TOKEN)
    smu = Keithley2400(link, clock, byte_time=10 / 9600)
    smu.configure(SourceSetup(voltage=1.3, current_limit=0.015, nplc=0.1, current_range=0.01))
    smu.output_on()
    instrument.lines.clear()
    return smu
