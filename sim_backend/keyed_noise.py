"""Normal random numbers that are looked up, not drawn: the same key gives the same number, in any order.

A key is (seed, kind, cell, how-manieth). A resumed or reordered run so sees the same noise for the same event, and
switching one kind of noise off changes no other.

Cell and how-manieth fill one 64-bit word. Two rounds of the SplitMix64 finaliser (Steele, Lea, Flood 2014), each
after an exclusive-or with a word made of seed and kind, permute those words: within a seed and kind no two keys share
a number. The upper 53 bits are a uniform number, and the inverse of the normal distribution makes it normal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS = 1 << 18
"""Cells that can be told apart: 512 x 512."""
COUNTS = 1 << 46
"""Events of one kind on one cell that can be told apart."""

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_FIRST_WORD = np.uint64(_FIRST)
_SECOND_WORD = np.uint64(_SECOND)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_CELL_SHIFT = np.uint64(46)
_UNIFORM_SHIFT = np.uint64(11)
_UNIFORM_STEP = 2.0**-53


class KeyedNoise:
    """Standard normal numbers of one seed and kind.

    Args:
        seed: any whole number; seeds that differ by a multiple of 2**64 are the same.
        kind: which noise this is; kinds of one seed are independent.
    """

    def __init__(self, seed: int, kind: int) -> None:
        first = _mix_number(_mix_number(seed + _GOLDEN) + (kind + 1) * _GOLDEN)
        self._first = np.uint64(first)
        self._second = np.uint64(_mix_number(first + _GOLDEN))

    def normal(self, cells: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return one number for each key.

        Args:
            cells: 0 to `CELLS` - 1, an array of at least one dimension.
            counts: which event of the cell it is, 0 to `COUNTS` - 1, of the same shape.
        """
        word = (cells.astype(np.uint64) << _CELL_SHIFT) | counts.astype(np.uint64)
        word = _mix(_mix(word ^ self._first) ^ self._second)
        # The half keeps both ends out: the inverse stays finite (within 8.3 standard deviations).
        numbers: NDArray[np.float64] = ndtri(((word >> _UNIFORM_SHIFT) + 0.5) * _UNIFORM_STEP)
        return numbers


def _mix(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the finaliser's permutation of 64-bit words."""
    word = (word ^ (word >> _SHIFTS[0])) * _FIRST_WORD
    word = (word ^ (word >> _SHIFTS[1])) * _SECOND_WORD
    return word ^ (word >> _SHIFTS[2])


def _mix_number(number: int) -> int:
    """Return the same permutation of one number."""
    word = number & _MASK
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)
