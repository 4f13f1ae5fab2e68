"""Settings, source, limits and output of the B2900A's panel."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keysight_b2900_instrument import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keysight_b2900.conftest import Bench

DEFAULTS = {
    ":OUTP?": "0",
    ":OUTP:ON:AUTO?": "1",
    ":OUTP:OFF:AUTO?": "0",
    ":OUTP:OFF:MODE?": "NORM",
    ":OUTP:PROT?": "0",
    ":OUTP:LOW?": "GRO",
    ":OUTP:HCAP?": "0",
    ":SOUR:FUNC:MODE?": "VOLT",
    ":SOUR:FUNC:SHAP?": "DC",
    ":SOUR:VOLT?": "+0.000000E+00",
    ":SOUR:VOLT:RANG:AUTO?": "1",
    ":SOUR:VOLT:MODE?": "FIX",
    ":SOUR:VOLT:POIN?": "1",
    ":SOUR:SWE:DIR?": "UP",
    ":SOUR:SWE:SPAC?": "LIN",
    ":SOUR:SWE:STA?": "SING",
    ":SOUR:SWE:RANG?": "BEST",
    ":SENS:CURR:PROT?": "+1.000000E-04",
    ":SENS:VOLT:PROT?": "+2.000000E+00",
    ":SENS:CURR:PROT:POS?": "+1.000000E-04",
    ":SENS:FUNC?": '"VOLT","CURR"',
    ":SENS:CURR:RANG:AUTO?": "1",
    ":SENS:CURR:RANG:AUTO:LLIM?": "+1.000000E-06",
    ":SENS:VOLT:RANG:AUTO:LLIM?": "+2.000000E-01",
    ":SENS:CURR:RANG:AUTO:MODE?": "NORM",
    ":SENS:CURR:APER?": "+2.000000E-03",
    ":SENS:VOLT:NPLC?": "+1.000000E-01",
    ":SENS:REM?": "0",
    ":TRIG:ACQ:COUN?": "1",
    ":TRIG:TRAN:SOUR?": "AINT",
    ":ARM:ACQ:DEL?": "+0.000000E+00",
    ":TRAC:POIN?": "100000",
    ":TRAC:FEED:CONT?": "NEV",
    ":FORM?": "ASC",
    ":FORM:BORD?": "NORM",
    ":FORM:ELEM:SENS?": "VOLT,CURR,RES,TIME,STAT,SOUR",
    ":SYST:LFR?": "50",
    "*TST?": "0",
}
CHANGES = (
    ":OUTP:ON:AUTO 0;:OUTP:OFF:AUTO 1;MODE ZERO;:OUTP:PROT 1;LOW FLO;HCAP 1;:SOUR:VOLT 1;:SOUR:VOLT:RANG 2",
    ":SOUR:VOLT:STOP 1;POIN 11;MODE SWE;:SOUR:SWE:DIR DOWN;SPAC LOG;STA DOUB;RANG FIX;:SOUR:FUNC PULS",
    ":SENS:CURR:PROT 1E-3;:SENS:VOLT:PROT 10;:SENS:FUNC 'RES';:SENS:CURR:RANG 1E-3;:SENS:CURR:RANG:AUTO:LLIM 1E-8",
    ":SENS:VOLT:RANG:AUTO:LLIM 2;:SENS:CURR:RANG:AUTO:MODE SPE;:SENS:CURR:NPLC 1;:SENS:REM 1;:SOUR:FUNC:MODE CURR",
    ":TRIG:COUN 7;SOUR TIM;:ARM:DEL 1;:TRAC:POIN 10;FEED:CONT NEXT",
    ":FORM REAL,32;:FORM:BORD SWAP;ELEM:SENS CURR;:OUTP 1",
)


def test_settings_after_switching_on(bench: Bench) -> None:
    assert {query: bench.ask(query) for query in DEFAULTS} == DEFAULTS


def test_reset_restores_every_setting_on_both_channels(bench: Bench) -> None:
    second = {
        re.sub("^:(SOUR|SENS|OUTP|TRIG|ARM|TRAC)", r":\g<1>2", query)
        for query in DEFAULTS
        if not query.startswith((":FORM", "*", ":SYST"))
    }
    before = {query: bench.ask(query) for query in second}
    for message in CHANGES:
        assert bench.code(message) == 0
        assert bench.code(re.sub("(^|;):(SOUR|SENS|OUTP|TRIG|ARM|TRAC)", r"\1:\g<2>2", message)) == 0
    changed = [query for query, reply in DEFAULTS.items() if bench.ask(query) != reply]
    assert len(changed) > len(DEFAULTS) - 6
    assert bench.code("*RST") == 0
    assert {query: bench.ask(query) for query in DEFAULTS} == DEFAULTS
    assert {query: bench.ask(query) for query in second} == before


@pytest.mark.parametrize(
    ("model", "identity"),
    [
        (Options(), "Keysight Technologies,B2912A,MY51140001,3.4.2011.5100"),
        (Options(model="B2901A", maker="Agilent Technologies"), "Agilent Technologies,B2901A,MY51140001,3.4.2011.5100"),
    ],
)
def test_identity(make_bench: Callable[..., Bench], model: Options, identity: str) -> None:
    assert make_bench(model).ask("*IDN?") == identity


def test_a_single_channel_model_has_no_second_channel(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(Options(model="B2901A"))
    assert bench.code(":SOUR2:VOLT 1") == -114
    assert bench.code(":MEAS:CURR? (@2)") == -222
    assert bench.code(":SOUR1:VOLT 1;:MEAS:CURR? (@1)") == 0
    assert bench.ask(":SENS:CURR:RANG? MIN;:STAT:OPER:COND?") == "+1.000000E-07;18"


@pytest.mark.parametrize(("model", "shortest"), [("B2902A", "+2.000000E-05"), ("B2911A", "+1.000000E-05")])
def test_the_shortest_trigger_interval_is_the_model_s(
    make_bench: Callable[..., Bench], model: str, shortest: str
) -> None:
    bench = make_bench(Options(model=model))
    for _ in range(2):
        assert bench.ask(":TRIG:ACQ:TIM?;TIM? MIN;:ARM:TRAN:TIM?") == ";".join([shortest] * 3)
        bench.ask(":TRIG:TIM 1;:ARM:TIM 1;*RST")
    assert bench.code(":TRIG:TIM 1.5E-5") == (-222 if model == "B2902A" else 0)


@pytest.mark.parametrize(
    "message",
    [
        ":SOUR:VOLT 0.5",
        "sour1:volt:lev:imm:ampl 500mv",
        ":SOURCE1:VOLTAGE 0.5 V",
        "VOLT 5E-1",
        ":Source:Voltage:Level #H0;:VOLT .5",
        ":SOUR:CURR 0;VOLT 0.5",
        "*CLS;:SOUR:FUNC:MODE VOLT;:SOUR:VOLT +0.5E0",
    ],
)
def test_ways_to_write_one_level(bench: Bench, message: str) -> None:
    assert bench.code(message) == 0
    assert bench.ask(":SOUR:VOLT?") == "+5.000000E-01"


def test_bounds_and_defaults(bench: Bench) -> None:
    assert bench.ask(":SOUR:VOLT? MAX;:SOUR:CURR? MIN;:SENS:CURR:PROT? DEF") == (
        "+2.100000E+02;-3.030000E+00;+1.000000E-04"
    )
    assert bench.ask(":SENS:CURR:APER? MIN;APER? MAX;NPLC? MAX") == "+8.000000E-06;+2.000000E+00;+1.000000E+02"
    bench.ask(":SENS:CURR:PROT MAX;:SENS:VOLT:PROT MIN")
    assert bench.values(":SENS:CURR:PROT?") == [3.03]
    assert bench.values(":SENS:VOLT:PROT?") == [2e-3]


REFUSED = (
    (":SOUR:VOLT 211", -222),
    (":SOUR:VOLT:RANG 0.2;:SOUR:VOLT 0.3", -222),
    (":SOUR:VOLT 1;VOLT:RANG 0.2", -221),
    (":SOUR:CURR 4", -222),
    (":SENS:CURR:PROT 1E-11", -222),
    (":SENS:CURR:PROT 0", -222),
    (":SENS:CURR:PROT 2;:SOUR:VOLT 10", -221),
    (":SOUR:VOLT 10;:SENS:CURR:PROT 2", -221),
    (":SOUR:VOLT 30;:SENS:CURR:PROT 0.2", -221),
    (":SOUR:VOLT", -109),
    (":SOUR:VOLT 1,2", -108),
    (":SOUR:VOLT 1A", -131),
    (":SOUR:VOLT HIGH", -104),
    (":SOUR:VOLTS 1", -113),
    (":SOUR3:VOLT 1", -114),
    (":OUTP:OFF:MODE LOW", -224),
    (":OUTP MAYBE", -224),
    (":SOUR:FUNC:MODE RES", -224),
    (":SENS:FUNC CURR", -104),
    (":SENS:FUNC 'TEMP'", -224),
    (":FORM:ELEM:SENS", -109),
    (":FORM REAL,16", -222),
    (":FORM INT", -224),
    (":TRIG:COUN 0", -222),
    (":TRIG:COUN 100001", -222),
    (":TRIG:COUN?", -113),
    (":TRIG:SOUR EXT15", -224),
    (":SOUR:PULS:WIDT 49E-6", -222),
    (":SOUR:VOLT:POIN 2501", -222),
    ("*XYZ", -113),
    ("\x80", -101),
    (":SOUR:VOLT 1;;:SOUR:VOLT 2", 0),
)


def test_what_is_refused(bench: Bench) -> None:
    for message, code in REFUSED:
        bench.ask("*RST")
        assert (message, bench.code(message)) == (message, code)


def test_a_refused_level_or_limit_leaves_the_old_one(bench: Bench) -> None:
    bench.ask(":SOUR:VOLT 10;:SENS:CURR:PROT 1E-3;:OUTP 1")
    for message in (":SOUR:VOLT 500", ":SENS:CURR:PROT 3", ":SENS:CURR:PROT 1E-12", ":SOUR:VOLT:RANG 2"):
        assert bench.code(message) != 0
    assert bench.ask(":SOUR:VOLT?;:SENS:CURR:PROT?") == "+1.000000E+01;+1.000000E-03"
    assert bench.terminals.drive_state == (10.0, 1e-3)


def test_the_rest_of_a_message_is_dropped_at_an_error(bench: Bench) -> None:
    assert bench.ask(":SOUR:VOLT?;:SOUR:VOLT 999;:OUTP 1;:OUTP?") == "+0.000000E+00"
    assert bench.ask(":OUTP?") == "0"


def test_integration_times_are_clamped_without_an_error_and_shared_by_all_functions(bench: Bench) -> None:
    """Trap: a time out of range is no error, so a host must read it back."""
    assert bench.code(":SENS:CURR:APER 1E-9") == 0
    assert bench.ask(":SENS:VOLT:APER?") == "+8.000000E-06"
    assert bench.code(":SENS:VOLT:NPLC 1E6") == 0
    assert bench.ask(":SENS:CURR:APER?;:SENS:RES:NPLC?") == "+2.000000E+00;+1.000000E+02"
    # The last of the two headers wins.
    bench.ask(":SENS:CURR:APER 0.01;:SENS:CURR:NPLC 2")
    assert bench.ask(":SENS:CURR:APER?") == "+4.000000E-02"
    bench.ask(":SYST:LFR 60;:SENS:CURR:NPLC 1")
    assert bench.values(":SENS:CURR:APER?") == pytest.approx([1 / 60])


def test_the_default_limit_holds_until_another_is_set(bench: Bench) -> None:
    """Trap: 100 uA and 2 V, not what the last user had."""
    bench.ask(":SENS:CURR:PROT 1E-3;*RST;:SOUR:VOLT 5;:OUTP 1")
    assert bench.terminals.drive_state == (5.0, 1e-4)
    assert bench.values(":MEAS:CURR?") == [1e-4]
    assert bench.ask(":SENS:CURR:PROT:TRIP?;:SENS:VOLT:PROT:TRIP?") == "1;0"


@pytest.mark.parametrize("query", [":READ?", ":INIT", ":MEAS:CURR?", ":READ:ARR:CURR? (@1)", ":INIT:ACQ (@1)"])
def test_reading_switches_the_output_on(bench: Bench, query: str) -> None:
    """Trap: after `*RST` a mere query puts the programmed voltage on the sample."""
    bench.ask(":SOUR:VOLT 0.5")
    assert bench.terminals.drive_state is None
    bench.ask(query)
    assert bench.ask(":OUTP?") == "1"
    assert bench.terminals.drive_state == (0.5, 1e-4)


@pytest.mark.parametrize("query", [":READ?", ":INIT;*WAI", ":MEAS:CURR?"])
def test_automatic_switching_can_be_disabled(bench: Bench, query: str) -> None:
    bench.ask(":OUTP:ON:AUTO 0;:SOUR:VOLT 0.5")
    assert bench.code(query) == 0
    assert bench.ask(":OUTP?") == "0"
    assert bench.terminals.drive_state is None
    assert bench.values(":FETC:CURR?") == [0.0]
    # The other channel has a switch of its own.
    bench.ask(":MEAS? (@2)")
    assert bench.ask(":OUTP2?") == "1"


def test_reading_leaves_the_limit_alone(bench: Bench) -> None:
    """Other makers' `:MEASure?` resets the compliance; this one does not."""
    bench.ask(":SENS:CURR:PROT 2E-6;:SOUR:VOLT 1;:MEAS:CURR?")
    assert bench.ask(":SENS:CURR:PROT?") == "+2.000000E-06"
    assert bench.values(":MEAS:CURR?") == [2e-6]


