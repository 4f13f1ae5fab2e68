"""Products with the noise of every cell: their distribution is that of cells whose noise is drawn one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from sim_backend.noise.product_noise import NoisyProducts

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS, COLUMNS = 64, 48


@pytest.fixture
def cells() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    conductance = np.random.default_rng(0).uniform(0, 5.9e-3, (ROWS, COLUMNS))
    return conductance, 27e-9 + 1.86e-5 * conductance


@pytest.fixture
def voltage() -> NDArray[np.float64]:
    return np.random.default_rng(1).uniform(0, 0.2, (500, ROWS))


def test_each_sum_has_the_variance_of_its_cells(
    cells: tuple[NDArray[np.float64], NDArray[np.float64]], voltage: NDArray[np.float64]
) -> None:
    products = NoisyProducts(0, *cells)
    noise = np.array([products.currents(voltage[:20], 20 * turn) for turn in range(400)]) - voltage[:20] @ cells[0]
    literal = np.random.default_rng(2).normal(0, cells[1], (4000, ROWS, COLUMNS))
    for vector in range(3):
        drawn = np.einsum("i,nij->nj", voltage[vector], literal)
        assert noise[:, vector].std(axis=0) == pytest.approx(drawn.std(axis=0), rel=0.2)
        relative = noise[:, vector] / np.sqrt(np.square(voltage[vector]) @ np.square(cells[1]))
        assert stats.kstest(relative.ravel(), "norm").pvalue > 0.001
        assert abs(float(relative.sum()) / relative.size) < 4 / np.sqrt(relative.size)


def test_columns_and_products_are_independent(
    cells: tuple[NDArray[np.float64], NDArray[np.float64]], voltage: NDArray[np.float64]
) -> None:
    same = np.tile(voltage[0], (5000, 1))
    noise = NoisyProducts(3, *cells).currents(same, 0) - same @ cells[0]
    correlation: NDArray[np.float64] = np.atleast_2d(np.corrcoef(noise.T))
    across = correlation[np.triu_indices(COLUMNS, 1)]
    assert np.abs(across).max() < 5 / np.sqrt(5000)
    assert abs(np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]) < 4 / np.sqrt(noise.size)


def test_a_product_has_its_noise_alone_and_in_a_batch(
    cells: tuple[NDArray[np.float64], NDArray[np.float64]], voltage: NDArray[np.float64]
) -> None:
    batch = NoisyProducts(3, *cells).currents(voltage, 1000)
    for place in (0, 84, 85, 86, 499):
        alone = NoisyProducts(3, *cells).currents(voltage[place : place + 1], 1000 + place)
        assert alone[0] == pytest.approx(batch[place], rel=1e-9)


def test_averaging_divides_the_noise(
    cells: tuple[NDArray[np.float64], NDArray[np.float64]], voltage: NDArray[np.float64]
) -> None:
    products, exact = NoisyProducts(0, *cells), voltage @ cells[0]
    one, many = (products.currents(voltage, 0, samples) - exact for samples in (1, 16))
    assert one == pytest.approx(4 * many, rel=1e-6, abs=1e-9 * float(np.abs(exact).max()))


def test_without_noise_products_are_exact(
    cells: tuple[NDArray[np.float64], NDArray[np.float64]], voltage: NDArray[np.float64]
) -> None:
    quiet = NoisyProducts(0, cells[0], np.zeros_like(cells[0])).currents(voltage, 0)
    assert quiet == pytest.approx(voltage @ cells[0], rel=1e-12)
