"""How a Ru-azo cell conducts: its conductance in every position, and the bend of its I-V curve.

Over the levels the conductance follows the potentiation branch of the published compact model (2026). Above the last
level, where that branch ends at 6.5 mS and measured curve B goes on to 7.13 mS, the slope of the branch at the last
level goes over into saturation as a Gaussian:

    G(n) = G_last + slope * integral of exp(-(x/L)^2) dx from 0 to n - n_last

with one length L fitted to the rising branch of curve B: monotonic, and without a kink at the joint.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import erf

from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from sim_backend.device_models.sinh_law import SinhLaw
from sim_backend.device_models.state_table import StateTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import Cells, PerCell
    from sim_backend.device_models.ru_azo_profile import RuAzoProfile

LAST = LEVELS - 1
"""Position of the last level."""
TOP = 33_040
"""The highest position (published compact model)."""


@cache
def potentiation_curve() -> NDArray[np.float64]:
    """Return the published normalised conduction in the positions of the levels, shape (16520,), rising."""
    return np.asarray(_published()(np.arange(LEVELS)), dtype=np.float64)


@cache
def _published() -> PchipInterpolator:
    text = files("sim_backend.device_models").joinpath("data/ru_azo_potentiation.csv").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    points = np.array([line.split(",") for line in lines[1:]], dtype=np.float64)
    return PchipInterpolator(points[:, 0], points[:, 1])


class Conduction:
    """Conductance of positions, and the I-V law.

    A cell's own conductance may differ from the nominal one of its position; the bend follows the position.

    Args:
        profile: of the device.
    """

    def __init__(self, profile: RuAzoProfile) -> None:
        curve = potentiation_curve()
        low, high = float(curve[0]), float(curve[-1])
        self.shares = _shares(profile.saturation)
        """Nominal conductance of every whole position: 0 at level 0, 1 at the last level, more above it."""
        rise = profile.g_max - profile.g_min
        self.conductance = StateTable(profile.g_min + rise * self.shares)
        """Nominal conductance (S) at the reference read voltage, of a position."""
        self.highest = float(self.conductance.values[-1])
        """The largest nominal conductance (S)."""
        # The bend is linear in the normalised conduction, and so in the nominal conductance, too.
        self._steepness_rise = profile.conduction_bend / profile.conduction_voltage * (high - low) / rise
        erased = (1 + profile.conduction_bend * low) / profile.conduction_voltage
        self._steepness_start = erased - self._steepness_rise * profile.g_min
        self._rectification = profile.rectification

    def steepness(self, nominal: PerCell) -> PerCell:
        """Return the k of I ~ sinh(k V) (1/V) of cells whose position has the `nominal` conductance (S)."""
        return self._steepness_start + self._steepness_rise * nominal

    def law(self, position: Cells, conductance: Cells) -> SinhLaw:
        """Return the I-V law of cells in `position` whose own conductance (S) is given."""
        return SinhLaw(conductance, self.steepness(self.conductance(position)), self._rectification)

    def passed(self, voltage: PerCell) -> PerCell:
        """Return the share of the current that rectification lets through at `voltage` (V)."""
        blocked = 1 / self._rectification
        if isinstance(voltage, float | int):
            return 1.0 if voltage >= 0 else blocked
        return np.where(voltage >= 0, 1.0, blocked)

    def current_bound(self, conductance: float, voltage: float) -> float:
        """Return a current (A) that no cell of up to `conductance` (S) exceeds in magnitude at `voltage` (V)."""
        ends = (self.steepness(float(self.conductance.values[end])) for end in (0, -1))
        bend = max(math.sinh(abs(voltage) * float(end)) / math.sinh(REFERENCE_VOLTAGE * float(end)) for end in ends)
        return conductance * REFERENCE_VOLTAGE * bend * float(self.passed(voltage))


def _shares(saturation: float) -> NDArray[np.float64]:
    """Return (G - g_min)/(g_max - g_min) in every whole position, shape (33041,)."""
    curve = potentiation_curve()
    low, high = float(curve[0]), float(curve[-1])
    slope = float(_published().derivative()(LAST)) / (high - low)
    beyond = np.arange(1, TOP - LAST + 1) / saturation
    above = 1 + slope * saturation * math.sqrt(math.pi) / 2 * erf(beyond)
    return np.concatenate(((curve - low) / (high - low), above))
