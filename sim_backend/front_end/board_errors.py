"""How large the errors of a board's converters and amplifiers are: the `board` preset, and any other board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from labctl.levels import G_MAX

CalibrationState = Literal["factory", "none"]

SAMPLE_TIME: Final = 5e-6
"""From one sample to the next, in s: 200 kSPS (the board's specification)."""
BANDWIDTH: Final = 100e3
"""Of the amplifiers, in Hz: a single pole. Noise is counted over this width, samples as independent (same source)."""
SETTLING_TIME: Final = 30e-6
"""From the routing of lines to the first sample, in s (same source)."""
FEEDBACK_VOLTAGE: Final = 5.0
"""Output of a transimpedance amplifier at full scale, in V: fixes its feedback resistance in each range."""
TEMPERATURE: Final = 300.0
"""Of the feedback resistance, in K (assumption: a warm board)."""
BOLTZMANN: Final = 1.380649e-23
"""J/K (SI, exact)."""
RANGE_USED: Final = 0.999
"""Part of a range that is used before the next one is taken, so that noise finds no end of scale (assumption)."""
PEAK_SHARE: Final = 0.5
"""A product's peak within its slot may reach twice the range that holds the mean (the board's specification)."""


@dataclass(frozen=True, slots=True)
class BoardErrors:
    """Sizes of the errors of a board; each can be set to 0 alone.

    The standard values are the `board` preset: the published noise of parts of this class (18-bit SAR converters,
    zero-drift amplifiers), and what a feasibility study for this die found that 14 bit need. "rms" is a standard
    deviation from line to line.

    Args:
        ranges: full scales of the readers at `g_max` = 5.9 mS; they scale with it (A).
        bits: of the readers' converters, over minus to plus full scale.
        converter_noise: of one sample, in full scales (rms).
        converter_inl: largest integral nonlinearity, in steps of the converter.
        amplifier_noise: voltage noise at the amplifier's input (V/rtHz).
        amplifier_offset: offset voltage at the amplifier's input as built (V rms).
        amplifier_offset_left: what factory calibration leaves of it (V rms).
        driver_span: of the drivers' converters for reads and products, from one end to the other (V).
        driver_bits: of these converters.
        driver_inl: largest integral nonlinearity, in steps of the converter.
        driver_noise: after its filter (V/rtHz).
        path_gain: relative gain error of a path from driver to reader as built, halves of the variance each (rms).
        path_gain_left: what factory calibration leaves of it at `read_voltage`, the driver's INL included (rms).
        read_voltage: at which the factory calibrates (V).
        johnson: 1 with, 0 without the thermal noise of the amplifiers' feedback resistance.
    """

    ranges: tuple[float, ...] = (1.25e-3, 7.1e-3, 20e-3, 40e-3, 80e-3)
    bits: int = 18
    converter_noise: float = 7.1e-6
    converter_inl: float = 1.0
    amplifier_noise: float = 5.2e-9
    amplifier_offset: float = 3e-6
    amplifier_offset_left: float = 0.3e-6
    driver_span: float = 1.0
    driver_bits: int = 16
    driver_inl: float = 1.0
    driver_noise: float = 5e-9
    path_gain: float = 5e-4
    path_gain_left: float = 5e-6
    read_voltage: float = 0.2
    johnson: float = 1.0

    @classmethod
    def none(cls) -> BoardErrors:
        """Return every error at 0, with converters so fine that their steps show nowhere."""
        return cls(
            bits=48, converter_noise=0.0, converter_inl=0.0, amplifier_noise=0.0, amplifier_offset=0.0,
            amplifier_offset_left=0.0, driver_inl=0.0, driver_noise=0.0, path_gain=0.0, path_gain_left=0.0, johnson=0.0,
        )  # fmt: skip

    def full_scales(self, g_max: float) -> tuple[float, ...]:
        """Return the full scales (A) of the readers of a die whose last level is `g_max` (S)."""
        return tuple(value * (g_max / G_MAX) for value in self.ranges)
