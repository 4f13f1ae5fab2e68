"""Write noise: how much one step differs from the mean step, over the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS
from sim_backend.die import Die
from sim_backend.validation.pulses import PULSES, all_cells, noise_of, place, quiet_die
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import DATA_SET, OURS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import DeviceModel
    from sim_backend.validation.pulses import WritePulse

    Array = NDArray[np.float64]

BINS = 10
PUBLISHED_START, PUBLISHED_RISE = 0.0509, 0.0758
"""Compact form of the published set: deviation of a step, in steps, at the lowest conductance and its gain to the
highest."""
PUBLISHED_MEAN = 0.0890
"""Mean of the published set, in steps."""
TRAIN = 100
"""Pulses of the train that is compared with single ones."""
_EDGE = 60.0
"""Levels kept clear of the ends of the window, where cells slow down."""


@dataclass(frozen=True, slots=True, eq=False)
class StepNoise:
    """Standard deviations of one step, in mean steps, in bins of equal width of the conductance.

    Args:
        conductance: mean of each bin, as a share of the window, shape (10,).
        up: of single pulses up, shape (10,).
        down: of single pulses down, shape (10,).
        train_ratio: deviation after a train over the deviation after as many single pulses.
    """

    conductance: Array
    up: Array
    down: Array
    train_ratio: float

    @property
    def published(self) -> Array:
        """What the published set has in these bins."""
        return PUBLISHED_START + PUBLISHED_RISE * self.conductance


def measure_step_noise(model: DeviceModel, seed: int, side: int) -> StepNoise:
    """Give every cell of a die one pulse up, and of another one pulse down.

    Args:
        model: of the cells.
        seed: of the dies.
        side: rows and columns of the dies; each bin has a tenth of the cells.
    """
    conductance, up = _in_bins(model, seed, side, PULSES.up)
    _, down = _in_bins(model, seed + 1, side, PULSES.down)
    return StepNoise(conductance, up, down, _train_ratio(model, seed + 2, side // 2, PULSES.up))


def write_noise_rows(found: StepNoise) -> list[Row]:
    """Return the step noise against the published set."""
    off = np.stack((found.up, found.down)) / found.published - 1
    worst = float(off.reshape(-1)[np.argmax(np.abs(off))])
    mean = float(found.up.mean())
    bins = " ".join(f"{value:.1%}" for value in found.up.tolist())
    return [
        Row(
            "write noise, worst bin", worst, "", "published line, within 0.05 in each of 10 bins", abs(worst) <= 0.05,
            DATA_SET, f"relative, both ways; up: {bins} of a step",
        ),
        Row(
            "write noise, mean", mean, "", "0.089 of a step, within 5 %",
            abs(mean / PUBLISHED_MEAN - 1) <= 0.05, DATA_SET,
        ),
        Row(
            f"write noise, train of {TRAIN} over single pulses", found.train_ratio, "", "1, within 0.05",
            abs(found.train_ratio - 1) <= 0.05, OURS, "ratio of the standard deviations after equally many pulses",
        ),
    ]  # fmt: skip


def step_deviation(model: DeviceModel, seed: int, side: int) -> float:
    """Return the deviation of a step up from the middle level, in mean steps, over `side` x `side` cells."""
    noisy, quiet = _writing_only(model, seed, side), quiet_die(model)
    for die in (noisy, quiet):
        place(die, (LEVELS - 1) / 2)
    before = float(quiet.conductance()[0, 0])
    for die in (noisy, quiet):
        die.expose(all_cells(die), PULSES.up.voltage, PULSES.up.times(1))
    return float(noisy.conductance().std()) / (float(quiet.conductance()[0, 0]) - before)


def _in_bins(model: DeviceModel, seed: int, side: int, pulse: WritePulse) -> tuple[Array, Array]:
    """Return mean conductance (share of the window) and deviation of a step (in mean steps), bin by bin."""
    positions = np.linspace(_EDGE, LEVELS - 1 - _EDGE, side * side).reshape(side, side)
    noisy, quiet = _writing_only(model, seed, side), quiet_die(model, side, side)
    for die in (noisy, quiet):
        place(die, positions)
    before = quiet.conductance()
    for die in (noisy, quiet):
        die.expose(all_cells(die), pulse.voltage, pulse.times(1))
    share = (before - model.profile.g_min) / (model.profile.g_max - model.profile.g_min)
    mean_step = quiet.conductance() - before
    extra = noisy.conductance() - quiet.conductance()
    which = np.minimum((share * BINS).astype(np.int64), BINS - 1)
    bins = [which == number for number in range(BINS)]
    centres = np.array([share[chosen].mean() for chosen in bins])
    return centres, np.array([extra[chosen].std() / abs(mean_step[chosen].mean()) for chosen in bins])


def _train_ratio(model: DeviceModel, seed: int, side: int, pulse: WritePulse) -> float:
    """Return the deviation after a train over the one after as many single pulses, in the middle of the window."""
    dies = [_writing_only(model, seed + number, side) for number in range(2)]
    for die, counts in zip(dies, ([TRAIN], [1] * TRAIN), strict=True):
        place(die, (LEVELS - 1) / 2)
        for count in counts:
            die.expose(all_cells(die), pulse.voltage, pulse.times(count))
    deviations = [float(die.conductance().std()) for die in dies]
    return deviations[0] / deviations[1]


def _writing_only(model: DeviceModel, seed: int, side: int) -> Die:
    return Die("validation", side, side, model, seed, noise_of("write"))
