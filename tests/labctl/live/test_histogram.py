from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labctl.live.histogram import counts
from labctl.live.ranges import Span


@given(st.lists(st.floats(-3, 3) | st.just(float("nan")), max_size=200), st.integers(1, 64))
def test_every_error_on_the_axis_is_counted_once(errors: list[float], bins: int) -> None:
    values = np.array(errors, dtype=np.float64)
    many = counts(values, Span(-2.0, 2.0), bins)
    assert many.size == bins
    assert many.sum() == np.count_nonzero(np.abs(values) <= 2.0)


def test_it_counts_as_numpy_does() -> None:
    values = np.random.default_rng(5).normal(size=10_000)
    expected, _ = np.histogram(values, bins=48, range=(-1.5, 1.5))
    assert np.array_equal(counts(values, Span(-1.5, 1.5), 48), expected)
