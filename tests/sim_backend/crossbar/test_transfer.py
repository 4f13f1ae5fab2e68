"""The transfer matrix against solutions vector by vector, and its exact change with one cell."""

from __future__ import annotations

import importlib.util
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.errors import ModelError
from sim_backend.crossbar import circuit, transfer
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.network import Network, Sources

Array = NDArray[np.float64]
INF = np.inf
SHAPES = [(1, 1), (1, 6), (6, 1), (7, 4), (4, 7), (12, 12)]


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def _solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything with numba and without."""
    if request.param == "compiled" and importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed: its loops are NOT tested")
    monkeypatch.setattr(circuit, "COMPILED", request.param == "compiled")


def by_vectors(network: Network, conductance: Array) -> Array:
    """Return the transfer matrix by one solution for each row."""
    rows, columns = network.shape
    crossbar = LinearCrossbar(network, conductance)
    zeros = np.zeros(rows), np.zeros(columns), np.zeros(columns)
    return np.stack([crossbar.solve(Sources(unit, *zeros)).bottom for unit in np.eye(rows)], axis=1)


def assert_same(got: Array, expected: Array, conductance: Array) -> None:
    """Compare matrices to their largest element."""
    scale = max(float(np.abs(expected).max()), 1e-3 * float(conductance.max()))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * scale)


def random_network(generator: np.random.Generator, shape: tuple[int, int], segments: tuple[float, float]) -> Network:
    """Return a network with ends open, without resistance, and with some."""

    def ends(count: int, ohms: list[float]) -> Array:
        return generator.choice(np.array([*ohms, INF]), size=count)

    rows, columns = shape
    # A left end that is to be driven alone must not meet 0 ohm at the right end of a line of 0 ohm.
    right = ends(rows, [3.0, 80.0] if segments[0] == 0 else [0.0, 3.0])
    return Network(*segments, ends(rows, [0.0, 10.0]), right, ends(columns, [0.0, 2.0]), ends(columns, [0.0, 5.0]))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("segments", [(2.5, 0.7), (0.0, 0.7), (2.5, 0.0), (0.0, 0.0)])
def test_any_network(shape: tuple[int, int], segments: tuple[float, float]) -> None:
    for seed in range(8):
        generator = np.random.default_rng(seed)
        network = random_network(generator, shape, segments)
        conductance = generator.uniform(0, 5e-3, shape) * (generator.uniform(size=shape) < 0.8)
        crossbar = LinearCrossbar(network, conductance)
        assert_same(crossbar.transfer(), by_vectors(network, conductance), conductance)


def standard(shape: tuple[int, int], segment: float = 2.0) -> Network:
    """Return a network driven left and read at the bottom."""
    rows, columns = shape
    return Network(segment, segment, np.zeros(rows), np.full(rows, INF), np.full(columns, INF), np.zeros(columns))


@pytest.mark.parametrize("segment", [0.05, 2.5])
def test_every_element_of_a_strong_array(segment: float) -> None:
    shape = (48, 40)
    conductance = np.random.default_rng(4).uniform(200e-9, 5.9e-3, shape)
    got = LinearCrossbar(standard(shape, segment), conductance).transfer()
    np.testing.assert_allclose(got, by_vectors(standard(shape, segment), conductance), rtol=1e-11)


def test_rows_in_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (11, 5)
    conductance = np.random.default_rng(5).uniform(1e-6, 1e-4, shape)
    whole = transfer.transfer_matrix(standard(shape), conductance)
    monkeypatch.setattr(transfer, "BLOCK_NUMBERS", 3 * 5**2)
    np.testing.assert_array_equal(transfer.transfer_matrix(standard(shape), conductance), whole)


def test_wide_is_the_transpose_of_tall_turned_on_its_side() -> None:
    """Reciprocity: bottoms driven and lefts read give the transpose."""
    conductance = np.random.default_rng(6).uniform(1e-6, 1e-3, (5, 9))
    wide = LinearCrossbar(standard((5, 9)), conductance).transfer()
    tall = LinearCrossbar(standard((9, 5)), conductance[::-1, ::-1].T).transfer()
    np.testing.assert_allclose(wide, tall[::-1, ::-1].T, rtol=1e-12)


def test_currents_are_the_solutions_bottom_currents() -> None:
    shape = (9, 6)
    generator = np.random.default_rng(7)
    conductance = generator.uniform(1e-6, 1e-3, shape)
    crossbar = LinearCrossbar(standard(shape), conductance)
    vectors = generator.uniform(-0.2, 0.2, (5, 9))
    got = crossbar.currents(vectors)
    assert got.shape == (5, 6)
    for vector, currents in zip(vectors, got, strict=True):
        solution = crossbar.solve(Sources(vector, np.zeros(9), np.zeros(6), np.zeros(6)))
        np.testing.assert_allclose(currents, solution.bottom, rtol=1e-11, atol=1e-18)


def test_without_resistance_it_is_the_conductance_matrix() -> None:
    conductance = np.random.default_rng(8).uniform(1e-6, 1e-3, (4, 3))
    np.testing.assert_allclose(LinearCrossbar(standard((4, 3), 0.0), conductance).transfer(), conductance.T, rtol=1e-15)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("segments", [(2.5, 0.7), (0.0, 0.7), (2.5, 0.0), (0.0, 0.0)])
def test_changed_cells(shape: tuple[int, int], segments: tuple[float, float]) -> None:
    """Up, down, off and on again; where a line comes to hang on nothing, too."""
    for seed in range(4):
        generator = np.random.default_rng(seed)
        network = random_network(generator, shape, segments)
        conductance = generator.uniform(0, 5e-3, shape)
        crossbar = LinearCrossbar(network, conductance)
        crossbar.transfer()
        for _ in range(6):
            row, column = int(generator.integers(shape[0])), int(generator.integers(shape[1]))
            conductance[row, column] = generator.choice([0.0, 1e-6, 5.9e-3])
            crossbar.change(row, column, float(conductance[row, column]))
        assert_same(crossbar.transfer(), by_vectors(network, conductance), conductance)
        sources = Sources(np.ones(shape[0]), np.zeros(shape[0]), np.zeros(shape[1]), np.zeros(shape[1]))
        fresh = LinearCrossbar(network, conductance).solve(sources)
        np.testing.assert_array_equal(crossbar.solve(sources).bottom, fresh.bottom)


def test_thousands_of_changes_keep_the_matrix_exact() -> None:
    """Roundings do not add up beyond what is asked of any single solution."""
    shape = (16, 16)
    generator = np.random.default_rng(9)
    conductance = generator.uniform(1e-6, 1e-4, shape)
    crossbar = LinearCrossbar(standard(shape), conductance)
    crossbar.transfer()
    for _ in range(1_500):
        row, column = (int(place) for place in generator.integers(16, size=2))
        conductance[row, column] = generator.uniform(1e-6, 1e-4)
        crossbar.change(row, column, float(conductance[row, column]))
    fresh = transfer.transfer_matrix(standard(shape), conductance)
    np.testing.assert_allclose(crossbar.transfer(), fresh, rtol=0, atol=1e-11 * float(fresh.max()))


def test_matrix_is_worked_out_once_and_updated_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (5, 5)
    conductance = np.full(shape, 1e-5)
    crossbar = LinearCrossbar(standard(shape), conductance)
    first = crossbar.transfer()
    monkeypatch.delattr(circuit.Circuit, "__init__")
    assert crossbar.transfer() is first
    crossbar.change(2, 2, 1e-5)
    assert crossbar.transfer() is first
    monkeypatch.undo()
    monkeypatch.delattr(transfer, "_eliminate")
    crossbar.change(2, 2, 2e-5)
    assert not np.array_equal(crossbar.transfer(), first)


def test_matrix_handed_out_cannot_be_changed_and_does_not_change() -> None:
    crossbar = LinearCrossbar(standard((3, 3)), np.full((3, 3), 1e-5))
    matrix = crossbar.transfer()
    before = matrix.copy()
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 1.0
    crossbar.change(0, 0, 1e-4)
    np.testing.assert_array_equal(matrix, before)


def test_impossible_requests() -> None:
    crossbar = LinearCrossbar(standard((3, 4)), np.full((3, 4), 1e-5))
    for row, column in ((3, 0), (-1, 0), (0, 4)):
        with pytest.raises(ModelError, match="is not one of"):
            crossbar.change(row, column, 1e-5)
    for conductance in (-1e-6, float("nan"), INF):
        with pytest.raises(ModelError, match=r"cell \(0, 0\)"):
            crossbar.change(0, 0, conductance)
    for shape in ((3,), (2, 4), (3, 1)):
        with pytest.raises(ModelError, match="shape"):
            crossbar.currents(np.zeros(shape))


def test_left_that_cannot_be_driven_alone() -> None:
    network = Network(0.0, 1.0, np.zeros(2), np.array([INF, 0.0]), np.full(2, INF), np.zeros(2))
    with pytest.raises(ModelError, match="row 1"):
        LinearCrossbar(network, np.full((2, 2), 1e-5)).transfer()


def test_more_of_a_cell_gives_more_of_its_current() -> None:
    """Rising conductance of one cell: its own element rises, all others of its row and column fall."""
    shape = (6, 6)
    crossbar = LinearCrossbar(standard(shape), np.full(shape, 1e-4))
    matrices = [crossbar.transfer()]
    for conductance in (2e-4, 1e-3, 1e-2):
        crossbar.change(2, 3, conductance)
        matrices.append(crossbar.transfer())
    for before, after in pairwise(matrices):
        rises = after > before
        assert rises[3, 2]
        assert not rises[np.arange(6) != 3, 2].any()
        assert not rises[3, np.arange(6) != 2].any()
