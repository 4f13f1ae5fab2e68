"""Models of the 2600B family: their ranges, limits and delays.

Source, where no other is named: Series 2600B reference manual 2600BS-901-01 (Rev. B 2013 to Rev. F 2021); ranges Rev. F
p. 2-44, operating areas Rev. B p. 4-12 and 4-13, lowest ranges Rev. F p. 9-246, limits of the 40 V models data sheet
SPEC-2602B. What no public page of it says is marked as an assumption. Pulses beyond the operating area (10 A range) are
not modelled, nor a shortest pulse: the manual names none; what the twin's times give is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

SOURCE_FULL_SCALE: Final = 1.01
"""What a range sources, as a multiple of its name (Rev. F p. 2-44)."""
MEASURE_FULL_SCALE: Final = 1.02
"""What a range measures, as a multiple of its name (Rev. F p. 2-44)."""
AUTORANGE_FULL_SCALE: Final = 1.0
"""What a range is chosen for by auto range, as a multiple of its name (Rev. F p. 2-44)."""
OVERFLOW: Final = 9.91e37
"""What a reading beyond the range reads, with its sign; and an element that does not exist, without."""
UNLOCKED_VOLTAGE: Final = 20.0
"""V: a higher range, or a higher voltage limit, needs the interlock on the 200 V models (Rev. F p. 9-250)."""
CONVERSION_OVERHEAD: Final = 50e-6
"""s around one conversion (assumption: from 20,000 readings a second at 0.001 PLC)."""
RANGE_CHANGE_TIME: Final = 100e-6
"""s that a change of the measure range takes beside its delay (assumption)."""
RELAY_TIME: Final = 10e-3
"""s until the output relay has settled after the high-impedance state (assumption)."""
REFERENCE_LIFE: Final = 10.0
"""s after which zero and reference are measured anew (assumption: the manual says "as needed")."""
READING_STEPS: Final = 1e6
"""Steps of a reading in its range (data sheet: 6 1/2 digits; 0.1 fA in the 100 pA range)."""
LEAST_NPLC: Final = 0.001
MOST_NPLC: Final = 25.0
DEDICATED_CAPACITY: Final = 140_000
"""Readings of a dedicated buffer; fewer on the bench when it collects more than readings."""
MOST_READINGS: Final = 2_000_000
"""Readings of all buffers that a script makes (assumption: the manual bounds them by memory)."""
MOST_BUFFERS: Final = 100
"""Such buffers (assumption, as above)."""
MEASURE_DELAYS: Final = {
    1e-10: 1.0,
    1e-9: 1.0,
    1e-8: 150e-3,
    1e-7: 15e-3,
    1e-6: 2e-3,
    1e-5: 1e-3,
    1e-4: 1e-3,
    1e-3: 0.5e-3,
}
"""s of automatic measure delay by current range (assumption: the table of the 2657A; 100 pA as 1 nA)."""
LEAST_MEASURE_DELAY: Final = 0.1e-3
"""s of automatic measure delay on the higher ranges (as above)."""


class Function(Enum):
    """What is sourced or measured; the value is the letter that attribute names end with."""

    VOLTAGE = "v"
    CURRENT = "i"

    @property
    def number(self) -> int:
        """What `source.func` calls it."""
        return 1 if self is Function.VOLTAGE else 0

    @property
    def other(self) -> Function:
        """The function that limits this one when it is sourced."""
        return Function.CURRENT if self is Function.VOLTAGE else Function.VOLTAGE


SOURCE_DELAYS: Final = {
    Function.VOLTAGE: {0.1: 50e-6, 0.2: 50e-6, 1.0: 50e-6, 2.0: 50e-6, 6.0: 110e-6, 20.0: 110e-6, 40.0: 150e-6},
    Function.CURRENT: {
        1e-9: 2.0,
        1e-8: 0.2,
        1e-7: 20e-3,
        1e-6: 2e-3,
        1e-5: 500e-6,
        1e-4: 150e-6,
        1e-3: 100e-6,
    },
}
"""s of automatic source delay by range: the settling times (Rev. F p. 9-241) of data sheet SPEC-2602B.

