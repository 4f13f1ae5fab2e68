"""The picture of the demo, drawn in any size: rings that grow finer from the middle outwards, as a lens bends light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_RINGS = 9 * np.pi
"""Phase (rad) half a side from the middle: rings that even 32 x 32 points tell apart, all but those in the corners."""
_FADE = 1.2
"""Square of the distance from the middle, in half sides, at which the rings have lost all but 1/e of their contrast."""


def rings(side: int) -> NDArray[np.float64]:
    """Return the greys of the picture, shape (side, side), each 0..1."""
    down, across = (np.indices((side, side)) - (side - 1) / 2) / (side / 2)
    distance = down**2 + across**2
    return 0.5 + 0.5 * np.cos(_RINGS * distance) * np.exp(-distance / _FADE)


def write_weights(side: int, file: Path) -> None:
    """Write the picture as a matrix of weights, each -1..1, shape (side, side), into an npy file."""
    np.save(file, 2 * rings(side) - 1, allow_pickle=False)


def write_picture(side: int, file: Path) -> None:
    """Write the picture as a png of `side` x `side` pixels of 8 bit."""
    from PIL import Image

    Image.fromarray(np.round(255 * rings(side)).astype(np.uint8)).save(file)
