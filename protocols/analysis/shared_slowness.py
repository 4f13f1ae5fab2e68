"""How long cells take for a level along their range, learned from the moves of many cells together.

The law is one profile of slowness (s per level) with a few knots, linear in between; a cell differs from it by a factor
of its own. All moves of a round give the knots' logarithms by weighted least squares: the logarithm of a move's time
is, nearly, a weighted mean of them, and no knot can turn time round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

TOP = LEVELS - 1.0
"""Last level."""
PLACES = np.concatenate((
    [0.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0],
    np.linspace(1024.0, TOP - 1024.0, 16),
    TOP - np.array([512.0, 256.0, 128.0, 64.0, 32.0, 16.0, 0.0]),
))  # fmt: skip
"""Knots (levels): ours; close together near the ends, where films slow down and filaments change their speed most."""
KNOTS = len(PLACES)
SHAPE_SPREAD = 0.15
"""Relative standard deviation of a knot from the profile's mean, before anything is measured: ours."""
ROUGHER, ROUGHEST = 3.0, 5.0
"""Factor by which it grows where moves show a film whose speed changes more along its range, and the most it comes
to."""
UNEXPLAINED, EXPLAINED = 2.0, 2.0
"""Median miss of moves, in standard deviations, that makes one try that; and by how much it must fall."""
REACH = 4096.0
"""Distance (levels) over which two knots' deviations lose most of their likeness: ours."""
OWN_SHARE = 0.15
"""Share of a deviation's variance that is a knot's own: ours."""
LIKENESS = (1 - OWN_SHARE) * np.exp(-np.abs(PLACES[:, None] - PLACES) / REACH) + OWN_SHARE * np.eye(KNOTS)
"""Correlation of the knots' deviations, shape (KNOTS, KNOTS)."""
NEWTON_STEPS = 30
"""Most steps to the end of a move; a profile of little bend takes three."""
EXACT = 1e-6
"""How exactly (levels) the end of a move is found."""
FIT_STEPS = 6
"""Fits in a row: the first reckons moves along their ways, each other one along those that the one before expects."""
STRIDE = 1.0
"""Most that a knot's logarithm changes in one of them."""
NEAR = 0.25
"""Misses beyond this share of a move's time are counted by logarithms."""
OUTLIER = 4.0
"""Moves that miss a first fit by so many standard deviations are left out of the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Moves of n cells in one direction.

    Args:
        begin: state before, shape (n,) (levels).
        end: state after (levels).
        time: pulse time, reckoned for a cell that is as fast as the profile (s).
        variance: of time, relative to its square.
    """

    begin: Array
    end: Array
    time: Array
    variance: Array


def weights(begin: Array, end: Array) -> Array:
    """Return by how much each knot counts (levels) in the time of moves from `begin` to `end`, shape (n, KNOTS)."""
    low, high = np.minimum(begin, end), np.maximum(begin, end)
    return _primitives(high) - _primitives(low)


def _primitives(state: Array) -> Array:
    """Return each knot's hat function integrated from 0 to `state`, shape (n, KNOTS); beyond the ends 1 goes on."""
    inside = np.clip(state, 0.0, TOP)
    gaps = np.diff(PLACES)
    knot = np.clip(np.searchsorted(PLACES, inside, side="right") - 1, 0, KNOTS - 2)
    way = (inside - PLACES[knot]) / gaps[knot]
    halves = np.zeros(KNOTS)
    halves[1:] += gaps / 2
    # Whole gaps below count with half of their length at either end; of the gap that `state` is in, a part does.
    areas = np.where(np.arange(KNOTS) <= knot[:, None], halves, 0.0)
    areas[:, :-1] += np.where(np.arange(KNOTS - 1) < knot[:, None], gaps / 2, 0.0)
    index = np.arange(len(state))
    areas[index, knot] += gaps[knot] * (way - way**2 / 2)
    areas[index, knot + 1] += gaps[knot] * way**2 / 2
    areas[:, 0] += np.minimum(state, 0.0)
    areas[:, -1] += np.maximum(state - TOP, 0.0)
    return areas


