"""Size of the write noise of Ru-azo cells.

The published step noise is s = 5.1 % to 12.7 % of a one-level step, rising with the conductance, and steps are
independent. Away from the ends a train that leads from position a to position b so has the variance

    W(b) - W(a)    with    W(n) = integral of s(g(n'))^2 dn' from 0 to n,

in levels squared. As W is a function of the position alone, the variances of any pieces of a train add up to that of
the whole: it makes no statistical difference how a train is split. Where the speed depends on the position the same
holds if noise that was picked up earlier is drawn together as the cells are: near an end in closed form (`rails`), and
on the return shelf, where cells move at a relative speed r(n), as r(b)^2 * integral of s^2 / r(n)^2 dn from b to a.
That s holds above the last level, and per level passed on the shelf, is our extension; no source measured it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.rails import gathered, slowing
from sim_backend.device_models.ru_azo_conduction import LAST, TOP
from sim_backend.device_models.state_table import StateTable
from sim_backend.device_models.travel import integral

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import Cells, States
    from sim_backend.device_models.return_shelf import Shelf
    from sim_backend.device_models.ru_azo_conduction import Conduction
    from sim_backend.device_models.ru_azo_profile import RuAzoProfile


class WriteNoise:
    """Variances of trains.

    Args:
        profile: of the device.
        conduction: of its cells.
        shelf: of its cells.
    """

    def __init__(self, profile: RuAzoProfile, conduction: Conduction, shelf: Shelf) -> None:
        self._bottom, self._top_margin = profile.bottom_margin, profile.top_margin
        self._ceiling = TOP - profile.top_margin
        self._shelf = shelf
        square = np.maximum(profile.noise.write + profile.noise.write_rise * conduction.shares, 0.0) ** 2
        self._square = StateTable(square)
        self._integral = StateTable(np.append(0.0, np.cumsum((square[1:] + square[:-1]) / 2)))

    def variance(self, before: States, after: States) -> Cells:
        """Return the variance (levels^2) of a train that leads, without noise, from `before` to `after`."""
        start, end = before[0], after[0]
        if ((start <= LAST) & (end <= LAST) & (end >= self._bottom) & (before[2] == 0)).all():
            return self._path(start, end)
        falling = (end < start) & (end < self._bottom)
        rising = (end > start) & (end > self._ceiling)
        variance = self._free(before, end)
        if falling.any():
            outside = self._free(np.maximum(before, [[self._bottom], [0.0], [0.0]]), np.maximum(end, self._bottom))
            inside = self._square.values[0] * gathered(start, np.minimum(end, start), self._bottom)
            variance = np.where(falling, slowing(end, self._bottom) ** 2 * (outside + inside), variance)
        if rising.any():
            outside = self._path(np.minimum(start, self._ceiling), np.minimum(end, self._ceiling))
            first, last = TOP - start, TOP - np.maximum(end, start)
            inside = self._square.values[-1] * gathered(first, last, self._top_margin)
            variance = np.where(rising, slowing(last, self._top_margin) ** 2 * (outside + inside), variance)
        return variance

    def _free(self, before: States, end: Cells) -> Cells:
        """Return variances as if no end of the range were near."""
        variance = self._path(before[0], end)
        shelved = (end < before[0]) & (before[0] > self._shelf.base(before[2]))
        if shelved.any():
            variance[shelved] = self._on_shelf(before[:, shelved], end[shelved])
        return variance

    def _on_shelf(self, before: States, end: Cells) -> Cells:
        """Return the variance of cells that start above their base and fall, likewise."""
        start, overdrive = before[0], before[2]
        peak = np.maximum(before[1], start)

        def density(position: NDArray[np.float64]) -> NDArray[np.float64]:
            return self._square(position) / self._shelf.speed(position, peak, overdrive) ** 2

        gathered_here, place = np.zeros_like(start), start
        for stop in self._shelf.stops(overdrive):
            reached = np.minimum(place, np.maximum(stop, end))
            gathered_here = gathered_here + integral(place, reached - place, density)
            place = reached
        left = self._shelf.speed(place[:, None], peak, overdrive)[:, 0] ** 2
        return left * gathered_here + self._path(place, np.minimum(place, end))

    def _path(self, before: Cells, after: Cells) -> Cells:
        """Return the variance (levels^2) picked up between two positions, as if nothing were drawn together."""
        return np.abs(self._integral(after) - self._integral(before))
