"""The Keithley 2450 driver, byte by byte: single readings and sweeps."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drivers.keithley_2450 import SWEEP_MAX
from labctl.errors import LinkError, RefusedError, SettingError, TrippedError

if TYPE_CHECKING:
    from drivers.keithley_2450 import Keithley2450
    from tests.drivers.conftest import FakeClock, Wire

NO_ERROR = '0,"No error;0;0 0"'
WHAT = '"defbuffer1",SOUR,READ,REL,SOURSTAT'
READ = f":READ? {WHAT};:FETC? {WHAT}"


def say_reading(wire: Wire, reply: str) -> None:
    """Expect a measurement, whose answer says everything twice."""
    wire.say(f"{READ} -> {reply};{reply}")


def test_a_reading_carries_its_compliance(ready: Keithley2450, wire: Wire) -> None:
    say_reading(wire, "2.000012E-01,7.143000E-05,1.250000E+00,136")
    reading = ready.measure()
    assert (reading.voltage, reading.current, reading.time) == (0.2000012, 7.143e-5, 1.25)
    assert not reading.in_compliance
    assert not reading.overrange


@pytest.mark.parametrize("status", ["168", "1.680000E+02", "140"])
def test_a_limited_source_is_in_compliance(ready: Keithley2450, wire: Wire, status: str) -> None:
    say_reading(wire, f"1.2E-01, 1.5E-02, 0.0, {status}")
    assert ready.measure().in_compliance


@pytest.mark.parametrize("overflow", ["9.900000E+37", "-9.900000E+37", "+9.9E37"])
def test_an_overrange_is_never_a_number(ready: Keithley2450, wire: Wire, overflow: str) -> None:
    say_reading(wire, f"2.0E-01,{overflow},0.0,136")
    reading = ready.measure()
    assert reading.overrange
    assert math.isnan(reading.current)
    assert reading.voltage == 0.2


def test_a_source_readback_overrange_is_never_a_number(ready: Keithley2450, wire: Wire) -> None:
    say_reading(wire, "9.9E37,1.0E-06,0.0,136")
    assert math.isnan(ready.measure().voltage)


def test_no_reading_is_an_error(ready: Keithley2450, wire: Wire) -> None:
    say_reading(wire, "2.0E-01,9.910000E+37,0.0,136")
    with pytest.raises(RefusedError, match="no reading"):
        ready.measure()


@pytest.mark.parametrize(("status", "cause"), [("8", "output was off"), ("152", "too hot")])
def test_an_output_that_dropped_is_told(ready: Keithley2450, wire: Wire, status: str, cause: str) -> None:
    say_reading(wire, f"0.0,1.0E-12,3.0,{status}")
    with pytest.raises(TrippedError, match=cause):
        ready.measure()


@pytest.mark.parametrize(
    "reply", ["", "1.0", "0.2,1e-6,0.1", "0.2,1e-6,0.1,136,5", "0.2,x,0.1,136", "a,b,c,d", "0.2,1e-6,0.1,9.9E37"]
)
def test_garbage_is_not_a_reading(ready: Keithley2450, wire: Wire, reply: str) -> None:
    say_reading(wire, reply)
    with pytest.raises(LinkError, match=re.escape(f"{READ!r} was answered with")):
        ready.measure()


@pytest.mark.parametrize(
    "second", ["", ";", ";2.0E-01,1.5E-02,0.0,13", ";2.0E-01,1.5E-02,0.0", ";2.0E-01,1.5E-02,0.0,136;1"]
)
def test_a_reading_that_is_not_the_same_twice_is_damaged(ready: Keithley2450, wire: Wire, second: str) -> None:
    wire.say(f"{READ} -> 2.0E-01,1.5E-02,0.0,136{second}")
    with pytest.raises(LinkError, match="was answered with"):
        ready.measure()


@pytest.mark.parametrize("tag", ["2", "", "x", "11", "9.9E37"])
def test_an_answer_to_another_question_is_not_a_reading(ready: Keithley2450, wire: Wire, tag: str) -> None:
    tagged = f"*ESE 2;*ESE?;{READ}"  # the first number went to the error queue
    reply = "2.0E-01,1.5E-02,0.0,136"
    wire.say(f"{tagged} -> {tag};{reply};{reply}")
    if tag == "2":
        assert ready.measure().current == 1.5e-2
    else:
        with pytest.raises(LinkError, match="was answered with"):
            ready.measure()


LIST = ":SOUR:LIST:VOLT 0,0.5,-1"
LOAD = (':SOUR:SWE:VOLT:LIST 1,0.01,1,OFF,"defbuffer2"', ':TRAC:CLE "defbuffer2"', f":SYST:ERR? -> {NO_ERROR}", ":INIT")
COUNT = ':TRAC:ACT? "defbuffer2"'


def say_readout(wire: Wire, rows: list[tuple[float, float, float]], statuses: str) -> None:
    """Expect the exchange that reads a sweep's buffer: binary numbers, then status as text."""
    data = b"#0" + np.array(rows, "<f8").tobytes() + b"\n"
    what = f':TRAC:DATA? 1,{len(rows)},"defbuffer2"'
    wire.say("*OPC? -> 1", ":SOUR:VOLT 0", ":FORM REAL")
    wire.say_bytes(f"{what},SOUR,READ,REL", data)
    query = f"{what},SOURSTAT"
    wire.say(":FORM ASC", f"{query};{query} -> {statuses};{statuses}")


ROWS = [(0.0, 1e-12, 0.0), (0.5, 1.5e-2, 0.02), (-1.0, -9.9e37, 0.04)]


