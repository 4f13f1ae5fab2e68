"""Cells for checks of the crossbar: linear or sinh forward, and blocking by a given ratio in reverse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BentCells:
    """The law I = G B sinh(V / B) of every cell, divided by the rectification for V < 0.

    Args:
        conductance: G, at 0 V from above, shape (rows, columns) (S).
        bend_voltage: B (V); inf: linear.
        rectification: by how much a reversed cell conducts less, at least 1.
    """

    conductance: Array
    bend_voltage: float = math.inf
    rectification: float = 1.0

    def current(self, voltage: Array) -> Array:
        """Return currents (A) at `voltage` (V), shape (rows, columns)."""
        if math.isinf(self.bend_voltage):
            forward = self.conductance * voltage
        else:
            forward = self.conductance * (self.bend_voltage * np.sinh(voltage / self.bend_voltage))
        return np.where(voltage >= 0, forward, forward / self.rectification)

    def slope(self, voltage: Array) -> Array:
        """Return differential conductances (S) at `voltage` (V), shape (rows, columns)."""
        bent = 1.0 if math.isinf(self.bend_voltage) else np.cosh(voltage / self.bend_voltage)
        forward = self.conductance * bent
        return np.where(voltage >= 0, forward, forward / self.rectification)
