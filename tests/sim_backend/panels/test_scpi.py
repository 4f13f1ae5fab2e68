"""The SCPI front end: grammar, parameters, status and error queue, on a toy instrument."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.panels.host_link import LONGEST_MESSAGE
from sim_backend.panels.scpi_errors import ScpiError, StandardEvent, standard_event
from sim_backend.panels.scpi_events import EventKind, EventLog
from sim_backend.panels.scpi_grammar import Token, TokenKind, parse_token, short_form
from sim_backend.panels.scpi_parameters import Integer, Number
from sim_backend.panels.scpi_settings import query
from sim_backend.panels.scpi_table import CommandTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.conftest import ToyPanel

QUEUE = 5
"""Events that the toy's queue holds."""
IDENTITY = "TOY WORKS,MODEL 1,0,0.1"


@pytest.mark.parametrize(
    "header",
    [
        ":SOURce:VOLTage:ILIMit:LEVel?",
        ":SOUR:VOLT:ILIM?",
        "SOUR:VOLT:ILIM?",
        "sour1:volt:ilim:lev?",
        "  SoUrCe1:VOLTage:ILIM:LEV? \r",
        "\t:SOUR:VOLT:ILIMIT?",
    ],
)
def test_a_header_is_found_in_long_and_short_form(panel: ToyPanel, header: str) -> None:
    assert panel.ask(header) == "0.25"
    assert panel.toy.status.log.count() == 0


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("BOGUS", -113),
        ("SOURC:VOLT 1", -113),
        ("SOUR:VOLTAG 1", -113),
        ("SOUR:VOLT1 1", -113),
        ("SOUR:VOLT", -109),
        ("SOUR:VOLT1", -113),
        ("SOUR:VOLT'1'", -113),
        ("SOUR", -113),
        ("SOUR2:VOLT 1", -114),
        ("OUTP3:SMOD ZERO", -114),
        ("OUTP0:SMOD ZERO", -114),
        ("SOUR:VOLT:ILIM:TRIP 1", -113),
        ("INIT?", -113),
        ("INIT 1", -108),
        ("SOUR:VOLT 1,2", -108),
        ("SOUR:VOLT ,", -109),
        ("SOUR:VOLT 211", -222),
        ("SOUR:VOLT -210.5 V", -222),
        ("SOUR:VOLT INF", -222),
        ("SOUR:VOLT 1E300", -222),
        ("SOUR:VOLT HIGH", -104),
        ("SOUR:VOLT '1'", -104),
        ("SOUR:VOLT (@1)", -104),
        ("SOUR:VOLT (@1", -104),
        ("SOUR:VOLT #15hello", -104),
        ("SOUR:VOLT #H", -104),
        ("SOUR:VOLT +", -104),
        ("SOUR:VOLT 1 A", -131),
        ("SOUR:VOLT 1 XV", -131),
        ("SOUR:VOLT 1 V V", -121),
        ("SOUR:VOLT 1.2.3", -121),
        ("SENS:COUN 3 V", -138),
        ("SOUR:VOLT 1E99999", -123),
        ("SOUR:VOLT " + "1" * 300, -124),
        ("SOUR:VOLT #B" + "1" * 300, -124),
        ("OUTP:SMOD GUAR", -224),
        ("OUTP:SMOD 1", -104),
        ("OUTP PERHAPS", -224),
        ("SYST:NOTE half", -104),
        ("SYST:NOTE 'half", -151),
        ("SYST:NOTE 'ha'lf'", -151),
        ("SENS:FUNC CURR", -104),
        ("SENS:FUNC 'CURR:AC'", -224),
        ("LIST 1,2,3,4,5", -223),
        ("*ESE 256", -222),
        ("*ESE", -109),
        ("*RST 1", -108),
        ("*BOGUS", -113),
        ("*IDN? 1", -108),
        ("SOUR:VOLT? 1", -104),
        ("SOUR::VOLT 1", -102),
        (":", -102),
        ("?", -102),
        ("1", -110),
        ("SOUR:VOLT \x00", -101),
        ("SOUR:VOLT \u00b5", -101),
        ("SOURCESOURCES:VOLT 1", -112),
    ],
)
def test_what_cannot_be_obeyed_has_its_code(panel: ToyPanel, message: str, code: int) -> None:
    panel.toy.level = 1.5
    assert panel.error(message) == code
    assert panel.toy.level == 1.5


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("SOUR:VOLT 1E-3", 1e-3),
        ("SOUR:VOLT -.5e+1", -5.0),
        ("SOUR:VOLT 3.", 3.0),
        ("SOUR:VOLT 1 e 2", 100.0),
        ("SOUR:VOLT 5 V", 5.0),
        ("SOUR:VOLT 5mV", 5e-3),
        ("SOUR:VOLT 5 UV", 5e-6),
        ("SOUR:VOLT 1E3MV", 1.0),
        ("SOUR:VOLT:ILIM 5 MA", 5e-3),
        ("SOUR:VOLT:ILIM 10 ua", 1e-5),
        ("SOUR:VOLT #H1F", 31.0),
        ("SOUR:VOLT #q17", 15.0),
        ("SOUR:VOLT #B101", 5.0),
        ("SOUR:VOLT MIN", -210.0),
        ("SOUR:VOLT MAXIMUM", 210.0),
        ("SOUR:VOLT def", 0.5),
        ("SOUR:VOLT:LEV:IMM 2", 2.0),
    ],
)
def test_numbers_are_read(panel: ToyPanel, message: str, level: float) -> None:
    assert panel.error(message) == 0
    assert panel.toy.level == pytest.approx(level, rel=1e-12)