Assumptions: the 200 V models settle as the 40 V models do in the range of like place; 10 nA and 1 nA go on by decades.
"""
SOURCE_DELAY_ABOVE: Final = {Function.VOLTAGE: 700e-6, Function.CURRENT: 80e-6}
"""s on the ranges beyond (current: SPEC-2602B; 200 V: assumption)."""


@dataclass(frozen=True, slots=True)
class Family:
    """What models with the same source-measure circuit have in common; V, A, s.

    Args:
        voltage_ranges: to source and to measure.
        current_ranges: to source.
        lowest_current_range: to measure; it may lie below what can be sourced.
        largest_current: at up to `full_current_voltage`.
        high_voltage_current: beyond it.
        full_current_voltage: name of the highest voltage range with the full current.
        default_limits: voltage and current limit after a reset.
        smallest_limits: voltage and current limit that can be set (assumption for the 200 V models: a tenth of the
            lowest range, as the data sheet says of the 40 V models).
        auto_measure_delay: `measure.delay` is automatic after a reset.
        has_interlock: an output above 20 V needs it; models without have an output enable line.
    """

    voltage_ranges: tuple[float, ...]
    current_ranges: tuple[float, ...]
    lowest_current_range: float
    largest_current: float
    high_voltage_current: float
    full_current_voltage: float
    default_limits: tuple[float, float]
    smallest_limits: tuple[float, float]
    auto_measure_delay: bool
    has_interlock: bool

    def source_ranges(self, function: Function) -> tuple[float, ...]:
        """Return the ranges that can be sourced, lowest first."""
        return self.voltage_ranges if function is Function.VOLTAGE else self.current_ranges

    def measure_ranges(self, function: Function) -> tuple[float, ...]:
        """Return the ranges that can be measured, lowest first."""
        if function is Function.VOLTAGE or self.lowest_current_range in self.current_ranges:
            return self.source_ranges(function)
        return (self.lowest_current_range, *self.current_ranges)

    def largest(self, function: Function) -> float:
        """Return the largest level and limit."""
        return self.voltage_ranges[-1] if function is Function.VOLTAGE else self.largest_current

    def smallest_limit(self, function: Function) -> float:
        """Return the smallest limit of a function."""
        return self.smallest_limits[0 if function is Function.VOLTAGE else 1]

    def default_limit(self, function: Function) -> float:
        """Return the limit of a function after a reset."""
        return self.default_limits[0 if function is Function.VOLTAGE else 1]


_DECADES: Final = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_HIGH_VOLTAGE: Final = (0.2, 2.0, 20.0, 200.0)

FAMILY_2600: Final = Family(
    (0.1, 1.0, 6.0, 40.0), (*_DECADES, 3.0), 1e-7, 3.0, 1.0, 6.0, (40.0, 1.0), (10e-3, 10e-9), False, False
)
FAMILY_2610: Final = Family(
    _HIGH_VOLTAGE, (*_DECADES, 1.5), 1e-7, 1.5, 0.1, 20.0, (20.0, 0.1), (20e-3, 10e-9), False, True
)
FAMILY_2634: Final = Family(
    _HIGH_VOLTAGE, (1e-9, 1e-8, *_DECADES, 1.5), 1e-9, 1.5, 0.1, 20.0, (20.0, 0.1), (20e-3, 100e-12), True, True
)
FAMILY_2635: Final = Family(
    _HIGH_VOLTAGE, (1e-9, 1e-8, *_DECADES, 1.5), 1e-10, 1.5, 0.1, 20.0, (20.0, 0.1), (20e-3, 100e-12), True, True
)


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the family.

    Args:
        name: as `localnode.model` gives it.
        family: its circuit.
        channels: letters of its source-measure units.
    """

    name: str
    family: Family
    channels: str


MODELS: Final = {
    model.name: model
    for model in (
        Model("2601B", FAMILY_2600, "a"),
        Model("2602B", FAMILY_2600, "ab"),
        Model("2604B", FAMILY_2600, "ab"),
        Model("2611B", FAMILY_2610, "a"),
        Model("2612B", FAMILY_2610, "ab"),
        Model("2614B", FAMILY_2610, "ab"),
        Model("2634B", FAMILY_2634, "ab"),
        Model("2635B", FAMILY_2635, "a"),
        Model("2636B", FAMILY_2635, "ab"),
    )
}


def measure_delay(current_range: float) -> float:
    """Return the automatic measure delay (s) of a current range (A)."""
    return MEASURE_DELAYS.get(current_range, LEAST_MEASURE_DELAY)


def source_delay(function: Function, full_range: float) -> float:
    """Return the automatic source delay (s) of a range (V or A)."""
    return SOURCE_DELAYS[function].get(full_range, SOURCE_DELAY_ABOVE[function])


def holding_range(ranges: tuple[float, ...], value: float, full_scale: float) -> float:
    """Return the lowest range whose full scale holds `value`, the highest if none does."""
    return next((entry for entry in ranges if fits(value, entry, full_scale)), ranges[-1])


def fits(value: float, full_range: float, full_scale: float) -> bool:
    """Return whether a range holds `value`; decimal figures at its very end do."""
    return abs(value) <= full_scale * full_range * (1 + 1e-12)
