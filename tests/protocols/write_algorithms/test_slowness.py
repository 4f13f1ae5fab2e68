from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.levels import LEVELS
from protocols.write_algorithms import slowness

STATES = st.floats(-200.0, LEVELS + 200.0)
PROFILES = st.lists(st.floats(1e-9, 1e-6), min_size=slowness.KNOTS, max_size=slowness.KNOTS)


@given(PROFILES, STATES, STATES)
def test_the_time_of_a_move_is_the_integral_of_the_slowness(profile: list[float], begin: float, end: float) -> None:
    places = np.linspace(begin, end, 4001)
    slownesses = [slowness.at(profile, place) for place in places.tolist()]
    integral = abs(float(np.trapezoid(slownesses, places)))
    assert slowness.time_of(profile, begin, end) == pytest.approx(integral, rel=1e-3, abs=1e-15)


@given(STATES, STATES)
def test_weights_add_up_to_the_way(begin: float, end: float) -> None:
    assert sum(slowness.weights(begin, end)) == pytest.approx(abs(end - begin), abs=1e-6)


@given(st.lists(st.floats(0.5, 2.0), min_size=slowness.KNOTS, max_size=slowness.KNOTS), STATES, STATES)
def test_a_move_ends_where_its_time_is_over(profile: list[float], begin: float, end: float) -> None:
    sign = 1.0 if end >= begin else -1.0
    time = slowness.time_of(profile, begin, end)
    assert slowness.end_of(profile, begin, time, sign) == pytest.approx(end, abs=1e-3)


def test_doubt_is_a_covariance() -> None:
    eigenvalues = np.linalg.eigvalsh(np.array(slowness.doubt([1.0, 2.0, 3.0, 4.0, 5.0], 0.3)))
    assert eigenvalues.min() > 0