@given(st.floats(-210, 210), st.sampled_from(["", " V", "E0", " mv"]), st.booleans())
def test_every_printed_float_is_read_back(
    make_toy_panel: Callable[[], ToyPanel], value: float, suffix: str, upper: bool
) -> None:
    text = f"SOUR:VOLT {value!r}"
    if suffix == "E0" and "e" in text:
        suffix = ""
    panel = make_toy_panel()
    panel.ask((text + suffix).upper() if upper else text + suffix)
    assert panel.toy.level == pytest.approx(value * (1e-3 if suffix == " mv" else 1.0), rel=1e-14, abs=0)


def test_bounds_can_be_asked_for(panel: ToyPanel) -> None:
    assert panel.ask("SOUR:VOLT? MIN;VOLT? MAX;VOLT? DEF;VOLT?") == "-210;210;0.5;0"


def test_switches_names_and_texts(panel: ToyPanel) -> None:
    assert panel.ask("OUTP ON;OUTP?") == "1"
    assert panel.ask("OUTP OFF;OUTP?") == "0"
    assert panel.ask("OUTP 0.4;OUTP?;OUTP 2;OUTP?") == "0;1"
    assert panel.ask("OUTP2:SMOD himpedance;SMOD?") == "HIMP"
    assert panel.ask("SENS:FUNC 'volt:dc';FUNC?") == '"VOLT"'
    assert panel.ask("""SYST:NOTE 'it''s; "so", now';NOTE?""") == '''"it's; "so", now"'''
    assert panel.ask("COUN 2.6;COUN?") == "3"
    assert panel.toy.status.log.count() == 0


def test_a_unit_goes_on_below_the_parent_of_the_last(panel: ToyPanel) -> None:
    assert panel.ask(":SOUR:VOLT 2;VOLT:ILIM?") == "0.25"
    assert panel.ask(":SOUR:VOLT:ILIM 0.1;*ESE 4;ILIM?;TRIP?") == "0.25"
    assert panel.ask("SYST:ERR?") == '-113,"Undefined header"'
    assert panel.ask(":SOUR:VOLT:ILIM:LEV 0.1;TRIP?;:OUTP?;SMOD?") == "0;0"
    assert panel.ask("SYST:ERR?") == '-113,"Undefined header"'
    assert panel.ask("OUTP:SMOD NORM;STAT?") == "0"


def test_the_path_ends_with_the_message(panel: ToyPanel) -> None:
    panel.ask(":SOUR:VOLT:ILIM 0.1")
    assert panel.error("ILIM?") == -113


def test_queries_of_one_message_answer_in_one_line(panel: ToyPanel) -> None:
    assert panel.ask("*IDN?;:OUTP?;*ESR?") == "TOY WORKS,MODEL 1,0,0.1;0;0"
    assert panel.ask(" ; ;*IDN? ; ;") == IDENTITY
    assert panel.ask("") is None
    assert panel.ask(" \t ") is None


def test_an_error_drops_the_rest_of_its_message_and_keeps_what_was_said(panel: ToyPanel) -> None:
    assert panel.ask("SOUR:VOLT 1;VOLT?;VOLT 999;VOLT 2;VOLT?") == "1"
    assert panel.toy.level == 1
    assert panel.ask("SYST:ERR?;ERR?") == '-222,"Data out of range";0,"No error"'


