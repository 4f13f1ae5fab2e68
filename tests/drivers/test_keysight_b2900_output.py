"""The Keysight B2900 driver, byte by byte: levels, interlock, output, errors, safe state."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from drivers.keysight_b2900 import KeysightB2900, KeysightB2900Settings
from drivers.scpi import ScpiLink
from labctl.errors import LinkError, RefusedError, SettingError
from labctl.smu_data import SourceSetup

if TYPE_CHECKING:
    from tests.drivers.conftest import FakeClock, Wire

ADDRESS = "TCPIP0::bench::5025::SOCKET"
NO_ERROR = '+0,"No error"'
DUAL = "Keysight Technologies,B2912A,MY51143745,3.4.2011.5100"
SHUT_DOWN = (":ABOR (@1)", ":ABOR (@1)", ":SOUR1:VOLT 0", ":OUTP1 0")
SETUP = SourceSetup(voltage=1.3, current_limit=0.015)


def say_safe(wire: Wire, first: int, output: str = "0") -> None:
    """Expect what makes the channel safe; `first` is the first token's number."""
    wire.say(*SHUT_DOWN)
    wire.say_token(first)
    wire.say_token(first + 2)
    wire.say(f":OUTP1? -> {output}")


@pytest.fixture
def smu(wire: Wire, clock: FakeClock) -> KeysightB2900:
    """Channel 1 of a B2900 of which nothing is known yet."""
    entry = KeysightB2900Settings(driver="keysight-b2900", address=ADDRESS)
    return KeysightB2900(ScpiLink(lambda: wire, "smu", ADDRESS), clock, entry)


def set_up(smu: KeysightB2900, wire: Wire, setup: SourceSetup = SETUP) -> KeysightB2900:
    """Configure a driver; tokens up to 104 are used up then."""
    wire.settings = {"*IDN": DUAL, "*OPC": "1", ":SYST:ERR": NO_ERROR, ":SYST:INT:TRIP": "0"}
    smu.configure(setup)
    wire.settings = None
    return smu


@pytest.fixture
def ready(smu: KeysightB2900, wire: Wire) -> KeysightB2900:
    """The channel configured for 2 V and 15 mA."""
    return set_up(smu, wire)


def test_a_level_within_the_range_is_set_and_read_back(ready: KeysightB2900, wire: Wire) -> None:
    for sent, held in (("0.2", "+2.000000E-01"), ("-2", "-2.000000E+00"), ("0.123456789", "+1.234568E-01")):
        wire.say(f":SOUR1:VOLT {sent}", f":SOUR1:VOLT? -> {held}")
    for voltage in (0.2, -2.0, 0.123456789):
        ready.source(voltage)


@pytest.mark.parametrize("voltage", [2.01, -2.01, math.nan, math.inf])
def test_a_level_beyond_the_range_is_refused_before_a_byte_leaves(ready: KeysightB2900, voltage: float) -> None:
    with pytest.raises(SettingError, match="source range of 2 V"):
        ready.source(voltage)


def test_nothing_is_done_before_it_is_configured(smu: KeysightB2900) -> None:
    for action in (lambda: smu.source(0.0), lambda: smu.sweep([0.1]), smu.measure, smu.output_on):
        with pytest.raises(SettingError, match="configure"):
            action()


def test_trap_the_interlock_query_answers_1_where_it_is_open(smu: KeysightB2900, wire: Wire) -> None:
    set_up(smu, wire, SourceSetup(100.0, 1e-3))
    wire.say(":SYST:INT:TRIP? -> 0", ":SOUR1:VOLT 100", ":SOUR1:VOLT? -> 100")
    smu.source(100.0)
    wire.say(":SOUR1:VOLT 42", ":SOUR1:VOLT? -> 42")  # no interlock needed, so none is asked for
    smu.source(42.0)
    wire.say(":SYST:INT:TRIP? -> 1")
    told = re.escape(f"smu at {ADDRESS}: the interlock is open (':SYST:INT:TRIP?' was answered with '1')")
    with pytest.raises(RefusedError, match=told):
        smu.source(-42.1)
    wire.say(":SYST:INT:TRIP? -> 1")
    with pytest.raises(RefusedError, match="interlock is open"):
        smu.sweep([0.0, 50.0])
    wire.say(":SYST:INT:TRIP? -> yes")
    with pytest.raises(LinkError, match="was answered with 'yes'"):
        smu.source(50.0)


