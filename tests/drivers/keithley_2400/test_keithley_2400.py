"""The Keithley 2400 driver: identity, configuration, output, errors, safe state."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from labctl.errors import LinkError, RefusedError, SettingError
from labctl.smu_data import OffMode, SourceSetup

if TYPE_CHECKING:
    from drivers.keithley_2400 import Keithley2400
    from tests.drivers.keithley_2400.conftest import Scripted2400

SETUP = SourceSetup(voltage=1.3, current_limit=0.015)
SHUT_DOWN = [":ABOR", ":ABOR", ":SOUR:VOLT:MODE FIX", ":SOUR:VOLT 0", ":OUTP 0"]
RESET = ["*RST", "*CLS", ":TRAC:FEED:CONT NEV", ":STAT:PRES", ":SYST:TIME:RES", "*OPC?"]
SETTINGS = [
    ":SOUR:FUNC VOLT",
    ":SOUR:VOLT:MODE FIX",
    ":SENS:FUNC:CONC 1",
    ':SENS:FUNC "VOLT","CURR"',
    ":OUTP:SMOD NORM",
    ":SOUR:VOLT:RANG 2",
    ":SOUR:VOLT:RANG:AUTO 0",
    ":SOUR:VOLT 0",
    ":SOUR:VOLT:PROT 20",
    ":SENS:CURR:PROT 0.015",
    ":SENS:CURR:RANG:AUTO 1",
    ":SENS:CURR:NPLC 1",
    ":SYST:RSEN 0",
    ":SYST:AZER 1",
    ":SOUR:SWE:RANG FIX",
    ":SOUR:SWE:CAB NEV",
    ":ARM:COUN 1",
    ":TRIG:COUN 1",
    ":FORM ASC",
    ":FORM:BORD NORM",
    ":FORM:ELEM VOLT,CURR,TIME,STAT",
]


def commands(instrument: Scripted2400) -> list[str]:
    """Return what was sent, without queries."""
    return [line for line in instrument.lines if "?" not in line]


def test_identify_sets_nothing(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.settings["*IDN"] = "KEITHLEY INSTRUMENTS INC., MODEL 2400, 1123456, C30   Mar 17 2006 09:29:29/A02  /K/J"
    identity = smu.identify()
    assert (identity.model, identity.serial) == ("2400", "1123456")
    assert any(model in identity.model for model in smu.models)
    assert instrument.lines == ["*IDN?"]


def test_configure_goes_safe_resets_then_sets_the_limit_before_anything_measures(
    smu: Keithley2400, instrument: Scripted2400
) -> None:
    done = smu.configure(SETUP)
    sent = commands(instrument)
    assert sent[:5] == SHUT_DOWN
    assert instrument.lines[7:17] == [":OUTP?", ":ROUT:TERM?", ":OUTP:ENAB?", *RESET, ":ROUT:TERM FRON"]
    assert sent[5 : 5 + len(RESET) - 1] == RESET[:-1]
    assert sent[10:] == [":ROUT:TERM FRON", ":OUTP:ENAB 0", *SETTINGS]
    assert done == SourceSetup(2.1, 0.015, None, 1.0, False, OffMode.NORMAL)


def test_every_setting_is_asked_for_after_the_last_one_is_sent(smu: Keithley2400, instrument: Scripted2400) -> None:
    smu.configure(SETUP)
    asked = instrument.lines[instrument.lines.index(SETTINGS[-1]) :]
    assert {f"{line.split(' ')[0]}?" for line in SETTINGS} <= set(asked)
    assert ":OUTP?" in asked


def test_configure_with_everything_chosen(smu: Keithley2400, instrument: Scripted2400) -> None:
    wanted = SourceSetup(4.0, 1e-3, 5e-4, nplc=0.1, four_wire=True, off_mode=OffMode.HIGH_IMPEDANCE)
    assert smu.configure(wanted) == SourceSetup(21.0, 1e-3, 1.05e-3, 0.1, True, OffMode.HIGH_IMPEDANCE)
    sent = commands(instrument)
    assert sent.index(":SENS:CURR:PROT 0.001") < sent.index(":SENS:CURR:RANG 0.001")
    assert ":SYST:RSEN 1" in sent


def test_remote_sense_is_global_here_not_per_function(smu: Keithley2400, instrument: Scripted2400) -> None:
    smu.configure(SourceSetup(1.0, 1e-3, four_wire=True))
    assert [line for line in commands(instrument) if "RSEN" in line] == [":SYST:RSEN 1"]


@pytest.mark.parametrize(
    ("voltage", "nominal", "full", "protection"),
    [
        (0.02, "0.2", 0.21, "20"),
        (0.21, "0.2", 0.21, "20"),
        (2.1, "2", 2.1, "20"),
        (19.5, "20", 21.0, "40"),
        (21.0, "20", 21.0, "40"),
        (155.0, "200", 210.0, "NONE"),
        (210.0, "200", 210.0, "NONE"),
    ],
)
def test_the_smallest_range_and_the_nearest_protection_are_chosen(
    smu: Keithley2400, instrument: Scripted2400, voltage: float, nominal: str, full: float, protection: str
) -> None:
    assert smu.configure(SourceSetup(voltage, 0.015)).voltage == full
    assert instrument.settings[":SOUR:VOLT:RANG"] == nominal
    assert instrument.settings[":SOUR:VOLT:PROT"] == protection


@pytest.mark.parametrize("answered", ["2.100000E+00", "2.000000E+00"])
def test_a_range_may_read_back_as_its_nominal_value_or_its_full_scale(
    smu: Keithley2400, instrument: Scripted2400, answered: str
) -> None:
    instrument.held[":SOUR:VOLT:RANG"] = answered
    assert smu.configure(SETUP).voltage == 2.1


def test_no_protection_reads_back_as_a_number(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.held[":SOUR:VOLT:PROT"] = "2.100000E+02"
    assert smu.configure(SourceSetup(200.0, 1e-3)).voltage == 210.0
    with pytest.raises(SettingError, match="over-voltage protection was set to 20"):
        smu.configure(SETUP)


@pytest.mark.parametrize(
    "setup",
    [
        SourceSetup(210.1, 1e-3),
        SourceSetup(-1.0, 1e-3),
        SourceSetup(math.nan, 1e-3),
        SourceSetup(1.0, 1.06),
        SourceSetup(1.0, 0.0),
        SourceSetup(1.0, 1e-10),
        SourceSetup(1.0, 1e-3, current_range=1.5),
        SourceSetup(1.0, 1e-3, nplc=11),
    ],
)
def test_what_the_instrument_has_not_is_refused_before_a_byte_leaves(
    smu: Keithley2400, instrument: Scripted2400, setup: SourceSetup
) -> None:
    with pytest.raises(SettingError, match="smu at GPIB0::24::INSTR: "):
        smu.configure(setup)
    assert instrument.lines == []


def test_a_low_limit_needs_a_low_measure_range_first(smu: Keithley2400, instrument: Scripted2400) -> None:
    assert smu.configure(SourceSetup(1.0, 2e-9)).current_limit == 2e-9
    sent = commands(instrument)
    assert sent.index(":SENS:CURR:RANG 1e-06") < sent.index(":SENS:CURR:PROT 2e-09")


def test_a_measure_range_goes_up_to_the_limits_own(smu: Keithley2400) -> None:
    assert smu.configure(SourceSetup(1.0, 50e-6, current_range=1e-3)).current_range == 1.05e-4


def test_a_setting_that_is_refused_and_stays_as_it_was_is_found(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.held[":SENS:CURR:PROT"] = "1.050000E-04"
    with pytest.raises(SettingError, match=r"current limit was set to 0\.015 A, but reads back as 0\.000105 A"):
        smu.configure(SETUP)
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


@pytest.mark.parametrize(
    ("header", "held"),
    [
        (":SOUR:FUNC", "CURR"),
        (":SOUR:VOLT:MODE", "LIST"),
        (":SENS:FUNC:CONC", "0"),
        (":SENS:FUNC", '"CURR:DC"'),
        (":SENS:FUNC", '"VOLT:DC","CURR:DC","RES"'),
        (":OUTP:SMOD", "HIMP"),
        (":SOUR:VOLT:RANG", "2.100000E+01"),
        (":SOUR:VOLT:RANG:AUTO", "1"),
        (":SOUR:VOLT", "1.000000E+00"),
        (":SOUR:VOLT:PROT", "2.100000E+02"),
        (":SENS:CURR:RANG:AUTO", "0"),
        (":SENS:CURR:NPLC", "1.000000E+01"),
        (":SYST:RSEN", "1"),
        (":SYST:AZER", "0"),
        (":SOUR:SWE:RANG", "BEST"),
        (":SOUR:SWE:CAB", "EARL"),
        (":ARM:COUN", "2"),
        (":TRIG:COUN", "2500"),
        (":FORM", "REAL,32"),
        (":FORM:BORD", "SWAP"),
        (":FORM:ELEM", "VOLT,CURR,RES,TIME,STAT"),
    ],
)
def test_each_setting_that_reads_back_as_another_is_an_error(
    smu: Keithley2400, instrument: Scripted2400, header: str, held: str
) -> None:
    instrument.held[header] = held
    with pytest.raises((SettingError, LinkError), match=r"reads back as|was answered with"):
        smu.configure(SETUP)
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


def test_the_functions_are_answered_with_their_nodes(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.held[":SENS:FUNC"] = '"VOLT:DC","CURR:DC"'
    assert smu.configure(SETUP).current_limit == 0.015


def test_a_refused_setting_is_told_in_the_instruments_words(smu: Keithley2400, instrument: Scripted2400) -> None:
    def refuse(line: str) -> None:
        if line.startswith(":SENS:CURR:PROT "):
            instrument.errors.append('-222,"Parameter data out of range"')

    instrument.on_line = refuse
    with pytest.raises(RefusedError, match=r"refuses its configuration: -222 Parameter data out of range$"):
        smu.configure(SETUP)


def test_an_output_that_stays_on_ends_the_configuration_before_the_reset(
    smu: Keithley2400, instrument: Scripted2400
) -> None:
    instrument.held[":OUTP"] = "1"
    with pytest.raises(SettingError, match="output was set to False, but reads back as True"):
        smu.configure(SETUP)
    assert "*RST" not in instrument.lines


def test_terminals_and_interlock_outlive_the_reset(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.settings |= {":ROUT:TERM": "REAR", ":OUTP:ENAB": "1"}
    smu.configure(SETUP)
    assert (instrument.settings[":ROUT:TERM"], instrument.settings[":OUTP:ENAB"]) == ("REAR", "1")


def test_a_level_that_the_protection_would_clamp_is_refused_before_a_byte_leaves(
    smu: Keithley2400, instrument: Scripted2400
) -> None:
    smu.configure(SourceSetup(15.0, 1e-3))
    instrument.lines.clear()
    with pytest.raises(SettingError, match="over-voltage protection of 19 V"):
        smu.source(-19.5)
    with pytest.raises(SettingError, match="over-voltage protection of 19 V"):
        smu.sweep([0.0, 20.0])
    assert instrument.lines == []


def test_a_level_that_stays_as_it_was_is_found(ready: Keithley2400, instrument: Scripted2400) -> None:
    instrument.held[":SOUR:VOLT"] = "0.000000E+00"
    with pytest.raises(
        SettingError, match=r"source level was set to 0.2 V, but reads back as 0.0 V .*no error is given"
    ):
        ready.source(0.2)
    instrument.errors += ['803,"Not permitted"']
    with pytest.raises(RefusedError, match="803 Not permitted"):
        ready.source(0.2)


def test_a_level_within_the_range_is_set_and_read_back(ready: Keithley2400, instrument: Scripted2400) -> None:
    for voltage in (0.2, -2.1, 0.123456789):
        ready.source(voltage)
    sent = (":SOUR:VOLT 0.2", ":SOUR:VOLT -2.1", ":SOUR:VOLT 0.123456789")
    assert instrument.lines == [line for level in sent for line in (level, ":SOUR:VOLT?")]


@pytest.mark.parametrize("voltage", [2.11, -2.11, math.nan, math.inf])
def test_a_level_beyond_the_range_is_refused_before_a_byte_leaves(
    ready: Keithley2400, instrument: Scripted2400, voltage: float
) -> None:
    with pytest.raises(SettingError, match=r"source range of 2\.1 V"):
        ready.source(voltage)
    assert instrument.lines == []


def test_nothing_is_done_before_it_is_configured(smu: Keithley2400, instrument: Scripted2400) -> None:
    for action in (lambda: smu.source(0.0), lambda: smu.sweep([0.1]), smu.measure, smu.output_on):
        with pytest.raises(SettingError, match="configure"):
            action()
    assert instrument.lines == []


def test_output_on_checks_the_limit_and_confirms(ready: Keithley2400, instrument: Scripted2400) -> None:
    ready.output_on()
    assert instrument.lines == [":SENS:CURR:PROT?", ":OUTP 1", ":OUTP?"]


def test_a_limit_that_changed_since_keeps_the_output_off(ready: Keithley2400, instrument: Scripted2400) -> None:
    instrument.settings[":SENS:CURR:PROT"] = "1.050000E-04"
    with pytest.raises(SettingError, match=r"0\.015 A, but reads back as 0\.000105 A"):
        ready.output_on()
    assert ":OUTP 1" not in instrument.lines


@pytest.mark.parametrize(
    ("settings", "errors", "why"),
    [
        ({}, ['802,"OUTPUT blocked by output enable"'], "802 OUTPUT blocked by output enable"),
        ({":OUTP:ENAB": "1", ":OUTP:ENAB:TRIP": "0"}, [], "the output-enable line is open"),
        ({":OUTP:ENAB": "1", ":OUTP:ENAB:TRIP": "1"}, [], "no error is given"),
        ({":OUTP:ENAB": "0", ":OUTP:ENAB:TRIP": "0"}, [], "no error is given"),
    ],
)
def test_an_output_that_stays_off_is_told_and_a_tripped_interlock_answers_0(
    ready: Keithley2400, instrument: Scripted2400, settings: dict[str, str], errors: list[str], why: str
) -> None:
    instrument.settings |= settings
    instrument.held[":OUTP"] = "0"
    instrument.errors += errors
    with pytest.raises(RefusedError, match=f"stays off after ':OUTP 1': {why}"):
        ready.output_on()


def test_output_off_goes_to_zero_first_and_confirms(ready: Keithley2400, instrument: Scripted2400) -> None:
    ready.output_off()
    assert instrument.lines == [":SOUR:VOLT 0", ":OUTP 0", ":OUTP?"]
    instrument.held[":OUTP"] = "1"
    with pytest.raises(SettingError, match="output"):
        ready.output_off()


def test_errors_are_drained_oldest_first(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.errors = ['-109,"Missing parameter"', '+826,"Attempt to exceed power limit"']
    assert smu.read_errors() == ["-109 Missing parameter", "826 Attempt to exceed power limit"]


def test_an_error_queue_without_end_is_left(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.errors = ['-350,"Queue overflow"'] * 1000
    assert len(smu.read_errors()) == 100


def test_an_answer_that_is_no_error_is_garbled(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.errors = ["1.0E-6"]
    with pytest.raises(LinkError, match=re.escape("'1.0E-6'")):
        smu.read_errors()


def test_make_safe_any_number_of_times(smu: Keithley2400, instrument: Scripted2400) -> None:
    smu.make_safe()
    smu.make_safe()
    assert commands(instrument) == SHUT_DOWN * 2


def test_make_safe_leaves_the_list_mode_before_it_sets_a_level(ready: Keithley2400, instrument: Scripted2400) -> None:
    instrument.settings |= {":SOUR:VOLT:MODE": "LIST", ":SOUR:VOLT": "1.3"}
    ready.make_safe()
    assert [instrument.settings[header] for header in (":SOUR:VOLT:MODE", ":SOUR:VOLT", ":OUTP")] == ["FIX", "0", "0"]
    with pytest.raises(SettingError, match="configure"):
        ready.source(0.1)


def test_make_safe_on_a_link_with_old_bytes(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.output = b"+1.000000E-03,+2.000000E-06\n1\n\xff#0\x00"
    smu.make_safe()
    assert instrument.connections == 1


def test_make_safe_tells_if_the_output_stays_on(smu: Keithley2400, instrument: Scripted2400) -> None:
    instrument.held[":OUTP"] = "1"
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()


def test_make_safe_of_a_silent_instrument_tries_a_new_connection_and_tells(
    smu: Keithley2400, instrument: Scripted2400
) -> None:
    instrument.damage = lambda line, reply: b""
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()
    assert instrument.connections == 2


def test_the_token_speaks_decimal_whatever_an_earlier_user_chose(smu: Keithley2400, instrument: Scripted2400) -> None:
    smu.make_safe()
    assert sum(line.startswith(":FORM:SREG ASC;*ESE ") for line in instrument.lines) == 2
