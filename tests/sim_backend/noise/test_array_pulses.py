"""Pulses on every cell at once: as cell by cell, and the same with numba and without."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim_backend.device_models.catalogue import device_named, model_of
from sim_backend.device_models.interface import DeviceModel, Train
from sim_backend.die import Die
from sim_backend.noise.array_pulses import ArrayPulses
from sim_backend.noise.array_state import ArrayState
from sim_backend.noise.keyed import KeyedNoise
from sim_backend.noise.kinds import Noise, NoiseKind
from sim_backend.noise.pulse_kernel import can_compile
from sim_backend.noise.step_table import StepTable, step_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import CellLaw, Cells, PerCell, States

RU_AZO = device_named("ru-azo", 5.9e-3)
UP, DOWN = Train(80e-9, 1, 10e-6), Train(65e-9, 1, 10e-6)
CELLS = 300


class Ramp(DeviceModel):
    """A cell that moves one level a microsecond from 0 to 1000, and remembers whether it ever passed 500."""

    variables = ("position", "passed")
    top = 1000.0

    def erased(self, cells: int) -> States:
        return np.zeros((2, cells))

    def conductance(self, states: States) -> Cells:
        return 1e-6 * (1 + states[0])

    @property
    def highest_conductance(self) -> float:
        return 1e-6 * 1001

    def law(self, states: States, conductance: Cells) -> CellLaw:
        raise NotImplementedError

    def current_bound(self, conductance: float, voltage: float) -> float:
        return conductance * abs(voltage)

    def disturbs(self, voltage: float) -> bool:
        return abs(voltage) >= 0.5

    def advance(self, states: States, voltage: PerCell, train: Train, conductance: Cells, rate: PerCell) -> States:
        position = np.clip(states[0] + np.sign(voltage) * rate * train.time * 1e6, 0.0, self.top)
        return np.array([position, np.maximum(states[1], position > 500)])

    def write_variance(self, before: States, after: States) -> Cells:
        return 0.01 * np.abs(after[0] - before[0])


@pytest.fixture
def ramp() -> Ramp:
    return Ramp(RU_AZO.profile)


def fresh(seed: int = 0, model: DeviceModel = RU_AZO, **switches: bool) -> Die:
    die = Die.fresh("test", 20, 15, model, seed, Noise(**switches))
    die.state.reshape(-1)[:] = np.linspace(100, 400, CELLS)
    return die


def arrays(seed: int) -> ArrayState:
    rng = np.random.default_rng(seed)
    return ArrayState(rng.uniform(100, 16_000, CELLS), np.full(CELLS, 7), np.zeros(CELLS), np.zeros(CELLS))


def everywhere(die: Die) -> NDArray[np.int64]:
    return np.arange(die.state.size)


@pytest.mark.parametrize(("voltage", "train"), [(0.90, UP), (-0.75, DOWN), (0.90, Train(80e-9, 20, 10e-6))])
@pytest.mark.parametrize("write", [True, False])
def test_looked_up_pulses_are_the_computed_ones(voltage: float, train: Train, write: bool) -> None:
    looked_up, computed = (fresh(write=write) for _ in range(2))
    for die in (looked_up, computed):
        die.state[:] += 3000
        die.time = 2.0
    for _ in range(25):
        assert looked_up.pulse_all(voltage, train)
        assert computed.expose(everywhere(computed), voltage, train)
    distance = abs(computed.state - looked_up.state).max()
    assert distance < 2e-4 * 25 * train.count
    assert np.array_equal(looked_up.write_count, computed.write_count)
    assert np.array_equal(looked_up.written_at, computed.written_at)
    assert looked_up.travelled == pytest.approx(computed.travelled, rel=1e-3)
    assert not looked_up.states[1:].any()


def test_cells_of_different_rates_and_fixed_cells_move_as_computed() -> None:
    noise = RU_AZO.profile.noise.model_copy(update={"rate_spread": 0.2, "stuck_share": 0.1, "dead_share": 0.1})
    model = model_of(RU_AZO.profile.model_copy(update={"noise": noise}))
    looked_up, computed = (Die.fresh("test", 20, 15, model, 4) for _ in range(2))
    for die in (looked_up, computed):
        die.state[:] = np.maximum(die.state, 500)
    before = computed.state.copy()
    for _ in range(10):
        looked_up.pulse_all(0.90, UP)
        computed.expose(everywhere(computed), 0.90, UP)
    assert looked_up.state == pytest.approx(computed.state, abs=2e-3)
    assert 0.1 < np.mean(computed.state == before) < 0.3


def test_cells_near_an_end_are_computed() -> None:
    for state, voltage, train in ((10.0, -0.75, DOWN), (16_519.5, 0.90, UP), (20_000.0, -0.75, DOWN)):
        looked_up, computed = fresh(), fresh()
        looked_up.state[3, 4] = computed.state[3, 4] = state
        for _ in range(2):
            looked_up.pulse_all(voltage, train)
            computed.expose(everywhere(computed), voltage, train)
        assert np.array_equal(looked_up.states, computed.states)


def test_cells_with_a_past_of_their_own_are_computed(ramp: Ramp) -> None:
    looked_up, computed = fresh(model=ramp), fresh(model=ramp)
    for die in (looked_up, computed):
        die.expose(np.array([7]), 0.9, Train(450e-6))  # beyond 500: remembered
        die.expose(np.array([7]), -0.9, Train(450e-6))
        die.expose(np.delete(everywhere(die), 7), 0.9, Train(1e-6, 2))
    assert looked_up.states[1].sum() == 1
    assert np.ptp(looked_up.write_count) == 0
    looked_up.pulse_all(0.9, Train(1e-6))
    computed.expose(everywhere(computed), 0.9, Train(1e-6))
    assert np.array_equal(looked_up.states, computed.states)


def test_cells_that_have_seen_different_counts_keep_their_own_numbers() -> None:
    looked_up, computed = fresh(), fresh()
    for die in (looked_up, computed):
        die.expose(np.array([5]), 0.90, UP)
    looked_up.pulse_all(0.90, UP)
    computed.expose(everywhere(computed), 0.90, UP)
    assert np.array_equal(looked_up.state, computed.state)


def test_a_table_says_where_the_position_alone_decides(ramp: Ramp) -> None:
    table = step_table(ramp, 0.9, Train(1e-6))
    # From 499.5 a pulse passes 500, which a cell remembers.
    assert np.array_equal(np.isfinite(table.step), np.arange(1001) < 499)
    assert table.step[:499] == pytest.approx(1.0)
    assert table.deviation[:499] == pytest.approx(0.1)
    down = step_table(ramp, -0.9, Train(1e-6))
    # Below 2 noise could take a cell to the end.
    assert np.array_equal(np.isfinite(down.step), (np.arange(1001) >= 2) & (np.arange(1001) < 501))


def one_pulse(table: StepTable, seed: int, *, accelerated: bool, rate: NDArray[np.float64] | None) -> ArrayState:
    state = arrays(seed)
    pulses = ArrayPulses(KeyedNoise(seed, NoiseKind.WRITE, CELLS), rate, CELLS, accelerated=accelerated)
    for _ in range(20):
        assert pulses.apply(state, table, 3, 1.5)
    return state


@pytest.mark.skipif(not can_compile(), reason="numba (extra `speed`) is not installed: its pulses are NOT tested")
@pytest.mark.parametrize("rates", [False, True])
def test_numba_gives_the_same_numbers(rates: bool) -> None:
    table = step_table(RU_AZO, 0.90, Train(80e-9, 3, 10e-6))
    for seed in range(5):
        rate = np.random.default_rng(seed).uniform(0, 2, CELLS) if rates else None
        plain, compiled = (one_pulse(table, seed, accelerated=fast, rate=rate) for fast in (False, True))
        assert compiled.position == pytest.approx(plain.position, rel=1e-12, abs=1e-9)
        assert compiled.travelled == pytest.approx(plain.travelled, rel=1e-12, abs=1e-9)
        assert np.array_equal(compiled.write_count, plain.write_count)
        assert np.array_equal(compiled.written_at, plain.written_at)


@pytest.mark.parametrize("accelerated", [False, True])
def test_one_cell_outside_stops_all(accelerated: bool) -> None:
    state, same = arrays(1), arrays(1)
    pulses = ArrayPulses(KeyedNoise(0, NoiseKind.WRITE, CELLS), None, CELLS, accelerated=accelerated)
    state.position[17] = same.position[17] = 30_000.0
    assert not pulses.apply(state, step_table(RU_AZO, 0.90, UP), 1, 9.0)
    for one, other in zip(
        (state.position, state.write_count, state.written_at, state.travelled),
        (same.position, same.write_count, same.written_at, same.travelled),
        strict=True,
    ):
        assert np.array_equal(one, other)


def test_a_long_way_up_and_down_is_that_of_two_trains() -> None:
    die = fresh()
    nominal = die.states.reshape(3, -1).copy()
    for voltage, train in ((0.90, UP), (-0.75, DOWN)):
        for _ in range(5000):
            die.pulse_all(voltage, train)
        assert np.all(die.write_count % 5000 == 0)
        whole = Train(train.width, 5000, train.period)
        nominal = RU_AZO.advance(nominal, voltage, whole, RU_AZO.conductance(nominal), 1.0)
    spread = die.state.reshape(-1) - nominal[0]
    # 10,000 steps of 5 to 8 % deviation each.
    assert 5.0 < spread.std() < 8.0
    assert abs(spread.mean()) < 4 * spread.std() / math.sqrt(CELLS)
