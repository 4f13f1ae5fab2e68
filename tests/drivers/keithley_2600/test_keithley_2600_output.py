"""The Keithley 2600B driver, line by line: levels, output, errors, safe state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from drivers.keithley_2600 import SHUT_DOWN
from labctl.errors import LinkError, RefusedError, SettingError

if TYPE_CHECKING:
    from drivers.keithley_2600 import Keithley2600
    from tests.drivers.keithley_2600.conftest import TspWire

NO_ERRORS = "errorqueue.count -> 0.00000e+00"


def test_a_level_within_the_range_is_set_and_read_back(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say("smua.source.levelv = 0.2", "smua.source.levelv -> 2.000000000e-01")
    tsp.say("smua.source.levelv = -2", "smua.source.levelv -> -2.000000000e+00")
    for voltage in (0.2, -2.0):
        ready.source(voltage)


def test_a_refused_level_is_told(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say("smua.source.levelv = 0.2", "smua.source.levelv -> 0.000000000e+00")
    tsp.say_errors("1101 Parameter too big")
    with pytest.raises(RefusedError, match=r"set to 0.2 V, but reads back as 0.0 V .*: 1101 Parameter too big"):
        ready.source(0.2)


@pytest.mark.parametrize("voltage", [2.01, -2.01, math.nan, math.inf])
def test_a_level_beyond_the_range_is_refused_before_a_byte_leaves(ready: Keithley2600, voltage: float) -> None:
    with pytest.raises(SettingError, match="source range of 2 V"):
        ready.source(voltage)


def test_nothing_is_sourced_before_it_is_configured(smu: Keithley2600) -> None:
    with pytest.raises(SettingError, match="configure"):
        smu.source(0.0)
    with pytest.raises(SettingError, match="configure"):
        smu.sweep([0.1])


def test_output_on_checks_the_limit_and_confirms(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say("smua.source.limiti -> 1.50000e-02", "smua.source.output = smua.OUTPUT_ON")
    tsp.say("smua.source.output -> 1.00000e+00")
    ready.output_on()


def test_output_on_needs_a_limit(smu: Keithley2600) -> None:
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


def test_a_limit_that_changed_since_keeps_the_output_off(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say("smua.source.limiti -> 1.00000e-01")  # a power cycle sets the default of 100 mA
    with pytest.raises(SettingError, match=r"0\.015 A, but reads back as 0\.1 A"):
        ready.output_on()


def test_an_open_interlock_is_told(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say("smua.source.limiti -> 1.50000e-02", "smua.source.output = smua.OUTPUT_ON")
    tsp.say("smua.source.output -> 0.00000e+00")
    tsp.say_errors("802 OUTPUT blocked by interlock")
    with pytest.raises(
        RefusedError, match=r"stays off after 'smuX.source.output = smuX.OUTPUT_ON': 802 OUTPUT blocked by interlock"
    ):
        ready.output_on()


def test_output_off_goes_to_zero_first_and_confirms(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say("smua.source.levelv = 0", "smua.source.output = smua.OUTPUT_OFF", "smua.source.output -> 0.0")
    ready.output_off()


def test_an_output_that_stays_on_is_an_error(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say("smua.source.levelv = 0", "smua.source.output = smua.OUTPUT_OFF", "smua.source.output -> 1.0")
    with pytest.raises(SettingError, match="output"):
        ready.output_off()


def test_errors_are_drained_oldest_first(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.say_errors(
        "-286 TSP Runtime error at line 1: attempt to index field 'smub' (a nil value)",
        "5028 SMU A: Cannot perform requested operation while source autorange is enabled",
    )
    assert smu.read_errors() == [
        "-286 TSP Runtime error at line 1: attempt to index field 'smub' (a nil value)",
        "5028 SMU A: Cannot perform requested operation while source autorange is enabled",
    ]


def test_an_empty_queue_is_one_query(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.say(NO_ERRORS)
    assert smu.read_errors() == []


def test_an_entry_without_an_error_ends_the_queue(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.say("errorqueue.count -> 2.00000e+00", "labctl_code, labctl_text = errorqueue.next()")
    tag = f"<{tsp.next_tag()}>"
    asked, half = f'"{tag}", labctl_code, labctl_text', f"{tag}\t0.00000e+00\tQueue Is Empty"
    tsp.say_bytes(f"print({asked}, {asked})", f"{half}\t{half}\n".encode())
    assert smu.read_errors() == []


@pytest.mark.parametrize("count", ["nil", "-1.00000e+00", "9.91000e+37", "1.0 2.0"])
def test_a_count_that_is_none_is_garbled(smu: Keithley2600, tsp: TspWire, count: str) -> None:
    tsp.say(f"errorqueue.count -> {count}")
    with pytest.raises(LinkError, match="errorqueue"):
        smu.read_errors()


def test_make_safe_any_number_of_times(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.say_safe()
    tsp.say_safe()
    smu.make_safe()
    smu.make_safe()


def test_make_safe_on_a_link_with_old_bytes(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.output = b"TSP>\n<1000>\t1.0\n\xff#0\x00>>>>\n"
    tsp.say_safe()
    smu.make_safe()


def test_make_safe_ends_what_was_configured(ready: Keithley2600, tsp: TspWire) -> None:
    tsp.say_safe()
    ready.make_safe()
    with pytest.raises(SettingError, match="configure"):
        ready.source(0.1)


def test_make_safe_tells_if_the_output_stays_on(smu: Keithley2600, tsp: TspWire) -> None:
    tsp.say_safe(output="1.0")
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()


def test_make_safe_of_a_silent_instrument_is_an_error(smu: Keithley2600, tsp: TspWire) -> None:
    lines = [line.replace("smuX", "smua") for line in SHUT_DOWN]
    for first in (("abort", "abort"), ("abort", "endscript", "abort")):
        tsp.say_sync(*first, *lines, answered=False)
    with pytest.raises(LinkError, match="its output may be on"):
        smu.make_safe()
    assert tsp.connections == 2
