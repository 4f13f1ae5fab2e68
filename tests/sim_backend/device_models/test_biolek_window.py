"""The closed forms of Biolek's window, against numerical integration of what they stand for."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from sim_backend.device_models.biolek_window import BiolekWindow

POWERS: list[Literal[1, 2]] = [1, 2]


def reached(power: Literal[1, 2], share: float, path: float) -> float:
    return float(BiolekWindow(power).approach(np.array([share]), np.array([path]))[0])


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.3), (0.2, 0.7), (0.0, 0.99), (0.9, 0.999999)])
def test_time_to_a_share_is_the_integral_of_one_over_speed(power: Literal[1, 2], start: float, end: float) -> None:
    path, _ = quad(lambda z: 1 / (1 - z ** (2 * power)), start, end, epsabs=0, epsrel=1e-12)
    assert reached(power, start, path) == pytest.approx(end, rel=1e-9)
    noise, _ = quad(lambda z: 1 / (1 - z ** (2 * power)) ** 2, start, end, epsabs=0, epsrel=1e-12)
    left = BiolekWindow(power).gathered(np.array([start]), np.array([end]))[0]
    assert left == pytest.approx((1 - end ** (2 * power)) ** 2 * noise, rel=1e-7)


@settings(deadline=None)
@given(st.sampled_from(POWERS), st.floats(0, 1), st.floats(0, 50), st.floats(0, 50))
def test_two_pieces_of_a_way_are_the_whole_way(power: Literal[1, 2], share: float, one: float, two: float) -> None:
    first = reached(power, share, one)
    assert share <= first <= 1
    assert reached(power, first, two) == pytest.approx(reached(power, share, one + two), abs=1e-7)


@pytest.mark.parametrize("power", POWERS)
def test_any_path_from_anywhere_is_a_number(power: Literal[1, 2]) -> None:
    window = BiolekWindow(power)
    share = np.repeat([0.0, 0.5, 1 - 1e-16, 1.0], 4)
    path = np.tile([0.0, 1e-30, 1.0, 1e12], 4)
    found = window.approach(share, path)
    assert ((found >= share) & (found <= 1)).all()
    assert (found[path == 0] == share[path == 0]).all()
    assert np.isfinite(window.gathered(share, found)).all()
    assert (window.gathered(share, found) >= 0).all()
