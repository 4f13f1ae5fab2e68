"""The ideal write-verify loop: how few bursts any controller needs, by simulation of nothing but cells.

The reader is perfect: it shows each cell's state without noise. The controller is as good as the cells let it be: it
knows the law of their speed and how writes scatter, learns each cell's own speed from every move (a Kalman filter with
the true variances, which is optimal for it), and stops as soon as a cell is within half a level. What is left is the
scatter of writes, the cells' unknown speeds, and the shortest pulse. Nothing that is measured goes into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

HALF_LEVEL = 0.5
"""Error (levels) at which a cell counts as written."""
BURSTS_MAX = 1000
"""Bursts after which a cell that is not written ends the simulation: parameters that no loop serves."""


@dataclass(frozen=True, slots=True)
class WrittenCells:
    """What simulated cells are like; the defaults are the published Ru-azo film on the default board.

    Args:
        noise: scatter of a step of one level at level 0 (levels); grows with the square root of the distance.
        noise_rise: what it gains up to the last level.
        rate_spread: standard deviation of the logarithm of a cell's speed.
        step_min: shortest move that a pulse can make (levels): 20 ns of the 80 ns that lead by one.
    """

    noise: float = 0.0509
    noise_rise: float = 0.0758
    rate_spread: float = 0.0
    step_min: float = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class IdealLoop:
    """What the loop took.

    Args:
        bursts: of each cell, in the order of the targets.
        error: that is left (levels).
    """

    bursts: NDArray[np.int64]
    error: Array

    @property
    def bursts_per_cell(self) -> float:
        """Mean number of bursts."""
        return float(np.mean(self.bursts))


def ideal_write_loop(
    begin: Array, target: Array, cells: WrittenCells, rng: np.random.Generator, tolerance: float = HALF_LEVEL
) -> IdealLoop:
    """Write `target` into cells that stand at `begin`; both in levels, shape (n,).

    Args:
        begin: where the cells stand.
        target: where they are to stand.
        cells: what they are like.
        rng: of their speeds and of the writes' scatter.
        tolerance: error at which a cell is written (levels).

    Raises:
        ValueError: if a cell is not written after `BURSTS_MAX` bursts.
    """
    state, speed = begin.astype(np.float64).copy(), np.exp(cells.rate_spread * rng.standard_normal(len(begin)))
    believed, doubt = np.ones(len(begin)), np.full(len(begin), float(cells.rate_spread) ** 2)
    bursts = np.zeros(len(begin), np.int64)
    for _ in range(BURSTS_MAX):
        on = np.flatnonzero(np.abs(target - state) > tolerance)
        if not len(on):
            return IdealLoop(bursts, state - target)
        aimed = target[on] - state[on]
        asked = np.maximum(np.abs(aimed), cells.step_min)
        time = asked / believed[on]
        mean = time * speed[on]
        variance = _variance(state[on], state[on] + np.sign(aimed) * mean, cells)
        moved = mean + np.sqrt(variance) * rng.standard_normal(len(on))
        state[on] += np.sign(aimed) * moved
        bursts[on] += 1
        gain = doubt[on] * time / np.maximum(doubt[on] * time**2 + variance, 1e-300)
        believed[on] = np.maximum(believed[on] + gain * (moved - believed[on] * time), 1e-3)
        doubt[on] *= 1 - gain * time
    left = np.count_nonzero(np.abs(target - state) > tolerance)
    raise ValueError(f"{left} cells are not within {tolerance:g} levels after {BURSTS_MAX} bursts")


def _variance(begin: Array, end: Array, cells: WrittenCells) -> Array:
    """Return the variance (levels^2) of moves: of a step of one level, summed up along the way."""
    slope = cells.noise_rise / (LEVELS - 1)

    def until(level: Array) -> Array:
        inside = np.clip(level, 0.0, LEVELS - 1.0)
        step = cells.noise + slope * inside
        whole = (step**3 - cells.noise**3) / (3 * slope) if slope else cells.noise**2 * inside
        return whole + step**2 * (level - inside)

    return np.abs(until(end) - until(begin))
