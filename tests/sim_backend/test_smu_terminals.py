"""A source-measure unit on a cell: compliance, routing, and time that acts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.board_data import Cell, ReadScheme
from labctl.levels import G_MAX
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.die_file import load_die
from sim_backend.noise.kinds import Noise
from sim_backend.world import World

if TYPE_CHECKING:
    from pathlib import Path

QUIET = Noise.none()
HEAT = 0.012
"""By how much a long pulse is faster than short ones: a cell at rest and at its full current differ by 0.5 K."""


def world_with(state: float, noise: Noise = QUIET, has_board: bool = True) -> World:
    die = Die.fresh("test", 4, 3, device_named("ru-azo", G_MAX), 0, noise)
    die.state[:] = state
    world = World(die, VirtualClock(), has_board)
    if has_board:
        world.route(Cell(2, 1), ReadScheme.GROUND)
    return world


@pytest.mark.parametrize("scheme", [ReadScheme.GROUND, ReadScheme.REVERSE])
def test_with_grounded_columns_the_whole_row_is_measured(scheme: ReadScheme) -> None:
    world = world_with(8000)
    world.die.state[2] = [100, 8000, 16_000]
    world.route(Cell(2, 1), scheme)
    world.smu("smu").drive(0.2, 15e-3)
    answer = world.smu("smu").measure(0.02)
    assert answer.current == pytest.approx(0.2 * float(world.die.conductance()[2].sum()), rel=1e-12)
    assert (answer.voltage, answer.in_compliance) == (0.2, False)


def test_with_floating_lines_the_cell_and_its_sneak_paths_are_measured() -> None:
    world = world_with(8000)
    world.route(Cell(2, 1), ReadScheme.FLOAT)
    world.smu("smu").drive(0.2, 15e-3)
    cell = 0.2 * float(world.die.conductance()[2, 1])
    # Three rows and two columns of others: forward, backward through six cells at 1/10,000, forward again.
    sneak = 1 / (1 / 2 + 1e4 / 6 + 1 / 3)
    assert world.smu("smu").measure(0.02).current == pytest.approx(cell * (1 + sneak), rel=1e-4)
    assert world.smu("smu").measure(0.02).current == pytest.approx(cell, rel=1e-3)


def test_terminals_of_one_name_are_the_same() -> None:
    world = world_with(8000)
    assert world.smu("a") is world.smu("a")
    assert world.smu("a") is not world.smu("b")


@pytest.mark.parametrize("voltage", [0.2, -0.2, 5.0])
def test_an_open_circuit_carries_nothing(voltage: float) -> None:
    world = world_with(8000)
    world.route(None, ReadScheme.GROUND)
    world.smu("smu").drive(voltage, 1e-3)
    world.clock.sleep(1.0)
    answer = world.smu("smu").measure(0.02)
    assert (answer.voltage, answer.current, answer.in_compliance) == (voltage, 0.0, False)
    assert np.all(world.die.state == 8000)


def test_without_a_board_the_first_cell_is_connected() -> None:
    world = world_with(8000, has_board=False)
    world.die.state[0, 0] = 3000
    world.smu("smu").drive(0.2, 1e-3)
    assert world.smu("smu").measure(0.02).current == pytest.approx(0.2 * float(world.die.conductance()[0, 0]))


def test_an_output_that_is_off_carries_nothing() -> None:
    world = world_with(8000)
    assert world.smu("smu").measure(0.02).current == 0.0
    world.smu("smu").drive(0.9, 15e-3)
    world.smu("smu").release()
    world.clock.sleep(1.0)
    assert world.smu("smu").measure(0.02).current == 0.0
    assert np.all(world.die.state == 8000)


@pytest.mark.parametrize("scheme", list(ReadScheme))
@pytest.mark.parametrize(("voltage", "limit"), [(0.2, 1e-4), (0.4, 1e-5), (-0.4, 1e-8)])
def test_in_compliance_the_current_is_the_limit_and_the_voltage_gives_way(
    voltage: float, limit: float, scheme: ReadScheme
) -> None:
    world = world_with(8000)
    world.route(Cell(2, 1), scheme)
    world.smu("smu").drive(voltage, limit)
    answer = world.smu("smu").measure(0.02)
    assert answer.in_compliance
    assert answer.current == np.copysign(limit, voltage)
    assert 0 < answer.voltage / voltage < 1
    world.smu("smu").drive(answer.voltage, 1.0)
    assert world.smu("smu").measure(0.02).current == pytest.approx(answer.current, rel=1e-8)


def test_time_under_voltage_acts_on_the_routed_row() -> None:
    world = world_with(8000)
    world.smu("smu").drive(0.9, 1.0)
    world.clock.sleep(80e-9 * 40)
    world.smu("smu").drive(0.0, 1.0)
    moved = world.die.state - 8000
    assert moved[2] == pytest.approx(40, rel=HEAT)
    world.clock.sleep(1.0)
    world.smu("smu").drive(-0.75, 1.0)
    world.clock.sleep(65e-9 * 15)
    world.smu("smu").release()
    moved = world.die.state - 8000
    assert moved[2] == pytest.approx(25, rel=40 / 25 * HEAT)
    assert not np.delete(moved, 2, axis=0).any()


def test_floating_lines_spare_all_cells_but_the_routed_one() -> None:
    world = world_with(8000)
    world.route(Cell(2, 1), ReadScheme.FLOAT)
    world.smu("smu").drive(0.9, 1.0)
    world.clock.sleep(80e-9 * 40)
    world.smu("smu").release()
    moved = world.die.state - 8000
    assert moved[2, 1] == pytest.approx(40, rel=HEAT)
    # Forward cells of the sneak paths see next to nothing; the blocking ones nearly all, backwards.
    assert not moved[2, [0, 2]].any()
    assert not moved[[0, 1, 3], 1].any()
    assert (moved[[0, 1, 3]][:, [0, 2]] < -10).all()


def test_rerouting_lets_the_time_act_on_the_row_that_was_routed() -> None:
    world = world_with(8000)
    world.smu("smu").drive(0.9, 1.0)
    world.clock.sleep(80e-9 * 40)
    world.route(Cell(0, 0), ReadScheme.GROUND)
    world.clock.sleep(80e-9 * 7)
    world.route(None, ReadScheme.GROUND)
    world.clock.sleep(1.0)
    world.smu("smu").release()
    assert world.die.state[2] == pytest.approx(8040, abs=40 * HEAT)
    assert world.die.state[0] == pytest.approx(8007, abs=7 * HEAT)
    assert (world.die.state != 8000).sum() == 6


def test_below_the_threshold_a_cell_lives_on_unchanged() -> None:
    world = world_with(8000, Noise())
    world.smu("smu").drive(0.46, 1.0)
    world.clock.sleep(3600.0)
    world.smu("smu").measure(0.02)
    assert np.all(world.die.state == 8000)


def looked_at(times: int, limit: float) -> float:
    """Return the state after 0.2 ms under 0.90 V, looked at so many times on the way."""
    world = world_with(50)
    world.smu("smu").drive(0.9, limit)
    for _ in range(times):
        world.clock.sleep(2e-4 / times)
        world.smu("smu").measure(1e-6)
    return float(world.die.state[2, 1])


@pytest.mark.parametrize("limit", [1.0, 1e-4])
def test_looking_changes_nothing(limit: float) -> None:
    assert looked_at(50, limit) == pytest.approx(looked_at(1, limit), rel=0.01)


def test_compliance_stops_a_cell_where_it_would_run_to_the_top() -> None:
    # In compliance the voltage falls as the cell conducts more; at the threshold the cell stands still.
    limit = 1e-4
    world = world_with(50)
    world.smu("smu").drive(0.9, limit)
    world.clock.sleep(1.0)
    answer = world.smu("smu").measure(0.02)
    assert answer.in_compliance
    assert answer.voltage == pytest.approx(0.466, rel=0.01)
    assert answer.voltage < 0.466
    free = world_with(50)
    free.smu("smu").drive(0.9, 1.0)
    free.clock.sleep(1.0)
    assert free.smu("smu").measure(0.02).current > 50 * limit


def test_compliance_of_a_blocking_cell_ends_as_it_is_erased() -> None:
    world = world_with(12_000, has_board=False)
    cell = np.array([0])
    limit = abs(float(world.die.current(cell, -0.75)[0])) / 2
    world.smu("smu").drive(-0.75, limit)
    assert world.smu("smu").measure(1e-6).in_compliance
    world.clock.sleep(0.1)
    answer = world.smu("smu").measure(1e-6)
    assert not answer.in_compliance
    assert answer.voltage == -0.75
    assert world.die.state[0, 0] < 1


def test_reading_has_the_noise_of_its_samples() -> None:
    world = world_with(8000, replace(Noise.none(), read=True), has_board=False)
    world.smu("smu").drive(0.2, 15e-3)
    conductance = float(world.die.conductance()[0, 0])
    readings = np.array([world.smu("smu").measure(80e-6).current for _ in range(4000)])
    assert readings.std() == pytest.approx(0.2 * (27.228e-9 + 1.8647e-5 * conductance) / 4, rel=0.05)
    assert world.die.read_count[0, 0] == 4000 * 16


def test_saving_lets_the_time_act_first(tmp_path: Path) -> None:
    world = world_with(8000)
    world.smu("smu").drive(0.9, 1.0)
    world.clock.sleep(80e-9 * 40)
    world.save(tmp_path / "die.npz")
    assert load_die(tmp_path / "die.npz").die.state[2, 1] == pytest.approx(8040, abs=40 * HEAT)
