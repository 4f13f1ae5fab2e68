"""What the 2400 reads and how it says so: elements, status word, compliance, formats, timing, and its traps."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keithley_2400_facts import NOT_MEASURED, OVERFLOW
from sim_backend.panels.keithley_2400_instrument import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keithley_2400.conftest import Bench2400

OFLO, FILTER, FRONT, COMPLIANCE, OVP, AUTO_OHMS = 1, 2, 4, 8, 16, 1 << 10
V_MEASURED, I_MEASURED, OHMS_MEASURED, V_SOURCED, I_SOURCED = (1 << bit for bit in range(11, 16))
RANGE_COMPLIANCE, FOUR_WIRE = 1 << 16, 1 << 22
PLAIN = FRONT | AUTO_OHMS | I_MEASURED | V_SOURCED


def test_a_reading_byte_for_byte(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5;:OUTP ON;:SYST:TIME:RES")
    (reply,) = bench_2400.raw(":READ?")
    # 100 us latency, 50 us source, 1 ms delay, three conversions of 20.185 ms, 2.15 ms of computing: 63.855 ms.
    assert reply == b"+5.000000E-01,+5.000000E-05,+9.910000E+37,+6.385500E-02,+2.150800E+04\n"


def test_the_manual_s_example_of_a_status_word(bench_2400: Bench2400) -> None:
    """1 V on a 10 kOhm resistor, source I measure V and ohms: bits 2, 10, 11, 12, 13 and 15."""
    bench_2400.ask(":SOUR:FUNC CURR;:SOUR:CURR 1E-4;:SENS:FUNC 'VOLT','CURR','RES';:OUTP ON")
    voltage, current, resistance, _, status = bench_2400.values(":READ?")
    assert (voltage, current, resistance) == (pytest.approx(1.0), pytest.approx(1e-4), pytest.approx(1e4))
    assert status == 48132


def test_a_captured_status_word(bench_2400: Bench2400) -> None:
    """`MEAS:CURR?` of a published capture, source V with a filter: bits 1, 2, 10, 12 and 14."""
    bench_2400.ask(":SOUR:VOLT -2;:SENS:AVER ON;:OUTP ON")
    voltage, current, resistance, _, status = bench_2400.values(":MEAS:CURR?")
    assert (voltage, current, resistance) == (-2.0, pytest.approx(-1.05e-4), NOT_MEASURED)
    assert status == 21510 | COMPLIANCE


@pytest.mark.parametrize(
    ("commands", "status"),
    [
        ("*CLS", PLAIN),
        (":ROUT:TERM REAR", PLAIN & ~FRONT),
        (":SYST:RSEN ON", PLAIN | FOUR_WIRE),
        (":SENS:AVER ON", PLAIN | FILTER),
        (":SENS:RES:MODE MAN", PLAIN & ~AUTO_OHMS),
        (":SENS:FUNC 'VOLT'", PLAIN | V_MEASURED),
        (":SENS:FUNC:OFF:ALL", PLAIN & ~I_MEASURED),
        (":SENS:CURR:PROT 1E-5", PLAIN | COMPLIANCE),
        (":SENS:CURR:PROT 1E-4;:SENS:CURR:RANG 1E-5", PLAIN | RANGE_COMPLIANCE),
        (":SENS:CURR:PROT 1E-5;:SENS:CURR:RANG 1E-5", PLAIN | COMPLIANCE),
        (":SOUR:VOLT 30;:SOUR:VOLT:PROT 20;:SENS:CURR:PROT 0.1", PLAIN | OVP),
        (":SOUR:FUNC CURR;:SENS:FUNC:OFF 'CURR';:SENS:FUNC 'VOLT';:SOUR:CURR 1E-5",
         FRONT | AUTO_OHMS | V_MEASURED | I_SOURCED),
        (":SOUR:FUNC CURR;:SOUR:CURR 1E-3;:SENS:VOLT:PROT 5", FRONT | AUTO_OHMS | I_MEASURED | I_SOURCED | COMPLIANCE),
        (":SOUR:FUNC CURR;:SOUR:CURR 1E-3;:SENS:VOLT:RANG 2",
         FRONT | AUTO_OHMS | I_MEASURED | I_SOURCED | RANGE_COMPLIANCE),
    ],
)  # fmt: skip
def test_status_word(bench_2400: Bench2400, commands: str, status: int) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5")
    bench_2400.ask(commands)
    bench_2400.ask(":OUTP ON")
    assert bench_2400.status() == status


def test_real_compliance_holds_the_current(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 5;:SENS:CURR:PROT 1E-4;:SENS:FUNC 'VOLT';:OUTP ON")
    voltage, current, _, _, status = bench_2400.values(":READ?")
    assert (voltage, current) == (pytest.approx(1.0), pytest.approx(1e-4))
    assert int(status) & (COMPLIANCE | RANGE_COMPLIANCE) == COMPLIANCE
    assert bench_2400.ask(":SENS:CURR:PROT:TRIP?;:SENS:VOLT:PROT:TRIP?") == "1;0"
    assert int(bench_2400.ask(":STAT:MEAS:COND?") or 0) & 1 << 14


def test_trap_a_fixed_measure_range_clamps_the_output_below_the_compliance(bench_2400: Bench2400) -> None:
    """Range compliance: bit 16, not bit 3, and the output is held at 105 % of the range."""
    bench_2400.ask(":SOUR:VOLT 5;:SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1E-5;:OUTP ON")
    _, current, _, _, status = bench_2400.values(":READ?")
    assert current == pytest.approx(1.05e-5)
    assert int(status) & (COMPLIANCE | RANGE_COMPLIANCE) == RANGE_COMPLIANCE
    assert bench_2400.ask(":SENS:CURR:PROT:TRIP?") == "1"
    bench_2400.ask(":SENS:CURR:RANG:AUTO ON")
    assert bench_2400.values(":READ?")[1] == pytest.approx(5e-4)


def test_auto_range_goes_no_higher_than_the_range_of_the_compliance(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SENS:CURR:PROT 1E-2;:SOUR:VOLT 20;:OUTP ON;:READ?")
    assert bench_2400.ask(":SENS:CURR:RANG?;:SENS:CURR:RANG:AUTO:ULIM?") == "1.050000E-02;1.050000E-02"
    bench_2400.ask(":SOUR:VOLT 1E-3;:READ?")
    assert bench_2400.ask(":SENS:CURR:RANG?") == "1.050000E-06"
    bench_2400.ask(":SENS:CURR:RANG:AUTO:LLIM 1E-4;:READ?")
    assert bench_2400.ask(":SENS:CURR:RANG?") == "1.050000E-04"


@pytest.mark.parametrize("sign", [1, -1])
def test_trap_overflow_has_a_sign(bench_2400: Bench2400, sign: int) -> None:
    """A current from elsewhere exceeds the range by more than 5.5 %."""
    bench_2400.terminals.current_gain = 30.0
    bench_2400.ask(f":SENS:CURR:RANG 1E-5;:SOUR:VOLT {sign * 0.01};:OUTP ON")
    voltage, current, _, _, status = bench_2400.values(":READ?")
    assert (voltage, current) == (pytest.approx(sign * 0.01), sign * OVERFLOW)
    assert int(status) & OFLO
    assert int(bench_2400.ask(":STAT:MEAS?") or 0) & 1 << 7
    (reply,) = bench_2400.raw(":FORM:ELEM CURR;:READ?")
    assert reply == (b"+9.900000E+37\n" if sign > 0 else b"-9.900000E+37\n")


def test_trap_measure_resets_the_compliance(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SENS:CURR:PROT 1E-6;:SOUR:VOLT -0.2;:OUTP ON")
    assert bench_2400.values(":READ?")[1] == pytest.approx(-1e-6)
    assert bench_2400.ask(":SENS:CURR:PROT?") == "1.000000E-06"
    assert bench_2400.values(":MEAS:CURR?")[1] == pytest.approx(-2e-5)
    assert bench_2400.ask(":SENS:CURR:PROT?") == "1.050000E-04"


def test_trap_measure_switches_the_output_on_and_selects_its_function_alone(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5;:TRIG:COUN 3;:SENS:NPLC 10;:TRAC:FEED:CONT NEXT")
    voltage, current, *_ = bench_2400.values(":MEAS:VOLT?")
    assert (voltage, current) == (0.5, NOT_MEASURED)
    assert bench_2400.ask(":OUTP?;:CONF?;:TRIG:COUN?;:SENS:NPLC?;:TRAC:FEED:CONT?;:SENS:CURR:PROT?") == (
        '1;"VOLT:DC";1;1.000000E+00;NEV;1.050000E-04'
    )


def test_trap_configure_switches_the_output_on(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5;:CONF:CURR")
    assert bench_2400.ask(":OUTP?") == "1"
    assert bench_2400.terminals.drive_state == (0.5, pytest.approx(1.05e-4))


def test_trap_read_needs_the_output_on(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5")
    assert bench_2400.ask(":READ?") is None
    assert bench_2400.ask(":SYST:ERR?") == '+803,"Not permitted with OUTPUT off"'


def test_auto_output_off_switches_for_each_reading(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5;:SOUR:CLE:AUTO ON;:TRIG:COUN 2")
    assert bench_2400.values(":FORM:ELEM CURR;:READ?") == [pytest.approx(5e-5)] * 2
    assert bench_2400.ask(":OUTP?") == "0"
    levels = [voltage for voltage, _ in bench_2400.terminals.driven]
    assert sum(before == 0 and after == 0.5 for before, after in pairwise(levels)) == 2
    bench_2400.ask(":SOUR:CLE:AUTO:MODE TCO")
    bench_2400.terminals.driven.clear()
    bench_2400.ask(":READ?")
    levels = [voltage for voltage, _ in bench_2400.terminals.driven]
    assert sum(before == 0 and after == 0.5 for before, after in pairwise(levels)) == 1
    assert bench_2400.ask(":OUTP?") == "0"


def test_trap_sense_is_four_wire_for_every_function_and_drops_the_output(bench_2400: Bench2400) -> None:
    bench_2400.ask(":OUTP ON;:SYST:RSEN ON")
    assert bench_2400.ask(":OUTP?;:SYST:RSEN?") == "0;1"
    bench_2400.ask(":OUTP ON;:SENS:FUNC 'VOLT'")
    assert bench_2400.status() & FOUR_WIRE
    assert bench_2400.status(":MEAS:CURR?") & FOUR_WIRE


@pytest.mark.parametrize("command", [":ROUT:TERM REAR", ":SYST:GUAR OHMS", ":SOUR:FUNC CURR", ":SOUR:CLE", "*RST"])
def test_what_moves_a_relay_drops_the_output(bench_2400: Bench2400, command: str) -> None:
    bench_2400.ask(":OUTP ON")
    bench_2400.ask(command)
    assert bench_2400.ask(":OUTP?") == "0"


def test_trap_output_enable_answers_one_when_all_is_well(make_bench_2400: Callable[..., Bench2400]) -> None:
    bench = make_bench_2400()
    assert bench.ask(":OUTP:ENAB:TRIP?") == "1"
    open_line = make_bench_2400(Options(output_enable=False))
    assert open_line.ask(":OUTP:ENAB:TRIP?;:OUTP ON;:OUTP?") == "0;1"
    open_line.ask(":OUTP:ENAB ON")
    assert open_line.ask(":OUTP?") == "0"
    open_line.ask(":OUTP ON")
    assert open_line.ask(":OUTP?;:SYST:ERR?") == '0;+802,"OUTPUT blocked by output enable"'


@pytest.mark.parametrize(
    ("mode", "state"), [("NORM", (0.0, 5e-7)), ("ZERO", (0.0, 1e-3)), ("HIMP", None), ("GUAR", None)]
)
def test_output_off_states(bench_2400: Bench2400, mode: str, state: tuple[float, float] | None) -> None:
    bench_2400.ask(f":SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1E-4;RANG:AUTO ON;:OUTP:SMOD {mode};:OUTP ON;:OUTP OFF")
    assert bench_2400.terminals.drive_state == (state if state is None else pytest.approx(state))


def test_a_current_source_is_limited_in_voltage(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SENS:VOLT:PROT 5;:SOUR:CURR -1E-4;:OUTP ON")
    voltage, current, *_ = bench_2400.values(":READ?")
    assert (voltage, current) == (pytest.approx(-1.0), pytest.approx(-1e-4))
    bench_2400.ask(":SOUR:CURR 1E-3")
    voltage, current, *_ = bench_2400.values(":READ?")
    assert (voltage, current) == (pytest.approx(5.0), pytest.approx(5e-4))
    assert bench_2400.ask(":SENS:VOLT:PROT:TRIP?") == "1"
    bench_2400.ask(":OUTP:SMOD ZERO;:OUTP OFF")
    assert bench_2400.terminals.drive_state == (0.0, 1e-3)


def test_resistance_is_voltage_by_current(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SENS:FUNC:OFF:ALL;:SENS:FUNC 'RES';:SOUR:VOLT 0.5;:FORM:ELEM RES;:OUTP ON")
    assert bench_2400.values(":READ?") == [pytest.approx(1e4)]
    bench_2400.ask(":SOUR:VOLT 0")
    assert bench_2400.values(":READ?") == [OVERFLOW]


@pytest.mark.parametrize(("border", "order"), [("NORM", ">"), ("SWAP", "<")])
def test_trap_blocks_are_big_endian_unless_swapped(bench_2400: Bench2400, border: str, order: str) -> None:
    bench_2400.ask(f":SOUR:VOLT 0.5;:FORM REAL,32;:FORM:BORD {border};:FORM:ELEM VOLT,CURR,STAT;:OUTP ON")
    (reply,) = bench_2400.raw(":READ?")
    assert reply == b"#0" + struct.pack(f"{order}3f", 0.5, 5e-5, PLAIN) + b"\n"
    assert bench_2400.block(":FETC?", order) == pytest.approx([0.5, 5e-5, PLAIN])


def test_a_block_of_one_number_byte_for_byte(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 1;:FORM SRE;:FORM:ELEM VOLT;:OUTP ON")
    assert bench_2400.raw(":READ?") == [b"#0\x3f\x80\x00\x00\n"]
    bench_2400.ask(":FORM:BORD SWAP")
    assert bench_2400.raw(":FETC?") == [b"#0\x00\x00\x80\x3f\n"]


def test_nothing_follows_a_block(bench_2400: Bench2400) -> None:
    bench_2400.ask(":FORM SRE;:FORM:ELEM VOLT;:OUTP ON")
    assert bench_2400.raw(":READ?;*OPC?") == [b"#0\x00\x00\x00\x00\n"]
    assert bench_2400.ask(":SYST:ERR:CODE?") == "-440"


def test_elements_come_in_their_own_order(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5;:FORM:ELEM STAT,TIME,RES,CURR,VOLT;:OUTP ON")
    assert bench_2400.ask(":FORM:ELEM?") == "VOLT,CURR,RES,TIME,STAT"
    values = bench_2400.values(":READ?")
    assert (values[0], values[2], int(values[4])) == (0.5, NOT_MEASURED, PLAIN)


def test_fetch_repeats_and_data_gives_the_latest(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5;:TRIG:COUN 3;:FORM:ELEM VOLT,TIME;:OUTP ON")
    values = bench_2400.values(":READ?")
    assert bench_2400.values(":FETC?") == values
    assert bench_2400.values(":SENS:DATA:LAT?") == bench_2400.values(":DATA?") == values[-2:]
    assert values[1] < values[3] < values[5]


def test_the_timestamp_can_be_reset(bench_2400: Bench2400) -> None:
    bench_2400.ask(":OUTP ON;:FORM:ELEM TIME;:READ?")
    (first,) = bench_2400.values(":READ?")
    bench_2400.ask(":SYST:TIME:RES")
    assert bench_2400.ask(":SYST:TIME?") == "0.000000E+00"
    bench_2400.ask(":SYST:TIME:RES:AUTO ON")
    assert bench_2400.values(":READ?")[0] == bench_2400.values(":READ?")[0] < first
    bench_2400.clock.sleep(100_000.0)
    assert float(bench_2400.ask(":SYST:TIME?") or "nan") < 1.0


@pytest.mark.parametrize(
    ("commands", "duration"),
    [
        (":SYST:AZER OFF;:SENS:NPLC 0.01", 150e-6 + 1e-3 + 0.01 / 50 + 185e-6 + 0.64e-3),
        (":SENS:NPLC 10", 150e-6 + 1e-3 + 3 * (10 / 50 + 185e-6) + 2.15e-3),
        (":SYST:LFR 60;:SYST:AZER OFF", 150e-6 + 1e-3 + 1 / 60 + 185e-6 + 0.64e-3),
        (":SYST:AZER OFF;:SENS:NPLC 0.01;:SOUR:DEL 0.5;:TRIG:DEL 2", 150e-6 + 2.5 + 0.01 / 50 + 185e-6 + 0.64e-3),
        (":SYST:AZER OFF;:SENS:AVER ON", 150e-6 + 1e-3 + 10 * (1 / 50 + 185e-6 + 0.64e-3)),
        (":SYST:AZER OFF;:SENS:FUNC 'VOLT'", 150e-6 + 1e-3 + 2 * (1 / 50 + 185e-6) + 0.64e-3 + 0.30e-3),
    ],
)
def test_timing(bench_2400: Bench2400, commands: str, duration: float) -> None:
    bench_2400.ask(":SOUR:VOLT 0.5;:OUTP ON;" + commands)
    assert bench_2400.elapsed(":READ?") == pytest.approx(duration)


def test_low_ranges_settle_longer(bench_2400: Bench2400) -> None:
    delays = list[float]()
    for full_range in ("1E-6", "1E-5", "1E-4", "1E-3"):
        bench_2400.ask(f":SENS:CURR:PROT 1E-3;:SENS:CURR:RANG {full_range}")
        delays.append(float(bench_2400.ask(":SOUR:DEL?") or "nan"))
    assert delays == [3e-3, 2e-3, 1e-3, 1e-3]


def test_the_relay_of_the_high_impedance_state_takes_its_time(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SYST:AZER OFF;:SENS:NPLC 0.01;:SENS:CURR:RANG 1E-4;:OUTP:SMOD HIMP;:OUTP ON")
    first, second = bench_2400.elapsed(":READ?"), bench_2400.elapsed(":READ?")
    assert first - second == pytest.approx(15e-3 - 150e-6)


def test_filters_average(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SENS:AVER:TCON MOV;COUN 2;STAT ON;:FORM:ELEM CURR;:SOUR:VOLT:MODE LIST;:TRIG:COUN 3;:OUTP ON")
    bench_2400.ask(":SOUR:LIST:VOLT 0.1,0.3,0.5")
    assert bench_2400.values(":READ?") == pytest.approx([1e-5, 2e-5, 4e-5])
    bench_2400.ask(":SENS:AVER:TCON REP")
    bench_2400.terminals.durations.clear()
    assert bench_2400.values(":READ?") == pytest.approx([1e-5, 3e-5, 5e-5])
    assert bench_2400.terminals.durations[0] == pytest.approx(2 / 50)


def test_autozero_once(bench_2400: Bench2400) -> None:
    assert bench_2400.elapsed(":SYST:AZER ONCE") == pytest.approx(2 * (1 / 50 + 185e-6))
    assert bench_2400.ask(":SYST:AZER?") == "0"
