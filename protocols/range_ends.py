"""Where the range of a film's cells ends short of a target: told from the cells that stood still there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.write_algorithms.array_filter import END_ZONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

FEWEST = 8
"""Cells that stood still from which an end is told; fewer may be stuck."""


def stand_at_ends(state: Array, error: Array, stood: Mask) -> Mask:
    """Return which cells are where most cells that went the same way stood still, far from their targets.

    An end is no end if more cells are beyond it than stood still: those that stood are stuck then.

    Args:
        state: of all cells, shape (n,) (levels).
        error: what each lacks to its target (levels).
        stood: cells that no burst moved any more, on the way to their targets.
    """
    found = np.zeros(len(state), bool)
    for sign in (1.0, -1.0):
        theirs = stood & (sign * error > END_ZONE)
        if np.count_nonzero(theirs) < FEWEST:
            continue
        end = float(np.median(state[theirs]))
        if np.count_nonzero(sign * (state - end) > END_ZONE) < np.count_nonzero(theirs):
            found |= (np.abs(state - end) <= END_ZONE) & (sign * error > END_ZONE)
    return found
