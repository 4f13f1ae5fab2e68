"""How close a picture is to its original: structural similarity, peak signal-to-noise ratio, signal-to-noise ratio.

The structural similarity index is that of Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error
visibility to structural similarity", IEEE Trans. Image Process. 13, 600 (2004), with its own constants: means,
variances and covariance under a Gaussian window of 11 x 11 pixels, sigma 1.5, averaged over all places where the whole
window lies inside the picture.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from labctl.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

WINDOW = 11
"""Width of the window (pixels)."""
SIGMA = 1.5
"""Standard deviation of the window (pixels)."""
K1 = 0.01
"""Keeps the comparison of brightness steady in the dark, as a share of the range of greys."""
K2 = 0.03
"""Keeps the comparison of contrast steady where there is none, as a share of the range of greys."""


def structural_similarity(original: Array, picture: Array, span: float = 1.0) -> float:
    """Return the mean structural similarity of two pictures: 1 for equal ones.

    Args:
        original: greys, shape (rows, columns), at least 11 x 11.
        picture: greys, of the same shape.
        span: from black to white.

    Raises:
        ParameterError: if shapes differ or are smaller than the window.
    """
    _check(original, picture)
    if min(original.shape) < WINDOW:
        raise ParameterError(
            f"a picture of {original.shape[0]} x {original.shape[1]} pixels has no structural similarity: "
            f"its window is {WINDOW} x {WINDOW}"
        )
    mean_o, mean_p = _windowed(original), _windowed(picture)
    variance_o = _windowed(original * original) - mean_o * mean_o
    variance_p = _windowed(picture * picture) - mean_p * mean_p
    covariance = _windowed(original * picture) - mean_o * mean_p
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    brightness = (2 * mean_o * mean_p + c1) / (mean_o**2 + mean_p**2 + c1)
    structure = (2 * covariance + c2) / (variance_o + variance_p + c2)
    return float(np.mean(brightness * structure))


def peak_signal_to_noise(original: Array, picture: Array, span: float = 1.0) -> float:
    """Return 10 log10(span^2 / mean square error) (dB); infinite for equal pictures.

    Raises:
        ParameterError: if shapes differ.
    """
    _check(original, picture)
    return _decibels(span**2, float(np.mean((picture - original) ** 2)))


def signal_to_noise(original: Array, picture: Array) -> float:
    """Return 10 log10(sum of squares of the original / sum of squared errors) (dB); infinite for equal pictures.

    Raises:
        ParameterError: if shapes differ.
    """
    _check(original, picture)
    return _decibels(float(np.sum(original**2)), float(np.sum((picture - original) ** 2)))


def _windowed(values: Array) -> Array:
    """Return means under the window, where all of it lies inside."""
    edge = WINDOW // 2
    return gaussian_filter(values, SIGMA, radius=edge)[edge:-edge, edge:-edge]


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


def _check(original: Array, picture: Array) -> None:
    if original.ndim != 2 or original.shape != picture.shape or original.size == 0:
        raise ParameterError(f"pictures of shapes {original.shape} and {picture.shape} cannot be compared")
