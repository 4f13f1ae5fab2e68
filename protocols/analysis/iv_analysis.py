"""What a current-voltage curve shows besides its law: rectification, hysteresis, on/off ratio, threshold.

Voltages in V, currents in A. What is below the noise is given as a bound, never as a figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError
from labctl.units import Volts
from protocols.analysis.measured_values import finite_points, positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

SIGMAS = 3.0
"""A current or a change of this many standard deviations is one."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two currents or conductances.

    Args:
        value: the ratio; None where the smaller one is lost in the noise.
        at_least: the ratio is at least this: the larger less two deviations over the smaller and two deviations.
    """

    value: float | None
    at_least: float


@dataclass(frozen=True, slots=True)
class LoopAreas:
    """Areas between the outward and the return branch of a loop, as integrals of I dV (V A).

    Args:
        positive: of the lobe at positive voltages; above 0 where the return branch carries more current (set).
        negative: of the lobe at negative voltages, with the same sign of the current's magnitude.
    """

    positive: float
    negative: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where pulses or steps begin to change a cell.

    Args:
        below: largest magnitude of the voltage (V) up to which nothing changed for sure; 0 if the least one did.
        above: least magnitude (V) from which on every one did.
        value: between the two, where the straight line between their changes passes the criterion (V).
        change: what changed at `above`, in the unit of the changes.
    """

    below: Volts
    above: Volts
    value: Volts
    change: float


def rectification_ratio(voltage: ArrayLike, current: ArrayLike, at: float, noise: float = 0.0) -> Ratio | None:
    """Return |I(+at)| / |I(-at)|.

    The currents are those of the points within 1 % of `at`, averaged, or interpolated between the nearest on either
    side.

    Args:
        voltage: V, shape (n,).
        current: A, shape (n,).
        at: magnitude (V).
        noise: standard deviation of one current (A), in which an offset is counted.

    Returns:
        None if the curve does not reach +at and -at.
    """
    positive(at, "the voltage of a rectification ratio")
    v, i = finite_points(voltage, current)
    forward, reverse = _current_at(v, i, at), _current_at(v, i, -at)
    return None if forward is None or reverse is None else _ratio(abs(forward), abs(reverse), noise)


def on_off_ratio(on: ArrayLike, off: ArrayLike, noise: float = 0.0) -> Ratio | None:
    """Return the mean of `on` over the mean of `off`: currents or conductances of repeated reads.

    Args:
        on: reads of the state that conducts, shape (n,).
        off: reads of the other one, shape (m,).
        noise: standard deviation of a mean.

    Returns:
        None without a read of either.
    """
    (high,), (low,) = finite_points(on), finite_points(off)
    if not len(high) or not len(low):
        return None
    return _ratio(abs(float(high.mean())), abs(float(low.mean())), noise)


def loop_areas(voltage: ArrayLike, current: ArrayLike) -> LoopAreas | None:
    """Return the areas of a loop's lobes: 0 -> +V -> 0 and 0 -> -V -> 0, in either order, once or more (added up).

    Points are joined by straight lines; where one crosses 0 V it is cut there.

    Returns:
        None for fewer than four points, or a loop that does not return to where it began (within 2 % of its width).
    """
    v, i = finite_points(voltage, current)
    if len(v) < 4 or np.ptp(v) == 0 or abs(v[-1] - v[0]) > 0.02 * float(np.ptp(v)):
        return None
    first, last, start, end = v[:-1], v[1:], i[:-1], i[1:]
    slope = np.divide(end - start, last - first, out=np.zeros_like(first), where=last != first)

    def side(low: float, high: float) -> float:
        cut_first, cut_last = np.clip(first, low, high), np.clip(last, low, high)
        mean = start + slope * ((cut_first + cut_last) / 2 - first)
        return float((mean * (cut_last - cut_first)).sum())

    # Outward and back at positive voltages, the integral of I dV is the outward area less that of the return.
    return LoopAreas(positive=-side(0.0, math.inf), negative=-side(-math.inf, 0.0))


