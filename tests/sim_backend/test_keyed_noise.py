"""Numbers that are looked up: their distribution, their independence, their repeatability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim_backend.keyed_noise import CELLS, COUNTS, KeyedNoise

NUMBER = 200_000
along = np.arange(NUMBER)
still = np.zeros(NUMBER, dtype=np.int64)


def series(seed: int, kind: int, axis: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    cells, counts = (along, still + 3) if axis == "cell" else (still + 3, along)
    return KeyedNoise(seed, kind).normal(cells, counts)


@pytest.mark.parametrize("axis", ["cell", "count"])
@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_numbers_are_standard_normal(seed: int, axis: str) -> None:
    numbers = series(seed, 1, axis)
    assert stats.kstest(numbers, "norm").pvalue > 0.001
    assert abs(numbers.mean()) < 4 / np.sqrt(NUMBER)
    assert abs(numbers.var() - 1) < 4 * np.sqrt(2 / NUMBER)
    assert abs(stats.kurtosis(numbers)) < 4 * np.sqrt(24 / NUMBER)


@pytest.mark.parametrize("axis", ["cell", "count"])
@pytest.mark.parametrize("lag", [1, 2, 64, 4096])
def test_neighbouring_keys_are_independent(lag: int, axis: str) -> None:
    numbers = series(0, 2, axis)
    for values in (numbers, np.abs(numbers), np.square(numbers)):
        assert abs(np.corrcoef(values[:-lag], values[lag:])[0, 1]) < 4.5 / np.sqrt(NUMBER - lag)


def test_cells_counts_seeds_and_kinds_are_independent_of_one_another() -> None:
    all_series = [series(*key) for key in ((0, 1, "cell"), (0, 1, "count"), (0, 2, "cell"), (1, 1, "cell"))]
    off_diagonal = np.corrcoef(all_series) - np.eye(4)
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(NUMBER)


def test_no_two_keys_share_a_number() -> None:
    cells, counts = np.divmod(along, 400)
    assert len(np.unique(KeyedNoise(0, 1).normal(cells, counts))) == NUMBER


@settings(deadline=None)
@given(st.integers(0, CELLS - 1), st.integers(0, COUNTS - 1), st.integers(0, 2**63 - 1))
def test_the_same_key_gives_the_same_number_alone_and_in_company(cell: int, count: int, seed: int) -> None:
    alone = KeyedNoise(seed, 1).normal(np.array([cell]), np.array([count]))
    company = KeyedNoise(seed, 1).normal(np.array([0, cell, CELLS - 1]), np.array([7, count, COUNTS - 1]))
    assert alone[0] == company[1]
    assert np.isfinite(company).all()


def test_numbers_are_the_same_on_every_machine() -> None:
    # Saved dies go on with the numbers they began with: these three never change.
    numbers = KeyedNoise(0, 1).normal(np.array([0, 1, 4095]), np.array([0, 0, 12_345]))
    assert numbers == pytest.approx([-0.9070731683331142, -1.0760164307094409, 1.187457857904902], rel=1e-12)
