"""A hidden Markov model of two states with normal noise, fitted to a trace (Baum and Welch; Viterbi)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_ROUNDS = 60
_ENOUGH = 1e-5
"""Change of the levels, in deviations of the trace, at which the fit has settled."""
_RAREST, _OFTENEST = 1e-6, 0.95
"""Least and largest probability of a change of state that are computed with."""


@dataclass(frozen=True, slots=True)
class TwoStates:
    """What a trace switches between.

    Args:
        low: the lower level.
        high: the upper one.
        noise: standard deviation about either.
        leave_low: probability of leaving the lower one from a reading to the next.
        leave_high: probability of leaving the upper one.
        share_high: share of the readings in the upper one.
        switches: changes of level on the most probable course.
    """

    low: float
    high: float
    noise: float
    leave_low: float
    leave_high: float
    share_high: float
    switches: int


def fit_two_states(trace: Array) -> TwoStates:
    """Return the model of a trace, which has two readings at least and not all equal; shape (n,).

    The start is a cut that separates the readings best (Otsu); dwells shorter than a reading do not show.
    """
    low, high, noise = _cut(trace)
    leave_low = leave_high = 0.1
    upper = np.zeros(len(trace))
    for _ in range(_ROUNDS):
        upper, up, down = _expect(*_evidence(trace, low, high, noise), leave_low, leave_high)
        weight = float(upper.sum())
        rest = len(trace) - weight
        if min(weight, rest) < 1e-9:
            break
        before = low, high
        high, low = float(upper @ trace) / weight, float((1 - upper) @ trace) / rest
        variance = float(upper @ (trace - high) ** 2 + (1 - upper) @ (trace - low) ** 2) / len(trace)
        noise = math.sqrt(max(variance, 1e-12 * float(np.ptp(trace)) ** 2))
        leave_low = min(max(up / max(rest - (1 - upper[-1]), _RAREST), _RAREST), _OFTENEST)
        leave_high = min(max(down / max(weight - upper[-1], _RAREST), _RAREST), _OFTENEST)
        if max(abs(low - before[0]), abs(high - before[1])) < _ENOUGH * float(trace.std()):
            break
    course = _course(*_evidence(trace, low, high, noise), leave_low, leave_high)
    if low > high:
        low, high, leave_low, leave_high, upper = high, low, leave_high, leave_low, 1 - upper
    switches = sum(first != second for first, second in pairwise(course))
    return TwoStates(low, high, noise, leave_low, leave_high, float(upper.mean()), switches)


def _cut(trace: Array) -> tuple[float, float, float]:
    """Return the means below and above the cut that leaves the least variance, and its root."""
    ordered = np.sort(trace)
    count = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)
    below, above = sums[:-1] / count, (sums[-1] - sums[:-1]) / (len(ordered) - count)
    place = int(np.argmax(count * (len(ordered) - count) * (above - below) ** 2))
    low, high = float(below[place]), float(above[place])
    left = float(((ordered[: place + 1] - low) ** 2).sum() + ((ordered[place + 1 :] - high) ** 2).sum())
    return low, high, math.sqrt(left / len(ordered)) + 1e-6 * float(np.ptp(trace))


def _evidence(trace: Array, low: float, high: float, noise: float) -> tuple[list[float], list[float]]:
    """Return the likelihoods of each reading in the lower and in the upper state, the larger of them 1."""
    difference = ((trace - low) ** 2 - (trace - high) ** 2) / (2 * noise**2)
    lower, upper = np.exp(-np.maximum(difference, 0.0)), np.exp(np.minimum(difference, 0.0))
    return np.maximum(lower, 1e-300).tolist(), np.maximum(upper, 1e-300).tolist()


def _expect(lower: list[float], upper: list[float], leave_low: float, leave_high: float) -> tuple[Array, float, float]:
    """Return the probability of the upper state at each reading, and the expected changes up and down."""
    forward: list[float] = []
    now = leave_low / (leave_low + leave_high)
    for low, high in zip(lower, upper, strict=True):
        top = now * high
        now = top / (top + (1 - now) * low)
        forward.append(now)
        now = now * (1 - leave_high) + (1 - now) * leave_low
    after_low = after_high = 0.5
    smooth = [forward[-1]]
    up = down = 0.0
    for index in range(len(lower) - 1, 0, -1):
        low, high = lower[index] * after_low, upper[index] * after_high
        now = forward[index - 1]
        stay_high, leaves_high = now * (1 - leave_high) * high, now * leave_high * low
        stay_low, leaves_low = (1 - now) * (1 - leave_low) * low, (1 - now) * leave_low * high
        total = stay_high + leaves_high + stay_low + leaves_low
        up += leaves_low / total
        down += leaves_high / total
        smooth.append((stay_high + leaves_high) / total)
        new_low, new_high = (1 - leave_low) * low + leave_low * high, (1 - leave_high) * high + leave_high * low
        after_low, after_high = new_low / (new_low + new_high), new_high / (new_low + new_high)
    return np.array(smooth[::-1]), up, down


def _course(lower: list[float], upper: list[float], leave_low: float, leave_high: float) -> list[bool]:
    """Return the most probable course: whether each reading is in the upper state."""
    stay_low, stay_high = math.log1p(-leave_low), math.log1p(-leave_high)
    go_up, go_down = math.log(leave_low), math.log(leave_high)
    at_low, at_high = math.log(lower[0]), math.log(upper[0])
    came: list[tuple[bool, bool]] = []
    for low, high in zip(lower[1:], upper[1:], strict=True):
        from_high = (at_high + go_down > at_low + stay_low, at_high + stay_high > at_low + go_up)
        came.append(from_high)
        at_low, at_high = (
            math.log(low) + (at_high + go_down if from_high[0] else at_low + stay_low),
            math.log(high) + (at_high + stay_high if from_high[1] else at_low + go_up),
        )
    state = at_high > at_low
    course = [state]
    for to_low, to_high in reversed(came):
        state = to_high if state else to_low
        course.append(state)
    return course[::-1]
