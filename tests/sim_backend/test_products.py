"""Products of a world: against the crossbar's own products, their noise, and what they leave behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labctl.board_features import Direction
from sim_backend import products
from sim_backend.clock import VirtualClock
from sim_backend.crossbar import schemes
from sim_backend.crossbar.coding import NonlinearProduct, amplitude_coded, width_coded
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.front_end.board import BoardFrontEnd
from sim_backend.front_end.board_errors import BoardErrors
from sim_backend.network_wires import Solver
from sim_backend.noise.kinds import Noise
from sim_backend.products import ProductCurrents, ProductDrive
from sim_backend.wiring import ProductPoints
from sim_backend.world import World

ROWS, COLUMNS = 7, 4
G_MAX = 20e-6
SLOT = 100e-6
LIMIT = 0.25
DIRECTIONS = list(Direction)


def world_of(segment: float = 0.0, device: str = "ru-azo", noise: Noise | None = None, rows: int = ROWS) -> World:
    die = Die.fresh("die", rows, COLUMNS, device_named(device, G_MAX), 2, noise or Noise.none())
    die.state[:] = np.random.default_rng(1).uniform(500, 16_000, (rows, COLUMNS))
    return World(die, VirtualClock(), segment=segment)


def results(world: World, drive: ProductDrive, time: float = 2e-3) -> ProductCurrents:
    product = world.product(drive)
    for number in range(len(drive.levels)):
        world.clock.sleep(time)
        product.vector(number, world.clock.now())
    return product.results()


def amplitudes(levels: np.ndarray, direction: Direction, averages: int = 1, limit: float = LIMIT) -> ProductDrive:
    return ProductDrive(direction, levels, None, np.ones(levels.shape), SLOT, averages, limit)


def widths(shares: np.ndarray, direction: Direction, low: float, high: float, averages: int = 1) -> ProductDrive:
    return ProductDrive(direction, np.full(shares.shape, high), low, shares, SLOT, averages, LIMIT)


def reference(world: World, direction: Direction, segment: float) -> NonlinearProduct:
    """Return the crossbar's product of the same cells, solved far beyond its usual tolerance."""
    wires = schemes.LineResistances(segment, segment)
    solver = Solver(world.die, wires)
    return NonlinearProduct(solver.law(), solver.shape, schemes.Direction(direction), wires, 1e-13)


@pytest.mark.parametrize("segment", [0.0, 0.5, 50.0])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_amplitudes_are_the_crossbars(direction: Direction, segment: float) -> None:
    world = world_of(segment)
    levels = np.random.default_rng(2).uniform(-0.2, 0.3, (5, direction.sides(ROWS, COLUMNS)[0]))
    found = results(world, amplitudes(levels, direction)).current
    expected = amplitude_coded(reference(world, direction, segment), levels)
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-13)


