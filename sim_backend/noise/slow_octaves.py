"""The octaves of 1/f noise that are longer than an operation, summed up: most have changed nothing since the last one.

A value that is looked up is kept until its interval is over, so that an operation that follows another on the same
cells looks up what has changed since, not every octave. What is kept follows from the keys alone: a sum is the same,
to the bit, whether its values were kept or looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.noise.keyed import KeyedNoise

    Array = NDArray[np.float64]
    Numbers = NDArray[np.int64]

OCTAVE_SHIFT = 48
"""Keys are octave * 2^48 + number of the interval: 2^48 intervals of 5 us are 44 years."""
BLOCK = 4096
"""Cells whose values are kept together, and the most that are asked for at a time."""
BLOCKS = 32
"""Blocks that are kept (1 MB each at 31 octaves): a die with more cells than that keeps those that come first."""


class _Block:
    """What is kept of neighbouring cells.

    Args:
        octaves: how many there are.
        cells: in the block.
    """

    def __init__(self, octaves: int, cells: int) -> None:
        self.values = np.zeros((octaves, cells))
        """Of each octave's interval."""
        self.count = np.zeros(cells, np.int64)
        """Number of the shortest octave's interval for which they hold."""
        self.lowest = np.full(cells, octaves, np.int64)
        """First octave whose value holds."""


class SlowOctaves:
    """Sums of the octaves from some octave on, over operations that are shorter than all of these.

    Args:
        noise: from which the values come.
        octaves: how many there are.
        cells: of the die.
    """

    def __init__(self, noise: KeyedNoise, octaves: int, cells: int) -> None:
        self._noise = noise
        self._octaves = octaves
        self._cells = cells
        self._blocks: dict[int, _Block] = {}

    def sum(self, cells: Numbers, last: Array, length: float, short: int) -> Array:
        """Return the sums of the octaves' means over operations, shape (n,).

        Args:
            cells: which, shape (n,), 1 <= n <= `BLOCK`.
            last: when the operations end, counted in intervals of the shortest octave, shape (n,).
            length: of each operation, in the same unit.
            short: the first octave that counts; it is longer than the operations.
        """
        block, places = self._block_of(cells)
        count = last.astype(np.int64)
        cell, octave = self._changing(count, np.maximum(last - length, 0).astype(np.int64), block, places, short)
        values, flat, place = block.values, block.values.reshape(-1), places[cell]
        at = octave * values.shape[1] + place
        number, there, known = count[cell] >> octave, block.count[place] >> octave, block.lowest[place] <= short
        old = flat[at]
        now = old.copy()
        fresh = np.flatnonzero(~known | (there != number))
        now[fresh] = self._value(cells[cell[fresh]], octave[fresh], number[fresh])
        flat[at] = now
        block.count[places], block.lowest[places] = count, short
        # An operation that began in the interval before sees both, each for its time.
        inside = last[cell] - (number << octave)
        over = np.flatnonzero((inside < length) & (number > 0))
        before, share = old[over], inside[over] / length
        gone = np.flatnonzero(~known[over] | (there[over] != number[over] - 1))
        lost = over[gone]
        before[gone] = self._value(cells[cell[lost]], octave[lost], number[lost] - 1)
        flat[at[over]] = share * now[over] + (1 - share) * before
        seen = values[short:]
        side_by_side = int(places[-1]) - int(places[0]) + 1 == len(places)
        seen = seen[:, places[0] : places[-1] + 1] if side_by_side else seen.take(places, axis=1)
        total: Array = seen.sum(axis=0)
        flat[at[over]] = now[over]
        return total

    def _block_of(self, cells: Numbers) -> tuple[_Block, Numbers]:
        """Return what is kept of some cells, and their places in it: nothing where they are not of one block."""
        start = int(cells[0]) // BLOCK * BLOCK
        ordered = bool((cells[1:] > cells[:-1]).all())
        if ordered and int(cells[-1]) < start + BLOCK and (start in self._blocks or len(self._blocks) < BLOCKS):
            if start not in self._blocks:
                self._blocks[start] = _Block(self._octaves, min(BLOCK, self._cells - start))
            return self._blocks[start], cells - start
        return _Block(self._octaves, len(cells)), np.arange(len(cells))

    def _changing(
        self, count: Numbers, begin: Numbers, block: _Block, places: Numbers, short: int
    ) -> tuple[Numbers, Numbers]:
        """Return which octaves of which of the cells may have a value to look up or to blend, each of shape (pairs,).

        Intervals are nested: where two counts differ, so do all octaves up to that of the highest bit.
        """
        # One earlier than the operation begins, so that rounding leaves none out.
        apart = (count ^ block.count[places]) | (count ^ np.maximum(begin - 1, 0))
        octaves = np.frexp(apart.astype(np.float64))[1].astype(np.int64)
        octaves = np.where(block.lowest[places] <= short, octaves, self._octaves)
        many = np.clip(octaves, short, self._octaves) - short
        cell = np.repeat(np.arange(len(count)), many)
        octave = np.arange(len(cell)) - np.repeat(np.cumsum(many) - many, many) + short
        return cell, octave

    def _value(self, cells: Numbers, octave: Numbers, number: Numbers) -> Array:
        return self._noise.normal(cells, number | (octave << OCTAVE_SHIFT))
