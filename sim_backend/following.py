"""How long voltages may be held while cells move: where wires or a limit make a cell's voltage depend on its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.interface import Train

if TYPE_CHECKING:
    from sim_backend.die import Die
    from sim_backend.wiring import Stress

VOLTAGE_STEP = 2e-3
"""By which share of itself a cell's voltage may be off because it is held while the cells move."""
LIMITED = 0.2
"""What `dropped` is where a limit on the current sets the voltage: it then follows in steps of 1 %."""
STATE_STEP = 0.25
"""Steps of this many levels are always taken, however small the conductance."""


def beginning(die: Die, stress: Stress, train: Train, dropped: float) -> Train:
    """Return the first half, quarter, ... of a train (or the whole) that changes no cell's voltage much.

    Args:
        die: whose cells they are.
        stress: what they see at the beginning.
        train: what acts.
        dropped: share of the drivers' voltage that is lost on the way to the cells, and follows their currents.
    """
    while _moves_far(die, stress, train, dropped):
        halved = train.count // 2
        train = Train(train.width, halved, train.period) if halved else Train(train.width / 2, 1, train.period)
    return train


def remainder(train: Train, done: Train) -> Train | None:
    """Return what is left of a train after its beginning; None: nothing."""
    if done.width < train.width:
        return Train(train.width - done.width, 1, train.period)
    if done.count < train.count:
        return Train(train.width, train.count - done.count, train.period)
    return None


def _moves_far(die: Die, stress: Stress, train: Train, dropped: float) -> bool:
    """Return whether a train moves cells so far that their voltages are other ones after it.

    What is dropped on the way changes with the currents of the cells, of which the largest counts most.
    """
    states = die.states.reshape(len(die.states), -1)[:, stress.cells]
    conductance = die.conductance_of(stress.cells)
    moved = die.model.advance(states, stress.voltage, train, conductance, 1.0)
    change = np.abs(die.model.conductance(moved) - die.model.conductance(states)) * np.abs(stress.voltage)
    far = np.abs(moved[0] - states[0]) > STATE_STEP
    most = float((conductance * np.abs(stress.voltage)).max())
    return bool((far & (dropped * change > VOLTAGE_STEP * most)).any())
