"""What algorithms share that believe the reads since the last pulse, and nothing before it."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from protocols.write_algorithms.interface import MemoryT, Move, WriteAlgorithm

if TYPE_CHECKING:
    from protocols.write_algorithms.interface import Prior


@dataclass(frozen=True, slots=True)
class LastState:
    """Where the reads since the last pulse put the cell.

    Args:
        state: in levels.
        variance: of it, in levels squared.
    """

    state: float
    variance: float


class LastReads(WriteAlgorithm[MemoryT]):
    """The state is the mean of the reads since the last pulse, weighed by their noise.

    Args:
        prior: what is assumed beforehand.
    """

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self._state = 0.0
        self._variance = 0.0
        self._move: Move | None = None

    @property
    @override
    def state(self) -> float:
        return self._state

    @property
    @override
    def sigma(self) -> float:
        return math.sqrt(self._variance)

    @override
    def begin(self) -> None:
        """Nothing changes: every level is like the last one."""

    @override
    def locate(self, state: float, variance: float) -> None:
        self._state, self._variance, self._move = state, variance, None

    @override
    def shift(self, distance: float) -> None:
        self._state += distance
        self._move = None if self._move is None else self._move.shifted(distance)

    @override
    def predict(self, time: float, sign: float) -> None:
        expected = time * self._gain(sign)
        self._move = Move(sign, time, self._state, self._variance, expected)
        self._state += sign * expected
        self._variance += self._prior.write_noise**2 * expected + (self._gain_spread(sign) * expected) ** 2

    @override
    def update(self, reading: float, variance: float, floor: float = 0.0) -> bool:
        move, self._move = self._move, None
        if move is None:
            share = self._variance / (self._variance + variance)
            self._state += share * (reading - self._state)
            self._variance = max(self._variance * (1 - share), floor)
            return True
        self._state, self._variance = reading, max(variance, floor)
        self._learn(move, reading, variance)
        return not move.is_standstill(reading, variance, self._prior.write_noise)

    @abstractmethod
    def _gain(self, sign: float) -> float:
        """Return the gain (levels per s) of pulses of `sign`."""

    @abstractmethod
    def _gain_spread(self, sign: float) -> float:
        """Return its relative standard deviation."""

    @abstractmethod
    def _learn(self, move: Move, reading: float, variance: float) -> None:
        """Learn from the reading (levels, and its variance) after a move."""

    def _last(self) -> LastState:
        return LastState(self._state, self._variance)

    def _recall_last(self, last: LastState) -> None:
        self.locate(last.state, last.variance)
