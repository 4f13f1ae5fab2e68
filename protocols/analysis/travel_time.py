"""How long a pulse takes from one level to another: a map of a cell's slowness, learned from how it was moved.

A cell whose conductance is not quite straight in its state, or that slows down near an end of its range, has no single
rate. Its slowness (s a level) against the level is learned in bins: pulse time spent in a bin over levels passed in it.
The time from n to m is the integral of the slowness between them. One map serves one direction and one amplitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError
from labctl.units import Levels, Seconds
from protocols.analysis.measured_values import finite_points, positive, vector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_ENDS = np.array([0, 8, 16, 32, 64, 128])
EDGES = np.concatenate([_ENDS, np.arange(258, 16_300, 258), 16_519 - _ENDS[::-1]]).astype(np.float64)
"""Levels between the bins: narrower where cells slow down (published: the last 30 below, 50 above)."""
LEAST = 3.0
"""A bin is believed if this many levels were passed in it in all."""


@dataclass(frozen=True, slots=True)
class Way:
    """A cell moved in one direction by pulses of one amplitude, read now and then.

    Args:
        times: pulse time so far at each read (s), rising, shape (n,).
        levels: read, shape (n,).
    """

    times: tuple[Seconds, ...]
    levels: tuple[Levels, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TravelTime:
    """Pulse time against the level.

    Args:
        levels: rising, shape (n,).
        times: pulse time from the first of them (s), rising, shape (n,).
    """

    levels: Array
    times: Array

    @classmethod
    def steady(cls, rate: float) -> TravelTime:
        """Return the map of one rate (levels per s) everywhere."""
        positive(rate, "a rate")
        return cls(np.array([0.0, 1.0]), np.array([0.0, 1 / rate]))

    def time_between(self, start: float, target: float) -> float:
        """Return the pulse time (s) that leads from one level to the other, whichever is higher."""
        first, last = (self._time(level) for level in (start, target))
        return abs(last - first)

    def level_after(self, start: float, time: float) -> float:
        """Return the level that a pulse time (s) leads to; below 0 it leads down."""
        wanted = self._time(start) + time
        if self.times[0] <= wanted <= self.times[-1]:
            return float(np.interp(wanted, self.times, self.levels))
        end = 0 if wanted < self.times[0] else -1
        return float(self.levels[end] + (wanted - self.times[end]) / self._slowness(end))

    def rate(self, level: float) -> float:
        """Return the rate (levels per s) at a level."""
        place = int(np.clip(np.searchsorted(self.levels, level, side="right") - 1, 0, len(self.levels) - 2))
        return 1 / self._slowness(place)

    def _time(self, level: float) -> float:
        if not math.isfinite(level):
            raise ParameterError(f"a level is a finite number, not {level}")
        if self.levels[0] <= level <= self.levels[-1]:
            return float(np.interp(level, self.levels, self.times))
        # Beyond what was measured the nearest slowness goes on.
        end = 0 if level < self.levels[0] else -1
        return float(self.times[end] + (level - self.levels[end]) * self._slowness(end))

    def _slowness(self, place: int) -> float:
        """Return the slowness (s a level) of a bin; -1: of the last one."""
        pair = slice(-2, None) if place == -1 else slice(place, place + 2)
        (low, high), (first, last) = self.levels[pair].tolist(), self.times[pair].tolist()
        return (last - first) / (high - low)


def learn_travel_time(ways: Iterable[Way], edges: ArrayLike = EDGES) -> TravelTime | None:
    """Return the map that the ways amount to; all lead in one direction.

    A piece of a way between two reads counts in the bins that it passes, in proportion. Pieces against the direction
    count, too: reads scatter, and leaving the unlucky ones out would make the cell look faster than it is.

    Args:
        ways: at least one with two reads.
        edges: levels between the bins, rising, shape (n,).

    Returns:
        None if the cell did not move, or nothing was measured.
    """
    borders = vector(edges, "the edges of the bins")
    if len(borders) < 2 or not bool((np.diff(borders) > 0).all()):
        raise ParameterError("the edges of the bins rise, and there are two at least")
    pieces = [np.empty((0, 3))]
    for way in ways:
        times, levels = finite_points(way.times, way.levels)
        pieces.append(np.column_stack([levels[:-1], levels[1:], np.diff(times)]))
    start, end, time = np.concatenate(pieces).T
    passed = _passed(start, end, borders)
    distance = passed.sum(axis=0)
    direction = math.copysign(1.0, float(distance.sum()))
    share = np.divide(np.abs(passed), np.abs(end - start)[:, None], out=np.zeros_like(passed), where=passed != 0)
    spent = (share * time[:, None]).sum(axis=0)
    believed: NDArray[np.bool_] = (direction * distance >= LEAST) & (spent > 0)
    if not believed.any():
        return None
    middles = (borders[1:] + borders[:-1]) / 2
    found: Array = spent[believed] / (direction * distance[believed])
    slowness: Array = np.interp(middles, middles[believed], found)
    return TravelTime(borders, np.append(0.0, np.cumsum(slowness * np.diff(borders))))


def _passed(start: Array, end: Array, borders: Array) -> Array:
    """Return the levels, with sign, that each piece passes in each bin; shape (pieces, bins)."""
    return np.clip(end[:, None], borders[:-1], borders[1:]) - np.clip(start[:, None], borders[:-1], borders[1:])
