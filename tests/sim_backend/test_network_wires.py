"""A world whose wires have resistance: against ideal wires, against Kirchhoff's laws, and against itself in pieces."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.levels import G_MAX
from sim_backend.clock import VirtualClock
from sim_backend.crossbar.linear import LinearCrossbar
from sim_backend.crossbar.schemes import LineResistances, read_lines
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.noise.kinds import Noise
from sim_backend.wiring import METAL
from sim_backend.world import World

LIMIT = 0.25
ROWS, COLUMNS = 8, 6
PULSE = Train(80e-9, 1, 1e-6)


def world_of(segment: float, device: str = "ru-azo", state: float | None = None, g_max: float = G_MAX) -> World:
    die = Die.fresh("test", ROWS, COLUMNS, device_named(device, g_max), 0, Noise.none())
    die.state[:] = np.random.default_rng(1).uniform(100, 16_000, (ROWS, COLUMNS)) if state is None else state
    return World(die, VirtualClock(), segment=segment)


def read(world: World, row: int, voltage: float = 0.2, scheme: ReadScheme = ReadScheme.GROUND) -> np.ndarray:
    columns = np.arange(COLUMNS)
    return world.read_cells(np.full(COLUMNS, row), columns, voltage, 1, scheme, LIMIT).current


@pytest.mark.parametrize("scheme", list(ReadScheme))
def test_wires_of_next_to_no_resistance_are_ideal(scheme: ReadScheme) -> None:
    ideal, wired = (read(world_of(segment), 3, scheme=scheme) for segment in (0.0, 1e-9))
    assert wired == pytest.approx(ideal, rel=1e-6)


@pytest.mark.parametrize("scheme", list(ReadScheme))
def test_metal_takes_more_of_a_read_the_farther_the_cell(scheme: ReadScheme) -> None:
    ideal, wired = (read(world_of(segment, state=8000), 3, scheme=scheme) for segment in (0.0, METAL))
    share = wired / ideal
    assert (np.diff(share) < 0).all()
    assert 0.8 < share[-1] < share[0] < 0.99


def test_a_read_of_uniform_small_cells_is_the_linear_networks() -> None:
    """At 1 mV the sinh is a straight line to one in a million, and no cell blocks."""
    world = world_of(METAL, state=8000)
    everywhere = np.arange(ROWS * COLUMNS)
    zero_bias = world.die.law(everywhere).slope(np.full(everywhere.size, 1e-6)).reshape(ROWS, COLUMNS)
    circuit = read_lines((ROWS, COLUMNS), 3, 1e-3, ReadScheme.GROUND, LineResistances(METAL, METAL))
    blocked = zero_bias.copy()
    blocked[np.arange(ROWS) != 3] /= 1e4  # the columns rise above the grounded rows
    expected = LinearCrossbar(circuit.network, blocked).solve(circuit.sources).bottom
    assert read(world, 3, 1e-3) == pytest.approx(expected, rel=1e-5)


def test_a_pulse_reaches_a_far_cell_with_less() -> None:
    world = world_of(METAL, state=8000)
    moved: dict[tuple[int, int], float] = {}
    for row, column in ((ROWS - 1, 0), (0, COLUMNS - 1)):
        before = world.die.state[row, column]
        world.pulse_cell(row, column, 0.90, PULSE, WriteScheme.THIRD, LIMIT)
        moved[row, column] = world.die.state[row, column] - before
    near, far = moved[ROWS - 1, 0], moved[0, COLUMNS - 1]
    assert 0.3 < far < near - 0.05 < 1.0


@pytest.mark.parametrize("scheme", list(WriteScheme))
def test_each_cell_gets_of_a_pulse_what_the_network_leaves_it(scheme: WriteScheme) -> None:
    """Every cell of a soft device moves by what its own voltage, solved for apart from the world, does to it."""
    world = world_of(METAL, "ru-azo-soft")
    die = world.die
    before, conductance = die.states.copy(), die.conductance().reshape(-1)
    point = world._writing.write(2, 4, 0.90, scheme, LIMIT)
    voltage = np.zeros(ROWS * COLUMNS)
    voltage[2 * COLUMNS + 4] = point.selected
    for stress in point.others:
        voltage[stress.cells] = stress.voltage
    world.pulse_cell(2, 4, 0.90, PULSE, scheme, LIMIT)
    flat = before.reshape(len(before), -1)
    expected = die.model.advance(flat, voltage, PULSE, conductance, 1.0)
    assert die.states.reshape(flat.shape)[0] == pytest.approx(expected[0], abs=1e-4)
    assert (die.state != before[0]).mean() > (0.2 if scheme is WriteScheme.HALF else 0.9)


def test_half_selected_cells_of_a_selfselecting_die_stay_as_they_are() -> None:
    world = world_of(METAL)
    before = world.die.state.copy()
    world.pulse_cell(2, 4, 0.90, Train(80e-9, 5000, 1e-6), WriteScheme.HALF, LIMIT)
    assert (world.die.state != before).sum() == 1


def test_a_long_train_is_that_of_its_pieces() -> None:
    """The cell's own rise lowers its voltage on the way: held voltages would move it by too much."""
    whole, pieces = world_of(5 * METAL, state=200), world_of(5 * METAL, state=200)
    whole.pulse_cell(0, COLUMNS - 1, 0.90, Train(80e-9, 4000, 1e-6), WriteScheme.THIRD, LIMIT)
    for _ in range(400):
        pieces.pulse_cell(0, COLUMNS - 1, 0.90, Train(80e-9, 10, 1e-6), WriteScheme.THIRD, LIMIT)
    one, many = (float(world.die.state[0, COLUMNS - 1]) for world in (whole, pieces))
    assert one == pytest.approx(many, rel=2e-3)
    held = world_of(5 * METAL, state=200)
    voltage = held._writing.write(0, COLUMNS - 1, 0.90, WriteScheme.THIRD, LIMIT).selected
    cell = np.array([COLUMNS - 1])
    held.die.expose(cell, voltage, Train(80e-9, 4000, 1e-6))
    assert float(held.die.state[0, COLUMNS - 1]) > 1.02 * many


