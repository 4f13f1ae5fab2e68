"""1/f noise: its spectrum, its Allan deviation, where it meets the white noise, and that any time can be looked up."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import signal, stats

from sim_backend.noise.flicker import SAMPLE_TIME, Flicker, corner_frequency, octaves
from sim_backend.noise.keyed import KeyedNoise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim_backend.device_models.base_profile import NoiseProfile

    Sizes = Callable[..., NoiseProfile]

CELLS = 16
OPERATIONS = 1 << 15
DURATION = 80e-6


def record(flicker: Flicker, duration: float, cells: int = CELLS, operations: int = OPERATIONS) -> NDArray[np.float64]:
    """Return what operations one after the other see, far from the beginning of time: shape (cells, operations)."""
    ends: NDArray[np.float64] = 5e3 + duration * np.arange(1.0, operations + 1)
    numbers = np.arange(operations)
    return np.array([flicker.mean(np.full(operations, cell), numbers, ends, duration) for cell in range(cells)])


@pytest.fixture(scope="module")
def spectrum(packaged: NoiseProfile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies (Hz) and mean one-sided power spectral density (1/Hz) of 16 cells, total variance 1."""
    flicker = Flicker(11, CELLS, packaged)
    return signal.welch(record(flicker, DURATION), 1 / DURATION, nperseg=OPERATIONS, axis=1, detrend="constant")


