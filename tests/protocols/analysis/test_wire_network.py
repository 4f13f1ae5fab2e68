"""The solver of wires that protocols use: against circuits solved by hand, and against the twin's own solver."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.board_data import ReadScheme
from labctl.errors import ParameterError
from protocols.analysis.array_law import ArrayLaw
from protocols.analysis.wire_network import Wires, operating_points
from protocols.analysis.wire_products import (
    column_products,
    linear_transfer,
    product_currents,
    row_reads,
    width_currents,
)
from sim_backend.crossbar import schemes
from sim_backend.crossbar.nonlinear import solve_nonlinear

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TwinLaw:
    """The same law as the twin's solver asks for it."""

    law: ArrayLaw

    def current(self, voltage: Array) -> Array:
        return self.law.current(voltage)

    def slope(self, voltage: Array) -> Array:
        return self.law.current_and_slope(voltage)[1]


def twin_products(law: ArrayLaw, wires: Wires, voltages: Array, columns_in: bool = False) -> Array:
    resistances = schemes.LineResistances(wires.row_segment, wires.column_segment, wires.driver, wires.reader)
    side = schemes.Direction.COLUMNS_IN if columns_in else schemes.Direction.ROWS_IN
    found: list[Array] = []
    for vector in voltages:
        circuit = schemes.product_lines(law.shape, side, vector, resistances)
        solution = solve_nonlinear(circuit.network, TwinLaw(law), circuit.sources)
        found.append(solution.left if columns_in else solution.bottom)
    # The twin counts a row's current into the array, so that of a sensed row is negative there.
    return np.abs(np.array(found)) * np.sign(voltages.sum(axis=1, keepdims=True)) if columns_in else np.array(found)


def random_law(g_max: float, shape: tuple[int, int] = (64, 64), bend: float = 0.344) -> ArrayLaw:
    return ArrayLaw(np.random.default_rng(0).uniform(g_max / 100, g_max, shape), bend, 1e4)


def test_one_cell_is_a_chain_of_resistors() -> None:
    law, wires = ArrayLaw(np.array([[1e-3]])), Wires(2.0, 3.0, driver=10.0, reader=5.0)
    current = product_currents(law, wires, np.array([[0.2]]))
    assert current[0, 0] == pytest.approx(0.2 / (1000 + 2 + 3 + 10 + 5), rel=1e-12)


def test_two_by_two_cells_as_solved_by_hand() -> None:
    # Nodes u00 u01 u10 u11 of the rows, then v00 v01 v10 v11 of the columns; each line of the matrix is one node's
    # currents. Rows are held at the left (u00, u10), columns at the bottom (v10, v11).
    a, b, c, d = 1e-3, 2e-3, 3e-3, 4e-3
    p, q = 1 / 20.0, 1 / 30.0  # conductances of a row's and of a column's segment
    matrix = np.array([
        [2 * p + a, -p, 0, 0, -a, 0, 0, 0],
        [-p, p + b, 0, 0, 0, -b, 0, 0],
        [0, 0, 2 * p + c, -p, 0, 0, -c, 0],
        [0, 0, -p, p + d, 0, 0, 0, -d],
        [-a, 0, 0, 0, q + a, 0, -q, 0],
        [0, -b, 0, 0, 0, q + b, 0, -q],
        [0, 0, -c, 0, -q, 0, 2 * q + c, 0],
        [0, 0, 0, -d, 0, -q, 0, 2 * q + d],
    ])  # fmt: skip
    sources = np.array([p * 0.2, 0, p * 0.1, 0, 0, 0, 0, 0])
    potential = np.linalg.solve(matrix, sources)
    wanted = potential[6:] * q
    law = ArrayLaw(np.array([[a, b], [c, d]]))
    found = product_currents(law, Wires(20.0, 30.0), np.array([[0.2, 0.1]]))
    np.testing.assert_allclose(found[0], wanted, rtol=1e-10)
    points = operating_points(law, Wires(20.0, 30.0), np.array([[0.2, 0.1]]))
    np.testing.assert_allclose(points.cell_voltage.reshape(-1), potential[:4] - potential[4:], rtol=1e-10)


