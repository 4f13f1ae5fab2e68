"""Which cells work: the judgement alone, on made-up reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labctl.levels import G_MAX, G_MIN, LevelScale
from protocols.analysis.cell_yield import Bounds, Kind, Seen, judge_cells, open_lines, read_noise, rectification

STEP = LevelScale().step
BOUNDS = Bounds(G_MAX, STEP, G_MIN, open_below=0.25, short_above=2.0, weak_below=0.5, rectification=0.0)
SHAPE = (20, 16)
NOISE = 0.1 * STEP


def made(swing: float = 2000 * STEP, start: float = G_MIN + 500 * STEP, ratio: float = 1e4) -> Seen:
    """Return reads of an array whose cells are all alike, but for noise."""
    random = np.random.default_rng(1)

    def read(value: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return value + NOISE * random.standard_normal(SHAPE)

    return Seen(
        read(start), read(start), read(start), read(start + swing), read(start),
        read(start / ratio), read((start + swing) / ratio), read(start / ratio), np.zeros(SHAPE, np.bool_),
    )  # fmt: skip


def put(seen: Seen, row: int, column: int, start: float, raised: float, lowered: float) -> None:
    for values, value in ((seen.before, start), (seen.again, start), (seen.start, start), (seen.raised, raised)):
        values[row, column] = value
    seen.lowered[row, column] = lowered


def test_each_kind_is_told_from_the_others() -> None:
    seen = made()
    high, low, half = G_MIN + 12000 * STEP, G_MIN + 900 * STEP, G_MIN + 1000 * STEP
    put(seen, 1, 1, 0.0, 0.0, 0.0)
    put(seen, 2, 2, high, high, high)
    put(seen, 3, 3, low, low, low)
    put(seen, 4, 4, low, low + 400 * STEP, low)
    put(seen, 5, 5, 3 * G_MAX, np.nan, np.nan)
    put(seen, 6, 6, half, np.nan, np.nan)
    put(seen, 7, 7, low, 3 * G_MAX, 3 * G_MAX)
    put(seen, 8, 8, high, high, high - 2000 * STEP)  # at the end of its range: down only
    put(seen, 9, 9, low, low + 2000 * STEP, low + 2000 * STEP)  # a film that hardly goes down
    seen.saturated[10, 10] = True
    kind = judge_cells(seen, BOUNDS).kind
    expected = np.full(SHAPE, int(Kind.GOOD))
    expected[1, 1], expected[2, 2], expected[3, 3], expected[4, 4] = 1, 3, 4, 5
    expected[5, 5] = expected[7, 7] = expected[10, 10] = Kind.SHORT
    expected[6, 6] = Kind.UNTESTED
    assert (kind == expected).all()


@pytest.mark.parametrize("swing", [2000.0, 60.0, 5.0])
def test_whatever_a_burst_does_cells_alike_are_good(swing: float) -> None:
    assert (judge_cells(made(swing * STEP), BOUNDS).kind == Kind.GOOD).all()


def test_an_array_that_does_not_move_is_stuck_as_a_whole() -> None:
    assert (judge_cells(made(0.0), BOUNDS).kind == Kind.STUCK_LOW).all()
    assert (judge_cells(made(0.0, 0.0), BOUNDS).kind == Kind.OPEN).all()


def test_a_film_whose_swing_follows_its_conductance_and_its_place_is_judged_by_cells_alike() -> None:
    seen = made()
    random = np.random.default_rng(2)
    start = G_MAX * np.exp(random.uniform(-5, -1, SHAPE))
    reach = np.linspace(1, 0.3, SHAPE[0])[:, None] * np.linspace(1, 0.5, SHAPE[1])
    raised = start * (1 + reach)
    raised[11, 5] = start[11, 5] * (1 + 0.2 * reach[11, 5])
    steep = replace(seen, before=start, again=start, start=start, raised=raised, lowered=start.copy())
    kind = judge_cells(steep, BOUNDS).kind
    assert np.argwhere(kind != Kind.GOOD).tolist() == [[11, 5]]
    assert kind[11, 5] == Kind.WEAK


def test_what_all_cells_change_by_alike_is_no_noise() -> None:
    seen = made()
    assert read_noise(seen.before, seen.again + 30 * STEP) == pytest.approx(NOISE, rel=0.15)
    assert read_noise(seen.before, np.full(SHAPE, np.nan)) == 0.0


def test_rectification_is_a_ratio_or_a_bound() -> None:
    seen = made(ratio=100.0)
    measured = rectification(judge_cells(seen, BOUNDS))
    assert measured is not None
    assert measured.ratio == pytest.approx(100, rel=0.01)
    assert 99 < measured.at_least < 100.01
    blocked = rectification(judge_cells(made(ratio=1e9), BOUNDS))
    assert blocked is not None
    assert blocked.ratio is None
    assert blocked.at_least > 2000 / (3 * 0.1 * np.sqrt(2 / 320)) / 4
    nothing = np.full(SHAPE, np.nan)
    assert rectification(judge_cells(replace(seen, raised_reverse=nothing), BOUNDS)) is None


def test_a_cell_that_leaks_is_bad_only_if_that_is_asked() -> None:
    seen = made(ratio=1e4)
    seen.raised_reverse[3, 4] += 100 * STEP
    assert (judge_cells(seen, BOUNDS).kind == Kind.GOOD).all()
    kind = judge_cells(seen, replace(BOUNDS, rectification=50.0)).kind
    assert np.argwhere(kind == Kind.LEAKY).tolist() == [[3, 4]]


def test_lines_are_open_as_a_whole() -> None:
    kind = np.zeros(SHAPE, np.int64)
    kind[4] = Kind.OPEN
    kind[4, 0] = Kind.STUCK_LOW
    kind[:, 7] = Kind.OPEN
    kind[9, :8] = Kind.OPEN
    assert np.flatnonzero(open_lines(kind, 1)).tolist() == [4]
    assert np.flatnonzero(open_lines(kind, 0)).tolist() == [7]
    assert not open_lines(np.full((1, 3), int(Kind.OPEN)), 1).any()
