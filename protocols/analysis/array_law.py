"""The current-voltage law of an array's cells, as far as a protocol knows it: a hyperbolic sine that may rectify.

    I = G Vref sinh(V / V0) / sinh(Vref / V0),   over the rectification where V < 0

G is what a read at the reference voltage shows, I / V at 0.2 V. Source of the sine: published compact model of the
Ru-azo film, 2026 (V0 = 0.344 V); that it rectifies follows from its array having no selectors, the ratio is to be
measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError
from labctl.levels import REFERENCE_VOLTAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STRAIGHT = 1e4
"""V0 (V) from which a cell counts as a resistor: 0.2 V bend its current by less than 1e-10."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayLaw:
    """How the cells of an array conduct.

    Args:
        conductance: at the reference voltage, shape (rows, columns) (S), 0 or more.
        bend: V0 of every cell, or of each, shape (rows, columns) (V), above 0; infinite: resistors.
        rectification: forward over reverse current at equal magnitude of voltage, 1 or more; infinite: none flows back.

    Raises:
        ParameterError: for numbers that no cell has.
    """

    conductance: Array
    bend: float | Array = math.inf
    rectification: float = 1.0

    def __post_init__(self) -> None:
        if self.conductance.ndim != 2 or not self.conductance.size:
            raise ParameterError(f"conductances of an array have shape (rows, columns), not {self.conductance.shape}")
        if not (np.isfinite(self.conductance).all() and (self.conductance >= 0).all()):
            raise ParameterError("conductances of an array are finite and 0 S or more")
        if not bool((np.asarray(self.bend) > 0).all()):
            raise ParameterError("the bend of an I-V curve is above 0 V")
        if not self.rectification >= 1:
            raise ParameterError(f"a rectification of {self.rectification} is below 1: forward is what conducts better")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.conductance.shape
        return rows, columns

    def with_conductance(self, conductance: Array) -> ArrayLaw:
        """Return the law of other cells of the same kind; shape (rows, columns) (S)."""
        return ArrayLaw(conductance, self.bend, self.rectification)

    def turned(self) -> ArrayLaw:
        """Return the array as it looks with columns for rows, both counted from the other end.

        A column, driven at its bottom end and low against the rows, is then a driven row.
        """
        bend = self.bend[::-1, ::-1].T if isinstance(self.bend, np.ndarray) else self.bend
        return ArrayLaw(np.ascontiguousarray(self.conductance[::-1, ::-1].T), bend, self.rectification)

    def current(self, voltage: Array) -> Array:
        """Return the cells' currents (A) at `voltage`, shape (..., rows, columns) (V)."""
        return self.current_and_slope(voltage)[0]

    def current_and_slope(self, voltage: Array) -> tuple[Array, Array]:
        """Return currents (A) and differential conductances (S) at `voltage`, shape (..., rows, columns) (V)."""
        bend = np.minimum(self.bend, STRAIGHT)
        scale = self.conductance * (REFERENCE_VOLTAGE / np.sinh(REFERENCE_VOLTAGE / bend))
        odd = np.sinh(voltage / bend)
        even = np.sqrt(1 + odd * odd)
        passed = scale if self.rectification == 1 else np.where(voltage >= 0, scale, scale / self.rectification)
        return passed * odd, (passed / bend) * even
