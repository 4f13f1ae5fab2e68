"""What the writer of levels asks of an algorithm: where the cell stands, which pulse comes next, what a read means.

States and distances are in levels, times of pulses in s. A positive distance needs pulses that potentiate.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from labctl.levels import LEVELS

PROBE = 64.0
"""Longest move (levels) while its gain is a guess: long enough to measure a gain to 2 %."""
PROBE_SHARE = 0.1
"""Share of the way to the end of the range that such a move may aim for: a gain ten times as large stays inside."""
PROBE_MIN = 8.0
"""Such a move (levels) is allowed everywhere: close to an end cells slow down on their way there."""
SIGNIFICANT = 3.0
"""A move of this many standard deviations is one."""
STILL = 1 / 4
"""A cell that makes less than this share of a significant move stands still."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is assumed of a device before it is measured.

    Args:
        potentiation: gain of a positive pulse, levels per s.
        depression: gain of a negative pulse, levels per s.
        gain_spread: relative standard deviation of both.
        write_noise: standard deviation (levels) of a step of one level; grows with the square root of the distance.
    """

    potentiation: float
    depression: float
    gain_spread: float
    write_noise: float

    def gain(self, sign: float) -> float:
        """Return the gain (levels per s) of pulses of `sign`."""
        return self.potentiation if sign > 0 else self.depression


@dataclass(frozen=True, slots=True)
class Shot:
    """What an algorithm wants to be put out next.

    Args:
        distance: by how much it should move the state (levels, with sign).
        time: pulse time in all (s).
        closest: from how near (levels) to the target on no pulse comes nearer; 0 where that is not known.
        is_probe: its gain is a guess; a better read tells whether the move was one.
    """

    distance: float
    time: float
    closest: float
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """A burst that no reading has followed yet.

    Args:
        sign: +1 for potentiation, -1 for depression.
        time: pulse time in all (s).
        start: state before it (levels).
        variance: of that state.
        expected: by how much it should have moved (levels, without sign).
    """

    sign: float
    time: float
    start: float
    variance: float
    expected: float

    def way(self, reading: float) -> float:
        """Return how far (levels) the cell moved in the move's direction if `reading` is where it stands."""
        return self.sign * (reading - self.start)

    def shifted(self, distance: float) -> Move:
        """Return the same move from a state that lies `distance` levels off."""
        return replace(self, start=self.start + distance)

    def is_standstill(self, reading: float, variance: float, write_noise: float) -> bool:
        """Return whether the way is a small part of a move that should have stood out from the noise."""
        noise = self.variance + variance + write_noise**2 * self.expected
        return self.way(reading) < STILL * self.expected and self.expected**2 > SIGNIFICANT**2 * noise


MemoryT = TypeVar("MemoryT")


class WriteAlgorithm(ABC, Generic[MemoryT]):
    """What is known of one cell, and how to go on from there."""

    @property
    @abstractmethod
    def state(self) -> float:
        """Estimated state, in levels."""

    @property
    @abstractmethod
    def sigma(self) -> float:
        """Standard deviation of the estimated state, in levels."""

    @abstractmethod
    def begin(self) -> None:
        """Be ready for another level."""

    @abstractmethod
    def locate(self, state: float, variance: float) -> None:
        """Forget where the cell was and take it to be at `state` (levels); what is known of the device stays."""

    @abstractmethod
    def shift(self, distance: float) -> None:
        """Take note that something other than a pulse moved the state by `distance` levels."""

    @abstractmethod
    def aim(self, target: float, time_min: float) -> Shot:
        """Return the next pulse on the way to `target` (levels); `time_min` is the shortest there is (s)."""

    @abstractmethod
    def predict(self, time: float, sign: float) -> None:
        """Note that pulses of `sign` and `time` (s) in all were put out; a reading is to follow."""

    @abstractmethod
    def update(self, reading: float, variance: float, floor: float = 0.0) -> bool:
        """Take a reading.

        Args:
            reading: in levels.
            variance: of the reading, in levels squared.
            floor: variance (levels squared) below which no number of readings brings the state's.

        Returns:
            False if the pulses before it should have moved the cell and hardly did, as at the end of its range.
        """

    @abstractmethod
    def memory(self) -> MemoryT:
        """Return what is known; no burst may be waiting for its reading."""

    @abstractmethod
    def recall(self, memory: MemoryT) -> None:
        """Know what another one knew, and go on as it would have, to the last bit."""

    def probability_within(self, target: float, tolerance: float) -> float:
        """Return how probable it is that the state lies within `tolerance` levels of `target`."""
        return probability_within(self.state - target, self.sigma, tolerance)


def probability_within(error: float, sigma: float, tolerance: float) -> float:
    """Return the probability that a normal error of mean `error` and deviation `sigma` lies within `tolerance`."""
    scale = max(sigma, 1e-12) * math.sqrt(2.0)
    return 0.5 * (math.erf((tolerance - error) / scale) + math.erf((tolerance + error) / scale))


def probing(distance: float, state: float) -> float:
    """Return how much of `distance` (levels, with sign) a move from `state` may aim for while its gain is a guess."""
    room = LEVELS - 1 - state if distance > 0 else state
    return math.copysign(min(abs(distance), PROBE, max(PROBE_SHARE * room, PROBE_MIN)), distance)
