from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labctl.live.decimate import extremes, lonely, thinned

values = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=400)


@given(values, st.integers(1, 50))
def test_the_extremes_of_every_stretch_are_kept(numbers: list[float], buckets: int) -> None:
    trace = np.array(numbers, dtype=np.float64)
    kept = extremes(trace, buckets)
    assert kept.size <= 2 * buckets + 2
    assert np.all(np.diff(kept) > 0)
    size = 1 if trace.size <= 2 * buckets else -(-trace.size // buckets)
    for start in range(0, trace.size, size):
        stretch = trace[start : start + size]
        drawn = trace[kept[(kept >= start) & (kept < start + size)]]
        assert drawn.size
        if not np.isnan(stretch).all():
            assert np.nanmin(drawn) == np.nanmin(stretch)
            assert np.nanmax(drawn) == np.nanmax(stretch)


@given(values.filter(bool), st.integers(1, 50))
def test_a_line_begins_and_ends_where_the_trace_does(numbers: list[float], buckets: int) -> None:
    kept = extremes(np.array(numbers, dtype=np.float64), buckets)
    assert kept[0] == 0
    assert kept[-1] == len(numbers) - 1


def test_a_stretch_without_a_number_stays_a_gap() -> None:
    trace = np.concatenate((np.ones(100), np.full(100, np.nan), np.ones(100)))
    drawn = trace[extremes(trace, 30)]
    assert np.isnan(drawn).any()


def test_a_whole_die_is_drawn_with_about_two_thousand_points() -> None:
    noise = np.random.default_rng(1).normal(size=16_520)
    kept = extremes(noise)
    assert 1900 <= kept.size <= 2002
    assert noise.argmax() in kept
    assert noise.argmin() in kept


@given(values)
def test_lonely_numbers_have_a_gap_on_both_sides(numbers: list[float]) -> None:
    trace = np.array(numbers, dtype=np.float64)
    padded = [float("nan"), *numbers, float("nan")]
    expected = [
        place
        for place in range(len(numbers))
        if np.isnan(padded[place]) and not np.isnan(padded[place + 1]) and np.isnan(padded[place + 2])
    ]
    assert lonely(trace).tolist() == expected


@given(values, st.integers(1, 100))
def test_thinned_dots_are_numbers_and_keep_the_extremes(numbers: list[float], most: int) -> None:
    trace = np.array(numbers, dtype=np.float64)
    kept = thinned(trace, most)
    assert not np.isnan(trace[kept]).any()
    assert np.all(np.diff(kept) > 0)
    if kept.size:
        assert np.nanmax(trace) in trace[kept]
        assert np.nanmin(trace) in trace[kept]
    else:
        assert np.isnan(trace).all()
