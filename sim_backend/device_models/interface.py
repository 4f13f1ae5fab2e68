"""What a die asks of the model of its cells.

A model knows neither cells' addresses nor randomness: it takes the states of any number of cells and returns new
ones. States are an array of shape (variables, n), one row for each name in `variables`; row 0 is the *position*: levels
passed since erased, 0 to `top`, of which 0 to 16,519 are the levels. Arrays of cells have the shape (n,) throughout,
and are never changed in place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labctl.units import Seconds, Volts
    from sim_backend.device_models.base_profile import DeviceProfile

    Cells = NDArray[np.float64]
    """One number a cell, shape (n,)."""
    States = NDArray[np.float64]
    """State variables, shape (variables, n)."""
    PerCell = float | NDArray[np.float64]
    """One number for all cells, or one a cell."""


@dataclass(frozen=True, slots=True)
class Train:
    """Equal rectangular pulses, one after the other.

    Args:
        width: of one pulse (s).
        count: how many, at least 1.
        period: from one pulse's start to the next one's (s), at least `width`; a single stretch of time is one pulse.
    """

    width: Seconds
    count: int = 1
    period: Seconds = 0.0

    @property
    def time(self) -> float:
        """Time under voltage, in s."""
        return self.width * self.count


class CellLaw(Protocol):
    """Current against voltage of cells in fixed states; element by element, in the shape that the law was made for."""

    def current(self, voltage: PerCell) -> Cells:
        """Return currents (A) at `voltage` (V); rising with the voltage."""
        ...

    def slope(self, voltage: PerCell) -> Cells:
        """Return differential conductances (S) at `voltage` (V), above 0."""
        ...

    def voltage(self, current: PerCell) -> Cells:
        """Return the voltages (V) at which cells carry `current` (A): the inverse of `current`."""
        ...


class DeviceModel(ABC):
    """One kind of cell.

    Args:
        profile: every number of the device.
    """

    variables: tuple[str, ...]
    """Names of the state variables; the first is "position"."""
    top: float
    """The highest position; the lowest is 0."""

    def __init__(self, profile: DeviceProfile) -> None:
        self.profile = profile

    @abstractmethod
    def erased(self, cells: int) -> States:
        """Return the states of that many cells that have seen nothing."""

    @abstractmethod
    def conductance(self, states: States) -> Cells:
        """Return nominal conductances (S) at the reference read voltage: what cells without spread would have."""

    @property
    @abstractmethod
    def highest_conductance(self) -> float:
        """The largest nominal conductance (S) that any state has."""

    @abstractmethod
    def law(self, states: States, conductance: Cells) -> CellLaw:
        """Return the I-V law of cells.

        Args:
            states: of the cells.
            conductance: their own, at the reference read voltage (S); it scales the current, the bend is the state's.
        """

    @abstractmethod
    def current_bound(self, conductance: float, voltage: Volts) -> float:
        """Return a current (A) that no cell of up to `conductance` (S) exceeds in magnitude at `voltage` (V)."""

    @abstractmethod
    def disturbs(self, voltage: Volts) -> bool:
        """Return whether `voltage` (V), however long, changes any cell in any state."""

    @abstractmethod
    def advance(self, states: States, voltage: PerCell, train: Train, conductance: Cells, rate: PerCell) -> States:
        """Return the states after a train, without noise, in closed form or in vector steps.

        Splitting a train into pieces gives the same states, but for heat left between pulses.

        Args:
            states: before.
            voltage: of the pulses (V); its sign may differ from cell to cell.
            train: what acts.
            conductance: the cells' own, at the reference read voltage (S); self-heating follows it.
            rate: by how much each cell is faster than the nominal one, above 0.
        """

    @abstractmethod
    def write_variance(self, before: States, after: States) -> Cells:
        """Return the variance (levels^2) of the position after a train that leads, without noise, from one to other.

        Variances of the pieces of a train add up to that of the whole (with what draws cells together at the ends
        of their range taken into account).
        """
