"""Linear cells against dense nodal analysis in extended precision, in every kind of circuit."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from labctl.errors import ModelError
from sim_backend.crossbar import circuit
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.network import Network, Solution, Sources

Array = NDArray[np.float64]
INF = np.inf


@pytest.fixture(params=["compiled", "plain"], autouse=True)
def _solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything with numba and without."""
    if request.param == "compiled" and importlib.util.find_spec("numba") is None:
        pytest.skip("numba is not installed: its loops are NOT tested")
    monkeypatch.setattr(circuit, "COMPILED", request.param == "compiled")


@dataclass
class Nodal:
    """A circuit's nodes: ground is 0, row nodes and column nodes are merged along segments of 0 ohm."""

    network: Network
    sources: Sources

    def __post_init__(self) -> None:
        rows, columns = self.network.shape
        line = np.arange(rows)[:, None] * (columns if self.network.row_segment else 1)
        self.row = 1 + line + (np.arange(columns) if self.network.row_segment else np.zeros(columns, dtype=int))
        line = np.arange(columns) * (rows if self.network.column_segment else 1)
        place = np.arange(rows)[:, None] if self.network.column_segment else np.zeros((rows, 1), dtype=int)
        self.column = 1 + self.row.max() + line + place
        self.count = int(self.column.max()) + 1
        self.ends = [
            ("left", self.row[:, 0], self.network.left + self.network.row_segment, self.sources.left),
            ("right", self.row[:, -1], self.network.right + self.network.row_segment, self.sources.right),
            ("top", self.column[0], self.network.top + self.network.column_segment, self.sources.top),
            ("bottom", self.column[-1], self.network.bottom + self.network.column_segment, self.sources.bottom),
        ]

    def solve(self, conductance: Array) -> Solution:
        """Return the solution, all in long double but for the factorisation."""
        pairs: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.longdouble]]] = [
            (self.row.ravel(), self.column.ravel(), conductance.ravel().astype(np.longdouble))
        ]
        one = np.ones(1, dtype=np.longdouble)
        if self.network.row_segment:
            pairs.append((self.row[:, 1:].ravel(), self.row[:, :-1].ravel(), one / self.network.row_segment))
        if self.network.column_segment:
            pairs.append((self.column[1:].ravel(), self.column[:-1].ravel(), one / self.network.column_segment))
        matrix = np.zeros((self.count, self.count), dtype=np.longdouble)
        injected = np.zeros(self.count, dtype=np.longdouble)
        fixed: dict[int, float] = {0: 0.0}
        for _, nodes, resistance, voltage in self.ends:
            for node, ohm, volts in zip(nodes.tolist(), resistance.tolist(), voltage.tolist(), strict=True):
                if ohm == 0:
                    fixed[node] = volts
                elif ohm < INF:
                    pairs.append((np.array([node]), np.array([0]), one / ohm))
                    injected[node] += volts / np.longdouble(ohm)
        for a, b, g in pairs:
            np.add.at(matrix, (a, a), g)
            np.add.at(matrix, (b, b), g)
            np.add.at(matrix, (a, b), -g)
            np.add.at(matrix, (b, a), -g)
        linked = (matrix != 0).astype(int)
        linked[list(fixed), 0] = 1
        label = connected_components(coo_matrix(linked), directed=False)[1]
        fixed |= {int(node): 0.0 for node in np.flatnonzero(label != label[0])}
        potential = np.zeros(self.count, dtype=np.longdouble)
        potential[list(fixed)] = list(fixed.values())
        free = np.setdiff1d(np.arange(self.count), list(fixed))
        factors = lu_factor(matrix[np.ix_(free, free)].astype(float)) if len(free) else None
        for _ in range(4):
            left_over = (injected - matrix @ potential)[free]
            potential[free] += 0 if factors is None else lu_solve(factors, left_over.astype(float))
        return self._outputs(conductance, potential)

    def _outputs(self, conductance: Array, potential: NDArray[np.longdouble]) -> Solution:
        row, column = potential[self.row], potential[self.column]
        cells = conductance * (row - column)
        sides: dict[str, Array] = {}
        for name, nodes, resistance, voltage in self.ends:
            with np.errstate(divide="ignore", invalid="ignore"):
                sides[name] = np.where(resistance > 0, (voltage - potential[nodes]) / resistance, np.nan)
        for a, b, needed in (("left", "right", cells.sum(axis=1)), ("top", "bottom", -cells.sum(axis=0))):
            both = np.isnan(sides[a]) & np.isnan(sides[b])
            lone_a, lone_b = np.isnan(sides[a]) & ~both, np.isnan(sides[b]) & ~both
            sides[a], sides[b] = (
                np.where(both, needed / 2, np.where(lone_a, needed - sides[b], sides[a])),
                np.where(both, needed / 2, np.where(lone_b, needed - sides[a], sides[b])),
            )
        as_float = {name: np.asarray(value, dtype=np.float64) for name, value in sides.items()}
        return Solution(
            np.asarray(row, dtype=np.float64),
            np.asarray(column, dtype=np.float64),
            as_float["left"],
            as_float["right"],
            -as_float["top"],
            -as_float["bottom"],
        )


