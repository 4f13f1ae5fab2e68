"""How cells conduct: the bend of their I-V curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS
from sim_backend.validation.fits import fitted_bend
from sim_backend.validation.pulses import all_cells, place, quiet_die
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import MODEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import DeviceModel

    Array = NDArray[np.float64]

PUBLISHED_BEND = 0.3438
"""Published V0 of I ~ sinh(V/V0), in V."""
PUBLISHED_RATIO = 1.38
"""Published G(0.5 V) / G(0 V)."""
SHARES = (0.0, 0.5, 1.0)
"""Levels looked at, as shares of the last one."""
_SMALL = 1e-3
"""Voltage that stands for 0 V, in V: the sinh is linear there to 1.4e-6."""


@dataclass(frozen=True, slots=True, eq=False)
class IvCurves:
    """Currents of erased, half and fully potentiated cells, from above 0 to 0.5 V.

    Args:
        voltage: V, shape (n,).
        current: A, shape (3, n).
        ratio: conductance at 0.5 V over that at 0 V, shape (3,).
        reverse: forward over reverse current at 0.2 V, shape (3,).
    """

    voltage: Array
    current: Array
    ratio: Array
    reverse: Array

    @property
    def bends(self) -> list[float]:
        """The V0 (V) fitted to each curve."""
        return [fitted_bend(self.voltage, current) for current in self.current]


def sweep(model: DeviceModel, points: int = 50) -> IvCurves:
    """Return I-V curves of cells without noise."""
    die = quiet_die(model, 1, len(SHARES))
    place(die, np.array([SHARES]) * (LEVELS - 1))
    cells = all_cells(die)
    voltage = np.linspace(0.0, 0.5, points + 1)[1:]
    current = np.stack([die.current(cells, float(value)) for value in voltage], axis=1)
    zero_bias = die.current(cells, _SMALL) / _SMALL
    reverse = die.current(cells, 0.2) / -die.current(cells, -0.2)
    return IvCurves(voltage, current, current[:, -1] / 0.5 / zero_bias, reverse)


def conduction_rows(found: IvCurves) -> list[Row]:
    """Return the shape of the I-V curve, where it is furthest from the published one."""
    bend = max(found.bends, key=lambda value: abs(value - PUBLISHED_BEND))
    ratio = max(found.ratio.tolist(), key=lambda value: abs(value - PUBLISHED_RATIO))
    note = "furthest of an erased, a half and a fully potentiated cell"
    bend_near, ratio_near = abs(bend / PUBLISHED_BEND - 1) <= 0.02, abs(ratio / PUBLISHED_RATIO - 1) <= 0.02
    return [
        Row("conduction, fitted V0 up to 0.5 V", bend, "V", "0.3438 V, within 2 %", bend_near, MODEL, note),
        Row("conduction, G(0.5 V) over G(0 V)", ratio, "", "1.38, within 2 %", ratio_near, MODEL, note),
    ]
