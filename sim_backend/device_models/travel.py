"""How far a cell comes in a given time when its speed depends on its position alone.

Separation of variables: passing dn at speed v takes dn / v, so the end follows from

    integral of dn / v(n) from start to end = path,

where the path is the time in units of what one position takes at full speed. The integral is Gauss's over the whole
way at once, and Newton's method finds the end; so a train of any length is one step, and pieces of it add up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Slowness = Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """1 / speed, above 0, of positions in an array of shape (n, points); one row a cell."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_SHARES = (_NODES + 1) / 2
_STEPS = 60
_CLOSE = 1e-10
"""Relative change of the way at which Newton's method has arrived."""


def integral(start: NDArray[np.float64], way: NDArray[np.float64], slowness: Slowness) -> NDArray[np.float64]:
    """Return the integral of `slowness` over the magnitude of `way`, which begins at `start`; all of shape (n,)."""
    return slowness(start[:, None] + way[:, None] * _SHARES) @ _WEIGHTS * (np.abs(way) / 2)


def travel(
    start: NDArray[np.float64], stop: NDArray[np.float64], path: NDArray[np.float64], slowness: Slowness
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where cells get to, at most to `stop`, and what is left of the path of those that reach it.

    Args:
        start: positions at the beginning, shape (n,).
        stop: positions beyond which this slowness does not hold.
        path: positions that would be passed at full speed (>= 0).
        slowness: 1 / speed, smooth between start and stop.
    """
    whole = stop - start
    if not whole.any():
        return stop.copy(), path.copy()  # as for most cells of an erased array: nothing is worked out
    needed = integral(start, whole, slowness)
    arrived = path >= needed
    left = np.where(arrived, path - needed, 0.0)
    if arrived.all():
        return stop.copy(), left
    reach = np.abs(whole)
    low, high = np.zeros_like(reach), reach.copy()
    way = np.where(arrived, reach, reach * path / np.where(needed > 0, needed, 1.0))
    sign = np.sign(whole)
    for _ in range(_STEPS):
        excess = np.where(arrived, 0.0, integral(start, sign * way, slowness) - path)
        high = np.where(excess > 0, way, high)
        low = np.where(excess < 0, way, low)
        better = way - excess / slowness((start + sign * way)[:, None])[:, 0]
        # Newton's method may leap out of what is known to hold the root; bisection never does.
        better = np.where((better < low) | (better > high), (low + high) / 2, better)
        change = np.abs(better - way)
        way = better
        if (change <= _CLOSE * (1 + way)).all():
            break
    return np.where(arrived, stop, start + sign * way), left
