"""Read noise of one sample, and the spread of cells as programmed, at the published set's five clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from labctl.units import format_quantity
from sim_backend.die import Die
from sim_backend.noise.flicker import SAMPLE_TIME
from sim_backend.validation.pulses import all_cells, noise_of, place
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import DATA_SET

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import DeviceModel
    from sim_backend.noise.kinds import Noise

    Array = NDArray[np.float64]

CLUSTERS = (0.2e-6, 0.715e-3, 1.43e-3, 2.14e-3, 2.859e-3)
"""Conductances (S) of the published read-noise set."""
PUBLISHED_START, PUBLISHED_SLOPE = 27.228e-9, 1.8647e-5
"""Its line: deviation (S) of one sample at zero conductance, and what it gains per S."""
PUBLISHED_SPREAD = 107.2e-9
"""Standard deviation (S) of the published device-to-device set."""
_MOMENT = 100.0
"""When reads are taken, in s."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadFigures:
    """What reads and dies show at the five clusters.

    Args:
        conductance: of the clusters (S), shape (5,).
        noise: standard deviation of one sample (S), shape (5,).
        spread: standard deviation of cells as programmed (S), shape (5,).
        differences: of the cells from the nominal conductance in the middle cluster (S), shape (cells,).
        probability: of differences at least as far from a normal distribution of the published spread.
    """

    conductance: Array
    noise: Array
    spread: Array
    differences: Array
    probability: float

    @property
    def published(self) -> Array:
        """The published read noise at the clusters (S)."""
        return PUBLISHED_START + PUBLISHED_SLOPE * self.conductance


def measure_reads(model: DeviceModel, seed: int, side: int) -> ReadFigures:
    """Put dies of `side` x `side` cells into each cluster, read every cell once, and compare the cells themselves."""
    noise: list[float] = []
    spread: list[float] = []
    differences: list[Array] = []
    for number, cluster in enumerate(CLUSTERS):
        die = _die_at(model, cluster, seed + number, side, noise_of("read", "flicker", "telegraph"))
        die.time = _MOMENT
        sampled = die.sample_noise(all_cells(die), REFERENCE_VOLTAGE, 1, SAMPLE_TIME)
        noise.append(float(sampled.std()) / REFERENCE_VOLTAGE)
        cells = _die_at(model, cluster, seed, side, noise_of("spread")).conductance().reshape(-1)
        differences.append(cells - cluster)
        spread.append(float(cells.std()))
    middle = differences[len(CLUSTERS) // 2]
    probability = float(stats.kstest(middle, "norm", args=(0.0, PUBLISHED_SPREAD)).pvalue)
    return ReadFigures(np.array(CLUSTERS), np.array(noise), np.array(spread), middle, probability)


def _die_at(model: DeviceModel, conductance: float, seed: int, side: int, noise: Noise) -> Die:
    """Return a die whose cells all have the position of one nominal conductance (S)."""
    positions = np.arange(LEVELS, dtype=np.float64)
    states = model.erased(LEVELS)
    states[0] = positions
    die = Die("validation", side, side, model, seed, noise)
    place(die, float(np.interp(conductance, model.conductance(states), positions)))
    return die


def read_rows(found: ReadFigures) -> list[Row]:
    """Return read noise and spread against the published sets."""
    rows = [
        Row(
            f"read noise at {format_quantity(conductance, 'S')}", noise, "S",
            f"{published * 1e9:.2f} nS, within 3 %", abs(noise / published - 1) <= 0.03, DATA_SET,
            "one sample at 0.2 V, 1/f part included",
        )
        for conductance, noise, published in zip(
            found.conductance.tolist(), found.noise.tolist(), found.published.tolist(), strict=True
        )
    ]  # fmt: skip
    middle = float(found.spread[len(CLUSTERS) // 2])
    off = found.spread / PUBLISHED_SPREAD - 1
    worst = float(off[np.argmax(np.abs(off))])
    return [
        *rows,
        Row("spread as programmed", middle, "S", "107.2 nS, within 5 %",
            abs(middle / PUBLISHED_SPREAD - 1) <= 0.05, DATA_SET, "standard deviation at 1.43 mS"),
        Row("spread, worst of 5 clusters", worst, "", "the same at every conductance, within 0.05",
            abs(worst) <= 0.05, DATA_SET,
            "relative; at 200 nS the lower tail is cut, as no film conducts less than nothing"),
        Row("spread, Kolmogorov-Smirnov p", found.probability, "", "above 0.01: normal", found.probability > 0.01,
            DATA_SET, f"{found.differences.size} cells"),
    ]  # fmt: skip
