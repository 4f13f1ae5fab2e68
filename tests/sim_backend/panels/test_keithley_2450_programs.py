"""What public programs and the maker's examples send to a 2450: taken without an error, with the right readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sim_backend.panels.conftest import Bench2450

LOW_RESISTANCE = (
    "*RST",
    'TRIG:LOAD "SimpleLoop", 100',
    'SENS:FUNC "RES"',
    "SENS:RES:RANG:AUTO ON",
    "SENS:RES:OCOM ON",
    "SENS:RES:RSEN ON",
    "DISP:SCR SWIPE_GRAPh",
    "SOUR:DEL 0.001",
    "SOUR:VOLT 1",
    "OUTP ON",
    "INIT",
    "*WAI",
)
"""The maker's example "Measuring low resistance devices"; a level is added, for automatic ohms are not modelled."""
FET_GATE = (
    "*RST",
    ':SENSE:FUNC "CURR"',
    ":SENSE:CURR:RANG:AUTO ON",
    ":SOUR:FUNC VOLT",
    ":SOUR:VOLT:RANG 20",
    ":SOUR:VOLT:ILIMIT 0.01",
    'SOUR:CONF:LIST:CRE "stepVals"',
    "DIG:LINE1:MODE TRIG, OUT",
    "DIG:LINE2:MODE TRIG, IN",
    "TRIG:DIG1:OUT:STIM NOT1",
    "TRIG:DIG1:OUT:LOG POS",
    "TRIG:DIG2:IN:CLE",
    "TRIG:DIG2:IN:EDGE RIS",
    *(line for level in range(2, 6) for line in (f"SOUR:VOLT {level}", 'SOUR:CONF:LIST:STORE "stepVals"')),
    'TRIG:BLOC:CONF:RECALL 1, "stepVals"',
    "TRIG:BLOC:SOUR:STAT 2, ON",
    "TRIG:BLOC:MEAS 3",
    "TRIG:BLOC:NOT 4, 1",
    "TRIG:BLOC:WAIT 5, DIG2",
    'TRIG:BLOC:CONF:NEXT 6, "stepVals"',
    "TRIG:BLOC:BRAN:COUN 7, 4, 3",
    "TRIG:BLOC:SOUR:STAT 8, OFF",
)
"""The maker's example "I-V characteristics of FETs", the instrument at the gate."""
NESTED = (
    "*RST",
    'TRIG:LOAD "EMPTY"',
    "TRIG:BLOC:BUFF:CLEAR 1",
    "TRIG:BLOC:MEAS 2",
    "TRIG:BLOC:BRAN:COUN 3, 5, 2",
    "TRIG:BLOC:DEL:CONS 4, 1",
    "TRIG:BLOC:BRAN:COUN 5, 3, 2",
)
"""The reference manual's example of a counting branch: 15 readings."""
REMEMBERED = (
    (":SOUR:VOLT:DEL:USER1 0.001", ":SOUR:VOLT:DEL:USER1?", "0.001"),
    (":SENS:CURR:DEL:USER2 0.002", ":SENS:CURR:DEL:USER2?", "0.002"),
    (":SOUR:VOLT:HIGH:CAP ON", ":SOUR:VOLT:HIGH:CAP?", "1"),
    (":CURR:AVER:COUNT 7", ":SENS:CURR:AVER:COUN?", "7"),
    (":CURR:AVER:TCON MOV", ":CURR:AVER:TCON?", "MOV"),
    (":SENS:NPLC 0.5", ":SENS:VOLT:NPLC?", "0.5"),
    (":SENS:RES:RANG:AUTO:ULIM 2E6", ":SENS:RES:RANG:AUTO:ULIM?", "2000000"),
    (":SENS:VOLT:UNIT OHM", ":SENS:VOLT:UNIT?", "OHM"),
    (":CALC2:CURR:LIM1:UPP 1E-3", ":CALC2:CURR:LIM1:UPP?", "0.001"),
    (":CALC2:CURR:LIM2:AUD FAIL", ":CALC2:CURR:LIM2:AUD?", "FAIL"),
    (":CALC:CURR:MATH:FORM MXB", ":CALC1:CURR:MATH:FORM?", "MXB"),
    (":TRAC:FILL:MODE ONCE", ':TRAC:FILL:MODE? "defbuffer1"', "ONCE"),
    (":TRAC:LOG:STAT OFF", ":TRAC:LOG:STAT?", "0"),
    (":DISP:CURR:DIG 6", ":DISP:CURR:DIG?", "6"),
    (":DISP:READ:FORM EXP", ":DISP:READ:FORM?", "EXP"),
    (":SYST:ACC EXCL", ":SYST:ACC?", "EXCL"),
    (":SYST:GPIB:ADDR 20", ":SYST:GPIB:ADDR?", "20"),
    (":DIG:LINE3:MODE DIG, OUT", ":DIG:LINE3:MODE?", "DIG,OUT"),
    (":DIG:WRIT 5", ":DIG:READ?", "5"),
    (":DIG:LINE2:STAT 0", ":DIG:LINE2:STAT?", "0"),
    ("TRIG:DIG2:IN:EDGE RIS", "TRIG:DIG2:IN:EDGE?", "RIS"),
    ("TRIG:TIM1:DEL 0.5", "TRIG:TIM1:DEL?", "0.5"),
    ('SENS:CONF:LIST:CRE "m";STOR "m"', 'SENS:CONF:LIST:SIZE? "m"', "1"),
)


