"""What a map of single cells says of programming: errors of the cells, apart from gains of whole rows and columns.

A row's driver multiplies what all of its cells show; a column's reader, too. The readers' gains are calibrated away; a
row's gain counts with the drivers. Programming errors scatter, so a row's gain is found by chance, too, by as much as
the scatter of one cell over the root of their number; only what is beyond that is a driver's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SIGNIFICANT = 2.0
"""By how much row gains must scatter more (in power) than by chance, to be a driver's."""


@dataclass(frozen=True, slots=True, eq=False)
class MapErrors:
    """What a map is made of.

    Args:
        row_gain: of each row beyond 1, shape (rows,).
        chance: share of their mean square that they have by chance, 0 to 1.
        programmed: conductances without gains of columns, and of rows where these are more than chance, shape (rows,
            columns) (S).
    """

    row_gain: Array
    chance: float
    programmed: Array


def split_map(conductance: Array, target: Array, noise: float = 0.0) -> MapErrors:
    """Return the split.

    Args:
        conductance: as the map shows it, shape (rows, columns) (S).
        target: that the cells were brought to (S).
        noise: standard deviation of an entry of the map (S).
    """
    column_gain = _gain(conductance.T, target.T)
    evened = conductance / column_gain
    gain = _gain(evened, target)
    gain /= gain.mean()
    off = evened / gain[:, None] - target
    power: Array = np.square(target).sum(axis=1)
    freedom = max(1, target.size - sum(target.shape))
    scatter = max(float(np.square(off).sum()) / freedom, noise**2)
    expected = float((scatter / np.maximum(power, 1e-300)).mean())
    chance = min(1.0, expected / max(float(np.square(gain - 1).mean()), 1e-300))
    is_found = chance * SIGNIFICANT < 1
    return MapErrors(gain - 1, chance, evened / gain[:, None] if is_found else evened)


def _gain(shown: Array, target: Array) -> Array:
    """Return by which factor each line shows its targets."""
    power = np.sum(target**2, axis=1)
    found = np.divide(np.sum(shown * target, axis=1), power, out=np.ones_like(power), where=power > 0)
    found[found <= 0] = 1.0
    return found
