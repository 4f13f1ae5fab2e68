"""The ideal loop of writes, held against what can be reckoned by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protocols.analysis.ideal_write_loop import WrittenCells, ideal_write_loop


def loop(cells: WrittenCells, tolerance: float = 0.5, seed: int = 1) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    found = ideal_write_loop(np.zeros(4096), rng.uniform(0, 16519, 4096), cells, rng, tolerance)
    assert np.abs(found.error).max() <= tolerance
    return found.bursts_per_cell, float(np.sqrt(np.mean(found.error**2)))


def test_without_noise_and_spread_one_burst_is_enough() -> None:
    rng = np.random.default_rng(1)
    found = ideal_write_loop(np.zeros(500), rng.uniform(1, 16519, 500), WrittenCells(0.0, 0.0), rng)
    assert (found.bursts == 1).all()
    assert np.abs(found.error).max() < 1e-9


def test_cells_that_stand_where_they_should_take_none() -> None:
    target = np.linspace(0, 16000, 50)
    found = ideal_write_loop(target + 0.4, target, WrittenCells(), np.random.default_rng(1))
    assert (found.bursts == 0).all()


def test_the_share_written_by_the_first_burst_is_that_of_a_normal_error() -> None:
    rng = np.random.default_rng(2)
    found = ideal_write_loop(np.zeros(20000), np.full(20000, 400.0), WrittenCells(noise=0.1, noise_rise=0.0), rng)
    # An error of 0.1 sqrt(400) = 2 levels is within half a level with P = erf(0.25 / sqrt 2).
    assert np.mean(found.bursts == 1) == pytest.approx(math.erf(0.25 / math.sqrt(2)), abs=0.01)


def test_bursts_grow_with_what_is_not_known_of_the_cells() -> None:
    bursts = [loop(WrittenCells(rate_spread=spread))[0] for spread in (0.0, 0.01, 0.05, 0.2)]
    assert bursts == sorted(bursts)
    assert 1.9 < bursts[0] < 2.05  # any to any: one pulse, and a correction for nine in ten
    assert bursts[-1] < 3.0


def test_a_tolerance_that_no_pulse_meets_is_refused() -> None:
    with pytest.raises(ValueError, match="not within"):
        loop(WrittenCells(noise=3.0, step_min=50.0), tolerance=1e-4)
