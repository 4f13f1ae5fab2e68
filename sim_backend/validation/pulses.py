"""The pulses that write cells, and dies to try them on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.noise.kinds import Noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import DeviceModel

SLOT = 1e-6
"""Shortest period of pulses on the bench, in s (the probe board's specification)."""
PUBLISHED_PERIOD = 160e-9
"""Period of the pulses in the published model's simulations of the measured curves, in s."""


@dataclass(frozen=True, slots=True)
class WritePulse:
    """A pulse that moves a cell.

    Args:
        voltage: of it (V), with its sign.
        width: of it (s).
    """

    voltage: float
    width: float

    def times(self, count: int, period: float = SLOT) -> Train:
        """Return a train of that many of it, one every `period` (s)."""
        return Train(self.width, count, period)


@dataclass(frozen=True, slots=True)
class Writing:
    """How cells are written.

    Args:
        up: raises the conductance (potentiation).
        down: lowers it (depression).
    """

    up: WritePulse
    down: WritePulse


PULSES = Writing(WritePulse(0.9, 80e-9), WritePulse(-0.75, 65e-9))
"""The published pulses of the Ru-azo film, one level each; every device is written with them."""


def quiet_die(model: DeviceModel, rows: int = 1, columns: int = 1) -> Die:
    """Return an erased die without any noise."""
    return Die("validation", rows, columns, model, 0, Noise.none())


def noise_of(*kinds: str) -> Noise:
    """Return the noises that are named, and no other."""
    return replace(Noise.none(), **dict.fromkeys(kinds, True))


def place(die: Die, positions: NDArray[np.float64] | float) -> None:
    """Put an erased die's cells into positions (levels passed), an array of its shape or one number for all."""
    die.states[0] = np.broadcast_to(positions, (die.rows, die.columns))


def all_cells(die: Die) -> NDArray[np.int64]:
    """Return the flat indices of a die's cells."""
    return np.arange(die.rows * die.columns)
