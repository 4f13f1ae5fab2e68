"""How noisy reads of an array are, told from halves of reads whose noise is known."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.array_read_noise import ArrayReadNoise

NOISE = 0.4
"""Standard deviation of one sample (levels)."""
TOP, SAMPLES = 16519.0, 16


def halves(rng: np.random.Generator, count: int, shift: float = 0.0) -> np.ndarray:
    """Return how the second halves of reads differ from the first."""
    return shift + NOISE * np.sqrt(4 / SAMPLES) * rng.standard_normal(count)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 64])
def test_a_quiet_film_is_not_taken_for_one_that_reads_disturb(count: int) -> None:
    rng, noise = np.random.default_rng(1), ArrayReadNoise(TOP)
    noise.learn(np.linspace(0, TOP, 64), halves(rng, 64), SAMPLES)
    for _ in range(300):
        noise.learn(rng.uniform(0, TOP, count), halves(rng, count), SAMPLES)
    assert not noise.disturbs


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_few_cells_tell_their_noise_too(count: int) -> None:
    found: list[float] = []
    for seed in range(30):
        rng, noise = np.random.default_rng(seed), ArrayReadNoise(TOP)
        for _ in range(200):
            noise.learn(np.full(count, 8000.0), halves(rng, count), SAMPLES)
        assert not noise.disturbs
        found.append(float(noise.variance(np.array([8000.0]), SAMPLES)[0]))
    expected = NOISE**2 * (1 / SAMPLES + 1 / 64)
    assert np.mean(found) == pytest.approx(expected, rel=0.15)
    assert np.min(found) > expected / 2


@pytest.mark.parametrize(("count", "shift"), [(8, 1.0), (16, 0.5), (64, 0.4)])
def test_a_film_that_reads_disturb_is_told(count: int, shift: float) -> None:
    rng, noise = np.random.default_rng(2), ArrayReadNoise(TOP)
    noise.learn(np.linspace(0, TOP, count), halves(rng, count, shift), SAMPLES)
    assert noise.disturbs
