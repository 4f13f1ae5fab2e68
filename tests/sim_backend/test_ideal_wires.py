"""Line currents and limits of a write, against sums over the array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.board_data import WriteScheme
from labctl.levels import G_MAX
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.ideal_wires import IdealWiring, lowered


def random_die(rows: int = 6, columns: int = 9) -> Die:
    die = Die.fresh("test", rows, columns, device_named("ru-azo", G_MAX), 0)
    die.state[:] = np.random.default_rng(0).uniform(0, 16_519, (rows, columns))
    return die


def line_currents(die: Die, row: int, column: int, voltage: float, scheme: WriteScheme) -> list[float]:
    """Return every line's current (A) from the voltages of the lines themselves."""
    if scheme == WriteScheme.HALF:
        row_lines, column_lines = np.full(die.rows, voltage / 2), np.full(die.columns, voltage / 2)
    else:
        row_lines, column_lines = np.full(die.rows, voltage / 3), np.full(die.columns, 2 * voltage / 3)
    row_lines[row], column_lines[column] = voltage, 0.0
    voltages = (row_lines[:, None] - column_lines).reshape(-1)
    current = np.abs(die.current(np.arange(die.state.size), voltages)).reshape(die.state.shape)
    return [*current.sum(axis=0), *current.sum(axis=1)]


def test_every_other_cell_is_a_neighbour_or_at_rest() -> None:
    point = IdealWiring(random_die()).write(2, 4, 1.6, WriteScheme.THIRD, 10.0)
    beside, apart = point.others
    assert sorted([*beside.cells, *apart.cells, 2 * 9 + 4]) == list(range(54))
    assert set(beside.cells.tolist()) == {c for c in range(54) if (c // 9 == 2) != (c % 9 == 4)}
    assert (beside.voltage, apart.voltage) == (pytest.approx(1.6 / 3), pytest.approx(-1.6 / 3))


@settings(deadline=None)
@given(
    st.integers(0, 5),
    st.integers(0, 8),
    st.floats(0.3, 2.0) | st.floats(-2.0, -0.3),
    st.sampled_from(WriteScheme),
    st.floats(1e-7, 0.3),
)
def test_no_line_exceeds_its_limit_and_none_is_held_without_need(
    row: int, column: int, voltage: float, scheme: WriteScheme, limit: float
) -> None:
    die = random_die()
    held = IdealWiring(die).write(row, column, voltage, scheme, limit).driven
    unlimited = max(line_currents(die, row, column, voltage, scheme))
    if unlimited <= limit:
        assert held == voltage
    else:
        assert 0 < held / voltage < 1
        assert max(line_currents(die, row, column, held, scheme)) == pytest.approx(limit, rel=1e-9)


def test_a_voltage_is_lowered_to_its_limit() -> None:
    assert lowered(lambda v: abs(v) * 2, 0.5, 1.0) == 0.5
    assert lowered(lambda v: abs(v) * 2, -0.8, 1.0) == pytest.approx(-0.5, rel=1e-12)
