"""The one pulse that should lead a cell from one level to another, and by how much it will miss.

Either the width follows from the distance at a fixed amplitude, or the amplitude at a fixed width. A board takes whole
nanoseconds and whole steps of its converter: what rounding costs is part of the answer, as are the scatter of the write
itself, an unsure rate and an unsure start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from labctl.errors import ParameterError
from labctl.units import Fraction, Levels, Seconds, Volts
from protocols.analysis.measured_values import finite_points, positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from protocols.analysis.travel_time import TravelTime

NANOSECOND = 1e-9
"""Step of a pulse's width (s): the board's specification."""
WIDTH_MIN, WIDTH_MAX = 20e-9, 10e-3
"""Shortest and longest pulse (s): the board's specification; its CAPABILITIES have the last word."""


@dataclass(frozen=True, slots=True)
class WidthLimits:
    """Widths that a board puts out: whole nanoseconds between two ends (s)."""

    least: Seconds = WIDTH_MIN
    most: Seconds = WIDTH_MAX

    def nearest(self, width: float) -> float:
        """Return the width (s) that can be had nearest to `width`, never above `most`; 0: no pulse."""
        whole = round(min(width, self.most) / NANOSECOND)
        least, most = math.ceil(self.least / NANOSECOND - 1e-6), math.floor(self.most / NANOSECOND + 1e-6)
        if whole < least:
            return least * NANOSECOND if 2 * width >= least * NANOSECOND else 0.0
        # 100 * 1e-9 is above 100e-9 by its last bit: an envelope would refuse it.
        return min(min(whole, most) * NANOSECOND, self.most)


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is not known when a pulse is chosen.

    Args:
        start: standard deviation of the start (levels).
        rate: relative standard deviation of the rate.
        write: standard deviation of a step of one level at level 0 (levels; published Ru-azo: 0.0509).
        write_rise: what it gains up to level 16,519 (published: 0.0758).
    """

    start: Levels = 0.0
    rate: Fraction = 0.0
    write: Levels = 0.0
    write_rise: Levels = 0.0


@dataclass(frozen=True, slots=True)
class ChosenPulse:
    """One pulse, or none.

    Args:
        amplitude: V, with sign.
        width: s; 0: the cell is nearer without a pulse.
        moves: how far it should lead (levels, with sign).
        misses: how far from the target that is, by rounding and limits alone (levels, with sign).
        write_sigma: scatter that the write adds (levels).
        sigma: standard deviation of where the cell ends (levels), everything but `misses`.
    """

    amplitude: Volts
    width: Seconds
    moves: Levels
    misses: Levels
    write_sigma: Levels
    sigma: Levels

    @property
    def error(self) -> float:
        """Root mean square error to expect (levels)."""
        return math.hypot(self.misses, self.sigma)


@dataclass(frozen=True, slots=True)
class LearnedRate:
    """A rate learned from moves.

    Args:
        rate: levels per s.
        sigma: its relative standard deviation.
        moves: how many it comes from.
    """

    rate: float
    sigma: float
    moves: int


@dataclass(frozen=True, slots=True)
class AmplitudeLaw:
    """How the rate depends on the amplitude, by the softplus law of the published compact model of the Ru-azo film.

    rate = scale (s |tanh(V/Vs)| / (Vr - Vt))^a with s = Vs ln(1 + e^((|V| - Vt)/Vs)); Vr is the reference amplitude of
    the polarity, a gains up to b above the potentiating one. Only ratios of rates are used: the scale is learned.
    All figures are the model's, for the Ru-azo film.
    """

    threshold: Volts = 0.466409
    softness: Volts = 0.103776
    exponent: float = 0.931756
    rise: float = 0.125186
    up: Volts = 0.90
    down: Volts = -0.75

    def relative(self, amplitude: float) -> float:
        """Return the rate at `amplitude` (V, with sign) as a share of that at the polarity's reference amplitude."""
        reference = self.up if amplitude > 0 else self.down
        return self._drive(amplitude) / self._drive(reference)

    def _drive(self, amplitude: float) -> float:
        size = abs(amplitude)
        over = float(np.logaddexp(0.0, (size - self.threshold) / self.softness)) * self.softness
        sure = (1 + math.tanh(amplitude / self.softness)) / 2
        reference = sure * self.up - (1 - sure) * self.down
        exponent = self.exponent
        if amplitude > self.up:
            exponent += self.rise * math.tanh((amplitude - self.up) / (self.up - self.threshold))
        return (over * math.tanh(size / self.softness) / (reference - self.threshold)) ** exponent


def choose_width(
    start: float,
    target: float,
    amplitude: float,
    travel: TravelTime,
    doubts: Doubts | None = None,
    limits: WidthLimits | None = None,
) -> ChosenPulse:
    """Return the pulse of `amplitude` (V, its sign that of the move) that leads nearest to `target` (levels)."""
    direction = _direction(start, target, amplitude)
    wanted = travel.time_between(start, target) if direction else 0.0
    width = (limits or WidthLimits()).nearest(wanted)
    reached = travel.level_after(start, direction * width) if width else start
    return _judged(amplitude, width, start, reached, target, doubts or Doubts())