@pytest.mark.parametrize(("mode", "state"), [("NORM", None), ("HIZ", None), ("ZERO", (0.0, 1e-4))])
def test_output_off_modes(bench: Bench, mode: str, state: tuple[float, float] | None) -> None:
    bench.ask(f":OUTP:OFF:MODE {mode};:SOUR:VOLT 0.7;:OUTP 1")
    assert bench.terminals.drive_state == (0.7, 1e-4)
    bench.ask(":OUTP 0")
    assert bench.terminals.drive_state == state


def test_protection_switches_off_whatever_the_off_mode(bench: Bench) -> None:
    bench.ask(":OUTP:PROT 1;:OUTP:OFF:MODE ZERO;:SENS:CURR:PROT 1E-5;:SOUR:VOLT 0.05;:OUTP 1")
    assert bench.ask(":OUTP?;:STAT:QUES:COND?") == "1;0"
    bench.ask(":SOUR:VOLT 0.5")
    assert bench.ask(":OUTP?;:STAT:QUES:COND?;:SENS:CURR:PROT:TRIP?") == "0;4;1"
    assert bench.terminals.drive_state is None
    bench.ask(":SOUR:VOLT 0.05;:OUTP 1")
    assert bench.ask(":OUTP?;:STAT:QUES:COND?;:STAT:QUES?") == "1;0;4"


