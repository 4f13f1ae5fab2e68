from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.disturb import (
    bearable_disturb,
    disturb_between,
    disturb_per_event,
    pooled,
    programming_disturb,
)

EVENTS = np.arange(0, 10_001, 500.0)


def test_the_published_half_select_disturb_is_found() -> None:
    # 0.158 levels a pulse at V/2.
    chance = np.random.default_rng(1)
    found = disturb_per_event(EVENTS, 100 + 0.158 * EVENTS + chance.normal(0, 0.1, 21), 0.1)
    assert found is not None
    assert found.found
    assert found.per_event == pytest.approx(0.158, abs=5 * found.sigma)
    assert found.events == 10_000
    assert found.at_most > 0.158


@pytest.mark.parametrize("sigma", [0.1, None])
def test_nothing_is_a_bound_and_rarely_called_something(sigma: float | None) -> None:
    # 1 %: more than 13 of 400 happen with probability 2e-4.
    chance = np.random.default_rng(2)
    found = [disturb_per_event(EVENTS, chance.normal(50, 0.1, 21), sigma) for _ in range(400)]
    assert sum(each is None or each.found for each in found) <= 13
    # 0.1 level over 10,000 events: known to some 7e-6 levels an event.
    assert all(each is not None and 0 < each.at_most < 6e-5 for each in found)


def test_the_bound_holds_as_often_as_stated() -> None:
    chance = np.random.default_rng(3)
    found = [disturb_per_event(EVENTS, 1e-5 * EVENTS + chance.normal(0, 0.1, 21), 0.1) for _ in range(400)]
    assert np.mean([each is not None and each.at_most >= 1e-5 for each in found]) >= 0.97


def test_reads_before_and_after_are_enough() -> None:
    chance = np.random.default_rng(4)
    found = [disturb_between(chance.normal(0, 0.1, 16), chance.normal(0, 0.1, 16), 1e6) for _ in range(300)]
    assert sum(each is None or each.found for each in found) <= 11
    moved = disturb_between(chance.normal(0, 0.1, 16), chance.normal(5, 0.1, 16), 1000)
    assert moved is not None
    assert moved.found
    assert moved.per_event == pytest.approx(5e-3, abs=1e-4)


def test_cells_are_pooled() -> None:
    chance = np.random.default_rng(5)
    cells = [disturb_per_event(EVENTS, 1e-5 * EVENTS + chance.normal(0, 0.1, 21), 0.1) for _ in range(64)]
    known = [cell for cell in cells if cell is not None]
    mean = pooled(known)
    assert mean is not None
    assert mean.found
    assert mean.per_event == pytest.approx(1e-5, abs=4e-6)
    assert mean.sigma == pytest.approx(known[0].sigma / 8, rel=0.3)
    assert mean.events == 640_000
    assert pooled([]) is None
    assert pooled(known[:1]) == known[0]


def test_an_array_is_destroyed_by_the_published_half_select_disturb() -> None:
    assert programming_disturb(64, 64, 8260, 0.158) == pytest.approx(164_440, rel=1e-3)
    assert bearable_disturb(64, 64, 8260) == pytest.approx(0.5 / (126 * 8260))
    assert bearable_disturb(1, 1, 100) == math.inf


@given(st.integers(1, 512), st.integers(1, 512), st.floats(0.1, 1e5))
def test_what_is_bearable_costs_the_tolerance(rows: int, columns: int, pulses: float) -> None:
    bearable = bearable_disturb(rows, columns, pulses)
    if rows + columns > 2:
        assert programming_disturb(rows, columns, pulses, bearable) == pytest.approx(0.5)


@pytest.mark.parametrize("levels", [[], [1.0], [1.0, math.nan], [1.0, 2.0]])
def test_too_few_readings_say_nothing(levels: list[float]) -> None:
    assert disturb_per_event(range(len(levels)), levels) is None
    assert disturb_between(levels, [], 10) is None
    assert disturb_between(levels[:1], levels[:1], 10) is None


def test_readings_without_an_event_between_them_say_nothing() -> None:
    assert disturb_per_event([5.0] * 9, range(9), 0.1) is None


def test_what_makes_no_sense_is_refused() -> None:
    for call in (
        lambda: disturb_between([1.0] * 4, [1.0] * 4, 0),
        lambda: disturb_per_event([0.0, 1.0], [0.0, 1.0], -1.0),
        lambda: programming_disturb(0, 1, 1, 1),
        lambda: bearable_disturb(2, 2, 1, 0),
        lambda: disturb_per_event([0, 1, 2], [0.0, 1.0, 2.5], confidence=0.0),
    ):
        with pytest.raises(ParameterError):
            call()
