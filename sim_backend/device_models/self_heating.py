"""How much warmer a cell's own current makes it, and how much faster that makes it change.

The film follows the power with one thermal resistance R and one time constant tau, T' = (R P - (T - T0)) / tau, and
the rate follows the temperature with one activation energy:

    rate(T) / rate(T0) = exp(E/k (1/T0 - 1/T)).

In a train the temperature at the start of a pulse is what is left of those before. With a = exp(-width/tau) and
b = exp(-period/tau) the mean rise over a train of N pulses of constant power is R P times

    1 - tau/width (1 - a) (1 - w),    w = c (1 - (1 - b^N) / (N (1 - b))),    c = (1 - a) b / (a (1 - b)),

where c is the rise that pulses start from in the periodic state and w its mean over the train.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import REFERENCE_VOLTAGE

if TYPE_CHECKING:
    from labctl.units import Seconds
    from sim_backend.device_models.interface import PerCell, Train
    from sim_backend.device_models.ru_azo_conduction import Conduction
    from sim_backend.device_models.ru_azo_profile import RuAzoProfile

BOLTZMANN = 8.617333262e-5
"""k in eV/K (exact in the SI, rounded)."""


def temperature_rise(profile: RuAzoProfile, power: float, time: Seconds) -> float:
    """Return by how much (K) a cell is warmer after `time` (s) of constant `power` (W), from cold."""
    return profile.thermal_resistance * power * -math.expm1(-time / profile.thermal_time)


def mean_share(train: Train, thermal_time: Seconds) -> float:
    """Return the mean rise over the pulses of a train that starts cold, as a share of the steady one."""
    width, count = train.width / thermal_time, train.count
    if width <= 0:
        return 0.0
    heating = -math.expm1(-width)
    if count == 1:
        return 1 - heating / width
    period = max(train.period / thermal_time, width)
    left = -math.expm1(-period)
    start = heating * math.exp(width - period) / left
    start *= 1 - -math.expm1(-count * period) / (count * left)
    return 1 - heating / width * (1 - start)


class Heating:
    """Speed-up of cells by their own heat.

    Args:
        profile: of the device.
        conduction: of its cells.
    """

    def __init__(self, profile: RuAzoProfile, conduction: Conduction) -> None:
        self._resistance = profile.thermal_resistance
        self._surroundings = profile.temperature
        self._activation = profile.activation_energy / BOLTZMANN / profile.temperature
        self._conduction = conduction
        self._low, self._high = profile.g_min, conduction.highest

    def per_siemens(self, voltage: PerCell) -> tuple[PerCell, PerCell, PerCell]:
        """Return the steady rise per own conductance (K/S) at `voltage` (V).

        It depends a little on the bend of the I-V curve, and so on the position's nominal conductance: what is
        returned are the coefficients of the parabola in it that is exact at both ends and in the middle.
        """
        middle = (self._low + self._high) / 2
        low, mid, high = (self._steady(voltage, nominal) for nominal in (self._low, middle, self._high))
        half = (self._high - self._low) / 2
        bend = (low - 2 * mid + high) / (2 * half * half)
        rise = (high - low) / (2 * half)
        return mid - rise * middle + bend * middle * middle, rise - 2 * bend * middle, bend

    def exponent(
        self, coefficients: tuple[PerCell, PerCell, PerCell], share: float, own: PerCell, nominal: PerCell
    ) -> PerCell:
        """Return the logarithm of the speed-up.

        Args:
            coefficients: of `per_siemens`.
            share: of the steady rise that the train reaches.
            own: conductance of the cells (S).
            nominal: conductance of their positions (S).
        """
        zero, one, two = coefficients
        rise = share * own * (zero + nominal * (one + nominal * two))
        return self._activation * rise / (self._surroundings + rise)

    def _steady(self, voltage: PerCell, nominal: float) -> PerCell:
        steepness = float(self._conduction.steepness(nominal))
        scale = self._resistance * REFERENCE_VOLTAGE / math.sinh(REFERENCE_VOLTAGE * steepness)
        magnitude = abs(voltage)
        return scale * magnitude * np.sinh(magnitude * steepness) * self._conduction.passed(voltage)
