from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import ParameterError
from protocols.analysis.hidden_states import fit_two_states
from protocols.analysis.telegraph import FALSE_POSITIVES, find_telegraph


def gaussian(chance: np.random.Generator, count: int, flicker: float, exponent: float = 1.0) -> np.ndarray:
    """Return normal noise of density 2 + flicker / f^exponent; an eighth of a periodic one."""
    length = 8 * count
    frequency = np.fft.rfftfreq(length)[1:]
    size = np.sqrt((2 + flicker * frequency**-exponent) * length / 4)
    parts = size * (chance.normal(size=len(frequency)) + 1j * chance.normal(size=len(frequency)))
    return np.fft.irfft(np.concatenate([[0], parts]), length)[3 * count : 4 * count]


def switching(chance: np.random.Generator, count: int, low: float, high: float) -> np.ndarray:
    """Return 0 and 1 with mean dwells of `low` and `high` readings."""
    dwells = np.maximum(1, np.round(chance.exponential([low, high], (count, 2)))).astype(int).reshape(-1)
    return np.repeat(np.tile([0.0, 1.0], count), dwells)[:count]


@pytest.mark.parametrize(("flicker", "exponent"), [(0.0, 1.0), (0.2, 1.0), (0.02, 1.5)])
def test_noise_without_levels_is_called_telegraph_noise_as_rarely_as_stated(flicker: float, exponent: float) -> None:
    # 1 %: more than 4 of 60 happen with probability 4e-4.
    assert pytest.approx(0.01) == FALSE_POSITIVES
    chance = np.random.default_rng(1)
    found = [find_telegraph(gaussian(chance, 256, flicker, exponent), 1.0, seed) for seed in range(60)]
    assert sum(each is None or each.found for each in found) <= 4


@pytest.mark.parametrize(("amplitude", "low", "high"), [(3.0, 10, 10), (2.0, 20, 20), (3.0, 50, 10)])
def test_levels_and_dwell_times_are_found(amplitude: float, low: float, high: float) -> None:
    chance = np.random.default_rng(2)
    for seed in range(4):
        trace = 5 + amplitude * switching(chance, 2048, low, high) + gaussian(chance, 2048, 0.004)
        found = find_telegraph(trace, 1e-3, seed)
        assert found is not None
        assert found.found
        assert found.amplitude == pytest.approx(amplitude, rel=0.1)
        assert found.low == pytest.approx(5, abs=0.3)
        assert found.noise == pytest.approx(1, abs=0.1)
        # Rounded dwells last half a reading longer or less; four deviations of what the departures allow.
        assert found.dwell_low == pytest.approx(low * 1e-3, rel=4 * found.dwell_sigma + 0.05)
        assert found.dwell_high == pytest.approx(high * 1e-3, rel=4 * found.dwell_sigma + 0.05)


def test_levels_beneath_the_noise_are_found_if_they_last() -> None:
    chance = np.random.default_rng(3)
    found = [
        find_telegraph(1.2 * switching(chance, 4096, 20, 20) + gaussian(chance, 4096, 0), 1.0, seed)
        for seed in range(2)
    ]
    seen = [each for each in found if each is not None and each.found]
    assert len(seen) >= 2
    assert all(each.amplitude == pytest.approx(1.2, abs=0.15) for each in seen)


def test_levels_without_any_noise_are_found() -> None:
    trace = switching(np.random.default_rng(4), 512, 8, 8)
    found = find_telegraph(trace, 1.0)
    assert found is not None
    assert found.found
    assert found.amplitude == pytest.approx(1, abs=1e-2)
    assert found.switches == int(np.abs(np.diff(trace)).sum())


def test_the_same_trace_and_seed_give_the_same_answer() -> None:
    trace = gaussian(np.random.default_rng(5), 256, 0.1)
    assert find_telegraph(trace, 1.0, 7) == find_telegraph(trace, 1.0, 7)


def test_a_drift_an_outlier_and_a_sine_are_no_telegraph_noise() -> None:
    noise = np.random.default_rng(6).normal(size=512)
    drift = noise + np.linspace(0, 20, 512)
    outlier = noise.copy()
    outlier[100] += 30
    for trace in (drift, outlier, np.linspace(0, 1, 512)):
        found = find_telegraph(trace, 1.0)
        assert found is not None
        assert not found.found
        assert found.amplitude == 0


def test_the_hidden_states_of_a_clean_trace_are_read_off() -> None:
    trace = np.array([0.0] * 30 + [2.0] * 10 + [0.0] * 30 + [2.0] * 30) + 0.01 * np.sin(np.arange(100))
    states = fit_two_states(trace)
    assert (states.low, states.high) == pytest.approx((0, 2), abs=0.01)
    assert states.switches == 3
    assert states.share_high == pytest.approx(0.4, abs=0.01)
    # Two departures from 60 readings below, one from the 39 above that a reading follows.
    assert states.leave_low == pytest.approx(2 / 60, rel=0.05)
    assert states.leave_high == pytest.approx(1 / 39, rel=0.05)


@pytest.mark.parametrize("series", [[], [1.0] * 127, [1.0] * 200, [1.0] * 200 + [math.nan]])
def test_traces_that_are_short_constant_or_have_gaps_show_nothing(series: list[float]) -> None:
    assert find_telegraph(series, 1.0) is None


def test_a_spacing_of_zero_is_refused() -> None:
    with pytest.raises(ParameterError):
        find_telegraph([1.0] * 200, 0.0)
