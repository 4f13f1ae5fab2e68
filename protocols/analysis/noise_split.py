"""The noise of a product, split by where it comes from: what repeats of the same thing scatter by.

Lines without a pulse bring the noise of converter and amplifier. The converter's follows its range: with a small
current in the request it is on a small one, where what is left is the amplifier's. Vectors bring the cells' noise, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.snr_ledger import Power

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NoiseSplit:
    """Variances (A^2) of one output current, means over the columns.

    Args:
        whole: of vectors: all of it.
        converter: what a converter adds in the range that the vectors need, beyond that in its smallest.
        amplifier: what is left on the smallest range.
        cells: what vectors have beyond lines without a pulse.
    """

    whole: Power
    converter: Power
    amplifier: Power
    cells: Power


def split_noise(small: Array, large: Array, vectors: Array) -> NoiseSplit:
    """Return the split.

    Args:
        small: currents of lines without a pulse on the smallest range, shape (repeats, groups, columns) (A).
        large: the same on the range that the vectors need.
        vectors: currents of the same vectors again and again, shape (repeats, vectors, columns).
    """
    amplifier, idle, whole = variance(small), variance(large), variance(vectors)
    return NoiseSplit(whole, idle - amplifier, amplifier, whole - idle)


def variance(repeats: Array) -> Power:
    """Return the variance of repeats, shape (repeats, groups, columns), within their groups."""
    count, groups, columns = repeats.shape
    if count < 2:
        return Power(0.0, 0.0)
    freedom = (count - 1) * groups
    of_columns: Array = np.var(repeats, axis=0, ddof=1).mean(axis=0)
    # Of normal noise the variance of a variance is 2 / freedom of its square.
    return Power(float(of_columns.mean()), math.sqrt(2 / freedom * float(np.square(of_columns).mean()) / columns))
