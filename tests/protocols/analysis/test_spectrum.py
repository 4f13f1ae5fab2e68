from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import ParameterError
from protocols.analysis.spectrum import fit_spectrum, power_density
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.noise.flicker import SAMPLE_TIME, corner_frequency
from sim_backend.validation.pulses import all_cells, noise_of, place


def coloured(chance: np.random.Generator, count: int, white: float, flicker: float, exponent: float) -> np.ndarray:
    """Return a series, 1 s apart, of density white + flicker / f^exponent: an eighth of a periodic one."""
    length = 8 * count
    frequency = np.fft.rfftfreq(length)[1:]
    size = np.sqrt((white + flicker * frequency**-exponent) * length / 4)
    parts = size * (chance.normal(size=len(frequency)) + 1j * chance.normal(size=len(frequency)))
    parts[-1] = parts[-1].real * math.sqrt(2)
    return np.fft.irfft(np.concatenate([[0], parts]), length)[3 * count : 4 * count]


def twin_reads(cells: int, reads: int, samples: int) -> np.ndarray:
    """Return back-to-back reads (S) of cells at the middle level, shape (cells, reads)."""
    die = Die("spectrum", 1, cells, device_named("ru-azo", 5.9e-3), 11, noise_of("read", "flicker"))
    place(die, 8000)
    series = np.empty((cells, reads))
    for number in range(reads):
        die.time = 1000 + (number + 1) * samples * SAMPLE_TIME
        series[:, number] = die.sample_noise(all_cells(die), 0.2, samples, samples * SAMPLE_TIME).reshape(-1) / 0.2
    return series


def test_the_twins_corner_is_found_within_a_factor_of_two() -> None:
    # 16 cells alike: of 4,096 reads of 32 samples, all of 60 were within; of 16, none is to fail.
    wanted = corner_frequency(device_named("ru-azo", 5.9e-3).profile.noise)
    for series in twin_reads(16, 4096, 32):
        fit = fit_spectrum(series, 32 * SAMPLE_TIME)
        assert fit is not None
        assert fit.corner is not None
        assert wanted / 2 < fit.corner < wanted * 2


def test_white_level_exponent_and_corner_are_found_with_the_errors_stated() -> None:
    chance = np.random.default_rng(5)
    fits = [fit_spectrum(coloured(chance, 4096, 2.0, 0.02, 1.2), 1.0) for _ in range(60)]
    found = [fit for fit in fits if fit is not None and fit.corner is not None]
    assert len(found) == 60
    corner = (0.02 / 2.0) ** (1 / 1.2)
    pulls = [math.log((fit.corner or 0) / corner) / fit.corner_sigma for fit in found]
    slopes = [(fit.exponent - 1.2) / fit.exponent_sigma for fit in found]
    levels = [(fit.white / 2.0 - 1) / fit.white_sigma for fit in found]
    # 60 pulls: the mean is known to 0.13, the deviation to 0.09; four of each.
    for values in (pulls, slopes, levels):
        assert np.mean(values) == pytest.approx(0, abs=0.55)
        assert np.std(values) == pytest.approx(1, abs=0.4)
    assert np.median([fit.corner or 0 for fit in found]) == pytest.approx(corner, rel=0.25)


def test_white_noise_has_a_corner_in_less_than_one_series_of_a_hundred() -> None:
    # 160 series at 1 %: more than 7 happen with probability 3e-4.
    chance = np.random.default_rng(6)
    free = [fit_spectrum(chance.normal(size=256), 1.0) for _ in range(60)]
    given = [fit_spectrum(chance.normal(size=1024), 1.0, exponent=1.0) for _ in range(100)]
    assert sum(fit is None or fit.corner is not None for fit in free + given) <= 7


def test_series_are_pooled() -> None:
    chance = np.random.default_rng(7)
    series = np.array([coloured(chance, 512, 1.0, 0.03, 1.0) for _ in range(16)])
    one, all_of_them = fit_spectrum(series[0], 1.0), fit_spectrum(series, 1.0)
    assert one is not None
    assert all_of_them is not None
    assert all_of_them.corner == pytest.approx(0.03, rel=0.4)
    assert all_of_them.corner_sigma < one.corner_sigma


def test_the_unit_and_the_spacing_scale_as_they_should() -> None:
    series = coloured(np.random.default_rng(8), 2048, 1.0, 0.02, 1.0)
    plain, scaled = fit_spectrum(series, 1.0), fit_spectrum(1e-9 * series, 1e-3)
    assert plain is not None
    assert scaled is not None
    assert scaled.white == pytest.approx(1e-21 * plain.white, rel=1e-3)
    assert scaled.corner == pytest.approx(1e3 * (plain.corner or 0), rel=1e-2)
    assert scaled.density([scaled.corner or 1.0])[0] == pytest.approx(2 * scaled.white, rel=1e-6)


def test_a_readers_own_noise_is_taken_off_the_corner() -> None:
    fit = fit_spectrum(coloured(np.random.default_rng(9), 8192, 2.0, 0.02, 1.0), 1.0, exponent=1.0)
    assert fit is not None
    assert fit.corner_without(fit.white / 2) == pytest.approx(2 * (fit.corner or 0))
    assert fit.corner_without(2 * fit.white) is None


def test_the_density_of_white_noise_is_twice_its_variance_times_the_spacing() -> None:
    found = power_density(np.random.default_rng(10).normal(0, 3e-9, 16_384), 5e-6)
    assert found is not None
    # 8 segments' worth and more at each of 1,024 frequencies: their mean is known to 1 %.
    assert found.density.mean() == pytest.approx(2 * 9e-18 * 5e-6, rel=0.05)
    assert found.frequency[-1] == pytest.approx(1e5)
    assert found.segments == 15


@pytest.mark.parametrize("series", [[], [1.0] * 63, [1.0] * 64, [1.0] * 64 + [math.nan], [[1.0] * 64, list(range(64))]])
def test_series_that_are_short_constant_or_have_gaps_are_not_fitted(series: list[float]) -> None:
    assert fit_spectrum(series, 1.0) is None


def test_what_makes_no_sense_is_refused() -> None:
    series = np.random.default_rng(1).normal(size=64)
    for call in (
        lambda: fit_spectrum(series, 0.0),
        lambda: fit_spectrum(series, 1.0, exponent=3.0),
        lambda: fit_spectrum([[1.0, 2.0], [1.0]], 1.0),
        lambda: fit_spectrum(np.zeros((2, 2, 2)), 1.0),
        lambda: power_density(series, math.nan),
        lambda: power_density(series, 1.0, segment=65),
    ):
        with pytest.raises(ParameterError):
            call()
    assert power_density([1.0] * 10, 1.0) is None


def test_a_falling_line_does_not_break_the_fit() -> None:
    fit = fit_spectrum(np.linspace(1.0, 0.0, 256), 1.0)
    assert fit is not None
    assert math.isfinite(fit.white)