@pytest.mark.parametrize("segment", [0.0, 0.5, 50.0])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_widths_are_the_crossbars(direction: Direction, segment: float) -> None:
    """Ideal wires, on which each cell sees its line alone, included."""
    world = world_of(segment)
    shares = np.random.default_rng(3).uniform(0, 1, (4, direction.sides(ROWS, COLUMNS)[0]))
    shares[0] = 0
    shares[1] = 1
    shares[2, :2] = shares[2, 2]
    found = results(world, widths(shares, direction, 0.003, 0.103)).current
    expected = width_coded(reference(world, direction, segment), shares * SLOT, SLOT, 0.1, 0.003)
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-13)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_wires_of_next_to_no_resistance_are_ideal(direction: Direction) -> None:
    levels = np.random.default_rng(2).uniform(-0.2, 0.3, (3, direction.sides(ROWS, COLUMNS)[0]))
    ideal, wired = (results(world_of(segment), amplitudes(levels, direction)).current for segment in (0.0, 1e-6))
    assert wired == pytest.approx(ideal, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("segment", [0.0, 50.0])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_no_input_line_carries_more_than_its_limit(direction: Direction, segment: float) -> None:
    """Lines that are within it stand at what they were told."""
    world = world_of(segment)
    inputs = direction.sides(ROWS, COLUMNS)[0]
    wiring, on = world._wiring, np.linspace(0.05, 0.3, inputs)
    pattern = np.ones((1, inputs), np.bool_)

    def carried_by(points: ProductPoints) -> np.ndarray:
        across = np.broadcast_to(points.cell_voltage, (1, ROWS, COLUMNS)).reshape(-1)
        cells = world.die.law(np.arange(ROWS * COLUMNS)).current(across).reshape(ROWS, COLUMNS)
        return cells.sum(axis=1 - direction)

    free = wiring.product(direction, LIMIT).points(pattern, on, on)
    assert not free.held.any()
    limit = float(np.median(carried_by(free))) * 0.99
    held = wiring.product(direction, limit).points(pattern, on, on)
    carried = carried_by(held)
    assert held.held.any()
    assert not held.held.all()
    assert carried[held.held[0]] == pytest.approx(limit, rel=1e-6)
    assert (carried[~held.held[0]] < limit).all()


def test_the_white_noise_of_a_product_is_that_of_its_samples() -> None:
    """Slot and averages add up: a cell is sampled 20 times in 100 us; in half a slot half as often."""
    only_white = Noise(**{**dict.fromkeys(Noise.__dataclass_fields__, False), "read": True})
    world = world_of(noise=only_white)
    conductance = world.die.conductance()
    deviation = world.die._read_noise.deviation(conductance)
    count = 2000
    for share, averages in ((1.0, 1), (0.25, 1), (1.0, 16)):
        shares = np.full((count, ROWS), share)
        found = results(world, widths(shares, Direction.ROWS_IN, 0.0, 0.1, averages)).current
        expected = 0.1 * np.sqrt(share * (deviation**2).sum(axis=0) / (20 * averages))
        assert found.std(axis=0) == pytest.approx(expected, rel=0.06)


def test_a_slot_shorter_than_a_sample_is_noisier() -> None:
    only_white = Noise(**{**dict.fromkeys(Noise.__dataclass_fields__, False), "read": True})
    world = world_of(noise=only_white)
    deviation = world.die._read_noise.deviation(world.die.conductance())
    drive = ProductDrive(Direction.ROWS_IN, np.full((2000, ROWS), 0.1), None, np.ones((2000, ROWS)), 1e-6, 1, LIMIT)
    found = results(world, drive).current
    assert found.std(axis=0) == pytest.approx(0.1 * np.sqrt(5 * (deviation**2).sum(axis=0)), rel=0.06)


def test_slow_noise_follows_the_mean_voltage() -> None:
    """Averages do not reduce it: 1/f noise of vectors that follow at once is nearly one and the same."""
    only_slow = Noise(**{**dict.fromkeys(Noise.__dataclass_fields__, False), "flicker": True})

    def deviation(share: float) -> float:
        shares = np.full((1, ROWS), share)
        drive = widths(shares, Direction.ROWS_IN, 0.0, 0.1, 16)
        noisy, quiet = (results(world_of(noise=noise), drive).current for noise in (only_slow, Noise.none()))
        return float(np.abs(noisy - quiet).sum())

    assert deviation(0.25) == pytest.approx(deviation(1.0) / 4, rel=1e-9)


@pytest.mark.parametrize("segment", [0.0, 0.5])
def test_vectors_together_are_vectors_one_by_one(segment: float) -> None:
    levels = np.random.default_rng(2).uniform(0, 0.3, (3, ROWS))
    together, alone = world_of(segment, noise=Noise()), world_of(segment, noise=Noise())
    found = results(together, amplitudes(levels, Direction.ROWS_IN)).current
    expected = [results(alone, amplitudes(level[None], Direction.ROWS_IN)).current[0] for level in levels]
    assert found == pytest.approx(np.array(expected), rel=1e-9)
    assert (together.die.read_count == alone.die.read_count).all()
    assert (together.die.read_count == 3 * 20).all()


def test_readers_of_the_side_that_is_read_convert() -> None:
    """Only their own offsets, and the hanging conductance of their own lines, come in."""
    errors = BoardErrors.none()
    die = world_of().die
    offset = replace(errors, amplifier_offset=3e-6)
    for direction in DIRECTIONS:
        end = BoardFrontEnd(offset, False, ROWS, COLUMNS, G_MAX, 5)
        world = World(die, VirtualClock(), front_end=end)
        inputs, outputs = direction.sides(ROWS, COLUMNS)
        found = results(world, amplitudes(np.zeros((1, inputs)), direction)).current[0]
        volts = end._readers[direction]._offset
        assert len(volts) == outputs
        assert found == pytest.approx(volts * die.conductance().sum(axis=direction), rel=1e-6)


def test_lines_that_block_hang_lightly_on_a_reader() -> None:
    world = world_of()
    product = world.product(amplitudes(np.full((1, ROWS), -0.1), Direction.ROWS_IN))
    product.vector(0, 0.0)
    assert product._hanging[0] == pytest.approx(world.die.conductance().sum(axis=0) / 1e4, rel=1e-9)


def test_a_product_acts_on_a_soft_die_as_long_as_it_lasts() -> None:
    """Amplitudes act from the routing to the last conversion, widths for their widths; at 0 V nothing moves."""
    moved: dict[str, np.ndarray] = {}
    for name, drive in (
        ("amplitude", amplitudes(np.full((1, ROWS), 0.5), Direction.ROWS_IN, 2)),
        ("whole", widths(np.ones((1, ROWS)), Direction.ROWS_IN, 0.0, 0.5, 2)),
        ("half", widths(np.full((1, ROWS), 0.5), Direction.ROWS_IN, 0.0, 0.5, 2)),
        ("none", widths(np.zeros((1, ROWS)), Direction.ROWS_IN, 0.0, 0.5, 2)),
    ):
        world = world_of(device="ru-azo-soft")
        before = world.die.state.copy()
        results(world, drive)
        moved[name] = world.die.state - before
    assert (moved["none"] == 0).all()
    assert (moved["whole"] > 0).all()
    assert moved["half"] / moved["whole"] == pytest.approx(np.full((ROWS, COLUMNS), 0.5), rel=0.05)
    still = (30e-6 + 2 * 105e-6) / (2 * 100e-6)
    assert moved["amplitude"] / moved["whole"] == pytest.approx(np.full((ROWS, COLUMNS), still), rel=0.05)


@pytest.mark.parametrize("segment", [0.0, 0.5])
def test_a_floor_acts_before_and_after_the_pulses(segment: float) -> None:
    world = world_of(segment, device="ru-azo-soft")
    before = world.die.state.copy()
    results(world, widths(np.zeros((1, ROWS)), Direction.ROWS_IN, 0.4, 0.5, 10))
    assert (world.die.state != before).all()


@pytest.mark.parametrize("segment", [0.0, 0.5])
@pytest.mark.parametrize("limit", [5e-324, 1e-15, 1e-12, 1e-9])
def test_any_limit_is_kept(limit: float, segment: float) -> None:
    shares = np.random.default_rng(3).uniform(0, 1, (2, ROWS))
    drive = ProductDrive(Direction.ROWS_IN, np.full((2, ROWS), 0.2), 0.003, shares, SLOT, 1, limit)
    found = results(world_of(segment), drive)
    assert found.in_compliance.all()
    assert (np.abs(found.current) <= limit).all()


@pytest.mark.parametrize("segment", [0.0, 0.5])
@pytest.mark.parametrize("device", ["ru-azo", "ru-azo-soft"])
def test_patterns_a_few_at_a_time_are_the_same_product(
    monkeypatch: pytest.MonkeyPatch, segment: float, device: str
) -> None:
    """So that 512 x 512 cells on wires, 513 patterns, need no gigabytes."""
    shares = np.random.default_rng(3).uniform(0, 1, (2, ROWS))
    drive = widths(shares, Direction.ROWS_IN, 0.003, 0.45)
    whole = results(first := world_of(segment, device, Noise()), drive)
    monkeypatch.setattr(products, "_NUMBERS", 3 * ROWS * COLUMNS)
    pieces = results(second := world_of(segment, device, Noise()), drive)
    assert pieces.current == pytest.approx(whole.current, rel=1e-9)
    assert second.die.state == pytest.approx(first.die.state, rel=1e-9)


class HeardError(Exception):
    """Somebody asked for the safe state."""


def test_on_wires_somebody_is_heard_after_each_pattern() -> None:
    """Every pattern of a width-coded vector is a network to be solved: together they take longer than a slot."""
    world = world_of(0.5)
    shares = np.linspace(0.1, 1.0, ROWS)[None]
    product = world.product(widths(shares, Direction.ROWS_IN, 0.0, 0.2))
    looked: list[int] = []
    product.vector(0, 2e-3, lambda: looked.append(1))
    assert len(looked) == ROWS

    def hear() -> None:
        looked.append(1)
        if len(looked) == ROWS + 3:
            raise HeardError

    again = world.product(widths(shares, Direction.ROWS_IN, 0.0, 0.2))
    with pytest.raises(HeardError):
        again.vector(0, 4e-3, hear)
    assert len(looked) == ROWS + 3
