"""What moves scatter by: write noise, which grows with the root of a distance, apart from the spread of speeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NOISE_MIN, NOISE_MAX = 0.02, 4.0
"""Bounds of the write noise that is learned (levels for a step of one)."""
VARIETY = 0.3
"""Relative deviation of the distances of moves from which on they tell noise that grows with their root from spread."""
RISING = 3.0
"""By how much more than the write noise itself a spread must scatter moves to be told from a rise of that noise."""
SIGNIFICANT = 4.0
"""Standard deviations from which on a spread is told from none."""


def noise_and_spread(way: Array, excess: Array, noise: float, spread: float) -> tuple[float, float]:
    """Return write noise squared, and spread squared, of `excess = noise + spread * way`; the latter 0 if in doubt.

    Args:
        way: distances (levels).
        excess: squared misses over the distance (levels), each scattering by about root two of what it should be.
        noise: write noise squared, as far as it is known; where all moves are alike, it tells the two apart.
        spread: spread, likewise.
    """
    if np.std(way) < VARIETY * np.mean(way):
        mean = float(np.mean(excess))
        return (noise, (mean - noise) / float(np.mean(way))) if mean > (1 + RISING) * noise else (max(mean, 0.0), 0.0)
    weight = 1 / (noise + spread**2 * way) ** 2
    total, middle = float(np.sum(weight)), float(np.sum(weight * way) / np.sum(weight))
    moment = float(np.sum(weight * (way - middle) ** 2))
    height = float(np.sum(weight * excess)) / total
    slope = float(np.sum(weight * (way - middle) * excess)) / moment if moment > 0 else 0.0
    # Noise that rises along the range, as it does in the published film, looks like a small spread.
    if (
        slope * float(np.mean(way)) < RISING * max(height - slope * middle, NOISE_MIN**2)
        or slope**2 * moment < 2 * SIGNIFICANT**2
    ):
        return max(float(np.mean(excess)), 0.0), 0.0
    if height > slope * middle:
        return height - slope * middle, slope
    return NOISE_MIN**2, float(np.sum(weight * excess * way) / np.sum(weight * way**2))
