"""How noisy a read is, and whether it moves the state: learned from repeated reads, kept along the range."""

from __future__ import annotations

import math
import statistics
from bisect import insort
from dataclasses import dataclass
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
DISTURBED = 1 / 4
"""Share of its noise by which a read moves the state at least if that is to count: far above what chance or 1/f noise
makes of 32 reads."""


@dataclass(frozen=True, slots=True, order=True)
class Survey:
    """What repeated reads at one state showed.

    Args:
        state: in levels.
        sigma: standard deviation of a read (levels).
        drift: by how many levels each of these reads moved the state; 0 where that does not stand out.
    """

    state: float
    sigma: float
    drift: float


class ReadNoise:
    """Standard deviation of a read against the state, from surveys at a few states.

    Args:
        samples: samples averaged by each read of a survey.
        spacing: two surveys lie at most this far apart (levels) from what is asked.
    """

    def __init__(self, samples: int, spacing: float) -> None:
        self._share = 1 / samples + FLOOR_SHARE
        self._spacing = spacing
        self._samples = samples
        self._surveys: list[Survey] = []

    def memory(self) -> tuple[Survey, ...]:
        """Return all surveys."""
        return tuple(self._surveys)

    def recall(self, surveys: Sequence[Survey]) -> None:
        """Know what another one knew."""
        self._surveys = sorted(surveys)

    def knows(self, state: float) -> bool:
        """Return whether a survey lies near enough to `state` (levels)."""
        return any(abs(state - survey.state) <= self._spacing for survey in self._surveys)

    def survey(self, readings: Sequence[float]) -> tuple[float, float]:
        """Take repeated reads (levels) of one state that no pulse disturbs; at least four.

        Errors in units of a deviation that was itself estimated from n reads have the variance (n - 1) / (n - 3)
        (Student's t): the deviation is kept that much larger, so that it does not promise too much.

        Returns:
            Where the last read left the state (levels), and the variance of that (levels squared).
        """
        count = len(readings)
        freedom = count - 1
        mean, sigma = statistics.fmean(readings), statistics.stdev(readings)
        slope, scatter = _line(readings)
        drifts = abs(slope) > DISTURBED * scatter
        widened = (scatter if drifts else sigma) * math.sqrt(freedom / (freedom - 2))
        insort(self._surveys, Survey(mean, widened, slope if drifts else 0.0))
        variance = self.variance(mean, count * self._samples)
        # The end of a line through n points is known with four times the variance of their mean.
        return (mean + slope * (count - 1) / 2, 4 * variance) if drifts else (mean, variance)

    @property
    def disturbs(self) -> bool:
        """Whether reads move the state; all reads are as long as a survey's then, and move it as far."""
        return any(survey.drift for survey in self._surveys)

    def drift(self, state: float) -> float:
        """Return by how many levels a read moves the state at `state`; 0 where reads disturb nothing."""
        if not self.disturbs:
            return 0.0
        return float(np.interp(state, [one.state for one in self._surveys], [one.drift for one in self._surveys]))

    @property
    def worst_drift(self) -> float:
        """The largest drift that a survey found, with its sign; 0 without one."""
        return max((survey.drift for survey in self._surveys), key=abs, default=0.0)

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
        """Return how many samples make a read at `state` as good as `sigma` (levels), between 4 and `most`.

        Where reads move the state, that is a survey's number, whose effect is known.
        """
        if self.disturbs:
            return min(most, self._samples)
        share = sigma**2 / self._of_one(state) - FLOOR_SHARE
        return min(most, max(MIN_SAMPLES, math.ceil(1 / share))) if share > 0 else most

    def _of_one(self, state: float) -> float:
        """Return the white variance (levels squared) of a single sample."""
        sigma = np.interp(state, [one.state for one in self._surveys], [one.sigma for one in self._surveys])
        return float(sigma) ** 2 / self._share


def _line(readings: Sequence[float]) -> tuple[float, float]:
    """Return the slope of a line through evenly spaced readings, per reading, and their scatter about it."""
    count = len(readings)
    centre, mean = (count - 1) / 2, statistics.fmean(readings)
    moment = sum((index - centre) ** 2 for index in range(count))
    slope = sum((index - centre) * (one - mean) for index, one in enumerate(readings)) / moment
    residues = sum((one - mean - slope * (index - centre)) ** 2 for index, one in enumerate(readings))
    return slope, math.sqrt(residues / (count - 2))
