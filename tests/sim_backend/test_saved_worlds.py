"""A world that was saved and loaded goes on exactly as one that was not: every number, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.levels import G_MAX
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import model_of
from sim_backend.device_models.interface import Train
from sim_backend.device_models.profile_files import packaged_profile
from sim_backend.die import Die
from sim_backend.die_file import load_die
from sim_backend.front_end.make import make_front_end
from sim_backend.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator

    from sim_backend.device_models.base_profile import DeviceProfile

ROWS, COLUMNS = 5, 4
NOISY = {
    "telegraph_share": 0.3, "telegraph_amplitude": 0.01, "telegraph_dwell": 1e-3, "rate_spread": 0.1,
    "drift_exponent": 1e-3, "stuck_share": 0.05, "dead_share": 0.05, "endurance": 0.01, "wear_exponent": 0.1,
}  # fmt: skip
"""Noises that the packaged profiles leave off."""
Kind = Literal["ideal", "board"]


def profile_of(device: str) -> DeviceProfile:
    profile = packaged_profile(device).scaled(G_MAX)
    return profile.model_copy(update={"noise": profile.noise.model_copy(update=NOISY)})


def world_of(die: Die, time: float, segment: float, kind: Kind) -> World:
    front_end = make_front_end(kind, "factory", ROWS, COLUMNS, G_MAX, die.seed)
    return World(die, VirtualClock(time), segment=segment, front_end=front_end)


def read_some(world: World, draw: Generator) -> list[float]:
    columns = draw.permutation(COLUMNS)[: draw.integers(1, COLUMNS + 1)]
    scheme = ReadScheme(draw.choice([0, 1, 4]))
    rows = np.full(len(columns), draw.integers(ROWS))
    return world.read_cells(rows, columns, 0.2, int(draw.integers(1, 64)), scheme, 0.25).current.tolist()


def pulse_one(world: World, draw: Generator) -> list[float]:
    amplitude, width = [(0.9, 80e-9), (-0.75, 65e-9), (1.2, 80e-9)][draw.integers(3)]
    train = Train(width, int(draw.integers(1, 300)), 1e-6)
    row, column = int(draw.integers(ROWS)), int(draw.integers(COLUMNS))
    world.pulse_cell(row, column, amplitude, train, WriteScheme(draw.choice([2, 3])), 0.25)
    return [float(world.die.state[row, column])]


def drive_through_the_port(world: World, draw: Generator) -> list[float]:
    world.route(Cell(int(draw.integers(ROWS)), int(draw.integers(COLUMNS))), ReadScheme(draw.choice([0, 1, 4])))
    smu = world.smu("smu")
    smu.drive(float(draw.uniform(-0.5, 0.6)), 1e-3)
    world.clock.sleep(float(draw.uniform(1e-6, 3e-5)))
    found = [smu.measure(20e-6).current, smu.count_conversion()]
    smu.release()
    world.route(None, ReadScheme.GROUND)
    return found


def do_some(world: World, draw: Generator, operations: int) -> list[float]:
    found: list[float] = []
    for _ in range(operations):
        world.clock.sleep(float(draw.exponential(0.01)))
        found += [read_some, pulse_one, drive_through_the_port][draw.integers(3)](world, draw)
    return found


@pytest.mark.parametrize("device", ["ru-azo", "ru-azo-soft", "vteam-taox"])
@pytest.mark.parametrize(("segment", "kind"), [(0.0, "board"), (0.5, "board"), (0.0, "ideal")])
def test_a_loaded_world_goes_on_to_the_last_bit(device: str, segment: float, kind: Kind, tmp_path: Path) -> None:
    die = Die.fresh("die", ROWS, COLUMNS, model_of(profile_of(device)), 7)
    world, draw = world_of(die, 0.0, segment, kind), np.random.default_rng(3)
    do_some(world, draw, 30)
    world.save(tmp_path / "world.npz")
    saved = load_die(tmp_path / "world.npz")
    loaded = world_of(saved.die, saved.time, segment, kind)
    loaded.restore(saved)
    states = draw.bit_generator.state
    uninterrupted = do_some(world, draw, 30)
    draw.bit_generator.state = states
    continued = do_some(loaded, draw, 30)
    assert continued == uninterrupted
    for name, array in world.die.arrays().items():
        assert np.array_equal(array, loaded.die.arrays()[name]), name
    assert np.array_equal(world.die.conductance(), loaded.die.conductance())


def test_a_die_that_comes_from_another_bench_keeps_its_cells_and_not_its_front_end(tmp_path: Path) -> None:
    world = world_of(Die.fresh("die", ROWS, COLUMNS, model_of(profile_of("ru-azo")), 7), 0.0, 0.0, "board")
    do_some(world, np.random.default_rng(3), 30)
    world.save(tmp_path / "world.npz")
    saved = load_die(tmp_path / "world.npz")
    elsewhere = world_of(saved.die, saved.time, 0.0, "ideal")
    elsewhere.restore(saved)
    assert np.array_equal(elsewhere.die.states, world.die.states)
    assert elsewhere.front_end.kind == "ideal"
