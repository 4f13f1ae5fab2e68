"""What each cell adds to its column, and how the column's converter bends, from full vectors.

Single rows read alone stand on a converter's smallest range, whose bend goes into every cell's value. Random vectors
tell both apart: a column's current is linear in what its cells carry, and the bend is a curve over the current. One is
fitted to what the other leaves, in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.code_curves import CodeCurves, fit_code_curves

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ROUNDS = 8
"""The two fits hardly lean on one another: a few rounds are plenty."""
SPARE = 1.5
"""Passes for each row, at least, that tell its cells."""


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """What full vectors say.

    Args:
        full: current (A) of each cell at full input, shape (rows, columns).
        curves: of the converters.
    """

    full: Array
    curves: CodeCurves


def regress(shares: Callable[[int], Array], current: Array) -> Regression | None:
    """Return what full vectors say; None if there are too few.

    Args:
        shares: of a column: of its full current that each cell carries, shape (n, rows).
        current: of the columns, shape (n, columns) (A).
    """
    count, columns = current.shape
    rows = shares(0).shape[1]
    if count < SPARE * rows + 2:
        return None
    designs = [np.column_stack([shares(j), np.ones(count)]) for j in range(columns)]
    inverse = [np.linalg.pinv(design) for design in designs]
    curves, bent = None, np.zeros_like(current)
    found = np.zeros((rows + 1, columns))
    for _ in range(ROUNDS):
        straight = current - bent
        found = np.stack([inverse[j] @ straight[:, j] for j in range(columns)], axis=1)
        expected = np.stack([designs[j] @ found[:, j] for j in range(columns)], axis=1)
        curves = fit_code_curves(current, current - expected)
        bent = curves.at(current)
    return None if curves is None else Regression(found[:-1], curves)