def outputs(solution: Solution) -> Array:
    """Return all end currents."""
    return np.concatenate([solution.left, solution.right, solution.top, solution.bottom])


def assert_close(got: Solution, nodal: Nodal, conductance: Array, relative: float = 1e-11) -> None:
    """Compare potentials to the largest one, and each output to itself or to what a cell makes of a rounding."""
    reference = nodal.solve(conductance)
    volts = float(max(np.abs(reference.row_potential).max(), np.abs(reference.column_potential).max()))
    np.testing.assert_allclose(got.row_potential, reference.row_potential, rtol=0, atol=1e-12 * volts)
    np.testing.assert_allclose(got.column_potential, reference.column_potential, rtol=0, atol=1e-12 * volts)
    floor = 1e-14 * volts * float(conductance.max()) * max(conductance.shape)
    # The reference balances currents between nodes, as finely as it resolves the voltages across resistors.
    segments = [nodal.network.row_segment, nodal.network.column_segment]
    resistances = np.concatenate([segments, *(resistance for _, _, resistance, _ in nodal.ends)])
    floor += 16 * float(np.finfo(np.longdouble).eps) * volts / resistances.min(initial=INF, where=resistances > 0)
    np.testing.assert_allclose(outputs(got), outputs(reference), rtol=relative, atol=floor)
    into, out = got.left.sum() + got.right.sum(), got.top.sum() + got.bottom.sum()
    assert abs(into - out) <= 1e-13 * np.abs(outputs(got)).sum() + floor


def network(shape: tuple[int, int], segments: tuple[float, float] = (2.0, 2.0), **given: float) -> Network:
    """Return a network driven left and read at the bottom, unless `given` says otherwise."""
    rows, columns = shape
    ohms = {"left": 0.0, "right": INF, "top": INF, "bottom": 0.0} | given
    return Network(
        *segments,
        left=np.full(rows, ohms["left"]),
        right=np.full(rows, ohms["right"]),
        top=np.full(columns, ohms["top"]),
        bottom=np.full(columns, ohms["bottom"]),
    )


def random_sources(shape: tuple[int, int], seed: int = 3) -> Sources:
    """Return voltages of 0 to 0.2 V everywhere."""
    generator = np.random.default_rng(seed)
    return Sources(*(generator.uniform(0.0, 0.2, shape[side]) for side in (0, 0, 1, 1)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (5, 8), (9, 4)])
