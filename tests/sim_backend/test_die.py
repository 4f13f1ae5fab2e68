"""Noise of a die, each kind measured from outside, and what a train does however it is cut."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from labctl.errors import BenchFileError, InputError
from labctl.levels import LEVELS, LevelScale
from sim_backend.devices import RU_AZO, device_named
from sim_backend.die import Die
from sim_backend.noise import Noise

STEP = LevelScale().step
QUIET = Noise(read=False, write=False, spread=False)


def die_with(noise: Noise, rows: int = 128, columns: int = 128, seed: int = 0) -> Die:
    return Die.fresh("test", rows, columns, RU_AZO, seed, noise)


def everywhere(die: Die) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(die.state.size)


def test_a_fresh_die_is_erased() -> None:
    die = die_with(QUIET)
    assert die.conductance().shape == (128, 128)
    assert die.conductance() == pytest.approx(200e-9, rel=1e-12)


def test_pulses_from_erased_give_their_count_as_level() -> None:
    die = die_with(QUIET, 1, LEVELS // 40)
    for cell in everywhere(die):
        die.expose(np.array([cell]), 0.90, 40 * int(cell) * 80e-9, 40 * int(cell))
    level = (die.conductance()[0] - 200e-9) / STEP
    # The published table bends by up to 1 % of the range from the straight line.
    assert np.abs(level - 40 * everywhere(die)).max() < 0.011 * LEVELS


@pytest.mark.parametrize("tenth", range(10))
def test_write_noise_of_one_pulse(tenth: int) -> None:
    die = die_with(Noise(read=False, write=True, spread=False))
    g = (tenth + 0.5) / 10
    die.state[:] = np.interp(g, (die.cell.conduction.conductance.values - 200e-9) / 5.8998e-3, np.arange(33_041))
    before = die.conductance()
    die.expose(everywhere(die), 0.90, 80e-9)
    change = die.conductance() - before
    assert change.std() / change.mean() == pytest.approx(0.0509 + 0.0758 * g, rel=0.05)
    assert stats.kstest((change - change.mean()).ravel() / change.std(), "norm").pvalue > 0.01


@pytest.mark.parametrize("cluster", [200e-9, 0.715e-3, 1.43e-3, 2.14e-3, 2.86e-3])
def test_read_noise_at_the_reference_voltage(cluster: float) -> None:
    die = die_with(Noise(read=True, write=False, spread=False))
    die.state[:] = np.interp(cluster, die.cell.conduction.conductance.values, np.arange(33_041))
    noise = die.sample_noise(everywhere(die), 0.2, 1) / 0.2
    assert noise.std() == pytest.approx(27.228e-9 + 1.8647e-5 * cluster, rel=0.03)
    assert abs(noise.mean()) < 4 * noise.std() / 128


def test_read_noise_falls_with_the_root_of_the_samples() -> None:
    die = die_with(Noise(read=True, write=False, spread=False))
    single, mean = (die.sample_noise(everywhere(die), 0.2, samples) for samples in (1, 64))
    assert mean.std() / single.std() == pytest.approx(1 / 8, rel=0.03)
    assert die.read_count.min() == die.read_count.max() == 65


def test_read_noise_is_small_where_the_cell_blocks() -> None:
    die, other = (die_with(Noise(read=True, write=False, spread=False)) for _ in range(2))
    forward, reverse = die.sample_noise(everywhere(die), 0.2, 1), other.sample_noise(everywhere(die), -0.2, 1)
    assert reverse == pytest.approx(forward / 1e4, rel=1e-9)


def test_spread_is_gaussian_and_the_same_at_every_level() -> None:
    die, ideal = die_with(Noise(read=False, write=False, spread=True)), die_with(QUIET)
    for state in (2000.0, 16_000.0):  # well above the floor that cuts the spread of erased cells
        die.state[:] = ideal.state[:] = state
        offset = (die.conductance() - ideal.conductance()).ravel()
        assert offset.std() == pytest.approx(107.2e-9, rel=0.05)
        assert stats.kstest(offset / 107.2e-9, "norm").pvalue > 0.01


def test_spread_belongs_to_cell_and_seed() -> None:
    one, same, other = (die_with(Noise(), seed=seed).conductance() for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_cell_ever_conducts_less_than_the_floor() -> None:
    conductance = die_with(Noise()).conductance()
    assert conductance.min() == RU_AZO.g_floor
    # Cells below: those whose offset exceeds 198 nS downwards, 3.2 % of a normal distribution.
    assert np.mean(conductance == RU_AZO.g_floor) == pytest.approx(stats.norm.cdf(-198 / 107.2), abs=0.006)


def test_noise_of_a_scaled_die_is_the_same_number_of_levels() -> None:
    small = Die.fresh("test", 64, 64, device_named("ru-azo", 20e-6), 0)
    large = die_with(Noise(), 64, 64)
    small.state[:] = large.state[:] = 5000
    factor = 20e-6 / 5.9e-3
    assert small.conductance() == pytest.approx(large.conductance() * factor, rel=1e-9)
    noise = [die.sample_noise(everywhere(small), 0.2, 1) for die in (small, large)]
    assert noise[0] == pytest.approx(noise[1] * factor, rel=1e-9)


@pytest.mark.parametrize("kind", ["read", "write", "spread"])
def test_each_noise_is_switched_alone(kind: str) -> None:
    die = die_with(Noise(**{name: name == kind for name in ("read", "write", "spread")}), 8, 8)
    die.state[:] = 5000
    same = {"spread": bool(np.ptp(die.conductance()) == 0), "read": not die.sample_noise(everywhere(die), 0.2, 1).any()}
    die.expose(everywhere(die), 0.90, 80e-9)
    same["write"] = bool(np.ptp(die.state) == 0)
    assert same == {name: name != kind for name in ("read", "write", "spread")}


def test_switching_one_noise_off_changes_no_other() -> None:
    one, two = die_with(Noise(), 8, 8), die_with(Noise(spread=False, read=False), 8, 8)
    for die in (one, two):
        die.expose(everywhere(die), 0.90, 80e-9 * 100)
    assert np.array_equal(one.state, two.state)


def test_below_the_threshold_nothing_changes_and_nothing_is_counted() -> None:
    die = die_with(Noise())
    die.state[:] = 5000.5
    assert not die.expose(everywhere(die), 0.4659, 1.0, 7)
    assert np.all(die.state == 5000.5)
    assert not die.write_count.any()


def test_noise_moves_no_cell_that_the_law_does_not_move() -> None:
    die = die_with(Noise())
    die.expose(everywhere(die), -0.75, 1e-3)
    assert not die.state.any()  # erased cells stay erased


def trained(start: float, voltage: float, time: float, pieces: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the states of 16,384 cells after a train cut into equal pieces."""
    die = die_with(Noise(), seed=pieces)
    die.state[:] = start
    for _ in range(pieces):
        die.expose(everywhere(die), voltage, time / pieces)
    return die.state.ravel()


