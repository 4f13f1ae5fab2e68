"""A pass that holds a board's readers on the ranges that some vectors need, and hardly on larger ones.

A board takes the smallest range that holds all that a request brings to a column. A pass that brings every column a
little more than any of the vectors does makes ranges the same in every request that has it; it is found by linear
programming, as the one whose largest excess is least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MORE = 1.005
"""By how much a guard brings more than the vectors: more than cells are off their targets, and than noise."""


def guard_shares(passes: Array, conductance: Array) -> Array:
    """Return the inputs of the guard, 0 to 1, shape (rows,).

    Args:
        passes: inputs of all passes, 0 to 1, shape (n, rows).
        conductance: of the cells, shape (rows, columns) (S).
    """
    rows, columns = conductance.shape
    relative = conductance.T / max(float(conductance.max()), 1e-300)
    most = (passes @ relative.T).max(axis=0) * MORE
    # Unknowns: the inputs, and the largest excess; columns get `most` at least, and that and the excess at most.
    above = np.column_stack([-relative, np.zeros(columns)])
    below = np.column_stack([relative, -np.ones(columns)])
    cost = np.append(np.zeros(rows), 1.0)
    found = linprog(
        cost, A_ub=np.concatenate([above, below]), b_ub=np.concatenate([-most, most]),
        bounds=[*[(0.0, 1.0)] * rows, (0.0, None)], method="highs",
    )  # fmt: skip
    if found.x is None or not found.success:
        # Nothing within 0..1 brings so much more: all rows at full input bring what can be brought.
        return np.ones(len(conductance))
    shares: list[float] = found.x[:rows].tolist()
    return np.clip(np.array(shares, np.float64), 0.0, 1.0)
