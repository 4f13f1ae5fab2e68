"""How far the axes reach: round ends that move in steps, so that a growing trace does not rescale at every frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUND = (1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0)
"""The lengths that are round, within a decade and to the beginning of the next."""
_OFF_SCALE = 0.01
"""Share of the errors that may lie beyond the axis: a few stuck cells must not flatten all others."""
_AROUND_BAND = 1.5
"""How far the error axis reaches, in tolerances, while the errors are smaller."""
_KEEP = 0.4
"""An axis shrinks only if less than this share of it is needed."""
_NOTHING = 1e-30
"""A length of an axis, in any SI unit, that no quantity of a bench has: zero but for rounding."""


@dataclass(frozen=True, slots=True)
class Span:
    """The two ends of an axis, in the unit of its values."""

    low: float
    high: float


def round_up(value: float) -> float:
    """Return the first of 1, 1.5, 2, 3, 5, 7.5, 10 times a power of ten that is not below a positive `value`."""
    decade = 10.0 ** math.floor(math.log10(value))
    return next(decade * factor for factor in ROUND if decade * factor >= value * (1 - 1e-12))


def step_span(last: float, total: int | None) -> Span:
    """Return the step axis when `last` steps are done of `total`, or of an unknown number."""
    high = round_up(max(last, 10.0))
    if total is not None:
        high = min(high, float(total)) if last <= total else high
    return Span(0.0, high)


def value_span(values: NDArray[np.float64], current: Span | None) -> Span | None:
    """Return an axis that shows all finite `values`; `current` as long as it does, wider otherwise.

    None while there has not been a finite value.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return current
    low, high = float(finite.min()), float(finite.max())
    if current is not None:
        if current.low <= low and high <= current.high:
            return current
        low, high = min(low, current.low), max(high, current.high)
    if high - low <= max(1e-9 * abs(low), 1e-9 * abs(high), _NOTHING):
        pad = 0.5 * abs(high) if abs(high) > _NOTHING else 1.0
        low, high = low - pad, high + pad
    tick = round_up((high - low) / 8)
    return Span(math.floor(low / tick + 1e-9) * tick, math.ceil(high / tick - 1e-9) * tick)


def error_span(errors: NDArray[np.float64], tolerance: float | None, current: Span | None) -> Span:
    """Return an axis, symmetric about zero, that shows the tolerance band and all but at most 1 % of the errors."""
    sizes = np.abs(errors[np.isfinite(errors)])
    needed = _AROUND_BAND * tolerance if tolerance else 0.0
    if sizes.size:
        hidden = int(_OFF_SCALE * sizes.size)
        needed = max(needed, 1.15 * float(np.partition(sizes, sizes.size - 1 - hidden)[sizes.size - 1 - hidden]))
    if current is not None and _KEEP * current.high <= needed <= current.high:
        return current
    end = round_up(needed) if needed > _NOTHING else 1.0
    return Span(-end, end)
