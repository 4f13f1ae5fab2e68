"""How cells slow down before either end of their range, in closed form.

At full speed a cell passes equal paths in equal times. Within a margin of the end its speed falls with the cubic
smoothstep C(x) = x^2 (3 - 2 x) of x = distance / margin. Separating variables, the time from the margin down to x is

    margin * (F(1/x) - 1/3)    with    F(w) = w/3 + (2/9) ln(3 w - 2),

in units of the time that one state takes at full speed: the end itself is never reached.

What slows cells down also draws them together: two cells a little apart keep a distance in proportion to C. Noise of
unit variance a state, picked up on the way from the margin down to x, is left with the variance

    C(x)^2 * margin * (Q(1/x) - Q(1))
    with    Q(w) = (w^3 + 2 w^2 + 4 w)/27 - (8/81) w/(3 w - 2) + (32/243) ln(3 w - 2),

the integral of C(x)^2 / C(x')^2 over the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEWTON_STEPS = 6
"""The start is within 0.5 of the root, and the error is squared each time: 6 steps reach rounding everywhere."""


def slowing(distance: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """Return the speed, as a fraction of full speed, at `distance` states (>= 0) from the end."""
    x = np.minimum(distance / margin, 1.0)
    return x * x * (3 - 2 * x)


def approach(distance: NDArray[np.float64], margin: float, path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance from the end that is left after a time.

    Args:
        distance: states to the end at the beginning (>= 0).
        margin: states from the end within which a cell slows down.
        path: states that would be passed in that time at full speed (>= 0).
    """
    left = np.where(distance >= margin, distance, margin * (4 / 3 - _time(_inverse(distance, margin)))) - path
    arrived = margin / _distance(np.maximum(4 / 3 - left / margin, 1 / 3))
    return np.where(distance > 0, np.where(left >= margin, left, np.minimum(arrived, distance)), 0.0)


def gathered(before: NDArray[np.float64], after: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """Return the noise picked up within the margin, before it is drawn together.

    Multiplied by the square of `slowing` at the end of the way, it is the variance that is left.

    Args:
        before: states to the end at the beginning (>= 0); above the margin nothing counts.
        after: states to the end afterwards (>= 0, at most `before`).
        margin: states from the end within which a cell slows down.
    """
    return margin * (_noise(_inverse(after, margin)) - _noise(_inverse(before, margin)))


_TINY = 1e-100
"""In states: stands for the end itself, from where no cell moves further."""


def _inverse(distance: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """Return w = margin / distance, at least 1."""
    return np.maximum(margin / np.maximum(distance, _TINY), 1.0)


def _noise(inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Q(w) for w >= 1."""
    rest = 3 * inverse - 2
    return ((inverse + 2) * inverse + 4) * inverse / 27 - 8 / 81 * inverse / rest + 32 / 243 * np.log(rest)


def _time(inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return F(w) for w >= 1."""
    return inverse / 3 + 2 / 9 * np.log(3 * inverse - 2)


def _distance(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return w >= 1 with F(w) = `time` (>= 1/3).

    F is concave, and the start lies below the root: Newton's steps rise to the root and never pass it.
    """
    inverse = np.maximum(3 * time - 2 / 3 * np.log(9 * time - 2), 1.0)
    for _ in range(_NEWTON_STEPS):
        inverse = inverse - (_time(inverse) - time) / (1 / 3 + 2 / (9 * inverse - 6))
        inverse = np.maximum(inverse, 1.0)
    return inverse
