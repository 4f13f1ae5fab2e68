from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import ParameterError
from protocols.analysis.allan import allan_deviation
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.noise.flicker import SAMPLE_TIME, corner_frequency
from sim_backend.validation.pulses import all_cells, noise_of, place


def test_white_noise_falls_with_the_root_of_the_averages_within_its_intervals() -> None:
    # 9 octaves of 200 series at 95 %: the share outside is below 8 % for each octave, four standard errors above 2.5 %
    # of either side; intervals that allow for 1/f noise are a little wide.
    chance = np.random.default_rng(1)
    found = [allan_deviation(chance.normal(0, 2.0, 1024)) for _ in range(200)]
    inside = np.mean(
        [
            (each.low <= 2 / np.sqrt(each.averages)) & (each.high >= 2 / np.sqrt(each.averages))
            for each in found
            if each is not None
        ],
        axis=0,
    )
    assert len(inside) == 9
    assert inside.min() >= 0.89
    # A floor is called in fewer than 1 in 20: more than 20 of 200 happen with probability 2e-3 at 5 %.
    assert sum(each is None or each.useful is not None for each in found) <= 20
    assert sum(each is None or each.rises for each in found) <= 6


def test_the_definition_on_a_short_series() -> None:
    series = np.random.default_rng(2).normal(size=16)
    found = allan_deviation(series)
    assert found is not None
    assert found.averages.tolist() == [1, 2, 4]
    for m, deviation in zip(found.averages.tolist(), found.deviation.tolist(), strict=True):
        means = np.convolve(series, np.ones(m) / m, "valid")
        assert deviation == pytest.approx(math.sqrt(np.mean((means[m:] - means[:-m]) ** 2) / 2), rel=1e-9)


def test_drift_rises_and_is_no_floor() -> None:
    series = np.random.default_rng(3).normal(size=1024) + 0.01 * np.arange(1024)
    found = allan_deviation(series)
    assert found is not None
    assert found.rises
    assert found.best in (8, 16, 32, 64)
    assert found.useful is None


def test_the_twins_averaging_stops_helping_where_its_noise_says() -> None:
    # White sigma^2 / m meets the floor 2 ln 2 h of S = h / f, in units of a sample's: h = corner * 2 * SAMPLE_TIME.
    model = device_named("ru-azo", 5.9e-3)
    wanted = 1 / (2 * math.log(2) * corner_frequency(model.profile.noise) * 2 * SAMPLE_TIME)
    die = Die("allan", 1, 12, model, 4, noise_of("read", "flicker"))
    place(die, 8000)
    reads = np.empty((12, 4096))
    for number in range(4096):
        die.time = 1000 + (number + 1) * 16 * SAMPLE_TIME
        reads[:, number] = die.sample_noise(all_cells(die), 0.2, 16, 16 * SAMPLE_TIME).reshape(-1)
    useful = [each.useful for each in map(allan_deviation, reads) if each is not None and each.useful is not None]
    assert len(useful) == 12
    assert 16 * float(np.median(useful)) == pytest.approx(wanted, rel=0.4)
    assert all(wanted / 2.5 < 16 * each < 2.5 * wanted for each in useful)


@pytest.mark.parametrize("series", [[], [1.0] * 15, [1.0] * 64, [1.0] * 64 + [math.nan]])
def test_series_that_are_short_constant_or_have_gaps_have_none(series: list[float]) -> None:
    assert allan_deviation(series) is None


def test_a_series_that_alternates_does_not_break_it() -> None:
    found = allan_deviation([0.0, 1.0] * 32)
    assert found is not None
    assert found.least == pytest.approx(0)
    with pytest.raises(ParameterError):
        allan_deviation([1.0, 2.0] * 32, confidence=1.0)
