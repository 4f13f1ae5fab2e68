"""The Keithley 2400 driver: single readings and sweeps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from drivers.keithley_2400_readings import Status, Timeline
from drivers.keithley_2400_sweep import SWEEP_MAX, Pace
from labctl.errors import LinkError, RefusedError, SettingError, TrippedError

if TYPE_CHECKING:
    from drivers.keithley_2400 import Keithley2400
    from tests.drivers.conftest import FakeClock
    from tests.drivers.keithley_2400.conftest import Scripted2400

GOOD = 1 << 11 | 1 << 12 | 1 << 14


def test_a_reading_is_what_was_measured(ready: Keithley2400, instrument: Scripted2400) -> None:
    ready.source(0.2)
    reading = ready.measure()
    assert (reading.voltage, reading.current, reading.time) == (0.2, 2e-4, 0.0)
    assert not reading.in_compliance
    assert not reading.overrange
    assert ready.measure().time == pytest.approx(0.02)
    assert instrument.lines[2:] == ["*ESE 1;*ESE?;:OUTP?;:READ?", "*ESE 2;*ESE?;:OUTP?;:READ?"]


def test_meas_and_conf_are_never_sent_because_they_reset_the_limit(
    ready: Keithley2400, instrument: Scripted2400
) -> None:
    ready.measure()
    ready.sweep([0.1, 0.2])
    ready.output_off()
    ready.make_safe()
    assert [line for line in instrument.lines if "MEAS" in line or "CONF" in line] == []


@pytest.mark.parametrize(
    ("bits", "in_compliance"),
    [
        (0, False),
        (1 << 1 | 1 << 2 | 1 << 10 | 1 << 22, False),
        (1 << 3, True),
        (1 << 4, True),
        (1 << 16, True),
        (1 << 5 | 1 << 6 | 1 << 17, False),
    ],
)
def test_real_and_range_compliance_and_over_voltage_hold_the_output_back(
    ready: Keithley2400, instrument: Scripted2400, bits: int, in_compliance: bool
) -> None:
    instrument.status = GOOD | bits
    assert ready.measure().in_compliance is in_compliance
    assert [reading.in_compliance for reading in ready.sweep([0.1])] == [in_compliance]


def test_the_manuals_status_words_are_read_as_it_says() -> None:
    manual, capture = Status(48132), Status(21510)
    assert Status.CURRENT_SOURCE in manual
    assert Status.VOLTAGE_SOURCE not in manual
    assert Status.VOLTAGE_SOURCE in capture
    assert Status.VOLTAGE_MEASURED not in capture
    assert not capture & (Status.COMPLIANCE | Status.RANGE_COMPLIANCE | Status.OVERFLOW)


@pytest.mark.parametrize("overflow", [9.9e37, -9.9e37])
def test_an_overflow_of_either_sign_is_never_a_number(
    ready: Keithley2400, instrument: Scripted2400, overflow: float
) -> None:
    instrument.current = overflow
    for reading in (ready.measure(), *ready.sweep([0.1])):
        assert reading.overrange
        assert math.isnan(reading.current)


def test_a_number_with_the_overflow_bit_is_not_one(ready: Keithley2400, instrument: Scripted2400) -> None:
    instrument.status = GOOD | 1
    reading = ready.measure()
    assert reading.overrange
    assert math.isnan(reading.current)


def test_no_reading_is_an_error(ready: Keithley2400, instrument: Scripted2400) -> None:
    instrument.current = 9.91e37
    with pytest.raises(RefusedError, match="no reading"):
        ready.measure()
    with pytest.raises(RefusedError, match="no reading"):
        ready.sweep([0.1])


def test_an_output_that_dropped_is_told_with_the_reason(ready: Keithley2400, instrument: Scripted2400) -> None:
    instrument.settings[":OUTP"] = "0"
    with pytest.raises(TrippedError, match="output was off during a measurement: 803 Not permitted with OUTPUT off"):
        ready.measure()


@pytest.mark.parametrize("status", [1 << 12 | 1 << 14, 1 << 11 | 1 << 14, 48132, GOOD | 1 << 15, GOOD | 1 << 23])
def test_a_status_that_is_not_that_of_the_configuration_is_garbage(
    ready: Keithley2400, instrument: Scripted2400, status: int
) -> None:
    instrument.status = status
    with pytest.raises(LinkError, match="was answered with"):
        ready.measure()


def test_the_timer_begins_anew_after_its_period() -> None:
    timeline = Timeline()
    assert [timeline.at(time) for time in (0.0, 99_999.0, 0.5, 99_999.9)] == [0.0, 99_999.0, 100_000.5, 199_999.9]
    with pytest.raises(ValueError, match="said already"):
        timeline.at(99_000.0)


def test_a_time_that_is_rounded_to_seven_digits_may_stand_still() -> None:
    timeline = Timeline()
    assert [timeline.at(time) for time in (50_000.02, 50_000.02, 50_000.0)] == [50_000.02, 50_000.02, 50_000.0]


def test_a_sweep_goes_through_compliance_and_ends_at_zero_with_the_output_on(
    ready: Keithley2400, instrument: Scripted2400
) -> None:
    ready.measure()
    instrument.lines.clear()
    readings = ready.sweep([0.0, 0.5, -1.0], delay=0.01)
    assert [reading.voltage for reading in readings] == [0.0, 0.5, -1.0]
    assert [reading.current for reading in readings] == pytest.approx([0.0, 5e-4, -1e-3])
    assert [reading.time for reading in readings] == pytest.approx([0.0, 0.02, 0.04])
    assert instrument.lines == [
        ":OUTP?",
        ":SOUR:VOLT 0",
        ":SOUR:DEL 0.01",
        ":SOUR:DEL?",
        ":SOUR:LIST:VOLT 0,0.5,-1",
        ":SOUR:LIST:VOLT:POIN?",
        ":SYST:TIME?",
        ":SOUR:VOLT:MODE LIST",
        ":TRIG:COUN 3",
        ":TRIG:COUN?",
        ":SYST:ERR?",
        ":INIT",
        ":SOUR:VOLT:MODE FIX",
        ":SOUR:VOLT 0",
        "*OPC?",
        ":SYST:ERR?",
        ":OUTP?",
        ":FORM REAL,32",
        ":FETC?",
        ":FORM ASC",
        ":TRIG:COUN 1",
        ":SOUR:DEL:AUTO 1",
        ":TRIG:COUN?",
    ]
    ready.source(0.3)
    assert ready.measure().current == pytest.approx(3e-4)


def test_the_byte_order_is_the_one_that_was_set(ready: Keithley2400, instrument: Scripted2400) -> None:
    """:SYST:PRES swaps the bytes: what is read then is never taken for numbers."""
    instrument.settings[":FORM:BORD"] = "SWAP"
    with pytest.raises(LinkError, match="was answered with"):
        ready.sweep([0.1, 0.2])


def test_long_lists_are_sent_in_groups_each_confirmed(ready: Keithley2400, instrument: Scripted2400) -> None:
    levels = [index / 1000 for index in range(250)]
    readings = ready.sweep(levels)
    assert [reading.voltage for reading in readings] == pytest.approx(levels, rel=1e-6)
    lists = [line for line in instrument.lines if line.startswith(":SOUR:LIST:VOLT")]
    assert [line.partition(" ")[0] for line in lists] == [
        ":SOUR:LIST:VOLT",
        ":SOUR:LIST:VOLT:POIN?",
        ":SOUR:LIST:VOLT:APP",
        ":SOUR:LIST:VOLT:POIN?",
        ":SOUR:LIST:VOLT:APP",
        ":SOUR:LIST:VOLT:POIN?",
    ]
    assert max(map(len, lists)) < 2048


def test_a_slow_sweep_is_cut_into_pieces_that_rest_at_zero(
    smu: Keithley2400, ready: Keithley2400, instrument: Scripted2400, clock: FakeClock
) -> None:
    levels = [0.0008 * index for index in range(SWEEP_MAX)]
    readings = ready.sweep(levels, delay=0.01)
    assert [reading.voltage for reading in readings] == pytest.approx(levels, rel=1e-6)
    counts = [int(line.split(" ")[1]) for line in instrument.lines if line.startswith(":TRIG:COUN ")]
    assert sum(counts[:-1]) == SWEEP_MAX
    assert len(counts) > 2
    for index, line in enumerate(instrument.lines):
        if line == ":INIT":
            assert instrument.lines[index + 1 : index + 3] == [":SOUR:VOLT:MODE FIX", ":SOUR:VOLT 0"]
    times = [reading.time for reading in readings]
    assert times == sorted(times)
    assert clock.time > SWEEP_MAX * 0.01


@pytest.mark.parametrize("nplc", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("auto_range", [False, True])
@pytest.mark.parametrize("delay", [0.0, 1.0, 1000.0])
def test_a_piece_is_over_before_the_link_gives_up(nplc: float, auto_range: bool, delay: float) -> None:
    pace = Pace.of(nplc, delay, auto_range)
    points = pace.piece()
    assert points >= 1
    assert points * (pace.most - pace.least) <= 5.0


def test_a_sweep_does_not_switch_the_output_on(ready: Keithley2400, instrument: Scripted2400) -> None:
    instrument.settings[":OUTP"] = "0"
    with pytest.raises(SettingError, match="switch it on before"):
        ready.sweep([0.1, 0.2])
    assert ":INIT" not in instrument.lines


@pytest.mark.parametrize(
    ("levels", "delay", "why"),
    [
        ([0.1, 2.2], 0.0, "source range"),
        ([0.1, math.nan], 0.0, "source range"),
        ([0.0] * (SWEEP_MAX + 1), 0.0, "at most 2500 points"),
        ([0.1], -1.0, "delay"),
        ([0.1], 1e5, "delay"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_a_byte_leaves(
    ready: Keithley2400, instrument: Scripted2400, levels: list[float], delay: float, why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        ready.sweep(levels, delay)
    assert instrument.lines == []


def test_a_sweep_of_nothing_sends_nothing(ready: Keithley2400, instrument: Scripted2400) -> None:
    assert ready.sweep([]) == []
    assert instrument.lines == []


def test_an_output_that_dropped_in_a_sweep_stays_off(ready: Keithley2400, instrument: Scripted2400) -> None:
    def trip(line: str) -> None:
        if line == ":INIT":
            instrument.settings[":OUTP"] = "0"

    instrument.on_line = trip
    with pytest.raises(TrippedError, match="went off during a sweep: no error is given"):
        ready.sweep([0.0, 0.5, -1.0])
    with pytest.raises(SettingError, match="until a limit is set"):
        ready.output_on()


def test_a_refused_sweep_is_not_begun(ready: Keithley2400, instrument: Scripted2400) -> None:
    def refuse(line: str) -> None:
        if line.startswith(":SOUR:VOLT:MODE LIST"):
            instrument.errors.append('-221,"Settings conflict"')

    instrument.on_line = refuse
    with pytest.raises(RefusedError, match="refuses the sweep: -221 Settings conflict"):
        ready.sweep([0.0, 0.5])
    assert ":INIT" not in instrument.lines


def test_readings_of_an_earlier_sweep_are_not_taken_for_this_ones(
    ready: Keithley2400, instrument: Scripted2400
) -> None:
    ready.sweep([0.1, 0.2])
    instrument.time = 1.0
    old = list(instrument.stored)

    def stall(line: str) -> None:
        if line == ":FETC?":
            instrument.stored = old

    instrument.on_line = stall
    with pytest.raises(LinkError, match="said already"):
        ready.sweep([0.5, 1.0])
