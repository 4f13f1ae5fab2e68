"""The drift of cells that were read a few times on the way, what the reads did to them taken out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from labctl.units import Levels
from protocols.analysis.retention_fit import Drift, fit_power_law

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.levels import LevelScale
    from protocols.read_effect import ReadEffect

    Array = NDArray[np.float64]


SIGMA_MIN = 1e-9
"""Levels: no reading is surer than this."""


@dataclass(frozen=True, slots=True)
class CellDrift:
    """What became of one cell.

    Args:
        ages: of the readings (s since the write).
        levels: that it stood at but for what the reads did, shape as `ages`.
        drift: fitted; None if there are too few readings.
        change: of the level from the first reading to the last, by the fit.
        change_sigma: its standard deviation.
    """

    ages: Array
    levels: Array
    drift: Drift | None
    change: Levels
    change_sigma: Levels

    def is_lost(self, distance: float, confidence: float) -> bool:
        """Return whether it has moved by more than `distance` (levels) for sure."""
        return abs(self.change) - float(norm.ppf((1 + confidence) / 2)) * self.change_sigma > distance


def cell_drift(
    ages: Array, reads: Array, readings: Array, effect: ReadEffect | None, scale: LevelScale, confidence: float
) -> CellDrift:
    """Fit the drift of one cell.

    Args:
        ages: of the readings (s), above 0, shape (n,).
        reads: that came before each since the write, shape (n,).
        readings: levels, shape (n,).
        effect: of a read; None if it was not found out: it is taken for none, and the scatter for all there is.
        scale: of the levels.
        confidence: of what is called found.
    """
    before = reads - reads[0]
    levels = readings if effect is None else effect.undone(readings, before)
    # A line of equal weights, with the uncertainty that its slope truly has: that of one read alone is too small.
    sigma = None if effect is None else _equivalent_sigma(np.log(ages), effect.covariance(before))
    conductance = scale.g_min + levels * scale.step
    drift = fit_power_law(ages, conductance, None if sigma is None else sigma * scale.step, float(ages[0]), confidence)
    if drift is None:
        return CellDrift(ages, levels, None, float(levels[-1] - levels[0]), math.inf)
    span = math.log(float(ages[-1] / ages[0]))
    change = drift.start * math.expm1(-drift.value * span) / scale.step
    return CellDrift(ages, levels, drift, change, drift.start * drift.value_sigma * span / scale.step)


def pooled_drift(drifts: Sequence[Drift], confidence: float) -> Drift | None:
    """Return the highest cell's drift with the mean exponent of all, weighted by how well each is known.

    Where cells differ by more than their errors, the mean's error grows with their scatter. None without a cell.
    """
    if not drifts:
        return None
    values = np.array([drift.value for drift in drifts])
    weight = np.array([drift.value_sigma**-2 for drift in drifts])
    mean = float(weight @ values / weight.sum())
    chi = float(weight @ (values - mean) ** 2) / max(len(drifts) - 1, 1)
    sigma = math.sqrt(max(1.0, chi) / float(weight.sum()))
    reach = float(norm.ppf((1 + confidence) / 2)) * sigma
    highest = max(drifts, key=lambda drift: drift.start)
    return replace(
        highest, value=mean, value_sigma=sigma, at_most=abs(mean) + reach, found=abs(mean) > reach,
        confidence=confidence,
    )  # fmt: skip


def _equivalent_sigma(places: Array, covariance: Array) -> float:
    """Return the deviation of equal, independent errors that leaves a slope as uncertain as `covariance` does."""
    away = places - places.mean()
    square = float(away @ away)
    return max(math.sqrt(float(away @ covariance @ away) / square), SIGMA_MIN) if square > 0 else SIGMA_MIN
