"""Ways at a speed that depends on the place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.device_models.travel import integral, travel

Array = np.ndarray


def slowness(n: Array) -> Array:
    """1 / speed of a place; its integral from 0 is n + n^2 / 200."""
    return 1 + n / 100


def needed(n: float) -> float:
    return n + n * n / 200


def test_integral_counts_magnitude_either_way() -> None:
    start, way = np.array([0.0, 50.0]), np.array([50.0, -50.0])
    assert integral(start, way, slowness) == pytest.approx([needed(50), needed(50)], rel=1e-13)


@settings(deadline=None)
@given(st.floats(0, 1000), st.floats(0, 1000), st.floats(0, 1))
def test_end_and_rest_follow_from_the_integral(start: float, stop: float, part: float) -> None:
    total = abs(needed(stop) - needed(start))
    path = total * part * 1.5
    end, left = (float(a[0]) for a in travel(np.array([start]), np.array([stop]), np.array([path]), slowness))
    assert min(start, stop) <= end <= max(start, stop)
    assert abs(needed(end) - needed(start)) + left == pytest.approx(path, rel=1e-9, abs=1e-9)
    if left > 0:
        assert end == stop


def test_steep_changes_of_speed_are_found() -> None:
    # Speed 1000 at the start, 1 at the end: Newton's method from the mean leaps out and must be caught.
    def steep(n: Array) -> Array:
        return np.exp(-n / 10)

    end, left = travel(np.array([70.0]), np.array([0.0]), np.array([0.5]), steep)
    assert left[0] == 0
    assert 10 * (np.exp(-end[0] / 10) - np.exp(-7)) == pytest.approx(0.5, rel=1e-9)


def test_nothing_moves_without_path() -> None:
    end, left = travel(np.array([3.0, 3.0]), np.array([9.0, 3.0]), np.array([0.0, 0.0]), slowness)
    assert end.tolist() == [3.0, 3.0]
    assert left.tolist() == [0.0, 0.0]