def test_nothing_follows_an_indefinite_block(panel: ToyPanel) -> None:
    assert panel.receive(b"OUTP?;:BLOC?;:SOUR:VOLT 3\n") == [b"0;#0;\n;\n"]
    assert panel.toy.level == 3
    assert panel.receive(b"BLOC?;:OUTP?\n") == [b"#0;\n;\n"]
    assert panel.ask("SYST:ERR?") == '-440,"Query UNTERMINATED after indefinite response"'


def test_numeric_suffixes_reach_the_command(panel: ToyPanel) -> None:
    assert panel.ask("CHAN:NUMB?;:CHANNEL2:NUMB?;:CHAN1:NUMBER?") == "1;2;1"


def test_a_full_queue_ends_with_overflow(panel: ToyPanel) -> None:
    for _ in range(QUEUE + 3):
        panel.ask("BOGUS")
    codes = [panel.ask("SYST:ERR?") for _ in range(QUEUE + 1)]
    assert codes == ['-113,"Undefined header"'] * (QUEUE - 1) + ['-350,"Queue overflow"', '0,"No error"']


@pytest.mark.parametrize(
    ("message", "bit"), [("BOGUS", 32), ("SOUR:VOLT 999", 16), ("SOUR:VOLT 1;VOLT?", 0), ("BLOC?;:OUTP?", 4)]
)
def test_the_class_of_an_error_sets_its_bit(panel: ToyPanel, message: str, bit: int) -> None:
    panel.ask("*CLS")
    panel.receive(message.encode() + b"\n")
    assert panel.ask("*ESR?") == str(bit)
    assert panel.ask("*ESR?") == "0"


@pytest.mark.parametrize(
    ("code", "bit"),
    [
        (-100, StandardEvent.COMMAND_ERROR),
        (-199, StandardEvent.COMMAND_ERROR),
        (-200, StandardEvent.EXECUTION_ERROR),
        (-350, StandardEvent.DEVICE_ERROR),
        (803, StandardEvent.DEVICE_ERROR),
        (-410, StandardEvent.QUERY_ERROR),
        (-420, StandardEvent.QUERY_ERROR),
    ],
)
def test_error_classes(code: int, bit: StandardEvent) -> None:
    assert standard_event(code) is bit


def test_the_status_byte_sums_up(panel: ToyPanel) -> None:
    assert panel.ask("*STB?") == "0"
    panel.ask("BOGUS")
    assert panel.ask("*STB?") == "4"
    panel.ask("*ESE 32;*SRE 32")
    assert panel.ask("*STB?;*ESE?;*SRE?") == "100;32;32"
    assert panel.status_byte() == 100
    panel.ask("*CLS;*SRE 0")
    assert panel.ask("*STB?;*ESE?") == "0;32"
    assert panel.ask("*IDN?;*STB?") == f"{IDENTITY};16"
    panel.toy.questionable.set_by[3] = -113
    panel.toy.questionable.enable = 8
    panel.ask("BOGUS")
    assert panel.ask("*STB?") == str(4 + 8 + 32)


def test_operation_complete_waits_for_what_runs(panel: ToyPanel) -> None:
    assert panel.ask("*OPC;*ESR?") == "1"
    assert panel.ask("INIT;*OPC;*ESR?") == "0"
    assert panel.error("SOUR:VOLT 1") == -221
    assert panel.ask("SOUR:VOLT?") == "0"
    execution_error = 16
    assert panel.ask("*OPC?;*ESR?") == f"1;{1 + execution_error}"
    assert panel.ask("INIT;*WAI;:SOUR:VOLT 1;VOLT?") == "1"
    assert panel.ask("*TST?") == "0"
    panel.ask("*RST")
    assert panel.toy.resets == 1


def test_bytes_may_be_cut_anywhere(panel: ToyPanel) -> None:
    stream = b"*IDN?\r\nSOUR:VOLT 2\nSOUR:VOLT?;:OUTP?\n"
    replies = [reply for byte in stream for reply in panel.receive(bytes([byte]))]
    assert replies == [b"TOY WORKS,MODEL 1,0,0.1\n", b"2;0\n"]


def test_end_takes_the_place_of_a_newline(panel: ToyPanel) -> None:
    assert panel.receive(b"*ESE?", end=True) == [b"0\n"]
    assert panel.receive(b"*ESE?\n", end=True) == [b"0\n"]
    assert panel.receive(b"*ES") == []
    panel.connect()
    assert panel.receive(b"*ESE?\n") == [b"0\n"]


