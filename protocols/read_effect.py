"""What a read does to a cell, told from many reads in a row, and what that makes of readings taken one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.units import Levels
from protocols.analysis.walking_line import fit_walking_line

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

SURVEY_READS = 32
"""Reads in a row from which the effect of one is told: it is known 50 times better than one read."""

UNEVEN = 0.05
"""Share by which what a read does may be another where the cell stood before, some hundred levels away: ours; near the
last level of the Ru-azo film it is 5 % (published compact model, 2026)."""


@dataclass(frozen=True, slots=True)
class ReadEffect:
    """What one read does, and how much readings scatter.

    Args:
        per_read: by how much a read moves the state (levels).
        sigma: its standard deviation (levels).
        noise: standard deviation of a reading (levels).
        walk: standard deviation that a read adds to the state by chance (levels).
    """

    per_read: Levels
    sigma: Levels
    noise: Levels
    walk: Levels

    def undone(self, readings: ArrayLike, reads: ArrayLike) -> Array:
        """Return readings (levels) as they were had each been the first, `reads` being the reads before each."""
        return np.asarray(readings, np.float64) - self.per_read * np.asarray(reads, np.float64)

    def covariance(self, reads: ArrayLike) -> Array:
        """Return the covariance (levels squared) of readings so undone, shape (n, n)."""
        before = np.asarray(reads, np.float64)
        walked = self.walk**2 * np.minimum.outer(before, before)
        common = self.sigma**2 + (UNEVEN * self.per_read) ** 2
        return self.noise**2 * np.eye(len(before)) + walked + common * np.outer(before, before)


def read_effect(readings: ArrayLike) -> ReadEffect | None:
    """Return what a read does, from readings (levels) one after the other; None for fewer than four."""
    line = fit_walking_line(readings)
    return None if line is None else ReadEffect(line.slope, line.slope_sigma, line.noise, line.walk)
