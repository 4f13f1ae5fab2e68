"""Lines of 0 ohm against what follows from Ohm's law on paper, and as the limit of lines with resistance."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.errors import ModelError
from sim_backend.crossbar import circuit
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.network import Network, Solution, Sources

Array = NDArray[np.float64]
INF = np.inf
SHAPE = (3, 4)
CONDUCTANCE = np.random.default_rng(1).uniform(1e-6, 1e-4, SHAPE)
VOLTS = np.array([0.2, -0.1, 0.05])


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def _solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything with numba and without."""
    if request.param == "compiled" and importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed: its loops are NOT tested")
    monkeypatch.setattr(circuit, "COMPILED", request.param == "compiled")


def lines(ohm: float | Array, count: int) -> Array:
    """Return terminations."""
    return np.broadcast_to(np.asarray(ohm, dtype=np.float64), (count,)).copy()


def solve(
    left: float | Array = 0.0,
    right: float | Array = INF,
    top: float | Array = INF,
    bottom: float | Array = 0.0,
    segment: float = 0.0,
    sources: Sources | None = None,
) -> Solution:
    """Solve a crossbar of 3 x 4; rows at VOLTS from either end, columns at 0 V."""
    network = Network(segment, segment, lines(left, 3), lines(right, 3), lines(top, 4), lines(bottom, 4))
    volts = sources or Sources(VOLTS, VOLTS, np.zeros(4), np.zeros(4))
    return LinearCrossbar(network, CONDUCTANCE).solve(volts)


def test_ideal_ends_make_an_ideal_product() -> None:
    got = solve()
    np.testing.assert_array_equal(got.row_potential, np.broadcast_to(VOLTS[:, None], SHAPE))
    np.testing.assert_array_equal(got.column_potential, np.zeros(SHAPE))
    np.testing.assert_allclose(got.bottom, VOLTS @ CONDUCTANCE, rtol=1e-14)
    np.testing.assert_allclose(got.left, VOLTS * CONDUCTANCE.sum(axis=1), rtol=1e-14)
    assert not got.right.any()
    assert not got.top.any()


def test_two_ideal_ends_share_the_current() -> None:
    got = solve(right=0.0, top=0.0)
    np.testing.assert_allclose(got.left, VOLTS * CONDUCTANCE.sum(axis=1) / 2, rtol=1e-14)
    np.testing.assert_array_equal(got.left, got.right)
    np.testing.assert_array_equal(got.top, got.bottom)


def test_an_ideal_end_takes_what_a_resistance_does_not() -> None:
    """At its right, each row has another source behind 50 ohm; the line stays where its left puts it."""
    sources = Sources(VOLTS, VOLTS + 0.3, np.zeros(4), np.zeros(4))
    got = solve(right=50.0, sources=sources)
    np.testing.assert_array_equal(got.row_potential, np.broadcast_to(VOLTS[:, None], SHAPE))
    np.testing.assert_allclose(got.right, np.full(3, 0.3 / 50.0), rtol=1e-14)
    np.testing.assert_allclose(got.left, VOLTS * CONDUCTANCE.sum(axis=1) - 0.3 / 50.0, rtol=1e-13)


def test_drivers_with_resistance_are_voltage_dividers() -> None:
    ohms = np.array([10.0, 1e4, 1e6])
    got = solve(left=ohms)
    conductance = CONDUCTANCE.sum(axis=1)
    potential = VOLTS / (1 + ohms * conductance)
    np.testing.assert_allclose(got.row_potential[:, 2], potential, rtol=1e-14)
    np.testing.assert_allclose(got.left, potential * conductance, rtol=1e-13)


def test_sense_resistance_and_transimpedance_inputs() -> None:
    """A column behind a resistance floats up to the mean of its rows, weighted by its cells and by its termination."""
    ohms = np.array([0.0, 50.0, 1e5, INF])
    got = solve(bottom=ohms)
    with np.errstate(divide="ignore"):
        ground = 1 / ohms
    weighted = VOLTS @ CONDUCTANCE
    expected = np.where(ohms == 0, 0.0, weighted / (CONDUCTANCE.sum(axis=0) + ground))
    np.testing.assert_allclose(got.column_potential[0], expected, rtol=1e-13, atol=0)
    np.testing.assert_allclose(got.bottom[1:3], expected[1:3] * ground[1:3], rtol=1e-13)
    assert got.bottom[3] == 0.0


def test_floating_rows_take_the_mean_of_their_columns() -> None:
    """Columns clamped at four voltages; rows 0 and 2 float."""
    bottom = np.array([0.1, 0.2, 0.3, -0.4])
    sources = Sources(VOLTS, VOLTS, np.zeros(4), bottom)
    got = solve(left=np.array([INF, 0.0, INF]), sources=sources)
    for row in (0, 2):
        expected = CONDUCTANCE[row] @ bottom / CONDUCTANCE[row].sum()
        np.testing.assert_allclose(got.row_potential[row], expected, rtol=1e-13)
    assert got.left[0] == 0.0
    assert got.left[2] == 0.0


def test_sneak_path_by_hand() -> None:
    """2 x 2, row 0 at 1 V, column 0 read at 0 V, everything else floating: three cells in series beside the fourth."""
    conductance = np.array([[1e-5, 4e-4], [3e-4, 2e-4]])
    network = Network(0.0, 0.0, np.array([0.0, INF]), np.full(2, INF), np.full(2, INF), np.array([0.0, INF]))
    got = LinearCrossbar(network, conductance).solve(Sources(np.ones(2), np.ones(2), np.zeros(2), np.zeros(2)))
    series = 1 / (1 / 4e-4 + 1 / 2e-4 + 1 / 3e-4)
    np.testing.assert_allclose(got.bottom, [1e-5 + series, 0.0], rtol=1e-13)


@pytest.mark.parametrize("ends", [(7.0, INF, INF, 3.0), (5.0, 2.0, 4.0, 1.0), (0.0, INF, INF, 0.0)])
def test_ideal_lines_are_the_limit_of_good_ones(ends: tuple[float, float, float, float]) -> None:
    """1e-9 ohm a segment changes outputs by about 1e-9 of themselves for each ohm at an end, or nothing at all."""
    ideal, good = solve(*ends), solve(*ends, segment=1e-9)
    for name in ("left", "right", "top", "bottom"):
        np.testing.assert_allclose(getattr(good, name), getattr(ideal, name), rtol=2e-8, atol=1e-14)
    np.testing.assert_allclose(good.row_potential, ideal.row_potential, rtol=0, atol=1e-10)


def test_two_sources_on_one_ideal_line() -> None:
    right = VOLTS.copy()
    right[1] = 0.3
    sources = Sources(VOLTS, right, np.zeros(4), np.zeros(4))
    with pytest.raises(ModelError, match=r"row 1: -0.1 V and 0.3 V meet"):
        solve(right=0.0, sources=sources)
    top = np.array([0.0, 0.0, 0.0, 1.0])
    with pytest.raises(ModelError, match="column 3"):
        solve(top=0.0, sources=Sources(VOLTS, VOLTS, top, np.zeros(4)))
