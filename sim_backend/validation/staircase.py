"""The mean staircase: one pulse at a time from erased to the last level, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from sim_backend.validation.fits import fitted_line, fitted_nonlinearity, integral_nonlinearity
from sim_backend.validation.pulses import PULSES, all_cells, quiet_die
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import CURVES, MODEL, PAPER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import DeviceModel
    from sim_backend.validation.pulses import WritePulse

STEPS = LEVELS - 1
G_MIN, G_MAX, STEP = 200e-9, 5.9e-3, 357.15e-9
"""Published range and mean step (S)."""
SLOPE_UP, SLOPE_DOWN = 361.1e-9, -360.3e-9
"""Slopes of the lines fitted to curve A (S a pulse)."""


@dataclass(frozen=True, slots=True, eq=False)
class Staircase:
    """Conductances (S), as a current at the reference read voltage gives them.

    Args:
        pulses: given before each, 0 to 16,519, shape (n,).
        up: from erased, shape (n,).
        down: from where `up` ends, shape (n,).
    """

    pulses: NDArray[np.float64]
    up: NDArray[np.float64]
    down: NDArray[np.float64]

    @property
    def nonlinearity_up(self) -> float:
        """The nu of the way up."""
        return fitted_nonlinearity(self.pulses / STEPS, (self.up - self.up[0]) / (self.up[-1] - self.up[0]))

    @property
    def nonlinearity_down(self) -> float:
        """The nu of the way down."""
        return fitted_nonlinearity(self.pulses / STEPS, (self.down[0] - self.down) / (self.down[0] - self.down[-1]))

    @property
    def asymmetry(self) -> float:
        """Mean distance of the way down from the way up at equal numbers of pulses from the bottom, a share of it."""
        down = np.interp(STEPS - self.pulses, self.pulses, self.down)
        return float(np.abs(self.up - down).mean() / np.ptp(self.up))


def climb(model: DeviceModel, points: int = LEVELS) -> Staircase:
    """Return the staircase of one cell without noise.

    Args:
        model: of the cell.
        points: of each way, evenly spread; with 16,520 every pulse is given on its own.
    """
    die = quiet_die(model)
    cell = all_cells(die)
    given = np.round(np.linspace(0, STEPS, points)).astype(np.int64)
    trains = np.diff(given).tolist()

    def way(pulse: WritePulse) -> NDArray[np.float64]:
        conductance = [float(die.current(cell, REFERENCE_VOLTAGE)[0])]
        for count in trains:
            die.expose(cell, pulse.voltage, pulse.times(count))
            conductance.append(float(die.current(cell, REFERENCE_VOLTAGE)[0]))
        return np.array(conductance) / REFERENCE_VOLTAGE

    return Staircase(given.astype(np.float64), way(PULSES.up), way(PULSES.down))


def staircase_rows(found: Staircase) -> list[Row]:
    """Return the figures of the linear window."""
    up, down = np.diff(found.up), -np.diff(found.down)
    reached = int(np.argmax(found.up >= G_MAX - STEP / 2)) + 1 if found.up[-1] >= G_MAX - STEP / 2 else 0
    mean = float(found.up[-1] - found.up[0]) / STEPS
    bottom = (float(found.down[-1]) - G_MIN) / STEP
    return [
        _near("lowest conductance", float(found.up[0]), "S", G_MIN, 0.01, "200 nS, within 1 %", MODEL),
        _near("highest conductance", float(found.up[-1]), "S", G_MAX, 0.01, "5.9 mS, within 1 %", MODEL),
        Row(
            "levels up", float(reached), "", "16520, exactly", reached == LEVELS, PAPER,
            "pulses until the conductance is within half a step of the highest, plus the erased state",
        ),
        Row("smallest step up", float(up.min()) / STEP, "levels", "above 0: every step rises",
            bool((up > 0).all()), PAPER),
        Row(
            "levels down", float((down > 0).sum()) + 1, "", "16520, exactly", bool((down > 0).all()), PAPER,
            f"distinct conductances of {STEPS} pulses down, which end at level {bottom:.1f}: the last steps shrink",
        ),
        _near("mean step", mean, "S", STEP, 0.01, "357.15 nS, within 1 %", MODEL),
    ]  # fmt: skip


def linearity_rows(found: Staircase) -> list[Row]:
    """Return how straight and how symmetric the way up and the way down are."""
    pulses = found.pulses
    up, down = fitted_line(pulses, found.up).slope, fitted_line(pulses, found.down).slope
    ratio = abs(down / up)
    bent = max(integral_nonlinearity(pulses, branch) for branch in (found.up, found.down))
    ends = np.interp(pulses, [0, STEPS], [found.up[0], found.up[-1]])
    straight = float(np.abs(found.up - ends).max() / np.ptp(found.up))
    both = (("up", found.nonlinearity_up), ("down", found.nonlinearity_down))
    return [
        _near("slope up", up, "S", SLOPE_UP, 0.02, "361.1 nS a pulse, within 2 %", CURVES),
        _near("slope down", down, "S", SLOPE_DOWN, 0.02, "-360.3 nS a pulse, within 2 %", CURVES),
        Row("slope down over slope up", ratio, "", "1, within 0.01", abs(ratio - 1) <= 0.01, CURVES),
        Row(
            "integral nonlinearity", bent, "", "at most 0.011 of the range", bent <= 0.011, CURVES,
            f"the larger of both ways, from the fitted line; way up from the line through its ends: {straight:.4f}",
        ),
        *(
            Row(f"nonlinearity nu, way {name}", nu, "", "magnitude at most 0.1", abs(nu) <= 0.1, CURVES,
                "exponential form; the measured curve A itself: +0.080 up, -0.063 down")
            for name, nu in both
        ),
    ]  # fmt: skip


def _near(name: str, value: float, unit: str, target: float, share: float, words: str, source: str) -> Row:
    return Row(name, value, unit, words, abs(value - target) <= share * abs(target), source)
