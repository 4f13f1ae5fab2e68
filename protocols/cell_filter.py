"""What is known of one cell while it is being programmed: its state and how fast a pulse moves it.

A Kalman filter over (state, gain of potentiation, gain of depression). The state is a conductance in levels; a gain is
in levels per second of pulse. A pulse predicts, a reading corrects; the gain is learned from every burst on the way.
Pure arithmetic: no instrument is asked here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

GAIN_DRIFT = 3e-3
"""Relative change of a gain per square root of a level moved: ours, wide enough for the 7 % by which the slope of the
published Ru-azo curve varies over its range, and for steeper devices to be followed."""
SURPRISE = 6.0
"""An innovation of this many standard deviations means that the model is wrong, not that chance was unkind."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is assumed of a device before it is measured.

    Args:
        potentiation: gain of a positive pulse, levels per s.
        depression: gain of a negative pulse, levels per s.
        gain_spread: relative standard deviation of both.
        write_noise: standard deviation (levels) of a step of one level; grows with the square root of the distance.
    """

    potentiation: float
    depression: float
    gain_spread: float
    write_noise: float


class CellFilter:
    """State and gains of one cell, with their covariance.

    Args:
        prior: what is assumed beforehand.
        state: first reading, in levels.
        variance: of that reading, in levels squared.
    """

    def __init__(self, prior: Prior, state: float, variance: float) -> None:
        self._prior = prior
        self._mean = np.array([state, prior.potentiation, prior.depression])
        self._covariance = np.diag([variance, *self._gain_variances()])

    @property
    def state(self) -> float:
        """Estimated state, in levels."""
        return float(self._mean[0])

    @property
    def sigma(self) -> float:
        """Standard deviation of the estimated state, in levels."""
        return math.sqrt(self._covariance[0, 0])

    def pulse_time(self, distance: float) -> float:
        """Return the pulse time (s) that should move the state by `distance` levels (with sign)."""
        return abs(distance) / float(self._mean[_gain(distance)])

    def moves(self, pulse_time: float, sign: float) -> float:
        """Return by how many levels pulses of `sign` and `pulse_time` (s) in all should move the state."""
        return pulse_time * float(self._mean[_gain(sign)])

    def predict(self, pulse_time: float, sign: float) -> None:
        """Note that pulses of `sign` and `pulse_time` (s) in all were put out."""
        gain = _gain(sign)
        direction = math.copysign(1.0, sign)
        moved = self.moves(pulse_time, sign)
        transition = np.eye(3)
        transition[0, gain] = direction * pulse_time
        self._mean = transition @ self._mean
        self._covariance = transition @ self._covariance @ transition.T
        self._covariance[0, 0] += self._prior.write_noise**2 * moved
        self._covariance[gain, gain] += (GAIN_DRIFT * self._mean[gain]) ** 2 * moved

    def update(self, reading: float, variance: float) -> None:
        """Take a reading (levels) with its variance (levels squared)."""
        innovation = reading - self.state
        spread = float(self._covariance[0, 0]) + variance
        if innovation**2 > SURPRISE**2 * spread:
            self._start_over(reading, variance)
            return
        weight = self._covariance[:, 0] / spread
        self._mean = self._mean + weight * innovation
        self._covariance = self._covariance - np.outer(weight, self._covariance[0, :])
        self._mean[1:] = np.maximum(self._mean[1:], 1e-3 * self._prior_gains())

    def probability_within(self, target: float, tolerance: float) -> float:
        """Return how probable it is that the state lies within `tolerance` levels of `target`."""
        return probability_within(self.state - target, self.sigma, tolerance)

    def _start_over(self, reading: float, variance: float) -> None:
        """Believe the reading, keep the gains as a guess, and be as unsure of them as at the start."""
        self._mean[0] = reading
        self._covariance = np.diag([variance, *self._gain_variances()])

    def _prior_gains(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([self._prior.potentiation, self._prior.depression])

    def _gain_variances(self) -> list[float]:
        return [float(gain * self._prior.gain_spread) ** 2 for gain in self._mean[1:]]


def probability_within(error: float, sigma: float, tolerance: float) -> float:
    """Return the probability that a normal error of mean `error` and deviation `sigma` lies within `tolerance`."""
    scale = max(sigma, 1e-12) * math.sqrt(2.0)
    return 0.5 * (math.erf((tolerance - error) / scale) + math.erf((tolerance + error) / scale))


def _gain(sign: float) -> int:
    """Return the index of the gain that a pulse of `sign` uses."""
    return 1 if sign > 0 else 2
