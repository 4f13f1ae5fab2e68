from __future__ import annotations

import math

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
    noise = surveyed((1000.0, 0.2), (0.0, 0.1))
    assert noise.variance(500.0, 16) == pytest.approx(0.15**2, rel=0.1)
    assert noise.variance(-500.0, 16) == pytest.approx(0.1**2, rel=0.1)


def test_averaging_helps_down_to_a_floor() -> None:
    noise = surveyed((0.0, 0.1))
    white = 0.1**2 / (1 / 16 + 1 / 64)
    assert noise.variance(0.0, 4) == pytest.approx(white * (1 / 4 + 1 / 64), rel=0.1)
    assert noise.variance(0.0, 10**6) == pytest.approx(white / 64, rel=0.1)
    assert noise.floor(0.0) == pytest.approx(white / 64, rel=0.1)


def test_reads_far_from_any_survey_are_trusted_less() -> None:
    noise = surveyed((0.0, 0.1))
    assert noise.variance(1100.0, 16) > 5 * noise.variance(900.0, 16)


def test_errors_are_as_large_as_the_noise_promises_though_it_was_learned_from_few_reads() -> None:
    chance = np.random.default_rng(7)
    ratios: list[float] = []
    for _ in range(4000):
        noise = ReadNoise(samples=8, spacing=1000.0)
        noise.survey([float(value) for value in chance.normal(0.0, 0.1, 16)])
        ratios.append(chance.normal(0.0, 0.1) / math.sqrt(noise.variance(0.0, 8)))
    assert np.std(ratios) == pytest.approx(1.0, abs=0.035)


def test_a_survey_serves_its_neighbourhood() -> None:
    noise = surveyed((0.0, 0.1))
    assert noise.knows(999.0)
    assert not noise.knows(1002.0)


def test_noisier_states_get_more_samples_within_bounds() -> None:
    noise = surveyed((0.0, 0.02), (10_000.0, 0.1))
    few, many = noise.samples_for(0.0, 0.083, 64), noise.samples_for(10_000.0, 0.083, 64)
    assert few == 4
    assert many == pytest.approx(1 / (0.083**2 / (0.1**2 / (1 / 16 + 1 / 64)) - 1 / 64), rel=0.15)
    assert noise.samples_for(10_000.0, 0.001, 64) == 64


def test_reads_that_move_the_state_are_told_from_noise() -> None:
    chance = np.random.default_rng(5)
    still, moving = ReadNoise(samples=8, spacing=1000.0), ReadNoise(samples=8, spacing=1000.0)
    state, _ = still.survey([500 + 0.1 * float(chance.normal()) for _ in range(32)])
    assert not still.disturbs
    assert still.worst_drift == still.drift(500.0) == 0.0
    assert state == pytest.approx(500.0, abs=0.1)
    state, variance = moving.survey([500 + 3.0 * step + 0.1 * float(chance.normal()) for step in range(32)])
    assert moving.disturbs
    assert moving.drift(500.0) == moving.worst_drift == pytest.approx(3.0, abs=0.02)
    assert state == pytest.approx(593.0, abs=5 * variance**0.5)
    assert moving.samples_for(500.0, 1e-3, 64) == 8


def test_what_was_surveyed_comes_back() -> None:
    first = surveyed((1000.0, 0.2), (0.0, 0.1))
    second = ReadNoise(samples=16, spacing=1000.0)
    second.recall(first.memory())
    assert second.memory() == first.memory()
    assert second.variance(300.0, 4) == first.variance(300.0, 4)
