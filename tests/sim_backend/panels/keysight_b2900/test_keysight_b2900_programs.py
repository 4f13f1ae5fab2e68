"""What public programs and laboratories' scripts send to instruments of this family: none of it may be refused.

Facts of their dialogues only, one program a test; each asks the error queue at its end as few of them do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sim_backend.panels.keysight_b2900.conftest import Bench

NONE = '+0,"No error"'


def send(bench: Bench, lines: Sequence[str]) -> None:
    """Send lines that must not be refused."""
    for line in lines:
        assert bench.ask(line) is None
        assert (line, bench.ask(":SYST:ERR:ALL?")) == (line, NONE)


def test_a_sweep_on_a_timer_that_polls_the_status_byte(bench: Bench) -> None:
    """A script around the B2912A's USB interface (VisaTest)."""
    send(bench, (":SOUR1:VOLT:MODE SWE", ":SOUR1:VOLT:STAR 0.0", ":SOUR1:VOLT:STOP 1.0", ":SOUR1:SWE:POIN 11"))
    send(bench, (":TRIG1:ALL:COUN 10", ":TRIG1:ALL:DEL 0", ":TRIG1:ALL:TIM 0.5", ":TRIG1:ALL:SOUR TIM"))
    send(bench, (":FORM:ELEM:SENS VOLT,CURR", "*CLS", "*ESE 1", ":INIT (@1)", "*OPC"))
    polls = 0
    while not bench.panel.status_byte() & 0x20:
        bench.clock.sleep(0.5)
        polls += 1
    assert polls == 10
    values = bench.values(":FETC:ARR? (@1)")
    assert values[::2] == pytest.approx([place / 10 for place in range(10)])
    assert values[1::2] == pytest.approx([place / 1e5 for place in range(10)])


def test_a_test_station_that_asks_for_error_codes(bench: Bench) -> None:
    """A production driver of the B2902A: it compares the reply with +0 and its newline, byte for byte."""
    setup = ":SENS1:CURR:PROT 0.001", ":SENS1:REM OFF", ':SENS1:FUNC:ON "VOLT","CURR"', ":SOUR1:VOLT:LEV:IMM 0.5"
    send(bench, (*setup, ":SOUR1:FUNC:MODE  VOLT", ":SOUR1:FUNC:SHAP DC", ":SOUR1:VOLT:MODE FIX"))
    send(bench, (":SENS1:CURR:DC:NPLC 5", ":OUTP1:STAT ON", ":INIT:IMM:ACQ (@1)"))
    bench.clock.sleep(1)
    assert bench.raw(":SYST:ERR:CODE:ALL?") == b"+0\n"
    assert bench.values(":SENS1:DATA?")[:2] == pytest.approx([0.5, 5e-5])
    send(bench, (":SENS1:CURR:DC:RANG:UPP 0.001", ":SENS1:CURR:DC:APER:AUTO 1", ":SENS1:CURR:APER 0.005"))
    send(bench, (":TRIG1:ACQ:SOUR TIM", ":TRIG1:ACQ:TIM 0.01", ":TRIG1:ACQ:COUN 60", ":INIT:ACQ (@1)"))
    assert bench.ask("*STB?") == "0"
    assert bench.values(":FETC:ARR:CURR? (@1)") == pytest.approx([5e-5] * 60)


def test_two_channels_in_lists_of_volts_and_amperes(bench: Bench) -> None:
    """The same driver's transfer curves: channel 2 sources a list of zero amperes."""
    levels = [1.8 + place * 0.005 for place in range(12)]
    send(bench, (":sour1:func:mode volt", ":sour2:func:mode curr", "FORM:ELEM:SENS VOLT,CURR"))
    send(bench, (f":sour1:list:volt {str(levels)[1:-1]}", ":sour1:volt:mode list"))
    send(bench, (f":sour2:list:curr {','.join(['0.0'] * 12)}", ":sour2:curr:mode list"))
    assert len(bench.values("SOUR1:LIST:VOLT?")) == len(bench.values("SOUR2:LIST:CURR?")) == 12
    send(bench, (":SENS1:CURR:PROT 0.2", ":SENS2:VOLT:PROT 10.0", ":SENS1:CURR:APER 0.03", ":SENS2:VOLT:APER 0.03"))
    send(bench, (":TRIG:SOUR TIM", ":TRIG:TIM 0.04", ":TRIG:COUNT 12", ":TRIG2:COUNT 12", ":OUTP1 ON", ":OUTP2 ON"))
    send(bench, (":INIT (@1,2)",))
    values = bench.values("FETC:ARR? (@1,2)")
    assert len(values) == 48
    assert values[0::4] == pytest.approx(levels, rel=1e-5)
    assert bench.ask(":SYST:ERR:ALL?") == NONE


