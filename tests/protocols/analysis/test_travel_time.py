from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.travel_time import EDGES, TravelTime, Way, learn_travel_time

level = st.floats(0, 16_519)


def way(start: float, end: float, points: int, rate: float, noise: float = 0.0, seed: int = 1) -> Way:
    levels = np.linspace(start, end, points)
    times = np.abs(levels - start) / rate
    levels = levels + noise * np.random.default_rng(seed).normal(size=points)
    return Way(tuple(times.tolist()), tuple(levels.tolist()))


@given(level, level, level)
def test_times_add_up_and_lead_where_they_came_from(first: float, second: float, third: float) -> None:
    slowness = 1e-7 * (1 + 0.5 * np.sin(EDGES[1:] / 3000))
    travel = TravelTime(EDGES, np.append(0, np.cumsum(slowness * np.diff(EDGES))))
    low, middle, high = sorted((first, second, third))
    there = travel.time_between(low, middle) + travel.time_between(middle, high)
    assert there == pytest.approx(travel.time_between(low, high), abs=1e-15)
    assert travel.level_after(low, travel.time_between(low, high)) == pytest.approx(high, abs=1e-6)
    assert travel.level_after(high, -travel.time_between(low, high)) == pytest.approx(low, abs=1e-6)


@given(st.floats(-1e4, 3e4), st.floats(-1e4, 3e4))
def test_a_steady_rate_holds_everywhere(start: float, end: float) -> None:
    travel = TravelTime.steady(12.5e6)
    assert travel.time_between(start, end) == pytest.approx(abs(end - start) / 12.5e6, rel=1e-9, abs=1e-12)
    assert travel.rate(start) == pytest.approx(12.5e6)


@pytest.mark.parametrize("ends", [(0.0, 16_519.0), (16_519.0, 0.0)])
def test_a_steady_rate_is_learned_up_and_down(ends: tuple[float, float]) -> None:
    travel = learn_travel_time([way(*ends, 258, 12.5e6), way(*ends, 31, 12.5e6)])
    assert travel is not None
    assert travel.time_between(100, 16_000) == pytest.approx(15_900 / 12.5e6, rel=1e-9)


def test_a_rate_that_changes_is_learned_from_noisy_reads() -> None:
    # Rate 1e7 below level 8256, 2e7 above; reads scatter by 0.3 levels.
    levels = np.linspace(0, 16_512, 259)
    times = np.minimum(levels, 8256) / 1e7 + np.maximum(levels - 8256, 0) / 2e7
    noisy = levels + 0.3 * np.random.default_rng(2).normal(size=259)
    travel = learn_travel_time([Way(tuple(times.tolist()), tuple(noisy.tolist()))])
    assert travel is not None
    assert travel.rate(4000) == pytest.approx(1e7, rel=0.01)
    assert travel.rate(12_000) == pytest.approx(2e7, rel=0.01)
    assert travel.time_between(4000, 12_000) == pytest.approx(4256 / 1e7 + 3744 / 2e7, rel=0.002)


def test_bins_that_were_not_passed_take_after_their_neighbours() -> None:
    travel = learn_travel_time([way(5000, 9000, 50, 1e7)])
    assert travel is not None
    assert travel.rate(100) == pytest.approx(1e7, rel=1e-6)
    assert travel.rate(16_000) == pytest.approx(1e7, rel=1e-6)


@pytest.mark.parametrize(
    "ways",
    [[], [Way((), ())], [Way((0.0,), (3.0,))], [Way((0.0, 1.0), (3.0, 3.0))], [Way((0.0, 1.0), (3.0, math.nan))]],
)
def test_a_cell_that_did_not_move_has_no_map(ways: list[Way]) -> None:
    assert learn_travel_time(ways) is None


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ParameterError):
        learn_travel_time([], [1.0])
    with pytest.raises(ParameterError):
        learn_travel_time([], [1.0, 1.0])
    with pytest.raises(ParameterError):
        TravelTime.steady(0.0)
    with pytest.raises(ParameterError):
        TravelTime.steady(1.0).time_between(0, math.nan)
