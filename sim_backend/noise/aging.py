"""What time and use do to a cell: its conductance drifts after a write, and its window closes with wear.

Both are off in every packaged profile: no drift was seen on the published device in 7 to 8 months, and no source says
how it wears out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.base_profile import NoiseProfile

CYCLE = 2.0 * (LEVELS - 1)
"""Levels passed in a full cycle: up and down again."""


def drifted(profile: NoiseProfile, age: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (t / t0)^-nu, the part of the conductance that is left `age` (s) after the last write; 1 up to t0."""
    return np.maximum(age / profile.drift_start, 1.0) ** -profile.drift_exponent


def window_left(profile: NoiseProfile, travelled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the part of the window, from the lowest conductance up, that is left after `travelled` levels."""
    return np.maximum(travelled / (CYCLE * profile.endurance), 1.0) ** -profile.wear_exponent
