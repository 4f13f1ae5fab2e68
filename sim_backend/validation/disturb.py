"""What cells suffer from what is meant for others, and from being read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import WriteScheme
from labctl.levels import LEVELS
from sim_backend.clock import VirtualClock
from sim_backend.device_models.interface import Train
from sim_backend.noise.flicker import SAMPLE_TIME
from sim_backend.validation.pulses import PULSES, all_cells, place, quiet_die
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import MODEL, OURS, PAPER
from sim_backend.world import SETTLING_TIME, World

if TYPE_CHECKING:
    from sim_backend.device_models.interface import DeviceModel

READS = 1_000_000
READ_TIME = SETTLING_TIME + 16 * SAMPLE_TIME
"""Time that a read of 16 samples keeps a cell under voltage, in s."""
SAFE, REFERENCE = 0.15, 0.2
"""Read voltages (V): below the published model's bypass, and the one that levels are defined at."""
LINE_LIMIT = 0.25
"""What the packaged bench lets a line carry, in A."""
_SIDE = 16


@dataclass(frozen=True, slots=True)
class DisturbFigures:
    """Largest changes of any cell, in levels.

    Args:
        safe_reads: by a million reads at 0.15 V, either way round.
        reads: by one of a million reads at 0.2 V, either way round, on average.
        half: by programming a whole die, other lines at V/2.
        third: the same, other lines at V/3 and 2V/3.
        side: rows and columns of the die programmed.
    """

    safe_reads: float
    reads: float
    half: float
    third: float
    side: int


def measure_disturb(model: DeviceModel, seed: int, side: int = 64) -> DisturbFigures:
    """Read cells of every level a million times; program dies of `side` x `side` to random levels."""
    return DisturbFigures(
        safe_reads=max(read_disturb(model, SAFE), read_disturb(model, -SAFE)),
        reads=max(read_disturb(model, REFERENCE), read_disturb(model, -REFERENCE)) / READS,
        half=programming_disturb(model, seed, side, WriteScheme.HALF),
        third=programming_disturb(model, seed, side, WriteScheme.THIRD),
        side=side,
    )


def disturb_rows(found: DisturbFigures) -> list[Row]:
    """Return read and half-select disturb against what the levels bear."""
    die = (
        f"{found.side} x {found.side}, random levels to random levels, one train a cell, ideal wires; the threshold "
        "above half the write voltage is this project's choice for the abstract's 'self-selecting'"
    )
    return [
        Row("read disturb at 0.15 V", found.safe_reads, "levels", "0 after 1,000,000 reads", found.safe_reads == 0,
            MODEL, "nothing happens there in the model's law, either"),
        Row("read disturb at 0.2 V", found.reads, "levels", "below 0.01 a read", found.reads < 0.01, OURS,
            f"mean of {READS:,} reads of {READ_TIME * 1e6:.0f} us"),
        Row("half-select disturb, V/2", found.half, "levels", "below 0.5 after a whole die", found.half < 0.5, PAPER,
            die),
        Row("half-select disturb, V/3", found.third, "levels", "below 0.5 after a whole die", found.third < 0.5,
            PAPER, die),
    ]  # fmt: skip


def read_disturb(model: DeviceModel, voltage: float, reads: int = READS) -> float:
    """Return by how many levels that many reads at `voltage` (V) change a cell of the window, at most."""
    return largest_change(model, voltage, Train(READ_TIME, reads, READ_TIME))


def largest_change(model: DeviceModel, voltage: float, train: Train) -> float:
    """Return by how many levels a train at `voltage` (V) changes a cell of the window, at most."""
    die = quiet_die(model, _SIDE, _SIDE)
    place(die, np.linspace(0, LEVELS - 1, _SIDE * _SIDE).reshape(_SIDE, _SIDE))
    before = die.conductance()
    die.expose(all_cells(die), voltage, train)
    return _levels(model, float(np.abs(die.conductance() - before).max()))


def programming_disturb(model: DeviceModel, seed: int, side: int, scheme: WriteScheme) -> float:
    """Return by how many levels programming a die moves a cell beyond what its own train does, at most.

    Every cell goes from a random level to a random level in one train through the board.
    """
    random = np.random.default_rng(seed)
    start, target = random.integers(0, LEVELS, (2, side, side))
    steps = target - start
    die, alone = quiet_die(model, side, side), quiet_die(model, side, side)
    for each in (die, alone):
        place(each, start)
    world = World(die, VirtualClock())
    for row, column in np.argwhere(steps).tolist():
        count = int(steps[row, column])
        pulse = PULSES.up if count > 0 else PULSES.down
        train = pulse.times(abs(count))
        world.pulse_cell(row, column, pulse.voltage, train, scheme, LINE_LIMIT)
        alone.expose(np.array([row * side + column]), pulse.voltage, train)
    return _levels(model, float(np.abs(die.conductance() - alone.conductance()).max()))


def _levels(model: DeviceModel, conductance: float) -> float:
    return conductance * (LEVELS - 1) / (model.profile.g_max - model.profile.g_min)