def test_the_display_and_the_trace_buffer(bench: Bench) -> None:
    """Labtronyx, and a laboratory's statistics of a radio's current."""
    send(bench, (":DISP:ENAB 0", ":DISP:WIND1:TEXT:STAT 1", ':DISP:WIND1:TEXT:DATA "top"', ":DISP:WIND2:TEXT:STAT 0"))
    send(bench, (":SOUR1:VOLT 0.5", ":SOUR1:VOLT:TRIG 0.25", ":SENS1:VOLT:APER:AUTO 0", ":TRAC1:FEED:CONT NEV"))
    send(bench, (":TRAC1:CLE", ":TRAC1:POIN 5", ":FORM:ELEM:SENS VOLT,CURR,TIME", ":TRAC1:FEED SENS"))
    send(bench, (":TRAC1:TST:FORM ABS", ":TRAC1:FEED:CONT NEXT", ":TRIG1:COUN 5", ":TRAC:STAT:FORM MEAN"))
    send(bench, (":INIT:ACQ (@1)",))
    bench.clock.sleep(1)
    assert bench.ask(":TRAC1:POIN?;:TRAC1:POIN:ACT?") == "5;5"
    assert bench.values(":TRAC1:DATA?")[:2] == pytest.approx([0.5, 5e-5])
    assert bench.values(":TRAC:STAT:DATA?") == pytest.approx([0.5, 5e-5])


def test_pulses_of_a_list_on_a_timer(bench: Bench) -> None:
    """A MATLAB script for memory cells, and one that triggers a spectrometer by a digital pin."""
    send(bench, (":SOUR1:FUNC:MODE VOLT", ":SOUR1:FUNC:SHAP PULS", ":SOUR1:VOLT:MODE LIST"))
    send(bench, (":SOUR1:LIST:VOLT 0.1, 0.2, 0.1, 0.2, 0.1, 0.2", ":SOUR1:PULS:WIDT 3e-4", ':SENS1:FUNC "CURR:DC"'))
    send(bench, (":SENS1:CURR:APER 1e-4", ":SENS1:CURR:PROT 100e-6", ":TRIG1:ACQ:DEL 2e-4", ":TRIG1:SOUR TIM"))
    send(bench, (":TRIG1:TIM 5e-4", ":TRIG1:COUN 6", ":SOUR:TOUT:STAT ON", ":SOUR:TOUT:SIGN EXT3"))
    send(bench, (":SOUR:DIG:EXT3:FUNC DIO", ":SOUR:DIG:EXT3:TOUT:EDGE:POS BEF", ":SOUR:DIG:EXT3:TOUT:EDGE:WIDT 0.01"))
    send(bench, (":OUTP ON", ":INIT (@1)"))
    assert bench.values("FETC:ARR:CURR? (@1)") == pytest.approx([1e-5, 2e-5] * 3)


def test_a_station_that_resets_pins_and_arm_layers(bench: Bench) -> None:
    """A C# driver of the B2911A in a laser test station."""
    send(bench, (":SOUR1:FUNC:TRIG:CONT OFF", ":ARM1:ALL:COUN 1", ":ARM1:ACQ:DEL 0", ":ARM1:TRAN:DEL 0"))
    send(bench, (":ARM1:ALL:SOUR AINT", ":ARM1:ALL:TIM MIN", ":SOUR:DIG:DATA 0", ":SOUR:DIG:EXT1:FUNC TOUT"))
    send(bench, (":SOUR:DIG:EXT1:POL POS", ":SOUR:DIG:EXT1:TOUT:POS BEF", ":SOUR:DIG:EXT1:TOUT:WIDT 50E-6"))
    send(
        bench, (":SOUR:DIG:EXT8:FUNC DINP", ":SOUR:DIG:DATA 4096", ":ARM:TOUT 0", ":ARM1:TOUT:SIGN EXT7", ":DIG:DATA 0")
    )
    send(bench, (":SYST:LFR 60", ":SYST:BEEP:STAT OFF", ":DISP:ENAB ON"))


def test_a_single_pulse_train_of_a_sweep(bench: Bench) -> None:
    """SweepMe: pulses are points of a sweep."""
    send(bench, ("*RST", "SYST:BEEP:STAT OFF", ":SYST:LFR 50", ":SOUR1:FUNC:MODE VOLT", ":SOUR1:VOLT:MODE SWE"))
    send(bench, (':SENS1:FUNC "CURR"', ":SENS1:CURR:NPLC 0.01", ":SENS1:CURR:PROT 0.0001", ":SENS1:CURR:RANG:AUTO ON"))
    send(bench, (":SOUR1:CURR:RANG:AUTO ON", ":SENS1:CURR:RANG:AUTO:MODE RES", "SENS:REM OFF", ":FUNC PULS"))
    send(bench, (":PULS:WIDT 0.001", ":PULS:DEL 0", ":SOUR1:SWE:POIN 3", ":SOUR1:FUNC:TRIG:CONT OFF", ":SOUR1:WAIT ON"))
    send(bench, (":SENS1:WAIT ON", ":TRIG1:TRAN:DEL MIN", ":TRIG1:ACQ:DEL 5.0000E-04", ":TRIG1:ALL:SOUR AINT"))
    send(bench, (":TRIG1:ALL:COUN 3", ":TRIG1:ALL:TIM MIN", ":FORM:ELEM:SENS VOLT,CURR,TIME,STAT,SOUR"))
    send(bench, (":SYST:TIME:TIM:COUN:RES:AUTO ON", ":OUTP1:LOW GRO", ":SOUR1:VOLT:STAR 0.4", ":SOUR1:VOLT:STOP 0.4"))
    send(bench, (":OUTP1 ON", ":INIT (@1)"))
    values = bench.values(":FETC:ARR? (@1)")
    assert values[4::5] == [0.4] * 3
    assert values[1::5] == pytest.approx([4e-5] * 3)


