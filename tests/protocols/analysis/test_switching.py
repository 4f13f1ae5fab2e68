"""Where a staircase begins to change a state."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.switching import Onset, onset, together

V = np.linspace(0.05, 1.0, 20)


@given(st.integers(1, 17), st.sampled_from([1.0, -1.0]), st.floats(1e-9, 1e3))
def test_a_cell_that_switches_wholly_at_one_step(step: int, sign: float, size: float) -> None:
    state = np.where(np.arange(20) >= step, sign * size, 0.0)
    found = onset(sign * V, state, np.full(20, 0.01 * size))
    assert found is not None
    assert found == Onset(sign * V[step - 1], sign * V[step])
    assert abs(found.value) == pytest.approx((V[step - 1] + V[step]) / 2)
    assert found.sigma == pytest.approx(0.05 / math.sqrt(12))


def test_a_gradual_change_is_seen_from_three_deviations_on() -> None:
    state = np.maximum(V - 0.5, 0.0)
    found = onset(V, state, np.full(20, 0.03))
    assert found is not None
    assert 0.55 < found.value < 0.65
    fine = onset(V, state, np.full(20, 1e-4))
    assert fine is not None
    assert (fine.below, fine.above) == pytest.approx((0.5, 0.55))


def test_noise_alone_is_no_threshold() -> None:
    random = np.random.default_rng(1)
    found = [onset(V, random.normal(size=20), np.ones(20)) for _ in range(2000)]
    assert sum(one is not None for one in found) <= 6


def test_noisy_first_points_do_not_hide_a_step() -> None:
    sigma = 0.05 / V  # as of a current with constant noise over a voltage
    state = np.random.default_rng(2).normal(size=20) * sigma + np.where(V > 0.6, 5.0, 0.0)
    found = onset(V, state, sigma)
    assert found is not None
    assert (found.below, found.above) == pytest.approx((0.6, 0.65))


def test_a_state_that_comes_back_has_not_switched() -> None:
    state = np.zeros(20)
    state[7] = 1.0
    assert onset(V, state, np.full(20, 0.01)) is None


def test_too_little_is_none_and_nonsense_an_error() -> None:
    assert onset(V[:2], [0.0, 1.0], [0.1, 0.1]) is None
    assert onset(V, np.full(20, np.nan), np.ones(20)) is None
    with pytest.raises(ParameterError):
        onset(V, V, -np.ones(20))


def test_several_staircases_give_a_mean_if_most_show_one() -> None:
    one, other = Onset(0.45, 0.47), Onset(0.47, 0.49)
    found = together([one, other, None])
    assert found is not None
    assert found.value == pytest.approx(0.47)
    assert found.sigma == pytest.approx(math.hypot(0.02 / math.sqrt(12), 0.01))
    assert together([one, None, None]) is None
    assert together([]) is None
