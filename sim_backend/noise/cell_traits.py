"""What a cell was given when its die was made: how it differs from the nominal one, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS
from sim_backend.noise.keyed import KeyedNoise
from sim_backend.noise.kinds import NoiseKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.base_profile import NoiseProfile
    from sim_backend.noise.kinds import Noise


class CellTraits:
    """Device-to-device spread and yield of a die's cells; arrays of shape (cells,), None where all cells are alike.

    Args:
        seed: of the die.
        cells: how many.
        profile: sizes of the noises.
        noise: which are on.
    """

    def __init__(self, seed: int, cells: int, profile: NoiseProfile, noise: Noise) -> None:
        self._cells = cells
        everywhere, first = np.arange(cells), np.ones(1, np.int64)

        def normal(kind: NoiseKind) -> NDArray[np.float64]:
            return KeyedNoise(seed, kind, cells).normal(everywhere, first)

        def chosen(kind: NoiseKind, share: float) -> NDArray[np.bool_]:
            return KeyedNoise(seed, kind, cells).uniform(everywhere, first) < share

        self.offset: NDArray[np.float64] | None = None
        """What cells' conductances differ by from those of their states, as programmed (S)."""
        if noise.spread and profile.spread:
            self.offset = profile.spread * normal(NoiseKind.SPREAD)
        self.rate: NDArray[np.float64] | None = None
        """By how much cells are faster than the nominal one: a log-normal factor."""
        if noise.rate_spread and profile.rate_spread:
            self.rate = np.exp(profile.rate_spread * normal(NoiseKind.RATE_SPREAD))
        self.dead: NDArray[np.bool_] | None = None
        """Cells that do not conduct; no pulse reaches their film, either."""
        if noise.dead and profile.dead_share:
            self.dead = chosen(NoiseKind.DEAD, profile.dead_share)
        self.stuck: NDArray[np.bool_] | None = None
        """Cells that no pulse changes."""
        self.stuck_at = np.zeros(0)
        """Positions of the stuck cells, in their order: evenly distributed over the levels (ours: no source)."""
        if noise.stuck and profile.stuck_share:
            self.stuck = chosen(NoiseKind.STUCK, profile.stuck_share)
            where = KeyedNoise(seed, NoiseKind.STUCK, cells).uniform(np.flatnonzero(self.stuck), first + 1)
            self.stuck_at = np.floor(LEVELS * where)
        fixed = [trait for trait in (self.dead, self.stuck) if trait is not None]
        self.fixed: NDArray[np.bool_] | None = np.logical_or.reduce(fixed) if fixed else None
        """Cells that are dead or stuck."""

    def stick(self, cell: int) -> None:
        """Let a cell, by its flat index, be changed by no pulse any more."""
        fixed = np.zeros(self._cells, np.bool_) if self.fixed is None else self.fixed.copy()
        fixed[cell] = True
        self.fixed = fixed
