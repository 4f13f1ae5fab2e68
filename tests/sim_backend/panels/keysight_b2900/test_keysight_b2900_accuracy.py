"""The B2912A's data sheet, as the twin has it."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keysight_b2900_accuracy import SPECIFICATION, accuracy_of_b2912a, derating, effective_cycles
from sim_backend.panels.keysight_b2900_facts import CURRENT_RANGES, VOLTAGE_RANGES, Function

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keysight_b2900.conftest import Bench


def test_the_tables_have_the_panel_s_ranges_in_order() -> None:
    for side in (SPECIFICATION.source, SPECIFICATION.measure):
        assert tuple(entry.full_scale for entry in side[Function.CURRENT]) == CURRENT_RANGES
        assert tuple(entry.full_scale for entry in side[Function.VOLTAGE]) == VOLTAGE_RANGES


@pytest.mark.parametrize(
    ("function", "full_scale", "value", "limit"),
    [
        (Function.CURRENT, 1e-6, 5e-7, 625e-12),
        (Function.CURRENT, 1e-4, 5e-5, 35e-9),
        (Function.VOLTAGE, 0.2, 0.2, 255e-6),
        (Function.VOLTAGE, 2.0, 0.9, 530e-6),
    ],
)
def test_measured_values_hold_the_data_sheet_s_one_year_limits(
    function: Function, full_scale: float, value: float, limit: float
) -> None:
    """Limits worked out by hand from the data sheet; noise of one reading over 1 cycle comes on top."""
    found = [accuracy_of_b2912a(seed).measured(function, full_scale, value, 1.0, 0) - value for seed in range(300)]
    noise = accuracy_of_b2912a(1).deviation(function, full_scale, 1.0)
    assert max(abs(error) for error in found) <= limit + 4 * noise
    assert max(abs(error) for error in found) > limit / 3


@pytest.mark.parametrize(
    ("function", "full_scale", "cycles", "added"),
    [
        (Function.VOLTAGE, 0.2, 0.1, 0.01e-2),
        (Function.VOLTAGE, 2.0, 0.001, 0.2e-2),
        (Function.CURRENT, 1e-8, 0.1, 0.1e-2),
        (Function.CURRENT, 1e-7, 0.01, 0.1e-2),
        (Function.CURRENT, 1e-6, 0.01, 0.05e-2),
        (Function.CURRENT, 1e-3, 0.001, 0.5e-2),
        (Function.CURRENT, 3.0, 0.01, 0.02e-2),
        (Function.CURRENT, 1e-6, 1.0, 0.0),
    ],
)
def test_short_integration_adds_what_the_data_sheet_says(
    function: Function, full_scale: float, cycles: float, added: float
) -> None:
    assert derating(function, full_scale, cycles) == pytest.approx(added * full_scale)
    meter = accuracy_of_b2912a(3)
    effective = effective_cycles(meter, function, full_scale, cycles)
    expected = math.hypot(meter.deviation(function, full_scale, cycles), added * full_scale / 3)
    assert meter.deviation(function, full_scale, effective) == pytest.approx(expected)


def test_shorter_integration_is_never_quieter() -> None:
    meter = accuracy_of_b2912a(3)
    for function, ranges in ((Function.VOLTAGE, VOLTAGE_RANGES), (Function.CURRENT, CURRENT_RANGES)):
        for full_scale in ranges:
            cycles = [4e-4 * 1.2**place for place in range(68)]
            noise = [
                meter.deviation(function, full_scale, effective_cycles(meter, function, full_scale, n)) for n in cycles
            ]
            assert noise == sorted(noise, reverse=True)


def test_an_instrument_with_errors(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(real=True)
    bench.ask(":SOUR:VOLT 0.5;:SENS:CURR:RANG 1E-4;:SENS:CURR:NPLC 1;:TRIG:COUN 50;:FORM:ELEM:SENS CURR;:READ?")
    sourced = bench.terminals.drive_state
    assert sourced is not None
    assert 0 < abs(sourced[0] - 0.5) < 0.02e-2 * 0.5 + 350e-6
    currents = bench.values(":FETC:ARR?")
    assert statistics.mean(currents) == pytest.approx(sourced[0] / 10e3, abs=0.02e-2 * 5e-5 + 25e-9 + 1e-9)
    assert 1e-9 / 6 / 3 < statistics.stdev(currents) < 1e-9 / 6 * 3
    again = make_bench(real=True)
    again.ask(":SOUR:VOLT 0.5;:SENS:CURR:RANG 1E-4;:SENS:CURR:NPLC 1;:TRIG:COUN 50;:FORM:ELEM:SENS CURR;:READ?")
    assert again.values(":FETC:ARR?") == currents
    # The channels differ, and what is not driven reads about nothing.
    assert abs(bench.values(":OUTP2 1;:SENS2:CURR:NPLC 1;:MEAS:CURR? (@2)")[0]) < 1e-9