@pytest.mark.parametrize("scheme", list(WriteScheme))
def test_a_line_at_its_limit_holds_the_pulse_back(scheme: WriteScheme) -> None:
    free, held = world_of(METAL), world_of(METAL)
    assert not free.pulse_cell(4, 2, 0.90, Train(80e-9, 100, 1e-6), scheme, LIMIT)
    assert held.pulse_cell(4, 2, 0.90, Train(80e-9, 100, 1e-6), scheme, 5e-3)
    assert held.die.state[4, 2] < free.die.state[4, 2] - 1


def test_a_read_at_its_limit_is_held_there() -> None:
    world = world_of(METAL)
    whole_row = float(read(world, 3).sum())
    columns = np.arange(COLUMNS)
    held = world.read_cells(np.full(COLUMNS, 3), columns, 0.2, 1, ReadScheme.GROUND, whole_row / 2)
    assert held.in_compliance.all()
    assert held.current.sum() == pytest.approx(whole_row / 2, rel=1e-3)


def test_an_smu_sees_cell_and_wires_through_its_route() -> None:
    world = world_of(METAL, state=8000)
    world.route(Cell(0, COLUMNS - 1), ReadScheme.FLOAT)
    world.smu("smu").drive(0.2, 15e-3)
    measured = world.smu("smu").measure(0.02).current
    cell = 0.2 * float(world.die.conductance()[0, COLUMNS - 1])
    segments = COLUMNS + ROWS  # both ends of the row's way and of the column's, counted to the cell
    # The bend of the I-V makes the last 2 % of the drop.
    assert measured == pytest.approx(cell / (1 + cell / 0.2 * METAL * segments), rel=2e-3)
    world.smu("smu").drive(0.2, measured / 2)
    assert world.smu("smu").measure(0.02).in_compliance
    assert 0.09 < world.smu("smu").measure(0.02).voltage < 0.11


