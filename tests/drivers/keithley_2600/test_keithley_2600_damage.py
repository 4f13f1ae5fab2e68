"""Answers that are cut, merged, repeated, late, or have a byte wrong: each gives the right value or an error."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.keithley_2600 import Keithley2600
from drivers.tsp import TspLink
from labctl.errors import LabctlError, LinkError
from labctl.smu_data import Reading, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.conftest import FakeClock


def _cut(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    return reply[: dice.randrange(len(reply))]


def _cut_line(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    return reply[: dice.randrange(len(reply) - 1)] + b"\n"


def _beheaded(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    return reply[dice.randrange(1, len(reply)) :]


def _merged(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    return old[: dice.randrange(len(old))] + reply


def _repeated(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    return reply * dice.randrange(2, 4)


def _stale(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    return old


def _shifted(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    return old + reply


def _inserted(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(reply) + 1)
    return (
        reply[:place]
        + dice.choice([b"-", b"+", b"1", b"0", b".", b"e", b"\t", b"\n", b"\x00", b"\xff"])
        + reply[place:]
    )


def _deleted(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(reply))
    return reply[:place] + reply[place + 1 :]


def _replaced(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(reply))
    return reply[:place] + bytes([reply[place] ^ (1 << dice.randrange(8))]) + reply[place + 1 :]


def _swapped(reply: bytes, old: bytes, dice: random.Random) -> bytes:
    first, second = sorted(dice.sample(range(len(reply)), 2))
    middle = reply[first + 1 : second]
    return reply[:first] + reply[second : second + 1] + middle + reply[first : first + 1] + reply[second + 1 :]


DAMAGES = (
    _cut,
    _cut_line,
    _beheaded,
    _merged,
    _repeated,
    _stale,
    _shifted,
    _inserted,
    _deleted,
    _replaced,
    _swapped,
)


SETUP = SourceSetup(voltage=2.0, current_limit=1e-3)


@dataclass
class Point:
    """What the instrument would measure."""

    current: float
    voltage: float
    time: float
    status: int


class DamagedWire:
    """An instrument that answers from its settings, and whose answers to chosen queries are damaged on the way."""

    timeout = 3000.0

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.damage: Callable[[bytes, bytes, random.Random], bytes] | None = None
        self.output = b""
        self.old = b"<1000>\t1.0\t<1000>\t1.0\n"
        self.point = Point(0.0, 0.0, 0.0, 0)
        self.points: list[Point] = []
        self.settings: dict[str, str] = {"localnode.model": "2636B", "smua.measure.autorangei": "1"}

    def answers(self, expressions: str) -> str:
        """Return what the expressions of a query evaluate to."""
        if expressions.startswith("labctl_time"):
            point = self.point
            numbers = (point.time, point.current, point.voltage, float(point.status))
            limited = "true" if point.status & 0x40 else "false"
            return "\t".join([*(f"{number:.9e}" for number in numbers), limited, "1.000000000e+00"])
        if expressions.startswith("smua.nvbuffer1.n,"):
            return f"{len(self.points):.9e}\t{len(self.points):.9e}"
        return self.settings.get(expressions, "0.000000000e+00")

    def write_raw(self, message: bytes) -> int:
        line = message.decode("ascii").rstrip("\n")
        reply = b""
        if match := re.fullmatch(r'print\("(<\d+>)", (.*), "\1", \2\)', line):
            half = f"{match[1]}\t{self.answers(match[2])}"
            reply = f"{half}\t{half}\n".encode()
            if self.damage is not None and "labctl_time" in line:
                reply, self.old = self.damage(reply, self.old, self.dice), reply
                self.damage = None
        elif match := re.fullmatch(r'print\("(<\d+>)"\) printbuffer\(.*', line):
            rows = [(point.current, point.voltage, point.time, float(point.status)) * 2 for point in self.points]
            reply = f"{match[1]}\n#0".encode() + np.array(rows, "<f8").tobytes() + b"\n"
            if self.damage is not None:
                reply, self.old = self.damage(reply, self.old, self.dice), reply
                self.damage = None
        elif match := re.fullmatch(r'print\("(\d+;\d+)"\)', line):
            reply = match[1].encode() + b"\n"
        elif match := re.fullmatch(r"(?:if smua then )?([\w.]+) = (?:(?:smua|format)\.)?([\w.+-]+)(?: end)?", line):
            names = {"OUTPUT_DCVOLTS": "1", "OUTPUT_ON": "1", "AUTORANGE_ON": "1", "AUTOZERO_AUTO": "2"}
            names |= {"DELAY_AUTO": "-1", "ASCII": "1", "REAL64": "3", "LITTLEENDIAN": "1"}
            value = names.get(match[2], match[2])
            self.settings[match[1]] = value if value[-1].isdigit() else "0"
        self.output += reply
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
        self.output = b""


def random_point(dice: random.Random, time: float) -> Point:
    """Return any reading; special numbers included."""
    current = dice.choice([dice.uniform(-1.0, 1.0) * 10.0 ** dice.randrange(-12, 0), 0.0, 9.91e37, -9.91e37])
    return Point(float(f"{current:.9e}"), float(f"{dice.uniform(-2.0, 2.0):.9e}"), time, dice.choice([0, 0x10, 0x44]))


def same(reading: Reading, point: Point, start: float) -> bool:
    """Return whether a reading says what the instrument measured."""
    overrange = abs(point.current) > 9e37
    right_current = reading.overrange if overrange else reading.current == point.current
    return (
        right_current
        and reading.overrange == overrange
        and reading.voltage == point.voltage
        and reading.time == point.time - start
        and reading.in_compliance == bool(point.status & 0x40)
    )


def configured(wire: DamagedWire, clock: FakeClock) -> Keithley2600:
    smu = Keithley2600(TspLink(lambda: wire, "smu", "TCPIP0::bench::5025::SOCKET", "smua"), clock)
    smu.configure(SETUP)
    smu.output_on()
    return smu


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_reading_is_the_right_one_or_an_error(
    damage: Callable[[bytes, bytes, random.Random], bytes], clock: FakeClock
) -> None:
    wire = DamagedWire(random.Random(2600))
    smu = configured(wire, clock)
    smu.measure()
    right = 0
    for number in range(2000):
        wire.point = random_point(wire.dice, 1.0 + number)
        wire.damage = damage
        try:
            reading = smu.measure()
        except LabctlError:
            pass
        else:
            assert same(reading, wire.point, 0.0)
            right += 1
        # The next one is never the one before; what is left of this one may spoil it.
        wire.damage = None
        wire.point = random_point(wire.dice, 1.5 + number)
        with suppress(LinkError):
            assert same(smu.measure(), wire.point, 0.0)
        assert same(smu.measure(), wire.point, 0.0)
    if damage in (_repeated, _shifted):
        assert right == 2000


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_sweep_is_the_right_one_or_an_error(
    damage: Callable[[bytes, bytes, random.Random], bytes], clock: FakeClock
) -> None:
    wire = DamagedWire(random.Random(2601))
    smu = configured(wire, clock)
    for _ in range(300):
        wire.points = [random_point(wire.dice, 0.01 * index) for index in range(5)]
        wire.damage = damage
        try:
            readings = smu.sweep([0.1] * 5)
        except LabctlError:
            smu.configure(SETUP)
            smu.output_on()
        else:
            assert all(same(reading, point, 0.0) for reading, point in zip(readings, wire.points, strict=True))