@pytest.mark.parametrize(
    ("start", "voltage", "time"),
    [
        (3000.0, 0.90, 200 * 80e-9),
        (12_000.0, -0.75, 200 * 65e-9),
        (250.0, -0.75, 400 * 65e-9),  # far into the lower end
        (32_700.0, 0.90, 500 * 80e-9),  # far into the upper end
    ],
)
def test_cutting_a_train_changes_no_statistics(start: float, voltage: float, time: float) -> None:
    whole, many = trained(start, voltage, time, 1), trained(start, voltage, time, 200)
    # Standard errors for 16,384 cells: 0.8 % of a standard deviation in the mean, 0.55 % of it in itself.
    assert abs(whole.mean() - many.mean()) < 5 * 0.011 * whole.std()
    assert many.std() == pytest.approx(whole.std(), rel=5 * 0.0078)
    assert stats.ks_2samp(whole, many).pvalue > 0.01


def test_erasing_in_one_train_leaves_no_cell_scattered() -> None:
    states = trained(16_519.0, -0.75, 17_000 * 65e-9, 1)
    assert states.max() < 0.2 * 30


def test_states_stay_in_range() -> None:
    # From the very end a short piece of a pulse moves a cell by about two standard deviations of its noise.
    for start, voltage in ((10.0, -0.75), (33_030.0, 0.90), (0.0, 0.90), (33_040.0, -0.75)):
        for time, pieces in ((30e-9, 20), (1e-9, 1)):
            states = trained(start, voltage, time, pieces)
            assert states.min() >= 0
            assert states.max() <= 33_040


@pytest.mark.parametrize(("rows", "columns"), [(0, 4), (4, 0), (513, 512), (-1, -4)])
def test_impossible_shapes_are_refused(rows: int, columns: int) -> None:
    with pytest.raises(BenchFileError):
        Die.fresh("test", rows, columns, RU_AZO, 0)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_impossible_seeds_are_refused(seed: int) -> None:
    with pytest.raises(InputError):
        Die.fresh("test", 2, 2, RU_AZO, seed)
