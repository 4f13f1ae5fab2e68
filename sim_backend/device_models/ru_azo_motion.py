"""Where pulses lead cells of any history: levels, saturation, both ends, shelf and heat.

The way is cut where the law changes: the shelf's stops, the last level, and the margins in which cells slow down
before either end. Heat is counted all along but within the margins, where it is that of their inner edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.rails import approach
from sim_backend.device_models.ru_azo_conduction import LAST, TOP
from sim_backend.device_models.travel import travel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import Cells, PerCell, States
    from sim_backend.device_models.return_shelf import Shelf
    from sim_backend.device_models.ru_azo_conduction import Conduction
    from sim_backend.device_models.ru_azo_profile import RuAzoProfile
    from sim_backend.device_models.self_heating import Heating


@dataclass(frozen=True, slots=True)
class Drive:
    """What a voltage does to each of n cells.

    Args:
        path: levels passed without heat, away from the ends and the shelf, with their sign; shape (n,).
        overdrive: of the voltage, as it is remembered; shape (n,).
        idle: whether the voltage acts above the base only; shape (n,).
        heat: coefficients of the steady rise, each one number or of shape (n,).
        share: of the steady rise that the train reaches.
        offset: own less nominal conductance of the cells (S), shape (n,).
    """

    path: Cells
    overdrive: Cells
    idle: NDArray[np.bool_]
    heat: tuple[PerCell, PerCell, PerCell]
    share: float
    offset: Cells

    def of(self, chosen: NDArray[np.bool_]) -> Drive:
        """Return what acts on some of the cells."""
        zero, one, two = (part[chosen] if isinstance(part, np.ndarray) else part for part in self.heat)
        return Drive(
            self.path[chosen], self.overdrive[chosen], self.idle[chosen], (zero, one, two), self.share,
            self.offset[chosen],
        )  # fmt: skip


class Motion:
    """Moves cells.

    Args:
        profile: of the device.
        conduction: of its cells.
        heating: of its cells.
        shelf: of its cells.
    """

    def __init__(self, profile: RuAzoProfile, conduction: Conduction, heating: Heating, shelf: Shelf) -> None:
        self._floor = profile.g_floor
        self._bottom = profile.bottom_margin
        self._ceiling = TOP - profile.top_margin
        self._top_margin = profile.top_margin
        self._conduction = conduction
        self._heating = heating
        self._shelf = shelf

    def advance(self, states: States, drive: Drive) -> States:
        """Return the states of cells after what `drive` says."""
        remembered = states[0] > self._shelf.base(states[2])
        now = np.stack((states[0], np.where(remembered, np.maximum(states[1], states[0]), 0.0), states[2] * remembered))
        rising, falling = drive.path > 0, drive.path < 0
        if rising.any():
            now[:, rising] = self._raised(now[:, rising], drive.of(rising))
        if falling.any():
            now[:, falling] = self._lowered(now[:, falling], drive.of(falling))
        return now

    def _raised(self, states: States, drive: Drive) -> States:
        position, peak, overdrive = states
        left = np.where(drive.idle & (position <= self._shelf.base(overdrive)), 0.0, drive.path)
        moved = position
        for stop in (LAST, self._ceiling):
            moved, left = travel(moved, np.maximum(moved, stop), left, lambda n: self._slowness(n, drive))
        if (left > 0).any():
            edge = self._speed_up(np.full_like(moved, self._ceiling), drive)
            moved = TOP - approach(TOP - moved, self._top_margin, left * edge)
        saturated = moved > LAST
        overdrive = np.where(saturated, np.maximum(overdrive, drive.overdrive), overdrive)
        peak = np.where(moved > self._shelf.base(overdrive), np.maximum(peak, moved), 0.0)
        return np.stack((moved, peak, overdrive))

    def _lowered(self, states: States, drive: Drive) -> States:
        position, peak, overdrive = states
        moved, left = position, -drive.path
        base = self._shelf.base(overdrive)
        if (position > base).any():
            top = np.maximum(peak, position)

            def slow(n: NDArray[np.float64]) -> NDArray[np.float64]:
                return self._slowness(n, drive) / self._shelf.speed(n, top, overdrive)

            for stop in self._shelf.stops(overdrive):
                moved, left = travel(moved, np.minimum(moved, stop), left, slow)
        left = np.where(drive.idle, 0.0, left)
        if (left > 0).any():
            moved, left = travel(moved, np.minimum(moved, self._bottom), left, lambda n: self._slowness(n, drive))
        if (left > 0).any():
            edge = self._speed_up(np.full_like(moved, self._bottom), drive)
            moved = approach(moved, self._bottom, left * edge)
        above = moved > base
        return np.stack((moved, peak * above, overdrive * above))

    def _slowness(self, position: NDArray[np.float64], drive: Drive) -> NDArray[np.float64]:
        """Return 1 / speed-up by heat of positions of shape (n, points)."""
        nominal = self._conduction.conductance(position)
        own = np.maximum(nominal + drive.offset[:, None], self._floor)
        zero, one, two = (part[:, None] if isinstance(part, np.ndarray) else part for part in drive.heat)
        return np.exp(-self._heating.exponent((zero, one, two), drive.share, own, nominal))

    def _speed_up(self, position: Cells, drive: Drive) -> Cells:
        """Return the speed-up by heat of positions of shape (n,)."""
        return 1 / self._slowness(position[:, None], drive)[:, 0]
