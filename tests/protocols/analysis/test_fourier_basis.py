"""The Fourier transform as products with one real array, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.errors import ParameterError
from protocols.analysis.fourier_basis import FourierBasis, Symmetry

Complex = NDArray[np.complex128]
SIZES = [2, 4, 6, 16, 30, 64, 128, 512]


def complex_vectors(points: int, count: int = 5, seed: int = 1) -> Complex:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (count, points)) + 1j * rng.uniform(-1, 1, (count, points))


def through(points: int, vectors: Complex, symmetry: Symmetry, inverse: bool) -> Complex:
    basis = FourierBasis(points)
    real = basis.real_vectors(vectors, symmetry)
    assert real.shape == (len(vectors) * symmetry.products, points)
    return basis.assembled(real @ basis.weights(), symmetry, inverse)


@pytest.mark.parametrize("points", SIZES)
def test_the_layout_is_exact(points: int) -> None:
    weights = FourierBasis(points).weights()
    assert weights.shape == (points, points)
    row = np.arange(points)
    for frequency in range(points // 2 + 1):
        np.testing.assert_allclose(weights[:, frequency], np.cos(2 * np.pi * row * frequency / points), atol=3e-13)
    for frequency in range(1, points // 2):
        column = weights[:, points // 2 + frequency]
        np.testing.assert_allclose(column, np.sin(2 * np.pi * row * frequency / points), atol=3e-13)
    assert np.abs(weights).max() == 1.0
    assert np.linalg.matrix_rank(weights) == points
    quarter = np.array([0.0, 1.0, -1.0])
    assert all(abs(weight) > 1e-3 or weight in quarter for weight in weights.ravel())


def test_64_points_take_33_cosines_and_31_sines() -> None:
    weights = FourierBasis(64).weights()
    assert FourierBasis(64).half == 33
    assert (weights[0, :33] == 1).all()
    assert (weights[0, 33:] == 0).all()
    assert weights[0, 33:].shape == (31,)


@pytest.mark.parametrize("points", SIZES)
def test_it_is_the_transform_and_its_inverse(points: int) -> None:
    vectors = complex_vectors(points)
    spectra = np.fft.fft(vectors)
    np.testing.assert_allclose(through(points, vectors, Symmetry.NONE, inverse=False), spectra, atol=1e-12 * points)
    np.testing.assert_allclose(through(points, spectra, Symmetry.NONE, inverse=True), vectors, atol=1e-12)


@given(st.integers(1, 64), st.integers(0, 2**32), st.booleans())
def test_what_is_known_of_a_vector_saves_half_of_the_products(half: int, seed: int, inverse: bool) -> None:
    points = 2 * half
    real = complex_vectors(points, 3, seed).real
    exact = np.fft.ifft if inverse else np.fft.fft
    spectra: Complex = np.fft.fft(real).astype(np.complex128) / points
    for vectors, symmetry in [(real.astype(np.complex128), Symmetry.REAL), (spectra, Symmetry.HERMITIAN)]:
        found = through(points, vectors, symmetry, inverse)
        np.testing.assert_allclose(found, exact(vectors), atol=1e-11)
        assert symmetry.products == 1
        as_any = through(points, vectors, Symmetry.NONE, inverse)
        np.testing.assert_allclose(as_any, exact(vectors), atol=1e-11)


def test_64_points_agree_with_numpy_to_1e_12() -> None:
    vectors = complex_vectors(64, 50)
    assert np.abs(through(64, vectors, Symmetry.NONE, inverse=False) - np.fft.fft(vectors)).max() < 1e-12
    assert np.abs(through(64, vectors, Symmetry.NONE, inverse=True) - np.fft.ifft(vectors)).max() < 1e-12


@pytest.mark.parametrize("points", [2, 8, 64])
def test_half_of_a_hermitian_vector_tells_the_rest(points: int) -> None:
    spectra = np.fft.fft(complex_vectors(points).real)
    basis = FourierBasis(points)
    np.testing.assert_allclose(basis.whole(spectra[:, : basis.half]), spectra, atol=1e-12)


def test_ends_of_a_half_are_taken_as_real() -> None:
    half = np.array([[1 + 1j, 2 + 3j, 4 - 1j]])
    assert FourierBasis(4).whole(half).tolist() == [[1, 2 + 3j, 4, 2 - 3j]]


@pytest.mark.parametrize("points", [-2, 0, 1, 63, 514])
def test_other_numbers_of_points_are_refused(points: int) -> None:
    with pytest.raises(ParameterError, match="even number"):
        FourierBasis(points)
