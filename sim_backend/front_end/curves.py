"""Integral nonlinearity: one smooth, fixed curve for each converter.

A curve is a sine with a whole number of half waves between 0 and full scale, so that it is 0 there and adds neither
offset nor end-point gain; its largest magnitude is 1. How many half waves, and which sign, is keyed by the line.

No data sheet gives the shape. Two to five half waves take as much from a 64 x 64 product (86.6 dB alone, 16 averages)
as the feasibility study behind the board's numbers found for its smooth curve of one step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from sim_backend.front_end.kinds import KEYS
from sim_backend.noise.keyed import KeyedNoise

if TYPE_CHECKING:
    from sim_backend.front_end.interface import Array, Lines

FEWEST_WAVES: Final = 2
"""Half waves between 0 and full scale."""
MOST_WAVES: Final = 5


class SmoothCurves:
    """One curve for each of some lines.

    Args:
        keys: of the lines, shape (lines,).
        seed: of the board.
        kind: of the keyed noise.
    """

    def __init__(self, keys: Lines, seed: int, kind: int) -> None:
        noise = KeyedNoise(seed, kind, KEYS)
        choice = noise.uniform(keys, np.zeros_like(keys))
        waves = FEWEST_WAVES + np.floor(choice * (MOST_WAVES - FEWEST_WAVES + 1))
        sign = np.where(noise.uniform(keys, np.ones_like(keys)) < 0.5, -1.0, 1.0)
        self._rate = np.pi * waves * sign

    def at(self, lines: Lines, place: Array) -> Array:
        """Return the curves of `lines`, shape (n,), at `place`, shape (..., n), from -1 to 1 over the span."""
        curve: Array = np.sin(self._rate[lines] * place)
        return curve
