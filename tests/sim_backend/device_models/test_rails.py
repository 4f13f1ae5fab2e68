"""The closed forms near the ends, against numerical integration of what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from sim_backend.device_models.rails import approach, gathered, slowing

MARGIN = 30.0


def speed(distance: float) -> float:
    return float(slowing(np.array([distance]), MARGIN)[0])


def moved(distance: float, path: float) -> float:
    return float(approach(np.array([distance]), MARGIN, np.array([path]))[0])


def test_speed_is_full_at_the_margin_and_nothing_at_the_end() -> None:
    assert [speed(d) for d in (0.0, 15.0, 30.0, 1000.0)] == [0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("distance", [29.0, 15.0, 3.0, 0.3])
def test_time_to_a_distance_is_the_integral_of_one_over_speed(distance: float) -> None:
    path, _ = quad(lambda d: 1 / speed(d), distance, MARGIN, epsabs=0, epsrel=1e-12)
    assert moved(MARGIN, path) == pytest.approx(distance, rel=1e-9)
    assert moved(MARGIN + 12.5, path + 12.5) == pytest.approx(distance, rel=1e-9)


@pytest.mark.parametrize("distance", [29.0, 15.0, 3.0, 0.3])
def test_noise_gathered_is_the_integral_of_one_over_speed_squared(distance: float) -> None:
    expected, _ = quad(lambda d: 1 / speed(d) ** 2, distance, MARGIN, epsabs=0, epsrel=1e-12)
    assert gathered(np.array([MARGIN + 5]), np.array([distance]), MARGIN)[0] == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(0, 1e6), st.floats(0, 1e6))
def test_two_pieces_of_a_way_are_the_whole_way(distance: float, first: float, second: float) -> None:
    assert moved(moved(distance, first), second) == pytest.approx(moved(distance, first + second), rel=1e-7, abs=1e-12)


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(0, 1e12))
def test_never_past_the_end_and_never_back(distance: float, path: float) -> None:
    assert 0 <= moved(distance, path) <= distance


def test_the_end_stays_the_end() -> None:
    assert moved(0.0, 1e3) == 0.0
