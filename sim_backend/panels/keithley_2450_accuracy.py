"""Accuracy of the 2450: what its data sheet guarantees, range by range.

Source: data sheet SPEC-2450 Rev. A, July 2013: one year, 23 +- 5 degrees C, at 1 power line cycle, properly zeroed.
Marked as assumptions: what it does not say.
"""

from __future__ import annotations

from typing import Final

from sim_backend.front_end.meter_accuracy import MeterAccuracy, RangeAccuracy, Specification
from sim_backend.panels.keithley_2450_facts import Function

NOISE_FLOOR: Final = 0.21
"""Part of the noise over one cycle that is left however long a reading integrates.

Assumption: as in the data of the 2015 multimeter of the same maker, 4 uV over 1 cycle and 1.5 uV over 10.
"""
LINE_REJECTION: Final = 1e-3
"""Normal mode rejection of 60 dB over whole power line cycles (typical); none is given below one cycle."""

_CURRENT_SOURCE: Final = (
    RangeAccuracy(1e-8, 0.100e-2, 100e-12, resolution=500e-15),
    RangeAccuracy(1e-7, 0.060e-2, 150e-12, resolution=5e-12),
    RangeAccuracy(1e-6, 0.025e-2, 400e-12, resolution=50e-12),
    RangeAccuracy(1e-5, 0.025e-2, 1.5e-9, resolution=500e-12),
    RangeAccuracy(1e-4, 0.020e-2, 15e-9, resolution=5e-9),
    RangeAccuracy(1e-3, 0.020e-2, 150e-9, resolution=50e-9),
    RangeAccuracy(1e-2, 0.020e-2, 1.5e-6, resolution=500e-9),
    RangeAccuracy(1e-1, 0.025e-2, 15e-6, resolution=5e-6),
    RangeAccuracy(1.0, 0.067e-2, 900e-6, resolution=50e-6),
)
_VOLTAGE_SOURCE: Final = (
    RangeAccuracy(0.02, 0.100e-2, 200e-6, resolution=500e-9),
    RangeAccuracy(0.2, 0.015e-2, 200e-6, resolution=5e-6),
    RangeAccuracy(2.0, 0.020e-2, 300e-6, resolution=50e-6),
    RangeAccuracy(20.0, 0.015e-2, 2.4e-3, resolution=500e-6),
    RangeAccuracy(200.0, 0.015e-2, 24e-3, resolution=5e-3),
)
# The data sheet gives noise only of what is sourced (rms, below 10 Hz). Assumption: what is measured in the same range
# over 1 cycle has as much, as the loop that holds a sourced value compares it with the measured one.
_CURRENT_MEASURE: Final = (
    RangeAccuracy(1e-8, 0.10e-2, 50e-12, noise=500e-15),
    RangeAccuracy(1e-7, 0.060e-2, 100e-12, noise=500e-15),
    RangeAccuracy(1e-6, 0.025e-2, 300e-12, noise=5e-12),
    RangeAccuracy(1e-5, 0.025e-2, 700e-12, noise=40e-12),
    RangeAccuracy(1e-4, 0.02e-2, 6e-9, noise=400e-12),
    RangeAccuracy(1e-3, 0.02e-2, 60e-9, noise=5e-9),
    RangeAccuracy(1e-2, 0.02e-2, 600e-9, noise=40e-9),
    RangeAccuracy(1e-1, 0.025e-2, 6e-6, noise=100e-9),
    RangeAccuracy(1.0, 0.03e-2, 500e-6, noise=3e-6),
)
_VOLTAGE_MEASURE: Final = (
    RangeAccuracy(0.02, 0.100e-2, 150e-6, noise=1e-6),
    RangeAccuracy(0.2, 0.012e-2, 200e-6, noise=1e-6),
    RangeAccuracy(2.0, 0.012e-2, 300e-6, noise=10e-6),
    RangeAccuracy(20.0, 0.015e-2, 1e-3, noise=100e-6),
    RangeAccuracy(200.0, 0.015e-2, 10e-3, noise=1e-3),
)

SPECIFICATION: Final = Specification(
    source={Function.VOLTAGE: _VOLTAGE_SOURCE, Function.CURRENT: _CURRENT_SOURCE},
    measure={Function.VOLTAGE: _VOLTAGE_MEASURE, Function.CURRENT: _CURRENT_MEASURE},
    noise_floor=NOISE_FLOOR,
    line_rejection=LINE_REJECTION,
)
"""Pickup of the mains is off: its size belongs to a bench, and no source gives one."""


def accuracy_of_2450(seed: int) -> MeterAccuracy:
    """Return the errors and the noise of one 2450."""
    return MeterAccuracy(SPECIFICATION, seed)
