"""Accuracy of the 2600B family: what the data sheets guarantee, range by range.

Source: data sheet of the 2600B series: one year, 23 +- 5 degrees C, at 1 power line cycle. Marked as assumptions: what
it does not say. The lower NPLC settings add to the noise here; the data sheet adds them to the error as a whole.
"""

from __future__ import annotations

from typing import Final

from sim_backend.front_end.meter_accuracy import MeterAccuracy, RangeAccuracy, Specification
from sim_backend.panels.keithley_2600_facts import FAMILY_2600, Family, Function

NOISE_FLOOR: Final = 0.21
"""Part of the noise over one cycle that is left however long a reading integrates (assumption: as on the 2450)."""
LINE_REJECTION: Final = 1e-3
"""Normal mode rejection of 60 dB over whole power line cycles."""

# Noise is given peak to peak of what is sourced; a sixth of it is taken as rms, and as the noise of a reading in the
# same range over one cycle (assumption). Below 1 nA nothing is given: a fifth of the 1 nA range's.
_HIGH_VOLTAGE_SOURCE: Final = (
    RangeAccuracy(0.2, 0.02e-2, 375e-6, resolution=5e-6),
    RangeAccuracy(2.0, 0.02e-2, 600e-6, resolution=50e-6),
    RangeAccuracy(20.0, 0.02e-2, 5e-3, resolution=500e-6),
    RangeAccuracy(200.0, 0.02e-2, 50e-3, resolution=5e-3),
)
_HIGH_VOLTAGE_MEASURE: Final = (
    RangeAccuracy(0.2, 0.015e-2, 225e-6, noise=3e-6),
    RangeAccuracy(2.0, 0.02e-2, 350e-6, noise=8e-6),
    RangeAccuracy(20.0, 0.015e-2, 5e-3, noise=50e-6),
    RangeAccuracy(200.0, 0.015e-2, 50e-3, noise=0.33e-3),
)
_HIGH_VOLTAGE_CURRENT: Final = (
    RangeAccuracy(1e-10, 0.15e-2, 120e-15, noise=5e-15),
    RangeAccuracy(1e-9, 0.15e-2, 240e-15, noise=25e-15),
    RangeAccuracy(1e-8, 0.15e-2, 3e-12, noise=0.1e-12),
    RangeAccuracy(1e-7, 0.06e-2, 40e-12, noise=0.8e-12),
    RangeAccuracy(1e-6, 0.025e-2, 400e-12, noise=4e-12),
    RangeAccuracy(1e-5, 0.025e-2, 1.5e-9, noise=10e-12),
    RangeAccuracy(1e-4, 0.02e-2, 25e-9, noise=0.5e-9),
    RangeAccuracy(1e-3, 0.02e-2, 200e-9, noise=1e-9),
    RangeAccuracy(1e-2, 0.02e-2, 2.5e-6, noise=33e-9),
    RangeAccuracy(1e-1, 0.02e-2, 20e-6, noise=100e-9),
    RangeAccuracy(1.0, 0.03e-2, 1.5e-3, noise=12e-6),
    RangeAccuracy(1.5, 0.05e-2, 3.5e-3, noise=25e-6),
)
_LOW_VOLTAGE_SOURCE: Final = (
    RangeAccuracy(0.1, 0.02e-2, 250e-6, resolution=5e-6),
    RangeAccuracy(1.0, 0.02e-2, 400e-6, resolution=50e-6),
    RangeAccuracy(6.0, 0.02e-2, 1.8e-3, resolution=50e-6),
    RangeAccuracy(40.0, 0.02e-2, 12e-3, resolution=500e-6),
)
_LOW_VOLTAGE_MEASURE: Final = (
    RangeAccuracy(0.1, 0.015e-2, 150e-6, noise=3e-6),
    RangeAccuracy(1.0, 0.015e-2, 200e-6, noise=8e-6),
    RangeAccuracy(6.0, 0.015e-2, 1e-3, noise=17e-6),
    RangeAccuracy(40.0, 0.015e-2, 8e-3, noise=83e-6),
)
_LOW_VOLTAGE_CURRENT: Final = (
    RangeAccuracy(1e-7, 0.05e-2, 100e-12, noise=0.8e-12),
    RangeAccuracy(1e-6, 0.025e-2, 500e-12, noise=4e-12),
    *_HIGH_VOLTAGE_CURRENT[5:11],
    RangeAccuracy(3.0, 0.05e-2, 3.5e-3, noise=25e-6),
)


def specification_of(family: Family) -> Specification:
    """Return what is guaranteed of a family; the 2611B and its like are taken as the 2636B (assumption)."""
    low = family is FAMILY_2600
    return Specification(
        source={Function.VOLTAGE.value: _LOW_VOLTAGE_SOURCE if low else _HIGH_VOLTAGE_SOURCE},
        measure={
            Function.VOLTAGE.value: _LOW_VOLTAGE_MEASURE if low else _HIGH_VOLTAGE_MEASURE,
            Function.CURRENT.value: _LOW_VOLTAGE_CURRENT if low else _HIGH_VOLTAGE_CURRENT,
        },
        noise_floor=NOISE_FLOOR,
        line_rejection=LINE_REJECTION,
    )


def accuracy_of_2600(family: Family, seed: int) -> MeterAccuracy:
    """Return the errors and the noise of one channel; a current that is sourced is exact, as on the other models."""
    return MeterAccuracy(specification_of(family), seed)
