"""What a pulse on every cell of an array changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ArrayState:
    """The numbers of all cells of one die; arrays of shape (cells,), changed in place.

    Args:
        position: of the cells.
        write_count: pulses that they have seen.
        written_at: when they saw the last (s).
        travelled: levels that they have passed.
    """

    position: NDArray[np.float64]
    write_count: NDArray[np.int64]
    written_at: NDArray[np.float64]
    travelled: NDArray[np.float64]