def test_time_under_an_smu_acts_through_the_wires() -> None:
    ideal, wired = world_of(0.0, state=8000), world_of(METAL, state=8000)
    for world in (ideal, wired):
        world.route(Cell(0, COLUMNS - 1), ReadScheme.FLOAT)
        world.smu("smu").drive(0.9, 1.0)
        world.clock.sleep(80e-9 * 40)
        world.smu("smu").release()
    near, far = (float(world.die.state[0, COLUMNS - 1] - 8000) for world in (ideal, wired))
    assert 0.8 * near < far < 0.99 * near


@pytest.mark.parametrize(("width", "count"), [(50e-6, 20), (1e-3, 10), (80e-9, 5000)])
@pytest.mark.parametrize("device", ["ru-azo", "vteam-taox"])
def test_no_pulse_of_a_train_is_lost_where_one_must_be_cut(device: str, width: float, count: int) -> None:
    train, single = world_of(METAL, device, state=20), world_of(METAL, device, state=20)
    train.pulse_cell(0, COLUMNS - 1, 0.90, Train(width, count, 2 * width), WriteScheme.HALF, LIMIT)
    for _ in range(count if count < 100 else count // 100):
        each = Train(width, 1 if count < 100 else 100, 2 * width)
        single.pulse_cell(0, COLUMNS - 1, 0.90, each, WriteScheme.HALF, LIMIT)
    one, many = (float(world.die.state[0, COLUMNS - 1]) for world in (train, single))
    # The steep law of the oxide makes 0.6 % of what a step of 1 % of its voltage leaves out.
    assert one == pytest.approx(many, rel=3e-3 if device == "ru-azo" else 1e-2)
    assert train.die.write_count[0, COLUMNS - 1] >= count


@pytest.mark.parametrize("segment", [0.0, METAL])
def test_a_limit_that_is_reached_during_a_train_holds_the_rest_of_it_back(segment: float) -> None:
    whole, pieces = world_of(segment, state=200), world_of(segment, state=200)
    limited = whole.pulse_cell(2, 3, 0.90, Train(80e-9, 10_000, 1e-6), WriteScheme.HALF, 2e-3)
    flags = [pieces.pulse_cell(2, 3, 0.90, Train(80e-9, 50, 1e-6), WriteScheme.HALF, 2e-3) for _ in range(200)]
    assert limited
    assert not flags[0]
    assert flags[-1]
    assert float(whole.die.state[2, 3]) == pytest.approx(float(pieces.die.state[2, 3]), rel=0.01)


@pytest.mark.parametrize("segment", [0.0, METAL])
def test_cells_beyond_the_lower_of_two_thresholds_are_disturbed_too(segment: float) -> None:
    world = world_of(segment, "vteam-tio2", state=8000)  # +0.5 V and -0.4 V
    world.pulse_cell(2, 3, 1.26, Train(1e-6, 100, 2e-6), WriteScheme.THIRD, LIMIT)
    moved = world.die.state - 8000
    assert (np.delete(np.delete(moved, 2, axis=0), 3, axis=1) < -1).all()
    port = world_of(segment, "vteam-tio2", state=8000)
    port.route(Cell(2, 3), ReadScheme.REVERSE)
    port.smu("smu").drive(0.45, 1.0)
    port.clock.sleep(1e-3)
    port.smu("smu").release()
    moved = port.die.state - 8000
    assert (np.delete(moved, 2, axis=0) < -1).all()
    assert not moved[2].any()


@pytest.mark.parametrize("segment", [0.0, METAL])
def test_only_the_driven_row_is_held_at_its_limit(segment: float) -> None:
    """Reversed rows stand where they were told to: their leak stays, and shows in the columns."""
    world = world_of(segment, state=8000)
    columns = np.arange(COLUMNS)
    held = world.read_cells(np.zeros(COLUMNS, np.int64), columns, 0.2, 16, ReadScheme.REVERSE, 1e-3)
    assert held.in_compliance.all()
    leak = -0.2 * float(world.die.conductance()[0, 0]) / 1e4 * (ROWS - 1)
    assert held.current.sum() == pytest.approx(1e-3 + COLUMNS * leak, rel=1e-3)
