"""The Keysight B2900 driver and damaged answers: the right value or an error, never a wrong number."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.keysight_b2900_readings import parse_measurement, parse_table
from drivers.keysight_b2900_sweep import fetch
from drivers.scpi import ScpiLink
from labctl.errors import LinkError

ADDRESS = "USB0::0x0957::0x8E18::MY51143197::0::INSTR"
MEASURE = "*ESE 1;:MEAS? (@1);:OUTP1?;*ESE?"
FETCH = ":FETC:ARR? (@1)"
READING = "+2.000012E-01,+7.143000E-05,+1.250000E+00,+0.000000E+00,+2.000000E-01;1;1"


def damaged(data: bytes, kind: str, place: int, byte: int) -> bytes:
    """Return `data` damaged in one of the ways in which links damage what they carry."""
    place %= len(data)
    match kind:
        case "cut":
            return data[:place]
        case "shifted":
            return data[1 + place :]
        case "lost":
            return data[:place] + data[place + 1 :]
        case "foreign":
            return data[:place] + bytes([byte]) + data[place:]
        case "replaced":
            return data[:place] + bytes([byte]) + data[place + 1 :]
        case "repeated":
            return data[:place] + data
        case _:
            return data[: -(place % 2) or None] + data


DAMAGES = ("cut", "shifted", "lost", "foreign", "repeated", "merged")
NOT_DIGITS = st.integers(0, 255).filter(lambda byte: bytes([byte]) not in b"0123456789+-")


class OneReply:
    """A channel that answers every query with the same bytes, tokens aside."""

    timeout = 3000.0

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._output = b""

    def write_raw(self, message: bytes) -> int:
        line = message.decode().strip()
        if re.fullmatch(r"\*ESE \d+;\*ESE\?;.+", line):
            numbers = line.replace(";", " ").split(" ")
            self._output = f"{numbers[1]};{numbers[4]}\n".encode()
        elif line == "*ESE 99;*ESE?":
            self._output += b"99\n"
        elif "?" in line:
            self._output += self._reply
        return len(message)

    def read_raw(self) -> bytes:
        line, end, self._output = self._output.partition(b"\n")
        if not end:
            raise TimeoutError("timed out")
        return line + end

    def read_bytes(self, count: int) -> bytes:
        data, self._output = self._output[:count], self._output[count:]
        if len(data) < count:
            raise TimeoutError("timed out")
        return data

    def close(self) -> None:
        pass


def link(reply: bytes) -> ScpiLink:
    return ScpiLink(lambda: OneReply(reply), "smu", ADDRESS)


NUMBERS = st.builds("{:+.6f}E{:+03d}".format, st.floats(-9.99, 9.99), st.integers(-15, 3))
FIELDS = st.tuples(NUMBERS, NUMBERS, NUMBERS, st.sampled_from([0, 2, 8192]))


@settings(max_examples=200, deadline=None)
@given(FIELDS, st.sampled_from(DAMAGES), st.integers(0, 255))
def test_a_damaged_measurement_is_never_a_wrong_number(fields: tuple[str, str, str, int], kind: str, byte: int) -> None:
    voltage, current, time, status = fields
    reply = f"{voltage},{current},{time},{status:+.6E},+2.000000E-01;1;1"
    whole = parse_measurement(reply, 1)
    for place in range(len(reply) + 1):
        try:
            found = parse_measurement(link(damaged(reply.encode() + b"\n", kind, place, byte)).query(MEASURE), 1)
        except (LinkError, ValueError):
            continue
        assert found == whole


@settings(max_examples=200, deadline=None)
@given(NOT_DIGITS)
def test_a_byte_that_does_not_belong_is_never_a_wrong_number(byte: int) -> None:
    whole = parse_measurement(READING, 1)
    for place in range(len(READING)):
        try:
            line = link(damaged(READING.encode() + b"\n", "replaced", place, byte)).query(MEASURE)
            found = parse_measurement(line, 1)
        except (LinkError, ValueError):
            continue
        assert found == whole


TABLES = st.integers(1, 3).flatmap(
    lambda count: st.tuples(st.just(count), st.lists(st.floats(-1e3, 1e3), min_size=3 * count, max_size=3 * count))
)


@settings(max_examples=200, deadline=None)
@given(TABLES, st.sampled_from(DAMAGES), st.integers(0, 255))
def test_a_damaged_block_is_never_a_wrong_number(table: tuple[int, list[float]], kind: str, byte: int) -> None:
    count, values = table
    rows = np.zeros((count, 5))
    rows[:, :3] = np.reshape(values, (count, 3))
    data = rows.astype(">f8").tobytes()
    length = str(len(data))
    block = f"#{len(length)}{length}".encode() + data + b"\n"
    whole = parse_table(rows)
    for place in range(len(block)):
        try:
            found = fetch(link(damaged(block, kind, place, byte)), FETCH, count)
        except LinkError:
            continue
        assert found == whole