def chord_conductances(voltage: ArrayLike, current: ArrayLike, bend: float | None = None) -> tuple[Array, Array]:
    """Return voltages other than 0 (V) and the state there, as the conductance at zero voltage that it amounts to (S).

    Args:
        voltage: V, shape (n,).
        current: A, shape (n,).
        bend: V0 of the conduction law (V), by which the bend of the curve is taken out; None: a straight law.
    """
    v, i = finite_points(voltage, current)
    used = v != 0
    v, i = v[used], i[used]
    return v, i / (v if bend is None else positive(bend, "the bend") * np.sinh(v / bend))


def change_threshold(voltage: ArrayLike, change: ArrayLike, sigma: float, criterion: float = 0.0) -> Threshold | None:
    """Return where changes begin, from changes of a state that voltages of one polarity made.

    A change counts if it exceeds `criterion` and three deviations. A law without a threshold has one here, too: it
    depends on the criterion, which is why it is given.

    Args:
        voltage: of the pulses or steps (V), one polarity, in any order, shape (n,).
        change: of the state by each, in any unit, shape (n,).
        sigma: standard deviation of one change.
        criterion: least change that counts.

    Returns:
        None if nothing changed at the largest voltage, or without a point.
    """
    if not sigma >= 0 or not criterion >= 0:
        raise ParameterError("a deviation and a criterion are not below 0")
    v, moved = finite_points(voltage, change)
    if bool((v > 0).any() and (v < 0).any()):
        raise ParameterError("a threshold is that of one polarity; the voltages are of both")
    order = np.argsort(np.abs(v), kind="stable")
    sizes, moved = np.unique(np.abs(v)), moved[order]
    # Where a voltage was applied more than once, its mean change is what counts.
    groups = np.searchsorted(sizes, np.abs(v)[order])
    counts = np.bincount(groups, minlength=len(sizes))
    means = np.abs(np.bincount(groups, weights=moved, minlength=len(sizes))) / np.maximum(counts, 1)
    least = np.maximum(criterion, SIGMAS * sigma / np.sqrt(np.maximum(counts, 1)))
    quiet = np.flatnonzero(means <= least)
    if not len(sizes) or (len(quiet) and quiet[-1] == len(sizes) - 1):
        return None
    first = int(quiet[-1]) + 1 if len(quiet) else 0
    above = float(sizes[first])
    if first == 0:
        return Threshold(0.0, above, above, float(means[0]))
    below, bar = float(sizes[first - 1]), float(least[first])
    share = (bar - float(means[first - 1])) / float(means[first] - means[first - 1])
    return Threshold(below, above, below + min(max(share, 0.0), 1.0) * (above - below), float(means[first]))


def loop_threshold(voltage: ArrayLike, current: ArrayLike, sigma: float, bend: float | None = None) -> Threshold | None:
    """Return where a quasi-static loop begins to change the state, on the way outward from 0 V of one polarity.

    The state at each point is its chord conductance; a change is the difference of two that follow one another, at the
    later one's voltage.

    Args:
        voltage: V, in the order applied, shape (n,); only rising magnitudes of the first polarity count.
        current: A, shape (n,).
        sigma: standard deviation of one chord conductance (S).
        bend: V0 of the conduction law (V).
    """
    v, state = chord_conductances(voltage, current, bend)
    if len(v) < 3:
        return None
    turn = int(np.argmax(np.abs(v) * (v * v[0] > 0)))
    outward = slice(0, turn + 1)
    return change_threshold(v[outward][1:], np.diff(state[outward]), math.sqrt(2) * sigma) if turn >= 2 else None


def _current_at(v: Array, i: Array, at: float) -> float | None:
    near = np.abs(v - at) <= 0.01 * abs(at)
    if near.any():
        return float(i[near].mean())
    order = np.argsort(v, kind="stable")
    if not len(v) or not v[order[0]] < at < v[order[-1]]:
        return None
    return float(np.interp(at, v[order], i[order]))


def _ratio(large: float, small: float, noise: float) -> Ratio:
    if not noise >= 0:
        raise ParameterError("noise is not below 0")
    seen = small > SIGMAS * noise and small > 0
    bound = max(large - 2 * noise, 0.0)
    most = small + 2 * noise
    return Ratio(large / small if seen else None, bound / most if most > 0 else math.inf)
