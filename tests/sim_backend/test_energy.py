"""The energy that goes into an array, against sums over its cells worked out one by one."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.board_features import Direction
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.noise.kinds import Noise
from sim_backend.products import CONVERSION_TIME, ProductDrive
from sim_backend.world import SETTLING_TIME, World

G_MAX = 5.9e-3
LIMIT = 10.0
PULSE = Train(80e-9, 1, 1e-6)
SAMPLE = 5e-6
"""Time of a sample, in s: the board's converter runs at 200 kSPS (the board's specification)."""


def world_of(rows: int, columns: int, device: str = "ru-azo", segment: float = 0.0, isolated: bool = False) -> World:
    die = Die.fresh("die", rows, columns, device_named(device, G_MAX), 1, Noise.none())
    die.state[:] = np.random.default_rng(3).uniform(200, 16_000, (rows, columns))
    return World(die, VirtualClock(), segment=segment, isolated_writes=isolated)


def power(world: World, voltages: np.ndarray) -> float:
    """Return what all cells take (W) at their voltages (V), shape (rows, columns)."""
    cells = np.arange(voltages.size)
    return float((voltages.reshape(-1) * world.die.current(cells, voltages.reshape(-1))).sum())


def written(world: World, row: int, column: int, voltage: float, scheme: WriteScheme) -> np.ndarray:
    """Return the voltages (V) on all cells while one is pulsed, by the board's specification."""
    rows, columns = world.die.rows, world.die.columns
    third = scheme is WriteScheme.THIRD
    row_line = np.full(rows, voltage / 3 if third else voltage / 2)
    column_line = np.full(columns, voltage * 2 / 3 if third else voltage / 2)
    row_line[row], column_line[column] = voltage, 0.0
    return row_line[:, None] - column_line


def pulsed(world: World, pulses: list[tuple[int, int, float]], scheme: WriteScheme = WriteScheme.THIRD) -> float:
    """Put out single pulses; return the energy (J) by the cells' currents before and after each."""
    energy = 0.0
    for row, column, amplitude in pulses:
        across = written(world, row, column, amplitude, scheme)
        before = power(world, across)
        world.pulse_cell(row, column, amplitude, PULSE, scheme, LIMIT)
        energy += (before + power(world, across)) / 2 * PULSE.width
    return energy


def test_pulses_on_one_cell_cost_what_its_law_says() -> None:
    world = world_of(1, 1)
    world.die.state[:] = 8000
    expected = pulsed(world, [(0, 0, 0.9)] * 700 + [(0, 0, -0.75)] * 300)
    assert world.energy.total() == pytest.approx(expected, rel=1e-9)
    # 0.9 V drives some 0.9 V * 6 mA = 5 mW through a cell of 3 mS: 700 pulses of 80 ns of it, and less backwards.
    assert 1e-7 < expected < 1e-6


def test_a_train_costs_as_much_as_its_pulses() -> None:
    one, many = world_of(1, 1), world_of(1, 1)
    many.pulse_cell(0, 0, 0.9, Train(80e-9, 500, 1e-6), WriteScheme.THIRD, LIMIT)
    for _ in range(500):
        one.pulse_cell(0, 0, 0.9, PULSE, WriteScheme.THIRD, LIMIT)
    assert many.energy.total() == pytest.approx(one.energy.total(), rel=0.01)


@pytest.mark.parametrize("device", ["ru-azo", "vteam-tio2"])
@pytest.mark.parametrize("scheme", list(WriteScheme))
def test_half_selected_cells_count_wherever_the_pulses_go(device: str, scheme: WriteScheme) -> None:
    world = world_of(16, 12, device)
    draw = np.random.default_rng(5)
    amplitudes = [0.9, 0.8, -0.75]
    pulses = [(int(draw.integers(16)), int(draw.integers(12)), amplitudes[int(draw.integers(3))]) for _ in range(1200)]
    expected = pulsed(world, pulses, scheme)
    assert world.energy.total() == pytest.approx(expected, rel=0.02)


