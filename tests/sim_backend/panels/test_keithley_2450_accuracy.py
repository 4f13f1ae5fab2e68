"""The 2450's data sheet, as the twin has it."""

from __future__ import annotations

import pytest

from sim_backend.panels.keithley_2450_accuracy import SPECIFICATION, accuracy_of_2450
from sim_backend.panels.keithley_2450_facts import CURRENT_RANGES, SOURCES, VOLTAGE_RANGES, Function


@pytest.mark.parametrize("function", SOURCES)
def test_every_range_can_be_sourced_and_measured(function: Function) -> None:
    meter = accuracy_of_2450(1)
    for full_scale in function.ranges:
        value = full_scale / 2
        sourced = meter.sourced(function, full_scale, value)
        measured = meter.measured(function, full_scale, value, 1.0, 0)
        assert sourced != value
        assert measured != value
        # The loosest range of the data sheet is the lowest voltage range: 0.1 % and 1 % of range.
        assert sourced == pytest.approx(value, abs=0.011 * full_scale)
        assert measured == pytest.approx(value, abs=0.011 * full_scale)


def test_the_tables_have_the_panel_s_ranges_in_order() -> None:
    for side in (SPECIFICATION.source, SPECIFICATION.measure):
        assert tuple(entry.full_scale for entry in side[Function.CURRENT]) == CURRENT_RANGES
        assert tuple(entry.full_scale for entry in side[Function.VOLTAGE]) == VOLTAGE_RANGES


@pytest.mark.parametrize(("function", "steps"), [(Function.VOLTAGE, 40_000), (Function.CURRENT, 20_000)])
def test_sources_resolve_equal_parts_of_their_range(function: Function, steps: int) -> None:
    for entry in SPECIFICATION.source[function]:
        assert entry.resolution == pytest.approx(entry.full_scale / steps)


@pytest.mark.parametrize(
    ("function", "full_scale", "value", "limit"),
    [
        (Function.CURRENT, 1e-3, 1e-3, 260e-9),
        (Function.CURRENT, 1e-4, 5e-5, 16e-9),
        (Function.VOLTAGE, 0.2, 0.2, 224e-6),
        (Function.VOLTAGE, 2.0, 0.9, 408e-6),
    ],
)
def test_measured_values_hold_the_data_sheet_s_one_year_limits(
    function: Function, full_scale: float, value: float, limit: float
) -> None:
    """Limits worked out by hand from the data sheet; noise of one reading over 1 cycle comes on top."""
    found = [accuracy_of_2450(seed).measured(function, full_scale, value, 1.0, 0) - value for seed in range(300)]
    noise = accuracy_of_2450(1).deviation(function, full_scale, 1.0)
    assert max(abs(error) for error in found) <= limit + 4 * noise
    assert max(abs(error) for error in found) > limit / 3
