"""How long voltages may be held while cells move: where wires or a limit make a cell's voltage depend on its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.interface import Train

if TYPE_CHECKING:
    from sim_backend.die import Die
    from sim_backend.wiring import Stress

VOLTAGE_STEP = 0.01
"""By which share of itself a cell's voltage may change while the cells move; half of it is taken into account."""
LIMITED = 1.0
"""What `dropped` is where a limit on the current sets the voltage: it then follows the cells whole."""
STATE_STEP = 0.25
"""Steps of this many levels are always taken, however small the conductance."""


@dataclass(frozen=True, slots=True)
class Part:
    """A beginning of a train.

    Args:
        train: what acts.
        rise: of the largest current among the cells, as a share of it.
    """

    train: Train
    rise: float


def beginning(die: Die, stress: Stress, train: Train, dropped: float) -> Part:
    """Return the first half, quarter, ... of a train (or the whole) that changes no cell's voltage much.

    Args:
        die: whose cells they are.
        stress: what they see at the beginning.
        train: what acts.
        dropped: share of the drivers' voltage that is lost on the way to the cells, and follows their currents.
    """
    while True:
        moved, rise = _movement(die, stress, train)
        if moved <= STATE_STEP or dropped * abs(rise) <= VOLTAGE_STEP:
            return Part(train, rise)
        halved = train.count // 2
        train = Train(train.width, halved, train.period) if halved else Train(train.width / 2, 1, train.period)


def remainder(train: Train, done: Train) -> list[Train]:
    """Return what is left of a train after its beginning, in order: the rest of a pulse, then the other pulses."""
    left: list[Train] = []
    if done.width < train.width:
        left.append(Train(train.width - done.width, 1, train.period))
    if done.count < train.count:
        left.append(Train(train.width, train.count - done.count, train.period))
    return left


def _movement(die: Die, stress: Stress, train: Train) -> tuple[float, float]:
    """Return how far a train moves a cell (levels, the farthest), and how much the largest current among them rises.

    What is dropped on the way changes with the currents of the cells, of which the largest counts most.
    """
    states = die.states.reshape(len(die.states), -1)[:, stress.cells]
    conductance = die.conductance_of(stress.cells)
    moved = die.model.advance(states, stress.voltage, train, conductance, 1.0)
    change = (die.model.conductance(moved) - die.model.conductance(states)) * np.abs(stress.voltage)
    most = float((conductance * np.abs(stress.voltage)).max())
    farthest = float(change[np.argmax(np.abs(change))])
    return float(np.abs(moved[0] - states[0]).max()), farthest / most if most else 0.0
