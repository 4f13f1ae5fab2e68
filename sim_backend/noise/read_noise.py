"""What a reader sees of a cell besides its true conductance: white, 1/f and random telegraph noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.noise.flicker import SAMPLE_TIME, Flicker
from sim_backend.noise.keyed import KeyedNoise
from sim_backend.noise.kinds import NoiseKind
from sim_backend.noise.telegraph import Telegraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.base_profile import NoiseProfile
    from sim_backend.noise.kinds import Noise


class ReadNoise:
    """Noise of the conductance of a die's cells.

    Args:
        seed: of the die.
        cells: how many.
        profile: sizes of the noises.
        noise: which are on.
    """

    def __init__(self, seed: int, cells: int, profile: NoiseProfile, noise: Noise) -> None:
        self._profile = profile
        self._white = KeyedNoise(seed, NoiseKind.READ, cells) if noise.read else None
        flicker = noise.flicker and profile.flicker_share > 0
        self._flicker = Flicker(seed, cells, profile) if flicker else None
        telegraph = noise.telegraph and profile.telegraph_share > 0 and profile.telegraph_amplitude > 0
        self._telegraph = Telegraph(seed, cells, profile) if telegraph else None
        self.silent = self._white is None and self._flicker is None and self._telegraph is None
        """Whether there is none at all."""

    def deviation(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviation (S) of the white noise of one sample, of cells of `conductance` (S)."""
        return self._profile.read + self._profile.read_slope * conductance

    def mean(
        self,
        cells: NDArray[np.int64],
        numbers: NDArray[np.int64],
        conductance: NDArray[np.float64],
        samples: int,
        end: float,
        duration: float,
        shares: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return the noise (S) of the means of some samples; arrays of shape (n,).

        Args:
            cells: which.
            numbers: samples taken of each cell before.
            conductance: of each cell (S).
            samples: how many are averaged.
            end: when they have been taken (s).
            duration: over which they are taken (s).
            shares: of the samples that add white noise; None: all do.
        """
        deviation = self.deviation(conductance)
        relative = np.zeros(cells.shape)
        if self._white is not None:
            heard = math.sqrt(samples) if shares is None else np.sqrt(samples * shares.reshape(-1))
            relative += self._white.normal(cells, numbers) / heard
        if self._flicker is not None:
            # It follows the time that a cell was sampled for: see DECISIONS.md.
            sampled = np.multiply(numbers + samples, SAMPLE_TIME, dtype=np.float64)
            ends = float(sampled[0]) if len(cells) == 1 else sampled
            relative += self._profile.flicker_share * self._flicker.mean(cells, numbers, ends, samples * SAMPLE_TIME)
        noise = deviation * relative
        if self._telegraph is not None:
            size = self._profile.telegraph_amplitude * conductance
            noise += size * self._telegraph.mean(cells, numbers, end, duration)
        return noise
