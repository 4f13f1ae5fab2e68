"""How symmetric a rising and a falling branch are: asymmetry of steps at equal conductance, and the branches' gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.measured_values import finite_points, positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Symmetry:
    """A rising and a falling branch against each other.

    Args:
        conductance: middles of the bins (S), shape (n,).
        asymmetry: AS = (|dG+| - |dG-|) / (|dG+| + |dG-|) in each, shape (n,).
        mean_asymmetry: its mean.
        gap: mean distance of the branches at equal numbers of pulses from the bottom, as a share of the range.
    """

    conductance: Array
    asymmetry: Array
    mean_asymmetry: float
    gap: float


def symmetry(
    up_pulses: ArrayLike, up: ArrayLike, down_pulses: ArrayLike, down: ArrayLike, bins: int = 16
) -> Symmetry | None:
    """Compare a rising branch with a falling one.

    The step at a conductance is the mean one within a bin: conductance passed over pulses needed, as the branches'
    straight lines between points give them.

    Args:
        up_pulses: rising, shape (n,).
        up: conductance (S), shape (n,).
        down_pulses: rising, shape (m,).
        down: conductance (S), shape (m,).
        bins: how many, over the range that both branches pass.

    Returns:
        None if a branch has fewer than three points, or they share no range.
    """
    positive(bins, "the number of bins")
    (x_up, y_up), (x_down, y_down) = finite_points(up_pulses, up), finite_points(down_pulses, down)
    if min(len(x_up), len(x_down)) < 3:
        return None
    low, high = float(max(y_up.min(), y_down.min())), float(min(y_up.max(), y_down.max()))
    if not low < high:
        return None
    edges = np.linspace(low, high, bins + 1)
    # Running maxima: reads scatter, but what is looked up against must not fall.
    left, back = float(x_down[-1]) - x_down[::-1], y_down[::-1]
    need_up: Array = np.diff(np.interp(edges, np.maximum.accumulate(y_up), x_up))
    need_down: Array = np.diff(np.interp(edges, np.maximum.accumulate(back), left))
    both = need_up + need_down
    asymmetry = np.divide(need_down - need_up, both, out=np.zeros(bins), where=both > 0)
    since: Array = x_up - float(x_up[0])
    mirrored: Array = np.interp(since, left, back)
    return Symmetry(
        conductance=(edges[1:] + edges[:-1]) / 2,
        asymmetry=asymmetry,
        mean_asymmetry=float(asymmetry.mean()),
        gap=float(np.abs(y_up - mirrored).mean() / np.ptp(y_up)),
    )
