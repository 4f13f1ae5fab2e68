"""Up to which voltage a device's model is computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from labctl.errors import ModelError
from labctl.units import format_quantity

if TYPE_CHECKING:
    from labctl.units import Volts
    from sim_backend.device_models.base_profile import DeviceProfile


ROUNDING = 1e-6
"""Relative: a converter that rounds to its nearest step may put out that much more than it is told."""


def check_voltage(profile: DeviceProfile, voltage: Volts) -> None:
    """Refuse a voltage at which the model says nothing.

    Between the profile's `voltage_known` and its `voltage_max` the model is computed, but extrapolates.

    Raises:
        ModelError: for a `voltage` (V) beyond `voltage_max` in magnitude, or one that is no number.
    """
    if not math.isfinite(voltage):
        raise ModelError(f"device {profile.name}: {voltage} is no voltage")
    if abs(voltage) > profile.voltage_max * (1 + ROUNDING):
        raise ModelError(
            f"device {profile.name}: {format_quantity(voltage, 'V')} is beyond "
            f"{format_quantity(profile.voltage_max, 'V')}, up to which its model holds"
        )
