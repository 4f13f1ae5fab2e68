"""Reads, pulses and half-selected cells of a world with ideal wires and an ideal front end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.board_data import ReadScheme, WriteScheme
from labctl.errors import ModelError
from labctl.levels import G_MAX
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.die_file import load_die
from sim_backend.noise.kinds import Noise
from sim_backend.world import CellCurrents, World

if TYPE_CHECKING:
    from pathlib import Path

QUIET = Noise.none()
PULSE_SHARE = 0.003
"""By how much one pulse may differ from one level: its heat does, by up to 0.26 %."""
LIMIT = 0.25


def world_of(rows: int = 8, columns: int = 6, noise: Noise = QUIET) -> World:
    die = Die.fresh("test", rows, columns, device_named("ru-azo", G_MAX), 0, noise)
    die.state[:] = np.random.default_rng(1).uniform(100, 16_000, (rows, columns))
    return World(die, VirtualClock())


def read(
    world: World, row: int, columns: list[int], voltage: float = 0.2, scheme: ReadScheme = ReadScheme.GROUND,
    limit: float = LIMIT, averages: int = 1,
) -> CellCurrents:  # fmt: skip
    return world.read_cells(np.full(len(columns), row), np.array(columns), voltage, averages, scheme, limit)


def test_a_read_gives_conductance_times_voltage() -> None:
    world = world_of()
    answer = read(world, 3, [5, 0, 2])
    assert answer.current == pytest.approx(world.die.conductance()[3, [5, 0, 2]] * 0.2, rel=1e-12)
    assert not answer.saturated.any()
    assert not answer.in_compliance.any()


def test_reading_leaves_the_die_as_it_is() -> None:
    world = world_of()
    before = world.die.state.copy()
    for _ in range(1000):
        read(world, 3, [0, 1, 2, 3, 4, 5], averages=1000)
    assert np.array_equal(world.die.state, before)
    assert world.clock.now() == 0


def test_floating_and_grounded_rows_are_the_same_on_ideal_wires() -> None:
    world = world_of()
    ground, floating = (read(world, 2, [1, 4], scheme=s) for s in (ReadScheme.GROUND, ReadScheme.FLOAT))
    assert np.array_equal(ground.current, floating.current)


def test_reverse_biased_rows_add_their_small_currents() -> None:
    world = world_of()
    ground, reverse = (read(world, 2, [1, 4], scheme=s) for s in (ReadScheme.GROUND, ReadScheme.REVERSE))
    others = np.delete(world.die.conductance(), 2, axis=0)[:, [1, 4]]
    assert reverse.current - ground.current == pytest.approx(-0.2 * others.sum(axis=0) / 1e4, rel=1e-6)


def test_read_noise_averages() -> None:
    world = world_of(1, 1, replace(Noise.none(), read=True))
    world.die.state[:] = 8000
    quiet = float(world.die.conductance()[0, 0]) * 0.2
    for averages in (1, 16):
        noise = np.array([read(world, 0, [0], averages=averages).current[0] for _ in range(4000)]) - quiet
        expected = 0.2 * (27.228e-9 + 1.8647e-5 * quiet / 0.2) / np.sqrt(averages)
        assert noise.std() == pytest.approx(expected, rel=0.05)
        assert abs(noise.mean()) < 4 * expected / np.sqrt(4000)


def test_read_noise_does_not_depend_on_company_or_order() -> None:
    one, two = world_of(noise=Noise()), world_of(noise=Noise())
    together = read(one, 3, [0, 1, 2, 3, 4, 5]).current
    apart = [read(two, 3, [column]).current[0] for column in (5, 3, 1, 0, 2, 4)]
    assert together[[5, 3, 1, 0, 2, 4]] == pytest.approx(apart, rel=1e-15)


def test_a_row_at_its_limit_is_held_there_and_says_so() -> None:
    world = world_of()
    whole_row = 0.2 * world.die.conductance()[3].sum()
    free = read(world, 3, [1], limit=whole_row * 1.0001)
    held = read(world, 3, [1, 2], limit=whole_row / 2)
    assert not free.in_compliance.any()
    assert held.in_compliance.all()
    # Every cell of the row loads its driver, so half the limit halves every cell's current, up to the I-V's bend.
    assert held.current == pytest.approx(0.1 * world.die.conductance()[3, [1, 2]], rel=0.01)


def test_a_read_above_the_threshold_acts_on_the_driven_row_only() -> None:
    world = world_of()
    before = world.die.state.copy()
    read(world, 3, [1], voltage=0.5)
    assert (world.die.state[3] > before[3] + 10).all()
    assert np.array_equal(np.delete(world.die.state, 3, axis=0), np.delete(before, 3, axis=0))
    read(world, 3, [1], voltage=0.5, scheme=ReadScheme.REVERSE)
    assert (np.delete(world.die.state, 3, axis=0) < np.delete(before, 3, axis=0)).all()


@pytest.mark.parametrize(("amplitude", "width", "levels"), [(0.90, 80e-9, 25), (-0.75, 65e-9, -25)])
def test_a_train_moves_one_cell_by_its_count(amplitude: float, width: float, levels: int) -> None:
    world = world_of()
    before = world.die.state.copy()
    assert not world.pulse_cell(4, 2, amplitude, Train(width, 25, 1e-6), WriteScheme.HALF, LIMIT)
    before[4, 2] += levels
    assert world.die.state == pytest.approx(before, abs=abs(levels) * PULSE_SHARE)
    assert world.die.write_count.sum() == world.die.write_count[4, 2] == 25


@pytest.mark.parametrize("scheme", list(WriteScheme))
def test_writing_disturbs_no_half_selected_cell_at_all(scheme: WriteScheme) -> None:
    world = world_of(noise=Noise())
    before = world.die.state.copy()
    for amplitude, width in ((0.90, 80e-9), (-0.75, 65e-9)):
        for row in range(8):
            for column in range(5):
                world.pulse_cell(row, column, amplitude, Train(width, 10_000, 1e-6), scheme, LIMIT)
    assert np.array_equal(world.die.state[:, 5], before[:, 5])
    assert not world.die.write_count[:, 5].any()


def moved_alone(world: World, voltage: float) -> float:
    """Return by how much ten pulses of 80 ns at `voltage` move one cell in mid-range."""
    model = world.die.model
    states = model.erased(1)
    states[0] = 8000
    after = model.advance(states, voltage, Train(80e-9, 10, 1e-6), model.conductance(states), 1.0)
    return float(after[0, 0] - 8000)


def test_strong_pulses_disturb_neighbours_under_half() -> None:
    world = world_of()
    before = world.die.state.copy()
    world.pulse_cell(4, 2, 1.2, Train(80e-9, 10, 1e-6), WriteScheme.HALF, LIMIT)  # 0.6 V next to the cell
    moved = world.die.state - before
    expected = moved_alone(world, 0.6)
    beside = np.zeros((8, 6), dtype=bool)
    beside[4, :] = beside[:, 2] = True
    beside[4, 2] = False
    assert moved[beside] == pytest.approx(expected, rel=PULSE_SHARE)
    assert moved[4, 2] > 10
    beside[4, 2] = True
    assert not moved[~beside].any()
    assert (world.die.write_count[beside] == 10).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_strong_pulses_disturb_the_whole_array_under_third(sign: int) -> None:
    world = world_of()
    world.die.state[:] = 8000
    world.pulse_cell(4, 2, sign * 1.5, Train(80e-9, 10, 1e-6), WriteScheme.THIRD, LIMIT)  # a third: 0.5 V
    moved = sign * (world.die.state - 8000)
    beside, apart = (abs(moved_alone(world, voltage)) for voltage in (sign * 0.5, -sign * 0.5))
    assert moved[4, 0] == pytest.approx(beside, rel=PULSE_SHARE)
    assert moved[0, 2] == pytest.approx(beside, rel=PULSE_SHARE)
    assert moved[0, 0] == pytest.approx(-apart, rel=PULSE_SHARE)  # the others see the opposite sign
    assert moved[4, 2] > 10


def test_a_line_at_its_limit_holds_the_pulse_back_and_says_so() -> None:
    free, held = world_of(), world_of()
    assert not free.pulse_cell(4, 2, 0.90, Train(80e-9, 100, 1e-6), WriteScheme.THIRD, LIMIT)
    assert held.pulse_cell(4, 2, 0.90, Train(80e-9, 100, 1e-6), WriteScheme.THIRD, 5e-3)
    assert held.die.state[4, 2] < free.die.state[4, 2] - 1


def test_a_reordered_run_sees_the_same_noise_for_the_same_pulse() -> None:
    one, two = world_of(noise=Noise()), world_of(noise=Noise())
    cells = [(1, 1), (4, 2), (1, 1), (7, 5)]
    for row, column in cells:
        one.pulse_cell(row, column, 0.90, Train(80e-9, 3, 1e-6), WriteScheme.HALF, LIMIT)
    for row, column in reversed(cells):
        read(two, row, [column])
        two.pulse_cell(row, column, 0.90, Train(80e-9, 3, 1e-6), WriteScheme.HALF, LIMIT)
    assert np.array_equal(one.die.state, two.die.state)


def test_a_restored_world_goes_on_as_the_saved_one(tmp_path: Path) -> None:
    world = world_of(noise=Noise())
    world.clock.sleep(12.25)
    world.counters.boot = 3
    read(world, 3, [0, 1])
    world.save(tmp_path / "world.npz")
    saved = load_die(tmp_path / "world.npz")
    restored = World(saved.die, VirtualClock(saved.time))
    restored.restore(saved)
    assert restored.clock.now() == 12.25
    assert (restored.counters.boot, restored.counters.delivered) == (4, 0)
    for each in (world, restored):
        each.pulse_cell(3, 1, 0.90, Train(80e-9, 40, 1e-6), WriteScheme.THIRD, LIMIT)
    assert np.array_equal(read(world, 3, [0, 1]).current, read(restored, 3, [0, 1]).current)
    assert np.array_equal(world.die.state, restored.die.state)


def test_isolated_pulses_reach_their_own_cell_alone() -> None:
    die = Die.fresh("test", 4, 4, device_named("ru-azo-soft", G_MAX), 0, QUIET)
    die.state[:] = 8000
    network, isolated = World(die, VirtualClock()), World(die, VirtualClock(), isolated_writes=True)
    isolated.pulse_cell(1, 2, 0.90, Train(80e-9, 25, 1e-6), WriteScheme.HALF, LIMIT)
    assert (die.state != 8000).sum() == 1
    network.pulse_cell(1, 2, 0.90, Train(80e-9, 25, 1e-6), WriteScheme.HALF, LIMIT)
    assert (die.state != 8000).sum() == 7


def test_a_voltage_that_the_model_is_not_known_at_is_noticed_once() -> None:
    world = world_of()
    for amplitude in (2.2, 2.4, 2.4, -2.3, 2.5):
        world.pulse_cell(1, 2, amplitude, Train(20e-9), WriteScheme.THIRD, LIMIT)
    assert len(world.notices) == 2
    assert world.notices[0] == "a pulse of 2.4 V: the model of ru-azo is known up to 2.27 V only"


def test_a_voltage_that_the_model_cannot_compute_is_refused_and_changes_nothing() -> None:
    world = world_of()
    before = world.die.state.copy()
    with pytest.raises(ModelError, match=r"5\.1 V is beyond 5 V"):
        world.pulse_cell(1, 2, 5.1, Train(20e-9), WriteScheme.THIRD, LIMIT)
    assert np.array_equal(world.die.state, before)