def choose_height(
    start: float,
    target: float,
    width: float,
    travel: TravelTime,
    highest: float,
    *,
    law: AmplitudeLaw | None = None,
    step: float = 1e-6,
    doubts: Doubts | None = None,
) -> ChosenPulse:
    """Return the pulse of `width` (s) whose height leads nearest to `target` (levels).

    Args:
        start: level before.
        target: level wanted.
        width: of the pulse (s); whole nanoseconds.
        travel: of the move's direction, learned at the law's reference amplitude.
        highest: magnitude that is not exceeded (V).
        law: None: the published one.
        step: of the board's converter, or 1 uV, in which it is told amplitudes (V).
        doubts: as for `choose_width`.
    """
    positive(width, "a width")
    positive(highest, "the highest amplitude")
    positive(step, "the step of an amplitude")
    law, doubts = law or AmplitudeLaw(), doubts or Doubts()
    sign = math.copysign(1.0, target - start)
    wanted = travel.time_between(start, target) / width
    most = math.floor(highest / step + 1e-9) * step
    # At half the threshold the rate is a hundredth of the reference's: below, nothing is written on purpose.
    least = math.ceil(law.threshold / 2 / step) * step
    if most <= least:
        raise ParameterError(
            f"an amplitude of {highest:g} V at most writes nothing: the threshold is {law.threshold:g} V"
        )
    shares = [law.relative(sign * size) for size in (least, most)]
    if wanted <= shares[0] / 2:
        return _judged(sign * least, 0.0, start, start, target, doubts)
    if wanted <= shares[0]:
        size = least
    elif wanted >= shares[1]:
        size = most
    else:
        size = float(brentq(lambda size: law.relative(sign * size) - wanted, least, most, xtol=step / 100))
    amplitude = sign * min(round(size / step) * step, most)
    reached = travel.level_after(start, sign * width * law.relative(amplitude))
    return _judged(amplitude, width, start, reached, target, doubts)


def write_scatter(start: float, target: float, write: float, rise: float = 0.0, last: float = 16_519.0) -> float:
    """Return the standard deviation (levels) that steps between two levels add up to.

    The step of one level scatters by `write` + `rise` * level / `last`; steps are independent, so that their variances
    add up: the integral of that squared.
    """
    positive(last, "the last level")
    low, high = sorted((start / last, target / last))
    third = write * write * (high - low) + write * rise * (high**2 - low**2) + rise**2 * (high**3 - low**3) / 3
    return math.sqrt(max(0.0, last * third))


def learn_rate(distances: ArrayLike, widths: ArrayLike, read_sigma: float, write_sigma: float) -> LearnedRate | None:
    """Return the rate of a cell from pulses and how far each led it, weighted by how well that is known.

    Args:
        distances: levels moved, in the direction of the pulses, shape (n,).
        widths: pulse time of each move (s), shape (n,).
        read_sigma: standard deviation of one read (levels); a distance has two.
        write_sigma: standard deviation of a step of one level (levels).

    Returns:
        None if nothing moved.
    """
    moved, time = finite_points(distances, widths)
    if not len(moved) or bool((time <= 0).any()) or moved.sum() <= 0:
        return None
    first = float(moved.sum() / time.sum())
    variance = 2 * read_sigma**2 + write_sigma**2 * first * time
    # Without any scatter given, all moves count alike.
    weight = 1 / variance if bool((variance > 0).all()) else np.ones(len(moved))
    square = float(weight @ time**2)
    rate = float(weight @ (moved * time)) / square
    spread = float(weight**2 @ (time**2 * variance)) / square**2
    return LearnedRate(rate, math.sqrt(spread) / rate, len(moved)) if rate > 0 else None


def _direction(start: float, target: float, amplitude: float) -> float:
    if not all(math.isfinite(value) for value in (start, target, amplitude)) or amplitude == 0:
        raise ParameterError("levels and amplitudes are finite, and an amplitude is not 0")
    if (target - start) * amplitude < 0:
        raise ParameterError(f"a pulse of {amplitude:g} V does not lead from level {start:g} to {target:g}")
    return math.copysign(1.0, amplitude) if target != start else 0.0


def _judged(amplitude: float, width: float, start: float, reached: float, target: float, doubts: Doubts) -> ChosenPulse:
    scatter = write_scatter(start, reached, doubts.write, doubts.write_rise) if width else 0.0
    unsure = doubts.rate * abs(reached - start)
    return ChosenPulse(
        amplitude=amplitude,
        width=width,
        moves=reached - start,
        misses=reached - target,
        write_sigma=scatter,
        sigma=math.sqrt(scatter**2 + unsure**2 + doubts.start**2),
    )
