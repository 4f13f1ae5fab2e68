"""The definitions behind the figures: straight lines, nonlinearity, conduction's bend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STRAIGHT = 1e-9
"""Nonlinearities below this are computed as none."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line.

    Args:
        slope: per unit of x.
        offset: at x = 0.
    """

    slope: float
    offset: float

    def __call__(self, x: Array) -> Array:
        """Return the line at `x`."""
        return self.offset + self.slope * x


def fitted_line(x: Array, y: Array) -> Line:
    """Return the line of least squares through points; arrays of shape (n,)."""
    x_mean, y_mean = float(x.mean()), float(y.mean())
    slope = float(((x - x_mean) * (y - y_mean)).sum() / ((x - x_mean) ** 2).sum())
    return Line(slope, y_mean - slope * x_mean)


def integral_nonlinearity(x: Array, y: Array) -> float:
    """Return the largest distance of `y` from its fitted line, as a share of its range."""
    return float(np.abs(y - fitted_line(x, y)(x)).max() / np.ptp(y))


def exponential_ramp(share: Array, nonlinearity: float) -> Array:
    """Return (1 - exp(-nu p)) / (1 - exp(-nu)) at the shares p of a ramp, 0 to 1; a straight line for nu = 0.

    This is NeuroSim's form of an update: G = B (1 - exp(-P/A)) + Gmin, nu = Pmax / A.
    """
    if abs(nonlinearity) < STRAIGHT:
        return share
    return np.expm1(-nonlinearity * share) / np.expm1(-nonlinearity)


def fitted_nonlinearity(share: Array, moved: Array) -> float:
    """Return the nu of the exponential form that fits a ramp best.

    Args:
        share: of the pulses given, 0 to 1, shape (n,).
        moved: share of the window passed with them, 0 to 1, shape (n,).
    """

    def misfit(nonlinearity: float) -> float:
        return float(((exponential_ramp(share, nonlinearity) - moved) ** 2).sum())

    return float(minimize_scalar(misfit, bounds=(-30.0, 30.0), method="bounded", options={"xatol": 1e-6}).x)


def fitted_bend(voltage: Array, current: Array) -> float:
    """Return the V0 (V) of the A sinh(V / V0) that fits a cell's currents best, in relative error.

    Args:
        voltage: above 0 (V), shape (n,).
        current: at each (A).
    """

    def misfit(bend: float) -> float:
        ratio = current / np.sinh(voltage / bend)
        return float(ratio.var() / ratio.mean() ** 2)

    low, high = float(voltage.max()) / 20, float(voltage.max()) * 20
    found = minimize_scalar(lambda log: misfit(float(np.exp(log))), bounds=(np.log(low), np.log(high)),
                            method="bounded", options={"xatol": 1e-9})  # fmt: skip
    return float(np.exp(found.x))
