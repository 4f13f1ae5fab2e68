"""Noises of one cell told apart: simulated reads with known parts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import ParameterError
from protocols.analysis.variogram import NoiseSplit
from protocols.board_requests import SAMPLE_TIME
from protocols.cell_noise import (
    BLOCK,
    ReadNoise,
    Scatter,
    block_scatter,
    contiguous_corner,
    fit_series,
    join_blocks,
    join_steps,
    less_bend,
    moves,
    rise_of_slope,
    split_reader,
    staircase_noise,
)

CELL, READER = 40e-9, 9e-9
"""Noise of a conductance (S) and of a reader (A)."""


def scatter(variance: float, freedom: int = 10_000) -> Scatter:
    return Scatter(variance, freedom, 1e-3, 0.0, 0.0, 0.0)


def test_a_block_scatters_about_its_slow_course() -> None:
    chance = np.random.default_rng(1)
    place = np.linspace(-1, 1, BLOCK)
    variances = [
        block_scatter(1e-3 + 1e-4 * place - 3e-5 * place**3 + CELL * chance.standard_normal(BLOCK))[1]
        for _ in range(2000)
    ]
    assert math.sqrt(np.mean(variances)) == pytest.approx(CELL, rel=0.01)
    with pytest.raises(ParameterError):
        block_scatter([1.0] * 7)


def test_reads_at_two_voltages_tell_the_cell_from_its_reader() -> None:
    high, low = ((CELL**2 + (READER / voltage) ** 2) for voltage in (0.2, 0.02))
    found = split_reader(scatter(high), 0.2, scatter(low), 0.02)
    assert found.cell == pytest.approx(CELL)
    assert found.reader == pytest.approx(READER / 0.2)


def test_the_errors_of_the_split_are_those_of_many_splits() -> None:
    chance, freedom = np.random.default_rng(2), 4000
    true = [CELL**2 + (READER / voltage) ** 2 for voltage in (0.2, 0.02)]
    splits = [
        split_reader(
            scatter(true[0] * chance.chisquare(freedom) / freedom, freedom),
            0.2,
            scatter(true[1] * chance.chisquare(freedom) / freedom, freedom),
            0.02,
        )
        for _ in range(1000)
    ]
    for name in ("cell", "reader"):
        spread = np.std([getattr(one, name) for one in splits])
        assert np.mean([getattr(one, f"{name}_error") for one in splits]) == pytest.approx(spread, rel=0.1)


def test_a_noise_that_is_not_there_is_none_with_an_upper_end() -> None:
    found = split_reader(scatter((READER / 0.2) ** 2 * 0.99), 0.2, scatter((READER / 0.02) ** 2), 0.02)
    assert found.cell == 0
    assert 0 < found.cell_error < READER / 0.2
    with pytest.raises(ParameterError):
        split_reader(scatter(1.0), 0.2, scatter(1.0), 0.2)


@pytest.mark.parametrize("bend", [0.344, 0.5])
def test_a_bent_cell_passes_on_more_of_a_readers_voltage_noise(bend: float) -> None:
    def chord(voltage: float) -> float:
        return math.sinh(voltage / bend) / voltage

    rise = rise_of_slope(chord(0.2), chord(0.02), 0.2, 0.02)
    assert rise == pytest.approx(math.cosh(0.2 / bend) / math.cosh(0.02 / bend) - 1, rel=1e-6)


def test_a_straight_cell_passes_on_no_more() -> None:
    assert rise_of_slope(1e-3, 1e-3, 0.2, 0.02) == 0
    assert rise_of_slope(0.9e-3, 1e-3, 0.2, 0.02) == 0
    assert rise_of_slope(1e-3, -1e-6, 0.2, 0.02) == 0


def test_what_the_bend_adds_is_taken_out() -> None:
    places, rise = [0.5e-3, 2e-3, 4e-3, 5.5e-3], 0.17
    true = [27e-9 + 1.9e-5 * place for place in places]
    of_voltage = 1e-5  # of the reader's noise, S per S
    noises = [
        ReadNoise(
            math.sqrt(cell**2 + ((1 + rise) ** 2 - 1) * (of_voltage * place) ** 2),
            cell / 1000,
            math.hypot(45e-9, of_voltage * place),
            5e-11,
        )
        for cell, place in zip(true, places, strict=True)
    ]
    found = less_bend(noises, places, [rise] * 4)
    assert [one.cell for one in found] == pytest.approx(true, rel=1e-3)
    for before, after in zip(noises, found, strict=True):
        assert math.hypot(after.cell, after.reader) == pytest.approx(math.hypot(before.cell, before.reader))
    assert less_bend(noises[:1], places[:1], [rise]) == noises[:1]


def test_slow_noise_of_block_means_is_told_from_their_scatter() -> None:
    chance = np.random.default_rng(3)
    white, slow = chance.standard_normal((400, 8, BLOCK)), 0.5 * chance.standard_normal((400, 8))
    blocks = white + slow[:, :, None]
    variances = blocks.var(axis=2, ddof=1)
    found = join_blocks(blocks.mean(axis=2), variances, BLOCK - 1, BLOCK)
    assert found is not None
    assert found.slow == pytest.approx(0.25, rel=0.1)
    assert abs(found.slow - 0.25) < 4 * found.slow_error
    still = join_blocks(white.mean(axis=2), white.var(axis=2, ddof=1), BLOCK - 1, BLOCK)
    assert still is not None
    assert abs(still.slow) < 4 * still.slow_error
    assert join_blocks([], [], 60, 64) is None


def test_reads_that_move_a_cell_are_told_from_noise_and_from_a_jump() -> None:
    chance = np.random.default_rng(4)
    assert moves(np.arange(8) + 0.1 * chance.standard_normal(8), 1.0)
    assert moves(-np.arange(8.0), 1.0)
    assert not moves(0.1 * np.arange(8.0), 1.0)
    assert not moves([0, 0.1, 0, 0.05, 50, 50.1, 50, 50.2], 1.0)
    assert not any(moves(chance.standard_normal(8) / 8, 1.0) for _ in range(1000))


def test_the_corner_does_not_depend_on_gaps_between_reads() -> None:
    chance = np.random.default_rng(5)
    true, sigma, samples, reads = 70.0, 1.0, 400, 1024
    density = true * 2 * sigma**2 * SAMPLE_TIME  # of the 1/f noise at 1 Hz
    for pace in (samples * SAMPLE_TIME, 3 * samples * SAMPLE_TIME):
        frequency = np.fft.rfftfreq(4 * reads, pace)[1:]
        parts = np.sqrt(density / frequency * 4 * reads / pace / 4)
        spectra = parts * (chance.standard_normal((8, len(parts))) + 1j * chance.standard_normal((8, len(parts))))
        slow = np.fft.irfft(np.concatenate([np.zeros((8, 1)), spectra], axis=1), 4 * reads)[:, :reads]
        series = slow + sigma / math.sqrt(samples) * chance.standard_normal((8, reads))
        corner = contiguous_corner(fit_series(series, pace), ReadNoise(sigma, 0.01, 0.0, 0.0))
        assert corner is not None
        assert abs(math.log(corner.frequency / true)) < 3.5 * corner.error < 1.0
        assert corner.exponent == 1.0
    assert contiguous_corner(None, ReadNoise(1.0, 0.1, 0.0, 0.0)) is None
    assert contiguous_corner(fit_series(series, pace), ReadNoise(0.0, 0.1, 0.0, 0.0)) is None


def test_staircases_up_and_down_are_joined() -> None:
    chance = np.random.default_rng(6)
    splits: list[NoiseSplit] = []
    for sign in (1, -1, 1, -1):
        steps = sign * (357e-9 + 30e-9 * chance.standard_normal(512))
        stairs = np.concatenate([[0.0], np.cumsum(steps)]) + 10e-9 * chance.standard_normal(513)
        split = staircase_noise(3e-3 + stairs)
        assert split is not None
        splits.append(split)
    found = join_steps(splits)
    assert found is not None
    assert abs(found.sigma - 30e-9) < 3.5 * found.sigma_error < 6e-9
    assert found.step == pytest.approx(357e-9, rel=0.02)
    assert found.relative == pytest.approx(found.sigma / found.step)
    assert join_steps([]) is None