@pytest.mark.parametrize(
    ("g_max", "wires"),
    [
        (2e-6, Wires(0.5, 0.5)),
        (20e-6, Wires(0.5, 1.5)),
        (200e-6, Wires(0.5, 0.5)),
        (5.9e-3, Wires(0.5, 0.5)),
        (20e-6, Wires(0.0, 0.5)),
        (20e-6, Wires(0.5, 0.0)),
        (20e-6, Wires(0.0, 0.0)),
        (200e-6, Wires(0.2, 0.1, driver=3.0, reader=2.0)),
        (200e-6, Wires(0.0, 0.1, driver=3.0)),
    ],
)
def test_it_agrees_with_the_twins_own_solver(g_max: float, wires: Wires) -> None:
    law = random_law(g_max)
    draw = np.random.default_rng(1)
    voltages = np.vstack([
        draw.uniform(0, 0.2, (2, 64)),
        np.where(np.arange(64) == 17, 0.2, 0.0),
        np.where(np.arange(64) == 17, 0.2, -0.2),
        np.zeros(64),
    ])  # fmt: skip
    found = product_currents(law, wires, voltages)
    np.testing.assert_allclose(found, twin_products(law, wires, voltages), rtol=1e-6, atol=1e-20)


def test_columns_as_inputs_are_driven_at_the_bottom_and_rows_read_at_the_left() -> None:
    law, wires = random_law(2e-4, (20, 12)), Wires(0.5, 1.5, driver=1.0)
    voltages = np.random.default_rng(2).uniform(0, 0.2, (3, 12))
    found = column_products(law, wires, voltages)
    assert (found > 0).all()
    np.testing.assert_allclose(found, twin_products(law, wires, voltages, columns_in=True), rtol=1e-6)


def test_width_coding_is_the_mean_over_the_slot() -> None:
    law, wires = random_law(2e-4, (8, 5)), Wires(5.0, 5.0)
    shares = np.random.default_rng(3).uniform(0, 1, (3, 8))
    shares[1, :4] = 0.25
    instants = (np.arange(4000) + 0.5) / 4000
    on = (shares[:, None, :] > instants[None, :, None]).astype(np.float64)
    slow = np.array([product_currents(law, wires, 0.003 + 0.1 * one).mean(axis=0) for one in on])
    np.testing.assert_allclose(width_currents(law, wires, shares, 0.1, 0.003), slow, rtol=2e-3)
    whole = width_currents(law, wires, np.ones((1, 8)), 0.1, 0.003)
    np.testing.assert_allclose(whole, product_currents(law, wires, np.full((1, 8), 0.103)), rtol=1e-9)


def test_a_linear_array_is_its_transfer_matrix_and_a_rectifying_one_is_not() -> None:
    law, wires = ArrayLaw(random_law(2e-4).conductance), Wires(0.5, 0.5)
    voltages = np.random.default_rng(4).uniform(0, 0.2, (2, 64))
    transfer = linear_transfer(law.conductance, wires)
    np.testing.assert_allclose(voltages @ transfer, product_currents(law, wires, voltages), rtol=1e-8)
    np.testing.assert_allclose(row_reads(law, wires, 0.2) / 0.2, transfer, rtol=1e-8)
    alone = row_reads(random_law(2e-4, bend=math.inf), wires, 0.2) / 0.2
    assert float(np.abs(alone / transfer - 1).max()) > 0.01


def test_reversed_rows_leak_what_rectification_lets_back() -> None:
    law = random_law(2e-5, (16, 16))
    ideal = Wires(0.0, 0.0)
    read = row_reads(law, ideal, 0.2, ReadScheme.REVERSE, np.array([3]))[0]
    own = law.conductance[3] * 0.2
    leak = (law.conductance.sum(axis=0) - law.conductance[3]) * 0.2 / 1e4
    np.testing.assert_allclose(read, own - leak, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ArrayLaw(np.zeros(3)), "shape"),
        (lambda: ArrayLaw(np.array([[-1e-6]])), "0 S or more"),
        (lambda: ArrayLaw(np.ones((2, 2)), bend=0.0), "above 0 V"),
        (lambda: ArrayLaw(np.ones((2, 2)), rectification=0.5), "below 1"),
        (lambda: Wires(-1.0, 0.0), "row_segment"),
        (lambda: Wires(0.0, math.inf), "column_segment"),
        (lambda: product_currents(ArrayLaw(np.ones((2, 2))), Wires(1, 1), np.ones((1, 3))), "voltages"),
        (lambda: width_currents(ArrayLaw(np.ones((2, 2))), Wires(1, 1), np.full((1, 2), 1.1), 0.1), "widths"),
        (lambda: row_reads(ArrayLaw(np.ones((2, 2))), Wires(1, 1), 0.2, ReadScheme.FLOAT), "floating"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(ParameterError, match=words):
        make()
