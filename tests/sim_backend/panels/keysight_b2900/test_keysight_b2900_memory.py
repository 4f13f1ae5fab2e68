"""What the B2900A's panel keeps for the host: saved settings, the calendar, and settings that do nothing here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keysight_b2900_instrument import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keysight_b2900.conftest import Bench

REMEMBERED = (
    (":DISP:ENAB", "1", "OFF", "0"),
    (":DISP:VIEW", "DUAL", "ROLL", "ROLL"),
    (":DISP:DIG", "7", "5", "5"),
    (":DISP:CSET", "1", "2", "2"),
    (":DISP:ZOOM", "0", "1", "1"),
    (":DISP:WIND2:TEXT:DATA", '""', "'hello; there'", '"hello; there"'),
    (":DISP:TEXT:STAT", "0", "ON", "1"),
    (":HCOP:SDUM:FORM", "JPG", "PNG", "PNG"),
    (":SENS2:TOUT", "0", "1", "1"),
    (":SENS:TOUT:SIGN", "EXT1", "EXT3,INT2,LAN", "EXT3,INT2,LAN"),
    (":SOUR:TOUT:STAT", "0", "ON", "1"),
    (":ARM2:ACQ:TOUT:SIGN", "EXT1", "EXT14", "EXT14"),
    (":TRIG:TRAN:SOUR:LAN", "LAN0,LAN1,LAN2,LAN3,LAN4,LAN5,LAN6,LAN7", "LAN5", "LAN5"),
    (":DIG:DATA", "0", "#H1000", "4096"),
    (":SOUR:DIG:EXT3:FUNC", "DINP", "TOUT", "TOUT"),
    (":SOUR:DIG:EXT14", "DINP", "DIO", "DIO"),
    (":SOUR:DIG:EXT3:POL", "NEG", "POS", "POS"),
    (":SOUR:DIG:EXT3:TOUT:EDGE:POS", "BOTH", "BEF", "BEF"),
    (":SOUR:DIG:EXT3:TOUT:WIDT", "+1.000000E-04", "50E-6", "+5.000000E-05"),
    (":SOUR:DIG:INT2:TOUT:TYPE", "EDGE", "LEV", "LEV"),
    (":OUTP:FILT:TCON", "+5.000000E-06", "5 MS", "+5.000000E-03"),
    (":OUTP:FILT:FREQ", "+3.183099E+04", "1 KHZ", "+1.000000E+03"),
    (":FORM:SREG", "ASC", "HEX", "HEX"),
    (":FORM:DIG", "ASC", "OCT", "OCT"),
)
KEPT = (
    (":SYST:BEEP:STAT", "1", "OFF", "0"),
    (":SYST:FAN:MODE", "NORM", "RACK", "RACK"),
    (":SYST:PON", "RST", "RCL4", "RCL4"),
    (":SYST:COMM:GPIB:ADDR", "23", "5", "5"),
)


@pytest.mark.parametrize(("header", "default", "value", "reply"), [*REMEMBERED, *KEPT])
def test_what_is_set_is_read_back(bench: Bench, header: str, default: str, value: str, reply: str) -> None:
    assert bench.ask(f"{header}?") == default
    assert bench.code(f"{header} {value}") == 0
    assert bench.ask(f"{header}?") == reply
    bench.ask("*RST")
    assert bench.ask(f"{header}?") == (reply if (header, default, value, reply) in KEPT else default)


@pytest.mark.parametrize("model", ["B2911A", "B2912A"])
def test_digital_pins_belong_to_the_instrument(make_bench: Callable[..., Bench], model: str) -> None:
    bench = make_bench(Options(model=model))
    bench.ask(":DIG:EXT5:POL POS;:SOUR1:DIG:EXT7:POL POS")
    assert bench.ask(":DIG:EXT7:POL?;:SOUR:DIG:EXT5:POL?;:DIG:EXT:POL?") == "POS;POS;NEG"
    assert bench.ask(":DISP:VIEW?") == ("SING1" if model == "B2911A" else "DUAL")


def test_what_is_remembered_belongs_to_its_channel_and_pin(bench: Bench) -> None:
    bench.ask(":SENS2:TOUT 1;:SOUR:DIG:EXT5:POL POS;:DISP:WIND1:TEXT:DATA 'one';:TRIG2:TOUT 1")
    assert bench.ask(":SENS:TOUT?;:SOUR:DIG:EXT6:POL?;:DISP:WIND2:TEXT:DATA?;:TRIG:ACQ:TOUT?") == '0;NEG;"";0'
    assert bench.ask(":TRIG2:ACQ:TOUT?;:TRIG2:TRAN:TOUT?;:DISP:TEXT:DATA?") == '1;1;"one"'
    bench.ask(":SOUR2:DIG:EXT7:POL POS")
    assert bench.ask(":DIG:EXT7:POL?;:SOUR:DIG:EXT7:POL?;:DIG:EXT5:POL?;:DIG:EXT:POL?") == "POS;POS;POS;NEG"
    for message, code in ((":DIG:EXT15:POL POS", -114), (":DIG:EXT1:POL UP", -224), (":DIG:DATA 16384", -222)):
        assert bench.code(message) == code


def test_registers_in_other_bases(bench: Bench) -> None:
    bench.ask(":FORM:SREG HEX;*ESE 61;*SRE #B11;:STAT:OPER:ENAB #Q22")
    assert bench.ask(":STAT:OPER:COND?;ENAB?;PTR?;NTR?;*ESE?;*SRE?;*ESR?;*STB?") == (
        "#H492;#H12;#H7FFF;#H0;#H3D;#H3;#H80;#H10"
    )
    assert bench.ask(":FORM:SREG BIN;*ESE?;:FORM:SREG OCT;*ESE?;:FORM:SREG ASC;*ESE?") == "#B111101;#Q75;61"
    bench.ask(":FORM:DIG BIN;:DIG:DATA 5")
    assert bench.ask(":DIG:DATA?;:STAT:OPER:ENAB?") == "#B101;18"


def test_settings_are_saved_and_recalled_with_the_output_off(bench: Bench) -> None:
    bench.ask(":SOUR:VOLT 0.3;:SENS:CURR:PROT 1E-3;:SOUR2:VOLT 2;:SOUR:LIST:VOLT 1,2;:FORM:ELEM:SENS CURR;*SAV 2")
    bench.ask(":SOUR:VOLT 0.7;:SENS:CURR:PROT 1E-2;:SOUR:LIST:VOLT:APP 3;:FORM:ELEM:SENS VOLT;:OUTP 1;:OUTP2 1")
    assert bench.code("*RCL 2") == 0
    assert bench.ask(":OUTP?;:OUTP2?;:SOUR:VOLT?;:SENS:CURR:PROT?;:SOUR2:VOLT?;:SOUR:LIST:VOLT:POIN?") == (
        "0;0;+3.000000E-01;+1.000000E-03;+2.000000E+00;2"
    )
    assert bench.ask(":FORM:ELEM:SENS?") == "CURR"
    bench.ask(":OUTP 1")
    assert bench.terminals.drive_state == (0.3, 1e-3)
    # What is changed afterwards does not change what was saved.
    bench.ask(":SOUR:LIST:VOLT:APP 5;*RCL 2;:SOUR:VOLT 1;*RST;*RCL 2")
    assert bench.ask(":SOUR:VOLT?;:SOUR:LIST:VOLT:POIN?") == "+3.000000E-01;2"
    assert bench.ask("*RCL 4;:SOUR:VOLT?") == "+0.000000E+00"
    assert (bench.code("*SAV 5"), bench.code("*RCL"), bench.code("*SAV -1")) == (-222, -109, -222)


def test_what_is_saved_outlives_the_power_switch(bench: Bench) -> None:
    bench.ask(":SOUR:VOLT 0.3;*SAV 1;:SOUR2:VOLT 5;:OUTP2:SAVE 0;:SYST:FAN:MODE RACK;:OUTP 1")
    bench.panel.power_cycle()
    assert bench.ask(":SOUR:VOLT?;:OUTP?;:SYST:FAN:MODE?;:SYST:PON?") == "+0.000000E+00;0;RACK;RST"
    bench.ask("*RCL 1;:OUTP2:REC 0;:SYST:PON RCL1")
    assert bench.ask(":SOUR:VOLT?;:SOUR2:VOLT?") == "+3.000000E-01;+5.000000E+00"
    bench.panel.power_cycle()
    assert bench.ask(":SOUR:VOLT?;:SOUR2:VOLT?;:OUTP?") == "+3.000000E-01;+0.000000E+00;0"
    assert bench.terminals.drive_state is None


def test_one_channel_s_settings_are_saved_and_recalled(bench: Bench) -> None:
    bench.ask(":SOUR:VOLT 0.3;:SOUR2:VOLT 0.4;:OUTP2:SAVE 1;:SOUR2:VOLT 5;:SOUR:VOLT 6;:OUTP2 1;:OUTP 1;:OUTP2:REC 1")
    assert bench.ask(":SOUR:VOLT?;:SOUR2:VOLT?;:OUTP?;:OUTP2?") == "+6.000000E+00;+4.000000E-01;1;0"


def test_the_calendar_runs(bench: Bench) -> None:
    bench.ask(":SYST:DATE 2024,2,28;TIME 23,59,50")
    bench.clock.sleep(15)
    assert bench.ask(":SYST:DATE?;TIME?") == "2024,2,29;0,0,5"
    assert bench.code(":SYST:DATE 2023,2,29") == -222
    assert bench.code(":SYST:TIME 24,0,0") == -222


def test_what_an_instrument_has_and_lacks(bench: Bench) -> None:
    assert bench.ask("*CAL?;*OPT?;:SYST:DATA:QUAN? (@1,2)") == "0;0;0,0"
    bench.ask(":TRIG:COUN 3;:READ?")
    assert bench.ask(":SYST:DATA:QUAN?") == "3"
    assert bench.ask(":SYST:LOCK:REQ?;OWN?;NAME?;REL;OWN?") == '1;"LAN127.0.0.1";"LAN127.0.0.1";"NONE"'
    for message in (":MMEM:CAT?", ":MMEM:STOR:DATA 'a.csv'", ":MMEM:LOAD:STAT 'a.sta'"):
        assert bench.code(message) == -252
    bench.ask(":MMEM:CAT?")
    assert bench.ask(":SYST:ERR?") == '-252,"Missing media"'


def test_groups_are_reset(bench: Bench) -> None:
    bench.ask(":SYST:GRO (@1),(@2);:SYST:GRO:RES")
    assert bench.ask(":SYST:GRO?") == "(@1,2)"


def test_ranges_go_up_and_down(bench: Bench) -> None:
    bench.ask(":SENS:CURR:RANG 1E-4;RANG UP")
    assert bench.ask(":SENS:CURR:RANG?;RANG:AUTO?") == "+1.000000E-03;0"
    bench.ask(":SENS:CURR:RANG DOWN;RANG DOWN;:SOUR:VOLT:RANG 2;RANG UP")
    assert bench.ask(":SENS:CURR:RANG?;:SOUR:VOLT:RANG?;RANG:AUTO?") == "+1.000000E-05;+2.000000E+01;0"
    bench.ask(":SOUR:VOLT 5")
    assert bench.code(":SOUR:VOLT:RANG DOWN") == -221
    bench.ask(":SENS:VOLT:RANG MAX;RANG UP")
    assert bench.code(":SENS:VOLT:RANG UP") == 0
    assert bench.ask(":SOUR:VOLT:RANG?") == "+2.000000E+01"
