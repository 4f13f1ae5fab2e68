from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.measured_values import even_spacing, finite_points, finite_series, positive, vector

numbers = st.lists(st.floats(), max_size=20)


@given(numbers)
def test_points_that_are_not_numbers_are_left_out_of_every_column(values: list[float]) -> None:
    first, second = finite_points(values, list(range(len(values))))
    kept = [place for place, value in enumerate(values) if math.isfinite(value)]
    assert second.tolist() == kept
    assert first.tolist() == [values[place] for place in kept]


@given(numbers)
def test_a_series_with_a_gap_is_none(values: list[float]) -> None:
    series = finite_series(values, 1)
    assert (series is None) == (not values or not all(math.isfinite(value) for value in values))


@given(st.floats(1e-6, 1e3), st.integers(2, 50))
def test_the_spacing_of_even_times_is_found(spacing: float, count: int) -> None:
    assert even_spacing(5.0 + spacing * np.arange(count)) == pytest.approx(spacing, rel=1e-3)


@pytest.mark.parametrize("times", [[], [1.0], [1.0, 1.0], [0.0, 1.0, 3.0], [1.0, 0.0], [0.0, math.nan, 2.0]])
def test_times_that_are_not_even_are_refused(times: list[float]) -> None:
    with pytest.raises(ParameterError):
        even_spacing(times)


def test_what_is_no_list_of_numbers_is_refused() -> None:
    with pytest.raises(ParameterError, match="not all numbers"):
        vector(["a"])  # pyright: ignore[reportArgumentType]
    with pytest.raises(ParameterError, match="2 dimensions"):
        vector([[1.0]])
    with pytest.raises(ParameterError, match="one length"):
        finite_points([1.0], [1.0, 2.0])


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_what_is_not_positive_is_refused(value: float) -> None:
    with pytest.raises(ParameterError, match="a width is above 0"):
        positive(value, "a width")