def test_a_sweep_goes_through_compliance_and_switches_on_again(
    ready: Keithley2450, wire: Wire, clock: FakeClock
) -> None:
    wire.say(":OUTP? -> 1", LIST, *LOAD, f"{COUNT} -> 0", f"{COUNT} -> 1", f"{COUNT} -> 3")
    say_readout(wire, ROWS, "136,168,136")
    wire.say(":OUTP? -> 0", ":SOUR:VOLT:ILIM? -> 0.015", ":OUTP 1", ":OUTP? -> 1")
    first, second, third = ready.sweep([0.0, 0.5, -1.0], delay=0.01)
    assert (first.voltage, first.current, first.time, first.in_compliance) == (0.0, 1e-12, 0.0, False)
    assert (second.voltage, second.current, second.time, second.in_compliance) == (0.5, 1.5e-2, 0.02, True)
    assert third.overrange
    assert math.isnan(third.current)
    assert 0.0 < clock.time < 1.0


def test_a_sweep_whose_output_stays_on_ends_at_zero(ready: Keithley2450, wire: Wire) -> None:
    load = (LOAD[0].replace("0.01", "0"), *LOAD[1:])
    wire.say(":OUTP? -> 1", LIST, *load, f"{COUNT} -> 3")
    say_readout(wire, ROWS, "136, 136, 136")
    wire.say(":OUTP? -> 1")
    assert len(ready.sweep(np.array([0.0, 0.5, -1.0]).tolist())) == 3


def test_a_short_delay_is_the_shortest_there_is(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":OUTP? -> 1", LIST, ':SOUR:SWE:VOLT:LIST 1,5e-05,1,OFF,"defbuffer2"', LOAD[1])
    wire.say(':SYST:ERR? -> -221,"Settings conflict;1;x"', f":SYST:ERR? -> {NO_ERROR}")
    with pytest.raises(RefusedError, match="refuses the sweep: -221 Settings conflict"):
        ready.sweep([0.0, 0.5, -1.0], delay=1e-6)
    with pytest.raises(SettingError, match="configure"):
        ready.source(0.1)


def test_long_lists_are_sent_in_groups(ready: Keithley2450, wire: Wire) -> None:
    levels = [index / 1000 for index in range(250)]
    groups = [",".join(f"{level:.9g}" for level in levels[start : start + 100]) for start in (0, 100, 200)]
    wire.say(":OUTP? -> 1", f":SOUR:LIST:VOLT {groups[0]}")
    wire.say(f":SOUR:LIST:VOLT:APP {groups[1]}", f":SOUR:LIST:VOLT:APP {groups[2]}", *LOAD)
    rows = [(level, level * 1e-3, level) for level in levels]
    wire.say(f"{COUNT} -> 250")
    say_readout(wire, rows, ",".join(["136"] * 250))
    wire.say(":OUTP? -> 1")
    readings = ready.sweep(levels, delay=0.01)
    assert [reading.voltage for reading in readings] == levels


def test_a_sweep_does_not_switch_the_output_on(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":OUTP? -> 0")
    with pytest.raises(SettingError, match="switch it on before"):
        ready.sweep([0.1, 0.2])


@pytest.mark.parametrize(
    ("levels", "delay", "why"),
    [
        ([0.1, 2.1], 0.0, "source range"),
        ([0.1, math.nan], 0.0, "source range"),
        ([0.0] * (SWEEP_MAX + 1), 0.0, "at most 2500 points"),
        ([0.1], -1.0, "delay"),
        ([0.1], 1e5, "delay"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_a_byte_leaves(
    ready: Keithley2450, levels: list[float], delay: float, why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        ready.sweep(levels, delay)


def test_a_sweep_of_nothing_sends_nothing(ready: Keithley2450) -> None:
    assert ready.sweep([]) == []


def test_a_sweep_that_stops_is_made_safe_and_told(ready: Keithley2450, wire: Wire, clock: FakeClock) -> None:
    wire.say(":OUTP? -> 1", LIST, *LOAD)
    polls = math.ceil((10 + 10 * 0.05) / 0.01) + 2  # patience over the pause between two looks, and the two that count
    wire.say(f"{COUNT} -> 0", *[f"{COUNT} -> 1"] * polls)
    wire.say_safe(105)
    wire.expected.pop()  # the output is not asked for: the error is what matters
    wire.say(':SYST:ERR? -> 5076,"Tripped;1;x"', f":SYST:ERR? -> {NO_ERROR}")
    with pytest.raises(RefusedError, match="stopped after 1 of 3 points: 5076 Tripped"):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)
    assert clock.time > 10.0


def test_an_output_that_dropped_in_a_sweep_stays_off(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":OUTP? -> 1", LIST, *LOAD, f"{COUNT} -> 3")
    say_readout(wire, ROWS, "136,8,8")
    with pytest.raises(TrippedError, match="output was off"):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)
    with pytest.raises(SettingError, match="until a limit is set"):
        ready.output_on()


@pytest.mark.parametrize("count", ["x", "9.9E37", "-1", "1,2"])
def test_a_garbled_count_is_a_link_error(ready: Keithley2450, wire: Wire, count: str) -> None:
    wire.say(":OUTP? -> 1", LIST, *LOAD, f"{COUNT} -> {count}")
    with pytest.raises(LinkError, match="TRAC:ACT"):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)


def test_too_few_statuses_are_a_link_error(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":OUTP? -> 1", LIST, *LOAD, f"{COUNT} -> 3")
    say_readout(wire, ROWS, "136,136")
    with pytest.raises(LinkError, match="SOURSTAT"):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)
