"""The Keithley 2600B driver, line by line: single readings and sweeps."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drivers.keithley_2600_sweep import PATIENCE, POINTS_MAX
from labctl.errors import LinkError, RefusedError, SettingError, TrippedError

if TYPE_CHECKING:
    from drivers.keithley_2600 import Keithley2600
    from tests.drivers.conftest import FakeClock
    from tests.drivers.keithley_2600.conftest import TspWire

MEASURE = (
    "labctl_time = nil smua.nvbuffer1.clear() smua.nvbuffer2.clear() "
    "smua.measure.iv(smua.nvbuffer1, smua.nvbuffer2) labctl_time = timer.measure.t()"
)
READ = (
    "labctl_time, smua.nvbuffer1.readings[1], smua.nvbuffer2.readings[1], smua.nvbuffer1.statuses[1], "
    "smua.source.compliance, smua.source.output"
)


def test_a_reading_carries_current_voltage_and_compliance(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say(MEASURE, f"{READ} -> 7.25 7.143000000e-05 2.000012000e-01 0.0 false 1.0")
    tsp.say(MEASURE, f"{READ} -> 8.50 7.143000000e-05 2.000012000e-01 1.6e+01 false 1.0")
    first, second = ready.measure(), ready.measure()
    assert (first.voltage, first.current, first.time) == (0.2000012, 7.143e-5, 0.0)
    assert second.time == 1.25
    assert not first.in_compliance
    assert not second.in_compliance  # 0x10 is the remote sense, not a limit
    assert not first.overrange


@pytest.mark.parametrize(("status", "compliance"), [("6.4e+01", "false"), ("0.0", "true"), ("8.0e+01", "true")])
def test_a_limited_source_is_in_compliance(ready: Keithley2600, tsp: TspWire, status: str, compliance: str) -> None:
    tsp.say(MEASURE, f"{READ} -> 1.0 5.0e-05 4.0e-02 {status} {compliance} 1.0")
    assert ready.measure().in_compliance


@pytest.mark.parametrize("bit", [0x04, 0x08, 0x10, 0x20, 0x80])
def test_status_bits_that_mean_a_limit_on_other_models_mean_none_here(
    ready: Keithley2600, tsp: TspWire, bit: int
) -> None:
    tsp.say(MEASURE, f"{READ} -> 1.0 5.0e-05 4.0e-02 {bit:.5e} false 1.0")
    assert not ready.measure().in_compliance


@pytest.mark.parametrize("overflow", ["9.91000e+37", "-9.91000e+37", "9.90000e+37", "-9.90000e+37"])
def test_an_overrange_is_never_a_number_whatever_its_sign(ready: Keithley2600, tsp: TspWire, overflow: str) -> None:
    tsp.say(MEASURE, f"{READ} -> 1.0 {overflow} 2.0e-01 0.0 false 1.0")
    reading = ready.measure()
    assert reading.overrange
    assert math.isnan(reading.current)
    assert reading.voltage == 0.2


def test_a_voltage_overrange_is_never_a_number(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say(MEASURE, f"{READ} -> 1.0 1.0e-06 9.91000e+37 0.0 false 1.0")
    assert math.isnan(ready.measure().voltage)


def test_a_measurement_that_was_refused_does_not_return_the_one_before(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say(MEASURE, f"{READ} -> nil 7.143e-05 2.0e-01 0.0 false 1.0")
    tsp.say("errorqueue.count -> 1.0", "labctl_code, labctl_text = errorqueue.next()")
    tsp.say("labctl_code, labctl_text -> 5038 Busy")
    with pytest.raises(RefusedError, match="did not measure: 5038 Busy"):
        ready.measure()


@pytest.mark.parametrize(
    ("fields", "cause"), [("0.0 false 0.0", "output was off"), ("2.0 false 1.0", "too hot"), ("6.6e1 true 1.0", "hot")]
)
def test_an_output_that_dropped_is_told(ready: Keithley2600, tsp: TspWire, fields: str, cause: str) -> None:
    tsp.say(MEASURE, f"{READ} -> 1.0 1.0e-12 0.0 {fields}")
    with pytest.raises(TrippedError, match=cause):
        ready.measure()


@pytest.mark.parametrize(
    "reply",
    [
        "1.0",
        "1.0 1e-6 0.2 0.0 false",
        "1.0 1e-6 0.2 0.0 false 1.0 1.0",
        "1.0 x 0.2 0.0 false 1.0",
        "1.0 nil 0.2 0.0 false 1.0",
        "1.0 1e-6 0.2 0.0 maybe 1.0",
        "1.0 1e-6 0.2 0.0 false 3.0",
        "1.0 1e-6 0.2 2.56e+02 false 1.0",
        "1.0 1e-6 0.2 5.0e-01 false 1.0",
        "1.0 1e-6 0.2 9.91e+37 false 1.0",
        "9.91e+37 1e-6 0.2 0.0 false 1.0",
        "1.0 inf 0.2 0.0 false 1.0",
    ],
)
def test_garbage_is_not_a_reading(ready: Keithley2600, tsp: TspWire, reply: str) -> None:
    tsp.say(MEASURE, f"{READ} -> {reply}")
    with pytest.raises(LinkError, match=re.escape("was answered with")):
        ready.measure()


LIST = ("labctl_levels = {}", "for _, level in ipairs({0, 0.5, -1}) do table.insert(labctl_levels, level) end")
TRIGGERS = (
    "smua.nvbuffer1.clear() smua.nvbuffer2.clear()",
    "smua.trigger.source.listv(labctl_levels)",
    "smua.trigger.source.limiti = smua.LIMIT_AUTO",
    "smua.trigger.source.action = smua.ENABLE",
    "smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2)",
    "smua.trigger.measure.action = smua.ENABLE",
    "smua.trigger.endpulse.action = smua.SOURCE_HOLD",
    "smua.trigger.endsweep.action = smua.SOURCE_IDLE",
    "smua.trigger.arm.count = 1",
)
START = ("smua.source.levelv = 0", "errorqueue.count -> 0.0")
HOLD = "labctl_readings, labctl_voltages = smua.nvbuffer1.n, smua.nvbuffer2.n"
COUNT = "labctl_readings, labctl_voltages"
COLUMNS = (
    "smua.nvbuffer1.readings, smua.nvbuffer2.readings, smua.nvbuffer1.timestamps, smua.nvbuffer1.statuses, "
    "smua.nvbuffer1.readings, smua.nvbuffer2.readings, smua.nvbuffer1.timestamps, smua.nvbuffer1.statuses"
)
ROWS = [(1e-12, 0.0, 0.5, 0.0), (1.5e-2, 0.31, 0.52, 0x44), (-9.91e37, -1.0, 0.54, 0.0)]
"""Current, voltage, time and status word of three points."""
ON = "smua.source.output -> 1.00000e+00"
OFF = "smua.source.output -> 0.00000e+00"


def say_load(tsp: TspWire, count: int = 3, delay: str = "0.01") -> None:
    tsp.say(ON, *LIST, f"smua.source.delay = {delay}", *TRIGGERS, f"smua.trigger.count = {count}", *START)
    tsp.say(f"smua.source.delay -> {delay}", "smua.trigger.initiate()")


def say_readout(tsp: TspWire, rows: list[tuple[float, float, float, float]]) -> None:
    """Expect the exchange that reads a sweep's buffers in binary."""
    tsp.say("waitcomplete()", "smua.source.delay = 0", "format.data = format.REAL64")
    data = np.array([row + row for row in rows], "<f8").tobytes()
    tsp.say_block(f"printbuffer(1, {len(rows)}, {COLUMNS})", data)
    tsp.say("format.data = format.ASCII")


