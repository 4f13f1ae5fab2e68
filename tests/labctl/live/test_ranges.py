from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.live.ranges import Span, error_span, round_up, step_span, value_span

numbers = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=50)


@given(st.floats(1e-30, 1e30))
def test_a_round_end_is_reached_within_half_again(value: float) -> None:
    assert value * (1 - 1e-9) <= round_up(value) <= 1.7 * value


@given(numbers)
def test_the_axis_shows_every_value(values: list[float]) -> None:
    span = value_span(np.array(values), None)
    assert span is not None
    slack = 1e-6 * (span.high - span.low)
    assert span.low < span.high
    assert span.low - slack <= min(values)
    assert max(values) <= span.high + slack


@given(numbers, numbers)
def test_the_axis_only_grows(first: list[float], then: list[float]) -> None:
    before = value_span(np.array(first), None)
    after = value_span(np.array(then), before)
    assert before is not None
    assert after is not None
    slack = 1e-6 * (after.high - after.low)
    assert after.low <= before.low + slack
    assert after.high >= before.high - slack


def test_a_ramp_moves_the_axis_a_few_times_only() -> None:
    span, moves = None, 0
    for value in np.linspace(200e-9, 5.9e-3, 16_520):
        wider = value_span(np.array([value]), span)
        moves += wider != span
        span = wider
    assert moves < 100
    assert span is not None
    assert 5.9e-3 <= span.high <= 8e-3


@pytest.mark.parametrize("value", [0.0, 3.3e-3, -1e-320, 1e149])
def test_a_constant_gets_an_axis_around_it(value: float) -> None:
    span = value_span(np.array([value, value]), None)
    assert span is not None
    assert span.low < value < span.high


def test_without_a_value_there_is_no_axis_yet() -> None:
    assert value_span(np.array([]), None) is None
    assert value_span(np.array([np.nan]), None) is None
    assert value_span(np.array([np.nan]), Span(1.0, 2.0)) == Span(1.0, 2.0)


@pytest.mark.parametrize(
    ("last", "total", "high"), [(0, None, 10), (9000, None, 10_000), (9000, 9500, 9500), (40, 100, 50), (12, 7, 15)]
)
def test_the_step_axis_grows_in_steps_up_to_the_total(last: float, total: int | None, high: float) -> None:
    assert step_span(last, total) == Span(0.0, high)


def test_the_error_axis_shows_the_band() -> None:
    assert error_span(np.array([0.01]), 0.5, None) == Span(-0.75, 0.75)
    assert error_span(np.array([]), None, None) == Span(-1.0, 1.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_the_error_axis_hides_at_most_one_in_a_hundred(errors: list[float]) -> None:
    span = error_span(np.array(errors), 0.5, None)
    assert span.low == -span.high
    assert sum(abs(error) > span.high for error in errors) <= 0.01 * len(errors)


def test_a_few_stuck_cells_do_not_flatten_the_others() -> None:
    errors = np.concatenate((np.random.default_rng(3).normal(0, 0.2, 5000), [-4000.0, 9000.0]))
    assert error_span(errors, 0.5, None).high == 0.75


def test_the_error_axis_keeps_still_while_it_fits() -> None:
    before = error_span(np.array([0.9]), None, None)
    assert error_span(np.array([0.7]), None, before) == before
    assert error_span(np.array([0.1]), None, before).high < before.high