def test_limits_can_differ_by_side(bench: Bench) -> None:
    bench.ask(":SENS:CURR:PROT:POS 1E-5;NEG 2E-5;:SOUR:VOLT 1;:OUTP 1")
    assert bench.values(":MEAS:CURR?") == [1e-5]
    bench.ask(":SOUR:VOLT -1")
    assert bench.values(":MEAS:CURR?") == [-2e-5]
    bench.ask(":SENS:CURR:PROT 3E-5")
    assert bench.ask(":SENS:CURR:PROT:NEG?") == "+3.000000E-05"


def test_a_current_source_and_its_voltage_limit(bench: Bench) -> None:
    bench.ask(":SOUR:FUNC:MODE CURR;:SOUR:CURR 5E-5;:OUTP 1")
    assert bench.values(":MEAS?")[:2] == [0.5, 5e-5]
    assert bench.values(":FETC:STAT?") == [1]
    bench.ask(":SENS:VOLT:PROT 0.2")
    assert bench.values(":MEAS?")[:2] == pytest.approx([0.2, 2e-5])
    assert bench.values(":FETC:STAT?") == [1 + 2]
    assert bench.ask(":SENS:VOLT:PROT:TRIP?;:SENS:CURR:PROT:TRIP?") == "1;0"


def test_another_function_switches_the_output_off(bench: Bench) -> None:
    bench.ask(":SOUR:VOLT 1;:OUTP 1;:SOUR:FUNC:MODE VOLT")
    assert bench.ask(":OUTP?") == "1"
    bench.ask(":SOUR:FUNC:MODE CURR")
    assert bench.ask(":OUTP?") == "0"


