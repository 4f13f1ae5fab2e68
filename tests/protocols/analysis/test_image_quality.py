"""Structural similarity against scikit-image 0.26.0, and the two ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.errors import ParameterError
from protocols.analysis.image_quality import peak_signal_to_noise, signal_to_noise, structural_similarity

Array = NDArray[np.float64]

GOLDEN = {
    "constant": 0.9926824752089768,
    "contrast": 0.9709654281998086,
    "speckle": 0.9296368288469697,
    "shift": 0.8283558753915842,
    "tiny": 0.9999980483827239,
    "negative": -0.754870512745405,
}
"""`skimage.metrics.structural_similarity` of scikit-image 0.26.0 (numpy 2.4.6, scipy 1.17.1) of these pictures, with
gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1."""
GOLDEN_WINDOW = 0.801558727647786
"""The same of the first 11 x 11 pixels of "speckle": one window."""


@pytest.fixture(scope="module")
def original() -> Array:
    y, x = np.mgrid[0:40, 0:56]
    return 0.5 + 0.3 * np.sin(2 * np.pi * (x / 17 + y * y / 900)) + 0.2 * ((x // 8 + y // 8) % 2 - 0.5)


@pytest.fixture(scope="module")
def pictures(original: Array) -> dict[str, Array]:
    y, x = np.mgrid[0:40, 0:56]
    speckle = ((x * 7919 + y * 104729 + (x * y) * 31) % 251) / 251 - 0.5
    return {
        "constant": original + 0.05,
        "contrast": 0.5 + (original - 0.5) * 0.8,
        "speckle": original + 0.2 * speckle,
        "shift": np.roll(original, 1, 1),
        "tiny": original + 1e-3 * speckle,
        "negative": 1 - original,
    }


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("span", [1.0, 255.0])
def test_structural_similarity_is_that_of_scikit_image(
    original: Array, pictures: dict[str, Array], name: str, span: float
) -> None:
    found = structural_similarity(span * original, span * pictures[name], span)
    assert found == pytest.approx(GOLDEN[name], abs=1e-12)


def test_one_window_is_enough(original: Array, pictures: dict[str, Array]) -> None:
    found = structural_similarity(original[:11, :11], pictures["speckle"][:11, :11])
    assert found == pytest.approx(GOLDEN_WINDOW, abs=1e-12)


def test_equal_pictures_are_as_good_as_can_be(original: Array) -> None:
    assert structural_similarity(original, original) == pytest.approx(1.0, abs=1e-12)
    assert peak_signal_to_noise(original, original) == math.inf
    assert signal_to_noise(original, original) == math.inf


def test_ratios_are_those_of_a_known_error() -> None:
    original = np.full((4, 4), 0.5)
    picture = original + 0.05 * np.array([1, -1, 1, -1])
    assert signal_to_noise(original, picture) == pytest.approx(20)
    assert peak_signal_to_noise(original, picture) == pytest.approx(20 * math.log10(20))
    assert peak_signal_to_noise(255 * original, 255 * picture, 255) == pytest.approx(20 * math.log10(20))
    assert signal_to_noise(np.zeros((4, 4)), picture) == -math.inf


@pytest.mark.parametrize("shapes", [((10, 40), (10, 40)), ((40, 10), (40, 10)), ((20, 20), (20, 21)), ((20,), (20,))])
def test_what_cannot_be_compared_is_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ParameterError, match=r"11 x 11|cannot be compared"):
        structural_similarity(np.zeros(shapes[0]), np.zeros(shapes[1]))
    with pytest.raises(ParameterError, match="cannot be compared"):
        signal_to_noise(np.zeros((3, 3)), np.zeros((3, 4)))