@pytest.mark.parametrize("segments", [(2.0, 1.5), (0.0, 1.5), (2.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize(
    "ends",
    [
        {},
        {"left": 10.0, "bottom": 5.0},
        {"right": 3.0, "top": 7.0, "left": 0.4},
        {"right": 0.3, "top": 0.1, "left": 2.0, "bottom": 9.0},
        {"left": INF, "right": 2.0, "top": 1.0, "bottom": INF},
    ],
)
def test_every_termination(shape: tuple[int, int], segments: tuple[float, float], ends: dict[str, float]) -> None:
    circuit_ = network(shape, segments, **ends)
    conductance = np.random.default_rng(1).uniform(1e-6, 1e-4, shape)
    sources = random_sources(shape)
    assert_close(LinearCrossbar(circuit_, conductance).solve(sources), Nodal(circuit_, sources), conductance)


@pytest.mark.parametrize("segment", [0.05, 0.5, 2.5])
@pytest.mark.parametrize("highest", [2e-6, 2e-4, 5.9e-3])
def test_hard_regimes(segment: float, highest: float) -> None:
    shape = (24, 24)
    conductance = np.random.default_rng(2).uniform(200e-9, highest, shape)
    circuit_, sources = network(shape, (segment, segment)), random_sources(shape)
    assert_close(LinearCrossbar(circuit_, conductance).solve(sources), Nodal(circuit_, sources), conductance)


def test_large_array_of_strong_cells_obeys_kirchhoff_at_every_node() -> None:
    """96 x 96 at 5.9 mS and 2.5 ohm: nearly everything is lost on the way, line sweeps alone creep."""
    shape = (96, 96)
    conductance = np.random.default_rng(3).uniform(200e-9, 5.9e-3, shape)
    segment = 2.5
    sources = Sources(np.linspace(0.1, 0.2, 96), np.zeros(96), np.zeros(96), np.zeros(96))
    got = LinearCrossbar(network(shape, (segment, segment)), conductance).solve(sources)
    cells = conductance * got.cell_voltage
    # What flows along each segment of the rows is what all cells behind it take.
    behind = np.cumsum(cells[:, ::-1], axis=1)[:, ::-1]
    potential = sources.left[:, None] - segment * np.cumsum(behind, axis=1)
    np.testing.assert_allclose(got.row_potential, potential, rtol=0, atol=1e-12)
    before = np.cumsum(cells, axis=0)
    potential = segment * np.cumsum(before[::-1], axis=0)[::-1]
    np.testing.assert_allclose(got.column_potential, potential, rtol=0, atol=1e-12)


@st.composite
def circuits(draw: st.DrawFn) -> tuple[Network, Sources, Array]:
    """Any small circuit, ends open or not, cells off or not."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    along_rows, along_columns = (draw(st.sampled_from([0.0, 0.05, 2.0, 50.0])) for _ in range(2))
    ends = [
        np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 200.0, INF]), min_size=count, max_size=count)))
        for count in (rows, rows, columns, columns)
    ]
    volts = [
        np.array(draw(st.lists(st.floats(-1, 1, width=32), min_size=count, max_size=count)))
        for count in (rows, rows, columns, columns)
    ]
    cells = st.sampled_from([0.0, 1e-6, 4.7e-5, 5.9e-3])
    conductance = np.array(draw(st.lists(cells, min_size=rows * columns, max_size=rows * columns)))
    if along_rows == 0:
        volts[1] = np.where((ends[0] == 0) & (ends[1] == 0), volts[0], volts[1])
    if along_columns == 0:
        volts[3] = np.where((ends[2] == 0) & (ends[3] == 0), volts[2], volts[3])
    return Network(along_rows, along_columns, *ends), Sources(*volts), conductance.reshape(rows, columns)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(circuits())
def test_any_small_circuit(case: tuple[Network, Sources, Array]) -> None:
    circuit_, sources, conductance = case
    got = LinearCrossbar(circuit_, conductance).solve(sources)
    assert_close(got, Nodal(circuit_, sources), conductance, relative=1e-9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(circuits(), st.floats(-3, 3), st.integers(0, 100))
def test_linearity(case: tuple[Network, Sources, Array], factor: float, seed: int) -> None:
    circuit_, one, conductance = case
    assume(circuit_.row_segment > 0 and circuit_.column_segment > 0)
    other = random_sources(circuit_.shape, seed)
    both = Sources(
        one.left + factor * other.left,
        one.right + factor * other.right,
        one.top + factor * other.top,
        one.bottom + factor * other.bottom,
    )
    crossbar = LinearCrossbar(circuit_, conductance)
    expected = outputs(crossbar.solve(one)) + factor * outputs(crossbar.solve(other))
    np.testing.assert_allclose(outputs(crossbar.solve(both)), expected, rtol=1e-9, atol=1e-14)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(circuits(), st.data())
def test_reciprocity(case: tuple[Network, Sources, Array], data: st.DataObject) -> None:
    """What 1 V at one end drives out of another is what 1 V there drives out of the first."""
    circuit_, _, conductance = case
    assume(circuit_.row_segment > 0 and circuit_.column_segment > 0)
    rows, columns = circuit_.shape
    sides = {"left": rows, "right": rows, "top": columns, "bottom": columns}
    ends = [(name, line) for name, count in sides.items() for line in range(count)]
    first, second = data.draw(st.sampled_from(ends)), data.draw(st.sampled_from(ends))
    assume(first != second)

    def out_of(driven: tuple[str, int], seen: tuple[str, int]) -> float:
        sources = Sources(np.zeros(rows), np.zeros(rows), np.zeros(columns), np.zeros(columns))
        getattr(sources, driven[0])[driven[1]] = 1.0
        solution = LinearCrossbar(circuit_, conductance).solve(sources)
        current = float(getattr(solution, seen[0])[seen[1]])
        return current if seen[0] in ("top", "bottom") else -current

    np.testing.assert_allclose(out_of(first, second), out_of(second, first), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("segment", [0.0, 0.05])
def test_floating_line_of_weak_cells_keeps_its_digits(segment: float) -> None:
    """Cells of 1 fS and less on wires of 20 S: the line stands at the mean of the others, weighted by its cells."""
    shape = (2, 40)
    conductance = np.full(shape, 1e-9)
    conductance[1] = np.random.default_rng(4).uniform(1e-16, 1e-15, 40)
    circuit_ = Network(segment, 0.0, np.array([0.0, INF]), np.full(2, INF), np.full(40, INF), np.zeros(40))
    bottom = np.random.default_rng(5).uniform(0.0, 1.0, 40)
    got = LinearCrossbar(circuit_, conductance).solve(Sources(np.ones(2), np.zeros(2), np.zeros(40), bottom))
    mean = float(conductance[1] @ bottom / conductance[1].sum())
    np.testing.assert_allclose(got.row_potential[1], mean, rtol=1e-13)


@pytest.mark.parametrize("segment", [0.0, 1.0])
def test_lines_that_hang_on_nothing_are_at_0_volt(segment: float) -> None:
    """A row without cells, and a row and a column joined to one another only."""
    rows = columns = 4
    conductance = np.full((rows, columns), 1e-5)
    conductance[1] = 0.0
    conductance[2, :] = conductance[:, 3] = 0.0
    conductance[2, 3] = 1e-3
    left = np.array([0.0, INF, INF, 0.0])
    bottom = np.array([0.0, 0.0, 0.0, INF])
    circuit_ = Network(segment, segment, left, np.full(4, INF), np.full(4, INF), bottom)
    sources = Sources(np.full(4, 0.2), np.full(4, np.nan), np.full(4, np.nan), np.array([0.0, 0.0, 0.0, np.nan]))
    got = LinearCrossbar(circuit_, conductance).solve(sources)
    assert not got.row_potential[1:3].any()
    assert not got.column_potential[:, 3].any()
    assert np.isfinite(outputs(got)).all()
    assert got.left.sum() == pytest.approx(got.bottom.sum(), rel=1e-14)
    assert got.left[0] > 0


def test_array_without_any_source_is_at_0_volt() -> None:
    circuit_ = network((3, 2), left=INF, bottom=INF)
    got = LinearCrossbar(circuit_, np.full((3, 2), 1e-5)).solve(random_sources((3, 2)))
    assert not got.row_potential.any()
    assert not got.column_potential.any()
    assert not outputs(got).any()


def test_equal_voltages_everywhere_drive_nothing() -> None:
    shape = (5, 4)
    circuit_ = network(shape, left=3.0, right=0.0, top=INF, bottom=1.0)
    sources = Sources(*(np.full(shape[side], 0.7) for side in (0, 0, 1, 1)))
    got = LinearCrossbar(circuit_, np.full(shape, 1e-3)).solve(sources)
    np.testing.assert_allclose(got.row_potential, 0.7, rtol=1e-14)
    np.testing.assert_allclose(outputs(got), 0.0, atol=1e-16)


def test_same_result_with_and_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    shape = (33, 20)
    conductance = np.random.default_rng(8).uniform(1e-6, 1e-3, shape)
    found: list[Array] = []
    for compiled in (True, False):
        monkeypatch.setattr(circuit, "COMPILED", compiled)
        found.append(outputs(LinearCrossbar(network(shape, right=1.0), conductance).solve(random_sources(shape))))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_without_numba_numpy_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (5, 6)
    conductance, sources = np.full(shape, 1e-4), random_sources(shape)
    expected = outputs(LinearCrossbar(network(shape), conductance).solve(sources))
    monkeypatch.setattr(circuit, "COMPILED", True)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "sim_backend.crossbar.compiled", raising=False)
    circuit._compiled_solver.cache_clear()
    try:
        assert circuit._compiled_solver() is None
        got = outputs(LinearCrossbar(network(shape), conductance).solve(sources))
    finally:
        circuit._compiled_solver.cache_clear()
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_later_changes_of_the_caller_s_array_do_nothing() -> None:
    """The crossbar keeps its own conductances."""
    conductance = np.full((2, 2), 1e-5)
    crossbar = LinearCrossbar(network((2, 2)), conductance)
    before = outputs(crossbar.solve(random_sources((2, 2))))
    conductance[:] = 1.0
    crossbar.conductance[:] = 1.0
    np.testing.assert_array_equal(outputs(crossbar.solve(random_sources((2, 2)))), before)


@pytest.mark.parametrize("wrong", [-1e-9, np.nan, np.inf])
def test_impossible_conductances(wrong: float) -> None:
    conductance = np.full((3, 4), 1e-6)
    conductance[1, 2] = wrong
    with pytest.raises(ModelError, match=r"cell \(1, 2\)"):
        LinearCrossbar(network((3, 4)), conductance)


def test_conductances_of_another_shape() -> None:
    with pytest.raises(ModelError, match="shape"):
        LinearCrossbar(network((3, 4)), np.full((4, 3), 1e-6))


def test_missing_and_undefined_voltages() -> None:
    crossbar = LinearCrossbar(network((2, 2)), np.full((2, 2), 1e-6))
    with pytest.raises(ModelError, match="left: 2 sources"):
        crossbar.solve(Sources(np.zeros(3), np.zeros(2), np.zeros(2), np.zeros(2)))
    with pytest.raises(ModelError, match=r"bottom\[1\]"):
        crossbar.solve(Sources(np.zeros(2), np.zeros(2), np.zeros(2), np.array([0.0, np.nan])))
