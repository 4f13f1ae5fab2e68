"""The resistance of wires, from what single rows and many rows at once show of the same cells.

Single-row reads tell cells through their wires. Many rows at once load the wires more: one resistance of a segment,
the same everywhere, is looked for with which the cells that the single reads mean predict the others best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import EquipmentError
from protocols.analysis.de_embedding import de_embedded
from protocols.analysis.wire_network import Wires
from protocols.analysis.wire_products import product_currents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.analysis.array_law import ArrayLaw

    Array = NDArray[np.float64]

FIRST = 1e-6
"""First resistance that is tried, times the largest conductance: far below what disturbs a product."""
FOUND = 3.0
"""Standard errors by which a resistance must differ from 0."""
_ROUNDS = 12
_CLOSE = 1e-4
_NUDGE = 0.01
_GROWTH = 30.0
"""By which factor an estimate may grow in a round."""


@dataclass(frozen=True, slots=True)
class SegmentFit:
    """Resistance of a segment.

    Args:
        resistance: ohm.
        error: its standard error, as the columns' own estimates scatter (ohm).
    """

    resistance: float
    error: float

    @property
    def is_found(self) -> bool:
        """Whether it is told from none."""
        return self.resistance > FOUND * self.error


@dataclass(frozen=True, slots=True, eq=False)
class WireEvidence:
    """What tells wires.

    Args:
        apparent: conductances as single rows show them, the others at 0 V, shape (rows, columns) (S).
        voltage: of these reads (V).
        rows: voltages of all rows, many at once, shape (n, rows) (V).
        currents: of the columns then, shape (n, columns) (A).
        law: bend and rectification of the cells; its conductances are where the search begins.
        before: segments between the drivers and the first column, where a part of an array is used.
        after: segments between the last row and the readers.
    """

    apparent: Array
    voltage: float
    rows: Array
    currents: Array
    law: ArrayLaw
    before: int = 0
    after: int = 0

    def wires(self, resistance: float) -> Wires:
        """Return wires of segments of a resistance (ohm)."""
        return Wires(resistance, resistance, driver=self.before * resistance, reader=self.after * resistance)

    def cells(self, resistance: float) -> Array:
        """Return the conductances (S) of the cells behind such wires."""
        shown = np.maximum(self.apparent, 0.0)
        if resistance == 0.0:
            return shown
        return de_embedded(shown, self.wires(resistance), self.law, voltage=self.voltage)

    def predicted(self, resistance: float) -> Array:
        """Return the currents (A) that many rows at once should bring."""
        law = self.law.with_conductance(self.cells(resistance))
        return product_currents(law, self.wires(resistance), self.rows)


def fit_segment(evidence: WireEvidence) -> SegmentFit:
    """Return the resistance that predicts best; 0 ohm with its error where none is seen."""
    largest = max(float(evidence.apparent.max()), 1e-300)
    resistance, nudge = 0.0, FIRST / largest
    found = SegmentFit(0.0, math.inf)
    for _ in range(_ROUNDS):
        try:
            found = _step(evidence, resistance, nudge)
        except EquipmentError:
            # No cells behind so much wire show what was read: the truth lies below.
            resistance, nudge = resistance / 2, resistance / 2 * _NUDGE
            continue
        if resistance == 0.0 and not found.is_found:
            break
        allowed = max(resistance, nudge) * _GROWTH
        following = min(max(found.resistance, resistance / _GROWTH), allowed)
        if abs(following - resistance) <= _CLOSE * following:
            break
        resistance, nudge = following, following * _NUDGE
    return SegmentFit(max(found.resistance, 0.0), found.error)


def _step(evidence: WireEvidence, resistance: float, nudge: float) -> SegmentFit:
    """Return the best resistance as a straight line through two neighbouring ones has it."""
    here = evidence.predicted(resistance)
    slope = (evidence.predicted(resistance + nudge) - here) / nudge
    missing = evidence.currents - here
    power = np.sum(slope**2, axis=0)
    of_columns = np.divide(np.sum(slope * missing, axis=0), power, out=np.zeros_like(power), where=power > 0)
    weight = power / max(float(power.sum()), 1e-300)
    best = float(np.sum(weight * of_columns))
    spread = np.sum(weight**2 * (of_columns - best) ** 2) * len(power) / max(len(power) - 1, 1)
    return SegmentFit(resistance + best, math.sqrt(float(spread)))