def test_an_open_interlock_ends_a_configuration_that_needs_it(smu: KeysightB2900, wire: Wire) -> None:
    wire.settings = {"*IDN": DUAL, "*OPC": "1", ":SYST:ERR": NO_ERROR, ":SYST:INT:TRIP": "+1"}
    assert smu.configure(SourceSetup(42.0, 1e-3)).voltage == 200.0
    with pytest.raises(RefusedError, match="interlock is open"):
        smu.configure(SourceSetup(43.0, 1e-3))
    assert wire.settings[":OUTP1"] == "0"
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


def test_output_on_checks_the_limit_and_confirms(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(":SENS1:CURR:PROT? -> 1.50000000E-02", ":OUTP1 1", ":OUTP1? -> 1")
    ready.output_on()


def test_output_on_refuses_a_limit_that_somebody_changed(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(":SENS1:CURR:PROT? -> 1.00000000E-01")
    with pytest.raises(SettingError, match=r"current limit was set to 0\.015 A, but reads back as 0\.1 A"):
        ready.output_on()


def test_an_output_that_stays_off_is_told(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(":SENS1:CURR:PROT? -> 0.015", ":OUTP1 1", ":OUTP1? -> 0")
    wire.say(':SYST:ERR? -> +221,"Interlock open"', f":SYST:ERR? -> {NO_ERROR}")
    with pytest.raises(RefusedError, match=r"smu at .*: the output stays off after ':OUTP1 1': 221 Interlock open$"):
        ready.output_on()
    wire.say(":SENS1:CURR:PROT? -> 0.015", ":OUTP1 1", ":OUTP1? -> 0", f":SYST:ERR? -> {NO_ERROR}")
    with pytest.raises(RefusedError, match="no error is given; check interlock"):
        ready.output_on()


def test_output_off_goes_to_zero_first(ready: KeysightB2900, wire: Wire) -> None:
    wire.say(":SOUR1:VOLT 0", ":OUTP1 0", ":OUTP1? -> 0")
    ready.output_off()
    wire.say(":SOUR1:VOLT 0", ":OUTP1 0", ":OUTP1? -> 1")
    with pytest.raises(SettingError, match="output was set to False"):
        ready.output_off()


def test_errors_are_read_until_there_are_none(smu: KeysightB2900, wire: Wire) -> None:
    wire.say(':SYST:ERR? -> -113,"Undefined header"', ':SYST:ERR? -> -350,"Error queue overflow"')
    wire.say(f":SYST:ERR? -> {NO_ERROR}")
    assert smu.read_errors() == ["-113 Undefined header", "-350 Error queue overflow"]
    wire.say(":SYST:ERR? -> ?")
    with pytest.raises(LinkError, match="was answered with"):
        smu.read_errors()


def test_make_safe_works_from_any_state_and_twice(smu: KeysightB2900, wire: Wire) -> None:
    wire.output = b"#3800\n\xff\n1\n"
    say_safe(wire, 101)
    smu.make_safe()
    say_safe(wire, 105)
    smu.make_safe()


def test_make_safe_ends_what_was_configured(ready: KeysightB2900, wire: Wire) -> None:
    say_safe(wire, 105)
    ready.make_safe()
    for action in (lambda: ready.source(0.1), ready.measure, ready.output_on):
        with pytest.raises(SettingError, match="configure"):
            action()


def test_make_safe_tells_if_the_output_stays_on(smu: KeysightB2900, wire: Wire) -> None:
    say_safe(wire, 101, output="1")
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()


def test_make_safe_of_a_silent_instrument_is_an_error(smu: KeysightB2900, wire: Wire) -> None:
    for first in (101, 103):
        wire.say(*SHUT_DOWN)
        wire.say_token(first, answered=False)
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()


def test_it_has_no_watchdog_and_closes_twice(smu: KeysightB2900) -> None:
    assert not smu.has_watchdog
    smu.close()
    smu.close()
    assert smu.name == "smu"
    assert smu.address == ADDRESS
