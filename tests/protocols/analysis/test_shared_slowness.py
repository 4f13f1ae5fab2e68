"""The shared profile of slowness: times and ends of moves, and what is learned from many of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.levels import LEVELS
from protocols.analysis.shared_slowness import KNOTS, LIKENESS, PLACES, SHAPE_SPREAD, Moves, SharedSlowness, weights

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
    assert off == pytest.approx(np.zeros(30), abs=5e-3)
    assert np.sqrt(np.mean((off / doubt) ** 2)) < 2  # knots that know nothing of one another are not what it expects


@pytest.mark.parametrize("stuck", [0, 20])
@pytest.mark.parametrize("short", [False, True])
def test_the_law_is_as_sure_as_it_says_of_films_as_it_expects_them(stuck: int, short: bool) -> None:
    root = np.linalg.cholesky(0.3**2 + SHAPE_SPREAD**2 * LIKENESS)
    goals, zero, worst = np.linspace(1000, LEVELS - 1000, 15), np.zeros(15), np.empty((30, 15))
    for seed in range(30):
        rng, truth, law = np.random.default_rng(seed), bent(), SharedSlowness(GUESS, 0.3)
        truth.profile = GUESS * np.exp(root @ rng.standard_normal(KNOTS))
        begin = rng.uniform(0, LEVELS - 1000, 1000) if short else np.zeros(1000)
        end = begin + (rng.uniform(50, 1000, 1000) if short else rng.uniform(50, LEVELS - 1, 1000))
        time = truth.time_of(begin, end) * (1 + 0.01 * rng.standard_normal(1000))
        time[: 1000 * stuck // 100] *= 3
        law.learn(Moves(begin, end, time, np.full(1000, 1e-4)))
        off = law.time_of(zero, goals) / truth.time_of(zero, goals) - 1
        worst[seed] = off / np.sqrt(law.doubt(zero, goals))
    assert np.sqrt(np.mean(worst**2)) == pytest.approx(1.0, abs=0.25)
    assert np.max(np.abs(worst)) < 6


def test_a_film_whose_speed_changes_a_hundredfold_is_followed_from_few_moves() -> None:
    truth, rng = bent(), np.random.default_rng(5)
    truth.profile = GUESS * np.exp(np.interp(PLACES, [0, LEVELS / 2, LEVELS], [2.5, -2.0, 2.5]))
    begin = np.sort(rng.uniform(0, LEVELS - 3000, 60))
    end = begin + rng.uniform(100, 3000, 60)
    time = truth.time_of(begin, end) * (1 + 0.01 * rng.standard_normal(60))
    law = SharedSlowness(GUESS, 0.3)
    law.learn(Moves(begin, end, time, np.full(60, 1e-4)))
    assert np.median(np.abs(law.time_of(begin, end) / time - 1)) < 0.02
    assert (law.profile > 0).all()


def test_doubt_is_the_guess_spread_before_anything_is_measured_and_memory_is_exact() -> None:
    law = SharedSlowness(GUESS, 0.3)
    assert np.sqrt(law.doubt(np.zeros(1), np.array([0.1])))[0] == pytest.approx(np.hypot(0.3, 0.15), rel=0.01)
    law.learn(Moves(np.zeros(3), np.array([100.0, 5000, 16000]), np.array([1e-5, 4e-4, 1.3e-3]), np.full(3, 1e-3)))
    other = SharedSlowness(1.0, 0.3)
    other.recall(law.memory())
    assert (other.memory() == law.memory()).all()
    assert (other.profile == law.profile).all()
