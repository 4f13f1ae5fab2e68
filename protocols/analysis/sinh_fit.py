"""The conduction law I = G0 V0 sinh(V / V0), fitted to a current-voltage curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from labctl.errors import ParameterError
from labctl.units import Amperes, Siemens, Volts
from protocols.analysis.measured_values import finite_points, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

HUBER = 1.345
"""Residuals beyond this many deviations count less (Huber's constant: 95 % efficient on normal errors)."""
_ROUNDS = 100
_SERIES = 1e-4
"""Below this |V / V0|^2 the law is computed from its series."""
_STEEPEST = 400.0
"""Largest (V / V0)^2 looked for: e^20 over the sweep."""


@dataclass(frozen=True, slots=True)
class SinhFit:
    """I = G0 V0 sinh(V / V0).

    Args:
        conductance: G0, at zero voltage (S).
        conductance_sigma: its standard deviation (S).
        bend: V0 (V); None where the curve is not significantly bent upwards (two deviations): a straight line does.
        bend_sigma: its standard deviation (V).
        bend_least: V0 is at least this (V), at 97.7 % confidence; infinite for a curve that bends the other way.
        rms: of the residuals (A).
        points: how many were fitted.
    """

    conductance: Siemens
    conductance_sigma: Siemens
    bend: Volts | None
    bend_sigma: Volts
    bend_least: Volts
    rms: Amperes
    points: int

    def current(self, voltage: ArrayLike) -> Array:
        """Return the fitted current (A) at `voltage` (V)."""
        values = np.asarray(voltage, np.float64)
        return self.conductance * (values if self.bend is None else self.bend * np.sinh(values / self.bend))


def fit_sinh(voltage: ArrayLike, current: ArrayLike, sigma: ArrayLike | None = None) -> SinhFit | None:
    """Fit the law by least squares that single wild points (Huber's weights) do not sway.

    The curvature c = 1 / V0^2 is fitted, not V0: it is regular at a straight line, and its error is symmetric. Points
    that were held back by compliance, or in which the state changed, are the caller's to leave out; of a rectifying
    cell, one polarity is.

    Args:
        voltage: V, shape (n,).
        current: A, shape (n,).
        sigma: standard deviations of the currents, up to a common factor, shape (n,); None: all alike.

    Returns:
        None for fewer than five points, or fewer than three magnitudes of the voltage.
    """
    weights = np.ones(vector(voltage).shape) if sigma is None else vector(sigma)
    v, i, spread = finite_points(voltage, current, weights)
    if bool((spread <= 0).any()):
        raise ParameterError("standard deviations are above 0")
    if len(v) < 5 or len(np.unique(np.round(np.abs(v), 12))) < 3 or not bool(i.any()):
        return None
    # In units of the largest voltage and current everything is near 1.
    reach, size, spread = float(np.abs(v).max()), float(np.abs(i).max()), spread / np.median(spread)
    v, i = v / reach, i / size
    robust, residual = np.ones(len(v)), i
    curvature, conductance = 0.0, 0.0
    for _ in range(_ROUNDS):
        before = curvature
        curvature, conductance = _fit(v, i, np.sqrt(robust) / spread)
        residual = (i - conductance * _law(v, curvature)[0]) / spread
        scale = 1.4826 * float(np.median(np.abs(residual)))
        if scale < 1e-13 or abs(curvature - before) <= 1e-6 * (1 + abs(curvature)):
            break
        robust = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(residual), 1e-300))
    law, slope = _law(v, curvature)
    covariance = _covariance(np.column_stack([law, conductance * slope]) / spread[:, None], residual, robust)
    error, bent = math.sqrt(float(covariance[1, 1])), float(curvature)
    most = bent + 2 * error
    found = bent > 2 * error
    bend = reach / math.sqrt(bent) if found else None
    return SinhFit(
        conductance=conductance * size / reach,
        conductance_sigma=math.sqrt(float(covariance[0, 0])) * size / reach,
        bend=bend,
        bend_sigma=bend * error / (2 * bent) if bend is not None else math.inf,
        bend_least=reach / math.sqrt(most) if most > 0 else math.inf,
        rms=size * float(np.sqrt(np.mean((i - conductance * law) ** 2))),
        points=len(v),
    )


def _law(v: Array, curvature: float) -> tuple[Array, Array]:
    """Return sinh(u V) / u and its slope in u^2 = `curvature`; sin(|u| V) / |u| continues it below 0."""
    if abs(curvature) < _SERIES:
        cube = v**3
        return v + curvature * cube / 6 + curvature**2 * v**5 / 120, cube / 6 + curvature * v**5 / 60
    root = math.sqrt(abs(curvature))
    odd, even = (np.sinh(root * v), np.cosh(root * v)) if curvature > 0 else (np.sin(root * v), np.cos(root * v))
    return odd / root, (v * even - odd / root) / (2 * curvature)


def _fit(v: Array, i: Array, weight: Array) -> tuple[float, float]:
    """Return curvature and conductance of least weighted squares; the conductance follows from the curvature."""

    def best(curvature: float) -> tuple[float, float]:
        law, slope = _law(v, curvature)
        law, slope, wanted = law * weight, slope * weight, i * weight
        conductance = float(law @ wanted) / float(law @ law)
        return conductance, -conductance * float(slope @ (wanted - conductance * law))

    grid = np.concatenate([[-2.0, -1.0, -0.3], [0.0], np.geomspace(0.03, _STEEPEST, 30)])
    costs = [_cost(v, i, weight, float(curvature)) for curvature in grid]
    place = int(np.argmin(costs))
    low, high = float(grid[max(place - 1, 0)]), float(grid[min(place + 1, len(grid) - 1)])
    if best(low)[1] * best(high)[1] >= 0:
        curvature = float(grid[place])
    else:
        curvature = float(brentq(lambda value: best(value)[1], low, high, xtol=1e-13))
    return curvature, best(curvature)[0]


def _cost(v: Array, i: Array, weight: Array, curvature: float) -> float:
    law, wanted = _law(v, curvature)[0] * weight, i * weight
    left = wanted - law * (float(law @ wanted) / float(law @ law))
    return float(left @ left)


def _covariance(slopes: Array, residual: Array, robust: Array) -> Array:
    """Return the covariance of conductance and curvature, from the residuals as Huber weighs them."""
    inside = float(np.mean(robust >= 1))
    count = len(residual)
    power = float(np.sum((robust * residual) ** 2)) / max(count - 2, 1) / max(inside, 0.5) ** 2
    return np.asarray(power * np.linalg.pinv(slopes.T @ slopes), np.float64)
