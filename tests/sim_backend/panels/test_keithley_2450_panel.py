"""The 2450's panel as a host sees it: transcripts, defaults, what it refuses, what its terminals do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.links import TakesManyHosts, link_to
from sim_backend.panels.keithley_2450_instrument import Options
from sim_backend.panels.scpi_errors import standard_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.conftest import Bench2450

TRANSCRIPTS = [
    (b"*IDN?\n", b"KEITHLEY INSTRUMENTS,MODEL 2450,04400001,1.7.12b\n"),
    (b"*LANG?\n", b"SCPI\n"),
    (b"*ESR?;*ESR?\n", b"128;0\n"),
    (b":SYST:ERR?\n", b'0,"No error;0;0 0"\n'),
    (b":SYST:ERR:COUN?;CODE?\n", b"0;0\n"),
    (b":SYST:EVEN:NEXT?\n", b'0,"No error;0,0,0"\n'),
    (b":SYST:LFR?\n", b"50\n"),
    (b":BOGUS\n:SYST:ERR?\n", b'-113,"Undefined header;1;2026/01/01 00:00:00.000"\n'),
    (b":SOUR:VOLT\n:SYST:EVEN:NEXT? ERR\n", b'-109,"Missing parameter;1;2026/01/01 00:00:00.000"\n'),
    (b":SOUR:VOLT 1,2\n:SYST:ERR?\n", b'-108,"Parameter not allowed;1;2026/01/01 00:00:00.000"\n'),
    (b":SOUR:VOLT 300\n:SYST:ERR?\n", b'-222,"Parameter data out of range;1;2026/01/01 00:00:00.000"\n'),
    (b":SENS:FUNC?\n", b'"CURR:DC"\n'),
    (b":SENS:FUNC 'VOLT';FUNC?\n", b'"VOLT:DC"\n'),
    (b":sense1:function:on \"current:dc\";:FUNC?\n", b'"CURR:DC"\n'),
    (b":SOUR:VOLT:ILIM 1E-3;ILIM?;ILIM:TRIP?\n", b"0.001;0\n"),
    (b":SOURCE1:VOLTAGE:ILIMIT:LEVEL 10 UA;LEV?\n", b"1E-05\n"),
    (b":SOUR:VOLT:ILIM? MIN;ILIM? MAX;ILIM? DEF\n", b"1E-09;1.05;0.000105\n"),
    (b":SOUR:VOLT 0.5;:OUTP ON;:READ?\n", b"5.000000E-05\n"),
    (b':SOUR:VOLT 0.5;:OUTP ON;:READ? "defbuffer1",SOUR,READ,REL\n', b"5.000000E-01,5.000000E-05,0.000000E+00\n"),
    (b":SOUR:VOLT -0.5;:OUTP ON;:MEAS:CURR? 'defbuffer2';:TRAC:ACT? 'defbuffer2'\n", b"-5.000000E-05;1\n"),
    (b":SENS:CURR:RANG 1E-5;:SOUR:VOLT 0.5;:OUTP ON;:READ?\n", b"9.900000E+37\n"),
    (b":SENS:CURR:RANG 1E-5;:SOUR:VOLT -0.5;:OUTP ON;:READ?\n", b"-9.900000E+37\n"),
    (b":FORM:ASC:PREC 4;:SOUR:VOLT 0.5;:OUTP ON;:READ?\n", b"5.000E-05\n"),
    (b":OUTP:VOLT:SMOD HIMP;SMOD?;:OUTP:SMOD?;:OUTP:CURR:SMOD?\n", b"HIMP;HIMP;NORM\n"),
    (b":OUTP:SMOD ZERO;:OUTP:CURR:SMOD?\n", b"ZERO\n"),
    (b":OUTP:INT:TRIP?\n", b"1\n"),
    (b":SOUR:VOLT:PROT PROT5;PROT?;PROT:TRIP?\n", b"PROT5;0\n"),
    (b":ROUT:TERM REAR;TERM?\n", b"REAR\n"),
    (b":FORM SRE;:FORM?;:FORM:BORD NORM;BORD?\n", b"SRE;NORM\n"),
    (b":TRAC:POIN?;:TRAC:ACT?\n", b"100000;0\n"),
    (b":DISP:CLE;:DISP:SCR HOME;:DISP:CURR:DIG 6;:DISP:LIGH:STAT ON50;:SYST:ERR?\n", b'0,"No error;0;0 0"\n'),
    (b"*LANG TSP\n:SYST:ERR:CODE?\n", b"-224\n"),
    (b":FETC?\n:SYST:ERR:CODE?\n", b"-230\n"),
    (b":INIT\n:SYST:ERR:CODE?\n", b"-213\n"),
    (b":TRIG:STAT?\n", b"EMPTY;EMPTY;0\n"),
    (b":SENS:FUNC \"POW\"\n:SYST:ERR:CODE?\n", b"-224\n"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "heard"), TRANSCRIPTS)
def test_transcript(bench_2450: Bench2450, sent: bytes, heard: bytes) -> None:
    replies = b"".join(bench_2450.panel.receive(sent))
    stamp = rb"(?<=\d\d:\d\d:)\d\d\.\d{3}"
    assert re.sub(stamp, b"00.000", replies) == heard


DEFAULTS = {
    ":SOUR:FUNC?": "VOLT",
    ":SOUR:VOLT?": "0",
    ":SOUR:VOLT:RANG?": "0.02",
    ":SOUR:VOLT:RANG:AUTO?": "1",
    ":SOUR:VOLT:ILIM?": "0.000105",
    ":SOUR:VOLT:PROT?": "NONE",
    ":SOUR:VOLT:DEL:AUTO?": "1",
    ":SOUR:VOLT:DEL?": "0.001",
    ":SOUR:VOLT:READ:BACK?": "1",
    ":SOUR:CURR?": "0",
    ":SOUR:CURR:VLIM?": "21",
    ":SENS:FUNC?": '"CURR:DC"',
    ":SENS:CURR:RANG?": "0.0001",
    ":SENS:CURR:RANG:AUTO?": "1",
    ":SENS:CURR:RANG:AUTO:LLIM?": "1E-08",
    ":SENS:CURR:NPLC?": "1",
    ":SENS:CURR:RSEN?": "0",
    ":SENS:CURR:AZER?": "1",
    ":SENS:VOLT:RANG?": "20",
    ":SENS:COUN?": "1",
    ":OUTP?": "0",
    ":OUTP:VOLT:SMOD?": "NORM",
    ":ROUT:TERM?": "FRON",
    ":FORM?": "ASC",
    ":FORM:BORD?": "SWAP",
    ":FORM:ASC:PREC?": "0",
    ":SOUR:LIST:VOLT:POIN?": "0",
}
SPOILED = (
    ":SOUR:FUNC CURR;:SOUR:CURR:VLIM 5;:SOUR:CURR 1E-6;:SOUR:FUNC VOLT;:SOUR:VOLT:RANG 20;:SOUR:VOLT 3;"
    ":SOUR:VOLT:ILIM 1;:SOUR:VOLT:PROT PROT20;:SOUR:VOLT:DEL 1;:SOUR:VOLT:READ:BACK OFF;:SOUR:LIST:VOLT 1,2;"
    ":SENS:CURR:RANG:AUTO:LLIM 1E-6;:SENS:CURR:RANG 1E-3;:SENS:CURR:NPLC 10;:SENS:CURR:RSEN ON;:SENS:CURR:AZER OFF;"
    ":SENS:VOLT:RANG 2;:SENS:COUN 5;:SENS:FUNC 'VOLT';:OUTP:SMOD HIMP;:ROUT:TERM REAR;:FORM REAL;:FORM:BORD NORM;"
    ":FORM:ASC:PREC 9;:TRAC:MAKE 'mine',10;:OUTP ON"
)


@pytest.mark.parametrize("how", ["power-up", "reset", "power cycle"])
def test_defaults(bench_2450: Bench2450, how: str) -> None:
    if how != "power-up":
        bench_2450.ask(SPOILED)
        assert bench_2450.ask(":SYST:ERR?;:OUTP?") == '0,"No error;0;0 0";1'
        assert bench_2450.ask(":SOUR:VOLT:ILIM?;:SENS:COUN?;:TRAC:POIN? 'mine'") == "1;5;10"
        if how == "reset":
            bench_2450.ask("*RST")
        else:
            bench_2450.panel.power_cycle()
    assert {query: bench_2450.ask(query) for query in DEFAULTS} == DEFAULTS
    assert bench_2450.code(":TRAC:POIN? 'mine'") == -224
    assert bench_2450.terminals.drive_state == (0.0, pytest.approx(1e-5))


@pytest.mark.parametrize(
    ("first", "refused", "code", "query", "stays"),
    [
        (":SOUR:VOLT:RANG 2", ":SOUR:VOLT 2.11", -222, ":SOUR:VOLT?", "0"),
        (":SOUR:VOLT 3", ":SOUR:VOLT:RANG 2", -221, ":SOUR:VOLT:RANG?", "20"),
        (":SOUR:VOLT:ILIM 0.01", ":SOUR:VOLT:ILIM 2", -222, ":SOUR:VOLT:ILIM?", "0.01"),
        (":SOUR:VOLT:ILIM 0.01", ":SOUR:VOLT:ILIM 0", -222, ":SOUR:VOLT:ILIM?", "0.01"),
        (":SENS:CURR:RANG 0.1", ":SOUR:VOLT:ILIM 1E-4", -221, ":SOUR:VOLT:ILIM?", "0.000105"),
        (":SOUR:VOLT:RANG 200", ":SOUR:VOLT:ILIM 0.2", -222, ":SOUR:VOLT:ILIM?", "0.000105"),
        (":SOUR:VOLT:PROT PROT5", ":SOUR:CURR:VLIM 6", -222, ":SOUR:CURR:VLIM?", "21"),
        (":SOUR:VOLT:PROT PROT5", ":SOUR:VOLT:PROT PROT7", -224, ":SOUR:VOLT:PROT?", "PROT5"),
        ("*CLS", ":SENS:CURR:NPLC 11", -222, ":SENS:CURR:NPLC?", "1"),
        ("*CLS", ":SENS:CURR:RANG 1.06", -222, ":SENS:CURR:RANG?", "0.0001"),
        ("*CLS", ":SENS:COUN 0", -222, ":SENS:COUN?", "1"),
        ("*CLS", ":SOUR:VOLT:DEL 10001", -222, ":SOUR:VOLT:DEL:AUTO?", "1"),
    ],
)
def test_what_is_refused_changes_nothing(
    bench_2450: Bench2450, first: str, refused: str, code: int, query: str, stays: str
) -> None:
    bench_2450.ask(first)
    assert bench_2450.code(refused) == code
    assert bench_2450.ask(query) == stays


@pytest.mark.parametrize(
    ("commands", "query", "reply"),
    [
        (":SOUR:VOLT:RANG 0.05", ":SOUR:VOLT:RANG?;RANG:AUTO?", "0.2;0"),
        (":SOUR:VOLT:RANG -3", ":SOUR:VOLT:RANG?", "20"),
        (":SOUR:VOLT:RANG 0.21", ":SOUR:VOLT:RANG?", "0.2"),
        (":SOUR:VOLT:RANG MAX", ":SOUR:VOLT:RANG?", "200"),
        (":SOUR:VOLT 0.75", ":SOUR:VOLT:RANG?;RANG:AUTO?", "2;1"),
        (":SOUR:VOLT 0.75;:SOUR:VOLT:RANG:AUTO OFF", ":SOUR:VOLT:RANG?", "2"),
        (":SOUR:VOLT:RANG 20;RANG:AUTO ON", ":SOUR:VOLT:RANG?", "0.02"),
        (":SENS:CURR:RANG 5E-4", ":SENS:CURR:RANG?;RANG:AUTO?", "0.001;0"),
        (":CURR:RANG:AUTO 0;UPP 0.05", ":SYST:ERR:COUN?;:CURR:RANG?", "0;0.1"),
        (":SENS:CURR:RANG:AUTO:LLIM 2E-4", ":SENS:CURR:RANG:AUTO:LLIM?;:SENS:CURR:RANG?", "0.001;0.001"),
        (":SOUR:VOLT:DEL 0.2", ":SOUR:VOLT:DEL?;DEL:AUTO?", "0.2;0"),
        (":SENS:CURR:RANG 1E-7", ":SOUR:VOLT:DEL?", "0.05"),
    ],
)
def test_settings_follow_one_another(bench_2450: Bench2450, commands: str, query: str, reply: str) -> None:
    bench_2450.ask(commands)
    assert bench_2450.ask(query) == reply


def test_a_source_range_lowers_the_limit_with_a_warning(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SOUR:VOLT:ILIM 0.5;:SOUR:VOLT:RANG 200")
    assert bench_2450.ask(":SOUR:VOLT:ILIM?") == "0.105"
    assert bench_2450.ask("*ESR?") == "128"
    assert bench_2450.ask(":SYST:ERR:COUN?;:SYST:EVEN:COUN?;COUN? WARN") == "0;1;1"
    warning = bench_2450.ask(":SYST:EVEN:NEXT? WARN")
    assert warning is not None
    assert ";2;2026/" in warning
    bench_2450.ask(":SOUR:VOLT:RANG:AUTO ON;:SOUR:VOLT:ILIM 0.5;:SOUR:VOLT 30")
    assert bench_2450.ask(":SOUR:VOLT:ILIM?;:SYST:EVEN:COUN? WARN,ERR") == "0.105;1"


def test_a_coarse_measure_range_raises_the_limit_with_a_warning(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SENS:CURR:RANG 1")
    assert bench_2450.ask(":SOUR:VOLT:ILIM?;:SYST:EVEN:COUN? WARN") == "0.00105;1"


def test_reading_an_error_passes_over_what_came_before(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SENS:CURR:RANG 1")
    bench_2450.ask("BOGUS")
    bench_2450.ask(":SOUR:VOLT 1;:SOUR:VOLT:ILIM 0.5;:SOUR:VOLT:RANG 200")
    assert bench_2450.ask(":SYST:EVEN:COUN?") == "3"
    assert bench_2450.ask(":SYST:ERR:CODE?") == "-113"
    assert bench_2450.ask(":SYST:EVEN:COUN?;:SYST:EVEN:COUN? ERR") == "1;0"


def test_the_log_holds_a_thousand_events(bench_2450: Bench2450) -> None:
    bench_2450.panel.receive(b"BOGUS\n" * 1200)
    assert bench_2450.ask(":SYST:ERR:COUN?") == "1000"
    codes = [bench_2450.ask(":SYST:ERR:CODE?") for _ in range(1001)]
    assert codes == ["-113"] * 999 + ["-350", "0"]


def test_the_output_drives_level_and_limit(bench_2450: Bench2450) -> None:
    terminals = bench_2450.terminals
    bench_2450.ask(":SOUR:VOLT 0.9;:SOUR:VOLT:ILIM 2E-4")
    assert terminals.drive_state == (0.0, pytest.approx(1e-5))
    bench_2450.ask(":OUTP ON")
    assert terminals.drive_state == (0.9, 2e-4)
    bench_2450.ask(":SOUR:VOLT -0.4;:SOUR:VOLT:ILIM 1E-5")
    assert terminals.drive_state == (-0.4, 1e-5)
    assert bench_2450.ask(":SOUR:VOLT:ILIM:TRIP?") == "1"
    bench_2450.ask(":OUTP OFF")
    assert terminals.drive_state == (0.0, pytest.approx(1e-5))
    assert bench_2450.ask(":SOUR:VOLT:ILIM:TRIP?") == "0"


@pytest.mark.parametrize(
    ("mode", "state"), [("NORM", (0.0, 1e-4)), ("ZERO", (0.0, 1e-3)), ("HIMP", None), ("GUAR", None)]
)
def test_output_off_states(bench_2450: Bench2450, mode: str, state: tuple[float, float] | None) -> None:
    bench_2450.ask(f":SENS:CURR:RANG 1E-3;:OUTP:VOLT:SMOD {mode};:SOUR:VOLT 1;:OUTP ON")
    assert bench_2450.terminals.drive_state == (1.0, 1.05e-4)
    bench_2450.ask(":OUTP OFF")
    assert bench_2450.terminals.drive_state == (None if state is None else pytest.approx(state))


@pytest.mark.parametrize("command", [":SENS:CURR:RSEN ON", ":ROUT:TERM REAR", ":SOUR:FUNC CURR", "*RST"])
def test_what_drops_the_output(bench_2450: Bench2450, command: str) -> None:
    bench_2450.ask(":SENS:CURR:RSEN OFF;:ROUT:TERM FRON;:SOUR:FUNC VOLT;:SOUR:VOLT 1;:OUTP ON;*CLS")
    assert bench_2450.ask(":OUTP?") == "1"
    bench_2450.ask(command)
    assert bench_2450.ask(":OUTP?") == "0"
    drive_state = bench_2450.terminals.drive_state
    assert drive_state is not None
    assert drive_state[0] == 0.0


def test_overvoltage_protection_clamps_and_trips(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SOUR:VOLT:PROT PROT2;:SOUR:VOLT:ILIM 0.1;:SOUR:VOLT 3")
    assert bench_2450.ask(":SOUR:VOLT:PROT:TRIP?") == "0"
    bench_2450.ask(":OUTP ON")
    assert bench_2450.terminals.drive_state == (2.0, 0.1)
    assert bench_2450.ask(":SOUR:VOLT:PROT:TRIP?;:SOUR:VOLT?") == "1;3"
    assert bench_2450.values(":READ? 'defbuffer1',SOUR,READ,SOURSTAT") == [2.0, 2e-4, 128 + 8 + 4]
    bench_2450.ask(":SOUR:VOLT -1")
    assert bench_2450.ask(":SOUR:VOLT:PROT:TRIP?") == "0"
    assert bench_2450.terminals.drive_state == (-1.0, 0.1)


def test_an_open_interlock_keeps_high_voltage_off(make_bench_2450: Callable[..., Bench2450]) -> None:
    bench = make_bench_2450(Options(interlock=False))
    assert bench.ask(":OUTP:INT:TRIP?") == "0"
    assert bench.code(":SOUR:VOLT 30;:OUTP ON") == -221
    assert bench.ask(":OUTP?") == "0"
    bench.ask(":SOUR:VOLT 5;:OUTP ON")
    assert bench.code(":SOUR:VOLT 30") == -221
    assert bench.ask(":OUTP?;:SOUR:VOLT?") == "1;5"


def test_a_current_source_regulates_until_its_voltage_limit(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SOUR:CURR -1E-4;:SOUR:CURR:VLIM 2;:OUTP ON")
    assert bench_2450.values(":READ? 'defbuffer1',READ,SOUR,SOURSTAT") == [-1.0, -1e-4, 128 + 8]
    assert bench_2450.ask(":SOUR:CURR:VLIM:TRIP?;:SOUR:VOLT:ILIM:TRIP?") == "0;0"
    bench_2450.ask(":SOUR:CURR 1E-3")
    assert bench_2450.values(":READ?") == [2.0]
    assert bench_2450.ask(":SOUR:CURR:VLIM:TRIP?") == "1"
    bench_2450.ask(":SOUR:CURR 0")
    assert bench_2450.values(":READ?") == [0.0]
    assert bench_2450.ask(":SOUR:CURR:VLIM:TRIP?") == "0"


def test_several_hosts_may_be_connected(bench_2450: Bench2450) -> None:
    assert isinstance(bench_2450.panel, TakesManyHosts)
    heard: list[bytes] = []
    link = link_to(bench_2450.panel, heard.append)
    bench_2450.panel.receive(b":SOUR:VOLT 1;:OUT")
    link.receive(b":SOUR:VOLT 2;:SOUR:VOLT?", True)
    assert heard == [b"2\n"]
    assert bench_2450.panel.receive(b"P?\n:SOUR:VOLT?\n") == [b"0\n", b"1\n"]


HEADERS = [
    ":SOUR:VOLT", ":SOUR:VOLT:RANG", ":SOUR:VOLT:ILIM", ":SOUR:VOLT:PROT", ":SOUR:VOLT:DEL", ":SOUR:CURR",
    ":SOUR:FUNC", ":SOUR:LIST:VOLT", ":SOUR:SWE:VOLT:LIN", ":SOUR:SWE:VOLT:LIN:STEP", ":SOUR:SWE:VOLT:LIST",
    ":SENS:FUNC", ":SENS:CURR:RANG", ":SENS:CURR:NPLC", ":SENS:CURR:RSEN", ":SENS:AZER:ONCE", ":OUTP", ":OUTP:SMOD",
    ":READ", ":FETC", ":MEAS:VOLT", ":TRAC:DATA", ":TRAC:MAKE", ":TRAC:DEL", ":TRAC:POIN", ":TRAC:TRIG", ":FORM",
    ":FORM:ASC:PREC", ":INIT", ":ABOR", "*WAI", "*OPC", "*RST", "*STB", ":STAT:OPER:MAP", ":ROUT:TERM",
    ":SYST:EVEN:NEXT",
]  # fmt: skip
PARAMETERS = [
    "0", "1", "-1", "2", "10", "50", "1E-3", "-2.5", "200", "1E30", "MIN", "DEF", "ON", "OFF", "VOLT", "'CURR'", "NONE",
    "PROT2", "HIMP", "'defbuffer1'", '"mine"', "READ", "SOURSTAT", "REAL", "ASC", "FIX", "5 V", "#H10", "'", "(@1)",
]  # fmt: skip


@st.composite
def commands(draw: st.DrawFn) -> str:
    """Return a command or query that may make sense."""
    header, mark = draw(st.sampled_from(HEADERS)), draw(st.sampled_from(["", "?"]))
    parameters = draw(st.lists(st.sampled_from(PARAMETERS), max_size=5))
    return f"{header}{mark}{' ' if parameters else ''}{','.join(parameters)}"


MESSAGES = st.lists(commands(), min_size=1, max_size=4).map(";".join)


@settings(deadline=None)
@given(messages=st.lists(MESSAGES, max_size=12))
def test_no_command_breaks_it(make_bench_2450: Callable[..., Bench2450], messages: list[str]) -> None:
    bench = make_bench_2450(Options(patience=0.5))
    for message in messages:
        before = int(bench.ask(":SYST:ERR:COUN?") or "")
        bench.ask("*ESR?")
        replies = bench.panel.receive(message.encode() + b"\n")
        assert len(replies) <= 1
        assert all(reply.endswith(b"\n") for reply in replies)
        log = bench.ask(":SYST:ERR:COUN?")
        assert log is not None
        # A message adds one error at most, and a sweep that it lets run out another one. `*RST` and reading keep it.
        assert int(log) <= before + 2
    assert bench.ask("*RST;:OUTP?") == "0"


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_no_bytes_break_it(make_bench_2450: Callable[..., Bench2450], data: bytes) -> None:
    bench = make_bench_2450()
    bench.ask("*ESR?")
    bench.panel.receive(data + b"\n")
    assert int(bench.ask(":SYST:ERR:COUN?") or "") <= data.count(b"\n") + 1
    standard = int(bench.ask("*ESR?") or "")
    while (code := int(bench.ask(":SYST:ERR:CODE?") or "")) != 0:
        assert standard & standard_event(code)


def test_the_time_is_told_in_words_or_in_seconds(bench_2450: Bench2450) -> None:
    assert bench_2450.ask(":SYST:TIME?") == "Thu Jan  1 00:00:00 2026"
    assert bench_2450.ask(":SYST:TIME? 1") == "1767225600"
