"""A function of the position, tabulated in whole positions and linear between them.

Whole positions make the place in the table the position itself: no search, which matters for a whole array of cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class StateTable:
    """A tabulated function.

    Args:
        values: in the positions 0, 1, 2, ..., at least one.
    """

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values = values
        self._rise = np.append(np.diff(values), 0.0)

    def __call__(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the function of `position`, which lies between 0 and the last one, in its shape."""
        whole = position.astype(np.intp)
        return self.values.take(whole) + (position - whole) * self._rise.take(whole)
