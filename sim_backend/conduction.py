"""How a Ru-azo cell conducts: its conductance in every state, and the bend of its I-V curve.

Levels are defined at the reference read voltage; there the I-V curve passes through conductance times voltage.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator

from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from sim_backend.state_table import StateTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_profile import DeviceProfile


@cache
def potentiation_curve() -> NDArray[np.float64]:
    """Return the normalised conduction in every whole state: shape (33041,), rising, without unit."""
    text = files("sim_backend").joinpath("data/ru_azo_potentiation.csv").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    points = np.array([line.split(",") for line in lines[1:]], dtype=np.float64)
    state, f = points[:, 0], points[:, 1]
    curve: NDArray[np.float64] = PchipInterpolator(state, f)(np.arange(float(state[-1]) + 1))
    curve.setflags(write=False)
    return curve


class Conduction:
    """Conductance and current of cells; every array may have any shape, and shapes broadcast.

    A cell's own conductance may differ from the nominal one of its state; the bend of its I-V curve follows the state.

    Args:
        profile: of the device.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        curve = potentiation_curve()
        low, high = float(curve[0]), float(curve[LEVELS - 1])
        share = (curve - low) / (high - low)
        self.conductance = StateTable(profile.g_min + (profile.g_max - profile.g_min) * share)
        """Nominal conductance (S) at the reference read voltage, of a state."""
        # The bend is linear in the normalised conduction, and so in the nominal conductance, too.
        self._steepness_rise = (
            profile.conduction_bend / profile.conduction_voltage * (high - low) / (profile.g_max - profile.g_min)
        )
        erased = (1 + profile.conduction_bend * low) / profile.conduction_voltage
        self._steepness_start = erased - self._steepness_rise * profile.g_min
        self._rectification = profile.rectification

    def current(
        self, conductance: NDArray[np.float64], nominal: NDArray[np.float64], voltage: float | NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return currents (A).

        Args:
            conductance: of the cells, at the reference read voltage (S).
            nominal: conductance of their states (S).
            voltage: across them (V).
        """
        steepness = self._steepness_start + self._steepness_rise * nominal
        scale = conductance * (REFERENCE_VOLTAGE / np.sinh(REFERENCE_VOLTAGE * steepness))
        forward = scale * np.sinh(voltage * steepness)
        return np.where(np.greater_equal(voltage, 0), forward, forward / self._rectification)

    def voltage(self, conductance: float, nominal: float, current: float) -> float:
        """Return the voltage (V) at which one cell carries `current` (A); the rest as for `current`."""
        steepness = self._steepness_start + self._steepness_rise * nominal
        blocked = 1.0 if current >= 0 else self._rectification
        relative = current * blocked / (conductance * REFERENCE_VOLTAGE)
        return math.asinh(relative * math.sinh(REFERENCE_VOLTAGE * steepness)) / steepness

    def current_bound(self, conductance: float, voltage: float) -> float:
        """Return a current (A) that no cell of up to `conductance` (S) exceeds in magnitude at `voltage` (V)."""
        table = self.conductance.values
        ends = (self._steepness_start + self._steepness_rise * float(table[end]) for end in (0, -1))
        bend = max(math.sinh(abs(voltage) * end) / math.sinh(REFERENCE_VOLTAGE * end) for end in ends)
        blocked = 1.0 if voltage >= 0 else self._rectification
        return conductance * REFERENCE_VOLTAGE * bend / blocked
