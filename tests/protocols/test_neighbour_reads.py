"""Two neighbouring levels: reads with known noise and distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from protocols.analysis.level_errors import misread_probability
from protocols.neighbour_reads import Neighbours, compare, reads_move

if TYPE_CHECKING:
    from numpy.typing import NDArray


def reads(
    seed: int, distance: float, sigma: float = 1.0, count: int = 8192, long: int = 1024
) -> list[NDArray[np.float64]]:
    chance = np.random.default_rng(seed)
    return [
        mean + size * chance.standard_normal(number)
        for number, size in ((count, sigma), (long, sigma / 8))
        for mean in (10.0, 10.0 + distance)
    ]


def compared(series: list[NDArray[np.float64]], confidence: float = 0.95) -> Neighbours | None:
    lower, upper, long_lower, long_upper = series
    return compare(lower, upper, long_lower, long_upper, 64, 70e-6, confidence)


def test_distance_noise_and_misreads_are_those_of_the_reads() -> None:
    series = reads(1, 2.0)
    found = compared(series, 0.99)
    assert found is not None
    assert abs(found.distance - 2.0) < 4 * found.distance_error < 0.05
    assert found.sigma == pytest.approx(1.0, rel=0.02)
    assert found.flicker == 0
    assert found.floor(3600.0) == 0
    for one in found.judged:
        assert one.measured.low <= one.expected <= one.measured.high
    assert found.judged[0].expected == pytest.approx(
        misread_probability(float(series[1].mean() - series[0].mean()), found.sigma, 1, 0.0, 1)
    )
    assert [one.samples for one in found.judged] == [2**k for k in range(10)]


def test_samples_needed_follow_from_noise_and_distance() -> None:
    found = compared(reads(2, 1.0))
    assert found is not None
    needed = found.samples_needed(1e-3, 1.0, 3600.0)
    assert needed is not None
    assert misread_probability(1.0, found.sigma, needed) <= 1e-3 < misread_probability(1.0, found.sigma, needed - 1)


def test_noise_that_no_averaging_removes_sets_an_end() -> None:
    chance = np.random.default_rng(3)
    white = reads(3, 1.0)
    frequency = np.fft.rfftfreq(1024, 700e-6)[1:]
    for index in (2, 3):
        parts = np.sqrt(1e-3 / frequency * 1024 / 700e-6 / 4)
        spectrum = parts * (chance.standard_normal(512) + 1j * chance.standard_normal(512))
        white[index] = white[index] + np.fft.irfft(np.concatenate([[0], spectrum]), 1024)
    found = compared(white)
    assert found is not None
    assert found.flicker == pytest.approx(1e-3, rel=0.5)
    assert found.floor(3600.0) > found.floor(1.0) > 0
    assert found.samples_needed(1e-6, 0.1, 3600.0) is None
    assert found.sigma_of(10**9, 3600.0) == pytest.approx(found.sigma * found.floor(3600.0) ** 0.5, rel=1e-3)


def test_too_few_reads_tell_nothing_and_levels_in_the_wrong_order_are_not_judged() -> None:
    few = reads(4, 1.0, count=63)
    assert compared(few) is None
    swapped = compared(reads(4, -1.0))
    assert swapped is not None
    assert swapped.judged == ()
    assert compared([*reads(4, 1.0)[:2], np.empty(0), np.empty(0)]) is not None


def test_reads_that_move_a_cell_are_noticed() -> None:
    chance = np.random.default_rng(5)
    noise = chance.standard_normal(512)
    assert reads_move(noise + 0.1 * np.arange(512))
    assert not reads_move(noise)
    assert not reads_move([])
