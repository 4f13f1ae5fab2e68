"""Random telegraph noise: who has it, how long its states last, and that any time can be looked up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from sim_backend.noise.telegraph import Telegraph

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.device_models.base_profile import NoiseProfile

    Sizes = Callable[..., NoiseProfile]

DWELL = 2e-3


@pytest.fixture
def telegraph(sizes: Sizes) -> Telegraph:
    return Telegraph(5, 20_000, sizes(telegraph_share=1.0, telegraph_dwell=DWELL))


def test_a_share_of_the_cells_has_it(sizes: Sizes) -> None:
    telegraph = Telegraph(5, 20_000, sizes(telegraph_share=0.1, telegraph_dwell=DWELL))
    assert telegraph.member.mean() == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / 20_000))
    seen = telegraph.mean(np.arange(20_000), np.zeros(20_000, np.int64), 1.0, 0.0)
    assert np.array_equal(seen != 0, telegraph.member)
    assert set(np.unique(seen)) == {-0.5, 0.0, 0.5}


def test_states_last_their_dwell_time_on_average(telegraph: Telegraph) -> None:
    # 100 cells over 200 dwell times, looked at 100 times in each.
    times = 3.0 + DWELL * np.arange(0, 200, 0.01)
    cells = np.repeat(np.arange(100), len(times))
    states = telegraph.state(cells, np.tile(times, 100)).reshape(100, len(times))
    changes = np.abs(np.diff(states, axis=1))
    # Looks miss two changes between them: of changes at rate 1/dwell, tanh(x)/x with x = 0.01 remain.
    expected = 100 * 200 * math.tanh(0.01) / 0.01
    assert abs(changes.sum() - expected) < 4 * math.sqrt(expected)
    assert abs(states.mean()) < 4 * 0.5 * math.sqrt(1 / (100 * 200))
    lasting = np.concatenate([np.diff(np.flatnonzero(row)) for row in changes]) * 0.01
    # Rounded to looks; a uniform part of a look puts the exponential distribution together again.
    lasting += np.random.default_rng(0).uniform(-0.005, 0.005, lasting.shape)
    assert stats.kstest(lasting, stats.expon.cdf).statistic < 0.02


def test_states_forget_as_a_telegraph_does(telegraph: Telegraph) -> None:
    cells = np.arange(20_000)
    start = telegraph.state(cells, np.full(20_000, 1.0))
    for dwells in (0.05, 0.3, 1.0, 3.0):
        later = telegraph.state(cells, np.full(20_000, 1.0 + dwells * DWELL))
        assert 4 * np.mean(start * later) == pytest.approx(math.exp(-2 * dwells), abs=4 / math.sqrt(20_000))


@pytest.mark.parametrize("dwells", [0.01, 1.0, 10.0, 15.9, 16.1, 1000.0])
def test_operations_average_it_down(telegraph: Telegraph, dwells: float) -> None:
    cells = np.arange(20_000) if dwells < 5 else np.arange(4000)
    means = telegraph.mean(cells, np.zeros(cells.shape, np.int64), 9.0, dwells * DWELL)
    variance = (1 - (1 - math.exp(-2 * dwells)) / (2 * dwells)) / dwells / 4
    assert means.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / len(cells)) + 0.01)
    assert abs(means.mean()) < 4 * math.sqrt(variance / len(cells))


def test_any_order_gives_the_same(telegraph: Telegraph) -> None:
    rng = np.random.default_rng(1)
    cells, times = rng.integers(0, 20_000, 300), rng.uniform(0, 1e5, 300)
    together = telegraph.state(cells, times)
    for place in rng.permutation(300)[:60]:
        one = slice(place, place + 1)
        assert telegraph.state(cells[one], times[one])[0] == together[place]
