"""The amplifiers and converters that read one side of the array."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.front_end.board_errors import (
    BOLTZMANN,
    FEEDBACK_VOLTAGE,
    PEAK_SHARE,
    RANGE_USED,
    TEMPERATURE,
)
from sim_backend.front_end.curves import SmoothCurves
from sim_backend.front_end.interface import Calibration
from sim_backend.front_end.kinds import KEYS, FrontEndKind
from sim_backend.noise.keyed import KeyedNoise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.front_end.board_errors import BoardErrors
    from sim_backend.front_end.interface import Array, Lines

SMALLEST_SHARE = 0.99
"""Share of the smallest range up to which nobody needs to look whether it holds a current: more than gain errors
(0.05 %) and noise take."""


class Readers:
    """The readers of one side: transimpedance amplifier, converter, and the coefficients that correct them.

    Args:
        errors: how large they are.
        keys: of the lines, shape (lines,).
        g_max: of the die, which the ranges fit (S).
        calibrated: at the factory.
        seed: of the board.
    """

    def __init__(self, errors: BoardErrors, keys: Lines, g_max: float, calibrated: bool, seed: int) -> None:
        self._errors = errors
        full_scales = np.array(errors.full_scales(g_max))
        self._full_scales = full_scales
        self._largest = float(full_scales[-1])
        self._used = full_scales * RANGE_USED
        # The largest range has no next one: it is used up to its end.
        self._used[-1] = self._largest
        self._step_share = 2.0 / 2**errors.bits
        self._curves = SmoothCurves(keys, seed, FrontEndKind.READER_CURVE)
        once = np.zeros_like(keys)
        built = errors.path_gain / math.sqrt(2) * KeyedNoise(seed, FrontEndKind.READER_GAIN, KEYS).normal(keys, once)
        self._gain = 1 + built
        deviation = errors.amplifier_offset_left if calibrated else errors.amplifier_offset
        self._offset = deviation * KeyedNoise(seed, FrontEndKind.READER_OFFSET, KEYS).normal(keys, once)
        self.calibration = Calibration.none(len(keys))
        if calibrated:
            left = errors.path_gain_left / math.sqrt(2)
            missed = left * KeyedNoise(seed, FrontEndKind.READER_GAIN_LEFT, KEYS).normal(keys, once)
            self.calibration.gain[:] = self._gain * (1 + missed)

    @property
    def smallest_range(self) -> float:
        """Largest current (A) that the smallest range holds, with room for gain and offset."""
        return SMALLEST_SHARE * float(self._used[0])

    def signal(self, readers: Lines, current: Array, hanging: float | Array) -> Array:
        """Return what the amplifiers of `readers` pass on of a current (A): their gain and offset are in it.

        Args:
            readers: shape (n,).
            current: shape (..., n) (A).
            hanging: conductance on the line, which turns the offset voltage into a current (S).
        """
        passed: Array = self._gain[readers] * (current + self._offset[readers] * hanging)
        return passed

    def holding_range(self, magnitude: Array) -> Array:
        """Return the full scale (A) of the smallest range that holds each magnitude (A), the largest if none does."""
        index = np.minimum(np.searchsorted(self._used, magnitude), len(self._used) - 1)
        full_scales: Array = self._full_scales[index]
        return full_scales

    def saturates(self, signal: Array, peak: Array | None = None) -> NDArray[np.bool_]:
        """Return where even the largest range does not hold a signal, or its peak within a slot (A)."""
        over: NDArray[np.bool_] = np.abs(signal) > self._largest
        return over if peak is None else over | (np.abs(peak) * PEAK_SHARE > self._largest)

    def noise_variance(self, full_scale: Array, hanging: float | Array, driven: float | Array, width: float) -> Array:
        """Return the variance (A^2) of one conversion's noise, before it is rounded.

        Args:
            full_scale: of each reader's range (A).
            hanging: conductance on the line (S).
            driven: conductance that passes on noise of drivers which is not shared between readers (S).
            width: noise bandwidth (Hz).
        """
        errors = self._errors
        # Of a resistance R = FEEDBACK_VOLTAGE / full_scale: 4kT/R.
        thermal = errors.johnson * 4 * BOLTZMANN * TEMPERATURE / FEEDBACK_VOLTAGE
        density = (errors.amplifier_noise * hanging) ** 2 + (errors.driver_noise * driven) ** 2 + thermal * full_scale
        variance: Array = density * width + (errors.converter_noise * full_scale) ** 2
        return variance

    def convert(
        self, readers: Lines, signal: Array, full_scale: Array, variance: Array, normal: Array, conversions: int
    ) -> Array:
        """Return the mean of some conversions, corrected with the stored coefficients (A).

        The converter's own noise spreads a signal over its steps, so roundings of different conversions are
        independent, and their mean is a multiple of a step's part. Rounding the mean to this finer grid leaves
        less error than rounding each conversion: the rest is added to the variance.

        Args:
            readers: shape (n,).
            signal: what the amplifiers pass on, shape (..., n) (A).
            full_scale: of the range (A).
            variance: of one conversion's noise (A^2).
            normal: a standard normal number for each result.
            conversions: how many are averaged.
        """
        step = full_scale * self._step_share
        inl = self._errors.converter_inl * self._curves.at(readers, signal / full_scale)
        rounding = step * step * ((1 - 1 / conversions) / 12)
        raw = signal + step * inl + np.sqrt((variance + rounding) / conversions) * normal
        grid = step / conversions
        raw = np.rint(raw / grid) * grid
        return self.calibration.correct(readers, np.clip(raw, -self._largest, self._largest))
