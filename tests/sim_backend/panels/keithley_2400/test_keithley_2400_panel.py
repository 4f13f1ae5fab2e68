"""The 2400's panel as a host sees it: transcripts, defaults, what it refuses, its error queue and its links."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from sim_backend.links import TakesManyHosts, link_to
from sim_backend.panels.host_link import LONGEST_MESSAGE
from sim_backend.panels.keithley_2400_instrument import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keithley_2400.conftest import Bench2400

TRANSCRIPTS = [
    ("*IDN?", "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1184003,C30   Mar 17 2006 09:29:29/A02  /K/J"),
    ("*OPT?;*TST?;*OPC?", "0;0;1"),
    (":SYST:VERS?", "1996.0"),
    (":SYST:ERR?", '0,"No error"'),
    (":STAT:QUE?", '0,"No error"'),
    (":SYST:ERR:ALL?;COUN?;CODE?", '0,"No error";0;0'),
    (":SOUR:VOLT 1;:sour:volt?;:SOURCE1:VOLTAGE:LEVEL:IMMEDIATE:AMPLITUDE?", "1.000000E+00;1.000000E+00"),
    (":SOUR:VOLT 500 MV;:SOUR:VOLT?;VOLT? MIN;VOLT? MAX;VOLT? DEF",
     "5.000000E-01;-2.100000E+02;2.100000E+02;0.000000E+00"),
    (":SENS:CURR:PROT 1E-3;:CURR:DC:PROT:LEV?;:CURR:PROT:TRIP?", "1.000000E-03;0"),
    (":SENS:CURR:PROT -1E-3;PROT?", "1.000000E-03"),
    (":SENS:FUNC:CONC?;:SENS:FUNC?", '1;"CURR:DC"'),
    (":SENS:FUNC 'VOLT';FUNC?", '"VOLT:DC","CURR:DC"'),
    (":SENS:FUNC:ON \"VOLT\",\"CURR\",\"RES\";:FUNC?;FUNC:COUN?;OFF?", '"VOLT:DC","CURR:DC","RES";3;""'),
    (":SENS:FUNC:CONC OFF;:FUNC 'VOLT:DC';FUNC?;FUNC:STAT? 'CURR'", '"VOLT:DC";0'),
    (":SENS:FUNC:ALL;:FUNC:CONC 0;:FUNC?", '"VOLT:DC"'),
    (":SENS:FUNC:OFF 'CURR';:FUNC?;FUNC:OFF:COUN?", '"";3'),
    (":SOUR:VOLT:RANG 3;RANG?;RANG:AUTO?", "2.100000E+01;0"),
    (":SOUR:VOLT:RANG 3;RANG UP;RANG?;RANG UP;RANG?;RANG DOWN;RANG?",
     "2.100000E+02;2.100000E+02;2.100000E+01"),
    (":SOUR:VOLT:RANG? MIN;RANG? MAX;RANG? DEF", "2.100000E-01;2.100000E+02;2.100000E+01"),
    (":SENS:CURR:RANG 1E-6;RANG?;RANG:AUTO?;AUTO:ULIM?", "1.050000E-06;0;1.050000E-04"),
    (":SENS:VOLT:NPLC 0.1;:SENS:CURR:NPLC?;:SENS:RES:NPLC?;:NPLC?", "1.000000E-01;1.000000E-01;1.000000E-01"),
    (":SENS:AVER:COUN 5;TCON MOV;STAT ON;:AVER?;AVER:TCON?;COUN?", "1;MOV;5"),
    (":SOUR:VOLT:PROT 30;PROT?;PROT:TRIP?;:SOUR:VOLT:PROT NONE;PROT?", "4.000000E+01;0;2.100000E+02"),
    (":SOUR:DEL 0.01;DEL?;DEL:AUTO?", "1.000000E-02;0"),
    (":OUTP:SMOD HIMP;SMOD?;:OUTP:ENAB?;:OUTP:ENAB:TRIP?", "HIMP;0;1"),
    (":FORM?;:FORM:ELEM?;:FORM:BORD?;:FORM:SREG?", "ASC;VOLT,CURR,RES,TIME,STAT;NORM;ASC"),
    (":FORM REAL,32;:FORM?;:FORM SREAL;:FORM?", "REAL,32;SRE"),
    (":FORM:ELEM STAT,CURR;ELEM?", "CURR,STAT"),
    (":ARM:COUN INF;:ARM:COUN?;:ARM:SEQ1:LAY1:SOUR?;:ARM:TIM?", "9.900000E+37;IMM;1.000000E-01"),
    (":TRIG:COUN 10;:TRIG:COUN?;DEL?;SOUR?;:TRIG:OUTP?;INP?", "10;0.000000E+00;IMM;NONE;SOUR"),
    (":TRIG:OUTP SOUR,SENS;:TRIG:OUTP?;:TRIG:TCON:ASYN:ILIN 3;:TRIG:ILIN?", "SOUR,SENS;3"),
    (":TRAC:POIN 7;POIN?;FEED?;FEED:CONT?;:TRAC:POIN:ACT?;:DATA:POIN?;:TRAC:TST:FORM?", "7;SENS;NEV;0;7;ABS"),
    (":TRAC:FREE?", "50000,0"),
    (":SOUR:LIST:VOLT 1,2,-3;:SOUR:LIST:VOLT?;VOLT:POIN?;:SOUR:LIST:VOLT:APP 4;:SOUR:LIST:VOLT:POIN?",
     "+1.000000E+00,+2.000000E+00,-3.000000E+00;3;4"),
    (":SOUR:VOLT:STAR 0;STOP 1;STEP 0.25;STEP?;:SOUR:SWE:POIN?", "2.500000E-01;5"),
    (":SOUR:VOLT:STAR 0;STOP 1;:SOUR:SWE:POIN 11;:SOUR:VOLT:STEP?;CENT?;SPAN?",
     "1.000000E-01;5.000000E-01;1.000000E+00"),
    (":SOUR:VOLT:CENT 1;SPAN 4;STAR?;STOP?", "-1.000000E+00;3.000000E+00"),
    (":SYST:RSEN ON;RSEN?;:SYST:AZER OFF;AZER?;:SYST:LFR 60;LFR?", "1;0;60"),
    (":ROUT:TERM REAR;TERM?;:SYST:GUAR OHMS;GUAR?;:SYST:POS SAV2;POS?", "REAR;OHMS;SAV2"),
    (":DISP:ENAB OFF;ENAB?;DIG 7;DIG?;:DISP:WIND2:TEXT 'hello';:DISP:CND;:SYST:BEEP 500,0.1;:SYST:ERR:CODE?",
     "0;7;0"),
    (":FORM:SREG HEX;:STAT:OPER:COND?;*ESE 20;*ESE?;:FORM:SREG BIN;:STAT:MEAS:COND?;:FORM:SREG OCT;*ESE?",
     "#H400;#H14;#B100000000000;#Q24"),
    (":CALC:STAT OFF;STAT?;:CALC2:NULL:STAT?;:CALC2:LIM12:STAT?;:SOUR2:TTL 3;TTL?", "0;0;0;3"),
    (":*RST;*OPC?", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "heard"), TRANSCRIPTS)
def test_transcript(bench_2400: Bench2400, sent: str, heard: str) -> None:
    assert bench_2400.ask(sent) == heard
    assert bench_2400.ask(":SYST:ERR?") == '0,"No error"'


DEFAULTS = {
    ":SOUR:FUNC?": "VOLT",
    ":SOUR:VOLT?": "0.000000E+00",
    ":SOUR:VOLT:MODE?": "FIX",
    ":SOUR:VOLT:RANG?": "2.100000E+01",
    ":SOUR:VOLT:RANG:AUTO?": "1",
    ":SOUR:VOLT:PROT?": "2.100000E+02",
    ":SOUR:CURR?": "0.000000E+00",
    ":SOUR:CURR:RANG?": "1.050000E-04",
    ":SOUR:DEL:AUTO?": "1",
    ":SOUR:SWE:SPAC?": "LIN",
    ":SOUR:SWE:POIN?": "2500",
    ":SOUR:SWE:DIR?": "UP",
    ":SOUR:SWE:RANG?": "BEST",
    ":SOUR:SWE:CAB?": "NEV",
    ":SOUR:CLE:AUTO?": "0",
    ":SENS:FUNC?": '"CURR:DC"',
    ":SENS:FUNC:CONC?": "1",
    ":SENS:CURR:RANG?": "1.050000E-04",
    ":SENS:CURR:RANG:AUTO?": "1",
    ":SENS:CURR:RANG:AUTO:LLIM?": "1.050000E-06",
    ":SENS:CURR:PROT?": "1.050000E-04",
    ":SENS:VOLT:RANG?": "2.100000E+01",
    ":SENS:VOLT:RANG:AUTO:LLIM?": "2.100000E-01",
    ":SENS:VOLT:PROT?": "2.100000E+01",
    ":SENS:RES:MODE?": "AUTO",
    ":SENS:CURR:NPLC?": "1.000000E+00",
    ":SENS:AVER?": "0",
    ":SENS:AVER:TCON?": "REP",
    ":SENS:AVER:COUN?": "10",
    ":OUTP?": "0",
    ":OUTP:SMOD?": "NORM",
    ":OUTP:ENAB?": "0",
    ":SYST:RSEN?": "0",
    ":SYST:AZER?": "1",
    ":ARM:COUN?": "1",
    ":ARM:SOUR?": "IMM",
    ":TRIG:COUN?": "1",
    ":TRIG:DEL?": "0.000000E+00",
    ":FORM?": "ASC",
    ":FORM:BORD?": "NORM",
    ":FORM:ELEM?": "VOLT,CURR,RES,TIME,STAT",
}
SPOILED = (
    ":SOUR:FUNC CURR;:SOUR:CURR 1E-6;:SENS:VOLT:PROT 5;:SENS:VOLT:RANG 2;:SOUR:FUNC VOLT;:SOUR:VOLT:RANG 20;"
    ":SOUR:VOLT 3;:SOUR:VOLT:MODE LIST;:SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1E-4;:SENS:FUNC 'RES';:SENS:FUNC:CONC OFF;"
    ":SENS:NPLC 10;:SENS:AVER ON;:SENS:AVER:TCON MOV;:SENS:AVER:COUN 3;:SENS:RES:MODE MAN;:SOUR:VOLT:PROT 40;"
    ":SOUR:DEL 1;:SOUR:SWE:SPAC LOG;POIN 5;DIR DOWN;RANG FIX;CAB LATE;:SOUR:CLE:AUTO ON;:OUTP:SMOD ZERO;:OUTP:ENAB ON;"
    ":SYST:RSEN ON;:SYST:AZER OFF;:ARM:COUN 2;:ARM:SOUR TIM;:TRIG:COUN 7;:TRIG:DEL 1;:FORM SRE;:FORM:BORD SWAP;"
    ":FORM:ELEM CURR;:OUTP ON"
)


def test_reset_restores_every_default(bench_2400: Bench2400) -> None:
    bench_2400.ask(SPOILED)
    assert bench_2400.ask(":SYST:ERR?;:OUTP?") == '0,"No error";1'
    different = {query: bench_2400.ask(query) for query in DEFAULTS}
    assert sum(different[query] != DEFAULTS[query] for query in DEFAULTS) > 30
    bench_2400.ask("*RST")
    assert {query: bench_2400.ask(query) for query in DEFAULTS} == DEFAULTS
    assert bench_2400.terminals.drive_state == (0.0, pytest.approx(5e-7))


def test_reset_leaves_status_queue_and_buffer_alone(bench_2400: Bench2400) -> None:
    bench_2400.ask(":TRAC:POIN 3;:TRAC:FEED:CONT NEXT;*ESE 4;*SRE 8;:STAT:MEAS:ENAB 512;:BOGUS")
    bench_2400.ask("*RST")
    assert bench_2400.ask(":TRAC:POIN?;*ESE?;*SRE?;:STAT:MEAS:ENAB?") == "3;4;8;512"
    assert bench_2400.ask(":SYST:ERR?") == '-113,"Undefined header"'


def test_at_power_up_the_bench_s_byte_order_is_swapped(make_bench_2400: Callable[..., Bench2400]) -> None:
    bench = make_bench_2400(fresh=True)
    assert bench.ask("*ESR?;:SYST:POS?;:FORM:BORD?") == "128;PRES;SWAP"
    bench.ask("*RST")
    assert bench.ask(":FORM:BORD?") == "NORM"
    bench.ask(":SYST:PRES")
    assert bench.ask(":FORM:BORD?") == "SWAP"
    bench.ask(":SYST:POS RST")
    bench.panel.power_cycle()
    assert bench.ask(":FORM:BORD?") == "NORM"


def test_set_ups_and_buffer_survive_a_power_cycle(bench_2400: Bench2400) -> None:
    bench_2400.ask(
        ":SOUR:VOLT 1.5;*SAV 3;:SYST:POS SAV3;:TRAC:POIN 2;:TRAC:FEED:CONT NEXT;:TRIG:COUN 2;:OUTP ON;:INIT;*OPC?"
    )
    bench_2400.ask("*RST;:FORM:ELEM VOLT")
    assert bench_2400.ask(":SOUR:VOLT?;*RCL 3;:SOUR:VOLT?;:OUTP?") == "0.000000E+00;1.500000E+00;0"
    bench_2400.panel.power_cycle()
    assert bench_2400.ask(":SOUR:VOLT?;:OUTP?;:TRAC:POIN:ACT?") == "1.500000E+00;0;2"


@pytest.mark.parametrize(
    ("first", "refused", "code", "query", "stays"),
    [
        ("*CLS", ":SOUR:VOLT 211", -222, ":SOUR:VOLT?", "0.000000E+00"),
        (":SOUR:VOLT:RANG 2", ":SOUR:VOLT 2.2", -222, ":SOUR:VOLT?", "0.000000E+00"),
        (":SOUR:VOLT 3", ":SOUR:VOLT:RANG 2", -221, ":SOUR:VOLT:RANG?", "2.100000E+01"),
        (":SENS:CURR:PROT 0.01", ":SENS:CURR:PROT 2", -222, ":SENS:CURR:PROT?", "1.000000E-02"),
        (":SENS:CURR:PROT 0.01", ":SENS:CURR:PROT 5E-10", 822, ":SENS:CURR:PROT?", "1.000000E-02"),
        (":SENS:CURR:PROT 0.01", ":SENS:CURR:PROT 0", 822, ":SENS:CURR:PROT?", "1.000000E-02"),
        (":SENS:CURR:RANG 1E-4", ":SENS:CURR:PROT 5E-8", 822, ":SENS:CURR:PROT?", "1.050000E-04"),
        (":SENS:VOLT:PROT 1", ":SENS:VOLT:PROT 1E-4", 822, ":SENS:VOLT:PROT?", "1.000000E+00"),
        (":SENS:CURR:PROT 1E-3", ":SENS:CURR:RANG 0.1", 824, ":SENS:CURR:RANG?", "1.050000E-04"),
        (":SOUR:VOLT:RANG 200", ":SENS:CURR:PROT 0.2", 826, ":SENS:CURR:PROT?", "1.050000E-04"),
        (":SENS:CURR:PROT 0.2", ":SOUR:VOLT:RANG 200", 826, ":SOUR:VOLT:RANG?", "2.100000E+01"),
        (":SENS:CURR:PROT 0.2", ":SOUR:VOLT 50", 826, ":SOUR:VOLT?", "0.000000E+00"),
        (":SOUR:FUNC CURR;:SENS:VOLT:PROT 30", ":SOUR:CURR 0.5", 826, ":SOUR:CURR?", "0.000000E+00"),
        (":SENS:FUNC 'VOLT'", ":SENS:VOLT:RANG 2", 823, ":SENS:VOLT:RANG?", "2.100000E+01"),
        (":SENS:FUNC 'VOLT'", ":SENS:VOLT:RANG:AUTO ON", 823, ":SENS:VOLT:RANG:AUTO?", "1"),
        (":TRAC:POIN 5;:TRAC:FEED:CONT NEXT", ":TRAC:POIN 6", 800, ":TRAC:POIN?", "5"),
        (":TRAC:FEED:CONT NEXT", ":TRAC:FEED CALC", 800, ":TRAC:FEED?", "SENS"),
        ("*CLS", ":TRAC:POIN 2501", -222, ":TRAC:POIN?", "100"),
        (":ARM:COUN 10", ":TRIG:COUN 251", -221, ":TRIG:COUN?", "1"),
        (":TRIG:COUN 251", ":ARM:COUN 10", -221, ":ARM:COUN?", "1"),
        ("*CLS", ":TRIG:COUN INF", -222, ":TRIG:COUN?", "1"),
        ("*CLS", ":SENS:CURR:NPLC 11", -222, ":SENS:CURR:NPLC?", "1.000000E+00"),
        ("*CLS", ":SOUR:DEL 1000", -222, ":SOUR:DEL:AUTO?", "1"),
        ("*CLS", ":OUTP:SMOD OFF", -224, ":OUTP:SMOD?", "NORM"),
        (":SENS:FUNC:CONC OFF", ":SENS:FUNC 'VOLT','CURR'", -221, ":SENS:FUNC?", '"CURR:DC"'),
        ("*CLS", ":FORM REAL,64", -222, ":FORM?", "ASC"),
        ("*CLS", ":SOUR:FUNC RES", -224, ":SOUR:FUNC?", "VOLT"),
        (":SOUR:LIST:VOLT 1,2", ":SOUR:LIST:VOLT:STAR 3", -222, ":SOUR:LIST:VOLT:STAR?", "1"),
        (":OUTP OFF", ":READ?", 803, ":OUTP?", "0"),
        (":OUTP OFF", ":INIT", 803, ":OUTP?", "0"),
        (":OUTP ON;:ARM:COUN INF", ":READ?", 830, ":OUTP?", "1"),
        ("*CLS", "*TRG", -211, ":OUTP?", "0"),
        ("*CLS", ":FETC?", -230, ":OUTP?", "0"),
        (":TRAC:CLE", ":TRAC:DATA?", -230, ":TRAC:POIN:ACT?", "0"),
        (":TRAC:CLE", ":CALC3:DATA?", -230, ":CALC3:FORM?", "MEAN"),
        ("*CLS", "*SAV 5", -222, ":OUTP?", "0"),
        ("*CLS", ":CALC2:LIM4:STAT ON", -221, ":CALC1:STAT?", "0"),
    ],
)
def test_what_is_refused_changes_nothing(
    bench_2400: Bench2400, first: str, refused: str, code: int, query: str, stays: str
) -> None:
    bench_2400.ask(first)
    assert bench_2400.code(refused) == code
    assert bench_2400.ask(query) == stays


def test_a_fixed_measure_range_may_stay_above_a_compliance_that_was_lowered(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1E-3;:SENS:CURR:PROT 1E-4")
    assert bench_2400.ask(":SYST:ERR?;:SENS:CURR:RANG?") == '0,"No error";1.050000E-03'
    assert bench_2400.code(":SENS:CURR:RANG 1E-3") == 824


def test_trap_the_error_queue_is_ten_deep(bench_2400: Bench2400) -> None:
    for _ in range(9):
        bench_2400.ask(":BOGUS")
    for _ in range(5):
        bench_2400.ask(":SOUR:VOLT 1000")
    entries = [bench_2400.ask(":SYST:ERR?") for _ in range(11)]
    assert entries == ['-113,"Undefined header"'] * 9 + ['-350,"Queue overflow"', '0,"No error"']


def test_errors_are_worded_as_in_the_manual(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT1")
    bench_2400.ask(":READ?")
    bench_2400.ask(":SOUR:VOLT 500")
    bench_2400.ask(":SENS:CURR:PROT 0")
    assert bench_2400.ask(":SYST:ERR:COUN?") == "4"
    assert bench_2400.ask(":SYST:ERR:ALL?") == (
        '-113,"Undefined header",+803,"Not permitted with OUTPUT off",-222,"Parameter data out of range",'
        '+822,"Too small for sense range"'
    )


@pytest.mark.parametrize(
    ("message", "bit"), [(":BOGUS", 32), (":SOUR:VOLT 500", 16), (":READ?", 16), (":FORM:ELEM", 32)]
)
def test_errors_set_their_bit(bench_2400: Bench2400, message: str, bit: int) -> None:
    """The manual's table B-1 puts +8xx under execution errors, other than SCPI's class of positive numbers."""
    bench_2400.ask(message)
    assert bench_2400.ask("*STB?;*ESR?;*ESR?") == f"4;{bit};0"


def test_trap_the_rest_of_a_message_is_dropped_on_an_error(bench_2400: Bench2400) -> None:
    assert bench_2400.ask("*OPC?;:SOUR:VOLT 500;:SOUR:VOLT 1;*OPC?") == "1"
    assert bench_2400.ask(":SOUR:VOLT?") == "0.000000E+00"


def test_the_queue_takes_what_is_enabled(bench_2400: Bench2400) -> None:
    bench_2400.ask(":STAT:QUE:DIS (-110:-222)")
    assert bench_2400.code(":BOGUS") == 0
    assert bench_2400.code(":READ?") == 803
    bench_2400.ask(":STAT:QUE:ENAB (-113, 803:810)")
    assert bench_2400.ask(":STAT:QUE:ENAB?;DIS?") == "(-113,+803:+810);()"
    assert bench_2400.code(":SOUR:VOLT 500") == 0
    assert bench_2400.code(":BOGUS") == -113
    assert bench_2400.code(":STAT:QUE:ENAB 5;:STAT:PRES") == 0
    bench_2400.ask(":STAT:PRES")
    assert bench_2400.code(":STAT:QUE:DIS (5:6:7)") == -104


@pytest.mark.parametrize("terminator", [b"\n", b"\r", b"\r\n", b"\n\r"])
def test_both_ends_of_rs_232_take_any_terminator(make_bench_2400: Callable[..., Bench2400], terminator: bytes) -> None:
    bench = make_bench_2400(Options(terminator=terminator))
    assert bench.panel.receive(b"*OPC?" + terminator + b":SYST:ERR?" + terminator) == [
        b"1" + terminator,
        b'0,"No error"' + terminator,
    ]


def test_rs_232_carries_no_binary(make_bench_2400: Callable[..., Bench2400]) -> None:
    bench = make_bench_2400(Options(serial_link=True))
    assert bench.code(":FORM SRE") == 701
    assert bench.ask(":FORM?") == "ASC"


@pytest.mark.parametrize("character", [b"\x03", b"\x18"])
def test_control_characters_clear_the_device(bench_2400: Bench2400, character: bytes) -> None:
    bench_2400.ask(":OUTP ON;:ARM:COUN INF;:INIT")
    assert bench_2400.panel.receive(b"*IDN?\n:SYST:E" + character + b"*OPC?\n") == [b"1\n"]
    assert bench_2400.ask(":OUTP?;:SYST:ERR?") == '1;0,"No error"'


def test_the_end_mark_of_gpib_ends_a_message(bench_2400: Bench2400) -> None:
    assert bench_2400.panel.receive(b"*OPC?", end=True) == [b"1\n"]
    assert bench_2400.panel.receive(b"*OP") == []
    bench_2400.panel.connect()
    assert bench_2400.panel.receive(b"*OPC?", end=True) == [b"1\n"]


def test_a_message_that_does_not_fit_is_dropped(bench_2400: Bench2400) -> None:
    bench_2400.ask("*OPC?;" + " " * LONGEST_MESSAGE)
    assert bench_2400.ask(":SYST:ERR?") == '-363,"Input buffer overrun"'


def test_every_host_has_a_link_of_its_own(bench_2400: Bench2400) -> None:
    assert isinstance(bench_2400.panel, TakesManyHosts)
    one, two = list[bytes](), list[bytes]()
    first, second = link_to(bench_2400.panel, one.append), link_to(bench_2400.panel, two.append)
    first.receive(b":SOUR:VO", False)
    second.receive(b"*OPC?\n", False)
    first.receive(b"LT?\n", False)
    assert (one, two) == ([b"0.000000E+00\n"], [b"1\n"])
    first.receive(b"*OPC", False)
    first.reset()
    first.receive(b"*OPC?\n", False)
    assert one[1:] == [b"1\n"]
    assert cast("object", bench_2400.panel.status_byte()) == 0
