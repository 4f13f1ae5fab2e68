"""Limit tests, offsets, math and statistics of the B2900A's panel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.panels.keysight_b2900_expressions import check, evaluate
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from tests.sim_backend.panels.keysight_b2900.conftest import Bench

PLAIN = ":SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1E-4;:SENS:WAIT 0;:SOUR:VOLT 0.5;:OUTP 1;:FORM:ELEM:SENS VOLT,CURR"
LISTED = ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 0.1,0.2,0.3,0.4;:TRIG:COUN 4"
DEFAULTS = {
    ":CALC:FEED?": "VOLT",
    ":CALC:LIM:STAT?": "0",
    ":CALC:LIM:FUNC?": "LIM",
    ":CALC:LIM:COMP:FAIL?": "OUT",
    ":CALC:LIM12:LOW?": "-1.000000E+00",
    ":CALC2:LIM:UPP:DATA?": "+1.000000E+00",
    ":CALC:LIM:FAIL?": "0",
    ":CALC:LIM3:PASS:DIG?": "0",
    ":CALC:CLIM:STAT?": "0",
    ":CALC:CLIM:MODE?": "GRAD",
    ":CALC:CLIM:UPD?": "IMM",
    ":CALC:CLIM:CLE:AUTO?": "1",
    ":CALC:CLIM:CLE:AUTO:DEL?": "+1.000000E-04",
    ":CALC:OFFS?": "+0.000000E+00",
    ":CALC:OFFS:STAT?": "0",
    ":CALC:MATH:STAT?": "0",
    ":CALC:MATH:NAME?": '"POWER"',
    ":CALC:MATH?": "(VOLT*CURR)",
    ":CALC:MATH:CAT?": '"POWER","OFFCOMPOHM","VARALPHA","VOLTCOEF"',
    ":CALC:DATA?": "+9.910000E+37",
    ":TRAC:STAT:FORM?": "MEAN",
    ":TRAC:STAT:DATA?": "+9.910000E+37,+9.910000E+37,+9.910000E+37",
    ":FORM:ELEM:CALC?": "CALC",
}


def known(element: str, channel: str, place: int | None) -> float:
    """Return what an expression finds in these tests."""
    values: dict[tuple[str, str, int | None], float] = {("VOLT", "2", 3): 8.0, ("RES", "", None): 4.0}
    return values.get((element, channel, place), 0.0)


def test_defaults_after_reset(bench: Bench) -> None:
    assert {query: bench.ask(query) for query in DEFAULTS} == DEFAULTS
    bench.ask(":CALC:FEED CURR;LIM:STAT 1;FUNC COMP;COMP:FAIL IN;:CALC:LIM12:LOW -2.5;:CALC2:LIM:UPP 3;:CALC:OFFS 1")
    bench.ask(":CALC:OFFS:STAT 1;:CALC:MATH:STAT 1;NAME 'VOLTCOEF';:CALC:CLIM:STAT 1;MODE SORT;UPD END;CLE:AUTO 0")
    bench.ask(":TRAC:STAT:FORM PKPK;:FORM:ELEM:CALC STAT,CALC;:CALC:LIM3:PASS:DIG 5")
    assert bench.ask(":FORM:ELEM:CALC?;:CALC:LIM12:LOW?;:CALC:MATH:NAME?;:CALC:LIM3:PASS:DIG?") == (
        'CALC,STAT;-2.500000E+00;"VOLTCOEF";5'
    )
    assert bench.code("*RST") == 0
    assert {query: bench.ask(query) for query in DEFAULTS} == DEFAULTS


def test_a_limit_test_says_what_failed(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:CALC:FEED CURR;:CALC:LIM2:UPP 4E-5;LOW 0;STAT 1;:CALC:LIM3:UPP 6E-5;STAT 1;:MEAS?")
    assert bench.ask(":CALC:LIM2:FAIL?;:CALC:LIM3:FAIL?;:CALC:LIM4:FAIL?;:STAT:MEAS:COND?") == "1;0;0;3"
    assert bench.values(":CALC:DATA?") == pytest.approx([5e-5])
    # The offset is subtracted before the test.
    bench.ask(":CALC:OFFS:ACQ;STAT 1;:MEAS?")
    assert bench.ask(":CALC:OFFS?;:CALC:LIM2:FAIL?;:STAT:MEAS:COND?;:CALC:DATA:LAT?") == (
        "+5.000000E-05;0;2;+0.000000E+00"
    )
    bench.ask(":CALC:OFFS:STAT 0;:CALC:CLIM:CLE:AUTO 0;:MEAS?;:CALC:LIM2:UPP 1")
    assert bench.ask(":CALC:LIM2:FAIL?;:CALC:CLIM:CLE;:CALC:LIM2:FAIL?") == "1;0"


def test_a_compliance_test(bench: Bench) -> None:
    """As a public QCoDeS driver of the B2901A sets it up."""
    assert bench.code(":CALC:LIM:FUNC COMP;:CALC:LIM:COMP:FAIL OUT;:CALC:LIM:STAT 1") == 0
    bench.ask(f"{PLAIN};:MEAS?")
    assert bench.ask(":CALC:LIM:FAIL?") == "1"
    bench.ask(":SENS:CURR:PROT 1E-5;:MEAS?")
    assert bench.ask(":CALC:LIM:FAIL?") == "0"
    bench.ask(":CALC:LIM:COMP:FAIL IN;:MEAS?")
    assert bench.ask(":CALC:LIM:FAIL?") == "1"


def test_math_on_every_reading(bench: Bench) -> None:
    bench.ask(f"{PLAIN};{LISTED};:CALC:MATH:STAT 1;:FORM:ELEM:CALC CALC,TIME;:READ?")
    assert bench.values(":CALC:MATH:DATA?")[::2] == pytest.approx([level**2 / 1e4 for level in (0.1, 0.2, 0.3, 0.4)])
    bench.ask(":CALC:MATH:NAME 'slope';DEF ((CURR[3]-CURR[0])/(VOLT[3] - VOLT[0]));UNIT 'S';:FORM:ELEM:CALC CALC")
    assert bench.ask(":CALC:MATH?;:CALC:MATH:UNIT?;:CALC:MATH:NAME?") == (
        '((CURR[3]-CURR[0])/(VOLT[3] - VOLT[0]));"S";"slope"'
    )
    bench.ask(":READ?")
    # As long as a reading that it names is missing, it has no value.
    assert bench.values(":CALC:MATH:DATA?") == pytest.approx([9.91e37, 9.91e37, 9.91e37, 1e-4])
    assert bench.values(":CALC:MATH:DATA:LAT?") == pytest.approx([1e-4])
    assert bench.ask(":CALC:MATH:CAT?") == '"POWER","OFFCOMPOHM","VARALPHA","VOLTCOEF","slope"'
    bench.ask(":CALC:MATH:DEL 'slope'")
    assert bench.ask(":CALC:MATH:CAT?") == '"POWER","OFFCOMPOHM","VARALPHA","VOLTCOEF"'


@pytest.mark.parametrize("setup", [":CALC:MATH:NAME 'x'", ":CALC:MATH:NAME 'x';DEF (VOLT);DEL 'x'"])
def test_an_expression_that_is_not_defined_has_no_value(bench: Bench, setup: str) -> None:
    assert bench.code(f"{setup};:CALC:MATH:STAT 1;:CALC:FEED MATH;LIM:STAT 1;:MEAS?") == 0
    assert bench.ask(":CALC:MATH:DATA?;:CALC:DATA?;:CALC:LIM:FAIL?") == "+9.910000E+37;+9.910000E+37;0"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":CALC:MATH:DEF (VOLT)", -221),
        (":CALC:MATH:DEL 'POWER'", -224),
        (":CALC:MATH:NAME ''", -151),
        (":CALC:MATH:NAME 'a';DEF (VOLTS)", -171),
        (":CALC:MATH:NAME 'a';DEF (__import__)", -171),
        (":CALC:MATH:NAME 'a';DEF (open(1))", -171),
        (":CALC:MATH:NAME 'a';DEF (VOLT**2)", -171),
        (":CALC:MATH:NAME 'a';DEF ((VOLT)", -171),
        (f":CALC:MATH:NAME 'a';DEF ({'(' * 120}1{')' * 120})", 0),
        (f":CALC:MATH:NAME 'a';DEF ({'1+' * 200}1)", -223),
        (":CALC:MATH:NAME 'a';DEF VOLT", -104),
        (":CALC:LIM13:STAT 1", -114),
        (":CALC:FEED TIME", -224),
        (":CALC:LIM:UPP 1E21", -222),
        (":FORM:ELEM:CALC VOLT", -224),
        (":FORM:ELEM:SENS CALC", -224),
    ],
)
def test_calculations_that_cannot_be(bench: Bench, message: str, code: int) -> None:
    assert bench.code(message) == code


@pytest.mark.parametrize(
    ("operation", "values"),
    [
        ("MEAN", (0.25, 2.5e-5)),
        ("MIN", (0.1, 1e-5)),
        ("MAX", (0.4, 4e-5)),
        ("PKPK", (0.3, 3e-5)),
        ("SDEV", (math.sqrt(0.05 / 3), math.sqrt(0.05 / 3) * 1e-4)),
    ],
)
def test_statistics_of_the_trace_buffer(bench: Bench, operation: str, values: tuple[float, float]) -> None:
    bench.ask(f"{PLAIN};{LISTED};:FORM:ELEM:SENS SOUR,TIME,VOLT,CURR;:TRAC:POIN 4;FEED:CONT NEXT;:READ?")
    bench.ask(f":TRAC:STAT:FORM {operation}")
    assert bench.values(":TRAC:STAT:DATA?") == pytest.approx(values)


def test_a_reading_without_a_value_has_no_statistic(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:SENS:CURR:RANG 1E-6;:TRAC:FEED:CONT NEXT;:MEAS?")
    for operation in ("MEAN", "SDEV", "PKPK", "MIN", "MAX"):
        bench.ask(f":TRAC:STAT:FORM {operation}")
        assert bench.values(":TRAC:STAT:DATA?")[1] == 9.91e37


@pytest.mark.parametrize(("feed", "setup"), [("MATH", ":CALC:MATH:STAT 1"), ("LIM", ":CALC:LIM:STAT 1")])
def test_the_trace_buffer_keeps_what_is_calculated(bench: Bench, feed: str, setup: str) -> None:
    bench.ask(f"{PLAIN};{setup};:FORM:ELEM:CALC CALC;:TRAC:FEED {feed};FEED:CONT NEXT;:MEAS?")
    assert bench.values(":TRAC:DATA?") == pytest.approx([2.5e-5 if feed == "MATH" else 0.5])
    assert bench.values(":TRAC:STAT:DATA?") == pytest.approx([2.5e-5 if feed == "MATH" else 0.5])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(2+3*4)", 14),
        ("(2^3^2)", 512),
        ("(-(1)+0x10+0b11)", 18),
        ("(log(-10)+LN(exp(2)))", 3),
        ("(sin(0)+cos(0)+tan(0))", 1),
        ("(volt2[3]/RES)", 2),
        ("(1/0)", math.nan),
        ("((-8)^0.5)", math.nan),
        ("(10^400)", math.nan),
        ("(exp(1000))", math.nan),
    ],
)
def test_expressions(text: str, value: float) -> None:
    check(text)
    assert evaluate(text, known) == pytest.approx(value, nan_ok=True)


@given(st.text(alphabet="VOLTCURESlognsix[]()+-*/^0123456789.,:='\"_ @", max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        check(text)
    except ScpiError as error:
        code = error.code
    else:
        code = 0
        assert isinstance(evaluate(text, known), float)
    assert code in {0, -171}
