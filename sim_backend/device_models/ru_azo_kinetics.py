"""How fast a Ru-azo cell changes: zeroth-order kinetics, a rate that depends on the voltage alone.

Law of the published compact model (2026):

    rate  = sign(V) * kappa * u(V)^a,   kappa separate for either sign
    u     = Vs ln(1 + exp((|V| - Vt)/Vs)) * |tanh(V/Vs)| / (Vr - Vt)

Vr runs from the depressing to the potentiating write voltage with the polarity; a gains a little above the latter.
What slows cells down near the ends of their range, and what heat adds, are files of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import PerCell
    from sim_backend.device_models.ru_azo_profile import RuAzoProfile

BYPASS = 3.0
"""In the softplus law nothing happens below Vt - 3 Vs, but for saturated cells (published compact model)."""


class Kinetics:
    """Rates of the law; every array may have any shape.

    Args:
        profile: of the device.
        heat_up: how much longer than without heat the whole way up takes at the profile's pulses, as a ratio.
        heat_down: the same on the way down.
    """

    def __init__(self, profile: RuAzoProfile, heat_up: float = 1.0, heat_down: float = 1.0) -> None:
        self._profile = profile
        # One pulse of the profile is one level: that is what fixes the two rate constants (1/s).
        self.kappa_up = heat_up / (profile.up_width * float(self._drive(profile.up_voltage)))
        self.kappa_down = heat_down / (profile.down_width * float(self._drive(profile.down_voltage)))
        self.hard = profile.subthreshold == "hard"
        """Whether the hard threshold holds."""
        self.bypass = profile.kinetic_voltage - BYPASS * profile.kinetic_softness
        """Without a hard threshold: below this magnitude (V) only saturated cells change."""

    def rate(self, voltage: PerCell) -> NDArray[np.float64]:
        """Return the rate (levels/s) away from the ends, with the sign of `voltage` (V), at room temperature."""
        kappa = np.where(np.greater(voltage, 0), self.kappa_up, -self.kappa_down)
        rate = kappa * self._drive(voltage)
        if self.hard:
            return np.where(np.abs(voltage) >= self._profile.hard_threshold, rate, 0.0)
        return rate

    def overdrive(self, voltage: PerCell) -> NDArray[np.float64]:
        """Return by how much `voltage` (V) exceeds the potentiating pulse, relative to that one's overpotential."""
        p = self._profile
        return np.maximum(np.subtract(voltage, p.up_voltage), 0.0) / (p.up_voltage - p.kinetic_voltage)

    def _drive(self, voltage: PerCell) -> NDArray[np.float64]:
        """Return u(V)^a, without unit."""
        p = self._profile
        soft = np.tanh(np.divide(voltage, p.kinetic_softness))
        over = p.kinetic_softness * np.logaddexp(0.0, (np.abs(voltage) - p.kinetic_voltage) / p.kinetic_softness)
        reference = (p.up_voltage - p.down_voltage) / 2 + soft * (p.up_voltage + p.down_voltage) / 2
        exponent = p.kinetic_exponent + p.overdrive_exponent * np.tanh(self.overdrive(voltage))
        return (over * np.abs(soft) / (reference - p.kinetic_voltage)) ** exponent
