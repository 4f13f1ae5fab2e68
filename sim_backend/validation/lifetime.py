"""What months and a billion cycles do to a programmed cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS
from sim_backend.die import Die
from sim_backend.validation.pulses import PULSES, all_cells, noise_of, place
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import NEWS

if TYPE_CHECKING:
    from sim_backend.device_models.interface import DeviceModel

MONTHS = 7
CYCLES = 1_000_000_000
_MONTH = 365.25 / 12 * 86_400.0
_CELLS = 64


@dataclass(frozen=True, slots=True)
class LifetimeFigures:
    """What time and use leave.

    Args:
        drift: largest change of a cell in seven months of virtual time, in levels.
        window: distance of the last level from level 0 after a billion cycles, as a share of the first one's.
    """

    drift: float
    window: float


def measure_lifetime(model: DeviceModel) -> LifetimeFigures:
    """Let a written die lie, and cycle a cell."""
    return LifetimeFigures(_drift(model), _window(model))


def lifetime_rows(found: LifetimeFigures) -> list[Row]:
    """Return retention and endurance; either is a demand that the packaged device meets by having no such process."""
    return [
        Row("retention, 7 months", found.drift, "levels", "below 1", found.drift < 1, NEWS,
            "virtual time; no drift was seen, so the packaged exponent is 0"),
        Row("endurance, window after 1e9 cycles", found.window, "", "at least 0.999: no loss", found.window >= 0.999,
            NEWS, "one cycle is run, its wear extrapolated; no source says how the film wears, so the exponent is 0"),
    ]  # fmt: skip


def _drift(model: DeviceModel) -> float:
    """Write one train on cells all over the window, wait, and return the largest change in levels."""
    die = Die("validation", 1, _CELLS, model, 0, noise_of("drift"))
    place(die, np.linspace(0, LEVELS - 2, _CELLS)[None, :])
    die.expose(all_cells(die), PULSES.up.voltage, PULSES.up.times(1))
    before = die.conductance()
    die.time += MONTHS * _MONTH
    change = float(np.abs(die.conductance() - before).max())
    return change * (LEVELS - 1) / (model.profile.g_max - model.profile.g_min)


def _window(model: DeviceModel) -> float:
    """Cycle two cells once, let what that cost them count a billion times, and return what is left of the window."""
    die = Die("validation", 1, 2, model, 0, noise_of("wear"))
    for pulse in (PULSES.up, PULSES.down):
        die.expose(all_cells(die), pulse.voltage, pulse.times(LEVELS - 1))
    place(die, np.array([[0.0, LEVELS - 1]]))
    first = float(np.ptp(die.conductance()))
    used = die.arrays()
    die.restore({**used, "travelled": used["travelled"] * CYCLES, "write_count": used["write_count"] * CYCLES})
    return float(np.ptp(die.conductance())) / first
