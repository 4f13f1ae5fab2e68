"""A function of the state, tabulated in whole states and linear between them.

Whole states make the place in the table the state itself: no search, which matters for a whole array of cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class StateTable:
    """A tabulated function.

    Args:
        values: in the states 0, 1, 2, ..., at least one.
    """

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values = values
        self._rise = np.append(np.diff(values), 0.0)

    def __call__(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the function of `state`, which lies between 0 and the last state, in its shape."""
        whole = state.astype(np.intp)
        return self.values.take(whole) + (state - whole) * self._rise.take(whole)
