"""The Keithley 2450 driver, byte by byte: identity, configuration, output, errors, safe state."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from drivers.keithley_2450_language import SWITCH_OFF
from labctl.errors import LinkError, RefusedError, SettingError
from labctl.instruments import Identity
from labctl.smu_data import OffMode, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drivers.keithley_2450 import Keithley2450
    from tests.drivers.conftest import Wire

NO_ERROR = '0,"No error;0;0 0"'
SHUT_DOWN = (":ABOR", ":ABOR", ":SOUR:VOLT 0", ":OUTP 0")
SETUP = SourceSetup(voltage=1.3, current_limit=0.015)

SETTINGS = (
    ":SOUR:FUNC VOLT",
    ':SENS:FUNC "CURR"',
    ":OUTP:VOLT:SMOD NORM",
    ":SOUR:VOLT:RANG 2",
    ":SOUR:VOLT:RANG:AUTO 0",
    ":SOUR:VOLT 0",
    ":SOUR:VOLT:PROT PROT2",
    ":SOUR:VOLT:ILIM 0.015",
    ":SENS:CURR:RANG:AUTO 1",
    ":SOUR:VOLT:READ:BACK 1",
    ":SENS:CURR:NPLC 1",
    ":SENS:CURR:RSEN 0",
    ":FORM ASC",
    ":FORM:ASC:PREC 10",
    ":FORM:BORD SWAP",
)
CHECKS = (
    ":SOUR:FUNC? -> VOLT",
    ':SENS:FUNC? -> "CURR:DC"',
    ":OUTP:VOLT:SMOD? -> NORM",
    ":SOUR:VOLT:RANG? -> 2",
    ":SOUR:VOLT:RANG:AUTO? -> 0",
    ":SOUR:VOLT? -> 0",
    ":SOUR:VOLT:PROT? -> PROT2",
    ":SOUR:VOLT:ILIM? -> 0.015",
    ":SENS:CURR:RANG:AUTO? -> 1",
    ":SOUR:VOLT:READ:BACK? -> 1",
    ":SENS:CURR:NPLC? -> 1",
    ":SENS:CURR:RSEN? -> 0",
    ":FORM? -> ASC",
    ":FORM:ASC:PREC? -> 10",
    ":FORM:BORD? -> SWAP",
    ":OUTP? -> 0",
)
RESULT = (
    ":SOUR:VOLT:RANG? -> 2",
    ":SOUR:VOLT:ILIM? -> 1.500000E-02",
    ":SENS:CURR:RANG:AUTO? -> 1",
    ":SENS:CURR:NPLC? -> 1",
    ":SENS:CURR:RSEN? -> 0",
    ":OUTP:VOLT:SMOD? -> NORM",
)


def say_reset(wire: Wire) -> None:
    """Expect how a configuration begins: safe, then reset, the terminals kept."""
    wire.say("*LANG? -> SCPI")
    wire.say_safe(101)
    wire.say(":ROUT:TERM? -> REAR", "*RST", "*CLS", "*OPC? -> 1", ":ROUT:TERM REAR", ":ROUT:TERM? -> REAR")


def say_configuration(wire: Wire, *errors: str) -> None:
    """Expect the exchange that applies SETUP, up to its read-back."""
    say_reset(wire)
    wire.say(*SETTINGS, ':TRAC:CLE "defbuffer1"', *(f":SYST:ERR? -> {error}" for error in (*errors, NO_ERROR)))


def up_to(lines: Iterable[str], changed: str) -> list[str]:
    """Return lines up to the query of `changed`, which stands for it."""
    kept: list[str] = []
    query = changed.partition(" -> ")[0]
    for line in lines:
        if line.partition(" -> ")[0] == query:
            return [*kept, changed]
        kept.append(line)
    raise AssertionError(f"no {query} in the transcript")


def test_identify_sets_nothing(smu: Keithley2450, wire: Wire) -> None:
    wire.say("*IDN? -> KEITHLEY INSTRUMENTS,MODEL 2450,04043033,1.7.12b")
    assert smu.identify() == Identity("KEITHLEY INSTRUMENTS", "2450", "04043033", "1.7.12b")
    assert any(model in "2450" for model in smu.models)


def test_identify_reads_over_what_an_earlier_process_left(smu: Keithley2450, wire: Wire) -> None:
    wire.output = b"+1.0E-03,2.0E-06,0.0,160\n"
    wire.say("*IDN? -> Keithley Instruments, Model 2450, 1219110, 1.6")
    assert smu.identify().model == "2450"


def test_identify_refuses_garbage(smu: Keithley2450, wire: Wire) -> None:
    wire.say("*IDN? -> HTTP/1.1 400 Bad Request")
    with pytest.raises(LinkError, match=r"smu at TCPIP0::bench::5025::SOCKET: '\*IDN\?' was answered with 'HTTP"):
        smu.identify()


def test_configure_goes_safe_then_limits_then_reads_back(smu: Keithley2450, wire: Wire) -> None:
    say_configuration(wire)
    wire.say(*CHECKS, *RESULT)
    assert smu.configure(SETUP) == SourceSetup(2.0, 0.015, None, 1.0, False, OffMode.NORMAL)


def test_configure_with_everything_chosen(smu: Keithley2450, wire: Wire) -> None:
    changes = {
        ":SOUR:VOLT:RANG 2": ":SOUR:VOLT:RANG 20",
        ":SOUR:VOLT:PROT PROT2": ":SOUR:VOLT:PROT PROT5",
        ":SOUR:VOLT:ILIM 0.015": ":SOUR:VOLT:ILIM 0.0001",
        ":OUTP:VOLT:SMOD NORM": ":OUTP:VOLT:SMOD HIMP",
        ":SENS:CURR:RANG:AUTO 1": ":SENS:CURR:RANG:AUTO 0",
        ":SENS:CURR:NPLC 1": ":SENS:CURR:NPLC 0.1",
        ":SENS:CURR:RSEN 0": ":SENS:CURR:RSEN 1",
    }
    sent = [changes.get(line, line) for line in SETTINGS]
    sent.insert(8, ":SENS:CURR:RANG 0.001")
    answers = {line.split(" ")[0] + "?": line.split(" ")[1] for line in sent}
    checks = [f"{line.split(' ')[0]}? -> {line.split(' ')[1]}" for line in sent]
    names = [line.partition(" -> ")[0] for line in RESULT]
    names.insert(3, ":SENS:CURR:RANG?")
    say_reset(wire)
    wire.say(*sent, ':TRAC:CLE "defbuffer1"', f":SYST:ERR? -> {NO_ERROR}", *checks, ":OUTP? -> 0")
    wire.say(*(f"{name} -> {answers[name]}" for name in names))
    wanted = SourceSetup(4.0, 1e-4, 5e-4, nplc=0.1, four_wire=True, off_mode=OffMode.HIGH_IMPEDANCE)
    assert smu.configure(wanted) == SourceSetup(20.0, 1e-4, 1e-3, 0.1, True, OffMode.HIGH_IMPEDANCE)


@pytest.mark.parametrize(
    ("voltage", "full", "protection"),
    [
        (0.02, "0.02", "PROT2"),
        (0.2, "0.2", "PROT2"),
        (2.0, "2", "PROT5"),
        (20.0, "20", "PROT40"),
        (200.0, "200", "NONE"),
    ],
)
def test_the_smallest_range_and_the_nearest_protection_are_chosen(
    smu: Keithley2450, wire: Wire, voltage: float, full: str, protection: str
) -> None:
    say_configuration(wire)
    wire.expected = [
        (line.replace("RANG 2", f"RANG {full}").replace("PROT PROT2", f"PROT {protection}"), reply)
        for line, reply in wire.expected
    ]
    wire.say(*up_to(CHECKS, ":SOUR:FUNC? -> CURR"))
    with pytest.raises(SettingError):
        smu.configure(SourceSetup(voltage, 0.015))


@pytest.mark.parametrize(
    "setup",
    [
        SourceSetup(200.1, 1e-3),
        SourceSetup(-1.0, 1e-3),
        SourceSetup(math.nan, 1e-3),
        SourceSetup(1.0, 1.1),
        SourceSetup(1.0, 0.0),
        SourceSetup(1.0, 1e-3, current_range=1.5),
        SourceSetup(1.0, 1e-3, nplc=11),
    ],
)
def test_what_the_instrument_has_not_is_refused_before_a_byte_leaves(smu: Keithley2450, setup: SourceSetup) -> None:
    with pytest.raises(SettingError, match="smu at TCPIP0::bench::5025::SOCKET: "):
        smu.configure(setup)


@pytest.mark.parametrize("language", ["TSP", "SCPI2400"])
def test_another_language_is_refused_with_what_to_do(smu: Keithley2450, wire: Wire, language: str) -> None:
    wire.say(f"*LANG? -> {language}")
    if language == "TSP":
        wire.say("*LANG? -> TSP", f"{SWITCH_OFF} -> smu.OFF")
    with pytest.raises(
        SettingError, match=rf"answered with '{language}': send it '\*LANG SCPI', switch it off and on"
    ) as it:
        smu.configure(SETUP)
    assert "may be on" not in str(it.value)


@pytest.mark.parametrize("reply", ["smu.ON", "nil", "1"])
def test_an_instrument_in_tsp_that_stays_on_is_told(smu: Keithley2450, wire: Wire, reply: str) -> None:
    wire.say("*LANG? -> TSP", "*LANG? -> TSP", f"{SWITCH_OFF} -> {reply}")
    with pytest.raises(SettingError, match="its output may be on"):
        smu.configure(SETUP)


def test_make_safe_switches_off_in_tsp_too(smu: Keithley2450, wire: Wire) -> None:
    for first in (101, 103):
        wire.say(*SHUT_DOWN)
        wire.say_token(first, answered=False)
    wire.say("*LANG? -> TSP", f"{SWITCH_OFF} -> smu.OFF")
    smu.make_safe()


def test_an_output_that_stays_on_ends_the_configuration_before_the_reset(smu: Keithley2450, wire: Wire) -> None:
    wire.say("*LANG? -> SCPI")
    wire.say_safe(101, output="1")
    with pytest.raises(SettingError, match="output was set to False, but reads back as True"):
        smu.configure(SETUP)


@pytest.mark.parametrize(
    "changed",
    [
        ":SOUR:VOLT:ILIM? -> 1.050000E-04",
        ":SOUR:VOLT:RANG? -> 20",
        ":SOUR:VOLT:RANG:AUTO? -> 1",
        ":SOUR:VOLT:PROT? -> NONE",
        ":SOUR:VOLT:PROT? -> PROT20",
        ":SENS:CURR:NPLC? -> 10",
        ":SENS:CURR:RSEN? -> 1",
        ":OUTP:VOLT:SMOD? -> HIMP",
        ":FORM:BORD? -> NORM",
        ":OUTP? -> 1",
    ],
)
def test_a_setting_that_reads_back_as_another_is_an_error(smu: Keithley2450, wire: Wire, changed: str) -> None:
    say_configuration(wire)
    wire.say(*up_to(CHECKS, changed))
    with pytest.raises(SettingError, match="reads back as"):
        smu.configure(SETUP)
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


def test_a_refused_setting_is_told_in_the_instruments_words(smu: Keithley2450, wire: Wire) -> None:
    say_configuration(wire, '-222,"Parameter data out of range;1;2026/11/21 12:00"', '-113,"Undefined header;1;x"')
    wire.say(*CHECKS[:7], ":SOUR:VOLT:ILIM? -> 1.050000E-04", *CHECKS[8:-1])
    with pytest.raises(
        RefusedError, match=r"-222 Parameter data out of range; -113 Undefined header; the current limit was set to"
    ):
        smu.configure(SETUP)


def test_a_level_within_the_range_is_set_and_read_back(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":SOUR:VOLT 0.2", ":SOUR:VOLT? -> 0.2", ":SOUR:VOLT -1.99", ":SOUR:VOLT? -> -1.990000E+00")
    wire.say(":SOUR:VOLT 0.123456789", ":SOUR:VOLT? -> 0.1235")
    for voltage in (0.2, -1.99, 0.123456789):
        ready.source(voltage)


def test_a_level_that_is_clamped_is_told_with_the_reason(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":SOUR:VOLT 1.5", ":SOUR:VOLT? -> 1.2", ':SYST:ERR? -> 5074,"Clamped;2;x"', f":SYST:ERR? -> {NO_ERROR}")
    with pytest.raises(RefusedError, match=r"':SOUR:VOLT 1.5', ':SOUR:VOLT\?' was answered with '1.2'\): 5074 Clamped"):
        ready.source(1.5)


def test_a_level_that_the_protection_would_clamp_is_refused_before_a_byte_leaves(ready: Keithley2450) -> None:
    with pytest.raises(SettingError, match="over-voltage protection of 2 V"):
        ready.source(-2.0)
    with pytest.raises(SettingError, match="over-voltage protection of 2 V"):
        ready.sweep([0.0, 2.0])


@pytest.mark.parametrize("voltage", [2.01, -2.01, math.nan, math.inf])
def test_a_level_beyond_the_range_is_refused_before_a_byte_leaves(ready: Keithley2450, voltage: float) -> None:
    with pytest.raises(SettingError, match="source range of 2 V"):
        ready.source(voltage)


def test_nothing_is_sourced_before_it_is_configured(smu: Keithley2450) -> None:
    with pytest.raises(SettingError, match="configure"):
        smu.source(0.0)
    with pytest.raises(SettingError, match="configure"):
        smu.sweep([0.1])


def test_output_on_checks_the_limit_and_confirms(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":SOUR:VOLT:ILIM? -> 1.500000E-02", ":OUTP 1", ":OUTP? -> 1")
    ready.output_on()


def test_output_on_needs_a_limit(smu: Keithley2450) -> None:
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


def test_a_limit_that_changed_since_keeps_the_output_off(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":SOUR:VOLT:ILIM? -> 1.050000E-04")
    with pytest.raises(SettingError, match=r"0\.015 A, but reads back as 0\.000105 A"):
        ready.output_on()


def test_an_output_that_stays_off_is_told_with_the_reason(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":SOUR:VOLT:ILIM? -> 0.015", ":OUTP 1", ":OUTP? -> 0")
    wire.say(':SYST:ERR? -> 5066,"Interlock;1;x"', f":SYST:ERR? -> {NO_ERROR}")
    wire.say(":OUTP:INT:TRIP? -> 1")
    with pytest.raises(RefusedError, match=r"stays off after ':OUTP 1': 5066 Interlock$"):
        ready.output_on()


def test_trap_the_interlock_query_answers_0_where_it_is_open(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":SOUR:VOLT:ILIM? -> 0.015", ":OUTP 1", ":OUTP? -> 0", f":SYST:ERR? -> {NO_ERROR}", ":OUTP:INT:TRIP? -> 0")
    with pytest.raises(RefusedError, match=r"the interlock is open, .*':OUTP:INT:TRIP\?' was answered with '0'"):
        ready.output_on()


def test_output_off_goes_to_zero_first_and_confirms(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":SOUR:VOLT 0", ":OUTP 0", ":OUTP? -> 0")
    ready.output_off()


def test_an_output_that_stays_on_is_an_error(ready: Keithley2450, wire: Wire) -> None:
    wire.say(":SOUR:VOLT 0", ":OUTP 0", ":OUTP? -> 1")
    with pytest.raises(SettingError, match="output"):
        ready.output_off()


def test_errors_are_drained_oldest_first(smu: Keithley2450, wire: Wire) -> None:
    wire.say(':SYST:ERR? -> -109,"Missing parameter;1;x"', ':SYST:ERR? -> 1133,"Parameter 4, Syntax error;1;x"')
    wire.say(':SYST:ERR? -> 0,"No error;0,0,0"')
    assert smu.read_errors() == ["-109 Missing parameter", "1133 Parameter 4, Syntax error"]


def test_an_error_queue_without_end_is_left(smu: Keithley2450, wire: Wire) -> None:
    wire.say(*[':SYST:ERR? -> -350,"Queue overflow"'] * 1000)
    assert len(smu.read_errors()) == 1000


def test_an_answer_that_is_no_error_is_garbled(smu: Keithley2450, wire: Wire) -> None:
    wire.say(":SYST:ERR? -> 1.0E-6")
    with pytest.raises(LinkError, match=re.escape("'1.0E-6'")):
        smu.read_errors()


def test_make_safe_any_number_of_times(smu: Keithley2450, wire: Wire) -> None:
    wire.say_safe(101)
    wire.say_safe(105)
    smu.make_safe()
    smu.make_safe()


def test_make_safe_on_a_link_with_old_bytes(smu: Keithley2450, wire: Wire) -> None:
    wire.output = b"+1.0E-03,2.0E-06\n1\n\xff#0\x00"
    wire.say_safe(101)
    smu.make_safe()


def test_make_safe_ends_what_was_configured(ready: Keithley2450, wire: Wire) -> None:
    wire.say_safe(105)
    ready.make_safe()
    with pytest.raises(SettingError, match="configure"):
        ready.source(0.1)


def test_make_safe_tells_if_the_output_stays_on(smu: Keithley2450, wire: Wire) -> None:
    wire.say_safe(101, output="1")
    wire.say("*LANG? -> SCPI")
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()


def test_make_safe_tries_a_new_connection_before_it_gives_up(smu: Keithley2450, wire: Wire) -> None:
    wire.say(*SHUT_DOWN)
    wire.say_token(101, answered=False)
    wire.say_safe(103)
    smu.make_safe()


def test_make_safe_of_a_silent_instrument_is_an_error(smu: Keithley2450, wire: Wire) -> None:
    for first in (101, 103):
        wire.say(*SHUT_DOWN)
        wire.say_token(first, answered=False)
    wire.say("*LANG?")
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()
