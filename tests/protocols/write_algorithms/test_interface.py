"""What every algorithm promises, on a cell that is a line: it arrives, remembers to the last bit, and tells an end."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

from labctl.protocol import pack_memory
from protocols.write_algorithms.catalogue import AlgorithmMemory, AlgorithmName, make
from protocols.write_algorithms.interface import Prior, WriteAlgorithm, probability_within, probing

PRIOR = Prior(potentiation=1 / 80e-9, depression=1 / 65e-9, gain_spread=0.3, write_noise=0.1)
NAMES: tuple[AlgorithmName, ...] = get_args(AlgorithmName)
READ = 0.05


class Line:
    """A cell whose gains are 10 % off, read with some noise."""

    def __init__(self, state: float, seed: int = 1, speed: float = 0.9) -> None:
        self.state = state
        self.speed = speed
        self.chance = np.random.default_rng(seed)

    def pulse(self, time: float, sign: float) -> None:
        way = self.speed * PRIOR.gain(sign) * max(time, 20e-9)
        self.state += sign * (way + 0.1 * math.sqrt(way) * self.chance.normal())

    def read(self) -> float:
        return self.state + READ * self.chance.normal()


def step(algorithm: WriteAlgorithm[Any], cell: Line, target: float) -> bool:
    shot = algorithm.aim(target, 20e-9)
    sign = math.copysign(1.0, shot.distance)
    algorithm.predict(max(shot.time, 20e-9), sign)
    cell.pulse(shot.time, sign)
    return algorithm.update(cell.read(), READ**2)


def arrive(algorithm: WriteAlgorithm[Any], cell: Line, target: float, most: int = 60) -> int:
    algorithm.begin()
    for bursts in range(most):
        if abs(algorithm.state - target) <= 0.3:
            return bursts
        step(algorithm, cell, target)
    return most


@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_arrives_from_either_side(name: AlgorithmName) -> None:
    cell = Line(5000.0)
    algorithm = make(name, PRIOR)
    algorithm.locate(cell.read(), READ**2)
    for target in (9000.0, 3000.0, 3001.0, 2999.0, 12000.0):
        assert arrive(algorithm, cell, target) < 60
        assert abs(cell.state - target) <= 0.3 + 5 * READ


@pytest.mark.parametrize("name", NAMES)
def test_every_memory_comes_back_to_the_last_bit_and_goes_on_alike(name: AlgorithmName) -> None:
    cell = Line(5000.0)
    first = make(name, PRIOR)
    first.locate(cell.read(), READ**2)
    for target in (9000.0, 3000.0):
        arrive(first, cell, target)
    adapter = TypeAdapter[Any](AlgorithmMemory)
    second = make(name, PRIOR)
    second.recall(adapter.validate_json(pack_memory(first.memory())))
    assert second.memory() == first.memory()
    one, other = Line(cell.state, seed=4), Line(cell.state, seed=4)
    assert arrive(first, one, 7777.0) == arrive(second, other, 7777.0)
    assert one.state.hex() == other.state.hex()
    assert second.memory() == first.memory()


@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_tells_a_cell_that_stands_still(name: AlgorithmName) -> None:
    cell = Line(5000.0)
    algorithm = make(name, PRIOR)
    algorithm.locate(cell.read(), READ**2)
    arrive(algorithm, cell, 8000.0)
    algorithm.begin()
    cell.speed = 0.0
    assert not all(step(algorithm, cell, 8500.0) for _ in range(20))


@pytest.mark.parametrize("name", NAMES)
def test_what_moves_the_state_beside_a_pulse_is_no_part_of_its_way(name: AlgorithmName) -> None:
    algorithm = make(name, PRIOR)
    algorithm.locate(5000.0, READ**2)
    algorithm.predict(100 * 80e-9, 1.0)
    algorithm.shift(20.0)
    assert algorithm.state == pytest.approx(5120.0)
    assert not algorithm.update(5020.0, READ**2) or name == "ispp"
    assert algorithm.state == pytest.approx(5020.0, abs=0.1)


def test_incremental_steps_only_climb_and_overshoot_means_a_reset() -> None:
    algorithm = make("ispp", PRIOR)
    algorithm.begin()
    resets: list[float] = []
    for _ in range(3):
        algorithm.locate(1003.0, READ**2)
        shot = algorithm.aim(1000.0, 20e-9)
        resets.append(shot.distance)
        algorithm.predict(shot.time, -1.0)
        algorithm.update(1000.0 + shot.distance, READ**2)
        assert algorithm.aim(1000.0, 20e-9).distance > 0
    assert resets == [-7.0, -7.0, -7.0]


def test_incremental_steps_grow_while_the_cell_hardly_moves() -> None:
    cell, algorithm = Line(1000.0, speed=0.1), make("ispp", PRIOR)
    algorithm.locate(1000.0, READ**2)
    times = [algorithm.aim(3000.0, 20e-9).time]
    for _ in range(3):
        step(algorithm, cell, 3000.0)
        times.append(algorithm.aim(3000.0, 20e-9).time)
    assert times[-1] > 2 * times[0]


def test_proportional_control_learns_nothing() -> None:
    cell, algorithm = Line(5000.0, speed=0.5), make("proportional", PRIOR)
    algorithm.locate(5000.0, READ**2)
    arrive(algorithm, cell, 6000.0)
    algorithm.locate(5000.0, READ**2)
    assert algorithm.aim(6000.0, 20e-9).time == pytest.approx(1000 * 80e-9)


@pytest.mark.parametrize(
    ("distance", "state", "expected"), [(1000.0, 0.0, 64.0), (-1000.0, 100.0, -10.0), (-5.0, 30.0, -5.0)]
)
def test_probes_stay_inside_the_range(distance: float, state: float, expected: float) -> None:
    assert probing(distance, state) == expected


@pytest.mark.parametrize(("error", "sigma", "expected"), [(0.0, 0.5, 0.6827), (0.0, 0.25, 0.9545), (0.5, 0.1, 0.5)])
def test_probability_of_a_normal_error(error: float, sigma: float, expected: float) -> None:
    assert probability_within(error, sigma, 0.5) == pytest.approx(expected, abs=1e-4)
    assert probability_within(-error, sigma, 0.5) == pytest.approx(expected, abs=1e-4)
