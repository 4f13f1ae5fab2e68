"""Self-heating, as the rate shows it: a hot cell moves further than a cold one under the same pulse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares

from sim_backend.device_models.interface import Train
from sim_backend.device_models.self_heating import BOLTZMANN
from sim_backend.validation.pulses import PULSES, all_cells, place, quiet_die
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import MODEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import DeviceModel

    Array = NDArray[np.float64]

TIME, RESISTANCE = 127.8e-9, 52.14
"""Published time constant (s) and thermal resistance (K/W)."""
ROOM, ENERGY = 298.15, 0.155923
"""Published temperature (K) and activation energy of the rate (eV)."""
_COLD, _HOT = 100.0, 16_000.0
"""Levels of the cells compared; within the window the rate depends on the heat alone."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatFigures:
    """Heating of a cell by pulses of +0.90 V.

    Args:
        width: of the pulses (s), shape (n,).
        rise: mean rise of the temperature over each, of the hot cell above the cold one (K).
        time: fitted time constant (s).
        resistance: fitted thermal resistance (K/W).
    """

    width: Array
    rise: Array
    time: float
    resistance: float


def measure_heat(model: DeviceModel) -> HeatFigures:
    """Give a hot and a cold cell single pulses of several widths, from rest, and fit the rise of the temperature."""
    voltage = PULSES.up.voltage
    widths = TIME * np.geomspace(0.1, 6.0, 16)
    moved, power = np.empty((len(widths), 2)), np.empty((len(widths), 2))
    for number, width in enumerate(widths.tolist()):
        die = quiet_die(model, 1, 2)
        place(die, np.array([[_COLD, _HOT]]))
        cells, before = all_cells(die), die.state.copy()
        start = die.current(cells, voltage)
        die.expose(cells, voltage, Train(width))
        moved[number] = (die.state - before)[0]
        power[number] = voltage * (start + die.current(cells, voltage)) / 2
    # rate(T) / rate(T0) = exp(E/k (1/T0 - 1/T)): the ratio of the ways tells the mean rise.
    logarithm = np.log(moved[:, 1] / moved[:, 0]) * BOLTZMANN * ROOM / ENERGY
    rise = ROOM * logarithm / (1 - logarithm)
    more = power[:, 1] - power[:, 0]

    def misfit(parameters: Array) -> Array:
        time, resistance = np.exp(parameters)
        return more * resistance * (1 + time / widths * np.expm1(-widths / time)) / rise - 1

    time, resistance = np.exp(least_squares(misfit, np.log([1e-7, 10.0]), xtol=1e-12).x).tolist()
    return HeatFigures(widths, rise, time, resistance)


def thermal_rows(found: HeatFigures) -> list[Row]:
    """Return time constant and thermal resistance."""
    note = "fitted to how much further a hot cell moves than a cold one, in single pulses of 13 to 770 ns"
    return [
        Row("thermal time constant", found.time, "s", "127.8 ns, within 1 %", abs(found.time / TIME - 1) <= 0.01,
            MODEL, note),
        Row("thermal resistance", found.resistance, "K/W", "52.14 K/W, within 1 %",
            abs(found.resistance / RESISTANCE - 1) <= 0.01, MODEL, note),
    ]  # fmt: skip
