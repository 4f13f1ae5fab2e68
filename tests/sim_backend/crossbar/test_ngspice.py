"""The crossbar's solvers against ngspice, and against a plain sparse nodal analysis: every output current.

Of 64 x 64 cells a few cases are compared here, as ngspice needs seconds for each. All of them, by hand:

    NGSPICE_GRID=1 pytest tests/sim_backend/crossbar/test_ngspice.py -k 64_against_ngspice
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.board_data import ReadScheme, WriteScheme
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.network import Network, Sources
from sim_backend.crossbar.nonlinear import solve_nonlinear
from sim_backend.crossbar.schemes import (
    Direction,
    DrivenNetwork,
    LineResistances,
    product_lines,
    read_lines,
    route_lines,
    write_lines,
)
from sim_backend.validation.bent_cells import BentCells

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim_backend.crossbar.network import Solution

    Array = NDArray[np.float64]
    SolveCircuit = Callable[..., Solution]

RESOLUTION = 1e-13
"""To this fraction of the larger of both potentials, a reference resolves the voltage across the resistance of an end;
its current follows from that difference. (The potentials of ngspice and of the sparse analysis differ by up to 6e-14
of the largest source where no line floats.) It is far below `relative` for the outputs at virtual ground;
it counts for lines that take nearly nothing from a low resistance."""

WIRINGS = {
    "one end": LineResistances(row_segment=0.5, column_segment=0.5),
    "one end, resistances": LineResistances(row_segment=2.0, column_segment=1.5, driver=10.0, sense=5.0),
    "both ends": LineResistances(row_segment=0.5, column_segment=0.7, both_ends=True),
    "both ends, resistances": LineResistances(
        row_segment=2.0, column_segment=1.5, driver=10.0, sense=5.0, both_ends=True
    ),
    "ideal columns": LineResistances(row_segment=1.0, driver=10.0, sense=5.0),
}


def inputs(count: int) -> Array:
    """Return input voltages (V), some of them 0."""
    voltages = np.random.default_rng(5).uniform(0.0, 0.2, count)
    voltages[::3] = 0.0
    return voltages


SCHEMES: dict[str, Callable[[int, LineResistances], DrivenNetwork]] = {
    "ground": lambda n, resistances: read_lines((n, n), 1, 0.2, ReadScheme.GROUND, resistances),
    "float": lambda n, resistances: read_lines((n, n), 1, 0.2, ReadScheme.FLOAT, resistances),
    "reverse": lambda n, resistances: read_lines((n, n), n - 1, 0.2, ReadScheme.REVERSE, resistances),
    "half": lambda n, resistances: write_lines((n, n), 1, n - 2, 0.9, WriteScheme.HALF, resistances),
    "half, negative": lambda n, resistances: write_lines((n, n), 1, n - 2, -0.75, WriteScheme.HALF, resistances),
    "third": lambda n, resistances: write_lines((n, n), n // 2, 0, 0.9, WriteScheme.THIRD, resistances),
    "route, float": lambda n, resistances: route_lines((n, n), 1, 2, 0.4, ReadScheme.FLOAT, resistances),
    "route, reverse": lambda n, resistances: route_lines((n, n), 1, 2, 0.4, ReadScheme.REVERSE, resistances),
    "rows in": lambda n, resistances: product_lines((n, n), Direction.ROWS_IN, inputs(n), resistances),
    "columns in": lambda n, resistances: product_lines((n, n), Direction.COLUMNS_IN, inputs(n), resistances),
}

BENDS = {"sinh": (0.343826, 1.0), "rectifying sinh": (0.343826, 1e4), "rectifying": (math.inf, 1e2)}
"""Bend voltage (V) and rectification."""


WHOLE_GRID = "NGSPICE_GRID" in os.environ
EVERY_LINEAR = [(scheme, resistances) for scheme in SCHEMES for resistances in WIRINGS]
EVERY_NONLINEAR = [(scheme, resistances, bend) for scheme, resistances in EVERY_LINEAR for bend in BENDS]
LINEAR_64 = EVERY_LINEAR if WHOLE_GRID else [("reverse", "one end"), ("third", "both ends, resistances")]
NONLINEAR_64 = (
    EVERY_NONLINEAR
    if WHOLE_GRID
    else [("half", "both ends, resistances", "sinh"), ("ground", "one end", "rectifying sinh")]
)


def conductances(side: int, low: float = 1e-6, high: float = 100e-6) -> Array:
    """Return conductances (S), over two decades, with a row of cells that hardly conduct."""
    g = np.exp(np.random.default_rng(side).uniform(math.log(low), math.log(high), (side, side)))
    g[side // 2] *= 1e-3
    return g


def assert_same(
    circuit: DrivenNetwork, got: Solution, reference: Solution, relative: float, resolution: float = RESOLUTION
) -> None:
    """Compare the current of every end that is not open, each to its own magnitude and what the reference resolves."""
    network, sources = circuit.network, circuit.sources
    node = {
        "left": reference.row_potential[:, 0],
        "right": reference.row_potential[:, -1],
        "top": reference.column_potential[0],
        "bottom": reference.column_potential[-1],
    }
    for side, potential in node.items():
        segment = network.row_segment if side in ("left", "right") else network.column_segment
        resistance = getattr(network, side) + segment
        largest = np.maximum(np.abs(getattr(sources, side)), np.abs(potential))
        expected: Array = getattr(reference, side)
        allowed = relative * np.abs(expected) + resolution * largest / resistance
        error = np.abs(getattr(got, side) - expected)
        worst = int(np.argmax(error - allowed))
        assert (error <= allowed).all(), (
            f"{side}[{worst}]: {getattr(got, side)[worst]} A, not {expected[worst]} A; "
            f"{error[worst] / abs(expected[worst]):.2e} relative"
        )


@pytest.mark.parametrize("resistances", WIRINGS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("side", [4, 16])
def test_linear_against_ngspice(ngspice: SolveCircuit, side: int, scheme: str, resistances: str) -> None:
    circuit, g = SCHEMES[scheme](side, WIRINGS[resistances]), conductances(side)
    reference = ngspice(circuit.network, circuit.sources, g)
    got = LinearCrossbar(circuit.network, g).solve(circuit.sources)
    assert_same(circuit, got, reference, 1e-9)


@pytest.mark.parametrize("bend", BENDS)
@pytest.mark.parametrize("resistances", WIRINGS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("side", [4, 16])
def test_nonlinear_against_ngspice(ngspice: SolveCircuit, side: int, scheme: str, resistances: str, bend: str) -> None:
    circuit, cells = SCHEMES[scheme](side, WIRINGS[resistances]), BentCells(conductances(side), *BENDS[bend])
    reference = ngspice(circuit.network, circuit.sources, cells.conductance, cells)
    got = solve_nonlinear(circuit.network, cells, circuit.sources)
    assert_same(circuit, got, reference, 1e-6)


@pytest.mark.parametrize(("scheme", "resistances"), [("reverse", "one end"), ("third", "both ends, resistances")])
def test_linear_64_against_ngspice(ngspice: SolveCircuit, scheme: str, resistances: str) -> None:
    circuit, g = SCHEMES[scheme](64, WIRINGS[resistances]), conductances(64)
    reference = ngspice(circuit.network, circuit.sources, g)
    assert_same(circuit, LinearCrossbar(circuit.network, g).solve(circuit.sources), reference, 1e-9)


@pytest.mark.parametrize(("scheme", "resistances", "bend"), NONLINEAR_64)
def test_nonlinear_64_against_ngspice(ngspice: SolveCircuit, scheme: str, resistances: str, bend: str) -> None:
    circuit, cells = SCHEMES[scheme](64, WIRINGS[resistances]), BentCells(conductances(64), *BENDS[bend])
    reference = ngspice(circuit.network, circuit.sources, cells.conductance, cells)
    assert_same(circuit, solve_nonlinear(circuit.network, cells, circuit.sources), reference, 1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_linear_64_against_sparse_analysis(nodal: SolveCircuit, scheme: str) -> None:
    circuit, g = SCHEMES[scheme](64, WIRINGS["both ends, resistances"]), conductances(64)
    reference = nodal(circuit.network, circuit.sources, g)
    assert_same(circuit, LinearCrossbar(circuit.network, g).solve(circuit.sources), reference, 1e-9)


def odd_network(random: np.random.Generator) -> DrivenNetwork:
    """Return an oblong array whose lines end in anything, with any voltages behind."""
    rows, columns = (int(side) for side in random.integers(1, 8, 2))

    def ends(count: int) -> Array:
        return random.choice([0.0, 1.0, 50.0, 1e3, math.inf], count, p=[0.3, 0.2, 0.1, 0.1, 0.3])

    segments = random.choice([0.5, 10.0, 200.0], 2)
    network = Network(float(segments[0]), float(segments[1]), ends(rows), ends(rows), ends(columns), ends(columns))
    scale = random.choice([0.1, 0.5, 1.0])
    voltages = [random.uniform(-scale, scale, count) for count in (rows, rows, columns, columns)]
    return DrivenNetwork(network, Sources(*voltages))


@pytest.mark.parametrize("bend", [None, *BENDS.values()])
def test_odd_networks_against_ngspice(ngspice: SolveCircuit, bend: tuple[float, float] | None) -> None:
    random = np.random.default_rng(11)
    for _ in range(60):
        circuit = odd_network(random)
        network, sources = circuit.network, circuit.sources
        if not any(np.isfinite(ends).any() for ends in (network.left, network.right, network.top, network.bottom)):
            continue
        g = np.exp(random.uniform(math.log(1e-6), math.log(1e-3), network.shape))
        if bend is None:
            reference = ngspice(network, sources, g)
            assert_same(circuit, LinearCrossbar(network, g).solve(sources), reference, 1e-9, 10 * RESOLUTION)
        else:
            cells = BentCells(g, *bend)
            reference = ngspice(network, sources, g, cells)
            assert_same(circuit, solve_nonlinear(network, cells, sources), reference, 1e-6)


def test_a_floating_column_of_one_cell_carries_nothing() -> None:
    ends = [np.array([1000.0]), np.array([1.0]), np.array([math.inf, math.inf]), np.array([math.inf, 0.0])]
    sources = Sources(np.array([-0.43]), np.array([0.33]), np.zeros(2), np.array([0.0, 0.23]))
    cells = BentCells(np.array([[1.9e-3, 1.9e-6]]), 0.2, 1e4)
    found = solve_nonlinear(Network(0.01, 10.0, *ends), cells, sources)
    assert found.cell_voltage[0, 0] == pytest.approx(0, abs=1e-9)
    assert found.left[0] + found.right[0] == pytest.approx(found.bottom[1], rel=1e-6)


def test_without_voltage_nothing_flows_wherever_the_solution_starts() -> None:
    cells = BentCells(conductances(4), 0.343826, 1e4)
    on = product_lines((4, 4), Direction.ROWS_IN, np.full(4, 0.2), WIRINGS["one end"])
    off = product_lines((4, 4), Direction.ROWS_IN, np.zeros(4), WIRINGS["one end"])
    start = solve_nonlinear(on.network, cells, on.sources)
    found = solve_nonlinear(off.network, cells, off.sources, start=start)
    assert found.bottom == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("resistances", WIRINGS)
def test_references_agree(ngspice: SolveCircuit, nodal: SolveCircuit, scheme: str, resistances: str) -> None:
    circuit, g = SCHEMES[scheme](16, WIRINGS[resistances]), conductances(16)
    one = ngspice(circuit.network, circuit.sources, g)
    other = nodal(circuit.network, circuit.sources, g)
    assert_same(circuit, one, other, 5e-11)
    largest = max(float(np.abs(volts).max()) for volts in (circuit.sources.left, circuit.sources.bottom))
    # An open line hangs on its cells alone: rounding of its segments' conductances, 1e7 times larger, moves it.
    allowed = (1e-8 if "float" in scheme else 5e-13) * largest
    assert np.abs(one.row_potential - other.row_potential).max() <= allowed
    assert np.abs(one.column_potential - other.column_potential).max() <= allowed
