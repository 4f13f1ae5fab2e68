"""A million points look as they are with some thousands."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.report.thinning import DOTS, LINE_POINTS, dots, line_points, lonely


def test_a_short_line_keeps_every_point() -> None:
    x = np.arange(LINE_POINTS, dtype=float)
    assert line_points(x, x).size == LINE_POINTS


@pytest.mark.parametrize("count", [LINE_POINTS + 1, 123_457, 1_000_000])
def test_a_long_line_keeps_its_ends_and_every_spike(count: int) -> None:
    x, y = np.arange(count, dtype=float), np.zeros(count)
    spikes = np.array([1, count // 3, count // 2, count - 2])
    y[spikes] = 1.0, -1.0, 2.0, -2.0
    kept = line_points(x, y)
    assert kept.size < 12_000
    assert {0, count - 1, *spikes.tolist()} <= set(kept.tolist())
    assert np.all(np.diff(kept) > 0)


def test_a_loop_keeps_its_corners() -> None:
    turn = np.linspace(0, 20 * np.pi, 200_000)
    x, y = np.cos(turn), np.sin(turn)
    kept = line_points(x, y)
    assert x[kept].max() == x.max()
    assert x[kept].min() == x.min()


def test_a_gap_stays_a_gap_and_does_not_hide_what_is_beside_it() -> None:
    x, y = np.arange(100_000.0), np.ones(100_000)
    y[40_000:50_000] = np.nan
    y[70_000], y[70_001] = np.nan, 9.0
    kept = line_points(x, y)
    assert np.isnan(y[kept]).any()
    assert 70_001 in kept


def test_dots_cover_what_they_covered() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.uniform(size=1_000_000), rng.normal(0.5, 0.1, 1_000_000)
    x[:3], y[:3] = np.nan, 0.5
    kept = dots(x, y)
    assert 3000 < kept.size <= 2 * DOTS
    assert not np.isnan(x[kept]).any()
    grid = np.zeros((52, 102), np.bool_)  # with a rim of empty places
    grid[(x[kept] * 50).astype(int) + 1, np.clip(y[kept] * 100, 0, 99).astype(int) + 1] = True
    near = np.zeros((50, 100), np.bool_)
    for row in range(3):
        for column in range(3):
            near |= grid[row : row + 50, column : column + 100]
    assert near[(x[3:] * 50).astype(int), np.clip(y[3:] * 100, 0, 99).astype(int)].all()


def test_few_dots_are_all_drawn() -> None:
    assert dots(np.array([0.1, np.nan, 0.1]), np.array([0.1, 0.2, 0.1])).tolist() == [0, 2]


def test_lonely_points() -> None:
    assert lonely(np.array([1.0, np.nan, 2.0, 3.0, np.nan, 4.0])).tolist() == [0, 5]
