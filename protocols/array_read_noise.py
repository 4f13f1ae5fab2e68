"""How noisy reads of an array are: learned from the two halves of each read, along the range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FLOOR_SHARE = 1 / 64
"""Variance that no averaging removes, as a share of one sample's: an estimate for the 1/f noise of a film that is read
for tens of microseconds (an eighth of the white noise)."""
BINS = 9
"""Places along the range at which the noise is kept."""
PRIOR = 16.0
"""Reads that the first guess counts for."""
NOISE_FIRST = 0.5
"""Standard deviation of one sample (levels) before anything is measured: that of the published film at its top."""
OUTLIER = 4.0
"""Differences beyond so many standard deviations are telegraph noise or a disturbed cell, no white noise."""


MANY = 8
"""Reads that show whether their halves differ in common."""
DISTURBED = 0.25
"""Levels by which the second half of reads differs from the first if reads move the cells: more samples would do so
more."""


class ArrayReadNoise:
    """Variance of one sample (levels^2) against the state.

    Args:
        top: last level.
    """

    def __init__(self, top: float) -> None:
        self._places = np.linspace(0.0, top, BINS)
        self._count = np.full(BINS, PRIOR)
        self._sum = np.full(BINS, PRIOR * NOISE_FIRST**2)
        self._is_guess = True
        self.disturbs = False
        """Whether reads were found to move the cells."""

    def memory(self) -> Array:
        """Return all that is known, as one row of floats."""
        return np.concatenate(([float(self._is_guess), float(self.disturbs)], self._count, self._sum))

    def recall(self, memory: Array) -> None:
        """Know what another one knew."""
        self._is_guess, self.disturbs = bool(memory[0]), bool(memory[1])
        self._count, self._sum = memory[2 : 2 + BINS].copy(), memory[2 + BINS :].copy()

    def learn(self, level: Array, difference: Array, samples: int) -> None:
        """Take the differences (levels) of two halves of reads of so many samples in all, at levels; shape (n,)."""
        if not len(level):
            return
        many = len(level) >= MANY
        shift = float(np.median(difference))
        single = (difference - shift * many) ** 2 * samples / 4
        scatter = float(np.median(np.abs(difference - shift))) * 1.4826
        if self._is_guess and many:
            # Devices of another kind may be a hundred times as noisy or quiet: the first reads set the guess.
            self._sum = self._count * max(float(np.median(single)) / 0.455, 1e-6)
            self._is_guess = False
        # Of few reads, chance may move all in one direction.
        self.disturbs |= many and abs(shift) > max(DISTURBED, 5 * scatter / math.sqrt(len(level)))
        kept = single <= OUTLIER**2 * np.maximum(self._of_one(level), float(np.median(single)) / 0.455)
        where = np.rint(np.interp(level[kept], self._places, np.arange(BINS))).astype(np.int64)
        self._count += np.bincount(where, minlength=BINS)
        self._sum += np.bincount(where, single[kept], minlength=BINS)

    def variance(self, level: Array, samples: int) -> Array:
        """Return the variance (levels^2) of reads of so many samples at levels, shape (n,)."""
        return self._of_one(level) * (1 / samples + FLOOR_SHARE)

    def samples_for(self, level: Array, sigma: float, least: int, most: int) -> int:
        """Return how many samples bring nine in ten of reads at levels to `sigma` (levels), within bounds."""
        if self.disturbs:
            return least
        worst = float(np.quantile(self._of_one(level), 0.9)) if len(level) else 0.0
        return int(min(max(least, np.ceil(worst / sigma**2)), most))

    def _of_one(self, level: Array) -> Array:
        """Return the variance of one sample; places that no read came to go by their neighbours."""
        known = self._count > PRIOR
        if not known.any():
            known = np.ones(BINS, bool)
        return np.interp(level, self._places[known], (self._sum / self._count)[known])
