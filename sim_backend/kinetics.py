"""How fast a Ru-azo cell changes: zeroth-order kinetics, the same rate in every state but for the ends.

Law of the published compact model (2026), without its temperature, its overdrive memory and its depression shelf:

    dn/dt = sign(V) * kappa * u(V)^a * C(n)
    u     = Vs ln(1 + exp((|V| - Vt)/Vs)) * |tanh(V/Vs)| / (Vr - Vt)

Vr runs from the depressing to the potentiating write voltage with the polarity; a gains a little above the latter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_backend.rails import approach

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_profile import DeviceProfile

    Numbers = float | NDArray[np.float64]


class Kinetics:
    """Rate and movement of states; every array may have any shape, and shapes broadcast.

    Args:
        profile: of the device.
        top: the highest state; the lowest is 0.
    """

    def __init__(self, profile: DeviceProfile, top: float) -> None:
        self._profile = profile
        self._top = top
        # One pulse of the profile is one level: that is what fixes the two rate constants (1/s).
        self.kappa_up = 1 / (profile.up_width * float(self._drive(profile.up_voltage)))
        self.kappa_down = 1 / (profile.down_width * float(self._drive(profile.down_voltage)))

    def rate(self, voltage: Numbers) -> NDArray[np.float64]:
        """Return the rate (states/s) away from the ends, with the sign of `voltage` (V)."""
        kappa = np.where(np.greater(voltage, 0), self.kappa_up, -self.kappa_down)
        return np.where(np.abs(voltage) >= self._profile.hard_threshold, kappa * self._drive(voltage), 0.0)

    def advance(self, state: NDArray[np.float64], voltage: Numbers, time: Numbers) -> NDArray[np.float64]:
        """Return the states after `time` (s) under `voltage` (V), in one step of any length."""
        profile = self._profile
        shift = self.rate(voltage) * time
        moved = state + shift
        falling = (shift < 0) & (moved < profile.bottom_margin)
        rising = (shift > 0) & (moved > self._top - profile.top_margin)
        if falling.any():
            moved = np.where(falling, approach(state, profile.bottom_margin, np.maximum(-shift, 0.0)), moved)
        if rising.any():
            left = approach(self._top - state, profile.top_margin, np.maximum(shift, 0.0))
            moved = np.where(rising, self._top - left, moved)
        return moved

    def _drive(self, voltage: Numbers) -> NDArray[np.float64]:
        """Return u(V)^a, without unit."""
        p = self._profile
        soft = np.tanh(np.divide(voltage, p.kinetic_softness))
        over = p.kinetic_softness * np.logaddexp(0.0, (np.abs(voltage) - p.kinetic_voltage) / p.kinetic_softness)
        reference = (p.up_voltage - p.down_voltage) / 2 + soft * (p.up_voltage + p.down_voltage) / 2
        beyond = np.maximum(voltage - p.up_voltage, 0.0) / (p.up_voltage - p.kinetic_voltage)
        exponent = p.kinetic_exponent + p.overdrive_exponent * np.tanh(beyond)
        return (over * np.abs(soft) / (reference - p.kinetic_voltage)) ** exponent
