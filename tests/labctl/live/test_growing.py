from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labctl.live.growing import GrowingColumn


@given(st.lists(st.lists(st.floats(-1e9, 1e9), max_size=40), max_size=40))
def test_values_come_back_in_the_order_they_came(pieces: list[list[float]]) -> None:
    column = GrowingColumn()
    for piece in pieces:
        column.extend(piece)
    assert column.values.tolist() == [value for piece in pieces for value in piece]


def test_it_grows_beyond_its_first_room() -> None:
    column = GrowingColumn()
    for start in range(0, 5000, 7):
        column.extend([float(value) for value in range(start, start + 7)])
    assert np.array_equal(column.values, np.arange(5005.0))


def test_what_cannot_be_drawn_is_nan() -> None:
    column = GrowingColumn()
    column.extend([None, math.inf, -math.inf, math.nan, 1e200, 1, True])
    assert np.isnan(column.values[:5]).all()
    assert column.values[5:].tolist() == [1.0, 1.0]


def test_text_in_a_column_of_numbers_is_nan() -> None:
    column = GrowingColumn()
    column.extend(["0.1 mS", 2.5])
    assert math.isnan(column.values[0])
    assert column.values[1] == 2.5
