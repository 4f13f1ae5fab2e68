"""Accuracy of the 2400: what its data sheet guarantees, range by range.

Source: data sheet SPEC-2400 Rev. H, February 2004: one year, 23 +- 5 degrees C, at 1 power line cycle.
Marked as assumptions: what it does not say.
"""

from __future__ import annotations

from typing import Final

from sim_backend.front_end.meter_accuracy import MeterAccuracy, RangeAccuracy, Specification
from sim_backend.panels.keithley_2400_facts import Function

NOISE_FLOOR: Final = 0.21
"""Part of the noise over one cycle that is left however long a reading integrates (assumption: as in the 2450)."""
LINE_REJECTION: Final = 1e-3
"""Normal mode rejection of 60 dB over whole power line cycles (assumption: as in the 2450)."""

_CURRENT_SOURCE: Final = (
    RangeAccuracy(1e-6, 0.035e-2, 600e-12, resolution=50e-12),
    RangeAccuracy(1e-5, 0.033e-2, 2e-9, resolution=500e-12),
    RangeAccuracy(1e-4, 0.031e-2, 20e-9, resolution=5e-9),
    RangeAccuracy(1e-3, 0.034e-2, 200e-9, resolution=50e-9),
    RangeAccuracy(1e-2, 0.045e-2, 2e-6, resolution=500e-9),
    RangeAccuracy(1e-1, 0.066e-2, 20e-6, resolution=5e-6),
    RangeAccuracy(1.0, 0.27e-2, 900e-6, resolution=50e-6),
)
_VOLTAGE_SOURCE: Final = (
    RangeAccuracy(0.2, 0.02e-2, 600e-6, resolution=5e-6),
    RangeAccuracy(2.0, 0.02e-2, 600e-6, resolution=50e-6),
    RangeAccuracy(20.0, 0.02e-2, 2.4e-3, resolution=500e-6),
    RangeAccuracy(200.0, 0.02e-2, 24e-3, resolution=5e-3),
)
# The data sheet gives noise of what is sourced only, peak to peak from 0.1 to 10 Hz. Assumption: what is measured in
# the same range over 1 cycle has as much, as a sixth of the peak-to-peak value (rms).
_CURRENT_MEASURE: Final = (
    RangeAccuracy(1e-6, 0.029e-2, 300e-12, noise=5e-12 / 6),
    RangeAccuracy(1e-5, 0.027e-2, 700e-12, noise=50e-12 / 6),
    RangeAccuracy(1e-4, 0.025e-2, 6e-9, noise=500e-12 / 6),
    RangeAccuracy(1e-3, 0.027e-2, 60e-9, noise=5e-9 / 6),
    RangeAccuracy(1e-2, 0.035e-2, 600e-9, noise=50e-9 / 6),
    RangeAccuracy(1e-1, 0.055e-2, 6e-6, noise=500e-9 / 6),
    RangeAccuracy(1.0, 0.22e-2, 570e-6, noise=5e-6 / 6),
)
_VOLTAGE_MEASURE: Final = (
    RangeAccuracy(0.2, 0.012e-2, 300e-6, noise=5e-6 / 6),
    RangeAccuracy(2.0, 0.012e-2, 300e-6, noise=50e-6 / 6),
    RangeAccuracy(20.0, 0.015e-2, 1.5e-3, noise=500e-6 / 6),
    RangeAccuracy(200.0, 0.015e-2, 10e-3, noise=5e-3 / 6),
)

SPECIFICATION: Final = Specification(
    source={Function.VOLTAGE: _VOLTAGE_SOURCE, Function.CURRENT: _CURRENT_SOURCE},
    measure={Function.VOLTAGE: _VOLTAGE_MEASURE, Function.CURRENT: _CURRENT_MEASURE},
    noise_floor=NOISE_FLOOR,
    line_rejection=LINE_REJECTION,
)
"""Pickup of the mains is off: its size belongs to a bench, and no source gives one."""


def accuracy_of_2400(seed: int) -> MeterAccuracy:
    """Return the errors and the noise of one 2400."""
    return MeterAccuracy(SPECIFICATION, seed)