def test_hosts_do_not_mix_their_bytes(panel: ToyPanel) -> None:
    heard: list[bytes] = []
    second = panel.connection(heard.append)
    assert panel.receive(b"SOUR:VO") == []
    second.receive(b"SOUR:VOLT 4\n*ESE?\n", False)
    assert panel.receive(b"LT?\n") == [b"4\n"]
    assert heard == [b"0\n"]
    second.receive(b"BOG", False)
    second.reset()
    second.receive(b"*ESE?\n", False)
    assert heard == [b"0\n", b"0\n"]


def test_a_line_too_long_is_dropped_and_reported_once(panel: ToyPanel) -> None:
    assert panel.receive(b"SOUR:VOLT 1;" + b" " * LONGEST_MESSAGE) == []
    assert panel.receive(b"VOLT 2;*IDN?") == []
    assert panel.receive(b";*IDN?\nSYST:ERR?;ERR?\n") == [b'-363,"Input buffer overrun";0,"No error"\n']
    assert panel.toy.level == 0
    just_fits = b"OUTP?" + b" " * (LONGEST_MESSAGE - 5)
    assert panel.receive(just_fits + b"\n") == [b"0\n"]


def test_a_power_cycle_forgets_settings_and_input(panel: ToyPanel) -> None:
    panel.receive(b"SOUR:VOLT 4\nBOGUS\nOUT")
    panel.power_cycle()
    assert panel.receive(b"SOUR:VOLT?;:SYST:ERR?\n") == [b'0;0,"No error"\n']


WORDS = ["SOUR", "VOLT", "ILIM", "LEV", "OUTP", "SMOD", "STAT", "SENS", "FUNC", "SYST", "NOTE", "LIST", "CHAN2", "*OPC"]
PIECES = [
    *WORDS,
    ":",
    ";",
    "?",
    " ",
    ",",
    "'",
    '"',
    "(",
    ")",
    "#H1",
    "1",
    "-2.5E1",
    "MIN",
    "ON",
    "mV",
    "\n",
    "\r\n",
    "*",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join).map(str.encode) | st.binary(max_size=200))
def test_no_bytes_break_it(make_toy_panel: Callable[[], ToyPanel], data: bytes) -> None:
    panel = make_toy_panel()
    messages = 0
    for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
        for reply in panel.receive(piece):
            assert reply.endswith(b"\n")
    panel.receive(b"\n")
    messages = data.count(b"\n") + 1
    log, standard = panel.toy.status.log, panel.toy.status.standard
    assert log.count() <= min(messages, QUEUE)
    errors = [entry for _ in range(QUEUE) if (entry := log.next())]
    for entry in errors:
        assert entry.text
        assert standard & standard_event(entry.code) or b"*" in data
    assert panel.ask("*IDN?") == IDENTITY


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_every_parameter_is_a_token_or_an_error(text: str) -> None:
    def outcome() -> Token | int:
        try:
            return parse_token(text.strip())
        except ScpiError as error:
            return error.code

    found = outcome()
    if isinstance(found, int):
        assert found in {-104, -109, -121, -151}
    else:
        quoted = found.kind is TokenKind.STRING
        assert text.strip().startswith(("'", '"') if quoted else found.text)


def test_numbers_keep_their_type() -> None:
    assert short_form("VOLTage") == "VOLT"
    assert math.isclose(Number(0, 1, 0.5).parse(parse_token("0.25")), 0.25)
    assert Integer(0, 10, 1).parse(parse_token("2.5")) == 2.0


def test_a_table_refuses_what_is_no_table() -> None:
    with pytest.raises(ValueError, match="not a header pattern"):
        CommandTable([query("SOURce", lambda: "")])
    with pytest.raises(ValueError, match="not a header pattern"):
        CommandTable([query(":SOURce[:LEVel", lambda: "")])
    with pytest.raises(ValueError, match="two commands"):
        CommandTable([query(":SOURce[:LEVel]", lambda: ""), query(":SOURce", lambda: "")])
    with pytest.raises(ValueError, match="two sets of suffixes"):
        CommandTable([query(":SOURce[1]:A", lambda: ""), query(":SOURce[1|2]:B", lambda: "")])


def test_a_log_reads_by_kind() -> None:
    log = EventLog(10, lambda: 1.5, {-222: "Parameter data out of range"})
    log.post(100, "a warning", EventKind.WARNING)
    log.post(-222)
    log.post(200, "a note", EventKind.INFORMATION)
    assert (log.count(), log.count(EventKind.ERROR)) == (3, 1)
    error = log.next(EventKind.ERROR)
    assert error is not None
    assert (error.text, error.time) == ("Parameter data out of range", 1.5)
    assert log.count(EventKind.WARNING) == 0
    assert log.next(EventKind.ERROR) is None
    note = log.next()
    assert note is not None
    assert note.code == 200
