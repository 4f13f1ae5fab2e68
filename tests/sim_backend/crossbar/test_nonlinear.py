"""Nonlinear cells against a general root finder, and against what any solution must obey."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import root

from labctl.errors import ModelError
from sim_backend.crossbar import circuit, nonlinear
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.network import Network, Solution, Sources
from sim_backend.crossbar.nonlinear import ArrayLaw, solve_nonlinear

Array = NDArray[np.float64]
INF = np.inf


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def _solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything with numba and without."""
    if request.param == "compiled" and importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed: its loops are NOT tested")
    monkeypatch.setattr(circuit, "COMPILED", request.param == "compiled")


@dataclass
class Cells:
    """I = G v0 sinh(V / v0), straight where v0 is infinite; reversed, `reverse` of it."""

    conductance: Array
    v0: float = INF
    reverse: float = 1.0
    evaluations: int = 0

    def current(self, voltage: Array, /) -> Array:
        self.evaluations += 1
        forward = voltage if self.v0 == INF else self.v0 * np.sinh(voltage / self.v0)
        return self.conductance * np.where(voltage < 0, self.reverse, 1.0) * forward

    def slope(self, voltage: Array, /) -> Array:
        forward = np.ones_like(voltage) if self.v0 == INF else np.cosh(voltage / self.v0)
        return self.conductance * np.where(voltage < 0, self.reverse, 1.0) * forward


def network(shape: tuple[int, int], segment: float, rows: str = "driven", ohm: float = 1.0) -> Network:
    """Return a network read at the bottom; of the rows that are not driven, only number 1 is, from the left."""
    count, columns = shape
    left = np.full(count, ohm)
    if rows == "floating":
        left[np.arange(count) != 1] = INF
    right = np.full(count, ohm if rows == "both ends" else INF)
    return Network(segment, segment, left, right, np.full(columns, INF), np.full(columns, ohm))


def sources(shape: tuple[int, int], left: Array | float) -> Sources:
    """Return sources of which only the left (and, where connected, the right) ones are not at 0 V."""
    rows, columns = shape
    volts = np.broadcast_to(left, (rows,)).copy()
    return Sources(volts, volts, np.zeros(columns), np.zeros(columns))


def excess(net: Network, law: ArrayLaw, drive: Sources, row: Array, column: Array) -> tuple[Array, Array]:
    """Return what flows into nodes and not out of them; every segment has a resistance."""
    current = law.current(row - column)
    of_row, of_column = -current, current.copy()
    for into, potential, segment, start, end, volts in (
        (of_row, row, net.row_segment, net.left, net.right, (drive.left, drive.right)),
        (of_column.T, column.T, net.column_segment, net.top, net.bottom, (drive.top, drive.bottom)),
    ):
        along = (potential[:, 1:] - potential[:, :-1]) / segment
        into[:, :-1] += along
        into[:, 1:] -= along
        into[:, 0] += (volts[0] - potential[:, 0]) / (start + segment)
        into[:, -1] += (volts[1] - potential[:, -1]) / (end + segment)
    return of_row, of_column


def outputs(solution: Solution) -> Array:
    """Return all end currents."""
    return np.concatenate([solution.left, solution.right, solution.top, solution.bottom])


