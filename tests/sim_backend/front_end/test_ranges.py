"""A reader keeps its range for a whole request: the smallest that holds all of the request's results on its line."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.board_data import ReadScheme
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.front_end.interface import Direction
from sim_backend.front_end.make import make_front_end
from sim_backend.world import World

ROWS = np.array([0, 1, 2])
COLUMNS = np.array([0, 0, 1])


def world(segment: float) -> World:
    """Cells (0, 0) at the low and (1, 0) at the high end of the range; column 1 low all over."""
    die = Die.fresh("D", 3, 2, device_named("ru-azo", 5.9e-3), 1)
    die.expose(np.array([2]), 0.9, Train(80e-9, count=16_519))
    front_end = make_front_end("board", "factory", 3, 2, 5.9e-3, 1)
    return World(die, VirtualClock(), True, segment, front_end)


@pytest.mark.parametrize("segment", [0.0, 0.5])
def test_a_column_is_read_in_one_range_over_a_request(segment: float) -> None:
    held = world(segment).range_currents(ROWS, COLUMNS, 0.5, ReadScheme.GROUND, 0.25)
    assert held is not None
    assert held[0] == held[1] > 10 * held[2]
    assert held[0] > world(segment).front_end.smallest_range


def test_nothing_is_looked_for_where_the_smallest_range_holds_everything() -> None:
    assert world(0.0).range_currents(ROWS, COLUMNS, 0.2, ReadScheme.GROUND, 0.25) is None


def scatter(holds: NDArray[np.float64] | None) -> float:
    """Return the noise (A) of a small current on a reader that must hold more."""
    front_end = make_front_end("board", "factory", 3, 2, 5.9e-3, 1)
    small = np.array([1e-6])
    found = [
        front_end.read(np.array([0]), small, 0.0, 0.0, 4, Direction.ROWS_TO_COLUMNS, 0, holds).current
        for _ in range(400)
    ]
    return float(np.std(found))


def test_a_larger_range_is_noisier_and_holds_more() -> None:
    assert scatter(np.array([5e-3])) > 2 * scatter(None)
    assert scatter(np.array([1e-3])) == scatter(None)
