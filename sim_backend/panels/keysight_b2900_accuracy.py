"""Accuracy of the B2912A: what its data sheet guarantees, range by range.

Source: data sheet of the B2900A series, one year, 23 +- 5 degrees C, at 1 power line cycle. Marked as assumptions:
what was not read there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sim_backend.front_end.meter_accuracy import DEVIATIONS, MeterAccuracy, RangeAccuracy, Specification
from sim_backend.panels.keysight_b2900_facts import Function

if TYPE_CHECKING:
    from collections.abc import Iterable

NOISE_FLOOR: Final = 0.21
"""Part of the noise over one cycle that is left however long a reading integrates (assumption: as in the 2450)."""
LINE_REJECTION: Final = 1e-3
"""Normal mode rejection of 60 dB over whole power line cycles (assumption)."""
PEAKS: Final = 6.0
"""Peak-to-peak noise in standard deviations (assumption: three to either side)."""

_CURRENTS: Final = (
    # full scale, gain, offset, resolution, noise peak to peak (0.1 Hz to 10 Hz)
    (1e-8, 0.10e-2, 50e-12, 10e-15, 1e-12),
    (1e-7, 0.06e-2, 100e-12, 100e-15, 2e-12),
    (1e-6, 0.025e-2, 500e-12, 1e-12, 10e-12),
    (1e-5, 0.025e-2, 1.5e-9, 10e-12, 100e-12),
    (1e-4, 0.02e-2, 25e-9, 100e-12, 1e-9),
    (1e-3, 0.02e-2, 200e-9, 1e-9, 10e-9),
    (1e-2, 0.02e-2, 2.5e-6, 10e-9, 100e-9),
    (1e-1, 0.02e-2, 20e-6, 100e-9, 1e-6),
    (1.0, 0.03e-2, 1.5e-3, 1e-6, 10e-6),
    (1.5, 0.05e-2, 3.5e-3, 1e-6, 20e-6),
    (3.0, 0.4e-2, 7e-3, 10e-6, 20e-6),
)
_VOLTAGES: Final = (
    (0.2, 0.015e-2, 225e-6, 100e-9, 10e-6),
    (2.0, 0.02e-2, 350e-6, 1e-6, 20e-6),
    (20.0, 0.015e-2, 5e-3, 10e-6, 200e-6),
    (200.0, 0.015e-2, 50e-3, 100e-6, 2e-3),
)
"""Gain, offset and resolution of what is measured.

Assumptions: what is sourced is as accurate and as fine; the noise figures, which belong to sources and were not read
there, are those of readings over one cycle, too.
"""

_DERATING_CYCLES: Final = (0.1, 0.01, 0.001)
_VOLTAGE_DERATING: Final = {0.2: (0.01e-2, 0.05e-2, 0.5e-2)}
_HIGH_VOLTAGE_DERATING: Final = (0.01e-2, 0.02e-2, 0.2e-2)
_CURRENT_DERATING: Final = {1e-8: (0.1e-2, 1e-2, 5e-2), 1e-7: (0.01e-2, 0.1e-2, 1e-2)}
_MIDDLE_CURRENT_DERATING: Final = (0.01e-2, 0.05e-2, 0.5e-2)
_HIGH_CURRENT_DERATING: Final = (0.01e-2, 0.02e-2, 0.2e-2)
"""What shorter integration adds to the limits, as a part of the range, at 0.1, 0.01 and 0.001 cycles."""


def _ranges(rows: Iterable[tuple[float, float, float, float, float]], *, sourced: bool) -> tuple[RangeAccuracy, ...]:
    return tuple(
        RangeAccuracy(full, gain, offset, resolution=resolution)
        if sourced
        else RangeAccuracy(full, gain, offset, noise=peaks / PEAKS)
        for full, gain, offset, resolution, peaks in rows
    )


SPECIFICATION: Final = Specification(
    source={Function.VOLTAGE: _ranges(_VOLTAGES, sourced=True), Function.CURRENT: _ranges(_CURRENTS, sourced=True)},
    measure={Function.VOLTAGE: _ranges(_VOLTAGES, sourced=False), Function.CURRENT: _ranges(_CURRENTS, sourced=False)},
    noise_floor=NOISE_FLOOR,
    line_rejection=LINE_REJECTION,
)
"""Pickup of the mains is off: its size belongs to a bench, and no source gives one."""


def accuracy_of_b2912a(seed: int) -> MeterAccuracy:
    """Return the errors and the noise of one channel of a B2912A; the other models are taken to be as good."""
    return MeterAccuracy(SPECIFICATION, seed)


def derating(function: Function, full_scale: float, cycles: float) -> float:
    """Return what the limits grow by for integration over `cycles` power line cycles, in V or A.

    Between the data sheet's points, and beyond them, the logarithms are interpolated; from one cycle on it is 0.
    """
    if cycles >= 1:
        return 0.0
    shares = _shares(function, full_scale)
    place = 0 if cycles >= _DERATING_CYCLES[1] else 1
    slope = math.log10(shares[place] / shares[place + 1])
    return full_scale * shares[place] * (cycles / _DERATING_CYCLES[place]) ** slope


def effective_cycles(meter: MeterAccuracy, function: Function, full_scale: float, cycles: float) -> float:
    """Return the cycles at which the noise model has the noise of a reading over `cycles`, derating included.

    The derating is read as noise, as many standard deviations as an instrument's other limits.
    """
    extra = derating(function, full_scale, cycles) / DEVIATIONS
    if not extra:
        return cycles
    at_one = meter.deviation(function, full_scale, 1.0)
    wanted = math.hypot(meter.deviation(function, full_scale, cycles), extra) / at_one
    return (1 - NOISE_FLOOR**2) / (wanted**2 - NOISE_FLOOR**2)


def _shares(function: Function, full_scale: float) -> tuple[float, float, float]:
    if function is Function.VOLTAGE:
        return _VOLTAGE_DERATING.get(full_scale, _HIGH_VOLTAGE_DERATING)
    if full_scale >= 1.0:
        return _HIGH_CURRENT_DERATING
    return _CURRENT_DERATING.get(full_scale, _MIDDLE_CURRENT_DERATING)
