"""One instrument against the specification of its kind."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.errors import ModelError
from sim_backend.front_end.meter_accuracy import MeterAccuracy, RangeAccuracy, Specification

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LOW = RangeAccuracy(1e-3, 2e-4, 60e-9, noise=5e-9)
HIGH = RangeAccuracy(1e-2, 3e-4, 600e-9, noise=40e-9)
SOURCE = RangeAccuracy(0.2, 1.5e-4, 200e-6, resolution=5e-6)
SPECIFICATION = Specification({"V": (SOURCE,)}, {"I": (LOW, HIGH)}, noise_floor=0.2, line_rejection=1e-3)
QUIET = replace(SPECIFICATION, measure={"I": (replace(LOW, noise=0.0), replace(HIGH, noise=0.0))})
SEEDS = range(2000)


def test_no_instrument_is_outside_the_guaranteed_limit() -> None:
    for seed in SEEDS:
        meter = MeterAccuracy(QUIET, seed)
        for value in (0.0, 0.4e-3, -1e-3):
            assert abs(meter.measured("I", 1e-3, value, 1.0, 0) - value) <= (2e-4 * abs(value) + 60e-9) * (1 + 1e-9)
        for level in (0.0, 0.2, -0.1):
            assert abs(meter.sourced("V", 0.2, level) - level) <= (1.5e-4 * abs(level) + 200e-6) * (1 + 1e-9)


def test_the_limit_is_three_standard_deviations(check_spread: Callable[[NDArray[np.float64], float], None]) -> None:
    meters = [MeterAccuracy(QUIET, seed) for seed in SEEDS]
    offset = np.array([meter.measured("I", 1e-3, 0.0, 1.0, 0) for meter in meters])
    total = np.array([meter.measured("I", 1e-3, 1e-3, 1.0, 0) - 1e-3 for meter in meters])
    check_spread(offset, 60e-9 / 3)
    check_spread(total - offset, 2e-4 * 1e-3 / 3)
    assert abs(np.corrcoef(offset, total - offset)[0, 1]) < 0.1


def test_gain_and_offset_are_fixed_and_linear() -> None:
    meter = MeterAccuracy(QUIET, 1)
    at = [
        meter.measured("I", 1e-3, value, nplc, count) for value, nplc, count in ((0, 1, 0), (1e-3, 5, 9), (2e-3, 1, 3))
    ]
    assert at[2] - at[1] == pytest.approx(at[1] - at[0], rel=1e-12)


def test_ranges_and_sides_have_errors_of_their_own() -> None:
    meter = MeterAccuracy(QUIET, 1)
    shares = {
        meter.measured("I", 1e-3, 0.0, 1.0, 0) / 60e-9,
        meter.measured("I", 1e-2, 0.0, 1.0, 0) / 600e-9,
        meter.sourced("V", 0.2, 0.0) / 200e-6,
    }
    assert len(shares) == 3


@pytest.mark.parametrize("nplc", [0.01, 0.1, 1.0, 10.0])
def test_noise_of_readings_against_integration_time(
    check_spread: Callable[[NDArray[np.float64], float], None], nplc: float
) -> None:
    meter = MeterAccuracy(SPECIFICATION, 1)
    quiet = MeterAccuracy(QUIET, 1).measured("I", 1e-3, 0.5e-3, nplc, 0)
    readings = np.array([meter.measured("I", 1e-3, 0.5e-3, nplc, count) for count in range(4000)]) - quiet
    check_spread(readings, 5e-9 * math.sqrt(0.96 / nplc + 0.04))


def test_noise_over_one_cycle_is_the_specified_one_and_has_a_floor() -> None:
    meter = MeterAccuracy(SPECIFICATION, 1)
    assert meter.deviation("I", 1e-2, 1.0) == pytest.approx(40e-9)
    assert meter.deviation("I", 1e-2, 1e9) == pytest.approx(8e-9)


def test_the_same_reading_of_the_same_instrument_is_the_same() -> None:
    one, other = MeterAccuracy(SPECIFICATION, 1), MeterAccuracy(SPECIFICATION, 1)
    ninth = one.measured("I", 1e-3, 1e-4, 1.0, 9)
    assert other.measured("I", 1e-3, 1e-4, 1.0, 3) != ninth
    assert other.measured("I", 1e-3, 1e-4, 1.0, 9) == ninth
    assert MeterAccuracy(SPECIFICATION, 2).measured("I", 1e-3, 1e-4, 1.0, 9) != ninth


class TestPickup:
    @pytest.mark.parametrize(("nplc", "share"), [(0.01, 1.0), (0.5, 2 / math.pi), (1.0, 1e-3), (3.0, 1e-3)])
    def test_whole_cycles_reject_the_line(
        self, check_spread: Callable[[NDArray[np.float64], float], None], nplc: float, share: float
    ) -> None:
        meter = MeterAccuracy(replace(QUIET, pickup=1e-4), 1)
        without = MeterAccuracy(QUIET, 1).measured("I", 1e-3, 0.0, nplc, 0)
        readings = np.array([meter.measured("I", 1e-3, 0.0, nplc, count) - without for count in range(4000)])
        check_spread(readings, 1e-4 * 1e-3 * share)
        assert np.abs(readings).max() <= math.sqrt(2) * 1e-7 * share * (1 + 1e-3)


class TestSource:
    def test_levels_are_rounded_to_the_resolution(self) -> None:
        meter = MeterAccuracy(SPECIFICATION, 1)
        assert meter.sourced("V", 0.2, 0.1000012) == meter.sourced("V", 0.2, 0.1)
        assert meter.sourced("V", 0.2, 0.100005) - meter.sourced("V", 0.2, 0.1) == pytest.approx(5e-6, rel=1e-3)


@pytest.mark.parametrize(("function", "full_scale"), [("I", 0.5), ("R", 1e-3), ("V", 0.2)])
def test_a_range_that_is_not_specified_is_refused(function: str, full_scale: float) -> None:
    with pytest.raises(ModelError, match=function):
        MeterAccuracy(SPECIFICATION, 1).measured(function, full_scale, 0.0, 1.0, 0)
