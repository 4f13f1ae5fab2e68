"""Random telegraph noise that can be looked up at any time: some cells switch between two states.

At moments of a Poisson process a cell tosses a coin for its state. With two moments in a mean dwell time it so stays
in either state for that dwell time on average. Time is cut into blocks of one moment on average; a block's moments
and tosses follow from its number, and the state at any time is that of the last toss before it.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.noise.keyed import KeyedNoise
from sim_backend.noise.kinds import NoiseKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.base_profile import NoiseProfile

_MOST = 12
"""Moments in a block beyond which none are counted; more happen once in 10^10 blocks."""
_AT_MOST = np.array(list(accumulate(math.exp(-1) / math.factorial(n) for n in range(_MOST))))
"""Probability of 0, of up to 1, up to 2, ... moments in a block."""
_SLOTS = 16
"""Keys are block * 16 + slot: 0 for how many moments, 1 ... for each."""
_BEFORE = 1 << 20
"""Blocks before time 0 that can be looked back into."""
_CHOICE = 1 << 61
"""Key of whether a cell has telegraph noise at all."""
_AVERAGED = (1 << 61) + (1 << 60)
"""Key of what an operation sees that is much longer than the dwell time."""
_INSTANTS = 8
"""Instants in a dwell time at which the state is looked up to average over an operation."""
_LONG = 16.0
"""Operations of more dwell times than this see a normal remainder."""


class Telegraph:
    """Random telegraph noise of a die's cells, between -1/2 and 1/2.

    Args:
        seed: of the die.
        cells: how many.
        profile: its share and dwell time.
    """

    def __init__(self, seed: int, cells: int, profile: NoiseProfile) -> None:
        self._noise = KeyedNoise(seed, NoiseKind.TELEGRAPH, cells)
        self._dwell = profile.telegraph_dwell
        everywhere = np.arange(cells)
        self.member = self._noise.uniform(everywhere, np.array([_CHOICE])) < profile.telegraph_share
        """Which cells have it, shape (cells,)."""

    def mean(
        self, cells: NDArray[np.int64], numbers: NDArray[np.int64], end: float | NDArray[np.float64], duration: float
    ) -> NDArray[np.float64]:
        """Return the means over operations, shape (n,). Arguments as for `Flicker.mean`.

        An operation of up to 16 dwell times is averaged over 8 instants in each; of a longer one a normal remainder
        with the variance of the mean is left.
        """
        noise = np.zeros(cells.shape)
        member = np.flatnonzero(self.member[cells])
        if not member.size:
            return noise
        own = cells[member]
        ends = np.broadcast_to(np.asarray(end, np.float64), cells.shape)[member]
        dwells = duration / self._dwell
        if dwells > _LONG:
            # Correlation time: half a dwell time.
            variance = (1 - (1 - math.exp(-2 * dwells)) / (2 * dwells)) / dwells / 4
            noise[member] = math.sqrt(variance) * self._noise.normal(own, _AVERAGED + numbers[member])
            return noise
        instants = max(1, math.ceil(_INSTANTS * dwells))
        times = ends - duration * ((np.arange(instants) + 0.5) / instants)[:, None]
        noise[member] = (
            self.state(np.broadcast_to(own, times.shape).reshape(-1), times.reshape(-1))
            .reshape(times.shape)
            .mean(axis=0)
        )
        return noise

    def state(self, cells: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the states, -1/2 or 1/2, of cells with telegraph noise at `times` (s); shape (n,)."""
        blocks = 2 * times / self._dwell + _BEFORE
        block = np.floor(blocks)
        until = blocks - block
        block = block.astype(np.int64)
        state = np.zeros(cells.shape)
        asked = np.arange(len(cells))
        while asked.size:
            found = self._last_toss(cells[asked], block[asked], until[asked])
            state[asked] = found
            asked = asked[found == 0]
            block[asked] -= 1
            until[asked] = 1.0
        return state

    def _last_toss(
        self, cells: NDArray[np.int64], block: NDArray[np.int64], until: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the last toss in a block up to the part `until` of it: -1/2 or 1/2; 0 where there is none."""
        key = block * _SLOTS
        moments = np.searchsorted(_AT_MOST, self._noise.uniform(cells, key))
        latest = np.full(cells.shape, -1.0)
        toss = np.zeros(cells.shape)
        for moment in range(int(moments.max())):
            # One uniform number gives both: its half is the toss, its place in the half the moment.
            number = 2 * self._noise.uniform(cells, key + moment + 1)
            heads = number >= 1
            place = number - heads
            later = (moment < moments) & (place <= until) & (place > latest)
            latest = np.where(later, place, latest)
            toss = np.where(later, heads - 0.5, toss)
        return toss
