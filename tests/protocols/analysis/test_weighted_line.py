from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.weighted_line import weighted_line


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(3, 30))
def test_points_on_a_line_give_it(slope: float, offset: float, count: int) -> None:
    x = np.linspace(1, 7, count)
    line = weighted_line(x, offset + slope * x)
    assert line is not None
    assert line.slope == pytest.approx(slope, abs=1e-9)
    assert line.at(0) == pytest.approx(offset, abs=1e-8)


@pytest.mark.parametrize("given_sigma", [None, 0.5])
def test_intervals_hold_the_slope_as_often_as_stated(given_sigma: float | None) -> None:
    chance = np.random.default_rng(1)
    x = np.arange(8.0)
    lines = [weighted_line(x, 3 * x + chance.normal(0, 0.5, 8), given_sigma) for _ in range(500)]
    ranges = [line.slope_range(0.9) for line in lines if line is not None]
    # 90 % of 500: four standard errors are 5.4 %.
    assert np.mean([low <= 3 <= high for low, high in ranges]) == pytest.approx(0.9, abs=0.054)
    pulls = [(line.at(20) - 60) / line.sigma_at(20) for line in lines if line is not None]
    assert np.std(pulls) == pytest.approx(1.22 if given_sigma is None else 1, abs=0.3)


def test_weights_follow_the_deviations() -> None:
    line = weighted_line([0, 0, 1, 1], [0.0, 4.0, 1.0, 5.0], [1, 1e6, 1, 1e6])
    assert line is not None
    assert line.slope == pytest.approx(1)


def test_deviations_that_are_far_too_small_grow() -> None:
    chance = np.random.default_rng(2)
    line = weighted_line(np.arange(50.0), chance.normal(0, 1, 50), 1e-3)
    assert line is not None
    assert line.slope_sigma == pytest.approx(1 / math.sqrt(50 * (50**2 - 1) / 12), rel=0.4)
    assert not line.significant(0.999)


@pytest.mark.parametrize("x", [[], [1.0, 2.0], [1.0, 1.0, 1.0], [1.0, 2.0, math.nan]])
def test_too_few_points_have_no_line(x: list[float]) -> None:
    assert weighted_line(x, x) is None


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ParameterError):
        weighted_line([1.0, 2.0], [1.0, 2.0], 0.0)
    with pytest.raises(ParameterError):
        weighted_line([1.0, 2.0], [1.0, 2.0], [1.0, 1.0, 1.0])
    line = weighted_line([1.0, 2.0], [1.0, 2.0], 1.0)
    assert line is not None
    with pytest.raises(ParameterError):
        line.significant(1.0)
