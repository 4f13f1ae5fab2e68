"""Biolek's window in closed form: a state slows down on its way to an end, and leaves the end at full speed.

With z the share of the way to the end and m = 2p, dz/dt = k (1 - z^m). Separating variables gives the time

    T(z) = integral of dz / (1 - z^m) = atanh z                 for m = 2
                                      = (atanh z + atan z) / 2  for m = 4,

whose inverse is tanh for m = 2, and for m = 4 Newton's method in u = atanh z, where T is nearly straight.

Noise of unit variance per share of the way, picked up between a and b and drawn together as the states are, is left
with the variance (1 - b^m)^2 (Q(b) - Q(a)), where Q(z) = (z / (1 - z^m) + (m - 1) T(z)) / m.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 1 - 1e-15
"""Stands for the end itself, which is never reached."""
_NEWTON_STEPS = 6
"""T has a slope between 1/2 and 1 in u, and the start is within 0.8: the error is at rounding after 6."""


class BiolekWindow:
    """The window of one power.

    Args:
        power: p of 1 - z^(2p).
    """

    def __init__(self, power: Literal[1, 2]) -> None:
        self._exponent = 2 * power

    def approach(self, share: NDArray[np.float64], path: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the way that is reached after `path`, what would be passed at full speed (>= 0)."""
        start = np.minimum(share, _LARGEST)
        time = self._time(start) + path
        u = time if self._exponent == 2 else _inverse_quartic(time)
        return np.where(path > 0, np.maximum(np.tanh(u), share), share)

    def gathered(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance that is left of unit noise picked up from share `before` to share `after`."""
        first, last = np.minimum(before, _LARGEST), np.minimum(after, _LARGEST)
        return (1 - last**self._exponent) ** 2 * (self._noise(last) - self._noise(first))

    def _time(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._exponent == 2:
            return np.arctanh(share)
        return (np.arctanh(share) + np.arctan(share)) / 2

    def _noise(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        m = self._exponent
        return (share / (1 - share**m) + (m - 1) * self._time(share)) / m


def _inverse_quartic(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return u >= 0 with (u + atan(tanh u)) / 2 = `time`."""
    u = np.where(time < 0.5, time, 2 * time - np.pi / 4)
    u = np.maximum(u, time)
    for _ in range(_NEWTON_STEPS):
        slope = (1 + 1 / np.cosh(np.minimum(2 * u, 700.0))) / 2
        u = u - ((u + np.arctan(np.tanh(u))) / 2 - time) / slope
    return u
