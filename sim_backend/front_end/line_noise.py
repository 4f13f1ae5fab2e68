"""The noise of conversions: every line of a board has its own numbers, and a counter of those it used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_backend.crossbar.network import SIDE_MAX
from sim_backend.front_end.kinds import KEYS, FrontEndKind
from sim_backend.noise.keyed import KeyedNoise

if TYPE_CHECKING:
    from sim_backend.front_end.interface import Array, Lines


def line_keys(bank: int, lines: int) -> Lines:
    """Return the numbers of the first `lines` lines of a bank, 0 to `BANKS` - 1."""
    return bank * SIDE_MAX + np.arange(lines)


class LineNoise:
    """Standard normal numbers for each line's conversions, one after the other.

    Args:
        seed: of the board.
    """

    def __init__(self, seed: int) -> None:
        self._noise = KeyedNoise(seed, FrontEndKind.CONVERSION, KEYS)
        self.count = np.zeros(KEYS, np.int64)
        """Conversions of each line so far, by its number."""

    def take(self, keys: Lines) -> Array:
        """Return the next number of each of `keys`, shape (n,); a key named twice gets the same number twice."""
        number = self.count[keys]
        self.count[keys] = number + 1
        return self._noise.normal(keys, number)

    def take_many(self, keys: Lines, times: int) -> Array:
        """Return the next `times` numbers of each of `keys`, shape (times, n)."""
        number = self.count[keys] + np.arange(times)[:, None]
        self.count[keys] = number[-1] + 1
        return self._noise.normal(np.broadcast_to(keys, number.shape), number)
