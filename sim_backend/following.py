"""How long voltages may be held while cells move: where wires or a limit make a cell's voltage depend on its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.interface import Train

if TYPE_CHECKING:
    from sim_backend.die import Die
    from sim_backend.wiring import Stress

RELATIVE_STEP = 0.01
"""Largest relative change of a cell's conductance while its voltage is held."""
STATE_STEP = 0.25
"""Steps of this many levels are always taken, however small the conductance."""


def beginning(die: Die, stress: Stress, train: Train) -> Train:
    """Return the first half, quarter, ... of a train (or the whole) over which no cell under `stress` changes much."""
    while _moves_far(die, stress, train):
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


def _moves_far(die: Die, stress: Stress, train: Train) -> bool:
    """Return whether a train moves a cell so far that its voltage may be another one after it."""
    states = die.states.reshape(len(die.states), -1)[:, stress.cells]
    conductance = die.conductance_of(stress.cells)
    moved = die.model.advance(states, stress.voltage, train, conductance, 1.0)
    change = np.abs(die.model.conductance(moved) - die.model.conductance(states))
    far = np.abs(moved[0] - states[0]) > STATE_STEP
    return bool((far & (change > RELATIVE_STEP * conductance)).any())
