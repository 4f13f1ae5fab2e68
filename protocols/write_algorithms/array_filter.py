"""State and speed of many cells at once: a Kalman filter whose cells share one law of how fast they move.

Of each cell it knows the state (levels) and, for either direction, by what factor it is slower than the shared profile
(as a logarithm), with their covariance. The profile is learned from the moves of all cells together
(`protocols/analysis/shared_slowness.py`); scatter of writes and of cells' speeds are learned from what is left. Nothing
here knows of a board: times in s, states in levels, arrays of shape (n,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS
from protocols.analysis.shared_slowness import Moves, SharedSlowness
from protocols.analysis.write_scatter import NOISE_MAX, NOISE_MIN, noise_and_spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.write_algorithms.interface import Prior

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

MISFIT = 5e-4
"""Error of a long move that no profile of these knots describes, as a share of the move: ours."""
SURPRISE = 5.0
"""An innovation of so many standard deviations means that the model is wrong, not that chance was unkind."""
SIGNIFICANT = 4.0
"""A move of so many standard deviations is one."""
STILL = 1 / 4
"""A cell that makes less than this share of a significant move stands still."""
LONGER = 8.0
"""By how much longer the next pulse is where nothing moved."""
SLOWEST = 1e4
"""Largest factor between a cell's speed and the profile's."""
SPREAD_MIN, SPREAD_FIRST = 1e-3, 0.05
"""Relative spread of cells' speeds: the least that is assumed, and what is before it is measured (ours)."""
REMEASURED = 0.1
"""Relative standard deviation of a speed that was taken from one move."""
LEARNABLE = 16
"""Moves from which scatters are learned."""
OUTLIER = 4.0
"""Moves that miss by so many standard deviations say nothing of the others' scatter."""
REPEATED, UNLIKE = 8, 2.5
"""Cells read again from which it is told whether reads repeat; by how much more they must scatter than they should."""
MEDIAN_SQUARE = 0.455
"""Median of the square of a standard normal number."""
NOISE_PRIOR = 64.0
"""Moves that the first guess of the write noise counts for."""
PROBE, FARTHER = 64.0, 4.0
"""Longest first moves (levels): long enough to measure a speed to 2 %; and by how much longer the next ones are while
the cells' speed changes unexpectedly along the way."""
END_ZONE = 64.0
"""Levels before an end of the range in which a cell may slow down on its way there, or stand (published: 30 and 50)."""
EXPECTED = 1.5
"""Factor by which moves may miss what was expected."""
SIGMA_MAX = float(LEVELS)
"""Largest standard deviation of a state (levels): wherever a law leads, a cell stands within its range."""
STATE, UP, DOWN = 0, 1, 2
"""Places in the filter."""


def has_room(state: Array, sign: float) -> Mask:
    """Return which states (levels) are far from the end of the range that lies in the direction of `sign`."""
    return (LEVELS - 1 - state if sign > 0 else state) > END_ZONE


@dataclass(frozen=True, slots=True, eq=False)
class _Shots:
    """What was put out and waits for its reading; arrays of all cells."""

    sign: Array
    time: Array
    mean: Array
    covariance: Array


