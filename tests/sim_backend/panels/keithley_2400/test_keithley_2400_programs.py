"""What public programs and the manual's examples send to a 2400: taken without an error, with the right readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keithley_2400_instrument import Options
from sim_backend.panels.keithley_2400_status import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keithley_2400.conftest import Bench2400

LIGHTLAB = (
    "*RST",
    "OUTP:STATE 0",
    "SOURCE:FUNC VOLT",
    "SOURCE:VOLT:MODE FIXED",
    "SENSE:FUNCTION:OFF:ALL",
    'SENSE:FUNCTION:ON "CURR"',
    "SENSE:CURR:RANGE:AUTO ON",
    "RES:MODE MAN",
    "CURR:PROT 0.05",
    "SOURCE:VOLT:RANGE 1.0",
    "SOURCE:VOLT 1.0",
    "OUTP:STATE 1",
)
"""lightlab's `setVoltageMode` and `setVoltage`."""
PYMEASURE_RESET = (
    "status:queue:clear;*RST;:stat:pres;:*CLS;",
    ":SENS:FUNC 'RES';:SENS:RES:MODE MAN;:SENS:RES:NPLC 1.000000;:FORM:ELEM RES;",
    ":SENS:RES:RANG:AUTO 1;",
    ":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;",
    ":TRAC:CLEAR;",
    ":TRAC:POIN 5",
    ":TRIG:COUN 5",
    ":TRIG:SEQ:DEL 0",
    ":TRAC:FEED SENSE;:TRAC:FEED:CONT NEXT;",
    ":ARM:COUN 1;:ARM:SOUR BUS;:TRIG:SOUR IMM;",
    ":ARM:SOUR IMM;:TRIG:SOUR IMM;",
    ":TRIG:OUTP DEL;:TRIG:OLIN 2;",
    ":TRIG:OUTP NONE",
)
"""PyMeasure's legacy driver: reset, ohms, buffer and triggers."""
CRYOSTAT = (
    "*RST",
    ":ROUT:TERM REAR",
    ":SYST:RSEN OFF",
    ":SYST:AZER ON",
    ":SOUR:FUNC CURR",
    ":SOUR:CURR:MODE FIX",
    ":SOUR:CURR:RANG 1.00e-03",
    ":SOUR:CURR:LEV 1.00e-04",
    ":SENS:CURR:PROT:LEV 1.00e-03",
    ":SENS:VOLT:PROT:LEV 2.00e+00",
    ":SENS:FUNC:CONC ON",
    ":SENS:FUNC:ON 'VOLT', 'CURR'",
    ":FORM:ELEM VOLT, CURR",
)
"""A laboratory's program for a cryostat."""
ELECTROMETER = (
    "*RST",
    ":SYST:BEEP:STAT 0",
    ":SOUR:FUNC:MODE VOLT",
    ":SOUR:VOLT:RANG 2",
    ":SYST:AZER:STAT ON",
    ":SYST:AZER:CACH:STAT 1",
    ":SYST:AZER:CACH:RES",
    ":SENS:FUNC:CONC 1",
    ':SENS:FUNC:ON "VOLT","CURR"',
    ":FORM:ELEM VOLT,CURR",
    ":SENS:CURR:RANG:AUTO 0",
    ":SENS:CURR:PROT:LEV 1.050e-04",
)
"""A laboratory's program for the 6430, of the same commands."""
MEMORY = (
    "*RST",
    ":SOUR:FUNC MEM",
    ":SOUR:MEM:POIN 3",
    ":SOUR:MEM:STAR 1",
    ":SOUR:FUNC VOLT",
    ":SOUR:VOLT:MODE FIX",
    ":SENS:CURR:PROT 0.01",
    *(
        line
        for place, level in enumerate((0.5, 1.0, -1.5), 1)
        for line in (
            f":SOUR:VOLT:LEV {level}",
            ":SENS:CURR:RANG:HOLD ON",
            ":SENS:CURR:RANG:HOLD:DEL 0.01",
            f":SOUR:MEM:SAVE {place}",
        )
    ),
    ":SOUR:FUNC MEM",
    ":SOUR:MEM:POIN 3",
    ":SOUR:MEM:STAR 1",
    ":ARM:SOUR IMM",
    ":ARM:COUN 1",
    ":TRIG:SOUR IMM",
    ":TRIG:COUN 3",
    ":TRAC:POIN 3",
    ":TRAC:FEED SENS",
    ":TRAC:FEED:CONT NEXT",
    ":OUTP ON",
)
"""Two public programs that sweep through the source memory."""
LIMITS = (
    "*RST",
    ":SOUR:FUNC VOLT",
    ":SOUR:VOLT 1",
    ":CALC2:FEED CURR",
    ":CALC2:LIM1:COMP:FAIL IN",
    ":CALC2:LIM1:COMP:SOUR2 7",
    ":CALC2:LIM1:STAT ON",
    ":CALC2:LIM2:UPP 2E-4",
    ":CALC2:LIM2:UPP:SOUR2 1",
    ":CALC2:LIM2:LOW 0",
    ":CALC2:LIM2:LOW:SOUR2 2",
    ":CALC2:LIM2:STAT ON",
    ":CALC2:CLIM:PASS:SOUR2 15",
    ":CALC2:CLIM:BCON IMM",
    ":CALC2:CLIM:MODE GRAD",
    ":CALC2:CLIM:CLE:AUTO ON",
    ":SOUR2:TTL 0",
    ":SOUR2:TTL4:MODE EOT",
    ":SOUR2:CLE:AUTO ON",
    ":SOUR2:CLE:AUTO:DEL 1E-3",
    ":OUTP ON",
)
"""The limit test of the manual's chapter 11, as far as its commands go."""
PROGRAMS = {
    "lightlab": LIGHTLAB,
    "pymeasure": PYMEASURE_RESET,
    "cryostat": CRYOSTAT,
    "electrometer": ELECTROMETER,
    "memory": MEMORY,
    "limits": LIMITS,
}
REMEMBERED = (
    (":SOUR2:BSIZ 3", ":SOUR2:BSIZ?", "3"),
    (":SOUR2:TTL 5", ":SOUR2:TTL:ACT?", "5"),
    (":SOUR2:TTL4:MODE BUSY", ":SOUR2:TTL4:MODE?", "BUSY"),
    (":CALC2:LIM5:PASS:SOUR2 3", ":CALC2:LIM5:PASS:SOUR2?", "3"),
    (":CALC2:CLIM:MODE SORT", ":CALC2:CLIM:MODE?", "SORT"),
    (":CALC2:FEED RES", ":CALC2:FEED?", "RES"),
    (":CALC2:NULL:OFFS 1.5", ":CALC2:NULL:OFFS?", "1.500000E+00"),
    (":CALC:MATH:NAME 'VOLTCOEF'", ":CALC1:MATH:EXPR:NAME?", '"VOLTCOEF"'),
    (":FORM:ELEM:CALC CALC,TIME", ":FORM:ELEM:CALC?", "CALC,TIME"),
    (":FORM:SOUR2 HEX", ":FORM:SOUR2?", "HEX"),
    (":SYST:AZER:CACH ON", ":SYST:AZER:CACH:STAT?", "1"),
    (":SYST:MEP:HOLD ON", ":SYST:MEP:HOLD?", "1"),
    (":SENS:CURR:RANG:HOLD ON", ":SENS:CURR:RANG:HOLD:STAT?", "1"),
    (":SENS:CURR:RANG:HOLD:DEL 0.5", ":SENS:CURR:RANG:HOLD:DEL?", "5.000000E-01"),
    (":DISP:TEXT 'hello'", ":DISP:DATA?", '"hello"'),
    (":DISP:WIND2:TEXT:DATA 'world'", ":DISP:WIND2:DATA?", '"world"'),
    (":TRIG:SEQ2:TOUT 2", ":TRIG:SEQ2:TOUT?", "2.000000E+00"),
    (":SOUR:VOLT:TRIG:SFAC 2", ":SOUR:VOLT:TRIG:SFAC?", "2.000000E+00"),
    (":SOUR:MEM:STAR 7", ":SOUR:MEM:STAR?", "7"),
    (":SOUR:FUNC MEM", ":SOUR:FUNC?", "MEM"),
)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_public_programs_are_understood(bench_2400: Bench2400, program: tuple[str, ...]) -> None:
    for line in program:
        assert (line, bench_2400.code(line)) == (line, 0)