class SharedSlowness:
    """The profile of one direction, and how sure it is.

    Args:
        guess: slowness before anything is measured (s per level).
        spread: relative standard deviation of that guess.
    """

    def __init__(self, guess: float, spread: float) -> None:
        self._spread = spread
        self._guess = guess
        self.is_learned = False
        """Whether any move has told of it."""
        self._begin_at(guess)

    def _begin_at(self, guess: float) -> None:
        self._guess, self._shape = guess, SHAPE_SPREAD
        self.profile = np.full(KNOTS, guess)
        """Slowness at the knots, shape (KNOTS,) (s per level)."""
        self._information = self._prior(SHAPE_SPREAD)

    def _prior(self, shape: float) -> Array:
        """Return what is known of the knots' logarithms beforehand: the inverse of their covariance."""
        return np.asarray(np.linalg.inv(self._spread**2 + shape**2 * LIKENESS), np.float64)

    def memory(self) -> Array:
        """Return all that is known, as one row of floats."""
        known = [self._guess, self._shape, float(self.is_learned)]
        return np.concatenate((known, self.profile, self._information.reshape(-1)))

    def recall(self, memory: Array) -> None:
        """Know what another one knew, to the last bit."""
        self._guess, self._shape, self.is_learned = float(memory[0]), float(memory[1]), bool(memory[2])
        self.profile = memory[3 : 3 + KNOTS].copy()
        self._information = memory[3 + KNOTS :].reshape(KNOTS, KNOTS).copy()

    def at(self, state: Array) -> Array:
        """Return the slowness at states (levels); beyond the ends, that of the end."""
        return np.interp(state, PLACES, self.profile)

    def time_of(self, begin: Array, end: Array) -> Array:
        """Return how long (s) moves take, shape (n,)."""
        return self._until(np.maximum(begin, end)) - self._until(np.minimum(begin, end))

    def doubt(self, begin: Array, end: Array) -> Array:
        """Return the relative variance of the time of moves, shape (n,)."""
        return self._variance(self._shares(begin, end))

    def end_of(self, begin: Array, time: Array, sign: Array) -> Array:
        """Return where moves in the direction of `sign` end after `time` (s), shape (n,) (levels)."""
        goal = self._until(begin) + sign * time
        end = begin + sign * time / self.at(begin)
        for _ in range(NEWTON_STEPS):
            correction = (self._until(end) - goal) / self.at(end)
            end = end - correction
            if not np.any(np.abs(correction) > EXACT):
                break
        return end

    def restart(self, factor: float) -> None:
        """Forget everything, and guess anew: `factor` times as slow."""
        self._begin_at(self._guess * factor)

    def learn(self, moves: Moves) -> None:
        """Take moves into account; those that fit no law of all cells are left out."""
        before = self.memory()
        missed = self._take(moves)
        while missed > UNEXPLAINED and self._shape < ROUGHEST:
            smoother, after = missed, self.memory()
            self.recall(before)
            self._roughen()
            before, missed = self.memory(), self._take(moves)
            if missed > smoother / EXPLAINED:
                self.recall(after)
                break

    def _roughen(self) -> None:
        """Hold it for more probable that the profile is uneven; what moves told stays known."""
        rougher = min(self._shape * ROUGHER, ROUGHEST)
        change = self._prior(rougher) - self._prior(self._shape)
        total = self._information @ np.log(self.profile / self._guess)
        self._information, self._shape = self._information + change, rougher
        self.profile = self._guess * np.exp(np.linalg.solve(self._information, total))

    def _take(self, moves: Moves) -> float:
        """Fit moves; return by how many standard deviations the law misses half of them."""
        ratio = np.log(np.maximum(self.time_of(moves.begin, moves.end), 1e-30) / moves.time)
        off = np.abs(ratio - np.median(ratio))
        kept, scatter = off <= OUTLIER * max(float(np.median(off)) * 1.4826, SHAPE_SPREAD), 1.0
        before, known, expected = np.log(self.profile), self._information.copy(), moves.end
        for _ in range(FIT_STEPS):
            kept, scatter = self._fit(moves, expected, kept, scatter, before, known)
            if not kept.any():
                break
            expected = self.end_of(moves.begin, moves.time, np.sign(moves.end - moves.begin))
        self.is_learned |= bool(kept.any())
        return float(np.median(np.abs(self._miss(moves)) / np.sqrt(moves.variance)))

    def _fit(
        self, moves: Moves, expected: Array, use: Mask, scatter: float, before: Array, known: Array
    ) -> tuple[Mask, float]:
        """Fit the moves in use to what was known before them; return which ones the fit explains, and their scatter.

        Knots count as on the way to where the law expects a move to end: weights that held what it missed would let
        chance bend the law. What the law does not describe makes each move tell less of it. A move through a part of
        the range that no other one told of may miss by the law's own doubt.
        """
        shares, knots = self._shares(moves.begin, expected), np.log(self.profile)
        weight = np.where(use, 1 / (moves.variance * scatter**2), 0.0)
        self._information = known + (shares * weight[:, None]).T @ shares
        pull = known @ (before - knots) + shares.T @ (weight * self._miss(moves))
        change = np.asarray(np.linalg.solve(self._information, pull), np.float64)
        self.profile = np.exp(knots + np.clip(change, -STRIDE, STRIDE))
        miss = self._miss(moves) / np.sqrt(moves.variance)
        centre = float(np.median(miss[use]))
        found = max(float(np.median(np.abs(miss[use] - centre))) * 1.4826, 1.0)
        bound = OUTLIER * np.sqrt(found**2 + self._variance(shares) / moves.variance)
        return np.abs(miss - centre) <= bound, found

    def _miss(self, moves: Moves) -> Array:
        """Return by how much, relatively, moves took longer than the law says."""
        ratio = np.maximum(self.time_of(moves.begin, moves.end), 1e-30) / moves.time
        return np.where(np.abs(ratio - 1) < NEAR, 1 - ratio, -np.log(ratio))

    def _shares(self, begin: Array, end: Array) -> Array:
        """Return the share of each knot in the time of moves, shape (n, KNOTS)."""
        times = weights(begin, end) * self.profile
        return times / np.maximum(np.sum(times, axis=1, keepdims=True), 1e-30)

    def _variance(self, shares: Array) -> Array:
        """Return the relative variance that the law gives times in which knots have `shares`."""
        return np.asarray(np.sum((shares @ np.linalg.inv(self._information)) * shares, axis=1), np.float64)

    def _until(self, state: Array) -> Array:
        """Return the time (s) from level 0 to states (levels); below 0 it is negative."""
        inside = np.clip(state, 0.0, TOP)
        gaps = np.diff(PLACES)
        knot = np.clip(np.searchsorted(PLACES, inside, side="right") - 1, 0, KNOTS - 2)
        way = (inside - PLACES[knot]) / gaps[knot]
        areas = np.concatenate(([0.0], np.cumsum(gaps * (self.profile[1:] + self.profile[:-1]) / 2)))
        bend = (self.profile[knot + 1] - self.profile[knot]) * way**2 / 2
        within = areas[knot] + gaps[knot] * (self.profile[knot] * way + bend)
        ends: Array = np.where(state < 0, self.profile[:1], self.profile[-1:])
        outside = (state - inside) * ends
        return np.asarray(within + outside, np.float64)