def test_a_sweep_goes_through_compliance_and_ends_at_zero(ready: Keithley2600, tsp: TspWire, clock: FakeClock) -> None:
    say_load(tsp)
    tsp.say(HOLD, f"{COUNT} -> 0.0 0.0", HOLD, f"{COUNT} -> 2.0 1.0", HOLD, f"{COUNT} -> 3.0 3.0")
    say_readout(tsp, ROWS)
    tsp.say(ON)
    first, second, third = ready.sweep([0.0, 0.5, -1.0], delay=0.01)
    assert (first.voltage, first.current, first.time, first.in_compliance) == (0.0, 1e-12, 0.0, False)
    assert (second.voltage, second.current, second.in_compliance) == (0.31, 1.5e-2, True)
    assert second.time == pytest.approx(0.02)
    assert third.overrange
    assert math.isnan(third.current)
    assert third.voltage == -1.0
    assert 0.0 < clock.time < 1.0


def test_a_sweep_that_is_refused_never_starts(ready: Keithley2600, tsp: TspWire) -> None:
    say_load(tsp)
    tsp.expected = tsp.expected[:-3]
    tsp.tag -= 2
    tsp.say("errorqueue.count -> 1.0", "labctl_code, labctl_text = errorqueue.next()")
    tsp.say("labctl_code, labctl_text -> 5028 Autorange")
    with pytest.raises(RefusedError, match="refuses the sweep: 5028 Autorange"):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)
    with pytest.raises(SettingError, match="configure"):
        ready.source(0.1)


