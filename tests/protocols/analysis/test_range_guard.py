"""A guard brings each column more than the vectors do, and little more than that."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.analysis.range_guard import MORE, guard_shares


@pytest.mark.parametrize("lines", [6, 16, 64])
def test_every_column_gets_a_little_more_than_from_any_vector(lines: int) -> None:
    draw = np.random.default_rng(lines)
    conductance = draw.uniform(0, 5.9e-3, (lines, lines))
    passes = np.maximum(draw.uniform(-1, 1, (400, lines)), 0)
    guard = guard_shares(passes, conductance)
    assert guard.shape == (lines,)
    assert guard.min() >= 0
    assert guard.max() <= 1
    most = (passes @ conductance).max(axis=0)
    brought = guard @ conductance
    assert (brought >= most * MORE * (1 - 1e-9)).all()
    # All rows alike would have to bring the hungriest column what it needs, and the others much more.
    alike = (most / conductance.sum(axis=0)).max() * conductance.sum(axis=0)
    assert (brought - most).max() < 0.6 * (alike - most).max()


def test_vectors_that_need_all_there_is_get_all_rows() -> None:
    assert guard_shares(np.ones((1, 4)), np.full((4, 3), 1e-3)).tolist() == [1.0] * 4
