"""VTEAM, the voltage-threshold model of metal-oxide memristors (Kvatinsky et al., IEEE TCAS-II 62, 786, 2015).

Nothing changes between two thresholds; beyond them the state w, 0 (off) to 1 (on), moves at

    dw/dt = +k_on  / D * (v / v_set - 1)^a_on    * f(w)        v > v_set > 0
    dw/dt = -k_off / D * (v / v_reset - 1)^a_off * f(1 - w)    v < v_reset < 0

with f = 1 or Biolek's window. The resistance falls from 1/g_min to 1/g_max, linearly or exponentially in w. The
position is w in units of 1/16,519: equal steps of w, which are not equal steps of conductance.

Write noise is per position passed, of the size at the mean of the two ends of the way: where the profile lets it rise
with the conductance, variances of the pieces of a train add up to that of the whole only nearly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from sim_backend.device_models.biolek_window import BiolekWindow
from sim_backend.device_models.interface import DeviceModel
from sim_backend.device_models.sinh_law import SinhLaw

if TYPE_CHECKING:
    from labctl.units import Volts
    from sim_backend.device_models.interface import Cells, PerCell, States, Train
    from sim_backend.device_models.vteam_profile import VteamProfile

LAST = LEVELS - 1
"""Position of the on-state."""


class Vteam(DeviceModel):
    """The model of a VTEAM cell.

    Args:
        profile: of the device.
    """

    variables = ("position",)
    top = float(LAST)

    def __init__(self, profile: VteamProfile) -> None:
        super().__init__(profile)
        self._vteam = profile
        self._window = None if profile.window == "none" else BiolekWindow(profile.window_power)

    def erased(self, cells: int) -> States:
        """Return the states of that many cells in the off-state, shape (1, cells)."""
        return np.zeros((1, cells))

    def conductance(self, states: States) -> Cells:
        """Return nominal conductances (S) at the reference read voltage."""
        on, off = 1 / self.profile.g_max, 1 / self.profile.g_min
        share = states[0] / LAST
        if self._vteam.resistance == "linear":
            return 1 / (off - (off - on) * share)
        return self.profile.g_min * np.exp(math.log(off / on) * share)

    @property
    def highest_conductance(self) -> float:
        """The nominal conductance (S) of the on-state."""
        return self.profile.g_max

    def law(self, states: States, conductance: Cells) -> SinhLaw:  # noqa: ARG002  the bend is that of every state
        """Return the I-V law of cells; arguments as in the interface."""
        return SinhLaw(conductance, 1 / self._vteam.conduction_voltage, self.profile.rectification)

    def current_bound(self, conductance: float, voltage: Volts) -> float:
        """Return the magnitude of the current (A) of a cell of `conductance` (S) at `voltage` (V)."""
        scale = self._vteam.conduction_voltage
        forward = conductance * REFERENCE_VOLTAGE * math.sinh(abs(voltage) / scale)
        blocked = 1.0 if voltage >= 0 else self.profile.rectification
        return forward / math.sinh(REFERENCE_VOLTAGE / scale) / blocked

    def disturbs(self, voltage: Volts) -> bool:
        """Return whether `voltage` (V) lies beyond a threshold."""
        return not self._vteam.reset_voltage <= voltage <= self._vteam.set_voltage

    def advance(self, states: States, voltage: PerCell, train: Train, conductance: Cells, rate: PerCell) -> States:  # noqa: ARG002  no heat
        """Return the states after a train; arguments as in the interface. A VTEAM cell does not heat up."""
        position = states[0]
        path = np.broadcast_to(self.rate(voltage) * train.time * rate, position.shape)
        rising, falling = path > 0, path < 0
        moved = position
        if rising.any():
            moved = np.where(rising, LAST * self._reached(position / LAST, np.maximum(path, 0.0)), moved)
        if falling.any():
            reached = self._reached(1 - position / LAST, np.maximum(-path, 0.0))
            moved = np.where(falling, LAST * (1 - reached), moved)
        return np.array([moved])

    def position_window(self, voltage: Volts) -> tuple[float, float]:  # noqa: ARG002  at every voltage
        """Return between which positions the position alone decides how pulses move a cell: everywhere."""
        return 0.0, self.top

    def rate(self, voltage: PerCell) -> Cells:
        """Return the speed (1/s, of w) away from the ends, with the sign of `voltage` (V)."""
        p = self._vteam
        up = np.maximum(np.divide(voltage, p.set_voltage) - 1, 0.0) ** p.set_exponent * p.set_speed
        down = np.maximum(np.divide(voltage, p.reset_voltage) - 1, 0.0) ** p.reset_exponent * p.reset_speed
        return (up - down) / p.thickness

    def write_variance(self, before: States, after: States) -> Cells:
        """Return variances (levels^2) of the position; arguments as in the interface."""
        start, end = before[0] / LAST, after[0] / LAST
        noise = self.profile.noise
        low, high = self.profile.g_min, self.profile.g_max
        ends = [noise.write + noise.write_rise * (self.conductance(s) - low) / (high - low) for s in (before, after)]
        density = LAST * (np.maximum(ends[0], 0.0) ** 2 + np.maximum(ends[1], 0.0) ** 2) / 2
        if self._window is None:
            return density * np.abs(end - start)
        up = self._window.gathered(np.minimum(start, end), end)
        down = self._window.gathered(np.minimum(1 - start, 1 - end), 1 - end)
        return density * np.where(end >= start, up, down)

    def _reached(self, share: Cells, path: Cells) -> Cells:
        if self._window is None:
            return np.minimum(share + path, 1.0)
        return self._window.approach(share, path)