class ArrayFilter:
    """Knows n cells.

    Args:
        cells: how many.
        prior: what is assumed beforehand.
    """

    def __init__(self, cells: int, prior: Prior) -> None:
        self.mean = np.zeros((cells, 3))
        self.covariance = np.zeros((cells, 3, 3))
        self.covariance[:, UP, UP] = self.covariance[:, DOWN, DOWN] = SPREAD_FIRST**2
        self._laws = {
            UP: SharedSlowness(1 / prior.potentiation, prior.gain_spread),
            DOWN: SharedSlowness(1 / prior.depression, prior.gain_spread),
        }
        self.write_noise = prior.write_noise
        """Scatter of a step of one level; grows with the square root of the distance."""
        self.spread = {UP: SPREAD_FIRST, DOWN: SPREAD_FIRST}
        """Relative spread of the cells' speeds, by direction."""
        self._noise_seen = NOISE_PRIOR * np.array([1.0, prior.write_noise**2])
        self._spread_seen = {UP: np.zeros(2), DOWN: np.zeros(2)}
        self._fresh = {UP: np.ones(cells, bool), DOWN: np.ones(cells, bool)}
        self.reach = {UP: PROBE, DOWN: PROBE}
        """Longest move (levels) for which the profile can be trusted, by direction; LEVELS where there is no limit."""
        self._shots: _Shots | None = None

    @property
    def state(self) -> Array:
        """Estimated states (levels)."""
        return self.mean[:, STATE]

    @property
    def sigma(self) -> Array:
        """Standard deviations of the estimates (levels)."""
        return np.sqrt(self.covariance[:, STATE, STATE])

    def is_learned(self, sign: float) -> bool:
        """Return whether any move has told of the speed in the direction of `sign`."""
        return self._laws[UP if sign > 0 else DOWN].is_learned

    def reach_of(self, sign: float) -> float:
        """Return how long a move (levels) in the direction of `sign` may be; LEVELS: any."""
        return self.reach[UP if sign > 0 else DOWN]

    def memory(self) -> Array:
        """Return all that is known, as one row of floats."""
        return np.concatenate(
            (
                [self.write_noise, self.spread[UP], self.spread[DOWN], self.reach[UP], self.reach[DOWN]],
                self._noise_seen,
                self._spread_seen[UP],
                self._spread_seen[DOWN],
                self._fresh[UP],
                self._fresh[DOWN],
                self._laws[UP].memory(),
                self._laws[DOWN].memory(),
                self.mean.reshape(-1),
                self.covariance.reshape(-1),
            )
        )

    def recall(self, memory: Array) -> None:
        """Know what another one knew, to the last bit."""
        cells, law = len(self.mean), len(self._laws[UP].memory())
        sizes = [5, 2, 2, 2, cells, cells, law, law, 3 * cells, 9 * cells]
        parts = [part.copy() for part in np.split(memory, np.cumsum(sizes)[:-1])]
        self.write_noise, self.spread[UP], self.spread[DOWN], self.reach[UP], self.reach[DOWN] = parts[0].tolist()
        self._noise_seen, self._spread_seen = parts[1], {UP: parts[2], DOWN: parts[3]}
        self._fresh = {UP: parts[4] > 0, DOWN: parts[5] > 0}
        self._laws[UP].recall(parts[6])
        self._laws[DOWN].recall(parts[7])
        self.mean, self.covariance = parts[8].reshape(cells, 3), parts[9].reshape(cells, 3, 3)

    def locate(self, which: Mask, state: Array, variance: Array) -> None:
        """Forget where cells were and take them to be at `state` (levels); their speeds stay known."""
        self.mean[which, STATE] = state[which]
        self.covariance[which, STATE, :] = self.covariance[which, :, STATE] = 0.0
        self.covariance[which, STATE, STATE] = variance[which]

    def time_to(self, target: Array) -> Array:
        """Return how long (s) the pulses to `target` (levels) are, without sign."""
        state, times = self.state, np.zeros(len(target))
        for sign, place in ((1.0, UP), (-1.0, DOWN)):
            on = (target - state) * sign > 0
            slow = np.exp(self.mean[on, place])
            times[on] = slow * self._laws[place].time_of(state[on], target[on])
        return times

    def doubt(self, target: Array) -> Array:
        """Return the relative standard deviation that the shared law gives those times."""
        state, doubt = self.state, np.zeros(len(target))
        for sign, place in ((1.0, UP), (-1.0, DOWN)):
            on = (target - state) * sign > 0
            if on.any():
                doubt[on] = np.sqrt(self._laws[place].doubt(state[on], target[on]))
        return doubt

    def predict(self, time: Array, sign: Array) -> None:
        """Note that pulses of `sign` (+1, -1; 0: none) and `time` (s) in all were put out; readings are to follow."""
        self._shots = _Shots(sign, time, self.mean.copy(), self.covariance.copy())
        self._propagate(self._shots)

    def _propagate(self, shots: _Shots) -> None:
        """Carry states and covariances through pulses, from where they were."""
        mean, covariance = shots.mean.copy(), shots.covariance.copy()
        for sign, place in ((1.0, UP), (-1.0, DOWN)):
            on = np.flatnonzero(shots.sign == sign)
            if not len(on):
                continue
            law, begin = self._laws[place], shots.mean[on, STATE]
            time = shots.time[on] * np.exp(-shots.mean[on, place])
            end = law.end_of(begin, time, np.full(len(on), sign))
            moved, there = np.abs(end - begin), law.at(end)
            jacobian = np.zeros((len(on), 3, 3))
            jacobian[:] = np.eye(3)
            jacobian[:, STATE, STATE] = law.at(begin) / there
            jacobian[:, STATE, place] = -sign * time / there
            new = jacobian @ shots.covariance[on] @ jacobian.transpose(0, 2, 1)
            new[:, STATE, STATE] += self.write_noise**2 * moved + (MISFIT * moved) ** 2
            # A speed known at one place holds a little less elsewhere, the less the more cells differ.
            new[:, place, place] += self.spread[place] ** 2 * moved / LEVELS
            mean[on, STATE], covariance[on] = end, _within_range(new)
        self.mean, self.covariance = mean, covariance

    def update(self, which: Mask, reading: Array, variance: Array) -> Mask:
        """Take readings of cells.

        Args:
            which: cells that were read.
            reading: of all cells (levels); others' are not looked at.
            variance: of the readings (levels^2).

        Returns:
            Which cells hardly moved though their pulses should have moved them.
        """
        shots, self._shots = self._shots, None
        still = np.zeros(len(which), bool)
        if shots is None:
            self._forget_what_does_not_repeat(which, reading, variance)
            self._weigh(which, reading, variance)
            return still
        shot = which & (shots.sign != 0)
        self._learn_together(shots, shot, reading, variance)
        self._propagate(shots)
        self._forget_what_does_not_repeat(which & ~shot, reading, variance)
        moved = (reading - shots.mean[:, STATE]) * shots.sign
        expected = np.abs(self.state - shots.mean[:, STATE])
        noise = variance + shots.covariance[:, STATE, STATE] + self.write_noise**2 * np.maximum(moved, 0.0)
        still = shot & (moved < STILL * expected) & (expected**2 > SIGNIFICANT**2 * noise)
        surprised = which & ((reading - self.state) ** 2 > SURPRISE**2 * (self.covariance[:, STATE, STATE] + variance))
        self._weigh(which & ~surprised, reading, variance)
        self._start_over(shots, surprised, reading, variance, noise)
        return still

    def _forget_what_does_not_repeat(self, which: Mask, reading: Array, variance: Array) -> None:
        """Trust old readings less where cells that nobody pulsed read differently, as behind wires others share."""
        on = np.flatnonzero(which)
        if len(on) < REPEATED:
            return
        known = self.covariance[on, STATE, STATE] + variance[on]
        excess = float(np.median((reading[on] - self.mean[on, STATE]) ** 2 / known)) / MEDIAN_SQUARE
        if excess > UNLIKE:
            self.covariance[on, STATE, STATE] += (excess - 1) * known

    def _weigh(self, which: Mask, reading: Array, variance: Array) -> None:
        """Correct state and speeds in proportion to how unsure they are."""
        on = np.flatnonzero(which)
        covariance = self.covariance[on]
        first = covariance[:, STATE, :]
        spread = first[:, STATE] + variance[on]
        innovation = reading[on] - self.mean[on, STATE]
        self.mean[on] += first * (innovation / spread)[:, None]
        self.covariance[on] = covariance - first[:, :, None] * first[:, None, :] / spread[:, None, None]

    def _start_over(self, shots: _Shots, which: Mask, reading: Array, variance: Array, noise: Array) -> None:
        """Believe the reading, and take a cell's speed from its move."""
        self.locate(which, reading, variance)
        for sign, place in ((1.0, UP), (-1.0, DOWN)):
            on = np.flatnonzero(which & (shots.sign == sign))
            if not len(on):
                continue
            begin = shots.mean[on, STATE]
            expected = np.abs(
                self._laws[place].end_of(begin, shots.time[on] * np.exp(-shots.mean[on, place]), np.full(len(on), sign))
                - begin
            )
            moved, least = (reading[on] - begin) * sign, SIGNIFICANT * np.sqrt(noise[on])
            end = begin + sign * np.maximum(moved, least)
            found = np.log(shots.time[on] / np.maximum(self._laws[place].time_of(begin, end), 1e-30))
            before = shots.mean[on, place]
            # What did not move is a bound, and no reason to pulse a thousand times as long at once.
            bounded = np.clip(found, before - np.log(SLOWEST), before + np.log(LONGER))
            told = np.maximum(moved, expected) > least
            self.mean[on, place] = np.where(told, np.clip(bounded, -np.log(SLOWEST), np.log(SLOWEST)), before)
            self.covariance[on, place, :] = self.covariance[on, :, place] = 0.0
            self.covariance[on, place, place] = REMEASURED**2

    def _learn_together(self, shots: _Shots, shot: Mask, reading: Array, variance: Array) -> None:
        """Take the moves of all cells into the profiles, then learn how much cells and writes scatter."""
        for sign, place in ((1.0, UP), (-1.0, DOWN)):
            # A cell that stands at an end of its range says nothing of the others' speed.
            on = np.flatnonzero(shot & (shots.sign == sign) & has_room(shots.mean[:, STATE], sign))
            if not len(on):
                continue
            law, begin = self._laws[place], shots.mean[on, STATE]
            time = shots.time[on] * np.exp(-shots.mean[on, place])
            moved = (reading[on] - begin) * sign
            reads = variance[on] + shots.covariance[on, STATE, STATE]
            self._trust(place, np.abs(law.end_of(begin, time, np.full(len(on), sign)) - begin), moved, reads)
            self._rescale(law, begin, time, moved, reads, sign)
            told = moved**2 > SIGNIFICANT**2 * (reads + self.write_noise**2 * np.maximum(moved, 0.0))
            expected = np.abs(law.end_of(begin, time, np.full(len(on), sign)) - begin)
            told &= moved > 0
            behind = moved <= STILL * expected
            # One that falls behind is stuck; where most do, the law is wrong, and they tell so.
            if np.count_nonzero(told & behind) <= np.count_nonzero(told) / 2:
                told &= ~behind
            if not told.any():
                continue
            begin, end, moved, reads = begin[told], reading[on][told], moved[told], reads[told]
            own = shots.covariance[on, place, place][told]
            relative = own + (reads + self.write_noise**2 * moved) / moved**2 + MISFIT**2
            law.learn(Moves(begin, end, time[told], relative))
            fresh = self._fresh[place][on][told]
            self._learn_scatter(shots, place, law.time_of(begin, end) / time[told] - 1, moved, reads, fresh)
            self._fresh[place][on[told]] = False

    def _trust(self, place: int, expected: Array, moved: Array, reads: Array) -> None:
        """Let moves be longer where those that were made came out as expected."""
        if self.reach[place] >= LEVELS:
            return
        noise = SIGNIFICANT * np.sqrt(reads + self.write_noise**2 * np.maximum(moved, 0.0))
        told = np.maximum(moved, expected) > noise
        ratio = float(np.median(moved[told] / expected[told])) if told.any() else 0.0
        if 1 / EXPECTED < ratio < EXPECTED:
            self.reach[place] = float(LEVELS)
        elif ratio > STILL:
            self.reach[place] = min(self.reach[place] * FARTHER, float(LEVELS))

    def _rescale(self, law: SharedSlowness, begin: Array, time: Array, moved: Array, reads: Array, sign: float) -> None:
        """Correct a first guess that is far off, as on films of another kind; without moves, towards slower."""
        if law.is_learned:
            return
        expected = np.abs(law.end_of(begin, time, np.full(len(begin), sign)) - begin)
        told = np.maximum(moved, expected) > SIGNIFICANT * np.sqrt(reads)
        if not told.any():
            return
        ratio = float(np.median(expected[told] / np.maximum(moved[told], SIGNIFICANT * np.sqrt(reads[told]))))
        if not 1 / 1.5 < ratio < 1.5:
            law.restart(min(ratio, LONGER))

    def _learn_scatter(self, shots: _Shots, place: int, miss: Array, moved: Array, reads: Array, fresh: Mask) -> None:
        """Tell the spread of cells' speeds from the scatter of writes by how either grows with the distance.

        Args:
            shots: what was put out; the spread is entered there for cells of which nothing else is known.
            place: of the direction.
            miss: of the moves' times, relative.
            moved: distances (levels).
            reads: variances that reads make (levels^2).
            fresh: moves of cells whose own speed was not known before.
        """
        miss = miss - np.median(miss)
        square = miss**2 * moved / (self.write_noise**2 + self.spread[place] ** 2 * moved)
        limit = OUTLIER**2 * float(np.median(square)) / MEDIAN_SQUARE
        kept = (square <= limit) & (self.write_noise**2 * moved > reads) & fresh
        if int(kept.sum()) < LEARNABLE:
            return
        way = moved[kept]
        excess = (miss[kept] ** 2 * way**2 - reads[kept]) / way  # write noise squared + spread squared * way
        noise, spread = noise_and_spread(way, excess, self.write_noise**2, self.spread[place])
        self._noise_seen += len(way) * np.array([1.0, min(max(noise, NOISE_MIN**2), NOISE_MAX**2)])
        self.write_noise = math.sqrt(self._noise_seen[1] / self._noise_seen[0])
        seen = self._spread_seen[place]
        seen += float(np.sum(way**2)) * np.array([1.0, spread])
        self.spread[place] = math.sqrt(max(seen[1] / seen[0], SPREAD_MIN**2))
        fresh_cells = self._fresh[place]
        shots.covariance[fresh_cells, place, place] = self.spread[place] ** 2


def _within_range(covariance: Array) -> Array:
    """Return covariances, shape (n, 3, 3), whose states are no less sure than that cells stand within their range.

    Where a law says that cells race through a part of it, its doubt would be so large that no reading could be weighed
    against it: what is left of it then is smaller than the last digit of what is taken away.
    """
    unsure = covariance[:, STATE, STATE] > SIGMA_MAX**2
    shrink = SIGMA_MAX / np.sqrt(covariance[unsure, STATE, STATE])
    covariance[unsure, STATE, :] *= shrink[:, None]
    covariance[unsure, :, STATE] *= shrink[:, None]
    return covariance
