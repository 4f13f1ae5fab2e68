"""1/f noise that can be looked up at any time: a sum of processes whose correlation times are an octave apart.

The process of one octave keeps a keyed normal value for an interval of length L, then takes the next one. Its
one-sided power spectral density is 2 L sinc^2(f L) for unit variance. Lengths of 1, 2, 4, ... times the shortest, all
with the same variance v, add up to

    S(f) = v / (f ln 2)

between the reciprocals of the longest and the shortest length, to within 10 % (a ripple from octave to octave).

Each cell's intervals begin at a moment of its own, evenly distributed, so that the process is stationary; those of a
cell's octaves are nested, so that the number of an interval is that of the shortest octave's without its lowest bits.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.noise.keyed import KeyedNoise
from sim_backend.noise.kinds import NoiseKind
from sim_backend.noise.slow_octaves import BLOCK, OCTAVE_SHIFT, SlowOctaves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.base_profile import NoiseProfile

SAMPLE_TIME = 5e-6
"""Time over which one sample of the white read noise is taken, in s: the board's converter runs at 200 kSPS."""
_FAST = 62 << OCTAVE_SHIFT
"""Key of what an operation sees of the octaves that are shorter than itself."""
_START = 63 << OCTAVE_SHIFT
"""Key of the moment at which a cell's intervals begin."""
_KEPT = 8
"""Cells whose values are kept when cells are looked up one by one."""


def octaves(profile: NoiseProfile) -> int:
    """Return how many octaves lie between the shortest and the longest correlation time, both included."""
    return 1 + math.floor(math.log2(profile.flicker_longest / profile.flicker_shortest) + 1e-9)


def corner_frequency(profile: NoiseProfile) -> float:
    """Return the frequency (Hz) below which the 1/f noise exceeds the white noise, for samples without a gap.

    In units of one sample's white variance, the white noise has the one-sided density 2 * `SAMPLE_TIME`, the 1/f
    noise flicker_share^2 / (octaves * ln 2 * f).
    """
    return profile.flicker_share**2 / (octaves(profile) * math.log(2) * 2 * SAMPLE_TIME)


class Flicker:
    """1/f noise of a die's cells, of unit variance in all.

    Args:
        seed: of the die.
        cells: how many.
        profile: its correlation times.
    """

    def __init__(self, seed: int, cells: int, profile: NoiseProfile) -> None:
        self._noise = KeyedNoise(seed, NoiseKind.FLICKER, cells)
        self._cells = cells
        self._shortest = profile.flicker_shortest
        self._count = octaves(profile)
        self._scale = 1 / math.sqrt(self._count)
        self._last = (math.nan, 0, 0.0)
        self._slow = SlowOctaves(self._noise, self._count, cells)
        self._kept: dict[int, tuple[int, list[float | None]]] = {}

    @cached_property
    def _ahead(self) -> NDArray[np.float64]:
        """By how many shortest intervals each cell's count is ahead of the clock, shape (cells,)."""
        spread = self._noise.uniform(np.arange(self._cells), np.array([_START]))
        return spread * math.ldexp(1.0, self._count - 1)

    def mean(
        self, cells: NDArray[np.int64], numbers: NDArray[np.int64], end: float | NDArray[np.float64], duration: float
    ) -> NDArray[np.float64]:
        """Return the means of the noise over operations, shape (n,), in units of its standard deviation.

        Octaves shorter than the operation are averaged down: what is left of them has no memory from one operation
        to the next, and takes its number from the operation's.

        Args:
            cells: shape (n,).
            numbers: of the operations on each cell, shape (n,).
            end: of the operations (s, at least 0), one or one for each.
            duration: of each operation (s).
        """
        if len(cells) > BLOCK:
            ends = np.broadcast_to(end, cells.shape)
            starts = range(0, len(cells), BLOCK)
            pieces = [slice(start, start + BLOCK) for start in starts]
            return np.concatenate([self.mean(cells[p], numbers[p], ends[p], duration) for p in pieces])
        short, left = self._short(duration)
        if len(cells) == 1:
            total = self._long_of_one(int(cells[0]), float(end), duration, short)
            if short:
                total += left * self._noise.normal_of(int(cells[0]), _FAST + int(numbers[0]))
            return np.array([self._scale * total])
        sums = self._long(cells, end, duration, short) if short < self._count else np.zeros(cells.shape)
        if short:
            sums += left * self._noise.normal(cells, _FAST + numbers)
        return self._scale * sums

    def _short(self, duration: float) -> tuple[int, float]:
        """Return how many octaves are shorter than an operation, and the standard deviation of their sum's mean.

        The mean over D of a process that keeps its value for L has the variance L/D - (L/D)^2 / 3.
        """
        if self._last[0] != duration:
            lengths = [math.ldexp(self._shortest, octave) for octave in range(self._count)]
            parts = [length / duration for length in lengths if length < duration]
            self._last = (duration, len(parts), math.sqrt(sum(part - part * part / 3 for part in parts)))
        return self._last[1], self._last[2]

    def _long(
        self, cells: NDArray[np.int64], end: float | NDArray[np.float64], duration: float, short: int
    ) -> NDArray[np.float64]:
        """Return the sum of the means of the octaves that are longer than an operation: at most one change in each."""
        last = np.divide(end, self._shortest) + self._ahead[cells]
        return self._slow.sum(cells, last, duration / self._shortest, short)

    def _long_of_one(self, cell: int, end: float, duration: float, short: int) -> float:
        """Return the same for one cell: its values are kept, as most octaves have changed nothing since the last.

        Those of some more cells are, too, for reads that take turns.
        """
        last = end / self._shortest + float(self._ahead[cell])
        interval = int(last)
        if cell not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[cell] = (interval, [None] * self._count)
        before, values = self._kept[cell]
        # Nested intervals: from the highest bit up in which two counts differ, no octave has changed.
        changed = min((interval ^ before).bit_length(), self._count)
        values[:changed] = [None] * changed
        self._kept[cell] = (interval, values)
        length = duration / self._shortest
        total = 0.0
        for octave in range(short, self._count):
            number = interval >> octave
            inside = last - (number << octave)
            value = values[octave]
            if value is None:
                value = values[octave] = self._value(cell, octave, number)
            if inside < length and number > 0:
                share = inside / length
                value = share * value + (1 - share) * self._value(cell, octave, number - 1)
            total += value
        return total

    def _value(self, cell: int, octave: int, interval: int) -> float:
        return self._noise.normal_of(cell, interval | (octave << OCTAVE_SHIFT))
