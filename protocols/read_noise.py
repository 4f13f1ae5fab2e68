"""How noisy a read is, learned from repeated reads and kept along the conductance range."""

from __future__ import annotations

import math
import statistics
from bisect import insort
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_SAMPLES = 4
"""Fewest samples of a read that decides: an average of fewer hides an outlier."""
FLOOR_SHARE = 1 / 64
"""Variance that no averaging removes, as a share of one sample's: an estimate for the 1/f noise of a film that is read
for tens of microseconds (an eighth of the white noise)."""

STRANGE = 9.0
"""By how much the variance of a read may exceed the nearest survey's where none was made near by."""


class ReadNoise:
    """Standard deviation of a read against the state, from surveys at a few states.

    Args:
        samples: samples averaged by each read of a survey.
        spacing: two surveys lie at most this far apart (levels) from what is asked.
    """

    def __init__(self, samples: int, spacing: float) -> None:
        self._share = 1 / samples + FLOOR_SHARE
        self._spacing = spacing
        self._surveys: list[tuple[float, float]] = []

    def memory(self) -> tuple[tuple[float, float], ...]:
        """Return (state, deviation) of each survey, in levels."""
        return tuple(self._surveys)

    def recall(self, surveys: Sequence[tuple[float, float]]) -> None:
        """Know what another one knew."""
        self._surveys = sorted(surveys)

    def knows(self, state: float) -> bool:
        """Return whether a survey lies near enough to `state` (levels)."""
        return any(abs(state - surveyed) <= self._spacing for surveyed, _ in self._surveys)

    def survey(self, readings: Sequence[float]) -> None:
        """Take repeated reads (levels) of one undisturbed state; at least four.

        Errors in units of a deviation that was itself estimated from n reads have the variance (n - 1) / (n - 3)
        (Student's t): the deviation is kept that much larger, so that it does not promise too much.
        """
        freedom = len(readings) - 1
        sigma = statistics.stdev(readings) * math.sqrt(freedom / (freedom - 2))
        insort(self._surveys, (statistics.fmean(readings), sigma))

    def variance(self, state: float, samples: int) -> float:
        """Return the variance (levels squared) of a read of `samples` samples at `state` (levels).

        Far from any survey it is taken for larger, lest a read be trusted more than it deserves.
        """
        share = 1 / samples + FLOOR_SHARE
        return self._of_one(state) * (share if self.knows(state) else STRANGE * share)

    def floor(self, state: float) -> float:
        """Return the variance (levels squared) that any number of reads at `state` leaves."""
        return self._of_one(state) * FLOOR_SHARE

    def samples_for(self, state: float, sigma: float, most: int) -> int:
        """Return how many samples make a read at `state` as good as `sigma` (levels), between 4 and `most`."""
        share = sigma**2 / self._of_one(state) - FLOOR_SHARE
        return min(most, max(MIN_SAMPLES, math.ceil(1 / share))) if share > 0 else most

    def _of_one(self, state: float) -> float:
        """Return the white variance (levels squared) of a single sample."""
        states, sigmas = zip(*self._surveys, strict=True)
        return float(np.interp(state, states, sigmas)) ** 2 / self._share
