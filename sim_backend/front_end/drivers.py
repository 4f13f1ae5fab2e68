"""The converters that drive one side of the array for reads and products."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.front_end.curves import SmoothCurves
from sim_backend.front_end.kinds import KEYS, FrontEndKind
from sim_backend.noise.keyed import KeyedNoise

if TYPE_CHECKING:
    from sim_backend.front_end.board_errors import BoardErrors
    from sim_backend.front_end.interface import Array, Lines


class Drivers:
    """The drivers of one side.

    Factory calibration trims each driver's gain so that its output is right at the read voltage, the nonlinearity
    there included; at other voltages the nonlinearity shows.

    Args:
        errors: how large they are.
        keys: of the lines, shape (lines,).
        calibrated: at the factory.
        seed: of the board.
    """

    def __init__(self, errors: BoardErrors, keys: Lines, calibrated: bool, seed: int) -> None:
        self._half_span = errors.driver_span / 2
        self._inl = errors.driver_inl * errors.driver_span / 2**errors.driver_bits
        self._curves = SmoothCurves(keys, seed, FrontEndKind.DRIVER_CURVE)
        deviation = (errors.path_gain_left if calibrated else errors.path_gain) / math.sqrt(2)
        kind = FrontEndKind.DRIVER_GAIN_LEFT if calibrated else FrontEndKind.DRIVER_GAIN
        self._gain = 1 + deviation * KeyedNoise(seed, kind, KEYS).normal(keys, np.zeros_like(keys))
        if calibrated:
            lines = np.arange(len(keys))
            read_voltage = np.full(len(keys), errors.read_voltage)
            self._gain -= self._nonlinearity(lines, read_voltage) / errors.read_voltage

    def voltage(self, lines: Lines, voltage: float | Array) -> Array:
        """Return what `lines`, shape (n,), put out when told `voltage` (V), for all or of shape (..., n)."""
        told: Array = np.asarray(voltage) + np.zeros(lines.shape)
        out: Array = told * self._gain[lines] + self._nonlinearity(lines, told)
        return out

    def _nonlinearity(self, lines: Lines, voltage: Array) -> Array:
        """Return how far (V) the outputs are off a straight line."""
        return self._inl * self._curves.at(lines, voltage / self._half_span)
