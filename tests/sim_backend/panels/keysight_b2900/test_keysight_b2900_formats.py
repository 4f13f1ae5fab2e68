"""How the B2900A writes readings down, byte for byte, and which channels' readings it sends."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keysight_b2900_facts import Function
from sim_backend.panels.keysight_b2900_readings import ReadingFormatter
from sim_backend.panels.keysight_b2900_settings import SystemSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keysight_b2900.conftest import Bench

PLAIN = ":SENS:CURR:RANG 1E-4;:SENS:WAIT 0;:SENS2:WAIT 0;:SOUR:VOLT 0.5;:SOUR2:VOLT -1;:OUTP 1;:OUTP2 1;:MEAS? (@1,2)"


def test_ascii_elements_come_in_a_fixed_order(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:SENS:FUNC 'RES';:SYST:TIME:TIM:COUN:RES")
    assert bench.raw(":MEAS?") == (
        b"+5.000000E-01,+5.000000E-05,+1.000000E+04,+0.000000E+00,+0.000000E+00,+5.000000E-01\n"
    )
    bench.ask(":FORM:ELEM:SENS STAT,SOUR,CURR")
    assert bench.raw(":FORM:ELEM:SENS?;:MEAS?") == b"CURR,STAT,SOUR;+5.000000E-05,+0.000000E+00,+5.000000E-01\n"
    # One element can be asked for by name, whatever the format says.
    assert bench.raw(":FETC:VOLT?;:FETC:SCAL:RES?;:FETC:SOUR?") == b"+5.000000E-01;+1.000000E+04;+5.000000E-01\n"


@pytest.mark.parametrize(
    ("setup", "reply"),
    [
        ("REAL,64", b"#18" + bytes.fromhex("3fe0000000000000")),
        ("REAL,64;:FORM:BORD SWAP", b"#18" + bytes.fromhex("000000000000e03f")),
        ("REAL,32", b"#14" + bytes.fromhex("3f000000")),
        ("REAL,32;:FORM:BORD SWAP", b"#14" + bytes.fromhex("0000003f")),
        ("REAL32;:FORM:BORD NORM", b"#14" + bytes.fromhex("3f000000")),
        ("REAL", b"#18" + bytes.fromhex("3fe0000000000000")),
        ("ASC", b"+5.000000E-01"),
    ],
)
def test_formats_byte_for_byte(bench: Bench, setup: str, reply: bytes) -> None:
    """Trap: big-endian unless asked otherwise."""
    bench.ask(f"{PLAIN};:FORM {setup}")
    assert bench.raw(":MEAS:VOLT?") == reply + b"\n"


def test_what_the_format_query_answers(bench: Bench) -> None:
    for name, reply in (("REAL,64", "REAL,64"), ("REAL,32", "REAL,32"), ("REAL32", "REAL,32"), ("ASCii", "ASC")):
        assert bench.code(f":FORM:DATA {name}") == 0
        assert bench.ask(":FORM?") == reply


def test_a_block_that_a_real_b2912a_sent() -> None:
    """Captured from hardware (PyMeasure, pull request 1422): four currents, in steps of the 1 uA range."""
    step = Function.CURRENT.resolution(1e-6)
    block = b"#232\xbd\xce<\x8f\xd6\x06\xeaM\xbd\xd80s\x11\x9f!\xd7\xbd\xd9\x03\x8eC\xadH\xd0\xbd\xd9\x03\x8eC\xadH\xd0"
    formatter = ReadingFormatter(SystemSettings(50.0, data_format="REAL,64"))
    assert formatter.encode([-55 * step, -88 * step, -91 * step, -91 * step]) == block


def test_numbers_that_are_none(bench: Bench) -> None:
    """ASCII has stand-ins for them, binary has the real ones."""
    bench.ask(f":FORM:ELEM:SENS CURR,RES;:SENS:FUNC 'RES';{PLAIN.replace('1E-4', '1E-6')};:SOUR:VOLT -1;:MEAS?")
    bench.ask(":FORM REAL,64;:FORM:ELEM:SENS CURR")
    reply = bench.raw(":MEAS?")
    assert reply is not None
    assert reply[:3] == b"#18"
    assert struct.unpack(">d", reply[3:-1]) == (-math.inf,)
    bench.ask(":SENS:FUNC:OFF 'CURR'")
    for name, letter, size in (("REAL,64", "d", 8), ("REAL,32", "f", 4)):
        bench.ask(f":FORM {name}")
        reply = bench.raw(":MEAS?")
        assert reply is not None
        assert reply.startswith(b"#1%d" % size)
        assert math.isnan(struct.unpack(f">{letter}", reply[3:-1])[0])


def test_a_block_is_long_enough_for_its_header_to_grow(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:FORM REAL,64;:FORM:ELEM:SENS CURR;:SENS:CURR:APER 1E-5;:TRIG:COUN 1300")
    reply = bench.raw(":READ:ARR?")
    assert reply is not None
    assert reply[:7] == b"#510400"
    assert reply.endswith(b"\n")
    assert len(reply) == 7 + 10400 + 1
    assert set(struct.unpack(">1300d", reply[7:-1])) == {5e-5}
    assert bench.raw(":FETC:ARR:CURR?;:OUTP?") == reply[:-1] + b";1\n"


def test_channel_lists(bench: Bench) -> None:
    first, second = "+5.000000E-01", "-1.000000E+00"
    replies = {
        "": first,
        " (@1)": first,
        " (@2)": second,
        " (@1,2)": f"{first},{second}",
        " (@1:2)": f"{first},{second}",
        " (@2,1)": f"{first},{second}",
        " (@2:1)": f"{first},{second}",
        " ( @ 1 , 2 )": f"{first},{second}",
    }
    bench.ask(PLAIN)
    for query in (":MEAS:VOLT?", ":READ:VOLT?", ":READ:ARR:VOLT?"):
        for channels, reply in replies.items():
            assert bench.ask(f"{query}{channels}") == reply
            assert bench.ask(f":FETC:VOLT?{channels};:FETC:ARR:VOLT?{channels}") == f"{reply};{reply}"


def test_channel_lists_that_are_none(bench: Bench) -> None:
    codes = {
        "(@3)": -222,
        "(@0)": -222,
        "(@1:3)": -222,
        "(@1:999999999)": -222,
        "()": -171,
        "(@)": -171,
        "(1)": -171,
        "(@1;2)": -171,
        "(@1,,2)": -171,
        "(@1": -104,
        "1": -104,
        "(@1),(@2)": -108,
        "@1": -104,
    }
    assert {channels: bench.code(f":MEAS:CURR? {channels}") for channels in codes} == codes
    assert bench.ask(":OUTP?;:OUTP2?") == "0;0"


def test_channels_of_different_length_are_interleaved_and_filled(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:TRIG1:COUN 3;:TRIG2:COUN 1;:INIT (@1,2);:FORM:ELEM:SENS VOLT,SOUR")
    nothing = "+9.910000E+37,+9.910000E+37"
    first, second = "+5.000000E-01,+5.000000E-01", "-1.000000E+00,-1.000000E+00"
    assert bench.ask(":FETC:ARR? (@1,2)") == ",".join((first, second, first, nothing, first, nothing))
    assert bench.ask(":FETC? (@1,2)") == f"{first},{second}"


def test_without_data_there_is_no_number(bench: Bench) -> None:
    assert bench.ask(":FETC:CURR?;:FETC:ARR:TIME? (@2)") == "+9.910000E+37;+9.910000E+37"
    assert bench.ask(":FORM:ELEM:SENS VOLT,CURR;:FETC?;:TRAC:DATA?") == ";".join(["+9.910000E+37,+9.910000E+37"] * 2)


def test_windows_into_the_data(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:FORM:ELEM:SENS SOUR;:SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 0.1,0.2,0.3,0.4;:TRIG:COUN 4;:READ?")
    assert bench.values(":SENS:DATA?") == [0.1, 0.2, 0.3, 0.4]
    assert bench.values(":SENS:DATA? 1") == [0.2, 0.3, 0.4]
    assert bench.values(":SENS:DATA? STAR,2") == [0.1, 0.2]
    assert bench.values(":SENS:DATA? 3,100") == [0.4]
    assert bench.values(":SENS:DATA:LAT?") == [0.4]
    assert bench.ask(":SENS:DATA? CURR;DATA? 4") == "+9.910000E+37;+9.910000E+37"
    bench.ask(":SENS:DATA:CLE")
    assert bench.ask(":SENS:DATA?") == "+9.910000E+37"
    bench.ask(":SENS2:DATA:ACQ;:FORM:ELEM:SENS VOLT")
    assert bench.values(":SENS2:DATA?") == [-1.0]


def test_the_trace_buffer(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:FORM:ELEM:SENS VOLT;:TRAC:POIN 4;FEED SENS;FEED:CONT NEXT;:TRIG:COUN 3;:READ?")
    assert bench.ask(":TRAC:POIN:ACT?;:TRAC:FREE?;:TRAC:FEED:CONT?") == "3;1,4;NEXT"
    for message in (":TRAC:CLE", ":TRAC:POIN 9", ":TRAC:FEED MATH"):
        assert bench.code(message) == -221
    bench.ask(":SOUR:VOLT 0.25;:READ?")
    # It keeps readings across runs, takes no more once it is full, and says so.
    assert bench.values(":TRAC:DATA?") == [0.5, 0.5, 0.5, 0.25]
    assert bench.ask(":TRAC:POIN:ACT?;:TRAC:FREE?;:TRAC:FEED:CONT?") == "4;0,4;NEV"
    assert bench.values(":TRAC:DATA? 2,2") == [0.5, 0.25]
    bench.ask(":TRAC:CLE")
    assert bench.ask(":TRAC:POIN:ACT?;:TRAC2:POIN:ACT?;:TRAC:POIN? MAX") == "0;0;100000"


def test_times_in_the_trace_buffer(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:FORM:ELEM:SENS TIME;:TRAC:FEED:CONT NEXT;:TRIG:SOUR TIM;TIM 0.5;COUN 3;:READ?")
    assert bench.values(":TRAC:DATA?") == pytest.approx([0, 0.5, 1.0])
    bench.ask(":TRAC:TST:FORM DELT")
    assert bench.values(":TRAC:DATA?") == pytest.approx([0, 0.5, 0.5])


def test_times_start_with_each_run_unless_told_otherwise(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:READ?")
    assert bench.values(":FETC:TIME?") == [0.0]
    bench.clock.sleep(5)
    bench.ask(":READ?")
    assert bench.values(":FETC:TIME?") == [0.0]
    bench.ask(":SYST:TIME:TIM:COUN:RES:AUTO 0;:SYST:TIME:TIM:COUN:RES")
    bench.clock.sleep(5)
    assert bench.values(":READ:TIME?") == [5.0]
    assert bench.values(":SYST:TIME:TIM:COUN?") == pytest.approx([5.0], rel=1e-2)


def test_every_range_has_the_steps_of_the_data_sheet(make_bench: Callable[..., Bench]) -> None:
    for full_range, step in ((1e-8, 1e-14), (1e-6, 1e-12), (1e-3, 1e-9), (1.0, 1e-6)):
        bench = make_bench()
        bench.terminals.resistance = 1 / (full_range * 0.123456789)
        bench.ask(f":SENS:CURR:PROT 1;:SENS:CURR:RANG {full_range};:SOUR:VOLT 1;:FORM REAL,64")
        reply = bench.raw(":MEAS:CURR?")
        assert reply is not None
        steps = struct.unpack(">d", reply[3:-1])[0] / step
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert round(steps) == round(0.123456789 * full_range / step)