LAWS = {
    "sinh": (0.1, 1.0),
    "steep sinh": (0.02, 1.0),
    "rectifying": (INF, 1e-4),
    "rectifying sinh": (0.1, 1e-4),
}
"""v0 (V) and the reversed share of the cells."""


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rows", ["driven", "both ends", "floating"])
def test_against_a_general_root_finder(law: str, rows: str) -> None:
    shape = (3, 4)
    net, drive = network(shape, 5.0, rows), sources(shape, np.array([0.05, 0.2, 0.1]))
    cells = Cells(np.random.default_rng(1).uniform(1e-5, 5e-3, shape), *LAWS[law])
    got = solve_nonlinear(net, cells, drive)

    def left_over(potentials: Array) -> Array:
        row, column = potentials.reshape(2, *shape)
        return np.concatenate([part.ravel() for part in excess(net, cells, drive, row, column)])

    # A general root finder loses its way at kinks, so it starts near; a root of rising laws is the only one.
    near = np.concatenate([got.row_potential.ravel(), got.column_potential.ravel()])
    found = root(left_over, near + np.random.default_rng(2).uniform(-1e-6, 1e-6, near.size), method="hybr", tol=1e-14)
    row, column = found.x.reshape(2, *shape)
    assert np.abs(left_over(found.x)).max() < 1e-15
    np.testing.assert_allclose(got.row_potential, row, rtol=0, atol=1e-11)
    np.testing.assert_allclose(got.column_potential, column, rtol=0, atol=1e-11)
    current = cells.current(row - column)
    np.testing.assert_allclose(got.bottom, current.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(got.left + got.right, current.sum(axis=1), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rows", ["driven", "both ends", "floating"])
@pytest.mark.parametrize(("segment", "highest", "volts"), [(2.0, 1e-4, 0.2), (2.5, 5.9e-3, 0.2), (0.5, 1e-3, 1.5)])
def test_kirchhoff_at_every_node(law: str, rows: str, segment: float, highest: float, volts: float) -> None:
    """From weak arrays to such that lose nearly everything on the way, at up to 75 times the law's scale."""
    shape = (20, 24)
    generator = np.random.default_rng(3)
    net, drive = network(shape, segment, rows), sources(shape, generator.uniform(0, volts, 20))
    cells = Cells(generator.uniform(highest / 100, highest, shape), *LAWS[law])
    got = solve_nonlinear(net, cells, drive)
    left_over = excess(net, cells, drive, got.row_potential, got.column_potential)
    # What a rounding of a potential makes through a segment is what is seen of a perfect solution.
    scale = float(np.abs(outputs(got)).max())
    assert max(float(np.abs(part).max()) for part in left_over) <= 1e-10 * scale + 1e-15 * volts / segment
    into, out = got.left.sum() + got.right.sum(), got.top.sum() + got.bottom.sum()
    assert into == pytest.approx(out, rel=1e-11)
    at_left = np.where(np.isinf(net.left), 0.0, (drive.left - got.row_potential[:, 0]) / (net.left + segment))
    np.testing.assert_allclose(got.left, at_left, rtol=1e-9, atol=1e-9 * scale)
    assert got.cell_voltage.max() <= volts


@pytest.mark.parametrize("segments", [(2.0, 1.0), (0.0, 1.0), (2.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("rows", ["driven", "both ends", "floating"])
def test_linear_cells_are_those_of_the_linear_solver(segments: tuple[float, float], rows: str) -> None:
    shape = (6, 9)
    net = network(shape, 1.0, rows)
    net = Network(*segments, net.left, net.right, net.top, net.bottom)
    drive = sources(shape, np.linspace(0.0, 0.2, 6))
    conductance = np.random.default_rng(4).uniform(1e-6, 1e-3, shape)
    got = solve_nonlinear(net, Cells(conductance), drive)
    expected = LinearCrossbar(net, conductance).solve(drive)
    np.testing.assert_allclose(got.row_potential, expected.row_potential, rtol=0, atol=1e-13)
    np.testing.assert_allclose(outputs(got), outputs(expected), rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("law", LAWS)
def test_clamped_lines(law: str) -> None:
    """Everything ideal: each cell sees its sources."""
    shape = (4, 5)
    cells = Cells(np.random.default_rng(5).uniform(1e-6, 1e-3, shape), *LAWS[law])
    left = np.array([0.2, -0.1, 0.0, 0.15])
    got = solve_nonlinear(network(shape, 0.0, ohm=0.0), cells, sources(shape, left))
    across = np.broadcast_to(left[:, None], shape)
    np.testing.assert_array_equal(got.cell_voltage, across)
    np.testing.assert_allclose(got.bottom, cells.current(across).sum(axis=0), rtol=1e-13)


@pytest.mark.parametrize("law", LAWS)
def test_warm_start_after_one_changed_cell(law: str) -> None:
    shape = (24, 24)
    net, drive = network(shape, 2.0), sources(shape, np.random.default_rng(6).uniform(0, 0.2, 24))
    cells = Cells(np.random.default_rng(7).uniform(1e-6, 1e-4, shape), *LAWS[law])
    start = solve_nonlinear(net, cells, drive)
    cells.conductance[3, 4] *= 1.05
    cells.evaluations = 0
    warm = solve_nonlinear(net, cells, drive, start)
    evaluations = cells.evaluations
    cold = solve_nonlinear(net, cells, drive)
    assert evaluations <= 4
    np.testing.assert_allclose(outputs(warm), outputs(cold), rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("law", LAWS)
def test_start_from_quite_another_solution(law: str) -> None:
    """From next to nothing to 75 times the law's scale, and from one sign to the other."""
    shape = (8, 8)
    net = network(shape, 2.0)
    cells = Cells(np.random.default_rng(8).uniform(1e-6, 1e-3, shape), *LAWS[law])
    for before, after in ((1e-3, 1.5), (1.5, -1.5), (-1.5, 1e-3)):
        start = solve_nonlinear(net, cells, sources(shape, before))
        drive = sources(shape, after)
        warm, cold = solve_nonlinear(net, cells, drive, start), solve_nonlinear(net, cells, drive)
        np.testing.assert_allclose(outputs(warm), outputs(cold), rtol=1e-8, atol=1e-15)


def test_dead_cells_and_lines_that_hang_on_nothing() -> None:
    shape = (4, 4)
    conductance = np.full(shape, 1e-4)
    conductance[2] = 0.0
    conductance[0, 1] = 0.0
    got = solve_nonlinear(network(shape, 2.0, "floating"), Cells(conductance, v0=0.1), sources(shape, 0.2))
    assert not got.row_potential[2].any()
    assert (got.row_potential[0] > 0).all()
    assert np.isfinite(outputs(got)).all()


def test_no_sources_and_equal_sources() -> None:
    shape = (3, 3)
    cells = Cells(np.full(shape, 1e-4), v0=0.1)
    hanging = Network(1.0, 1.0, np.full(3, INF), np.full(3, INF), np.full(3, INF), np.full(3, INF))
    assert not outputs(solve_nonlinear(hanging, cells, sources(shape, 0.2))).any()
    everywhere = Sources(*(np.full(3, 0.3) for _ in range(4)))
    got = solve_nonlinear(network(shape, 1.0, "floating"), cells, everywhere)
    np.testing.assert_allclose(got.row_potential, 0.3, rtol=1e-14)
    np.testing.assert_allclose(outputs(got), 0.0, atol=1e-16)


@pytest.mark.parametrize("volts", [0.0, 0.3, -1.1])
@pytest.mark.parametrize("rows", ["driven", "both ends", "floating"])
def test_equal_sources_from_any_start(volts: float, rows: str) -> None:
    shape = (5, 4)
    net, cells = network(shape, 2.0, rows), Cells(np.full(shape, 1e-3), v0=0.1)
    start = solve_nonlinear(net, cells, sources(shape, 0.7))
    got = solve_nonlinear(net, cells, Sources(*(np.full(shape[side], volts) for side in (0, 0, 1, 1))), start)
    np.testing.assert_allclose(got.row_potential, volts, rtol=1e-14)
    np.testing.assert_allclose(outputs(got), 0.0, atol=1e-17 + 1e-18 * abs(volts))


@pytest.mark.parametrize("volts", [-1e-20, -1e-160, -1e-250, -1e-310, -5e-324])
@pytest.mark.parametrize("segment", [0.0, 2.0])
def test_next_to_no_voltage(segment: float, volts: float) -> None:
    """Rectifying cells on floating lines: the power at a node is too small for any float."""
    conductance = np.random.default_rng(1).uniform(2e-7, 5.9e-3, (4, 5))
    left, bottom = np.full(4, INF), np.full(5, INF)
    left[1] = bottom[2] = 1.0
    net = Network(segment, segment, left, np.full(4, INF), np.full(5, INF), bottom)
    got = solve_nonlinear(net, Cells(conductance, v0=0.34, reverse=1e-4), sources((4, 5), volts))
    assert (np.abs(outputs(got)) <= 5.9e-3 * abs(volts)).all()
    assert abs(got.left[1] - got.bottom[2]) <= 1e-32
    potentials = np.concatenate([got.row_potential, got.column_potential])
    assert ((potentials >= volts) & (potentials <= 0)).all()


def test_a_law_that_would_overflow_beyond_the_sources_is_never_asked_there() -> None:
    """sinh(V / 1 mV): a first step from the unloaded lines leads far beyond 0.7 V, where it has no value."""
    shape = (6, 6)
    net, drive = network(shape, 50.0, "floating", ohm=100.0), sources(shape, 0.7)
    cells = Cells(np.full(shape, 1e-9), v0=1e-3)
    with np.errstate(over="raise"):
        got = solve_nonlinear(net, cells, drive)
    left_over = excess(net, cells, drive, got.row_potential, got.column_potential)
    assert max(float(np.abs(part).max()) for part in left_over) < 1e-9 * float(got.left.max())


def test_falling_law_is_refused() -> None:
    cells = Cells(np.full((2, 2), -1e-4))
    with pytest.raises(ModelError, match="falls"):
        solve_nonlinear(network((2, 2), 1.0), cells, sources((2, 2), 0.2))


def test_undefined_law_names_the_cell() -> None:
    conductance = np.full((2, 3), 1e-4)
    conductance[1, 2] = np.nan
    with pytest.raises(ModelError, match=r"cell \(1, 2\)"):
        solve_nonlinear(network((2, 3), 1.0), Cells(conductance), sources((2, 3), 0.2))


def test_law_of_another_shape() -> None:
    @dataclass
    class Flat(Cells):
        def current(self, voltage: Array, /) -> Array:
            return super().current(voltage).ravel()

    with pytest.raises(ModelError, match="shape"):
        solve_nonlinear(network((2, 3), 1.0), Flat(np.full((2, 3), 1e-4)), sources((2, 3), 0.2))


def test_start_of_another_crossbar() -> None:
    small, large = (2, 2), (2, 3)
    start = solve_nonlinear(network(small, 1.0), Cells(np.full(small, 1e-4)), sources(small, 0.2))
    with pytest.raises(ModelError, match="start from"):
        solve_nonlinear(network(large, 1.0), Cells(np.full(large, 1e-4)), sources(large, 0.2), start)


def test_what_cannot_be_reached_is_an_error_with_the_move(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (4, 4)
    monkeypatch.setattr(nonlinear, "NEWTON_MAX", 2)
    with pytest.raises(ModelError, match=r"after 2 Newton steps: nodes still move by .* V, more than 2e-10 V"):
        solve_nonlinear(network(shape, 2.0), Cells(np.full(shape, 1e-3), v0=0.02), sources(shape, 0.2))
