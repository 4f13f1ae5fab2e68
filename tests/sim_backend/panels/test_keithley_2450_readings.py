"""Readings of the 2450's panel: ranges, time, buffers, elements and formats."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keithley_2450_facts import CONVERSION_OVERHEAD, RELAY_TIME
from sim_backend.panels.keithley_2450_instrument import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.conftest import Bench2450

APERTURE = 1 / 50
CONVERSION = APERTURE + CONVERSION_OVERHEAD
PLAIN = ":SENS:CURR:RANG 1E-4;:SENS:CURR:AZER OFF;:SOUR:VOLT:READ:BACK OFF;:SOUR:VOLT:DEL 0"
"""Settings under which a reading takes one conversion and nothing else."""


def test_a_reading_takes_one_conversion(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:VOLT 0.5;:OUTP ON")
    assert bench_2450.elapsed(":READ?") == pytest.approx(CONVERSION)
    assert bench_2450.terminals.durations[-1] == pytest.approx(APERTURE)
    bench_2450.ask(":SENS:CURR:NPLC 10")
    assert bench_2450.elapsed(":READ?") == pytest.approx(10 * APERTURE + CONVERSION_OVERHEAD)
    bench_2450.ask(":SENS:CURR:NPLC 1;:SENS:COUN 5")
    assert bench_2450.elapsed(":READ?") == pytest.approx(5 * CONVERSION)
    bench_2450.ask(":SOUR:VOLT:READ:BACK ON;:SENS:COUN 1")
    assert bench_2450.elapsed(":READ?") == pytest.approx(2 * CONVERSION)


def test_the_line_frequency_sets_the_aperture(make_bench_2450: Callable[..., Bench2450]) -> None:
    bench = make_bench_2450(Options(line_frequency=60.0))
    bench.ask(f"{PLAIN};:OUTP ON")
    assert bench.elapsed(":READ?") == pytest.approx(1 / 60 + CONVERSION_OVERHEAD)
    assert bench.ask(":SYST:LFR?") == "60"


def test_autozero_costs_two_conversions_when_references_are_old(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SENS:CURR:AZER ON;:OUTP ON")
    assert bench_2450.elapsed(":READ?") == pytest.approx(3 * CONVERSION)
    assert bench_2450.elapsed(":READ?") == pytest.approx(CONVERSION)
    bench_2450.ask(":SENS:CURR:NPLC 0.1")
    short = 0.1 * APERTURE + CONVERSION_OVERHEAD
    assert bench_2450.elapsed(":READ?") == pytest.approx(3 * short)
    bench_2450.clock.sleep(60)
    assert bench_2450.elapsed(":READ?") == pytest.approx(3 * short)
    assert bench_2450.elapsed(":SENS:AZER:ONCE") == pytest.approx(2 * short)


@pytest.mark.parametrize(
    ("current_range", "delay"), [("1E-8", 50e-3), ("1E-7", 50e-3), ("1E-6", 3e-3), ("1E-5", 2e-3), ("0.1", 1e-3)]
)
def test_the_source_settles_by_the_current_range(bench_2450: Bench2450, current_range: str, delay: float) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:VOLT:DEL:AUTO ON;:SOUR:VOLT:ILIM 1E-3;:SENS:CURR:RANG {current_range};:OUTP ON")
    assert bench_2450.elapsed(":READ?") == pytest.approx(delay + CONVERSION)
    assert bench_2450.elapsed(":SOUR:VOLT 0;:READ?") == pytest.approx(CONVERSION)
    assert bench_2450.elapsed(":SOUR:VOLT 1E-6;:READ?") == pytest.approx(delay + CONVERSION)
    bench_2450.ask(":SOUR:VOLT 0")
    bench_2450.clock.sleep(delay)
    assert bench_2450.elapsed(":READ?") == pytest.approx(CONVERSION)


def test_a_set_delay_and_the_relay_are_waited_for(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:VOLT:DEL 0.25;:OUTP ON")
    assert bench_2450.elapsed(":READ?") == pytest.approx(0.25 + CONVERSION)
    bench_2450.ask(":OUTP OFF;:OUTP:SMOD HIMP;:OUTP ON")
    assert bench_2450.elapsed(":READ?") == pytest.approx(0.25 + RELAY_TIME + CONVERSION)


@pytest.mark.parametrize(
    ("resistance", "expected"), [(1e3, 1e-3), (1e4, 1e-4), (9e3, 1e-3), (1e9, 1e-8), (1e12, 1e-8), (2.0, 1.0)]
)
def test_auto_range_finds_the_lowest_range(bench_2450: Bench2450, resistance: float, expected: float) -> None:
    bench_2450.terminals.resistance = resistance
    bench_2450.ask(":SOUR:VOLT:ILIM 1;:SOUR:VOLT 1;:OUTP ON")
    assert bench_2450.values(":READ?") == [pytest.approx(1 / resistance, rel=2e-6, abs=1e-14)]
    assert bench_2450.values(":SENS:CURR:RANG?") == [expected]
    bench_2450.ask(":SENS:CURR:RANG:AUTO:LLIM 0.1;:READ?")
    assert bench_2450.values(":SENS:CURR:RANG?") == [max(expected, 0.1)]


def test_a_range_change_costs_its_delay_and_a_conversion(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SENS:CURR:RANG:AUTO ON;:SOUR:VOLT:ILIM 1;:SOUR:VOLT 5;:OUTP ON")
    assert bench_2450.elapsed(":READ?") == pytest.approx(2 * CONVERSION + 1e-3)
    assert bench_2450.elapsed(":READ?") == pytest.approx(CONVERSION)


def test_a_fixed_range_rounds_and_overflows(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SENS:CURR:RANG 1E-3;:SOUR:VOLT:ILIM 1;:SOUR:VOLT 1.23456789;:OUTP ON")
    assert bench_2450.values(":FORM:ASC:PREC 12;:READ?") == [1.23457e-4]
    assert bench_2450.values(":SOUR:VOLT 10.5;:READ?") == [1.05e-3]
    assert bench_2450.values(":SOUR:VOLT 10.6;:READ? 'defbuffer1',READ,STAT") == [9.9e37, 9.0]
    assert bench_2450.values(":SOUR:VOLT -10.6;:READ?") == [-9.9e37]


def test_compliance_shows_in_source_and_status(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SOUR:VOLT:ILIM 1E-5;:SOUR:VOLT 2;:OUTP ON")
    assert bench_2450.values(":READ? 'defbuffer1',SOUR,READ,SOURSTAT") == [0.1, 1e-5, 128 + 32 + 8]
    bench_2450.ask(":SOUR:VOLT:READ:BACK OFF")
    assert bench_2450.values(":READ? 'defbuffer1',SOUR,READ,SOURSTAT") == [2.0, 1e-5, 128 + 32]
    assert bench_2450.ask(":SOUR:VOLT:ILIM:TRIP?") == "1"


def test_four_wire_shows_in_the_status(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SENS:CURR:RSEN ON;:OUTP ON")
    assert bench_2450.values(":READ? 'defbuffer1',SOURSTAT") == [128 + 64 + 8]
    bench_2450.ask(":ROUT:TERM REAR;:OUTP OFF")
    assert bench_2450.values(":READ? 'defbuffer1',SOURSTAT,STAT") == [8, 0]


def test_with_the_output_off_the_off_state_is_measured(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SOUR:VOLT 1")
    assert bench_2450.values(":READ? 'defbuffer1',READ,SOUR,SOURSTAT") == [0, 0, 8]
    assert bench_2450.ask(":SYST:ERR:COUN?") == "0"


def test_voltage_is_measured_in_the_source_range(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SOUR:VOLT 0.123456789;:OUTP ON")
    assert bench_2450.values(":FORM:ASC:PREC 10;:MEAS:VOLT? 'defbuffer1',READ") == [0.1234568]
    assert bench_2450.ask(":SENS:FUNC?;:MEAS? 'defbuffer1',UNIT;:MEAS:CURR? 'defbuffer1',UNIT") == (
        '"VOLT:DC";Volt DC;Amp DC'
    )


def test_buffers_keep_every_reading(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:VOLT 0.5;:OUTP ON;:SENS:COUN 3")
    assert bench_2450.values(":READ?") == [5e-5]
    bench_2450.ask(":SOUR:VOLT 1;:SENS:COUN 1;:TRAC:TRIG 'defbuffer1'")
    assert bench_2450.ask(":TRAC:ACT?;:TRAC:ACT? 'defbuffer1';:TRAC:ACT? 'defbuffer2'") == "4;4;0"
    assert bench_2450.values(":TRAC:DATA? 1,4") == [5e-5, 5e-5, 5e-5, 1e-4]
    relative = bench_2450.values(":TRAC:DATA? 2,4,'defbuffer1',REL")
    assert relative == pytest.approx([CONVERSION, 2 * CONVERSION, 3 * CONVERSION], abs=1e-7)
    assert bench_2450.values(":TRAC:DATA? 4,4,'defbuffer1',READ,SOUR,READ") == [1e-4, 1.0, 1e-4]
    assert bench_2450.values(":FETC?") == [1e-4]
    bench_2450.ask(":TRAC:CLE")
    assert bench_2450.ask(":TRAC:ACT?") == "0"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":TRAC:DATA? 0,1", -222),
        (":TRAC:DATA? 1,3", -222),
        (":TRAC:DATA? 2,1", -222),
        (":TRAC:DATA? 1", -109),
        (":TRAC:DATA? 1,2,defbuffer1", -104),
        (":TRAC:DATA? 1,2,'nosuch'", -224),
        (":TRAC:DATA? 1,2,'defbuffer1',NOSUCH", -224),
        (":TRAC:DATA? 1,2,'defbuffer1'," + ",".join(["READ"] * 15), -223),
        (":TRAC:DATA? 1,2,'defbuffer1',EXTR", 1133),
        (":TRAC:ACT? 'nosuch'", -224),
        (":READ? 'nosuch'", -224),
        (":TRAC:MAKE 'mine',10;:TRAC:MAKE 'mine',10", 1115),
        (":TRAC:MAKE '1st',10", -224),
        (":TRAC:MAKE 'mine',9", -222),
        (":TRAC:MAKE 'mine',6875000", -222),
        (":TRAC:DEL 'defbuffer1'", -224),
        (":TRAC:DEL 'nosuch'", -224),
    ],
)
def test_what_buffers_refuse(bench_2450: Bench2450, message: str, code: int) -> None:
    bench_2450.ask(":READ?;:READ?")
    assert bench_2450.code(message) == code


def test_a_made_buffer_fills_once(bench_2450: Bench2450) -> None:
    bench_2450.ask(":TRAC:MAKE 'mine',10;:SENS:COUN 8")
    assert bench_2450.ask(":TRAC:POIN? 'mine'") == "10"
    bench_2450.ask(":READ? 'mine'")
    assert bench_2450.code(":READ? 'mine'") == 4915
    assert bench_2450.ask(":TRAC:ACT? 'mine'") == "10"
    bench_2450.ask(":TRAC:POIN 20,'mine'")
    assert bench_2450.ask(":TRAC:POIN? 'mine';:TRAC:ACT? 'mine'") == "20;0"
    bench_2450.ask(":TRAC:DEL 'mine'")
    assert bench_2450.code(":TRAC:ACT? 'mine'") == -224


def test_a_default_buffer_forgets_its_oldest(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:TRAC:POIN 10;:SENS:COUN 15;:READ?")
    assert bench_2450.ask(":TRAC:ACT?") == "10"
    assert bench_2450.values(":TRAC:DATA? 1,1,'defbuffer1',REL") == [pytest.approx(5 * CONVERSION)]


@pytest.mark.parametrize(
    ("commands", "layout"),
    [
        (":FORM REAL", "<2d"),
        (":FORM SRE", "<2f"),
        (":FORM REAL;:FORM:BORD NORM", ">2d"),
        (":FORM SREAL;:FORM:BORD NORM", ">2f"),
    ],
)
def test_binary_blocks(bench_2450: Bench2450, commands: str, layout: str) -> None:
    bench_2450.ask(f":SOUR:VOLT 0.5;:OUTP ON;{commands}")
    (reply,) = bench_2450.panel.receive(b":READ? 'defbuffer1',SOUR,READ\n")
    assert reply == b"#0" + struct.pack(layout, 0.5, 5e-5) + b"\n"
    assert bench_2450.code(":READ? 'defbuffer1',READ,STAT") == 1133
    assert bench_2450.ask(":OUTP?;:SOUR:VOLT?") == "1;0.5"


def test_dates_and_displayed_values(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:VOLT -0.5;:OUTP ON")
    bench_2450.clock.sleep(86400 + 3661.25 - CONVERSION)
    reply = bench_2450.ask(":READ? 'defbuffer1',DATE,TIME,SEC,FRAC,TST,FORM,SOURFORM,SOURUNIT")
    assert reply == (
        "01/02/2026,01:01:01,1767315661,2.500000E-01,01/02/2026 01:01:01.250000,-050.00000 uA,-500.00000 mV,Volt DC"
    )