def test_long_lists_are_sent_in_groups(ready: Keithley2600, tsp: TspWire) -> None:
    levels = [index / 1000 for index in range(120)]
    tsp.say(ON, "labctl_levels = {}")
    for start in (0, 50, 100):
        group = ", ".join(f"{level:.9g}" for level in levels[start : start + 50])
        tsp.say(f"for _, level in ipairs({{{group}}}) do table.insert(labctl_levels, level) end")
    tsp.say("smua.source.delay = 0", *TRIGGERS, "smua.trigger.count = 120", *START, "smua.source.delay -> 0")
    tsp.say("smua.trigger.initiate()", HOLD, f"{COUNT} -> 1.2e+02 1.2e+02")
    say_readout(tsp, [(level * 1e-3, level, level, 0.0) for level in levels])
    tsp.say(ON)
    assert [reading.voltage for reading in ready.sweep(levels)] == levels


def test_a_sweep_does_not_switch_the_output_on(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say(OFF)
    with pytest.raises(SettingError, match="switch it on before"):
        ready.sweep([0.1, 0.2])


@pytest.mark.parametrize(
    ("levels", "delay", "why"),
    [
        ([0.1, 2.1], 0.0, "source range"),
        ([0.1, math.nan], 0.0, "source range"),
        ([0.0] * (POINTS_MAX + 1), 0.0, "at most 2500 points"),
        ([0.1], -1.0, "delay"),
        ([0.1], math.nan, "delay"),
        ([0.1], 1e5, "delay"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_a_byte_leaves(
    ready: Keithley2600, levels: list[float], delay: float, why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        ready.sweep(levels, delay)


def test_a_sweep_of_nothing_sends_nothing(ready: Keithley2600) -> None:
    assert ready.sweep([]) == []


def test_a_sweep_that_hangs_is_made_safe_and_told(ready: Keithley2600, tsp: TspWire, clock: FakeClock) -> None:
    say_load(tsp)
    pause = 0.01
    polls = math.ceil((PATIENCE + 10 * 0.05) / pause) + 2  # and the two looks that count
    tsp.say(HOLD, f"{COUNT} -> 0.0 0.0", *[HOLD, f"{COUNT} -> 1.0 1.0"] * polls)
    tsp.say_shut_down()
    tsp.say("errorqueue.count -> 1.0", "labctl_code, labctl_text = errorqueue.next()")
    tsp.say("labctl_code, labctl_text -> 802 Interlock")
    with pytest.raises(RefusedError, match="stopped after 1 of 3 points: 802 Interlock"):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)
    assert clock.time > PATIENCE


def test_an_output_that_dropped_in_a_sweep_stays_off(ready: Keithley2600, tsp: TspWire) -> None:
    say_load(tsp)
    tsp.say(HOLD, f"{COUNT} -> 3.0 3.0")
    say_readout(tsp, ROWS)
    tsp.say(OFF)
    with pytest.raises(TrippedError, match="went off in a sweep"):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)
    with pytest.raises(SettingError, match="until a limit is set"):
        ready.output_on()


@pytest.mark.parametrize("count", ["x 3.0", "nil nil", "9.91e+37 3.0", "-1.0 3.0", "3.0", "3.0 3.0 3.0"])
def test_a_garbled_count_is_a_link_error(ready: Keithley2600, tsp: TspWire, count: str) -> None:
    say_load(tsp)
    tsp.say(HOLD, f"{COUNT} -> {count}")
    with pytest.raises(LinkError, match="labctl_readings"):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (0, 1.1e-12, "not the same twice"),
        (4, 1.1e-12, "not the same twice"),
        (3, 64.0, "not the same twice"),
        ((3, 7), 0.5, "a status of 0.5"),
        ((3, 7), 256.0, "a status of 256.0"),
        ((2, 6), 0.6, "do not ascend"),
        ((2, 6), 9.91e37, "do not ascend"),
    ],
)
def test_damaged_columns_are_a_link_error(
    ready: Keithley2600, tsp: TspWire, place: int | tuple[int, int], value: float, why: str
) -> None:
    say_load(tsp)
    tsp.say(HOLD, f"{COUNT} -> 3.0 3.0", "waitcomplete()", "smua.source.delay = 0", "format.data = format.REAL64")
    table = np.array([row + row for row in ROWS], "<f8")
    table[0, place] = value
    tsp.say_block(f"printbuffer(1, 3, {COLUMNS})", table.tobytes())
    tsp.say("format.data = format.ASCII")
    with pytest.raises(LinkError, match=why):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)


def test_the_wrong_byte_order_is_seen(ready: Keithley2600, tsp: TspWire) -> None:
    say_load(tsp)
    tsp.say(HOLD, f"{COUNT} -> 3.0 3.0", "waitcomplete()", "smua.source.delay = 0", "format.data = format.REAL64")
    tsp.say_block(f"printbuffer(1, 3, {COLUMNS})", np.array([row + row for row in ROWS], ">f8").tobytes())
    tsp.say("format.data = format.ASCII")
    with pytest.raises(LinkError):
        ready.sweep([0.0, 0.5, -1.0], delay=0.01)