def test_an_open_interlock(make_bench: Callable[..., Bench]) -> None:
    """Trap: the query answers 1 for an open circuit, the other way round than on other makers' instruments."""
    closed, opened = make_bench(), make_bench(Options(interlock=False))
    assert closed.ask(":SYST:INT:TRIP?;:STAT:QUES:COND?") == "0;0"
    assert opened.ask(":SYST:INT:TRIP?;:STAT:QUES:COND?") == "1;1024"
    for bench, code in ((closed, 0), (opened, -221)):
        bench.ask(":SOUR:VOLT 50")
        assert bench.code(":OUTP 1") == code
        assert bench.ask(":OUTP?") == ("0" if code else "1")
        bench.ask(":OUTP 0;:SOUR:VOLT 42;:OUTP 1")
        assert bench.code(":SOUR:VOLT 43") == code
        assert bench.code(":SOUR:VOLT 1;:SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,100;:INIT;*WAI") == code


def test_channel_2_has_open_terminals(bench: Bench) -> None:
    bench.ask(":SOUR2:VOLT 1.5;:OUTP2 1")
    assert bench.values(":MEAS? (@2)")[:2] == [1.5, 0.0]
    assert bench.terminals.drive_state is None
    bench.ask(":SOUR2:FUNC:MODE CURR;:SOUR2:CURR 1E-6;:OUTP2 1")
    assert bench.values(":MEAS? (@2)")[:2] == [2.0, 0.0]
    assert bench.values(":FETC:STAT? (@2)") == [3]
    assert bench.ask(":OUTP?;:OUTP2?") == "0;1"


