"""The Keysight B2900 driver, byte by byte: single readings and sweeps."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drivers.keysight_b2900 import KeysightB2900, KeysightB2900Settings
from drivers.keysight_b2900_readings import MeasurementStatus, parse_table
from drivers.scpi import ScpiLink
from labctl.errors import LinkError, RefusedError, SettingError, TrippedError
from labctl.smu_data import Reading, SourceSetup

if TYPE_CHECKING:
    from tests.drivers.conftest import FakeClock, Wire

ADDRESS = "USB0::0x0957::0x8E18::MY51143197::0::INSTR"
IDENTITY = "Keysight Technologies,B2912A,MY1,3.4.2011.5100"
NO_ERROR = '+0,"No error"'
MEASURE = "*ESE 1;:MEAS? (@1);:OUTP1?;*ESE?"
AGAIN = "*ESE 2;:MEAS? (@1);:OUTP1?;*ESE?"
SHUT_DOWN = (":ABOR (@1)", ":ABOR (@1)", ":SOUR1:VOLT 0", ":OUTP1 0")
READING = "+2.000012E-01,+7.143000E-05,+1.250000E+00,+0.000000E+00,+2.000000E-01;1;1"
NAN = "+9.910000E+37"


def text(voltage: str, current: str, status: int, time: str = "+1.250000E+00", output: int = 1, token: int = 1) -> str:
    """Return what the instrument says of a measurement at 0.2 V."""
    return f"{voltage},{current},{time},{status:+.6E},+2.000000E-01;{output};{token}"


@pytest.fixture
def ready(wire: Wire, clock: FakeClock) -> KeysightB2900:
    """Channel 1 configured for 2 V and 15 mA, sourcing 0.2 V; tokens up to 104 are used up."""
    entry = KeysightB2900Settings(driver="keysight-b2900", address=ADDRESS)
    smu = KeysightB2900(ScpiLink(lambda: wire, "smu", ADDRESS), clock, entry)
    wire.settings = {"*IDN": IDENTITY, "*OPC": "1", ":SYST:ERR": NO_ERROR}
    smu.configure(SourceSetup(voltage=1.3, current_limit=0.015))
    smu.source(0.2)
    wire.settings = None
    return smu


def test_a_reading_carries_voltage_and_current(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(f"{MEASURE} -> {READING}")
    assert ready.measure() == Reading(0.2000012, 7.143e-5, 0.0)
    wire.say(f"{AGAIN} -> {text('+1.999988E-01', '-7.143000E-05', 0, time='+3.500000E+00', token=2)}")
    assert ready.measure() == Reading(0.1999988, -7.143e-5, 2.25)


@pytest.mark.parametrize("status", [2, 4, 6, 8, 16, 2 + 65536])
def test_any_kind_of_compliance_is_compliance(ready: KeysightB2900, wire: Wire, status: int) -> None:
    wire.say(f"{MEASURE} -> {text('+1.2E-01', '+1.5E-02', 0).replace('+0.000000E+00', f'{status:+.6E}')}")
    with pytest.raises(LinkError):  # numbers of another length than the rest are damaged ones
        ready.measure()
    wire.say_token(105)
    wire.say_token(107)
    wire.say(f"*IDN? -> {IDENTITY}")
    wire.say(f"{AGAIN} -> {text('+1.200000E-01', '+1.500000E-02', status, token=2)}")
    reading = ready.measure()
    assert reading.in_compliance
    assert not reading.overrange


@pytest.mark.parametrize("overflow", ["+9.900000E+37", "-9.900000E+37"])
@pytest.mark.parametrize("status", [0, 8192])
def test_an_overrange_of_either_sign_is_never_a_number(
    ready: KeysightB2900, wire: Wire, overflow: str, status: int
) -> None:
    wire.say(f"{MEASURE} -> {text('+2.000000E-01', overflow, status)}")
    reading = ready.measure()
    assert reading.overrange
    assert math.isnan(reading.current)
    assert reading.voltage == 0.2


def test_an_overflow_bit_alone_makes_the_current_no_number(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(f"{MEASURE} -> {text('+2.000000E-01', '+1.050000E-04', 8192)}")
    reading = ready.measure()
    assert reading.overrange
    assert math.isnan(reading.current)


def test_a_voltage_overrange_leaves_the_current_alone(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(f"{MEASURE} -> {text('-9.900000E+37', '+1.050000E-04', 8192)}")
    reading = ready.measure()
    assert not reading.overrange
    assert reading.current == 1.05e-4
    assert math.isnan(reading.voltage)


def test_no_reading_is_an_error(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(f"{MEASURE} -> {text('+2.000000E-01', NAN, 0)}")
    with pytest.raises(RefusedError, match="no reading"):
        ready.measure()


@pytest.mark.parametrize(
    ("status", "output", "cause"), [(0, 0, "output was off"), (32, 1, "too hot"), (1, 1, "current source")]
)
def test_what_trips_is_told(ready: KeysightB2900, wire: Wire, status: int, output: int, cause: str) -> None:
    wire.say(f"{MEASURE} -> {text('+0.000000E+00', '+1.000000E-12', status, output=output)}")
    with pytest.raises(TrippedError, match=cause):
        ready.measure()


def test_a_level_that_is_not_ours_is_told(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(f"{MEASURE} -> {READING.replace('+2.000000E-01;', '+3.000000E-01;')}")
    with pytest.raises(LinkError, match=r"was answered with .*, but the source was set to 0\.2 V"):
        ready.measure()


def test_an_older_answer_is_not_a_reading(ready: KeysightB2900, wire: Wire) -> None:
    wire.say_bytes(MEASURE, 2 * f"{READING}\n".encode())
    ready.measure()
    wire.say_bytes(AGAIN, None)
    with pytest.raises(LinkError, match="was answered with"):
        ready.measure()


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "1",
        READING[:-2],
        READING[:-1] + "2",
        READING[:-3] + "2;1",
        READING + ";1",
        READING.replace(",", ";", 1),
        READING.replace("+7", "7"),
        READING.replace("+7.143000E-05", "nan"),
        READING.replace("+7.143000E-05", "+7,143000E-05"),
        READING.replace("+0.000000E+00", "-1.000000E+00"),
        READING.replace("+0.000000E+00", "+5.000000E-01"),
        READING.replace("+0.000000E+00", "+9.910000E+37"),
        READING.replace("+1.250000E+00", "+9.900000E+37"),
        READING.replace("+0.000000E+00", "+3.000000E+06"),
    ],
)
def test_garbage_is_not_a_reading(ready: KeysightB2900, wire: Wire, reply: str) -> None:
    wire.say(f"{MEASURE} -> {reply}")
    with pytest.raises(LinkError, match=re.escape(f"{MEASURE!r} was answered with")):
        ready.measure()


def test_trap_binary_speaks_of_what_was_not_measured_in_ieee_words() -> None:
    rows = np.array([[0.1, np.inf, 0.0, 0.0, 0.1], [0.1, -np.inf, 0.0, 8192.0, 0.1], [np.nan, 1e-6, 0.0, 2.0, 0.1]])
    high, low, unmeasured = parse_table(rows)
    assert high.overrange
    assert low.overrange
    assert unmeasured.status is MeasurementStatus(2)
    assert unmeasured.in_compliance
    assert math.isnan(unmeasured.voltage)


LEVELS = [0.0, 0.5, -1.0]
LOAD = (
    ":SOUR1:LIST:VOLT 0,0.5,-1",
    ":SOUR1:VOLT:MODE LIST",
    ":TRIG1:TRAN:SOUR AINT",
    ":TRIG1:ACQ:SOUR AINT",
    ":TRIG1:TRAN:COUN 3",
    ":TRIG1:ACQ:COUN 3",
    ":TRIG1:TRAN:DEL 0",
    ":TRIG1:ACQ:DEL 0.01",
    ":FORM REAL,64",
)
POINTS = ":SOUR1:LIST:VOLT:POIN?"
START = ("*CLS", ":INIT (@1)")
DONE = "*OPC;*ESR?"
FETCH = ":FETC:ARR? (@1)"
ROWS = [(0.0, 1e-12, 7.0, 0.0, 0.0), (0.1, 1.5e-2, 7.02, 2.0, 0.5), (-1.0, -math.inf, 7.04, 8192.0, -1.0)]


def say_load(wire: Wire, lines: tuple[str, ...] = LOAD, points: int = 3) -> None:
    """Expect a sweep to be loaded, read back and started."""
    wire.say(":OUTP1? -> 1", *lines, f":SYST:ERR? -> {NO_ERROR}")
    for line in lines:
        header, _, value = line.partition(" ")
        if "LIST:VOLT" not in header:
            wire.say(f"{header}? -> {value}")
    wire.say(f"{POINTS} -> {points}", *START)


def say_end(wire: Wire, output: int = 1, *errors: str) -> None:
    """Expect what follows a sweep: the output is looked at, and left at 0 V."""
    wire.say(f":OUTP1? -> {output}", ":SOUR1:VOLT 0", ":SOUR1:VOLT:MODE FIX")
    wire.say(*(f":SYST:ERR? -> {error}" for error in (*errors, NO_ERROR)))
    if output and not errors:
        wire.say(":SOUR1:VOLT:MODE? -> FIX", ":SOUR1:VOLT? -> 0")


def say_table(wire: Wire, rows: list[tuple[float, ...]]) -> None:
    """Expect the readout, a definite block with the most significant byte first, and that nothing is left of it."""
    data = np.array(rows, ">f8").tobytes()
    length = str(len(data))
    wire.say_bytes(FETCH, f"#{len(length)}{length}".encode() + data + b"\n")
    wire.say("*ESE 99;*ESE? -> 99")


BACK = (":FORM ASC", ":FORM? -> ASC")


def test_a_sweep_goes_through_compliance(ready: KeysightB2900, wire: Wire, clock: FakeClock) -> None:
    say_load(wire)
    wire.say(f"{DONE} -> 0", f"{DONE} -> 0", f"{DONE} -> 1")
    say_end(wire)
    say_table(wire, ROWS)
    wire.say(*BACK)
    first, second, third = ready.sweep(LEVELS, delay=0.01)
    assert first == Reading(0.0, 1e-12, 0.0)
    assert second == Reading(0.1, 1.5e-2, 7.02 - 7.0, in_compliance=True)
    assert third.overrange
    assert math.isnan(third.current)
    assert 0.0 < clock.time < 1.0
    wire.say(f"{MEASURE} -> {READING.replace('+2.000000E-01;', '+0.000000E+00;')}")  # it stands at 0 V
    assert ready.measure().current == 7.143e-5


def test_every_place_of_the_data_may_hold_a_line_feed(ready: KeysightB2900, wire: Wire) -> None:
    odd = float(np.frombuffer(b"\x3f\x0a\x0a\x0a\x0a\x0a\x0a\x0a", ">f8")[0])
    say_load(wire)
    wire.say(f"{DONE} -> 1")
    say_end(wire)
    say_table(wire, [(odd, odd, 7.0, 0.0, level) for level in LEVELS])
    wire.say(*BACK)
    assert [reading.current for reading in ready.sweep(LEVELS, delay=0.01)] == [odd] * 3


def test_long_lists_are_sent_in_groups(ready: KeysightB2900, wire: Wire) -> None:
    levels = [index / 1000 for index in range(250)]
    groups = [",".join(f"{level:.9g}" for level in levels[start : start + 100]) for start in (0, 100, 200)]
    lines = tuple(line.replace("COUN 3", "COUN 250").replace("DEL 0.01", "DEL 0") for line in LOAD[1:])
    lists = (f":SOUR1:LIST:VOLT {groups[0]}", *(f":SOUR1:LIST:VOLT:APP {group}" for group in groups[1:]))
    say_load(wire, (*lists, *lines), points=250)
    wire.say(f"{DONE} -> 1")
    say_end(wire)
    say_table(wire, [(level, level * 1e-3, 7.0, 0.0, level) for level in levels])
    wire.say(*BACK)
    assert [reading.voltage for reading in ready.sweep(levels)] == levels


@pytest.mark.parametrize(("delay", "sent"), [(1e-7, "1e-06"), (0.0011, "0.0011"), (1.23456789, "1.234568")])
def test_a_delay_is_never_cut_short(ready: KeysightB2900, wire: Wire, delay: float, sent: str) -> None:
    wire.say(":OUTP1? -> 1", *(line.replace("DEL 0.01", f"DEL {sent}") for line in LOAD))
    wire.say(':SYST:ERR? -> -221,"Settings conflict"', f":SYST:ERR? -> {NO_ERROR}")
    with pytest.raises(RefusedError, match="refuses the sweep: -221 Settings conflict"):
        ready.sweep(LEVELS, delay=delay)
    with pytest.raises(SettingError, match="configure"):
        ready.source(0.1)


def test_a_sweep_that_the_instrument_holds_otherwise_is_told(ready: KeysightB2900, wire: Wire) -> None:
    say_load(wire, points=2)
    del wire.expected[-len(START) :]
    with pytest.raises(SettingError, match="another list than the 3 levels"):
        ready.sweep(LEVELS, delay=0.01)


def test_a_sweep_does_not_switch_the_output_on(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(":OUTP1? -> 0")
    with pytest.raises(SettingError, match="switch it on before"):
        ready.sweep([0.1, 0.2])


@pytest.mark.parametrize(
    ("levels", "delay", "why"),
    [
        ([0.1, 2.1], 0.0, "source range"),
        ([0.1, math.nan], 0.0, "source range"),
        ([0.0] * 2501, 0.0, "at most 2500 points"),
        ([0.1], -1.0, "delay"),
        ([0.1], math.nan, "delay"),
        ([0.1], 1e6, "delay"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_a_byte_leaves(
    ready: KeysightB2900, levels: list[float], delay: float, why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        ready.sweep(levels, delay)


def test_a_sweep_of_nothing_sends_nothing(ready: KeysightB2900) -> None:
    assert ready.sweep([]) == []


def test_a_sweep_that_does_not_start_is_made_safe_and_told(ready: KeysightB2900, wire: Wire) -> None:
    say_load(wire)
    wire.say(f"{DONE} -> 16", *SHUT_DOWN)
    wire.say_token(105)
    wire.say_token(107)
    wire.say(':SYST:ERR? -> -213,"Init ignored"', f":SYST:ERR? -> {NO_ERROR}")
    with pytest.raises(RefusedError, match="sweep of 3 points stopped: -213 Init ignored"):
        ready.sweep(LEVELS, delay=0.01)


def test_a_sweep_that_hangs_is_made_safe_and_told(ready: KeysightB2900, wire: Wire, clock: FakeClock) -> None:
    say_load(wire)
    limit, pause = 10 + 10 * 3 * 0.05, 0.01
    wire.say(*[f"{DONE} -> 0"] * (round(limit / pause) + 2), *SHUT_DOWN)
    wire.say_token(105)
    wire.say_token(107)
    wire.say(f":SYST:ERR? -> {NO_ERROR}")
    with pytest.raises(RefusedError, match="sweep of 3 points is not done in time: no error is given"):
        ready.sweep(LEVELS, delay=0.01)
    assert clock.time == pytest.approx(limit, abs=0.05)


def test_an_output_that_dropped_in_a_sweep_is_told(ready: KeysightB2900, wire: Wire) -> None:
    say_load(wire)
    wire.say(f"{DONE} -> 1")
    say_end(wire, 0)
    with pytest.raises(TrippedError, match="went off during the sweep: no error is given; check interlock"):
        ready.sweep(LEVELS, delay=0.01)
    with pytest.raises(SettingError, match="until a limit is set"):
        ready.output_on()


def test_an_error_in_a_sweep_is_told(ready: KeysightB2900, wire: Wire) -> None:
    say_load(wire)
    wire.say(f"{DONE} -> 1")
    say_end(wire, 1, '-211,"Trigger ignored"')
    with pytest.raises(RefusedError, match="the sweep failed: -211 Trigger ignored"):
        ready.sweep(LEVELS, delay=0.01)


@pytest.mark.parametrize("events", ["x", "9.9E37", "-1", "256", "1,2", "0.5", "nan"])
def test_garbled_events_are_a_link_error(ready: KeysightB2900, wire: Wire, events: str) -> None:
    say_load(wire)
    wire.say(f"{DONE} -> {events}")
    with pytest.raises(LinkError, match=re.escape("'*OPC;*ESR?' was answered with")):
        ready.sweep(LEVELS, delay=0.01)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([ROWS[0], ROWS[2], ROWS[1]], "a reading at -1 V instead of 0.5 V"),
        ([ROWS[0], (*ROWS[1][:2], 6.0, *ROWS[1][3:]), ROWS[2]], "times that go back"),
        ([ROWS[0], (*ROWS[1][:3], 0.5, ROWS[1][4]), ROWS[2]], "do not make a reading"),
        ([ROWS[0], (*ROWS[1][:3], math.nan, ROWS[1][4]), ROWS[2]], "do not make a reading"),
    ],
)
def test_a_table_of_another_sweep_is_a_link_error(
    ready: KeysightB2900, wire: Wire, rows: list[tuple[float, ...]], why: str
) -> None:
    say_load(wire)
    wire.say(f"{DONE} -> 1")
    say_end(wire)
    say_table(wire, rows)
    with pytest.raises(LinkError, match=re.escape(why)):
        ready.sweep(LEVELS, delay=0.01)


def test_little_endian_data_is_not_taken_for_readings(ready: KeysightB2900, wire: Wire) -> None:
    say_load(wire)
    wire.say(f"{DONE} -> 1")
    say_end(wire)
    data = np.array(ROWS, "<f8").tobytes()
    wire.say_bytes(FETCH, b"#3120" + data + b"\n")
    wire.say("*ESE 99;*ESE? -> 99")
    with pytest.raises(LinkError, match="FETC"):
        ready.sweep(LEVELS, delay=0.01)
