"""The Ru-azo cell: a molecular film of 16,520 levels that is written linearly, with zeroth-order kinetics.

State variables: the position; the *peak*, the highest position since the cell last stood at its base, 0 while it
stands there; and the *overdrive* that pulses beyond the potentiating voltage left in a saturated cell.

Most trains move cells within their levels: there the only thing that depends on the position is the heat, a few
thousandths of the rate, and the end follows from the mean conductance on the way. Everything else is `ru_azo_motion`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.interface import DeviceModel, Train
from sim_backend.device_models.return_shelf import Shelf
from sim_backend.device_models.ru_azo_conduction import LAST, TOP, Conduction
from sim_backend.device_models.ru_azo_kinetics import Kinetics
from sim_backend.device_models.ru_azo_motion import Drive, Motion
from sim_backend.device_models.ru_azo_noise import WriteNoise
from sim_backend.device_models.self_heating import Heating, mean_share
from sim_backend.device_models.state_table import StateTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.units import Volts
    from sim_backend.device_models.interface import Cells, PerCell, States
    from sim_backend.device_models.ru_azo_profile import RuAzoProfile
    from sim_backend.device_models.sinh_law import SinhLaw

    Heat = tuple[PerCell, PerCell, PerCell]

SLOT_MIN = 1e-6
"""Shortest period of the pulses for which one pulse is one level (s): that of the probe board's specification."""
_SHORT = 8.0
"""Levels up to which the conductance on the way is linear enough to be that of its middle."""
_MILD = 0.02
"""Largest logarithm of the speed-up by heat that two points of the conductance describe."""
_MEDIUM = 2000.0
"""Levels up to which the first guess of a way is so close that one correction by the mean conductance is enough."""
_SIDES = np.array([[-1.0], [1.0]]) / math.sqrt(12)
"""Gauss's two points, in lengths of the range, from its middle."""


