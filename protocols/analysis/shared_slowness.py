"""How long cells take for a level along their range, learned from the moves of many cells together.

The law is one profile of slowness (s per level) with a few knots, linear in between; a cell differs from it by a factor
of its own. The time of a move is linear in the knots, so that all moves of a round give them by weighted least squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

KNOTS = 33
"""Knots of a profile: ours; a film whose speed changes tenfold along its range changes by 7 % from knot to knot."""
SPACING = (LEVELS - 1) / (KNOTS - 1)
"""Distance of neighbouring knots (levels)."""
SHAPE_SPREAD = 0.1
"""Relative standard deviation of a knot from the profile's mean, before anything is measured: ours."""
REACH = 4096.0
"""Distance (levels) over which two knots' deviations lose most of their likeness: ours."""
NEWTON_STEPS = 30
"""Most steps to the end of a move; a profile of little bend takes three."""
EXACT = 1e-6
"""How exactly (levels) the end of a move is found."""
SLOWEST = 1e-3
"""Least slowness of a knot, as a share of the profile's mean: a fit may not turn time round."""
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
    way = state[:, None] / SPACING - np.arange(KNOTS)
    rising, falling = np.clip(way + 1, 0, 1), np.clip(way, 0, 1)
    areas = 0.5 * rising**2 + falling - 0.5 * falling**2
    areas[:, 0] += np.minimum(way[:, 0], 0.0) - 0.5 * rising[:, 0] ** 2
    areas[:, -1] += np.maximum(way[:, -1], 0.0) - (falling - 0.5 * falling**2)[:, -1]
    return areas * SPACING


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
        self._guess = guess
        self.profile = np.full(KNOTS, guess)
        """Slowness at the knots, shape (KNOTS,) (s per level)."""
        places = np.arange(KNOTS) * SPACING
        likeness = np.exp(-np.abs(places[:, None] - places) / REACH)
        covariance = guess**2 * (self._spread**2 + SHAPE_SPREAD**2 * likeness)
        self._information = np.linalg.inv(covariance)
        self._sum = self._information @ self.profile

    def memory(self) -> Array:
        """Return all that is known, as one row of floats."""
        return np.concatenate(
            ([self._guess, float(self.is_learned)], self.profile, self._sum, self._information.reshape(-1))
        )

    def recall(self, memory: Array) -> None:
        """Know what another one knew, to the last bit."""
        self._guess, self.is_learned = float(memory[0]), bool(memory[1])
        self.profile, self._sum = memory[2 : 2 + KNOTS].copy(), memory[2 + KNOTS : 2 + 2 * KNOTS].copy()
        self._information = memory[2 + 2 * KNOTS :].reshape(KNOTS, KNOTS).copy()

    def at(self, state: Array) -> Array:
        """Return the slowness at states (levels); beyond the ends, that of the end."""
        return np.interp(state, np.arange(KNOTS) * SPACING, self.profile)

    def time_of(self, begin: Array, end: Array) -> Array:
        """Return how long (s) moves take, shape (n,)."""
        return self._until(np.maximum(begin, end)) - self._until(np.minimum(begin, end))

    def doubt(self, begin: Array, end: Array) -> Array:
        """Return the relative variance of the time of moves, shape (n,)."""
        shares = weights(begin, end)
        found = np.einsum("nk,kl,nl->n", shares, np.linalg.inv(self._information), shares)
        return found / np.maximum(self.time_of(begin, end), 1e-30) ** 2

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
        shares = weights(moves.begin, moves.end)
        kept = np.ones(len(moves.time), bool)
        for _ in range(2):
            if not kept.any():
                return
            weight = np.where(kept, 1 / (moves.time**2 * moves.variance), 0.0)
            information = self._information + (shares * weight[:, None]).T @ shares
            total = self._sum + shares.T @ (weight * moves.time)
            profile = np.linalg.solve(information, total)
            miss = (shares @ profile - moves.time) / (moves.time * np.sqrt(moves.variance))
            centre = np.median(miss[kept])
            scatter = max(float(np.median(np.abs(miss[kept] - centre))) * 1.4826, 1.0)
            kept = np.abs(miss - centre) <= OUTLIER * scatter
        self._information, self._sum = information, total
        self.profile = np.maximum(profile, SLOWEST * max(float(np.mean(profile)), SLOWEST * self._guess))
        self.is_learned = True

    def _until(self, state: Array) -> Array:
        """Return the time (s) from level 0 to states (levels); below 0 it is negative."""
        inner = np.clip(state / SPACING, 0.0, KNOTS - 1.0)
        knot = np.minimum(inner.astype(np.int64), KNOTS - 2)
        way = inner - knot
        areas = np.concatenate(([0.0], np.cumsum((self.profile[1:] + self.profile[:-1]) / 2)))
        bend = (self.profile[knot + 1] - self.profile[knot]) * way**2 / 2
        inside = areas[knot] + self.profile[knot] * way + bend
        beyond = (state / SPACING - inner) * np.where(state < 0, self.profile[0], self.profile[-1])
        return (inside + beyond) * SPACING
