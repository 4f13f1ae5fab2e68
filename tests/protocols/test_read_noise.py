from __future__ import annotations

import numpy as np
import pytest

from protocols.read_noise import ReadNoise


def surveyed(*places: tuple[float, float]) -> ReadNoise:
    noise = ReadNoise(samples=16, spacing=1000.0)
    chance = np.random.default_rng(3)
    for state, sigma in places:
        noise.survey([float(value) for value in chance.normal(state, sigma, 4000)])
    return noise


def test_noise_is_interpolated_between_surveys_and_held_beyond() -> None:
    noise = surveyed((10_000.0, 0.2), (0.0, 0.1))
    assert noise.variance(5000.0, 16) == pytest.approx(0.15**2, rel=0.1)
    assert noise.variance(-500.0, 16) == pytest.approx(0.1**2, rel=0.1)
    assert noise.variance(0.0, 64) == pytest.approx(0.05**2, rel=0.1)


def test_a_survey_serves_its_neighbourhood() -> None:
    noise = surveyed((0.0, 0.1))
    assert noise.knows(999.0)
    assert not noise.knows(1002.0)


def test_noisier_states_get_more_samples_within_bounds() -> None:
    noise = surveyed((0.0, 0.02), (10_000.0, 0.1))
    few, many = noise.samples_for(0.0, 0.083, 64), noise.samples_for(10_000.0, 0.083, 64)
    assert few == 4
    assert many == pytest.approx(16 * (0.1 / 0.083) ** 2, rel=0.15)
    assert noise.samples_for(10_000.0, 0.001, 64) == 64
