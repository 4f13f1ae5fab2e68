"""A ledger of what takes from the signal-to-noise ratio of products, closed against what was measured.

Powers are mean squares of a product's error, all as currents (A^2), so that they can be compared with the signal's.
Errors that are the same each time (levels, programming, wires, ...) may lean the same way: their powers do not add up.
The ledger is closed coherently: one error of all of them together, and the powers of the noises beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.product_errors import SNR_MAX, fit_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SMALL = 0.1
"""Share of the whole loss below which a term is given as a bound: 10 dB."""
BOUND = 2.0
"""Standard errors between an estimate and its bound (97.7 % confidence)."""


@dataclass(frozen=True, slots=True)
class Power:
    """A mean square (A^2) and its standard error; noise that was taken out may leave it below 0."""

    value: float
    error: float = 0.0

    @property
    def at_most(self) -> float:
        """What it does not exceed."""
        return max(self.value, 0.0) + BOUND * self.error

    def __add__(self, other: Power) -> Power:
        return Power(self.value + other.value, math.hypot(self.error, other.error))

    def __sub__(self, other: Power) -> Power:
        return Power(self.value - other.value, math.hypot(self.error, other.error))

    def __mul__(self, factor: float) -> Power:
        return Power(self.value * factor, self.error * factor)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What takes how much from the signal-to-noise ratio.

    Args:
        terms: SNR (dB) that each term alone would leave; of a small one the least that it leaves.
        bounds: those of them that are small, or not told from nothing.
        total: SNR (dB) that all of them leave together.
        power_sum: SNR (dB) that the sum of their powers would leave.
    """

    terms: dict[str, float]
    bounds: dict[str, float]
    total: float
    power_sum: float


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Currents that products should bring, shape (n, outputs) (A).

    Args:
        training: of the vectors that columns are fitted on.
        test: of those that are judged.
    """

    training: Array
    test: Array

    def error(self, training: Array, test: Array) -> Array:
        """Return what is wrong (A) with the currents of the test once gain and offset of each column are taken out.

        Args:
            training: currents that came of the training vectors, or would come, shape (n, outputs) (A).
            test: likewise of the test vectors.
        """
        return fit_columns(self.training, training).corrected(test) - self.test


def decibels(signal: float, power: float) -> float:
    """Return 10 log10(signal / power), at most 400 either way."""
    if signal <= 0:
        return -SNR_MAX
    return SNR_MAX if power <= signal * 10 ** (-SNR_MAX / 10) else 10 * math.log10(signal / power)


def mean_square(first: Array, second: Array | None = None) -> Power:
    """Return the mean square of an error (A), shape (n, outputs).

    Args:
        first: the error as one half of the measurements has it.
        second: as the other half has it, with independent noise: the mean product is free of it. None: `first` has
            none.
    """
    of_columns: Array = (first * (first if second is None else second)).mean(axis=0)
    spread = float(np.std(of_columns, ddof=1)) / math.sqrt(len(of_columns)) if len(of_columns) > 1 else 0.0
    return Power(float(of_columns.mean()), spread if second is not None else 0.0)


def close(signal: float, terms: dict[str, Power], together: Sequence[Power]) -> Ledger:
    """Return the ledger.

    Args:
        signal: mean square of the wanted currents (A^2).
        terms: what each term alone would be.
        together: what makes up the whole: the error of all that is fixed, and the noises.
    """
    whole = sum(max(power.value, 0.0) for power in together)
    found, bounds = dict[str, float](), dict[str, float]()
    for name, power in terms.items():
        is_small = power.value < SMALL * whole or power.value < BOUND * power.error
        found[name] = decibels(signal, power.at_most if is_small else power.value)
        if is_small:
            bounds[name] = found[name]
    in_sum = sum(max(power.value, 0.0) for power in terms.values())
    return Ledger(found, bounds, decibels(signal, whole), decibels(signal, in_sum))
