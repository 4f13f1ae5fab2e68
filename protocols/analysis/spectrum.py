"""Power spectral density of evenly spaced reads, and its white and 1/f parts.

The parts are fitted by Whittle's likelihood: the powers of a series' Fourier components are independent and
exponentially distributed about the density, whatever that is. No smoothing, no logarithm of noisy powers, no choice of
bins is needed, and the uncertainties follow from the likelihood.

A series of averaged reads shows the white noise of the average; where both parts are equal does not depend on how many
samples a read averages, as long as reads follow one another without a gap. With gaps, the axis is the spacing's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.optimize import minimize
from scipy.signal import get_window, welch

from labctl.errors import ParameterError
from protocols.analysis.measured_values import positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

TAPER = 0.2
"""Share of a series that its taper rounds off, half of it at either end: keeps steep spectra from leaking upwards, at a
tenth of the data's worth."""
FIRST = 2
"""First Fourier component used: the taper mixes the mean, which is not noise, into component 1."""
LEAST = 64
"""Fewest reads of a series that a spectrum is fitted to."""
EXPONENTS = (0.3, 2.5)
"""Exponents looked for: below, a power law is hardly told from white noise; above, it is drift."""
FOUND = 7.0
"""Twice the gain in log-likelihood over white noise alone above which a 1/f part counts as found: fewer than 1 in 100
series of white noise exceed it (measured with 256 and 1,024 reads: 1 in 100 exceeds 6.0, or 4.9 with the exponent
given)."""


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """One-sided power spectral density.

    Args:
        frequency: Hz, shape (n,).
        density: square of the readings' unit per Hz, shape (n,).
        segments: how many were averaged, those that overlap by half counted as they are.
    """

    frequency: Array
    density: Array
    segments: int


@dataclass(frozen=True, slots=True)
class SpectrumFit:
    """S(f) = white + flicker / f^exponent, one-sided, fitted to one or more series.

    Args:
        white: density of the white part (unit^2/Hz).
        white_sigma: relative standard deviation of it.
        flicker: density of the 1/f part at 1 Hz (unit^2/Hz).
        exponent: of the frequency.
        exponent_sigma: its standard deviation; 0 if it was given.
        corner: frequency at which both parts are equal (Hz), None if no 1/f part was found.
        corner_sigma: standard deviation of its natural logarithm.
        gain: twice the gain in log-likelihood over white noise alone; above 7 a 1/f part was found.
        lowest: lowest frequency of the data (Hz); a corner below it is an extrapolation.
        highest: highest frequency of the data (Hz).
    """

    white: float
    white_sigma: float
    flicker: float
    exponent: float
    exponent_sigma: float
    corner: float | None
    corner_sigma: float
    gain: float
    lowest: float
    highest: float

    def density(self, frequency: ArrayLike) -> Array:
        """Return the fitted density at `frequency` (Hz, above 0)."""
        return self.white + self.flicker * np.asarray(frequency, np.float64) ** -self.exponent

    def corner_without(self, white: float) -> float | None:
        """Return the corner (Hz) of the cell alone, for a reader whose own white noise has the density `white`.

        None if no 1/f part was found, or the reader's noise is all the white noise there is.
        """
        if self.corner is None or not 0 <= white < self.white:
            return None
        return self.corner * (1 - white / self.white) ** (-1 / self.exponent)


