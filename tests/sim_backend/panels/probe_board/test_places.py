"""Cells at (row, column) and the sign of voltages and currents, in every operation, on dies that are not square."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.noise.kinds import Noise
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

if TYPE_CHECKING:
    from tests.sim_backend.panels.probe_board.conftest import BoardHost

SHAPES = [(3, 5), (5, 3), (1, 4), (4, 1)]
ROUTE, SCHEME, READ, PULSE, PULSE_READ = 0x12, 0x10, 0x20, 0x21, 0x22
METAL = 0.5
UP, DOWN = (900_000, 80, 400), (-750_000, 65, 100)

shapes = st.sampled_from(SHAPES)
segments = st.sampled_from([0.0, METAL])
seeds = st.integers(0, 2**16)
property_test = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Place:
    """A die whose cells all differ by a factor of 1.5 or more at random places, on a board that is armed."""

    def __init__(self, host: BoardHost, shape: tuple[int, int], segment: float, seed: int) -> None:
        cells = shape[0] * shape[1]
        die = Die.fresh("die", *shape, device_named("ru-azo", 20e-6), 1, Noise.none())
        levels = 100 * 1.4 ** np.arange(cells)
        die.state[:] = np.random.default_rng(seed).permutation(levels).reshape(shape)
        self.world = World(die, VirtualClock(), segment=segment)
        self.host = type(host)(ProbeBoardPanel(self.world, "board"))
        self.host.armed()
        self.shape = shape
        self.true = die.conductance()
        self.cells = [
            (int(at) // shape[1], int(at) % shape[1]) for at in np.random.default_rng(seed).permutation(cells)
        ]

    def reads(self, cells: list[tuple[int, int]], voltage: int = 200_000) -> list[float]:
        reply = self.host.ok(READ, self.host.read(cells, voltage=voltage))
        return list(struct.unpack_from(f"<{len(cells)}d", reply))


@property_test
@given(shapes, segments, seeds, st.sampled_from([0, 1, 4]))
def test_reads(host: BoardHost, shape: tuple[int, int], segment: float, seed: int, scheme: int) -> None:
    """Each current is that of the cell that was named, in the order in which they were named."""
    place = Place(host, shape, segment, seed)
    place.host.ok(SCHEME, bytes([3, scheme]))
    found = np.array(place.reads(place.cells)) / 0.2
    # Rows at minus the read voltage leak.
    leak = place.true.sum() / 1e4 if scheme == 4 else 1e-15
    assert found == pytest.approx([place.true[cell] for cell in place.cells], rel=0.01, abs=leak)
    if scheme != 4:
        blocked = np.array(place.reads(place.cells, -200_000)) / -0.2
        assert blocked == pytest.approx([place.true[cell] / 1e4 for cell in place.cells], rel=0.01)


@property_test
@given(shapes, segments, seeds, st.sampled_from([2, 3]))
def test_pulses(host: BoardHost, shape: tuple[int, int], segment: float, seed: int, scheme: int) -> None:
    """A positive pulse raises its own cell, a negative one lowers its own, and no other cell moves."""
    place = Place(host, shape, segment, seed)
    place.host.ok(SCHEME, bytes([scheme, 0]))
    first, second = place.cells[0], place.cells[-1]
    before = place.world.die.state.copy()
    place.host.ok(PULSE, place.host.entries([(*first, *UP), (*second, *DOWN)]))
    moved = place.world.die.state - before
    assert moved[first] > 100
    assert moved[second] < -30
    assert np.count_nonzero(moved) == 2


@property_test
@given(shapes, segments, seeds)
def test_pulse_and_read(host: BoardHost, shape: tuple[int, int], segment: float, seed: int) -> None:
    """What is read after each pulse is that very cell."""
    place = Place(host, shape, segment, seed)
    chosen = place.cells[:3]
    reply = place.host.ok(PULSE_READ, place.host.pulse_read([(*cell, *UP) for cell in chosen]))
    found = np.array(struct.unpack_from(f"<{len(chosen)}d", reply, 12)) / 0.2
    after = place.world.die.conductance()
    assert found == pytest.approx([after[cell] for cell in chosen], rel=0.01)
    assert all(after[cell] > place.true[cell] for cell in chosen)


@property_test
@given(shapes, segments, seeds, st.sampled_from([0, 1]))
def test_routes(host: BoardHost, shape: tuple[int, int], segment: float, seed: int, scheme: int) -> None:
    """High to the row, low to the column: a grounded array lets the SMU see the row, a floating one the cell."""
    place = Place(host, shape, segment, seed)
    place.host.ok(SCHEME, bytes([3, scheme]))
    smu = place.world.smu("smu")
    smu.drive(0.2, 1.0)
    row, column = place.cells[0]
    place.host.ok(ROUTE, struct.pack("<HH", row, column))
    current = smu.measure(1e-3).current
    if scheme == 0:
        assert current / 0.2 == pytest.approx(place.true[row].sum(), rel=0.02)
    else:
        sneak = 4 * place.true.max() / 1e4 * max(shape)
        assert current / 0.2 == pytest.approx(place.true[row, column], rel=0.02, abs=sneak)
    smu.drive(-0.2, 1.0)
    assert smu.measure(1e-3).current < 0


@property_test
@given(shapes, segments, seeds, st.sampled_from([0, 1]), st.sampled_from([0, 1]), st.sampled_from([1, -1]))
def test_products(
    host: BoardHost, shape: tuple[int, int], segment: float, seed: int, direction: int, coding: int, sign: int
) -> None:
    """One input line at a time: output k of vector i is the cell where the two lines cross, with the voltage's sign."""
    place = Place(host, shape, segment, seed)
    inputs, outputs = shape[direction], shape[1 - direction]
    level = 100_000 * sign
    unit = level if coding == 0 else 50_000
    vectors = [[unit if line == on else 0 for line in range(inputs)] for on in range(inputs)]
    payload = place.host.multiply(vectors, coding=coding, direction=direction, voltage=level, slot=50_000)
    currents, _ = place.host.products(payload, outputs)
    cells = np.arange(place.true.size)
    expected = place.world.die.law(cells).current(level / 1e6).reshape(shape)
    found = np.array(currents) if direction == 0 else np.array(currents).T
    # A column that rises on its wire draws current from rows at 0 V.
    leak = 0.01 * np.abs(expected).max() if segment else 1e-12
    assert found == pytest.approx(expected, rel=0.02, abs=leak)
    assert (np.sign(found[np.abs(expected) > leak]) == sign).all()


@property_test
@given(shapes, segments, seeds, st.sampled_from([0, 1]))
def test_a_product_of_all_lines_is_the_sum_of_its_cells(
    host: BoardHost, shape: tuple[int, int], segment: float, seed: int, direction: int
) -> None:
    """Inputs of different heights: a vector that is shifted or reversed would give another sum."""
    place = Place(host, shape, segment, seed)
    inputs, outputs = shape[direction], shape[1 - direction]
    heights = np.random.default_rng(seed + 1).permutation(np.arange(1, inputs + 1)) * 20_000
    ((*found,),), _ = place.host.products(place.host.multiply([heights.tolist()], direction=direction), outputs)
    across = np.broadcast_to(heights[:, None] if direction == 0 else heights, shape).reshape(-1) / 1e6
    cells = place.world.die.law(np.arange(place.true.size)).current(across).reshape(shape)
    assert found == pytest.approx(cells.sum(axis=direction).tolist(), rel=0.02)
