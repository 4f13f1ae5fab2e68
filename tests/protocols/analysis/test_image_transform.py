"""Pictures block by block through products with the Fourier basis, against numpy's two-dimensional transforms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocols.analysis.fourier_basis import FourierBasis
from protocols.analysis.image_transform import Block, BlockTransform, blocks_of, cut, paste, ranged

Array = NDArray[np.float64]


class Counting:
    """Exact products, which remember what they were asked."""

    def __init__(self, points: int) -> None:
        self.weights = FourierBasis(points).weights()
        self.asked: list[Array] = []

    def __call__(self, vectors: Array) -> Array:
        self.asked.append(vectors)
        return vectors @ self.weights


@pytest.mark.parametrize("points", [2, 4, 16, 64])
def test_a_block_is_transformed_and_comes_back(points: int) -> None:
    block = np.random.default_rng(1).uniform(0, 1, (points, points))
    products = Counting(points)
    transform = BlockTransform(FourierBasis(points), products)
    spectrum = transform.forward(block)
    np.testing.assert_allclose(spectrum, np.fft.rfft2(block), atol=1e-9)
    np.testing.assert_allclose(transform.backward(spectrum), block, atol=1e-12)
    np.testing.assert_allclose(transform.backward(np.fft.rfft2(block)), block, atol=1e-12)


@pytest.mark.parametrize("points", [4, 16, 64])
def test_symmetry_leaves_two_products_a_line_and_way(points: int) -> None:
    block = np.random.default_rng(2).uniform(0, 1, (points, points))
    products = Counting(points)
    transform = BlockTransform(FourierBasis(points), products)
    transform.backward(transform.forward(block))
    assert [len(vectors) for vectors in products.asked] == [points] * 4
    assert (products.asked[0] >= 0).all()  # greys have no sign: one pass
    for vectors in products.asked:
        np.testing.assert_allclose(np.abs(vectors).max(axis=1), 1.0)


def test_zeros_take_no_product_at_all() -> None:
    products = Counting(8)
    transform = BlockTransform(FourierBasis(8), products)
    assert (transform.backward(transform.forward(np.zeros((8, 8)))) == 0).all()
    assert products.asked == []
    block = np.zeros((8, 8))
    block[3] = 0.5
    np.testing.assert_allclose(transform.forward(block), np.fft.rfft2(block), atol=1e-12)
    assert len(products.asked[0]) == 1


def test_gain_ranging_keeps_small_vectors_above_an_error_of_the_products() -> None:
    rng = np.random.default_rng(3)
    weights = FourierBasis(16).weights()
    vectors = rng.uniform(-1, 1, (40, 16)) * np.logspace(0, -6, 40)[:, None]
    found = ranged(vectors, lambda own: own @ weights + 1e-4 * rng.standard_normal(own.shape))
    exact = vectors @ weights
    relative = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert relative.max() < 1e-3


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([2, 4, 16]))
def test_blocks_cover_a_picture_once(rows: int, columns: int, points: int) -> None:
    picture = np.random.default_rng(4).uniform(0, 1, (rows, columns))
    again = np.full((rows, columns), np.nan)
    for block in blocks_of(picture.shape, points):
        part = cut(picture, block, points)
        assert part.shape == (points, points)
        paste(again, block, part)
    assert (again == picture).all()
    assert len(blocks_of(picture.shape, points)) == -(-rows // points) * -(-columns // points)


def test_beyond_the_edge_the_last_pixels_go_on() -> None:
    picture = np.arange(6.0).reshape(2, 3)
    assert cut(picture, Block(0, 2), 4).tolist() == [[2] * 4, [5] * 4, [5] * 4, [5] * 4]
