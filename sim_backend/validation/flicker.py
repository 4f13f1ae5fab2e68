"""1/f noise: its size, its spectrum, and where averaging stops helping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares

from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from sim_backend.die import Die
from sim_backend.noise.flicker import SAMPLE_TIME, corner_frequency
from sim_backend.validation.pulses import all_cells, noise_of, place
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import OURS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import DeviceModel

    Array = NDArray[np.float64]

SAMPLES = 64
"""Samples of each read of a series: with them the white part is as large as the whole 1/f part."""
LONG = 4096
"""Samples of a read that is long enough to be all 1/f noise."""
SHARE = 0.125
"""Deviation of the 1/f part, in white deviations of one sample."""
_START = 1000.0
"""When series begin, in s."""


@dataclass(frozen=True, slots=True, eq=False)
class FlickerFigures:
    """Noise of back-to-back reads; densities and deviations are relative to one sample's white deviation.

    Args:
        frequency: Hz, shape (n,).
        density: one-sided power density (1/Hz), shape (n,).
        fitted: white part plus 1/f part, at the frequencies.
        exponent: of the frequency in the latter.
        corner: frequency (Hz) at which both parts are equal.
        corner_wanted: what the profile's sizes amount to (Hz).
        times: of averages (s), shape (m,).
        allan: Allan deviations of averages over them, shape (m,).
        share: standard deviation of the 1/f part alone.
        left: standard deviation of the mean of 4,096 samples.
    """

    frequency: Array
    density: Array
    fitted: Array
    exponent: float
    corner: float
    corner_wanted: float
    times: Array
    allan: Array
    share: float
    left: float


def measure_flicker(model: DeviceModel, seed: int, reads: int, cells: int) -> FlickerFigures:
    """Read cells of the middle level back to back.

    Args:
        model: of the cells.
        seed: of the dies.
        reads: of 64 samples, in each series; a power of 2.
        cells: series taken at once; 64 times as many for the deviations.
    """
    white = model.profile.noise.read + model.profile.noise.read_slope * _middle(model)
    die = _die(model, seed, cells, ("read", "flicker"))
    series = np.empty((reads, cells))
    spacing = SAMPLES * SAMPLE_TIME
    for number in range(reads):
        die.time = _START + (number + 1) * spacing
        series[number] = die.sample_noise(all_cells(die), REFERENCE_VOLTAGE, SAMPLES, spacing)
    series /= REFERENCE_VOLTAGE * white
    frequency, density = _spectrum(series, spacing)
    exponent, corner, fitted = _parts(frequency, density)
    times, allan = _allan(series, spacing)
    alone, both = (_die(model, seed + 1, 64 * cells, kinds) for kinds in (("flicker",), ("read", "flicker")))
    return FlickerFigures(
        frequency, density, fitted, exponent, corner, corner_frequency(model.profile.noise), times, allan,
        share=_deviation(alone, 1) / white,
        left=_deviation(both, LONG) / white,
    )  # fmt: skip


def flicker_rows(found: FlickerFigures) -> list[Row]:
    """Return the figures of the 1/f part; no source gives any, so its targets are this project's own."""
    return [
        Row("1/f noise, standard deviation", found.share, "", "0.125 of one sample's white noise, within 5 %",
            abs(found.share / SHARE - 1) <= 0.05, OURS),
        Row("1/f noise, exponent of the frequency", found.exponent, "", "-1, within 0.1",
            abs(found.exponent + 1) <= 0.1, OURS),
        Row("1/f noise, corner frequency", found.corner, "Hz", f"{found.corner_wanted:.1f} Hz, within 15 %",
            abs(found.corner / found.corner_wanted - 1) <= 0.15, OURS, "where it equals the white noise"),
        Row(f"noise left in the mean of {LONG} samples", found.left, "", "at least 0.0625 of one sample's",
            found.left >= SHARE / 2, OURS, f"averaging stops helping: white noise alone would leave {LONG**-0.5:.4f}"),
    ]  # fmt: skip


def _middle(model: DeviceModel) -> float:
    states = model.erased(1)
    states[0] = (LEVELS - 1) / 2
    return float(model.conductance(states)[0])


def _die(model: DeviceModel, seed: int, cells: int, kinds: tuple[str, ...]) -> Die:
    side = next(side for side in range(round(cells**0.5), 0, -1) if cells % side == 0)
    die = Die("validation", side, cells // side, model, seed, noise_of(*kinds))
    place(die, (LEVELS - 1) / 2)
    return die


def _deviation(die: Die, samples: int) -> float:
    """Return the standard deviation (S) over a die's cells of the mean of that many samples."""
    die.time = _START
    noise = die.sample_noise(all_cells(die), REFERENCE_VOLTAGE, samples, samples * SAMPLE_TIME)
    return float(noise.std()) / REFERENCE_VOLTAGE


def _spectrum(series: Array, spacing: float) -> tuple[Array, Array]:
    """Return frequencies (Hz), a third of an octave apart, and the mean density (1/Hz) of series, one a column."""
    window = np.hanning(len(series))[:, None]
    power = np.abs(np.fft.rfft((series - series.mean(axis=0)) * window, axis=0)) ** 2
    density = (2 * spacing / (window**2).sum() * power).mean(axis=1)
    frequency = np.fft.rfftfreq(len(series), spacing)
    # The lowest three are the window's, the uppermost part is bent by aliasing.
    used = slice(3, int(0.8 * len(frequency)))
    frequency, density = frequency[used], density[used]
    third = np.floor(3 * np.log2(frequency / frequency[0]) + 1e-9)
    groups = [third == number for number in np.unique(third)]
    return (
        np.array([np.exp(np.log(frequency[group]).mean()) for group in groups]),
        np.array([density[group].mean() for group in groups]),
    )


def _parts(frequency: Array, density: Array) -> tuple[float, float, Array]:
    """Fit a white and a 1/f part; return the latter's exponent, the frequency (Hz) of equality and the fit."""

    def fit(parameters: Array) -> Array:
        white, corner, exponent = parameters
        return np.exp(white) * (1 + (frequency / np.exp(corner)) ** exponent)

    start = np.array([np.log(density.min()), np.log(np.median(frequency)), -1.0])
    found = least_squares(lambda parameters: np.log(fit(parameters) / density), start).x
    return float(found[2]), float(np.exp(found[1])), fit(found)


def _allan(series: Array, spacing: float) -> tuple[Array, Array]:
    """Return times (s) and Allan deviations of series, one a column."""
    times: list[float] = []
    deviations: list[float] = []
    averages = series
    while len(averages) >= 8:
        times.append(spacing * len(series) / len(averages))
        deviations.append(float(np.sqrt((np.diff(averages, axis=0) ** 2).mean() / 2)))
        averages = (averages[0::2] + averages[1::2]) / 2
    return np.array(times), np.array(deviations)