def complaints(bench: Bench2450) -> int:
    return int(bench.ask(":SYST:ERR:COUN?") or "-1")


@pytest.mark.parametrize("program", [LOW_RESISTANCE, FET_GATE, NESTED], ids=["low ohms", "fet", "nested"])
def test_the_maker_s_programs_are_understood(bench_2450: Bench2450, program: tuple[str, ...]) -> None:
    for line in program:
        bench_2450.ask(line)
        assert (line, complaints(bench_2450)) == (line, 0)


@pytest.mark.parametrize(("command", "query", "reply"), REMEMBERED)
def test_settings_are_remembered_until_a_reset(bench_2450: Bench2450, command: str, query: str, reply: str) -> None:
    before = bench_2450.ask(query) if "CONF:LIST" not in query else None
    assert bench_2450.ask(command) is None
    assert bench_2450.ask(query) == reply
    assert complaints(bench_2450) == 0
    bench_2450.ask("*RST")
    if before is not None:
        assert bench_2450.ask(query) == before != reply


def test_a_buffer_without_a_style(bench_2450: Bench2450) -> None:
    """A public driver leaves nothing behind the last comma."""
    bench_2450.ask(":TRACe:MAKE 'mine', 20, ")
    assert bench_2450.ask(":TRACe:POINts? 'mine'") == "20"
    assert bench_2450.code(":TRACe:MAKE 'other',, 20") == -109


def test_low_ohms(bench_2450: Bench2450) -> None:
    for line in LOW_RESISTANCE:
        bench_2450.ask(line)
    values = bench_2450.values('TRAC:DATA? 1, 100, "defbuffer1", READ')
    assert values == pytest.approx([10e3] * 100, rel=1e-4)
    assert bench_2450.ask('TRAC:DATA? 1, 1, "defbuffer1", UNIT') == "Ohm"
    assert bench_2450.ask(":SENS:FUNC?") == '"RES"'
    assert bench_2450.ask(":SENS:RES:RANG?") == "20000"


def test_ohms_need_a_current(bench_2450: Bench2450) -> None:
    bench_2450.ask(':SENS:FUNC "RES";:OUTP ON')
    assert bench_2450.values(":READ?") == [9.9e37]


def test_an_example_s_nested_loops_take_fifteen_readings(bench_2450: Bench2450) -> None:
    for line in NESTED:
        bench_2450.ask(line)
    took = bench_2450.elapsed("INIT;*WAI")
    assert bench_2450.ask("TRAC:ACT?") == "15"
    assert took > 3.0
    assert bench_2450.ask("TRIG:BLOC:BRAN:COUN:COUN? 5") == "4"
    assert bench_2450.ask(":TRIG:STAT?") == "IDLE;IDLE;5"


def test_a_list_of_sources_steps_through_its_levels(bench_2450: Bench2450) -> None:
    bench_2450.ask('*RST;SOUR:VOLT:ILIM 0.01;:SOUR:CONF:LIST:CRE "steps"')
    for level in (1, 2, 3):
        bench_2450.ask(f'SOUR:VOLT {level};:SOUR:CONF:LIST:STOR "steps"')
    bench_2450.ask('TRIG:BLOC:CONF:RECALL 1, "steps";:TRIG:BLOC:SOUR:STAT 2, ON;:TRIG:BLOC:MEAS 3')
    bench_2450.ask('TRIG:BLOC:CONF:NEXT 4, "steps";:TRIG:BLOC:BRAN:COUN 5, 3, 3;:TRIG:BLOC:SOUR:STAT 6, OFF')
    bench_2450.ask("INIT;*WAI")
    assert bench_2450.values('TRAC:DATA? 1,3,"defbuffer1",READ') == pytest.approx([1e-4, 2e-4, 3e-4], rel=1e-3)
    assert bench_2450.ask(":OUTP?") == "0"
    assert complaints(bench_2450) == 0