@pytest.mark.parametrize(("command", "query", "reply"), REMEMBERED)
def test_settings_are_remembered_until_a_reset(bench_2400: Bench2400, command: str, query: str, reply: str) -> None:
    before = bench_2400.ask(query)
    assert bench_2400.code(command) == 0
    assert bench_2400.ask(query) == reply != before
    bench_2400.ask("*RST")
    assert bench_2400.ask(query) == before


@pytest.mark.parametrize(
    "command", [":CALC2:LIM4:STAT ON", ":SOUR:VOLT:TRIG:SFAC:STAT ON", ":CALC:MATH:EXPR (VOLT * CURR)"]
)
def test_what_is_not_modelled_is_refused(bench_2400: Bench2400, command: str) -> None:
    assert bench_2400.code(command) == -221


def test_a_memory_sweep_steps_through_its_places(bench_2400: Bench2400) -> None:
    for line in MEMORY:
        bench_2400.ask(line)
    bench_2400.ask(":FORM:ELEM VOLT,CURR")
    assert bench_2400.values(":READ?") == pytest.approx([0.5, 5e-5, 1.0, 1e-4, -1.5, -1.5e-4], rel=1e-3)
    assert bench_2400.values(":TRAC:DATA?") == pytest.approx([0.5, 5e-5, 1.0, 1e-4, -1.5, -1.5e-4], rel=1e-3)
    bench_2400.ask(":SOUR:MEM:STAR 2;:SOUR:MEM:POIN 2;:TRIG:COUN 4;:SOUR:FUNC MEM")
    assert bench_2400.values(":READ?")[::2] == pytest.approx([1.0, -1.5, 1.0, -1.5])