def power_density(series: ArrayLike, spacing: float, segment: int | None = None) -> Density | None:
    """Return the density of evenly spaced readings by Welch's method (Hann window, half overlap, mean removed).

    Args:
        series: readings, shape (n,), or (k, n) for k series of the same kind.
        spacing: s.
        segment: readings in a segment; None: an eighth of a series, to the power of two below.

    Returns:
        None for fewer than 64 readings, or one that is not a number.
    """
    rows = _rows(series)
    positive(spacing, "the spacing")
    if rows is None:
        return None
    length = rows.shape[1]
    size = 1 << (length // 8).bit_length() - 1 if segment is None else segment
    if not 8 <= size <= length:
        raise ParameterError(f"a segment has 8 readings to all {length}, not {size}")
    frequency, density = cast("tuple[Array, Array]", welch(rows, 1 / spacing, "hann", size, axis=-1))
    count = len(rows) * (1 + (length - size) // (size - size // 2))
    return Density(frequency[1:], density.mean(axis=0)[1:], count)


def fit_spectrum(series: ArrayLike, spacing: float, exponent: float | None = None) -> SpectrumFit | None:
    """Fit white noise and a power law to evenly spaced readings.

    Args:
        series: readings, shape (n,), or (k, n) for k independent series of the same kind.
        spacing: s.
        exponent: of the power law; None: it is fitted, too.

    Returns:
        None for fewer than 64 readings, one that is not a number, or readings that are all equal.
    """
    rows = _rows(series)
    positive(spacing, "the spacing")
    if exponent is not None and not EXPONENTS[0] <= exponent <= EXPONENTS[1]:
        raise ParameterError(f"an exponent lies between {EXPONENTS[0]} and {EXPONENTS[1]}, not {exponent:g}")
    if rows is None or bool((np.ptp(rows, axis=1) == 0).any()):
        return None
    frequency, power, worth = _periodogram(rows, spacing)
    scale = float(np.median(power)) or 1.0
    return _Whittle(frequency, power / scale, len(rows), worth).fit(scale, exponent)


def _rows(series: ArrayLike) -> Array | None:
    """Return series of shape (k, n), or None if they are too short or have a gap."""
    try:
        array = np.asarray(series, np.float64)
    except (TypeError, ValueError):
        raise ParameterError("the readings of a series are not all numbers, or series differ in length") from None
    if array.ndim not in (1, 2):
        raise ParameterError(f"series of shape (n,) or (k, n) are wanted, not {array.shape}")
    rows = np.atleast_2d(array)
    return rows if rows.shape[0] and rows.shape[1] >= LEAST and bool(np.isfinite(rows).all()) else None


def _periodogram(rows: Array, spacing: float) -> tuple[Array, Array, float]:
    """Return frequencies (Hz), mean powers there (unit^2/Hz), and the share of the data that they are worth."""
    length = rows.shape[1]
    taper = cast("Array", get_window(("tukey", TAPER), length, fftbins=False))
    square = float(taper @ taper)
    spectra = np.fft.rfft((rows - rows.mean(axis=1, keepdims=True)) * taper, axis=1)
    power = (2 * spacing / square * (spectra.real**2 + spectra.imag**2)).mean(axis=0)
    # The component at half the sampling rate is real: its power has another distribution.
    used = slice(FIRST, (length + 1) // 2)
    frequency = np.arange(len(power)) / (length * spacing)
    return frequency[used], power[used], square**2 / (length * float((taper**4).sum()))


class _Whittle:
    """The likelihood of white + 1/f^a for the mean powers of `count` series.

    Parameters: logarithms of the white density and of the power law's at a frequency in the middle, and its exponent.
    """

    def __init__(self, frequency: Array, power: Array, count: int, worth: float) -> None:
        self._frequency, self._power, self._count, self._worth = frequency, power, count, worth
        self._middle = math.sqrt(float(frequency[0] * frequency[-1]))
        self._log = np.log(frequency / self._middle)

    def _parts(self, parameters: Array) -> tuple[float, Array]:
        white, flicker, exponent = parameters.tolist()
        return math.exp(white), np.exp(flicker - exponent * self._log)

    def _cost(self, parameters: Array) -> tuple[float, Array]:
        """Return the negative logarithm of the likelihood and its slopes."""
        white, flicker = self._parts(parameters)
        total = white + flicker
        ratio = self._power / total
        weight = (1 - ratio) / total
        slopes = np.array([white * weight.sum(), (flicker * weight).sum(), -(flicker * self._log * weight).sum()])
        return self._count * float((np.log(total) + ratio).sum()), self._count * slopes

    def fit(self, scale: float, given: float | None) -> SpectrumFit:
        level = math.log(float(self._power.mean()))
        flat = self._count * len(self._power) * (level + 1)
        exponents = [0.7, 1.0, 1.5, 2.0] if given is None else [given]
        bounds = [(level - 25, level + 5), (level - 25, level + 25), EXPONENTS if given is None else (given, given)]
        starts = [[level - 0.3, level + below, a] for a in exponents for below in (-4.0, -1.0)]
        tries = [minimize(self._cost, np.array(start), jac=True, method="L-BFGS-B", bounds=bounds) for start in starts]
        best = min(tries, key=lambda found: float(found.fun))
        gain = max(0.0, 2 * (flat - float(best.fun)) * self._worth)
        return self._result(np.asarray(best.x, np.float64), gain, scale, given)

    def _result(self, parameters: Array, gain: float, scale: float, given: float | None) -> SpectrumFit:
        covariance = self._covariance(parameters, given is None)
        white, flicker, exponent = parameters.tolist()
        # ln(corner / middle) = (ln flicker - ln white) / exponent
        place = (flicker - white) / exponent
        slopes = np.array([-1.0, 1.0, -place]) / exponent
        sigma = math.sqrt(max(0.0, float(slopes @ covariance @ slopes)))
        found = gain > FOUND
        return SpectrumFit(
            white=scale * math.exp(white),
            white_sigma=math.sqrt(float(covariance[0, 0])),
            flicker=scale * math.exp(flicker + exponent * math.log(self._middle)),
            exponent=exponent,
            exponent_sigma=math.sqrt(float(covariance[2, 2])),
            corner=self._middle * math.exp(min(place, 300.0)) if found else None,
            corner_sigma=sigma,
            gain=gain,
            lowest=float(self._frequency[0]),
            highest=float(self._frequency[-1]),
        )

    def _covariance(self, parameters: Array, free: bool) -> Array:
        """Return the covariance of the parameters, from Fisher's information; a given exponent has none."""
        white, flicker = self._parts(parameters)
        total = white + flicker
        slopes = np.stack([white / total, flicker / total, -flicker * self._log / total])[: 3 if free else 2]
        covariance = np.zeros((3, 3))
        covariance[: len(slopes), : len(slopes)] = np.linalg.pinv(self._count * self._worth * slopes @ slopes.T)
        return covariance
