"""Numbers that are looked up: their distribution, their independence, their repeatability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

from sim_backend.noise.keyed import CELLS, COUNTS, KeyedNoise, finalise
from sim_backend.noise.normal_table import NormalBuffers, normal_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMBER = 200_000
along = np.arange(NUMBER)
still = np.zeros(NUMBER, dtype=np.int64)


def series(seed: int, kind: int, axis: str) -> NDArray[np.float64]:
    cells, counts = (along, still + 3) if axis == "cell" else (still + 3, along)
    return KeyedNoise(seed, kind).normal(cells, counts)


def block(cells: int, counts: int, start: int = 0) -> NDArray[np.float64]:
    """Return the numbers of neighbouring cells for consecutive events: shape (counts, cells)."""
    events = np.arange(start, start + counts)[:, None]
    return KeyedNoise(7, 2, cells).normal(np.arange(cells), events)


@pytest.mark.parametrize("axis", ["cell", "count"])
@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_numbers_are_standard_normal(seed: int, axis: str) -> None:
    numbers = series(seed, 1, axis)
    assert stats.kstest(numbers, "norm").pvalue > 0.001
    assert abs(numbers.mean()) < 4 / np.sqrt(NUMBER)
    assert abs(numbers.var() - 1) < 4 * np.sqrt(2 / NUMBER)
    assert abs(stats.skew(numbers)) < 4 * np.sqrt(6 / NUMBER)
    assert abs(stats.kurtosis(numbers)) < 4 * np.sqrt(24 / NUMBER)


def test_tails_are_those_of_the_normal_distribution() -> None:
    numbers = np.abs(block(2000, 2000))
    for bound in (3.0, 3.5, 4.0, 4.5):
        expected = 2 * stats.norm.sf(bound) * numbers.size
        assert abs(np.count_nonzero(numbers > bound) - expected) < 4 * np.sqrt(expected)


def test_many_bins_are_evenly_filled() -> None:
    # 4,096 equally likely bins: sees the table's segments, the finest being 1/1024 of the distribution.
    bins = np.bincount((stats.norm.cdf(block(1000, 2000)) * 4096).astype(np.int64).ravel(), minlength=4096)
    assert 0.001 < stats.chisquare(bins).pvalue < 0.999


@pytest.mark.parametrize("axis", ["cell", "count"])
@pytest.mark.parametrize("lag", [1, 2, 64, 4096])
def test_neighbouring_keys_are_independent(lag: int, axis: str) -> None:
    numbers = series(0, 2, axis)
    for values in (numbers, np.abs(numbers), np.square(numbers)):
        assert abs(np.corrcoef(values[:-lag], values[lag:])[0, 1]) < 4.5 / np.sqrt(NUMBER - lag)


@pytest.mark.parametrize("along_cells", [True, False])
def test_no_two_of_many_series_are_correlated(along_cells: bool) -> None:
    # Every pair of 400 cells over 20,000 events, and of 400 events over 20,000 cells.
    numbers = block(400, 20_000) if along_cells else block(20_000, 400).T
    for values in (numbers, np.abs(numbers), np.sin(7 * numbers)):
        correlation: NDArray[np.float64] = np.atleast_2d(np.corrcoef(values.T))
        scores = correlation[np.triu_indices(400, 1)] * np.sqrt(len(values))
        assert np.abs(scores).max() < stats.norm.isf(1e-4 / scores.size)
        assert scores.std() == pytest.approx(1, abs=5 / np.sqrt(2 * scores.size))


def test_pairs_of_neighbours_fill_the_plane_evenly() -> None:
    uniform = stats.norm.cdf(block(1001, 1001, start=10**9))
    for one, other in ((uniform[:, :-1], uniform[:, 1:]), (uniform[:-1], uniform[1:])):
        counts = np.histogram2d(one.ravel(), other.ravel(), bins=32, range=[[0, 1], [0, 1]])[0]
        assert 0.001 < stats.chisquare(counts.ravel()).pvalue < 0.999


def test_sums_over_rows_columns_and_events_spread_as_they_should() -> None:
    numbers = block(64 * 64, 512).reshape(512, 64, 64)
    for axes in ((0,), (1,), (2,), (1, 2)):
        sums = numbers.sum(axis=axes).ravel() / np.sqrt(numbers.size / numbers.sum(axis=axes).size)
        assert abs(sums.var() - 1) < 4 * np.sqrt(2 / sums.size)


def test_one_bit_of_the_sum_changes_half_of_the_bits() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 20_000, dtype=np.uint64)
    mixed = finalise(words.copy(), np.empty_like(words))
    for bit in range(64):
        flipped = words ^ np.uint64(1 << bit)
        changed = finalise(flipped, np.empty_like(flipped)) ^ mixed
        # The upper bits decide the number; each must change half of the time.
        for upper in range(44, 64):
            share = np.mean((changed >> np.uint64(upper)) & np.uint64(1))
            assert abs(share - 0.5) < 0.02


def test_cells_counts_seeds_and_kinds_are_independent_of_one_another() -> None:
    all_series = [series(*key) for key in ((0, 1, "cell"), (0, 1, "count"), (0, 2, "cell"), (1, 1, "cell"))]
    off_diagonal = np.corrcoef(all_series) - np.eye(4)
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(NUMBER)


def test_no_two_keys_share_a_number() -> None:
    assert len(np.unique(block(500, 400))) == NUMBER


@settings(deadline=None)
@given(st.integers(0, 4095), st.integers(0, COUNTS - 1), st.integers(0, 2**63 - 1))
def test_the_same_key_gives_the_same_number_alone_and_in_company(cell: int, count: int, seed: int) -> None:
    noise = KeyedNoise(seed, 1, 4096)
    alone = noise.normal(np.array([cell]), np.array([count]))
    company = noise.normal(np.array([0, cell, 4095]), np.array([7, count, COUNTS - 1]))
    assert alone[0] == company[1]
    assert np.isfinite(company).all()


def test_a_cell_has_the_same_numbers_on_a_die_of_any_size() -> None:
    small, large = KeyedNoise(3, 1, 64), KeyedNoise(3, 1, CELLS)
    assert np.array_equal(small.normal(np.arange(64), along[:64]), large.normal(np.arange(64), along[:64]))


def test_the_table_is_the_inverse_of_the_distribution_far_into_the_tails() -> None:
    words = np.random.default_rng(1).integers(-(2**63), 2**63, 20_000)
    words = np.concatenate([words >> shift for shift in range(0, 60, 4)])
    words = words[words != 0]
    exact = -np.sign(words) * ndtri(np.abs(words.astype(np.float64)) * 2.0**-64)
    numbers = NormalBuffers(len(words)).normal(words.view(np.uint64))
    assert np.abs(numbers - exact).max() < 1e-6 * np.abs(exact).max()
    assert numbers.max() > 8


@pytest.mark.parametrize("word", [0, 1, -1, 2**62, 2**63 - 1, -(2**63), 12_345, -(2**40)])
def test_one_word_gives_what_an_array_gives(word: int) -> None:
    words = np.array([word], np.int64).view(np.uint64)
    number = NormalBuffers(1).normal(words)[0]
    assert number == normal_of(word)
    assert abs(number) < 9.2


def test_uniform_numbers_are_even() -> None:
    numbers = KeyedNoise(0, 1).uniform(along, still)
    assert stats.kstest(numbers, "uniform").pvalue > 0.001
    assert 0 < numbers.min() < numbers.max() < 1


def test_numbers_are_the_same_on_every_machine() -> None:
    # Saved dies go on with the numbers they began with: these three never change.
    numbers = KeyedNoise(0, 1).normal(np.array([0, 1, 4095]), np.array([0, 0, 12_345]))
    assert numbers == pytest.approx([-0.5714202210869872, 2.1814356093166754, -1.4713137938738787], rel=1e-12)
