"""The I-V law of cells in fixed states: a hyperbolic sine through the conductance at the reference voltage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import REFERENCE_VOLTAGE

if TYPE_CHECKING:
    from sim_backend.device_models.interface import Cells, PerCell


class SinhLaw:
    """I = G Vref sinh(k V) / sinh(k Vref), divided by the rectification where the voltage is negative.

    Every argument is one number or an array; shapes broadcast.

    Args:
        conductance: G, at the reference voltage Vref (S), above 0.
        steepness: k (1/V), above 0.
        rectification: forward over reverse current at equal magnitude of voltage.
    """

    __slots__ = ("_blocked", "_scale", "_steepness")

    def __init__(self, conductance: PerCell, steepness: PerCell, rectification: float) -> None:
        self._steepness = steepness
        self._scale = conductance * (REFERENCE_VOLTAGE / np.sinh(REFERENCE_VOLTAGE * np.asarray(steepness)))
        self._blocked = 1 / rectification

    def current(self, voltage: PerCell) -> Cells:
        """Return currents (A) at `voltage` (V)."""
        forward = self._scale * np.sinh(voltage * self._steepness)
        return self._pass(voltage, forward)

    def slope(self, voltage: PerCell) -> Cells:
        """Return differential conductances (S) at `voltage` (V); at 0 V, where they jump, the forward one."""
        forward = self._scale * self._steepness * np.cosh(voltage * self._steepness)
        return self._pass(voltage, forward)

    def voltage(self, current: PerCell) -> Cells:
        """Return the voltages (V) at which cells carry `current` (A)."""
        relative = current / self._scale
        if self._blocked != 1.0:
            relative = np.where(np.less(current, 0), relative / self._blocked, relative)
        return np.arcsinh(relative) / self._steepness

    def _pass(self, voltage: PerCell, forward: Cells) -> Cells:
        """Return what of a forward current or slope the rectification lets through."""
        if self._blocked == 1.0:
            return forward
        if isinstance(voltage, float | int):
            return forward if voltage >= 0 else forward * self._blocked
        return np.where(voltage >= 0, forward, forward * self._blocked)