def test_registers_and_the_idle_state_of_a_pymeasure_driver(bench: Bench) -> None:
    """PyMeasure's proposed driver of the B2961A: all functions, both layers, then it waits for 1170."""
    send(bench, (":SENS:FUNC:ALL", ":SENS:CURR:NPLC:AUTO 1", ":SENS:RES:OCOM 0", ":OUTP:STAT 0;:OUTP:LOW FLO"))
    send(bench, (":TRAC:FEED:CONT NEV;:TRAC:CLE", ":TRAC:POIN MAX", ":TRAC:FEED SENS", "TRAC:FEED:CONT NEXT"))
    send(bench, (":TRIG:COUN INF", ":TRIG:DEL 0", ":TRIG:TIM 1", ":ARM:COUN MIN", ":ARM:DEL 0", ":ARM:TIM DEF"))
    send(bench, (":ARM:SOUR AINT", ":TRIG:SOUR AINT", ":OUTP:OFF:MODE NORM", ":OUTP:ON:AUTO 1", ":OUTP:OFF:AUTO 0"))
    assert bench.ask(":FORM:SREG ASC;:STAT:OPER:COND?") == "1170"
    assert bench.ask(":IDLE?;:FORM:SREG ASC;*STB?") == "1;16"
    send(bench, (":ARM;:TRIG;:INIT;*TRG", ":SYST:BEEP:STAT ON;:SYST:BEEP 2000.000000, 1.000000"))
    bench.clock.sleep(1)
    assert int(bench.ask(":TRAC:POIN:ACT?") or "") > 100
    send(bench, (":ABOR", ":OUTP:STAT 0"))
    assert bench.ask(":STAT:OPER:COND?") == "1170"


def test_a_laboratory_s_socket_client(bench: Bench) -> None:
    """A particle physics laboratory on port 5025: long and short forms mixed, the channel left out."""
    send(bench, (":FUNCtion:MODE VOLT;:VOLTage:LEVel 0.5;:SENS:CURRent:PROT:LEVel 0.001", "OUTp:STAT ON"))
    assert bench.values(":MEASure:CURRent?") == pytest.approx([5e-5])
    assert bench.ask(":SENS:CURRent:PROT:LEVel?;:FUNCtion:MODE?;:SENS:REM?") == "+1.000000E-03;VOLT;0"
    send(bench, (":DISP:VIEW graph", ':DISP:TEXT:DATA "XRM"', ":DISP:TEXT:STAT on", ":SYSTem:DATE 2020,12,15"))
    assert bench.ask(":DISP:TEXT:DATA?;:SYSTem:DATE?;:FUNC:TRIG:CONT?") == '"XRM";2020,12,15;0'
    send(bench, (":VOLTage:MODE SWE", ":SWE:STA DOUB", ":VOLTage:START 0.0", ":VOLTage:STOP 0.2", ":VOLTage:STEP 0.1"))
    send(bench, (":TRIGger:COUNt 6", ":TRIGger:TRANsient:DELay 0.001", ":TRIGger:ACQuire:DELay 0.005", ":INIT"))
    assert bench.values(":FETCh:ARR:CURR?") == pytest.approx([0, 1e-5, 2e-5, 2e-5, 1e-5, 0], abs=1e-12)


def test_a_sweep_whose_end_is_asked_for_in_one_message(bench: Bench) -> None:
    """A laboratory's driver of the B2961A."""
    send(bench, ("VOLT:MODE SWE", "SWE:DIR UP", "SWE:STA DOUB", "TRIG:SOUR AINT", "VOLT:STAR 0", "VOLT:STOP 0.5"))
    send(bench, ("SWE:RANG BEST", "SWE:POIN 6", "TRIG:COUN 12", "SENS:VOLT:NPLC 0.5", ":SOUR:VOLT  1.00000000e-01"))
    assert bench.ask("INIT; *OPC?") == "1"
    assert len(bench.values("FETC:ARR:CURR?")) == 12
    assert bench.ask(":SYST:ERR:ALL?") == NONE
