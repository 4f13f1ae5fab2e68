from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.level_errors import average_sigma, measured_misreads, misread_probability, reads_needed


def test_single_reads_of_the_published_noise_are_misread_as_published() -> None:
    # Deviations of 0.076, 0.15, 0.23 and 0.38 levels: never, 0.1 %, 3 % and 19 %.
    for sigma, wanted in ((0.076, 0), (0.15, 0.0009), (0.23, 0.0297), (0.38, 0.188)):
        assert misread_probability(1, sigma) == pytest.approx(wanted, rel=0.05, abs=1e-8)


def test_reads_for_three_sigma_are_the_published_ones() -> None:
    # 3 sigma < 1/2: 1 read at 0.15, 2 at 0.23, 6 at 0.38 levels.
    three_sigma = math.erfc(3 / math.sqrt(2))
    assert [reads_needed(three_sigma, 1, sigma) for sigma in (0.15, 0.23, 0.38)] == [1, 2, 6]


@given(st.floats(1e-9, 0.9), st.floats(0.05, 3), st.floats(0, 0.05), st.sampled_from([1, 2]))
def test_the_reads_needed_are_the_fewest_that_do(probability: float, sigma: float, floor: float, sides: int) -> None:
    needed = reads_needed(probability, 1.0, sigma, floor, sides)
    if needed is None:
        assert misread_probability(1.0, sigma, 10**9, floor, sides) > probability * (1 - 1e-6)
        return
    assert misread_probability(1.0, sigma, needed, floor, sides) <= probability * (1 + 1e-6)
    if needed > 1:
        assert misread_probability(1.0, sigma, needed - 1, floor, sides) > probability * (1 - 1e-6)


def test_the_floor_bounds_what_averaging_can_do() -> None:
    assert average_sigma(1.0, 64, 1 / 64) == pytest.approx(math.sqrt(2) / 8)
    assert average_sigma(1.0, 1e12, 1 / 64) == pytest.approx(1 / 8, rel=1e-6)
    assert reads_needed(1e-3, 1.0, 2.0, 1 / 64) is None
    assert misread_probability(1, 0.0) == 0


def test_the_interval_holds_the_truth_as_often_as_stated() -> None:
    chance = np.random.default_rng(1)
    wanted = misread_probability(1, 0.4, 4, neighbours=1)
    found = [measured_misreads(chance.normal(0, 0.4, 800), chance.normal(1, 0.4, 800), 4) for _ in range(200)]
    inside = [each is not None and each.low <= wanted <= each.high for each in found]
    # Exact intervals hold it at least 95 % of the time: fewer than 180 of 200 happen with probability 2e-3.
    assert sum(inside) >= 180
    assert np.mean([each.expected for each in found if each]) == pytest.approx(wanted, rel=0.1)
    assert {each.trials for each in found if each} == {400}


def test_no_misread_is_a_bound() -> None:
    found = measured_misreads(np.zeros(150), np.ones(150))
    assert found is not None
    # The bound p on a probability: 300 reads without a misread have the probability 2.5 % at p.
    assert (found.misreads, found.low, found.high) == (0, 0.0, pytest.approx(0.01222, rel=0.01))
    assert (found.separation, found.expected) == (math.inf, 0.0)


def test_levels_that_are_the_same_are_misread_half_the_time() -> None:
    chance = np.random.default_rng(2)
    found = measured_misreads(chance.normal(size=500), chance.normal(size=500))
    assert found is not None
    assert found.probability == pytest.approx(0.5, abs=0.08)
    same = measured_misreads([1.0] * 5, [1.0] * 5)
    assert same is not None
    assert same.separation == 0


def test_too_few_reads_give_nothing() -> None:
    assert measured_misreads([], []) is None
    assert measured_misreads([1.0] * 7, [1.0] * 20, 4) is None
    assert measured_misreads([math.nan] * 7, [1.0] * 20) is None


def test_what_makes_no_sense_is_refused() -> None:
    for call in (
        lambda: misread_probability(0, 1),
        lambda: misread_probability(1, 1, neighbours=3),
        lambda: misread_probability(1, math.nan),
        lambda: average_sigma(1, 0),
        lambda: reads_needed(0, 1, 1),
        lambda: measured_misreads([1.0], [1.0], 0),
    ):
        with pytest.raises(ParameterError):
            call()