def in_bins(
    spectrum: tuple[NDArray[np.float64], NDArray[np.float64]], low: float, high: float, bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean frequency and mean density of bins of equal ratio."""
    frequency, density = spectrum[0], spectrum[1].mean(axis=0)
    edges = np.geomspace(low, high, bins + 1)
    chosen = [(frequency >= a) & (frequency < b) for a, b in pairwise(edges)]
    return (
        np.array([np.exp(np.log(frequency[c]).mean()) for c in chosen]),
        np.array([density[c].mean() for c in chosen]),
    )


def test_the_density_falls_as_the_frequency_over_three_decades(
    spectrum: tuple[NDArray[np.float64], NDArray[np.float64]], packaged: NoiseProfile
) -> None:
    frequency, density = in_bins(spectrum, 3.0, 3000.0, 12)
    slope = float(np.polyfit(np.log(frequency), np.log(density), 1)[0])
    assert slope == pytest.approx(-1, rel=0.1)
    # No decade of its own falls otherwise, and the size is that of the formula.
    for part in (slice(0, 5), slice(4, 9), slice(7, 12)):
        assert np.polyfit(np.log(frequency[part]), np.log(density[part]), 1)[0] == pytest.approx(-1, rel=0.2)
    expected = 1 / (octaves(packaged) * math.log(2) * frequency)
    assert np.mean(density / expected) == pytest.approx(1, rel=0.1)


def test_the_corner_is_where_it_meets_the_white_noise(
    spectrum: tuple[NDArray[np.float64], NDArray[np.float64]], packaged: NoiseProfile
) -> None:
    corner = corner_frequency(packaged)
    assert corner == pytest.approx(0.125**2 / (31 * math.log(2) * 1e-5), rel=1e-9)
    density = in_bins(spectrum, corner / 2, corner * 2, 1)[1][0] * packaged.flicker_share**2
    white = 2 * SAMPLE_TIME  # of samples of variance 1
    # Over two octaves around the corner the mean of 1/f is 0.924 times its value in the middle.
    assert density / white == pytest.approx(math.log(4) / 1.5, rel=0.15)


def allan(series: NDArray[np.float64], group: int) -> float:
    """Return the Allan deviation of series, shape (cells, n), for means of `group` of their values."""
    count = series.shape[1] // group
    means: NDArray[np.float64] = np.mean(series[:, : count * group].reshape(len(series), count, group), axis=2)
    return float(np.sqrt(np.mean(np.square(means[:, 1:] - means[:, :-1])) / 2))


def test_averaging_stops_helping(packaged: NoiseProfile) -> None:
    operations, samples = 1 << 14, 64
    flicker = record(Flicker(3, 64, packaged), samples * SAMPLE_TIME, 32, operations)
    numbers = np.arange(operations)
    white = KeyedNoise(3, 1, 64).normal(np.arange(32)[:, None], numbers) / math.sqrt(samples)
    read = white + packaged.flicker_share * flicker
    floor = packaged.flicker_share * math.sqrt(2 / octaves(packaged))  # of 1/f noise, at any time
    assert allan(read, 1) == pytest.approx(math.hypot(1 / 8, floor), rel=0.05)
    for group in (64, 128, 256, 512):
        expected = math.hypot(1 / math.sqrt(samples * group), floor)
        assert allan(read, group) == pytest.approx(expected, rel=0.12)
    # White noise alone would have fallen by a factor of 2.8 between these two.
    assert allan(read, 512) > 0.85 * allan(read, 64)
    assert allan(white, 512) < 0.45 * allan(white, 64)


def test_the_variance_of_an_instant_is_one(sizes: Sizes) -> None:
    flicker = Flicker(0, 20_000, sizes(flicker_share=0.125))
    cells, numbers = np.arange(20_000), np.zeros(20_000, np.int64)
    for end in (0.0, 1e-3, 77.0, 3e8):
        values = flicker.mean(cells, numbers, end, 0.0)
        assert values.var() == pytest.approx(1, abs=4 * math.sqrt(2 / 20_000))
        assert stats.kstest(values, "norm").pvalue > 0.001


@pytest.mark.parametrize("duration", [1e-6, 5e-6, 80e-6, 1e-2, 7.0, 1e5])
def test_operations_average_short_octaves_down(duration: float, sizes: Sizes) -> None:
    cells = 20_000
    flicker = Flicker(1, cells, sizes(flicker_longest=10.0))
    values = flicker.mean(np.arange(cells), np.zeros(cells, np.int64), 2e5, duration)
    lengths = 5e-6 * 2.0 ** np.arange(21)
    long = lengths >= duration
    variance = np.where(long, 1 - duration / lengths / 3, lengths / duration - (lengths / duration) ** 2 / 3).mean()
    assert values.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / cells))


def test_two_operations_see_the_same_octaves_as_one_over_both(sizes: Sizes) -> None:
    # Octaves longer than both are averaged exactly: no time is seen twice, none is left out.
    cells, none = np.arange(500), np.zeros(500, np.int64)
    flicker = Flicker(2, 500, sizes(flicker_shortest=1e-3, flicker_longest=1.0))
    whole = flicker.mean(cells, none, 5.0006, 0.9e-3)
    parts = [flicker.mean(cells, none, end, 0.3e-3) for end in (5.0, 5.0003, 5.0006)]
    assert np.mean(parts, axis=0) == pytest.approx(whole, abs=1e-9)


def test_any_order_alone_and_in_company_gives_the_same(sizes: Sizes) -> None:
    rng = np.random.default_rng(0)
    ends, cells, numbers = rng.uniform(0, 2e4, 300), rng.integers(0, 50, 300), rng.integers(0, 999, 300)
    ends[:150] = 12.0 + 1e-4 * rng.integers(0, 40, 150)  # neighbours in time, too: most octaves unchanged
    cells[:150] = 3
    together = Flicker(9, 50, sizes()).mean(cells, numbers, ends, 80e-6)
    flicker = Flicker(9, 50, sizes())
    for place in rng.permutation(300):
        one = slice(place, place + 1)
        alone = flicker.mean(cells[one], numbers[one], float(ends[place]), 80e-6)
        assert alone[0] == pytest.approx(together[place], abs=1e-12)


def test_a_whole_large_array_is_looked_up_in_pieces(sizes: Sizes) -> None:
    cells = np.arange(10_000)
    flicker = Flicker(4, 10_000, sizes())
    whole = flicker.mean(cells, cells, 3.0, 80e-6)
    assert np.array_equal(flicker.mean(cells[9_000:], cells[9_000:], 3.0, 80e-6), whole[9_000:])