def test_the_source_memory_survives_a_power_cycle(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.7;:SOUR:MEM:SAVE 100")
    bench_2400.panel.power_cycle()
    bench_2400.ask("*RST;:SOUR:MEM:REC 100")
    assert bench_2400.values(":SOUR:VOLT?") == [0.7]


def test_recalling_the_other_function_drops_the_output(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:FUNC CURR;:SOUR:MEM:SAVE 1;:SOUR:FUNC VOLT;:OUTP ON;:SOUR:MEM:REC 1")
    assert bench_2400.ask(":OUTP?;:SOUR:FUNC?") == "0;CURR"


def test_limit_tests(bench_2400: Bench2400) -> None:
    for line in LIMITS:
        bench_2400.ask(line)
    status = bench_2400.status()
    assert status & 1 << 7
    assert bench_2400.ask(":CALC2:LIM1:FAIL?;:CALC2:LIM2:FAIL?") == "0;0"
    assert int(bench_2400.ask(":STAT:MEAS:COND?") or 0) & Measurement.LIMITS_PASSED
    bench_2400.ask(":CALC2:LIM2:UPP 5E-5;:READ?")
    assert bench_2400.ask(":CALC2:LIM2:FAIL?") == "1"
    assert int(bench_2400.ask(":STAT:MEAS:COND?") or 0) & 0x3F == Measurement.LIMIT_2_HIGH
    bench_2400.ask(":CALC2:CLIM:CLE")
    assert bench_2400.ask(":CALC2:LIM2:FAIL?") == "0"
    bench_2400.ask(":SENS:CURR:PROT 2E-5;:CALC2:LIM2:STAT OFF;:READ?")
    assert bench_2400.ask(":CALC2:LIM1:FAIL?") == "1"


def test_null_and_power(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 2;:SENS:FUNC 'VOLT';:CALC:STAT ON;:CALC2:FEED CURR;:OUTP ON;:SENS:CURR:PROT 1E-2;:READ?")
    assert bench_2400.values(":CALC1:DATA?") == pytest.approx([4e-4], rel=1e-3)
    bench_2400.ask(":CALC2:NULL:ACQ;:CALC2:NULL:STAT ON")
    assert bench_2400.values(":CALC2:NULL:OFFS?") == pytest.approx([2e-4], rel=1e-3)
    bench_2400.ask(":SOUR:VOLT 3")
    assert bench_2400.status() & 0x60 == 0x60
    assert bench_2400.values(":CALC2:DATA:LAT?") == pytest.approx([1e-4], rel=1e-3)
    bench_2400.ask(":CALC:STAT OFF")
    assert bench_2400.values(":CALC1:DATA?") == [9.91e37]


def test_a_calculation_needs_readings(bench_2400: Bench2400) -> None:
    assert bench_2400.code(":CALC2:DATA?") == -230
    assert bench_2400.code(":CALC2:NULL:ACQ") == -230


@pytest.mark.parametrize(
    ("sent", "end"), [(b"*OPC?\n", b"\n"), (b"*OPC?\r", b"\r"), (b"*OPC?\r\n", b"\n"), (b"*OPC?\n\r", b"\n")]
)
def test_replies_end_as_the_host_needs_it(make_bench_2400: Callable[..., Bench2400], sent: bytes, end: bytes) -> None:
    """On RS-232 a menu says what ends a reply; here it suits the host."""
    assert make_bench_2400(fresh=True).panel.receive(sent) == [b"1" + end]


def test_a_reply_on_gpib_ends_with_a_line_feed(make_bench_2400: Callable[..., Bench2400]) -> None:
    assert make_bench_2400(fresh=True).panel.receive(b"*OPC?\r", end=True) == [b"1\n"]


def test_hosts_that_end_their_messages_otherwise_get_their_own(make_bench_2400: Callable[..., Bench2400]) -> None:
    panel = make_bench_2400(fresh=True).panel
    replies: list[bytes] = []
    first, second = panel.connection(replies.append), panel.connection(replies.append)
    first.receive(b"*OPC?\r", False)
    second.receive(b"*OPC?\n", False)
    first.receive(b"*OPC?\r", False)
    assert replies == [b"1\r", b"1\n", b"1\r"]


def test_the_menu_s_terminator_holds_for_every_host(make_bench_2400: Callable[..., Bench2400]) -> None:
    bench = make_bench_2400(Options(terminator=b"\n\r"), fresh=True)
    assert bench.panel.receive(b"*OPC?\r") == [b"1\n\r"]


def test_a_long_sweep_lets_others_work_between_its_points(bench_2400: Bench2400) -> None:
    """What watches the clock beside the instrument is called while a sweep is waited for, not after it."""
    bench_2400.ask(":SOUR:VOLT:STOP 1;:SOUR:SWE:POIN 500;:SOUR:VOLT:MODE SWE;:TRIG:COUN 500;:OUTP ON")
    moments: list[float] = []
    bench_2400.clock.every(0.25, lambda: moments.append(bench_2400.clock.now()))
    bench_2400.ask(":INIT")
    started = bench_2400.clock.now()
    bench_2400.ask("*OPC?")
    lasted = bench_2400.clock.now() - started
    assert lasted > 10
    assert len(moments) == int(lasted / 0.25)
    assert moments == pytest.approx([started + 0.25 * (place + 1) for place in range(len(moments))], abs=0.26)
