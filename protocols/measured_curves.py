"""Measured pulse trains of the Ru-azo film, as published figures show them, to hold a cell against.

The points lie in `data/`, each file with its source: conductance against the number of pulses, up and then down again.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

import numpy as np

from labctl.units import Siemens

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

CurveName = Literal["curve-a", "curve-b"]
_FILES: dict[CurveName, str] = {"curve-a": "ru_azo_curve_a.csv", "curve-b": "ru_azo_curve_b.csv"}
MILLISIEMENS = 1e-3
DIGITISING_ERROR = 60e-6
"""How far a point may be off (S), by the digitising of the published figure."""


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCurve:
    """Points of a measured pulse train.

    Args:
        pulses: since its start, shape (n,); one half potentiates, the other depresses.
        conductance: S, shape (n,).
    """

    pulses: Array
    conductance: Array

    @property
    def turn(self) -> int:
        """Pulses of either branch."""
        return round(float(self.pulses[-1]) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """A pulse train against a measured one.

    Args:
        pulses: of the measured points, shape (n,).
        off: measured here less measured there (S), shape (n,).
        rms: of the distances (S).
        worst: largest one (S).
    """

    pulses: Array
    off: Array
    rms: Siemens
    worst: Siemens


@functools.cache
def measured_curve(name: CurveName) -> MeasuredCurve:
    """Return a published curve."""
    text = files("protocols").joinpath("data", _FILES[name]).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    points = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    return MeasuredCurve(points[:, 0], points[:, 1] * MILLISIEMENS)


def residuals(
    curve: MeasuredCurve, up_pulses: ArrayLike, up: ArrayLike, down_pulses: ArrayLike, down: ArrayLike
) -> Residuals | None:
    """Compare two branches with a curve, each at equal numbers of pulses since its own start.

    Points of the curve beyond the end of a branch are left out, by up to a pulse in a thousand not: the published
    trains have 16,520 pulses where 16,519 lead from the lowest level to the highest.

    Args:
        curve: the published one.
        up_pulses: since the start of the rising branch, rising, shape (n,).
        up: S, shape (n,).
        down_pulses: since the start of the falling branch, rising, shape (m,).
        down: S, shape (m,).

    Returns:
        None if no point of the curve was passed.
    """
    found: list[tuple[Array, Array]] = []
    rising = curve.pulses <= curve.turn
    branches = ((up_pulses, up, rising, 0), (down_pulses, down, ~rising, curve.turn))
    for pulses, conductance, chosen, start in branches:
        x, y = np.asarray(pulses, np.float64), np.asarray(conductance, np.float64)
        since = curve.pulses[chosen] - start
        passed = since <= x[-1] * 1.001
        away = np.interp(since[passed], x, y) - curve.conductance[chosen][passed]
        found.append((curve.pulses[chosen][passed], away))
    places, off = (np.concatenate(part) for part in zip(*found, strict=True))
    if not len(off):
        return None
    return Residuals(places, off, float(np.sqrt(np.mean(off**2))), float(np.abs(off).max()))
