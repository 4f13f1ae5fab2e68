"""The shared profile of slowness: times and ends of moves, and what is learned from many of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.levels import LEVELS
from protocols.analysis.shared_slowness import KNOTS, PLACES, Moves, SharedSlowness, weights

GUESS = 80e-9


def bent(seed: int = 1) -> SharedSlowness:
    law = SharedSlowness(GUESS, 0.3)
    law.profile = GUESS * (1 + 0.3 * np.random.default_rng(seed).uniform(-1, 1, KNOTS))
    return law


def test_the_time_of_a_move_is_the_integral_of_the_slowness_also_beyond_the_ends() -> None:
    law, rng = bent(), np.random.default_rng(2)
    begin, end = rng.uniform(-300, LEVELS + 300, 200), rng.uniform(-300, LEVELS + 300, 200)
    for first, last, time in zip(begin, end, law.time_of(begin, end), strict=True):
        way = np.sort(
            np.concatenate(([first, last], PLACES[(min(first, last) < PLACES) & (max(first, last) > PLACES)]))
        )
        assert time == pytest.approx(np.trapezoid(law.at(way), way), rel=1e-9)
    assert weights(begin, end) @ law.profile == pytest.approx(law.time_of(begin, end), rel=1e-9)


@given(st.floats(-200, LEVELS + 200), st.floats(-200, LEVELS + 200))
def test_a_move_ends_where_its_time_says(begin: float, end: float) -> None:
    law = bent()
    first, last = np.array([begin]), np.array([end])
    found = law.end_of(first, law.time_of(first, last), np.sign(last - first))
    assert found[0] == pytest.approx(end, abs=1e-4)


def test_the_law_of_all_cells_is_learned_in_spite_of_a_wrong_guess_and_of_cells_that_do_not_follow() -> None:
    truth, rng = bent(3), np.random.default_rng(4)
    begin, end = np.zeros(2000), rng.uniform(50, LEVELS - 1, 2000)
    variance = np.full(2000, 1e-4)
    time = truth.time_of(begin, end) * (1 + 0.01 * rng.standard_normal(2000))
    time[::20] *= 3  # a twentieth of the cells is stuck half of the way
    law = SharedSlowness(1.2 * GUESS, 0.3)
    law.learn(Moves(begin, end, time, variance))
    goals = np.linspace(1000, LEVELS - 1000, 30)
    zero = np.zeros(30)
    off = law.time_of(zero, goals) / truth.time_of(zero, goals) - 1
    doubt = np.sqrt(law.doubt(zero, goals))
    assert doubt.max() < 5e-3
    assert np.sqrt(np.mean((off / doubt) ** 2)) < 2.5  # the worst of what is left: outliers just inside of the bound
    assert np.sqrt(np.mean(off**2)) < 3e-3


def test_doubt_is_the_guess_spread_before_anything_is_measured_and_memory_is_exact() -> None:
    law = SharedSlowness(GUESS, 0.3)
    assert np.sqrt(law.doubt(np.zeros(1), np.array([64.0])))[0] == pytest.approx(np.hypot(0.3, 0.15), rel=0.01)
    law.learn(Moves(np.zeros(3), np.array([100.0, 5000, 16000]), np.array([1e-5, 4e-4, 1.3e-3]), np.full(3, 1e-3)))
    other = SharedSlowness(1.0, 0.3)
    other.recall(law.memory())
    assert (other.memory() == law.memory()).all()
    assert (other.profile == law.profile).all()
