"""The Ru-azo cell: conduction, kinetics and the size of its noises, vectorised over any array of cells.

A state is the number of molecular states passed, 0 (erased) to 33,040; 0 to 16,519 are the levels, above them the
conductance saturates.

Write noise. The published step noise is s = 5.1 % to 12.7 % of a one-level step, rising with the conductance, and
steps are independent. Away from the ends a train that leads from state a to state b so has the variance

    W(b) - W(a)    with    W(n) = integral of s(g(n'))^2 dn' from 0 to n,

in levels squared: s^2 |b - a| with s^2 averaged over the path. As W is a function of the state alone, the variances
of any pieces of a train add up to that of the whole: it makes no statistical difference how a train is split. Near
an end the same holds if noise that was picked up earlier is drawn together as the cells are (`rails`); without that,
a long train into an end would leave cells scattered that many short ones leave together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_backend.conduction import Conduction
from sim_backend.kinetics import Kinetics
from sim_backend.rails import gathered, slowing
from sim_backend.state_table import StateTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_profile import DeviceProfile


class RuAzo:
    """The model of a cell.

    Args:
        profile: of the device.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        self.profile = profile
        self.conduction = Conduction(profile)
        table = self.conduction.conductance.values
        self.top = float(len(table) - 1)
        """The highest state; the lowest is 0."""
        self.kinetics = Kinetics(profile, self.top)
        share = (table - profile.g_min) / (profile.g_max - profile.g_min)
        self._square = (profile.write_noise + profile.write_noise_rise * share) ** 2
        self._integral = StateTable(np.append(0.0, np.cumsum((self._square[1:] + self._square[:-1]) / 2)))

    def write_variance(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance (levels^2) of a train that leads, without noise, from state `before` to `after`."""
        profile, ceiling = self.profile, self.top - self.profile.top_margin
        falling = (after < before) & (after < profile.bottom_margin)
        rising = (after > before) & (after > ceiling)
        variance = self._path(before, after)
        if falling.any():
            outside = self._path(np.maximum(before, profile.bottom_margin), np.maximum(after, profile.bottom_margin))
            inside = self._square[0] * gathered(before, np.minimum(after, before), profile.bottom_margin)
            left = slowing(after, profile.bottom_margin) ** 2
            variance = np.where(falling, left * (outside + inside), variance)
        if rising.any():
            outside = self._path(np.minimum(before, ceiling), np.minimum(after, ceiling))
            start, end = self.top - before, self.top - np.maximum(after, before)
            inside = self._square[-1] * gathered(start, end, profile.top_margin)
            variance = np.where(rising, slowing(end, profile.top_margin) ** 2 * (outside + inside), variance)
        return variance

    def _path(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance (levels^2) picked up between two states, as if nothing were drawn together."""
        return np.abs(self._integral(after) - self._integral(before))

    def read_noise(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviation (S) of one sample of cells of `conductance` (S)."""
        return self.profile.read_noise + self.profile.read_noise_slope * conductance

    def blocked(self, voltage: float) -> float:
        """Return by how much the cell's rectification divides currents at `voltage` (V)."""
        return 1.0 if voltage >= 0 else self.profile.rectification
