"""Sweeps of single rows over the drivers' codes: how cells bend, and how far each driver is off.

Cells carry I = I1 sinh(k v) / sinh(k V), I1 at the full voltage V, with a steepness that may follow their conductance:
k = k0 + k1 I1 / largest. All cells of a row see one driver: what their shapes differ by is their bend, what their sum
is off is the driver's. Drivers bend each in its own way, so that k0, from all rows together, hardly feels them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

GROUPS = 4
"""Groups of cells, by their conductance, whose shapes are compared."""
STRAIGHT = 1e-3
"""Steepness times voltage below which a cell is a straight line: it is off by 2e-7 then."""


@dataclass(frozen=True, slots=True)
class Bend:
    """How cells bend.

    Args:
        steepness: k0 (1/V).
        rise: k1 (1/V): what it gains up to the cell of the largest current.
    """

    steepness: float
    rise: float = 0.0

    def of(self, share: Array) -> Array:
        """Return k (1/V) of cells that carry `share` of the largest current."""
        return np.maximum(self.steepness + self.rise * share, 0.0)


def shape(voltage: Array, steepness: Array, full: float) -> Array:
    """Return sinh(k v) / sinh(k V), what cells carry of their full current; v / V where they are straight."""
    bent = np.maximum(steepness, STRAIGHT / full)
    return np.sinh(bent * voltage) / np.sinh(bent * full)


def fit_bend(voltage: Array, current: Array, full: float) -> Bend:
    """Return how cells bend.

    Args:
        voltage: V, shape (codes,), the largest of them `full`.
        current: of each cell alone, shape (rows, codes, columns) (A).
        full: V.
    """
    top = current[:, int(np.argmax(voltage)), :]
    share = np.clip(top / max(float(top.max()), 1e-300), 0.0, 1.0)
    edges = np.quantile(share, np.linspace(0, 1, GROUPS + 1)[1:-1])
    group = np.searchsorted(edges, share)
    used = voltage > 0
    groups = [(group == number).astype(np.float64) for number in range(GROUPS)]
    groups = [own for own in groups if float((own * top).sum()) > 0]
    whole = np.array([float((own * top).sum()) for own in groups])
    mean = np.array([float((own * top * share).sum()) for own in groups]) / whole
    found = np.array([np.einsum("rcj,rj->c", current, own)[used] for own in groups]) / whole[:, None]
    weights = (whole / whole.max())[:, None]

    def off(pair: Array) -> Array:
        steepness = np.maximum(pair[0] + pair[1] * mean, 0.0)[:, None]
        missing: Array = weights * (shape(voltage[used], steepness, full) - found)
        return missing.reshape(-1)

    best = least_squares(off, np.array([1.0 / full, 0.0]), x_scale=np.array([1.0, 0.1]) / full, xtol=1e-14, ftol=1e-14)
    return Bend(float(best.x[0]), float(best.x[1]))


def driver_errors(voltage: Array, current: Array, top: Array, bend: Bend, full: float) -> Array:
    """Return how far (V) each row's driver is off at each code, shape (rows, codes).

    Args:
        voltage: told, shape (codes,) (V).
        current: of each cell alone, shape (rows, codes, columns) (A).
        top: of each cell at the full voltage, shape (rows, columns) (A): there a driver counts as right.
        bend: of the cells.
        full: V.
    """
    steepness = bend.of(top / max(float(top.max()), 1e-300))
    found = np.empty(current.shape[:2])
    for row in range(len(current)):
        k = np.maximum(steepness[row], STRAIGHT / full)[None, :]
        v = voltage[:, None]
        expected = np.sum(top[row] * shape(v, k, full), axis=1)
        slope = np.sum(top[row] * k * np.cosh(k * v) / np.sinh(k * full), axis=1)
        found[row] = (current[row].sum(axis=1) - expected) / slope
    return found
