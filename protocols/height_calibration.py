"""Learns how the rate of a cell depends on the height of its pulses: published law times a measured correction.

A few heights are tried, each by a pass over most of the range; the time that its pulses took is held against the time
that pulses of the reference height take over the same levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from labctl.levels import LEVELS
from protocols.analysis.pulse_choice import AmplitudeLaw
from protocols.rate_calibration import course

if TYPE_CHECKING:
    from protocols.analysis.pulse_choice import WidthLimits
    from protocols.analysis.travel_time import TravelTime
    from protocols.rate_calibration import Puller

SHARES = (1.0, 0.85, 0.72, 0.6, 0.5, 0.42, 0.36, 0.31)
"""Rates that are tried, by the published law, as shares of that at the reference height."""
RANGE = 3
"""Ratio of two widths of height coding that follow one another: heights cover that ratio of rates, and stay above the
threshold of the Ru-azo film."""
SHARE_MIN = 1e-3
"""A slower cell counts as this slow: its logarithm is taken."""
INSIDE = 0.02
"""Share of the range at its ends that does not count: what a cell stops at has no rate."""


@dataclass(frozen=True, slots=True)
class HeightMemory:
    """Rates at heights (V, with sign): as shares of the rate at the reference height."""

    heights: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasuredLaw(AmplitudeLaw):
    """The published law, corrected by what was measured; between heights the correction's logarithm is straight."""

    measured: HeightMemory = HeightMemory()

    def relative(self, amplitude: float) -> float:
        """Return the rate at `amplitude` (V, with sign) as a share of that at the polarity's reference amplitude."""
        published = AmplitudeLaw.relative(self, amplitude)
        points = sorted(
            (abs(height), math.log(max(share, SHARE_MIN) / AmplitudeLaw.relative(self, height)))
            for height, share in zip(self.measured.heights, self.measured.shares, strict=True)
            if height * amplitude > 0
        )
        if not points:
            return published
        sizes, logs = zip(*points, strict=True)
        return published * math.exp(float(np.interp(abs(amplitude), sizes, logs)))


def height_of(law: AmplitudeLaw, share: float, sign: float, step: float) -> float:
    """Return the height (V, with sign) at which the published law has a `share` of the rate at the reference."""
    reference = abs(law.up if sign > 0 else law.down)
    if share >= 1:
        return sign * reference
    size = float(brentq(lambda size: AmplitudeLaw.relative(law, sign * size) - share, 0.05, reference))
    return sign * round(size / step) * step


def try_height(puller: Puller, law: MeasuredLaw, height: float, travel: TravelTime, limits: WidthLimits) -> MeasuredLaw:
    """Lead the cell over its range by pulses of one height; return the law as it is known then.

    Args:
        puller: of the cell, which stands where the way begins.
        law: from the heights tried so far.
        height: V, with sign.
        travel: of its direction, at the reference height.
        limits: widths that can be had.
    """
    start = puller.look()
    widths = course(travel, start, height, limits, max(law.relative(height), SHARE_MIN))
    levels = [start, *puller.put(height, widths)] if widths else [start]
    low, high = INSIDE * LEVELS, (1 - INSIDE) * LEVELS
    inside = [index for index, level in enumerate(levels) if low < level < high]
    share = SHARE_MIN
    if len(inside) > 1:
        first, last = inside[0], inside[-1]
        meant, time = travel.time_between(levels[first], levels[last]), math.fsum(widths[first:last])
        forward = (levels[last] - levels[first]) * height > 0
        share = max(meant / time, SHARE_MIN) if forward else SHARE_MIN
    measured = HeightMemory((*law.measured.heights, height), (*law.measured.shares, share))
    return MeasuredLaw(law.threshold, law.softness, law.exponent, law.rise, law.up, law.down, measured)


def width_for(time: float, whole: float, limits: WidthLimits) -> float:
    """Return the width (s) of height coding for a move that takes `time` (s) at the reference height.

    Args:
        time: of the move.
        whole: time over the whole range: the widest.
        limits: widths that can be had.
    """
    width = min(whole, limits.most)
    while width / RANGE >= max(time, limits.least):
        width /= RANGE
    return limits.nearest(width)
