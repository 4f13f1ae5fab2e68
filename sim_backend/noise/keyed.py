"""Normal random numbers that are looked up, not drawn: the same key gives the same number, in any order.

A key is (seed, kind, cell, how-manieth). A resumed or reordered run so sees the same noise for the same event, and
switching one kind of noise off changes no other.

Cell and how-manieth each choose a word of a SplitMix64 sequence of their own (Steele, Lea, Flood 2014), whose start
follows from seed and kind. The sum of the two words goes through both multiplications of SplitMix64's finaliser, and
a table makes the result normal (`normal_table`). The words of a die's cells are kept, and pulses that reach a whole
array share one word for their count, so that a number costs one addition and one finaliser.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.noise.normal_table import NormalBuffers, normal_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS = 1 << 18
"""Cells that can be told apart: 512 x 512."""
COUNTS = 1 << 62
"""Events of one kind on one cell that can be told apart."""

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB
_FIRST_WORD = np.uint64(FIRST)
_SECOND_WORD = np.uint64(SECOND)
_GOLDEN_WORD = np.uint64(GOLDEN)
_ONE = np.uint64(1)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


class KeyedNoise:
    """Standard normal and uniform numbers of one seed and kind.

    Args:
        seed: any whole number; seeds that differ by a multiple of 2**64 are the same.
        kind: which noise this is; kinds of one seed are independent.
        cells: how many cells are ever asked for.
    """

    def __init__(self, seed: int, kind: int, cells: int = CELLS) -> None:
        first = _mix_number(_mix_number(seed + GOLDEN) + (kind + 1) * GOLDEN)
        self._cell_start = first
        self.count_start = _mix_number(first + GOLDEN)
        """Where the sequence of the counts' words begins."""
        self._cells = cells

    @cached_property
    def cell_words(self) -> NDArray[np.uint64]:
        """The word of each cell, shape (cells,)."""
        words = _sequence(np.uint64(self._cell_start), np.arange(self._cells))
        words.setflags(write=False)
        return words

    def count_word(self, count: int) -> int:
        """Return the word of the `count`-th event."""
        return _mix_number(self.count_start + (count + 1) * GOLDEN)

    def count_words(self, counts: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return the words of many events, in the shape of `counts`."""
        return _sequence(np.uint64(self.count_start), counts)

    def normal(self, cells: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return one normal number for each key.

        Args:
            cells: 0 to one less than there are, an array of at least one dimension.
            counts: which event of the cell it is, 0 to `COUNTS` - 1; broadcasts with `cells`.
        """
        if cells.size == counts.size == 1:
            shape = np.broadcast_shapes(cells.shape, counts.shape)
            return np.full(shape, self.normal_of(cells.item(), counts.item()))
        words = self._words(cells, counts)
        return NormalBuffers(words.size).normal(words.reshape(-1)).reshape(words.shape)

    def normal_of(self, cell: int, count: int) -> float:
        """Return the normal number of one key: Python's whole numbers are faster than arrays of one."""
        return normal_of(_finalised_number(int(self.cell_words[cell]) + self.count_word(count)))

    def uniform(self, cells: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return one number between 0 and 1, evenly distributed, for each key; arguments as for `normal`."""
        whole = (self._words(cells, counts) >> np.uint64(11)).astype(np.float64)
        return (whole + 0.5) * 2.0**-53

    def _words(self, cells: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.uint64]:
        if counts.size and cells.shape == counts.shape and (counts == (first := counts.flat[0])).all():
            # As often as not an array's cells have all seen as much.
            words = self.cell_words[cells] + np.uint64(self.count_word(int(first)))
        else:
            words = self.cell_words[cells] + self.count_words(counts)
        return finalise(words, np.empty_like(words))


def finalise(words: NDArray[np.uint64], scratch: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix sums of words in place, and return them; `scratch` has their shape."""
    np.right_shift(words, _SHIFTS[0], out=scratch)
    np.bitwise_xor(words, scratch, out=words)
    np.multiply(words, _FIRST_WORD, out=words)
    np.right_shift(words, _SHIFTS[1], out=scratch)
    np.bitwise_xor(words, scratch, out=words)
    return np.multiply(words, _SECOND_WORD, out=words)


def _sequence(start: np.uint64, numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return words of the SplitMix64 sequence that begins at `start`."""
    words = (numbers.astype(np.uint64) + _ONE) * _GOLDEN_WORD + start
    words = finalise(words, np.empty_like(words))
    return words ^ (words >> _SHIFTS[2])


def _finalised_number(word: int) -> int:
    """Return what `finalise` makes of one word, as a signed number."""
    word &= MASK
    word = ((word ^ (word >> 30)) * FIRST) & MASK
    word = ((word ^ (word >> 27)) * SECOND) & MASK
    return word - ((word & (1 << 63)) << 1)


def _mix_number(number: int) -> int:
    """Return SplitMix64's permutation of one number."""
    word = _finalised_number(number) & MASK
    return word ^ (word >> 31)
