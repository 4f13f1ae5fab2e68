from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.level_count import distinguishable_levels, distinguishable_levels_measured, states_in_range


def test_the_published_noise_gives_the_published_counts() -> None:
    # a = 27.2 nS, b = 1.865e-5, 0.2 uS to 5.9 mS: 1.44e4 at 3 sigma, 2.17e4 at 2 sigma.
    assert distinguishable_levels(200e-9, 5.9e-3, 27.2e-9, 1.865e-5, 3) == pytest.approx(1.44e4, rel=0.005)
    assert distinguishable_levels(200e-9, 5.9e-3, 27.2e-9, 1.865e-5, 2) == pytest.approx(2.17e4, rel=0.005)


@given(st.floats(0.1, 10), st.floats(-0.04, 5))
def test_the_closed_form_is_the_integral(a: float, b: float) -> None:
    places = np.linspace(1, 2, 4001)
    wanted = np.trapezoid(1 / (a + b * places), places) / 6
    assert distinguishable_levels(1, 2, a, b, 3) == pytest.approx(wanted, rel=1e-4)


def test_measured_points_on_a_line_give_what_the_line_gives() -> None:
    places = np.array([3.0, 1.0, 2.0])
    wanted = distinguishable_levels(1, 3, 0.1, 0.2, 2)
    assert distinguishable_levels_measured(1, 3, places, 0.1 + 0.2 * places, 2) == pytest.approx(wanted)
    assert distinguishable_levels_measured(0, 10, [5.0], [0.5], 1) == pytest.approx(10.0)
    assert distinguishable_levels_measured(0, 1, [math.nan], [1.0], 1) is None


def test_steps_fill_the_range() -> None:
    assert states_in_range(200e-9, 5.9e-3, -357.147e-9) == pytest.approx(16_519, rel=1e-4)


@pytest.mark.parametrize(
    "arguments", [(2, 1, 1, 0, 1), (1, 2, 0, 0, 1), (1, 2, -1, 0.6, 1), (1, 2, 1, 0, 0), (1, 2, math.nan, 0, 1)]
)
def test_noiseless_or_empty_ranges_are_refused(arguments: tuple[float, float, float, float, float]) -> None:
    with pytest.raises(ParameterError):
        distinguishable_levels(*arguments)