@pytest.mark.parametrize("resistance", [1e3, 1e5, 1e7, 1e9])
def test_measure_ranges_follow_the_current_within_their_bounds(bench: Bench, resistance: float) -> None:
    bench.terminals.resistance = resistance
    bench.ask(":SENS:CURR:PROT 1E-2;:SENS:CURR:RANG:AUTO:LLIM 1E-7;:SOUR:VOLT 1")
    assert bench.values(":MEAS:CURR?") == pytest.approx([1 / resistance], rel=1e-5, abs=1e-13)
    assert bench.values(":SENS:CURR:RANG?") == [max(1 / resistance, 1e-7)]


def test_automatic_ranging_stays_within_the_compliance_s_range(bench: Bench) -> None:
    bench.ask(":SENS:CURR:PROT 1E-6;:SOUR:VOLT 1;:MEAS:CURR?")
    assert bench.values(":SENS:CURR:RANG?") == [1e-6]
    bench.ask(":SENS:CURR:PROT 1E-3;:SENS:CURR:RANG:AUTO:ULIM 1E-5;:MEAS:CURR?")
    assert bench.values(":SENS:CURR:RANG?") == [1e-5]


def test_a_fixed_range_above_the_compliance_s_is_not_used(bench: Bench) -> None:
    bench.ask(":SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1;:SOUR:VOLT 1.23456789;:FORM REAL,64")
    reply = bench.raw(":MEAS:CURR?")
    assert reply is not None
    # In steps of the 1 mA range, not of the one that was set, and that is read back.
    assert struct.unpack(">d", reply[3:-1])[0] == pytest.approx(123.457e-6, abs=1e-12)
    assert bench.values(":SENS:CURR:RANG?") == [1.0]


