"""An end of the range is told from cells that stood still there, and not from stuck cells."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.range_ends import FEWEST, stand_at_ends


def cells(*groups: tuple[int, float, float, bool]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return state, error and whether they stood of groups of so many cells."""
    state, error, stood = ([group[field] for group in groups for _ in range(group[0])] for field in (1, 2, 3))
    return np.array(state, float), np.array(error, float), np.array(stood, bool)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cells_where_others_stood_still_are_at_the_end(sign: float) -> None:
    middle = 8260.0
    state, error, stood = cells(
        (FEWEST, middle + 7000 * sign, 800 * sign, True),
        (5, middle + 6990 * sign, 600 * sign, False),  # the same end, the same way
        (5, middle + 7000 * sign, -3000 * sign, False),  # the way back
        (5, middle + 7000 * sign, 20 * sign, False),  # as good as there
        (5, middle, 7800 * sign, False),  # on their way
    )
    assert stand_at_ends(state, error, stood).tolist() == [True] * (FEWEST + 5) + [False] * 15


def test_stuck_cells_are_no_end() -> None:
    state, error, stood = cells((40, 0.0, 8000.0, True), (20, 0.0, 8000.0, False), (41, 500.0, 7500.0, False))
    assert not stand_at_ends(state, error, stood).any()


def test_few_cells_are_no_end() -> None:
    state, error, stood = cells((FEWEST - 1, 825.0, -825.0, True), (20, 825.0, -825.0, False))
    assert not stand_at_ends(state, error, stood).any()
