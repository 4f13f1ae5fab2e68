"""What the columns of an array carry, from what is known of its cells and drivers.

Drives are voltages at which ohmic cells would carry the same, as input codings give them (`InputCoding.drive`).
Width coding switches each line between two levels, so a cell carries its full current for a share of the slot, however
it bends. Amplitude coding puts voltages on lines, on which drivers are off and cells bend.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from protocols.analysis.drive_sweep import Bend, shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Model(Protocol):
    """Anything that tells currents from drives."""

    def currents(self, drive: Array) -> Array:
        """Return the currents (A) of the columns, shape (n, columns), for drives (V), shape (n, rows)."""
        ...


class CellModel(Model, Protocol):
    """One whose cells each carry a share of their full current that no other cell changes: on ideal wires."""

    def shares(self, drive: Array, column: int) -> Array:
        """Return which share of its full current each cell of a column carries, shape (n, rows)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class WidthModel:
    """Cells under pulses of one height, on ideal wires: linear in the drive, whatever the cells' law.

    Args:
        full: current (A) that a full pulse on each cell's row adds to its column, shape (rows, columns).
        low: drive of a line without a pulse (V).
        voltage: what a full pulse adds to the drive (V).
        row_gain: of each driver beyond 1, shape (rows,), or 0.
    """

    full: Array
    low: float
    voltage: float
    row_gain: Array | float = 0.0

    def currents(self, drive: Array) -> Array:
        """Return the currents (A) beyond those of lines without pulses."""
        return self.shares(drive) @ self.full

    def shares(self, drive: Array, column: int = 0) -> Array:  # noqa: ARG002
        """Return which share of its full current each cell of a column carries, shape (n, rows)."""
        return (drive - self.low) * (1 + self.row_gain) / self.voltage


@dataclass(frozen=True, slots=True, eq=False)
class DriverCurves:
    """By how much each row's driver is off.

    Args:
        voltage: told, rising, shape (codes,) (V).
        error: of each row there, shape (rows, codes) (V).
    """

    voltage: Array
    error: Array

    def at(self, told: Array) -> Array:
        """Return errors (V) at told voltages, shape (n, rows)."""
        found = np.empty_like(told)
        for row in range(told.shape[1]):
            found[:, row] = np.interp(told[:, row], self.voltage, self.error[row])
        return found


@dataclass(frozen=True, slots=True, eq=False)
class AmplitudeModel:
    """Cells under voltages that stand for the whole slot, on ideal wires.

    Args:
        full: current (A) of each cell with its row at the full voltage, shape (rows, columns).
        voltage: told for a full input (V).
        assumed: V0 by which the coding bends its voltages (V); infinite: not at all.
        bend: of the cells; None: as assumed.
        drivers: their errors; None: none.
        row_gain: by which a driver's cells carry more at the full voltage, beyond 1, shape (rows,), or 0.
    """

    full: Array
    voltage: float
    assumed: float
    bend: Bend | None = None
    drivers: DriverCurves | None = None
    row_gain: Array | float = 0.0

    def told(self, drive: Array) -> Array:
        """Return the voltages (V) that stand on the lines for drives (V)."""
        if math.isinf(self.assumed):
            return drive
        full = self.voltage / self.assumed
        return self.assumed * np.arcsinh(drive / self.voltage * math.sinh(full))

    def currents(self, drive: Array) -> Array:
        """Return the currents (A) of the columns."""
        put_out = self.put_out(drive)
        full = self.full * (1 + np.reshape(self.row_gain, (-1, 1)))
        # Cells of one column differ in steepness: columns one by one keep the arrays small.
        return np.stack([self._shares(put_out, j) @ full[:, j] for j in range(full.shape[1])], axis=1)

    def shares(self, drive: Array, column: int) -> Array:
        """Return which share of its full current each cell of a column carries, shape (n, rows)."""
        return self._shares(self.put_out(drive), column)

    def put_out(self, drive: Array) -> Array:
        """Return the voltages (V) that stand on the lines, drivers' errors included."""
        told = self.told(drive)
        return told if self.drivers is None else told + self.drivers.at(told)

    def _shares(self, voltage: Array, column: int) -> Array:
        if self.bend is None:
            return shape(voltage, np.array(1 / self.assumed), self.voltage)
        share = self.full[:, column] / max(float(self.full.max()), 1e-300)
        return shape(voltage, self.bend.of(share), self.voltage)


def chord_factor(bend: Bend, share: Array, voltage: float, reference: float) -> Array:
    """Return by which factor cells conduct more at `voltage` than at `reference` (V), as chords.

    Args:
        bend: of the cells.
        share: of the largest cell's conductance that each has.
        voltage: V.
        reference: V.
    """
    factor = shape(np.array(voltage), bend.of(share), reference)
    return np.asarray(factor * (reference / voltage), np.float64)
