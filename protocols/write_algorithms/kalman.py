"""Kalman filter over a cell's state and over how long it takes for a level, all along its range and in both directions.

A pulse predicts, the reading after it corrects; what a move took teaches the slowness of the knots along its way
(`slowness.py`), so that a profile is learned as levels are written in any order. Where a slowness turns out to be far
off, it is measured afresh from the move itself. Near an end of the range, on the way there, a slowness of its own
holds.

Source: R. E. Kalman, "A New Approach to Linear Filtering and Prediction Problems", J. Basic Eng. 82, 35 (1960), in its
extended form, linearised about each move; state (G, gain) as in feedback control of one plant with unknown gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from labctl.levels import LEVELS
from protocols.write_algorithms import slowness
from protocols.write_algorithms.interface import SIGNIFICANT, Move, Prior, Shot, WriteAlgorithm, probing
from protocols.write_algorithms.slowness import KNOTS

PROFILE_DRIFT = 5e-4
"""Relative change of a slowness from burst to burst: ours, so that learning never ends."""
MISFIT = 5e-4
"""Error of a long move that no profile of these knots describes, as a share of the move: ours."""
SURPRISE = 5.0
"""An innovation of this many standard deviations means that the model is wrong, not that chance was unkind."""
LEARNED = 0.1
"""A slowness is learned when its relative standard deviation is below this; a move is no surprise for being off by less
than a few times this share of it."""
END_ZONE = 64.0
"""Levels before an end of the range in which a cell slows down on its way there (published: 30 and 50)."""
END_DRIFT = 0.1
"""Relative change of a slowness per square root of a level there."""
SLOWEST = 1000.0
"""Slowness, in multiples of the first guess, or near an end of the profile's, at which the cell counts as standing
still: longer pulses would only wear it."""
BENT = 0.02
"""Share of a move by which it may miss before it is reckoned again about its true end."""
CHANGE = 3.0
"""Most by which one reading may multiply or divide a slowness without measuring it afresh."""
_SIZE = 1 + 2 * (KNOTS + 1)


@dataclass(frozen=True, slots=True)
class KalmanMemory:
    """What a filter knows between two bursts.

    Args:
        mean: state (levels); for either direction slowness at the knots and near the end (s per level).
        covariance: of these: its lower triangle, row by row.
        ends: directions, +1 or -1, in which the cell is near an end of the range.
    """

    mean: tuple[float, ...]
    covariance: tuple[float, ...]
    ends: tuple[float, ...]
    kind: Literal["kalman"] = "kalman"


class Kalman(WriteAlgorithm[KalmanMemory]):
    """State and slowness of one cell, with their covariance.

    Args:
        prior: what is assumed beforehand.
    """

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        # Plain floats: at this size they are faster than arrays, and the same on every computer.
        up, down = [1 / prior.potentiation] * (KNOTS + 1), [1 / prior.depression] * (KNOTS + 1)
        self._mean = [0.0, *up, *down]
        self._covariance = [[0.0] * _SIZE for _ in range(_SIZE)]
        self._ends: set[float] = set()
        self._move: Move | None = None
        self._before = (self._mean, self._covariance)
        for sign in (1.0, -1.0):
            self._doubt(sign)

    @property
    @override
    def state(self) -> float:
        return self._mean[0]

    @property
    @override
    def sigma(self) -> float:
        return math.sqrt(self._covariance[0][0])

    @override
    def begin(self) -> None:
        """Nothing changes: what is known holds for every level."""

    @override
    def locate(self, state: float, variance: float) -> None:
        self._mean[0] = state
        self._forget(0)
        self._covariance[0][0] = variance

    @override
    def shift(self, distance: float) -> None:
        self._mean[0] += distance
        self._move = None if self._move is None else self._move.shifted(distance)

    @override
    def memory(self) -> KalmanMemory:
        triangle = tuple(entry for index, row in enumerate(self._covariance) for entry in row[: index + 1])
        return KalmanMemory(tuple(self._mean), triangle, tuple(sorted(self._ends)))

    @override
    def recall(self, memory: KalmanMemory) -> None:
        self._mean = list(memory.mean)
        entries = iter(memory.covariance)
        for row in range(_SIZE):
            for column in range(row + 1):
                self._covariance[row][column] = self._covariance[column][row] = next(entries)
        self._ends = set(memory.ends)

    @override
    def aim(self, target: float, time_min: float) -> Shot:
        distance = target - self.state
        sign = math.copysign(1.0, distance)
        self._watch_end(sign)
        learned = self._is_learned(distance)
        if not learned:
            distance = probing(distance, self.state)
        closest = abs(self._end_of(time_min, sign) - self.state) / 2 if learned else 0.0
        return Shot(distance, self._time_of(distance), closest, is_probe=not learned)

    @override
    def predict(self, time: float, sign: float) -> None:
        end = self._end_of(time, sign)
        self._move = Move(sign, time, self.state, self._covariance[0][0], abs(end - self.state))
        self._before = (list(self._mean), [list(row) for row in self._covariance])
        self._propagate(self._move, end)

    @override
    def update(self, reading: float, variance: float, floor: float = 0.0) -> bool:
        move, self._move = self._move, None
        moved = move is None or not move.is_standstill(reading, variance, self._prior.write_noise)
        innovation = reading - self._mean[0]
        if innovation**2 > SURPRISE**2 * (self._tightest(move) + variance):
            self._start_over(reading, variance, move)
        else:
            expected_end = self.state
            self._weigh(innovation, variance)
            if move is not None and abs(self.state - expected_end) > BENT * move.expected:
                self._look_back(move, reading, variance, abs(innovation))
        self._covariance[0][0] = max(self._covariance[0][0], floor)
        return moved

    # Where a slowness stands in the filter, and which one holds

    def _first(self, sign: float) -> int:
        """Return the index of a direction's first knot; that of its end follows the last one."""
        return 1 if sign > 0 else 2 + KNOTS

    def _is_end(self, index: int) -> bool:
        return index in (1 + KNOTS, 2 + 2 * KNOTS)

    def _profile(self, sign: float) -> list[float]:
        first = self._first(sign)
        return self._mean[first : first + KNOTS]

    def _slowness(self, state: float, sign: float) -> float:
        """Return the slowness (s per level) that holds for a move in the direction of `sign`, at `state`."""
        if sign in self._ends:
            return self._mean[self._first(sign) + KNOTS]
        return slowness.at(self._profile(sign), state)

    def _weights(self, distance: float) -> dict[int, float]:
        """Return which slowness counts by how much (levels) in the time of a move of `distance` from here."""
        first = self._first(distance)
        if math.copysign(1.0, distance) in self._ends:
            return {first + KNOTS: abs(distance)}
        found = slowness.weights(self.state, self.state + distance)
        return {first + knot: weight for knot, weight in enumerate(found) if weight != 0.0}

    def _time_of(self, distance: float) -> float:
        return sum(weight * self._mean[index] for index, weight in self._weights(distance).items())

    def _end_of(self, time: float, sign: float) -> float:
        """Return where a move in the direction of `sign` should end after `time` (s)."""
        if sign in self._ends:
            return self.state + sign * time / self._slowness(self.state, sign)
        return slowness.end_of(self._profile(sign), self.state, time, sign)

    def _is_learned(self, distance: float) -> bool:
        """Return whether the time of a move of `distance` is known well enough to go all of it."""
        weights = self._weights(distance)
        variance = sum(
            own * sum(other * self._covariance[first][second] for second, other in weights.items())
            for first, own in weights.items()
        )
        return variance <= (LEARNED * self._time_of(distance)) ** 2

    def _watch_end(self, sign: float) -> None:
        """Let a slowness of its own hold from near an end on; what it learned is forgotten away from there."""
        way_left = LEVELS - 1 - self.state if sign > 0 else self.state
        if way_left > END_ZONE:
            self._ends.discard(sign)
        elif sign not in self._ends:
            index = self._first(sign) + KNOTS
            place = min(max(self.state, 0.0), LEVELS - 1.0)
            knots = slowness.weights(place, place + 1.0)
            first = self._first(sign)
            variance = sum(
                one * other * self._covariance[first + row][first + column]
                for row, one in enumerate(knots)
                for column, other in enumerate(knots)
            )
            self._mean[index] = self._slowness(self.state, sign)
            self._forget(index)
            self._covariance[index][index] = variance
            self._ends.add(sign)

    # What a move and a reading do to it

    def _propagate(self, move: Move, end: float) -> None:
        """Carry state and covariance through a move, in the linear approximation that holds if it ends near `end`."""
        begin, sign = self.state, move.sign
        weights, there = self._weights(end - begin), self._slowness(end, sign)
        moved = abs(end - begin)
        late = self._time_of(end - begin) - move.time
        self._mean[0] = end - sign * late / there
        # s(end) d(end) = s(begin) d(begin) - sign * (change of the time that the way takes)
        factors = {index: -sign * weight / there for index, weight in weights.items()}
        factors[0] = self._slowness(begin, sign) / there
        self._transform_state(factors)
        self._covariance[0][0] += self._prior.write_noise**2 * moved + (MISFIT * moved) ** 2
        for index in weights:
            drift = END_DRIFT * math.sqrt(moved) if self._is_end(index) else PROFILE_DRIFT
            self._covariance[index][index] += (drift * self._mean[index]) ** 2

    def _look_back(self, move: Move, reading: float, variance: float, miss: float) -> None:
        """Reckon the move again about the end that its reading made likely, and take the reading again.

        The time of a known way is linear in slowness, the way of a known time is not. A `miss` (levels) that noise
        explains says nothing of the end.
        """
        end = self.state
        noise = move.variance + variance + self._prior.write_noise**2 * move.expected
        if miss**2 <= SIGNIFICANT**2 * noise or not 1 / CHANGE < move.way(end) / move.expected < CHANGE:
            return
        shifted = move.start - self._before[0][0]
        self._mean, self._covariance = self._before
        self._mean[0] += shifted
        self._propagate(move, end)
        self._weigh(reading - self._mean[0], variance)

    def _transform_state(self, factors: dict[int, float]) -> None:
        """Put in place of the state the sum of all entries times `factors`."""
        covariance = self._covariance
        row = [sum(factor * covariance[index][column] for index, factor in factors.items()) for column in range(_SIZE)]
        row[0] = sum(factor * row[index] for index, factor in factors.items())
        covariance[0] = row
        for index in range(1, _SIZE):
            covariance[index][0] = row[index]

    def _weigh(self, innovation: float, variance: float) -> None:
        """Correct state and slowness in proportion to how unsure they are."""
        first = self._covariance[0]
        spread = first[0] + variance
        weights = [entry / spread for entry in first]
        before = self._mean
        self._mean = [value + weight * innovation for value, weight in zip(before, weights, strict=True)]
        for index in range(1, _SIZE):
            self._mean[index] = min(max(self._mean[index], before[index] / CHANGE), before[index] * CHANGE)
        self._limit()
        # Written so that it stays symmetric to the last bit: a memory keeps one half of it.
        self._covariance = [
            [own - one * other / spread for own, other in zip(row, first, strict=True)] if one else row
            for row, one in zip(self._covariance, first, strict=True)
        ]

    def _tightest(self, move: Move | None) -> float:
        """Return the state's variance, as it were if the slowness of the last move were learned.

        Further off than that, the way is no longer linear in what is unknown.
        """
        if move is None:
            return self._covariance[0][0]
        learned = move.variance + self._prior.write_noise**2 * move.expected + (LEARNED * move.expected) ** 2
        return min(learned, self._covariance[0][0])

    def _start_over(self, reading: float, variance: float, move: Move | None) -> None:
        """Believe the reading, and take the slowness from the move."""
        if move is None:
            self._doubt(1.0)
            self._doubt(-1.0)
        else:
            self._measure(move, move.way(reading), move.variance + variance)
        self.locate(reading, variance)

    def _measure(self, move: Move, way: float, variance: float) -> None:
        """Take a slowness from the `way` (levels) that a move made, known to `variance` (levels squared).

        A cell that does not move bounds a slowness that is a guess. A learned one outlives it: that is the end of the
        range.
        """
        least = SIGNIFICANT * math.sqrt(variance)
        if way <= least and self._knows(move.sign):
            return
        factor = move.expected / (way if way > least else max(way, 0.0) + least)
        first = self._first(move.sign)
        if move.sign in self._ends:
            self._mean[first + KNOTS] *= factor
            self._limit()
            self._doubt_end(move.sign)
        else:
            self._mean[first : first + KNOTS] = [factor * value for value in self._profile(move.sign)]
            self._limit()
            self._doubt(move.sign)

    def _knows(self, sign: float) -> bool:
        """Return whether the slowness that holds in the direction of `sign` is learned here."""
        return self._is_learned(math.copysign(1.0, sign))

    def _limit(self) -> None:
        """Keep every slowness below where the cell counts as standing still."""
        for sign in (1.0, -1.0):
            first, most = self._first(sign), SLOWEST / self._prior.gain(sign)
            for index in range(first, first + KNOTS):
                self._mean[index] = min(self._mean[index], most)
            if sign in self._ends:
                most = SLOWEST * slowness.at(self._profile(sign), self.state)
                self._mean[first + KNOTS] = min(self._mean[first + KNOTS], most)

    def _doubt(self, sign: float) -> None:
        """Take a direction's profile for a guess."""
        first, spread = self._first(sign), self._prior.gain_spread
        for index in range(first, first + KNOTS + 1):
            self._forget(index)
        for row, entries in enumerate(slowness.doubt(self._profile(sign), spread)):
            self._covariance[first + row][first : first + KNOTS] = entries
        self._doubt_end(sign)

    def _doubt_end(self, sign: float) -> None:
        index = self._first(sign) + KNOTS
        self._forget(index)
        self._covariance[index][index] = (self._mean[index] * self._prior.gain_spread) ** 2

    def _forget(self, index: int) -> None:
        """Take one entry for known, and for independent of all others."""
        self._covariance[index] = [0.0] * _SIZE
        for row in self._covariance:
            row[index] = 0.0
