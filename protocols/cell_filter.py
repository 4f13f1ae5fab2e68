"""What is known of one cell while it is being programmed: its state and how fast a pulse moves it.

A Kalman filter over (state, gain of potentiation, gain of depression). The state is a conductance in levels; a gain is
in levels per second of pulse. A pulse predicts, the reading after it corrects; the gain is learned from every burst on
the way. Where a gain turns out to be far off, it is measured afresh from the move itself. Pure arithmetic: no
instrument is asked here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from labctl.levels import LEVELS

GAIN_DRIFT = 3e-3
"""Relative change of a gain per square root of a level moved: ours, wide enough for the 7 % by which the slope of the
published Ru-azo curve varies over its range, and for steeper devices to be followed."""
SURPRISE = 5.0
"""An innovation of this many standard deviations means that the model is wrong, not that chance was unkind."""
LEARNED = 0.1
"""A gain is learned when its relative standard deviation is below this; a move is no surprise for being off by less
than a few times this share of it."""
SIGNIFICANT = 3.0
"""A move of this many standard deviations is one."""
STILL = 1 / 4
"""A cell that makes less than this share of a significant move stands still."""
END_ZONE = 64.0
"""Levels before an end of the range in which a cell slows down on its way there (published: 30 and 50)."""
END_DRIFT = 0.1
"""Relative change of a gain per square root of a level there."""
SLOWEST = 1 / 1000
"""Share of a gain that is left where an end counts as reached: longer pulses would only wear the cell."""
GAIN_FALL = 1 / 3
"""Most that one reading may lower a gain by without measuring it afresh: a gain stays positive."""


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


@dataclass(frozen=True, slots=True)
class FilterMemory:
    """What a filter knows between two bursts; a filter made from it goes on as the first one would have.

    Args:
        mean: state (levels), gain of potentiation, gain of depression (levels per s).
        covariance: of these, row by row.
        aside: (gain, mean, variance) of gains that hold away from the ends of the range.
    """

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    aside: tuple[tuple[int, float, float], ...]


@dataclass(frozen=True, slots=True)
class _Move:
    """A burst that no reading has followed yet: where it began (levels), and its pulse time (s)."""

    gain: int
    direction: float
    time: float
    start: float
    variance: float


class CellFilter:
    """State and gains of one cell, with their covariance.

    Args:
        prior: what is assumed beforehand.
        state: first reading, in levels.
        variance: of that reading, in levels squared.
    """

    def __init__(self, prior: Prior, state: float, variance: float) -> None:
        self._prior = prior
        # Plain floats: at this size they are several times faster than arrays.
        self._mean = [state, prior.potentiation, prior.depression]
        self._covariance = [[variance, 0.0, 0.0], [0.0, self._doubt(1), 0.0], [0.0, 0.0, self._doubt(2)]]
        self._move: _Move | None = None
        self._aside: dict[int, tuple[float, float]] = {}

    def memory(self) -> FilterMemory:
        """Return what is known; no burst may be waiting for its reading."""
        aside = tuple((gain, mean, variance) for gain, (mean, variance) in self._aside.items())
        return FilterMemory(tuple(self._mean), tuple(map(tuple, self._covariance)), aside)

    def recall(self, memory: FilterMemory) -> None:
        """Know what another filter knew."""
        self._mean = list(memory.mean)
        self._covariance = [list(row) for row in memory.covariance]
        self._aside = {gain: (mean, variance) for gain, mean, variance in memory.aside}

    def locate(self, state: float, variance: float) -> None:
        """Forget where the cell was and take it to be at `state` (levels); what is known of the gains stays."""
        self._mean[0] = state
        for row in self._covariance:
            row[0] = 0.0
        self._covariance[0] = [variance, 0.0, 0.0]

    @property
    def state(self) -> float:
        """Estimated state, in levels."""
        return self._mean[0]

    @property
    def sigma(self) -> float:
        """Standard deviation of the estimated state, in levels."""
        return math.sqrt(self._covariance[0][0])

    def has_learned(self, sign: float) -> bool:
        """Return whether the gain of pulses of `sign` is known well enough for a long move."""
        gain = _gain(sign)
        return self._covariance[gain][gain] <= (LEARNED * self._mean[gain]) ** 2

    def prepare(self, distance: float) -> None:
        """Be ready for a move of `distance` levels (with sign): a gain holds near an end of the range, or away from it.

        What is learned where cells slow down is forgotten once they are away from there.
        """
        gain = _gain(distance)
        way_left = LEVELS - 1 - self.state if distance > 0 else self.state
        if way_left <= END_ZONE:
            self._aside.setdefault(gain, (self._mean[gain], self._covariance[gain][gain]))
        elif gain in self._aside:
            mean, variance = self._aside.pop(gain)
            self._mean[gain] = mean
            for row in self._covariance:
                row[gain] = 0.0
            self._covariance[gain] = [variance if other == gain else 0.0 for other in range(3)]

    def pulse_time(self, distance: float) -> float:
        """Return the pulse time (s) that should move the state by `distance` levels (with sign)."""
        return abs(distance) / self._mean[_gain(distance)]

    def moves(self, pulse_time: float, sign: float) -> float:
        """Return by how many levels pulses of `sign` and `pulse_time` (s) in all should move the state."""
        return pulse_time * self._mean[_gain(sign)]

    def predict(self, pulse_time: float, sign: float) -> None:
        """Note that pulses of `sign` and `pulse_time` (s) in all were put out; a reading is to follow."""
        gain, step = _gain(sign), math.copysign(pulse_time, sign)
        covariance = self._covariance
        self._move = _Move(gain, math.copysign(1.0, sign), pulse_time, self._mean[0], covariance[0][0])
        moved = self.moves(pulse_time, sign)
        self._mean[0] += step * self._mean[gain]
        covariance[0] = [own + step * other for own, other in zip(covariance[0], covariance[gain], strict=True)]
        for row in covariance:
            row[0] += step * row[gain]
        covariance[0][0] += self._prior.write_noise**2 * moved
        drift = END_DRIFT if gain in self._aside else GAIN_DRIFT
        covariance[gain][gain] += (drift * self._mean[gain]) ** 2 * moved

    def update(self, reading: float, variance: float, floor: float = 0.0) -> bool:
        """Take a reading.

        Args:
            reading: in levels.
            variance: of the reading, in levels squared.
            floor: variance (levels squared) below which no number of readings brings the state's.

        Returns:
            False if the pulses before it should have moved the cell and hardly did, as at the end of its range.
        """
        move, self._move = self._move, None
        moved = move is None or self._has_moved(move, reading, variance)
        innovation = reading - self._mean[0]
        if innovation**2 > SURPRISE**2 * (self._tightest(move) + variance):
            self._start_over(reading, variance, move)
        else:
            self._weigh(innovation, variance)
        self._covariance[0][0] = max(self._covariance[0][0], floor)
        return moved

    def probability_within(self, target: float, tolerance: float) -> float:
        """Return how probable it is that the state lies within `tolerance` levels of `target`."""
        return probability_within(self.state - target, self.sigma, tolerance)

    def _weigh(self, innovation: float, variance: float) -> None:
        """Correct state and gains in proportion to how unsure they are."""
        first = self._covariance[0]
        spread = first[0] + variance
        weights = [entry / spread for entry in first]
        state, *gains = (value + weight * innovation for value, weight in zip(self._mean, weights, strict=True))
        kept = [max(gain, GAIN_FALL * before) for gain, before in zip(gains, self._mean[1:], strict=True)]
        self._mean = [state, *(max(gain, self._slowest(index)) for index, gain in enumerate(kept, start=1))]
        self._covariance = [
            [own - weight * other for own, other in zip(row, first, strict=True)]
            for row, weight in zip(self._covariance, weights, strict=True)
        ]

    def _tightest(self, move: _Move | None) -> float:
        """Return the state's variance, as it were if the gain of the last move were learned.

        Further off than that, the product of gain and time is no longer linear in what is unknown.
        """
        if move is None:
            return self._covariance[0][0]
        expected = move.time * self._mean[move.gain]
        learned = move.variance + self._prior.write_noise**2 * expected + (LEARNED * expected) ** 2
        return min(learned, self._covariance[0][0])

    def _has_moved(self, move: _Move, reading: float, variance: float) -> bool:
        """Return False if the way is a small part of a move that should have stood out from the noise."""
        expected = move.time * self._mean[move.gain]
        noise = move.variance + variance + self._prior.write_noise**2 * expected
        way = move.direction * (reading - move.start)
        return way >= STILL * expected or expected**2 <= SIGNIFICANT**2 * noise

    def _start_over(self, reading: float, variance: float, move: _Move | None) -> None:
        """Believe the reading, and take the gain from the move."""
        if move is None:
            self._covariance[1][1], self._covariance[2][2] = self._doubt(1), self._doubt(2)
        else:
            self._measure_gain(move, move.direction * (reading - move.start), move.variance + variance)
        self._mean[0] = reading
        self._covariance = [
            [variance, 0.0, 0.0],
            [0.0, self._covariance[1][1], 0.0],
            [0.0, 0.0, self._covariance[2][2]],
        ]

    def _measure_gain(self, move: _Move, way: float, variance: float) -> None:
        """Take a gain from the `way` (levels) that a move made, known to `variance` (levels squared).

        A cell that does not move bounds a gain that is a guess. A learned gain outlives it: that is the end of the
        range, not the gain.
        """
        least = SIGNIFICANT * math.sqrt(variance)
        if way > least:
            self._mean[move.gain] = way / move.time
        elif not self.has_learned(move.direction):
            self._mean[move.gain] = (max(way, 0.0) + least) / move.time
        else:
            return
        self._mean[move.gain] = max(self._mean[move.gain], self._slowest(move.gain))
        self._covariance[move.gain][move.gain] = self._doubt(move.gain)

    def _slowest(self, gain: int) -> float:
        """Return the least that a gain is taken for: near an end of the range it has a limit."""
        return SLOWEST * self._aside[gain][0] if gain in self._aside else 0.0

    def _doubt(self, gain: int) -> float:
        """Return the variance of a gain that is a guess."""
        return (self._mean[gain] * self._prior.gain_spread) ** 2


def probability_within(error: float, sigma: float, tolerance: float) -> float:
    """Return the probability that a normal error of mean `error` and deviation `sigma` lies within `tolerance`."""
    scale = max(sigma, 1e-12) * math.sqrt(2.0)
    return 0.5 * (math.erf((tolerance - error) / scale) + math.erf((tolerance + error) / scale))


def _gain(sign: float) -> int:
    """Return the index of the gain that a pulse of `sign` uses."""
    return 1 if sign > 0 else 2
