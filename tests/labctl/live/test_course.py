from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.live.course import Course, spread
from labctl.live.follow import Follower, Table
from labctl.records import Column

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labctl.store import RunWriter


def test_records_of_one_step_stand_evenly_up_to_its_end() -> None:
    assert spread(np.array([1.0, 2, 2, 2, 2, 5, 5])).tolist() == [1.0, 1.25, 1.5, 1.75, 2.0, 4.5, 5.0]
    assert spread(np.empty(0)).size == 0


@given(st.lists(st.integers(1, 1000), max_size=50))
def test_records_keep_their_order_and_their_step(numbers: list[int]) -> None:
    steps = np.sort(np.array(numbers, np.float64))
    places = spread(steps)
    assert np.all(np.diff(places) > 0)
    assert np.ceil(places - 1e-9).tolist() == steps.tolist()


def test_a_step_has_the_bench_time_of_its_end() -> None:
    course = Course()
    assert course.last == 0
    assert np.isnan(course.times_of(np.array([1.0]))).all()
    assert course.time_at(3) == 0.0
    course.extend([(1, 0.5), (2, 0.75)])
    course.extend([])
    course.extend([(4, 2.0)])
    assert course.last == 4
    assert course.times_of(np.array([1.0, 1.0, 4.0])).tolist() == [0.5, 0.5, 2.0]
    assert np.isnan(course.times_of(np.array([3.0, 9.0]))).all()
    assert [course.time_at(step) for step in (0, 2, 3, 9)] == [0.0, 0.75, 0.75, 2.0]


def test_places_and_times_grow_with_the_table_and_are_looked_back_into() -> None:
    table = Table((Column("g", "float", "S"),))
    table.course.extend([(1, 0.1), (2, 0.2), (3, 0.4)])
    table.step.extend([1, 2, 2])
    assert table.places.tolist() == [1.0, 1.5, 2.0]
    table.step.extend([3])
    assert table.places.tolist() == [1.0, 1.5, 2.0, 3.0]
    assert table.times.tolist() == [0.1, 0.2, 0.2, 0.4]
    table.show_until(2)
    assert (table.places.size, table.times.size) == (3, 3)
    table.show_until(None)
    assert table.places.tolist() == [1.0, 1.5, 2.0, 3.0]


def test_looking_back_shows_the_run_as_it_was(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
) -> None:
    folder = new_run()
    add_levels(open_writer(folder), [0.1, 0.2, 0.3])
    follower = Follower(folder, lambda: 0.0)
    follower.poll()
    table = follower.tables["record"]
    follower.look_back(2)
    assert (follower.shown_steps, follower.shown_time) == (2, pytest.approx(0.02))
    assert follower.shown_table is table
    assert table.shown[3] == 0.2
    follower.look_back(0)
    assert follower.shown_table is None
    assert table.shown == ()
    follower.look_back(None)
    assert (follower.shown_steps, follower.shown_time) == (3, pytest.approx(0.03))
    assert table.shown[3] == 0.3


def test_the_time_of_a_step_that_is_not_kept_lies_between_those_that_are() -> None:
    course = Course()
    course.extend([(step, 0.5 * step) for step in range(1, 200_003)])
    assert course.time_at(1000) == course.times_of(np.array([1000.0]))[0] == pytest.approx(500)
    assert course.time_at(1001) == pytest.approx(500.5)
    assert course.time_at(0) == 0
