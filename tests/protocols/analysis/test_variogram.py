from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import ParameterError
from protocols.analysis.variogram import split_by_conductance, split_noise, variogram
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.noise.flicker import SAMPLE_TIME
from sim_backend.validation.pulses import all_cells, noise_of, place

STEP = 357e-9


def walk(chance: np.random.Generator, trains: int, reads: int, write: float, read: float) -> np.ndarray:
    """Return readings, shape (trains + 1, reads), of steps of 1 that scatter by `write`, read with `read`; in S."""
    states = np.append(0, np.cumsum(1 + write * chance.normal(size=trains)))
    return STEP * (states[:, None] + read * chance.normal(size=(trains + 1, reads)))


@pytest.mark.parametrize(("trains", "reads", "read"), [(512, 4, 0.067), (512, 16, 0.27), (1024, 2, 0.067)])
def test_both_noises_are_found_within_ten_percent_and_their_errors_are_as_stated(
    trains: int, reads: int, read: float
) -> None:
    chance = np.random.default_rng(trains + reads)
    splits = [split_noise(walk(chance, trains, reads, 0.09, read)) for _ in range(100)]
    found = [split for split in splits if split is not None]
    assert len(found) == 100
    for size, pairs in (
        (0.09, [(split.write_sigma, split.write_sigma_error) for split in found]),
        (read, [(split.read_sigma, split.read_sigma_error) for split in found]),
    ):
        off = np.array([value / STEP - size for value, _ in pairs])
        pulls = off / np.array([error / STEP for _, error in pairs])
        assert np.mean(np.abs(off) < 0.1 * size) >= 0.88
        # Of 100 pulls the deviation is known to 0.07, the mean to 0.1; four of each.
        assert np.std(pulls) == pytest.approx(1, abs=0.28)
        assert np.mean(pulls) == pytest.approx(0, abs=0.4)


def test_1024_trains_of_two_reads_are_enough_for_ten_percent() -> None:
    chance = np.random.default_rng(3)
    for _ in range(100):
        split = split_noise(walk(chance, 1024, 2, 0.09, 0.067))
        assert split is not None
        assert split.write_sigma == pytest.approx(0.09 * STEP, rel=0.13)
        assert split.read_sigma == pytest.approx(0.067 * STEP, rel=0.1)
        assert split.write_found


def test_without_write_noise_none_is_found() -> None:
    # Two deviations one-sided: 2.3 % false; more than 8 of 100 happen with probability 1e-3.
    chance = np.random.default_rng(4)
    splits = [split_noise(walk(chance, 128, 4, 0.0, 0.1)) for _ in range(100)]
    assert sum(split is None or split.write_found for split in splits) <= 8
    assert all(
        split.write_sigma < 2 * (split.write_sigma_error + 1e-12) for split in splits if split and not split.write_found
    )


def test_trains_of_many_pulses_count_per_pulse() -> None:
    split = split_noise(walk(np.random.default_rng(5), 1024, 4, 0.3, 0.05), pulses=9)
    assert split is not None
    assert split.write_sigma == pytest.approx(0.1 * STEP, rel=0.1)
    assert split.step == pytest.approx(STEP / 9, rel=0.1)


def test_a_slope_that_changes_is_no_write_noise() -> None:
    chance = np.random.default_rng(6)
    place_ = np.arange(1025.0)
    bent = STEP * (place_ + 2e-4 * place_**2)[:, None] + 0.05 * STEP * chance.normal(size=(1025, 4))
    split = split_noise(bent, trend=2)
    assert split is not None
    assert not split.write_found


def test_the_variogram_has_the_nugget_and_the_slope_of_its_definition() -> None:
    found = variogram(walk(np.random.default_rng(7), 20_000, 4, 0.09, 0.2), lags=8)
    assert found is not None
    assert found.pulses.tolist() == list(range(9))
    # Semivariance r + n w / 2.
    assert found.semivariance / STEP**2 == pytest.approx(0.04 + np.arange(9) * 0.0081 / 2, rel=0.05)
    assert found.pairs[0] == 20_001 * 6
    single = variogram(walk(np.random.default_rng(7), 100, 1, 0.09, 0.2), lags=3)
    assert single is not None
    assert single.pulses.tolist() == [1, 2, 3]


def test_the_twins_noises_are_found_within_ten_percent() -> None:
    die = Die("variogram", 1, 1, device_named("ru-azo", 5.9e-3), 12, noise_of("read", "flicker", "write"))
    place(die, 7500)
    cell, reads = all_cells(die), np.empty((1025, 4))
    for train in range(1025):
        if train:
            die.expose(cell, 0.9, Train(80e-9, 1, 1e-6))
        for read in range(4):
            noise = die.sample_noise(cell, 0.2, 16, 16 * SAMPLE_TIME)
            reads[train, read] = float((die.current(cell, 0.2) + noise)[0]) / 0.2
            die.time += 1e-4
    split = split_noise(reads, trend=2)
    profile = device_named("ru-azo", 5.9e-3).profile
    middle = split_by_conductance(reads, 1, trend=2)
    assert split is not None
    assert middle == (split,)
    white = (profile.noise.read + profile.noise.read_slope * split.conductance) / 4
    share = profile.noise.write + profile.noise.write_rise * split.conductance / profile.g_max
    assert split.read_sigma == pytest.approx(white, rel=0.1)
    assert split.write_sigma == pytest.approx(share * split.step, rel=0.1)


def test_stretches_are_given_in_order_of_conductance() -> None:
    chance = np.random.default_rng(8)
    falling = -walk(chance, 400, 2, 0.09, 0.1)
    splits = split_by_conductance(falling, 4)
    assert len(splits) == 4
    assert [split.trains for split in splits] == [100] * 4
    assert sorted(split.conductance for split in splits) == [split.conductance for split in splits]


@pytest.mark.parametrize("readings", [[], [1.0] * 16, [1.0] * 40, [1.0] * 40 + [math.nan], list(range(40))])
def test_readings_that_are_few_constant_or_missing_are_not_split(readings: list[float]) -> None:
    assert split_noise(readings) is None
    assert variogram(readings[:16]) is None


def test_what_makes_no_sense_is_refused() -> None:
    good = walk(np.random.default_rng(9), 32, 2, 0.1, 0.1)
    for call in (
        lambda: split_noise(good, pulses=0),
        lambda: split_noise(good, trend=5),
        lambda: variogram(good, lags=0),
        lambda: split_noise([[1.0], [1.0, 2.0]]),
        lambda: split_noise(np.zeros((2, 2, 2))),
        lambda: split_by_conductance(good, 0),
    ):
        with pytest.raises(ParameterError):
            call()
    assert split_by_conductance([1.0], 4) == ()