class RuAzo(DeviceModel):
    """The model of a Ru-azo cell.

    Args:
        profile: of the device.
    """

    variables = ("position", "peak", "overdrive")
    top = float(TOP)

    def __init__(self, profile: RuAzoProfile) -> None:
        super().__init__(profile)
        self._ru_azo = profile
        self.conduction = Conduction(profile)
        self._heating = Heating(profile, self.conduction)
        values = self.conduction.conductance.values
        self._bright = 2 * self.conduction.highest
        self._mean_step = (profile.g_max - profile.g_min) / LAST
        # The integral of the nominal conductance over the position.
        self._area = StateTable(np.append(0.0, np.cumsum((values[1:] + values[:-1]) / 2)))
        up, down = ((profile.up_voltage, profile.up_width), (profile.down_voltage, profile.down_width))
        self.kinetics = Kinetics(profile, self._whole_way(*up), self._whole_way(*down))
        shelf = Shelf(profile)
        self._motion = Motion(profile, self.conduction, self._heating, shelf)
        self._write_noise = WriteNoise(profile, self.conduction, shelf)
        self._at = lru_cache(maxsize=256)(self._at_voltage)

    def erased(self, cells: int) -> States:
        """Return the states of that many cells that have seen nothing, shape (3, cells)."""
        return np.zeros((len(self.variables), cells))

    def conductance(self, states: States) -> Cells:
        """Return nominal conductances (S) at the reference read voltage."""
        return self.conduction.conductance(states[0])

    @property
    def highest_conductance(self) -> float:
        """The nominal conductance (S) of the highest position."""
        return self.conduction.highest

    def law(self, states: States, conductance: Cells) -> SinhLaw:
        """Return the I-V law of cells; arguments as in the interface."""
        return self.conduction.law(states[0], conductance)

    def current_bound(self, conductance: float, voltage: Volts) -> float:
        """Return a current (A) that no cell of up to `conductance` (S) exceeds in magnitude at `voltage` (V)."""
        return self.conduction.current_bound(conductance, voltage)

    def disturbs(self, voltage: Volts) -> bool:
        """Return whether `voltage` (V) changes any cell: with the softplus law it does above the last level, always."""
        return abs(voltage) >= self._ru_azo.hard_threshold if self.kinetics.hard else voltage != 0

    def advance(self, states: States, voltage: PerCell, train: Train, conductance: Cells, rate: PerCell) -> States:
        """Return the states after a train; arguments as in the interface."""
        if not states[0].size:
            return states.copy()
        if isinstance(voltage, np.ndarray) and voltage.size == 1:
            voltage = float(voltage.reshape(-1)[0])
        single = not isinstance(voltage, np.ndarray)
        speed, heat = self._at(float(voltage)) if single else self._at_voltage(voltage)
        if single and speed == 0:
            return states.copy()
        path = speed * train.time * rate
        position = states[0]
        idle = self._idle(states, voltage)
        if idle is not None:
            path = np.where(idle & (position <= LAST) & (states[2] == 0), 0.0, path)
        share = mean_share(train, self._ru_azo.thermal_time)
        moved, mild = self._among_levels(position, path, conductance, heat, share)
        within = (position <= LAST) & (moved <= LAST) & (states[2] == 0)
        within &= np.greater_equal(path, 0) | (moved >= self._ru_azo.bottom_margin)
        new = np.zeros_like(states)
        new[0] = moved
        if mild and within.all():
            return new
        chosen = ~within if mild else np.ones(position.shape, dtype=np.bool_)
        drive = Drive(
            path=np.broadcast_to(path, position.shape),
            overdrive=np.broadcast_to(self.kinetics.overdrive(voltage), position.shape),
            idle=np.broadcast_to(False if idle is None else idle, position.shape),
            heat=heat,
            share=share,
            offset=conductance - self.conduction.conductance(position),
        )
        new[:, chosen] = self._motion.advance(states[:, chosen], drive.of(chosen))
        return new

    def write_variance(self, before: States, after: States) -> Cells:
        """Return variances (levels^2); see `ru_azo_noise`."""
        return self._write_noise.variance(before, after)

    def position_window(self, voltage: Volts) -> tuple[float, float]:
        """Return between which positions the position alone decides how pulses of `voltage` (V) move a cell.

        Downwards that ends at the lowest base: a cell may remember overdrive above it.
        """
        if voltage > 0:
            return 0.0, float(LAST)
        return self._ru_azo.bottom_margin, LAST * self._ru_azo.overdrive_base

    def _at_voltage(self, voltage: PerCell) -> tuple[PerCell, Heat]:
        """Return rate (levels/s, signed, cold) and heat coefficients (K/S) at `voltage` (V)."""
        rate = self.kinetics.rate(voltage)
        heat = self._heating.per_siemens(voltage)
        if isinstance(voltage, np.ndarray):
            return rate, heat
        zero, one, two = heat
        return float(rate), (float(zero), float(one), float(two))

    def _among_levels(
        self, position: Cells, path: PerCell, conductance: Cells, heat: Heat, share: float
    ) -> tuple[Cells, bool]:
        """Return where cells get to that stay within the levels, and whether heat is small enough for that."""
        length = np.abs(path)
        longest = length if isinstance(length, float) else float(length.max())
        # On short ways the conductance in the middle is the mean one; for long ones this is a first guess.
        # What leads beyond the range is not used; it is bounded so that no cell has a temperature below nothing.
        own = np.minimum(np.maximum(conductance + path * (self._mean_step / 2), 0.0), self._bright)
        exponent = self._heating.exponent(heat, share, own, own)
        mild = bool(np.max(exponent) <= _MILD)
        moved = position + path * np.exp(exponent)
        if longest <= _SHORT or not mild:
            return moved, mild
        start = self._area(position)
        offset = conductance - self.conduction.conductance(position)
        for _ in range(1 if longest <= _MEDIUM else 2):
            inside = np.minimum(np.maximum(moved, 0.0), self.top)
            way = inside - position
            way = np.where(way == 0, 1.0, way)
            nominal = (self._area(inside) - start) / way
            moved = position + path / self._mean_slowness(heat, share, nominal + offset, nominal, way)
        return moved, mild

    def _idle(self, states: States, voltage: PerCell) -> NDArray[np.bool_] | None:
        """Return which cells change above their base only; None: none does."""
        if self.kinetics.hard:
            return None
        idle = np.broadcast_to(np.abs(voltage) < self.kinetics.bypass, states[0].shape)
        return idle if idle.any() else None

    def _mean_slowness(self, heat: Heat, share: float, own: PerCell, nominal: PerCell, way: PerCell) -> Cells:
        """Return the mean of 1 / speed-up over a way whose mean own and nominal conductances (S) are given.

        Gauss's two points in the conductance, which rises by about a mean step a level: exact to the third order.
        """
        aside = (way * self._mean_step) * _SIDES
        both = np.exp(-self._heating.exponent(heat, share, own + aside, nominal + aside))
        return (both[0] + both[1]) / 2

    def _whole_way(self, voltage: Volts, width: float) -> float:
        """Return the path of a train over all levels, per level: less than 1, as heat speeds it up."""
        share = mean_share(Train(width, LAST, max(2 * width, SLOT_MIN)), self._ru_azo.thermal_time)
        mean = float(self._area.values[LAST]) / LAST
        heat = self._heating.per_siemens(voltage)
        return float(self._mean_slowness(heat, share, mean, mean, float(LAST))[0])