def test_cells_that_a_pulse_does_not_reach_cost_nothing() -> None:
    world, alone = world_of(8, 8, isolated=True), world_of(1, 1)
    alone.die.state[0, 0] = world.die.state[2, 3]
    for one, cell in ((world, (2, 3)), (alone, (0, 0))):
        one.pulse_cell(*cell, 0.9, PULSE, WriteScheme.THIRD, LIMIT)
    assert world.energy.total() == pytest.approx(alone.energy.total(), rel=1e-9)


@pytest.mark.parametrize("scheme", [ReadScheme.GROUND, ReadScheme.REVERSE])
def test_a_read_costs_its_row_and_what_is_reversed(scheme: ReadScheme) -> None:
    world = world_of(6, 5, "vteam-tio2")
    across = np.full((6, 5), -0.2 if scheme is ReadScheme.REVERSE else 0.0)
    across[4] = 0.2
    world.read_cells(np.array([4]), np.array([1]), 0.2, 10, scheme, LIMIT)
    expected = power(world, across) * (SETTLING_TIME + 10 * SAMPLE)
    assert world.energy.total() == pytest.approx(expected, rel=1e-3)


def test_solved_wires_of_no_length_cost_what_ideal_ones_do() -> None:
    ideal, wires = world_of(5, 4), world_of(5, 4, segment=1e-4)
    for world in (ideal, wires):
        world.read_cells(np.array([2, 2]), np.array([0, 3]), 0.2, 4, ReadScheme.GROUND, LIMIT)
        world.pulse_cell(1, 2, 0.9, Train(80e-9, 40, 1e-6), WriteScheme.THIRD, LIMIT)
        world.pulse_cell(4, 0, -0.75, Train(80e-9, 40, 1e-6), WriteScheme.THIRD, LIMIT)
    assert wires.energy.total() == pytest.approx(ideal.energy.total(), rel=0.02)


@pytest.mark.parametrize("segment", [0.0, 1e-4])
@pytest.mark.parametrize("direction", list(Direction))
def test_a_product_costs_what_its_lines_carry_while_they_are_on(direction: Direction, segment: float) -> None:
    world = world_of(6, 4, segment=segment)
    inputs = direction.sides(6, 4)[0]
    shares = np.full((1, inputs), 0.25)
    drive = ProductDrive(direction, np.full((1, inputs), 0.2), 0.05, shares, 100e-6, 3, LIMIT)
    world.product(drive).vector(0, 0.0)
    on, off = (power(world, np.full((6, 4), level)) for level in (0.2, 0.05))
    still = SETTLING_TIME + 3 * CONVERSION_TIME
    expected = (0.25 * on + 0.75 * off) * 3 * 100e-6 + off * still
    assert world.energy.total() == pytest.approx(expected, rel=1e-3)


def test_a_level_of_a_source_meter_costs_its_current_for_its_time() -> None:
    world = world_of(4, 3)
    world.route(Cell(2, 1), ReadScheme.GROUND)
    across = np.zeros((4, 3))
    across[2] = 0.2
    smu = world.smu("smu")
    smu.drive(0.2, 1.0)
    world.clock.sleep(0.5)
    smu.measure(0.02)
    world.clock.sleep(0.25)
    smu.drive(0.1, 1.0)
    world.clock.sleep(0.25)
    smu.release()
    world.clock.sleep(10.0)
    smu.settle()
    expected = 0.75 * power(world, across) + 0.25 * power(world, across / 2)
    assert world.energy.total() == pytest.approx(expected, rel=1e-9)


def test_a_level_that_writes_costs_the_mean_of_before_and_after() -> None:
    world = world_of(1, 1)
    world.die.state[:] = 4000
    world.route(Cell(0, 0), ReadScheme.GROUND)
    across = np.full((1, 1), 0.9)
    before, smu = power(world, across), world.smu("smu")
    smu.drive(0.9, 1.0)
    world.clock.sleep(1e-5)
    smu.release()
    assert world.energy.total() == pytest.approx((before + power(world, across)) / 2 * 1e-5, rel=1e-9)
