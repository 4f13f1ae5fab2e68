"""Every scheme: which voltage each line and each cell gets, by the board's specification."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.board_data import ReadScheme, WriteScheme
from labctl.errors import ModelError
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.schemes import (
    Direction,
    DrivenNetwork,
    LineResistances,
    product_lines,
    read_lines,
    route_lines,
    write_lines,
)

SHAPE = (4, 5)
OPEN = np.inf


def cell_voltages(driven: DrivenNetwork) -> np.ndarray:
    g = np.random.default_rng(0).uniform(1e-6, 1e-4, SHAPE)
    return LinearCrossbar(driven.network, g).solve(driven.sources).cell_voltage


def test_read_with_the_other_rows_grounded() -> None:
    expected = np.zeros(SHAPE)
    expected[2] = 0.2
    assert cell_voltages(read_lines(SHAPE, 2, 0.2, ReadScheme.GROUND)) == pytest.approx(expected, abs=1e-15)


def test_read_with_the_other_rows_reversed() -> None:
    expected = np.full(SHAPE, -0.2)
    expected[[0, 3]] = 0.2
    assert cell_voltages(read_lines(SHAPE, [0, 3], 0.2, ReadScheme.REVERSE)) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("voltage", [0.0, -0.1])
def test_reverse_needs_a_positive_voltage(voltage: float) -> None:
    with pytest.raises(ModelError, match="positive"):
        read_lines(SHAPE, 2, voltage, ReadScheme.REVERSE)


def test_read_with_the_other_rows_open() -> None:
    driven = read_lines(SHAPE, 2, 0.2, ReadScheme.FLOAT)
    assert driven.network.left.tolist() == [OPEN, OPEN, 0.0, OPEN]
    assert driven.network.bottom.tolist() == [0.0] * 5
    expected = np.zeros(SHAPE)  # all columns at 0 V: so are the rows that hang on them
    expected[2] = 0.2
    assert cell_voltages(driven) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("voltage", [0.9, -0.75])
def test_half_puts_half_on_the_neighbours_and_nothing_elsewhere(voltage: float) -> None:
    expected = np.zeros(SHAPE)
    expected[1, :] = expected[:, 3] = voltage / 2
    expected[1, 3] = voltage
    assert cell_voltages(write_lines(SHAPE, 1, 3, voltage, WriteScheme.HALF)) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("voltage", [0.9, -0.75])
def test_third_puts_no_more_than_a_third_on_any_other_cell(voltage: float) -> None:
    expected = np.full(SHAPE, -voltage / 3)
    expected[1, :] = expected[:, 3] = voltage / 3
    expected[1, 3] = voltage
    assert cell_voltages(write_lines(SHAPE, 1, 3, voltage, WriteScheme.THIRD)) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("scheme", "voltage", "others"),
    [
        (ReadScheme.GROUND, 0.3, 0.0),
        (ReadScheme.GROUND, -0.3, 0.0),
        (ReadScheme.REVERSE, 0.3, -0.3),
        (ReadScheme.REVERSE, -0.3, 0.0),
    ],
)
def test_route_holds_the_other_lines(scheme: ReadScheme, voltage: float, others: float) -> None:
    expected = np.full(SHAPE, others)
    expected[1] = voltage
    assert cell_voltages(route_lines(SHAPE, 1, 3, voltage, scheme)) == pytest.approx(expected, abs=1e-15)


def test_route_opens_all_other_lines() -> None:
    driven = route_lines(SHAPE, 1, 3, 0.3, ReadScheme.FLOAT, LineResistances(both_ends=True, driver=2.0))
    network = driven.network
    for lines, selected in (
        (network.left, 1),
        (network.right, 1),
        (network.top, 3),
        (network.bottom, 3),
    ):
        assert lines[selected] == 2.0
        assert np.isinf(np.delete(lines, selected)).all()


def test_sneak_current_of_floating_lines() -> None:
    # Two by two: the selected cell beside the three others in series.
    g = np.array([[1e-6, 2e-6], [3e-6, 4e-6]])
    driven = route_lines((2, 2), 0, 0, 0.5, ReadScheme.FLOAT)
    current = LinearCrossbar(driven.network, g).solve(driven.sources).left[0]
    assert current == pytest.approx(0.5 * (1e-6 + 1 / (1 / 2e-6 + 1 / 4e-6 + 1 / 3e-6)), rel=1e-12)


@pytest.mark.parametrize("direction", list(Direction))
def test_product_in_either_direction_has_positive_currents(direction: Direction) -> None:
    g = np.random.default_rng(1).uniform(1e-6, 1e-4, SHAPE)
    voltages = np.random.default_rng(2).uniform(0, 0.2, SHAPE[direction])
    driven = product_lines(SHAPE, direction, voltages)
    solution = LinearCrossbar(driven.network, g).solve(driven.sources)
    if direction is Direction.ROWS_IN:
        assert solution.bottom == pytest.approx(voltages @ g, rel=1e-12)
    else:
        assert solution.left == pytest.approx(g @ voltages, rel=1e-12)


def test_resistances_stand_where_the_wiring_says() -> None:
    resistances = LineResistances(row_segment=0.5, column_segment=0.7, driver=10.0, sense=3.0)
    one = read_lines(SHAPE, 0, 0.1, ReadScheme.GROUND, resistances).network
    assert (one.row_segment, one.column_segment) == (0.5, 0.7)
    assert (one.left == 10.0).all()
    assert np.isinf(one.right).all()
    assert (one.bottom == 3.0).all()
    assert np.isinf(one.top).all()
    both = LineResistances(driver=10.0, sense=3.0, both_ends=True)
    write = write_lines(SHAPE, 0, 0, 0.9, WriteScheme.HALF, both).network
    assert all((ends == 10.0).all() for ends in (write.left, write.right, write.top, write.bottom))
    columns_in = product_lines(SHAPE, Direction.COLUMNS_IN, np.zeros(5), both).network
    assert (columns_in.left == 3.0).all()
    assert np.isinf(columns_in.right).all()
    assert (columns_in.top == 10.0).all()


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_every_selected_cell_gets_the_full_voltage(rows: int, columns: int, data: st.DataObject) -> None:
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    g = np.full((rows, columns), 1e-5)
    for driven in (
        *(write_lines((rows, columns), row, column, 0.9, scheme) for scheme in WriteScheme),
        *(route_lines((rows, columns), row, column, 0.9, scheme) for scheme in ReadScheme),
    ):
        solution = LinearCrossbar(driven.network, g).solve(driven.sources)
        assert solution.cell_voltage[row, column] == pytest.approx(0.9, rel=1e-12)


def test_lines_that_do_not_exist_are_named() -> None:
    with pytest.raises(ModelError, match="row 4: the array has rows 0 to 3"):
        read_lines(SHAPE, 4, 0.1, ReadScheme.GROUND)
    with pytest.raises(ModelError, match="row none"):
        read_lines(SHAPE, [], 0.1, ReadScheme.GROUND)
    with pytest.raises(ModelError, match="column -1"):
        write_lines(SHAPE, 0, -1, 0.9, WriteScheme.HALF)
    with pytest.raises(ModelError, match="column 5"):
        route_lines(SHAPE, 0, 5, 0.9, ReadScheme.GROUND)
    with pytest.raises(ModelError, match="4 input lines"):
        product_lines(SHAPE, Direction.ROWS_IN, np.zeros(5))
