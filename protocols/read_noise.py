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


class ReadNoise:
    """Standard deviation of a read against the state, from surveys at a few states.

    Args:
        samples: samples averaged by each read of a survey.
        spacing: two surveys lie at most this far apart (levels) from what is asked.
    """

    def __init__(self, samples: int, spacing: float) -> None:
        self._samples = samples
        self._spacing = spacing
        self._surveys: list[tuple[float, float]] = []

    def knows(self, state: float) -> bool:
        """Return whether a survey lies near enough to `state` (levels)."""
        return any(abs(state - surveyed) <= self._spacing for surveyed, _ in self._surveys)

    def survey(self, readings: Sequence[float]) -> None:
        """Take repeated reads (levels) of one undisturbed state."""
        insort(self._surveys, (statistics.fmean(readings), statistics.stdev(readings)))

    def variance(self, state: float, samples: int) -> float:
        """Return the variance (levels squared) of a read of `samples` samples at `state` (levels)."""
        states, sigmas = zip(*self._surveys, strict=True)
        sigma = float(np.interp(state, states, sigmas))
        return sigma**2 * self._samples / samples

    def samples_for(self, state: float, sigma: float, most: int) -> int:
        """Return how many samples make a read at `state` as good as `sigma` (levels), between 4 and `most`."""
        wanted = math.ceil(self.variance(state, 1) / sigma**2)
        return min(most, max(MIN_SAMPLES, wanted))
