"""How long a cell takes for a level, along its range: a profile of a few knots, linear in between.

The time that a move takes is the integral of the slowness (s per level) along its way, and so a weighted sum of the
knots': what a linear filter can learn from moves of any length.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from labctl.levels import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOTS = 5
"""Knots of a profile: with lines between them the published Ru-azo slope is met within 0.3 % everywhere."""
SPACING = (LEVELS - 1) / (KNOTS - 1)
"""Distance of neighbouring knots (levels)."""
SHAPE_SPREAD = 0.05
"""Relative standard deviation of a knot from the profile's mean, before anything is measured: ours; the slope of the
published Ru-azo curve varies by 7 % over its range."""
REACH = 2 * SPACING
"""Distance (levels) over which two knots' deviations lose most of their likeness: ours."""
EXACT = 1e-6
"""How exactly (levels) the end of a move is found."""
STEPS_MAX = 30
"""Newton steps to the end of a move; a profile of little bend takes three."""


def weights(begin: float, end: float) -> list[float]:
    """Return by how much each knot counts (levels) in the time of a move from `begin` to `end`, of any order."""
    low, high = (begin, end) if begin <= end else (end, begin)
    return [upper - lower for lower, upper in zip(_primitives(low), _primitives(high), strict=True)]


def at(profile: Sequence[float], state: float) -> float:
    """Return the slowness at `state` (levels); beyond the ends, that of the end."""
    place = min(max(state / SPACING, 0.0), KNOTS - 1.0)
    knot = min(int(place), KNOTS - 2)
    return profile[knot] + (place - knot) * (profile[knot + 1] - profile[knot])


def time_of(profile: Sequence[float], begin: float, end: float) -> float:
    """Return how long (s) the way from `begin` to `end` takes."""
    return sum(weight * slowness for weight, slowness in zip(weights(begin, end), profile, strict=True))


def end_of(profile: Sequence[float], begin: float, time: float, sign: float) -> float:
    """Return where (levels) a move from `begin` in the direction of `sign` ends after `time` (s)."""
    end = begin + sign * time / at(profile, begin)
    for _ in range(STEPS_MAX):
        error = sign * math.copysign(time_of(profile, begin, end), end - begin) - time
        correction = sign * error / at(profile, end)
        end -= correction
        if abs(correction) <= EXACT:
            break
    return end


def doubt(profile: Sequence[float], spread: float) -> list[list[float]]:
    """Return the covariance of a profile that is a guess: `spread` (relative) in common, some of each knot's own."""
    return [
        [
            own * other * (spread**2 + SHAPE_SPREAD**2 * math.exp(-abs(first - second) * SPACING / REACH))
            for second, other in enumerate(profile)
        ]
        for first, own in enumerate(profile)
    ]


def _primitives(state: float) -> list[float]:
    """Return each knot's hat function, integrated from 0 to `state`; the outer ones stay at 1 beyond the ends."""
    place = state / SPACING
    knot = min(max(int(place), 0), KNOTS - 2)
    way = place - knot
    inside = min(max(way, 0.0), 1.0)
    areas = [0.5, *[1.0] * (KNOTS - 1)]
    areas[knot] -= 0.5 * (1.0 - inside) ** 2 - min(way, 0.0)
    areas[knot + 1] = 0.5 * inside**2 + max(way - 1.0, 0.0)
    areas[knot + 2 :] = [0.0] * (KNOTS - knot - 2)
    return [area * SPACING for area in areas]
