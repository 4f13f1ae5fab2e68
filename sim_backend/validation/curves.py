"""The measured pulse trains A and B, pulse for pulse on the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.validation.measured import measured_curve
from sim_backend.validation.pulses import PUBLISHED_PERIOD, PULSES, all_cells, quiet_die
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import CURVES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import DeviceModel
    from sim_backend.validation.measured import MeasuredCurve

    Array = NDArray[np.float64]

SHELF = 34_152
"""Pulse of curve B at which its return shelf ends."""
NOTE = "the digitised axis (mA at 0.5 V) is read as mS at the model's read voltage: its peak is the published 5.9 mS"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A measured curve and the model under the same train.

    Args:
        measured: the curve.
        model: conductances (S) at the curve's points.
        pulses: pulses given, for a line to draw, shape (n,).
        line: conductances (S) after them.
    """

    measured: MeasuredCurve
    model: Array
    pulses: Array
    line: Array

    @property
    def residual(self) -> Array:
        """Model minus measurement (S), at the curve's points."""
        return self.model - self.measured.conductance

    @property
    def rms(self) -> float:
        """Root mean square of the residual (S)."""
        return float(np.sqrt((self.residual**2).mean()))

    def at(self, pulse: int) -> float:
        """Return the model's conductance (S) at a point of the curve."""
        return float(self.model[np.flatnonzero(self.measured.index == pulse)[0]])


def follow(model: DeviceModel, name: str, every: int = 100) -> Comparison:
    """Give one cell without noise the train of a measured curve.

    Args:
        model: of the cell.
        name: "A" or "B".
        every: pulses between two points of the line.
    """
    curve = measured_curve(name)
    stops = np.union1d(np.arange(0, curve.pulses + 1, every), np.append(curve.index, [curve.turn, curve.pulses]))
    die = quiet_die(model)
    cell = all_cells(die)
    line = np.empty(len(stops))
    given = 0
    for number, stop in enumerate(stops.astype(int).tolist()):
        pulse = PULSES.up if stop <= curve.turn else PULSES.down
        if stop > given:
            die.expose(cell, pulse.voltage, pulse.times(stop - given, PUBLISHED_PERIOD))
            given = stop
        line[number] = die.conductance_of(cell)[0]
    return Comparison(curve, np.interp(curve.index, stops, line), stops.astype(np.float64), line)


def curve_rows(a: Comparison, b: Comparison) -> list[Row]:
    """Return how well the model reproduces both curves."""
    top, shelf = float(b.line.max()), b.at(SHELF)
    top_measured = float(b.measured.conductance.max())
    shelf_measured = float(b.measured.conductance[b.measured.index == SHELF][0])
    return [
        Row("curve A, rms residual", a.rms, "S", "at most 0.06 mS", a.rms <= 0.06e-3, CURVES, NOTE),
        Row("curve B, rms residual", b.rms, "S", "at most 0.15 mS", b.rms <= 0.15e-3, CURVES, NOTE),
        Row(
            "curve B, peak", top, "S", f"{top_measured * 1e3:.2f} mS, within 3 %",
            abs(top - top_measured) <= 0.03 * top_measured, CURVES,
        ),
        Row(
            "curve B, end of the shelf", shelf, "S", f"{shelf_measured * 1e3:.2f} mS, within 0.15 mS",
            abs(shelf - shelf_measured) <= 0.15e-3, CURVES, f"at pulse {SHELF}; the tolerance is the whole curve's",
        ),
    ]  # fmt: skip
