"""The filter over many cells, on synthetic ones whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.levels import LEVELS
from protocols.write_algorithms.array_filter import DOWN, UP, ArrayFilter
from protocols.write_algorithms.interface import Prior

PRIOR = Prior(1 / 80e-9, 1 / 65e-9, 0.3, 0.1)
NOISE, READ = 0.09, 0.08


class Cells:
    """Cells whose slowness rises by a tenth along the range, each with a factor of its own."""

    def __init__(self, count: int, spread: float, seed: int = 1, stuck: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.state = 0.3 * self.rng.standard_normal(count)
        self.factor = np.exp(spread * self.rng.standard_normal(count))
        self.factor[:stuck] = np.inf

    def pulse(self, time: np.ndarray, sign: np.ndarray) -> None:
        way = np.zeros(len(time))
        part = time / 200
        place = self.state.copy()
        for _ in range(200):
            nominal = np.where(sign > 0, 80e-9, 65e-9) * (0.95 + 0.1 * np.clip(place / LEVELS, 0, 1))
            step = part / nominal / self.factor
            way, place = way + step, place + sign * step
        self.state += sign * (way + NOISE * np.sqrt(way) * self.rng.standard_normal(len(time)))

    def read(self) -> np.ndarray:
        return self.state + READ * self.rng.standard_normal(len(self.state))


def write(cells: Cells, known: ArrayFilter, target: np.ndarray, rounds: int) -> np.ndarray:
    """Pulse every cell that is off by 0.3 levels; return the bursts of each."""
    every, variance = np.ones(len(target), bool), np.full(len(target), READ**2)
    known.locate(every, cells.read(), variance)
    bursts = np.zeros(len(target))
    for index in range(rounds):
        error = target - known.state
        sign = np.where(np.abs(error) > 0.3, np.sign(error), 0.0)
        goal = target if index else np.minimum(target, 64.0)
        sign = sign if index else np.sign(goal - known.state)
        time = np.where(sign != 0, np.rint(known.time_to(goal) * 1e9) / 1e9, 0.0)
        known.predict(time, sign)
        cells.pulse(time, sign)
        bursts += sign != 0
        known.update(every, cells.read(), variance)
    return bursts


@pytest.mark.parametrize(("spread", "rounds"), [(0.0, 7), (0.05, 7), (0.2, 12)])
def test_speeds_and_scatters_are_learned_and_the_estimate_is_as_good_as_it_says(spread: float, rounds: int) -> None:
    cells, known = Cells(1000, spread), ArrayFilter(1000, PRIOR)
    target = np.random.default_rng(9).uniform(200, 16000, 1000)
    write(cells, known, target, rounds)
    off = known.state - cells.state
    assert np.sqrt(np.mean(off**2)) < 0.08
    assert 0.8 < np.sqrt(np.mean((off / known.sigma) ** 2)) < 1.2
    assert np.mean(np.abs(cells.state - target) < 0.5) > 0.99
    assert known.spread[UP] == pytest.approx(spread, rel=0.25, abs=0.002)


def test_few_bursts_are_enough() -> None:
    cells, known = Cells(1000, 0.0), ArrayFilter(1000, PRIOR)
    target = np.random.default_rng(9).uniform(200, 16000, 1000)
    assert np.mean(write(cells, known, target, 8)) < 4.0  # one is the probe of 64 levels, one comes of its flat law


def test_a_first_guess_that_is_off_by_a_factor_is_made_good() -> None:
    cells = Cells(400, 0.02)
    known = ArrayFilter(400, Prior(5 / 80e-9, 0.2 / 65e-9, 0.3, 0.1))
    target = np.random.default_rng(9).uniform(500, 15000, 400)
    write(cells, known, target, 9)
    assert np.mean(np.abs(cells.state - target) < 0.5) > 0.97


def test_cells_that_do_not_move_are_told_and_do_not_spoil_the_law() -> None:
    cells, known = Cells(500, 0.0, stuck=25), ArrayFilter(500, PRIOR)
    every, variance = np.ones(500, bool), np.full(500, READ**2)
    known.locate(every, cells.read(), variance)
    for goal in (64.0, 8000.0):
        sign = np.sign(goal - known.state)
        time = known.time_to(np.full(500, goal))
        known.predict(time, sign)
        cells.pulse(time, sign)
        still = known.update(every, cells.read(), variance)
        assert still[:25].all()
        assert not still[25:].any()
    assert np.std(cells.state[25:]) < 12
    assert np.abs(np.mean(cells.state[25:]) - 8000) < 0.1 * 8000


def test_reads_that_do_not_repeat_make_what_was_read_before_count_less() -> None:
    known, rng = ArrayFilter(200, PRIOR), np.random.default_rng(3)
    every, variance = np.ones(200, bool), np.full(200, 0.01)
    known.locate(every, np.zeros(200), variance)
    moved = 5.0 * rng.standard_normal(200)
    known.update(every, moved, variance)
    assert np.sqrt(np.mean((known.state - moved) ** 2)) < 0.2


def test_memory_is_exact_to_the_last_bit() -> None:
    cells, known = Cells(50, 0.05), ArrayFilter(50, PRIOR)
    target = np.linspace(500, 15000, 50)
    write(cells, known, target, 3)
    other = ArrayFilter(50, PRIOR)
    other.recall(known.memory())
    assert (other.memory() == known.memory()).all()
    for one in (known, other):
        one.predict(one.time_to(target), np.sign(target - one.state))
        one.update(np.ones(50, bool), cells.state, np.full(50, READ**2))
    assert (other.mean == known.mean).all()
    assert (other.covariance == known.covariance).all()
    assert other.reach == known.reach
    assert other.spread[DOWN] == known.spread[DOWN]


def test_a_law_by_which_cells_race_leaves_every_state_known() -> None:
    known, every = ArrayFilter(50, PRIOR), np.ones(50, bool)
    variance = np.full(50, READ**2)
    known.locate(every, np.full(50, 1000.0), variance)
    known._laws[UP].profile = np.geomspace(80e-9, 80e-22, len(known._laws[UP].profile))
    known.predict(np.full(50, 1e-4), np.ones(50))
    assert known.sigma.max() <= LEVELS
    known.update(every, np.linspace(2000.0, 15000.0, 50), variance)
    assert np.linalg.eigvalsh(known.covariance).min() >= 0
    assert (known.sigma > 0).all()