def test_a_value_beyond_a_fixed_range_is_infinite_on_either_side(bench: Bench) -> None:
    """Trap: +-9.9E37, and the sign counts; what is not measured is +9.91E37."""
    bench.ask(":SENS:CURR:RANG 1E-6;:SENS:FUNC:OFF 'VOLT';:SOUR:VOLT 1;:FORM:ELEM:SENS VOLT,CURR,STAT")
    assert bench.ask(":MEAS?") == "+9.910000E+37,+9.900000E+37,+8.192000E+03"
    bench.ask(":SOUR:VOLT -1")
    assert bench.ask(":MEAS?") == "+9.910000E+37,-9.900000E+37,+8.192000E+03"
    bench.ask(":SENS:CURR:RANG 1.06E-4")
    assert bench.ask(":SENS:CURR:RANG?;:MEAS?") == "+1.000000E-04;+9.910000E+37,-1.000000E-04,+0.000000E+00"


def test_how_long_a_reading_takes(bench: Bench) -> None:
    bench.ask(":SENS:CURR:RANG 1E-4;:SOUR:VOLT 0.5;:OUTP 1;:MEAS?")
    assert bench.elapsed(":MEAS?") == pytest.approx(2e-3 + 10e-6)
    bench.ask(":SENS:CURR:NPLC 5")
    assert bench.elapsed(":MEAS?") == pytest.approx(0.1 + 10e-6)
    bench.ask(":SENS:CURR:APER 1E-5")
    assert bench.elapsed(":MEAS? (@1,2)") > bench.elapsed(":MEAS? (@1)")
    # A new level is waited for: by itself, with an offset, or not at all.
    bench.ask(":SOUR:VOLT 0.4")
    assert bench.elapsed(":MEAS?") == pytest.approx(250e-6 + 20e-6)
    bench.ask(":SENS:WAIT:GAIN 2;OFFS 0.5;:SOUR:VOLT 0.5")
    assert bench.elapsed(":MEAS?") == pytest.approx(0.5005 + 20e-6)
    bench.ask(":SENS:WAIT 0;:SOUR:VOLT 0.4")
    assert bench.elapsed(":MEAS?") == pytest.approx(20e-6)


def test_groups_and_harmless_commands(bench: Bench) -> None:
    assert bench.ask(":SYST:GRO?") == "(@1,2)"
    assert bench.code(":SYST:GRO (@1),(@2);:SYST:BEEP 440,0.1;:DISP:ENAB 0;:DISP:VIEW DUAL") == 0
    assert bench.ask(":SYST:GRO?;VERS?") == "(@1),(@2);1999.0"


def test_a_power_cycle_forgets_settings(bench: Bench) -> None:
    bench.ask(":SOUR:VOLT 1;:OUTP 1;:NONSENSE")
    bench.panel.power_cycle()
    assert bench.terminals.drive_state is None
    assert bench.ask("*ESR?;:OUTP?;:SOUR:VOLT?;:SYST:ERR:COUN?") == "128;0;+0.000000E+00;0"
