from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import ParameterError
from protocols.analysis.endurance_window import fit_endurance
from sim_backend.device_models.catalogue import device_named
from sim_backend.noise.aging import CYCLE, window_left

CYCLES = np.geomspace(1, 1e6, 25)
OFF = np.full(25, 200e-9)
ON = np.full(25, 5.9e-3)


def test_a_power_law_is_found_and_extrapolated() -> None:
    found = fit_endurance(CYCLES, OFF + 5e-3 * CYCLES**-0.02, OFF)
    assert found is not None
    assert found.wears
    assert found.end is None
    assert found.change == pytest.approx(10**-0.02 - 1, rel=1e-6)
    assert found.expected_end == pytest.approx(2**50, rel=1e-6)
    assert found.first == pytest.approx(5e-3)
    assert found.last == pytest.approx(5e-3 * 1e6**-0.02)
    assert found.on_off_first == pytest.approx(25_001)


def test_no_wear_is_a_bound() -> None:
    # 5 %: more than 12 of 100 happen with probability 2e-3.
    chance = np.random.default_rng(1)
    found = [fit_endurance(CYCLES, ON + chance.normal(0, 1e-6, 25), OFF, 1e-6) for _ in range(100)]
    assert sum(each is None or each.wears for each in found) <= 8
    quiet = next(each for each in found if each is not None and not each.wears)
    assert quiet.expected_end is None
    # Half of 5.9 mS at no more than some deviations of a slope, 1 uS over 1e6 cycles each.
    assert quiet.end_at_least > 5e8


def test_the_bound_holds_for_wear_that_is_as_steady_as_it_assumes() -> None:
    chance = np.random.default_rng(2)
    window = 5e-3 * (1 - CYCLES / 1e9)
    found = [fit_endurance(CYCLES, window + chance.normal(0, 2e-6, 25), 0 * OFF, 2e-6) for _ in range(100)]
    # Truth: 5e8 cycles. The bound is one-sided at 97.5 %: below 92 of 100 happens with probability 2e-3.
    assert sum(each is not None and each.end_at_least <= 5e8 for each in found) >= 92


def test_the_end_is_where_the_window_stays_closed() -> None:
    on = np.array([1.0, 1.0, 0.3, 1.0, 0.9, 0.4, 0.3])
    found = fit_endurance(range(1, 8), on, 0 * on, 0.01, criterion=0.5)
    assert found is not None
    assert found.end == 6
    assert math.isinf(found.on_off_last)


def test_the_twins_wear_is_seen() -> None:
    noise = device_named("ru-azo", 5.9e-3).profile.noise.model_copy(update={"wear_exponent": 0.1, "endurance": 1.0})
    on = 200e-9 + 5.9e-3 * window_left(noise, CYCLES * CYCLE)
    found = fit_endurance(CYCLES, on, OFF)
    assert found is not None
    assert found.change == pytest.approx(10**-0.1 - 1, rel=1e-6)
    assert found.expected_end == pytest.approx(2**10, rel=1e-3)
    assert found.end == pytest.approx(CYCLES[CYCLES > 2**10][0])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_measurements_say_nothing(count: int) -> None:
    assert fit_endurance(CYCLES[:count], ON[:count], OFF[:count]) is None


def test_a_closed_window_or_unordered_cycles_say_nothing() -> None:
    assert fit_endurance(CYCLES, OFF, OFF) is None
    assert fit_endurance(CYCLES[::-1], ON, OFF) is None
    assert fit_endurance(CYCLES, math.nan * ON, OFF) is None
    with pytest.raises(ParameterError):
        fit_endurance(CYCLES, ON, OFF, criterion=1.0)
