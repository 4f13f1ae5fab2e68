"""What the columns of an array behind wires carry, as a model of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.wire_products import product_currents, width_currents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.analysis.array_law import ArrayLaw
    from protocols.analysis.array_model import AmplitudeModel
    from protocols.analysis.wire_network import Wires

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WiredModel:
    """Cells behind wires.

    Args:
        law: of the cells.
        wires: of the lines.
        low: drive of a line without a pulse (V).
        voltage: what a full pulse adds to the drive (V).
        amplitude: tells what stands on the lines in amplitude coding; None: width coding.
        is_linear: every cell is a resistor that never blocks: then pulses act like their mean, which is quicker.
    """

    law: ArrayLaw
    wires: Wires
    low: float
    voltage: float
    amplitude: AmplitudeModel | None = None
    is_linear: bool = False

    def currents(self, drive: Array) -> Array:
        """Return the currents (A) of the columns."""
        if self.amplitude is not None:
            return product_currents(self.law, self.wires, self.amplitude.put_out(drive))
        if self.is_linear:
            return product_currents(self.law, self.wires, drive)
        shares = np.clip((drive - self.low) / self.voltage, 0.0, 1.0)
        return width_currents(self.law, self.wires, shares, self.voltage, self.low)