def test_a_wait_ends_with_a_bus_trigger(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:TRIG:BLOC:WAIT 1, COMM;:TRIG:BLOC:MEAS 2;:OUTP ON;:INIT")
    bench_2450.clock.sleep(1.0)
    assert bench_2450.ask(":TRIG:STAT?") == "WAITING;WAITING;1"
    assert bench_2450.ask("*TRG;*WAI;:TRAC:ACT?") == "1"


def test_a_wait_for_what_never_comes_can_be_ended(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:TRIG:BLOC:WAIT 1, DIG2;:INIT")
    bench_2450.ask(":ABOR")
    assert bench_2450.ask(":TRIG:STAT?") == "ABORTED;ABORTED;1"


def test_branches(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:SOUR:VOLT 1;:OUTP ON;:TRIG:BLOC:MEAS 1;:TRIG:BLOC:BRAN:LIM:CONS 2, ABOV, 0, 5E-5, 4")
    bench_2450.ask("TRIG:BLOC:MEAS 3, 'defbuffer1', 7;:TRIG:BLOC:BRAN:ONCE 4, 1;:TRIG:BLOC:NOP 5;:INIT;*WAI")
    assert bench_2450.ask("TRAC:ACT?") == "2"


def test_a_branch_to_nowhere_fails_the_run(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:TRIG:BLOC:BRAN:ALW 1, 9;:INIT;*WAI")
    assert bench_2450.ask(":SYST:ERR:CODE?") == "-221"
    assert bench_2450.ask(":TRIG:STAT?") == "FAILED;FAILED;1"


def test_blocks_that_go_round_for_ever_are_waited_for_only_so_long(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:TRIG:BLOC:DEL:CONS 1, 100;:TRIG:BLOC:BRAN:ALW 2, 1;:INIT;*WAI")
    assert bench_2450.ask(":TRIG:STAT?") == "ABORTED;ABORTED;1"


@pytest.mark.parametrize("load", ["TRIG:LOAD:LOOP:DUR 2, 0.1", 'TRIG:LOAD "DurationLoop", 2, 0.1'])
def test_a_loop_by_duration(bench_2450: Bench2450, load: str) -> None:
    bench_2450.ask(f"*RST;:SOUR:VOLT 1;:{load}")
    assert bench_2450.elapsed("INIT;*WAI") == pytest.approx(2.0, abs=0.2)
    assert 10 <= int(bench_2450.ask("TRAC:ACT?") or 0) <= 20
    assert complaints(bench_2450) == 0


@pytest.mark.parametrize(
    ("load", "code"),
    [('TRIG:LOAD "SimpleLoop"', -109), ('TRIG:LOAD "Nonsense"', -224), ('TRIG:LOAD "SimpleLoop", "x"', -104)],
)
def test_what_a_predefined_model_needs(bench_2450: Bench2450, load: str, code: int) -> None:
    assert bench_2450.code(load) == code


def test_a_logarithmic_sweep(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:SOUR:VOLT:ILIM 0.1;:SOUR:SWE:VOLT:LOG 0.01, 10, 4, 0;:INIT;*WAI")
    levels = bench_2450.values('TRAC:DATA? 1,4,"defbuffer1",SOUR')
    assert levels == pytest.approx([0.01, 0.1, 1.0, 10.0], rel=1e-4)
    assert bench_2450.code(":SOUR:SWE:VOLT:LOG -1, 1, 4") == -222


def test_statistics(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:SOUR:VOLT:ILIM 0.1;:SOUR:SWE:VOLT:LIN 1, 3, 3, 0;:INIT;*WAI")
    found = [bench_2450.values(f":TRACe:STATistics:{name}?")[0] for name in ("AVERage", "MAX", "MIN", "PK2P", "STDDev")]
    assert found == pytest.approx([2e-4, 3e-4, 1e-4, 2e-4, 1e-4], rel=1e-3)
    bench_2450.ask(":TRAC:STAT:CLE")
    assert bench_2450.code(":TRAC:STAT:AVER?") == -230
    assert bench_2450.ask(":TRAC:ACT?") == "3"


def test_a_filter_takes_its_time(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:SOUR:VOLT 1;:OUTP ON;:READ?")
    plain = bench_2450.elapsed(":READ?")
    bench_2450.ask(":CURR:AVER:COUN 10;:CURR:AVER ON")
    assert bench_2450.elapsed(":READ?") == pytest.approx(10 * plain, rel=1e-6)
    bench_2450.ask(":CURR:AVER:TCON MOV")
    assert bench_2450.elapsed(":READ?") == pytest.approx(plain, rel=1e-6)


def test_a_moving_filter_averages_the_last_readings(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:SOUR:VOLT:RANG 20;:OUTP ON;:CURR:AVER:TCON MOV;:CURR:AVER:COUN 2;:CURR:AVER ON")
    readings = [bench_2450.values(f":SOUR:VOLT {level};:READ?")[0] for level in (0.1, 0.3, 0.5)]
    assert readings == pytest.approx([1e-5, 2e-5, 4e-5], rel=1e-3)


def test_offset_math_and_limits(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:SOUR:VOLT 1;:OUTP ON;:SENS:CURR:REL:ACQ")
    assert bench_2450.values(":SENS:CURR:REL?") == pytest.approx([1e-4], rel=1e-3)
    assert bench_2450.values(":READ?") == pytest.approx([0.0], abs=1e-9)
    bench_2450.ask(":SENS:CURR:REL:STAT OFF;:CALC:CURR:MATH:FORM MXB;:CALC:CURR:MATH:MMF 2;MBF 1;STAT ON")
    assert bench_2450.values(":READ?") == pytest.approx([1.0002], rel=1e-6)
    bench_2450.ask(":CALC:CURR:MATH:FORM REC")
    assert bench_2450.values(":READ?") == pytest.approx([1e4], rel=1e-3)
    bench_2450.ask(":CALC2:CURR:LIM1:LOW 0;UPP 100;STAT ON")
    reading, status = bench_2450.values(':READ? "defbuffer1", READ, STAT')
    assert (reading > 100, int(status) & 0xF0) == (True, 128)
    assert bench_2450.ask(":CALC2:CURR:LIM1:FAIL?") == "HIGH"
    bench_2450.ask(":CALC2:CURR:LIM1:CLE")
    assert bench_2450.ask(":CALC2:CURR:LIM1:FAIL?") == "NONE"


def test_a_set_up_comes_back_with_the_output_off(bench_2450: Bench2450) -> None:
    bench_2450.ask("*RST;:SOUR:VOLT 0.5;:SOUR:VOLT:ILIM 0.002;*SAV 1;*RST;:OUTP ON;*RCL 1")
    assert bench_2450.ask(":SOUR:VOLT?;:SOUR:VOLT:ILIM?;:OUTP?") == "0.5;0.002;0"
    assert bench_2450.code("*RCL 3") == -221


def test_a_simple_loop_leaves_the_output_alone(bench_2450: Bench2450) -> None:
    bench_2450.ask('*RST;:SOUR:VOLT 1;:TRIG:LOAD "SimpleLoop", 5;:OUTP ON;:INIT;*WAI')
    assert bench_2450.ask(":OUTP?;:TRAC:ACT?") == "1;5"
    bench_2450.ask(":OUTP OFF;:INIT;*WAI")
    assert bench_2450.ask(":OUTP?;:TRAC:ACT?") == "0;5"


def test_both_configuration_lists_step_together(bench_2450: Bench2450) -> None:
    """The reference manual's example, with levels that the resistor's current limit allows."""
    bench_2450.ask('*RST;:SOUR:VOLT:ILIM 0.01;:SOURce:CONF:LIST:CRE "SOURCE_LIST";:SENS:CONF:LIST:CRE "MEASURE_LIST"')
    for level, full_range in ((1, 1e-3), (5, 10e-3), (10, 100e-3)):
        bench_2450.ask(f':SOUR:VOLT {level};:SOURce:CONF:LIST:STORE "SOURCE_LIST"')
        bench_2450.ask(f':SENS:CURR:RANG {full_range};:SENSe:CONF:LIST:STOR "MEASURE_LIST"')
    bench_2450.ask(':TRIG:LOAD "ConfigList", "MEASURE_LIST", "SOURCE_LIST";:INIT;*WAI')
    assert complaints(bench_2450) == 0
    assert bench_2450.values('TRAC:DATA? 1,3,"defbuffer1",READ') == pytest.approx([1e-4, 5e-4, 1e-3], rel=1e-3)
    assert bench_2450.code(':TRIG:LOAD "ConfigList", "none", "SOURCE_LIST"') == -224


def test_only_an_empty_buffer_can_be_filled_otherwise(bench_2450: Bench2450) -> None:
    bench_2450.ask(":OUTP ON;:READ?")
    assert bench_2450.code(":TRAC:FILL:MODE ONCE") == -221
    assert bench_2450.code(":TRAC:CLE;FILL:MODE ONCE") == 0


@pytest.mark.parametrize("block", ["BRAN:ALW 1, 1", "BRAN:COUN 1, 268435455, 1"])
def test_a_loop_that_waits_for_nothing_can_be_ended(bench_2450: Bench2450, block: str) -> None:
    bench_2450.ask(f"*RST;:TRIG:BLOC:{block};:INIT;*WAI")
    assert bench_2450.ask(":TRIG:STAT?") == "ABORTED;ABORTED;1"
    assert bench_2450.ask("*IDN?") is not None
