"""At which voltage a cell begins to switch, from its states along a rising staircase of one polarity.

A staircase of an instrument that stays at each level for a millisecond switches a fast cell wholly at one step, and
moves nothing at the steps above it. What counts is therefore the state against where it began, not each step's change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError
from labctl.units import Volts
from protocols.analysis.measured_values import finite_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

SIGMAS = 3.0
"""A change of this many standard deviations is one, if all later points show one, too; twice that at the last."""
WILD = 6.0
"""A state this many standard deviations from where it began, which does not stay there, is no staircase's."""
SHARE = 0.02
"""Least change that counts, as a share of the whole: what a law that bends otherwise than assumed feigns is less."""


@dataclass(frozen=True, slots=True)
class Onset:
    """Where the state begins to change.

    Args:
        below: the last voltage (V) that left it as it was.
        above: the next one, which changed it.
    """

    below: Volts
    above: Volts

    @property
    def value(self) -> float:
        """The middle of the two (V)."""
        return (self.below + self.above) / 2

    @property
    def sigma(self) -> float:
        """Standard deviation of a threshold that lies anywhere between the two (V)."""
        return abs(self.above - self.below) / math.sqrt(12)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Onsets of several staircases, taken together: mean and its standard deviation (V), that of the steps included."""

    value: Volts
    sigma: Volts


def onset(voltage: ArrayLike, state: ArrayLike, sigma: ArrayLike) -> Onset | None:
    """Return where a rising staircase begins to change the state.

    Args:
        voltage: of the steps in the order applied, of one polarity and rising magnitude, shape (n,) (V).
        state: behind or at each step, in any unit, shape (n,).
        sigma: its standard deviation, shape (n,).

    Returns:
        None if the state never leaves where it began, or has left it at the first step, or for fewer than three steps.
    """
    v, states, sigmas = finite_points(voltage, state, sigma)
    if bool((sigmas < 0).any()):
        raise ParameterError("a standard deviation is not below 0")
    if len(v) < 3:
        return None
    weights = 1 / np.maximum(sigmas, 1e-300) ** 2 if bool((sigmas > 0).all()) else np.ones(len(v))
    # Mean of all states before each step, and its deviation.
    sums = np.cumsum(weights)[:-1]
    start = np.cumsum(weights * states)[:-1] / sums
    error = np.sqrt(np.cumsum((weights * sigmas) ** 2)[:-1]) / sums
    change = states[1:] - start
    last = abs(float(states[-1] - start[0]))
    noise = SIGMAS * np.hypot(sigmas[1:], error)
    bar = np.maximum(noise, SHARE * last)
    for step in np.flatnonzero(np.abs(change) > bar).tolist():
        before = np.abs(states[: step + 1] - start[step])
        if bool((before > np.maximum(WILD * sigmas[: step + 1], SHARE * last)).any()):
            return None  # it was not at rest before either
        left = (states[step + 1 :] - start[step]) * np.sign(change[step])
        if bool((left > bar[step:]).all()) and (step + 2 < len(v) or abs(change[step]) > 2 * bar[step]):
            return Onset(float(v[step]), float(v[step + 1]))
    return None


def together(onsets: Sequence[Onset | None]) -> Threshold | None:
    """Return the threshold that several staircases show; None unless most of them have one."""
    found = [one for one in onsets if one is not None]
    if not found or 2 * len(found) < len(onsets):
        return None
    values = np.array([one.value for one in found])
    step = float(np.mean([one.sigma for one in found]))
    scatter = float(values.std(ddof=1)) / math.sqrt(len(found)) if len(found) > 1 else 0.0
    # The same steps every time: their width does not average out.
    return Threshold(float(values.mean()), math.hypot(step, scatter))
