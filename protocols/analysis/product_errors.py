"""How far products are from what they should be: signal-to-noise ratio, effective bits, gain and offset of columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

QUANTISER_DB, BIT_DB = 1.76, 6.02
"""Signal-to-noise ratio of an ideal converter of b bits under a full sine: 6.02 b + 1.76 dB (IEEE Std 1241)."""
SNR_MAX = 400.0
"""What an exact product is said to have (dB): a figure must be finite."""


def snr_db(ideal: Array, measured: Array) -> float:
    """Return 10 log10 of the sum of the squares of `ideal` over that of the differences, 400 at most.

    Arrays of one shape; real or complex. An ideal that is 0 everywhere has -400 dB.
    """
    signal = float(np.sum(np.abs(ideal) ** 2))
    noise = float(np.sum(np.abs(measured - ideal) ** 2))
    if signal == 0.0:
        return -SNR_MAX
    return SNR_MAX if noise <= signal * 10 ** (-SNR_MAX / 10) else 10 * math.log10(signal / noise)


def effective_bits(snr: float) -> float:
    """Return the effective number of bits of a signal-to-noise ratio (dB)."""
    return (snr - QUANTISER_DB) / BIT_DB


@dataclass(frozen=True, slots=True, eq=False)
class ColumnFit:
    """Gain and offset (A) of each column, shape (columns,): what came is gain x what should come + offset."""

    gain: Array
    offset: Array

    def corrected(self, current: Array) -> Array:
        """Return currents, shape (n, columns), as columns of gain 1 and offset 0 would give them."""
        return (current - self.offset) / self.gain


def fit_columns(ideal: Array, measured: Array) -> ColumnFit:
    """Return the straight line of each column that fits best, by least squares.

    A column whose ideal currents do not differ keeps gain 1: its offset takes it all.

    Args:
        ideal: currents that should come, shape (n, columns), n >= 2 (A).
        measured: that came (A).
    """
    centred = ideal - ideal.mean(axis=0)
    spread = np.sum(centred**2, axis=0)
    slope = np.sum(centred * (measured - measured.mean(axis=0)), axis=0)
    gain = np.divide(slope, spread, out=np.ones_like(spread), where=spread > 0)
    gain[gain <= 0] = 1.0
    return ColumnFit(gain, measured.mean(axis=0) - gain * ideal.mean(axis=0))
