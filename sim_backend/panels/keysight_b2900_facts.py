"""Models, ranges, limits and times of the Keysight B2900A series.

Source, where no other is named: SCPI command reference B2910-90030 (edition 2, 2011; where that leaves a gap, the
edition for the sister models B2961A/B2962A), user's guide and data sheet of the B2900A series. What no public
document says is marked as an assumption; where the number of an error of the maker's own is not known, the nearest
SCPI number stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CURRENT_RANGES: Final = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1.5, 3.0)
"""Source and measure ranges in A; the 10 A range is for pulses only and not modelled."""
VOLTAGE_RANGES: Final = (0.2, 2.0, 20.0, 200.0)
"""Source and measure ranges in V."""
SOURCE_REACH: Final = 1.05
"""What a range sources, as a multiple of its name; `HIGH_CURRENT_SOURCE_REACH` from 1.5 A on."""
HIGH_CURRENT_SOURCE_REACH: Final = 1.01
MEASURE_REACH: Final = 1.06
"""What a range measures, as a multiple of its name; `HIGH_CURRENT_MEASURE_REACH` from 1.5 A on."""
HIGH_CURRENT_MEASURE_REACH: Final = 1.02
HIGH_CURRENT: Final = 1.5
"""A: the lowest of the ranges with less reach."""
LARGEST_VOLTAGE: Final = 210.0
"""V."""
LARGEST_CURRENT: Final = 3.03
"""A."""
ENVELOPE: Final = ((6.0, 3.03), (21.0, 1.515), (LARGEST_VOLTAGE, 0.105))
"""Largest current (A) up to each voltage (V), for direct current."""
SMALLEST_CURRENT_LIMIT: Final = 1e-10
"""A (assumption: 1 % of the lowest range)."""
SMALLEST_VOLTAGE_LIMIT: Final = 2e-3
"""V (assumption: 1 % of the lowest range)."""
DEFAULT_CURRENT_LIMIT: Final = 1e-4
"""A."""
DEFAULT_VOLTAGE_LIMIT: Final = 2.0
"""V."""
OFF_CURRENT_LIMIT: Final = 1e-4
"""A: limit of the 0 V that the output-off mode ZERO sources."""
INTERLOCKED_VOLTAGE: Final = 42.0
"""V: beyond it the interlock must be closed."""
RELAY_TIME: Final = 10e-3
"""s until the output switch has settled (assumption)."""
SHORTEST_APERTURE: Final = 8e-6
"""s."""
LONGEST_APERTURE: Final = 2.0
"""s."""
DEFAULT_CYCLES: Final = 0.1
"""Integration time in power line cycles."""
CONVERSION_OVERHEAD: Final = 10e-6
"""s around one conversion (assumption: the shortest trigger interval of the data sheet)."""
SHORTEST_INTERVAL: Final = 10e-6
"""s between two triggers of a B2911A or B2912A."""
SHORTEST_INTERVAL_OF_LOWER_MODELS: Final = 20e-6
"""s between two triggers of a B2901A or B2902A."""
LONGEST_TIME: Final = 1e5
"""s of trigger delays and intervals."""
MEASURE_WAITS: Final = {1e-8: 10e-3, 1e-7: 10e-3, 1e-6: 500e-6, 1e-5: 250e-6, 1e-4: 250e-6}
"""s of automatic measurement wait by current range; `LEAST_MEASURE_WAIT` on the others.

Assumption: the command reference calls them fixed and gives no figure; these are the data sheet's settling times.
"""
LEAST_MEASURE_WAIT: Final = 80e-6
"""s."""
SHORTEST_PULSE: Final = 50e-6
"""s."""
LONGEST_PULSE: Final = 99_999.9
"""s."""
SHORTEST_FILTER: Final = 5e-6
"""s: time constant of the output filter, which shapes nothing in the twin (assumption: it is the default)."""
LONGEST_FILTER: Final = 5e-3
"""s."""
MOST_TRIGGERS: Final = 100_000
"""What a trigger or arm count can be."""
ENDLESS: Final = 2_147_483_647
"""The count that stands for no end, as INFinity does."""
MOST_POINTS: Final = 2500
"""Points of a sweep, values of a list."""
MOST_READINGS: Final = 100_000
"""Readings of a trace buffer; assumption: of the data buffer, too."""


class Function(StrEnum):
    """What is sourced or measured, as replies name it."""

    VOLTAGE = "VOLT"
    CURRENT = "CURR"

    @property
    def unit(self) -> str:
        """The letter of its unit."""
        return "V" if self is Function.VOLTAGE else "A"

    @property
    def other(self) -> Function:
        """The function that limits this one when it is sourced."""
        return Function.CURRENT if self is Function.VOLTAGE else Function.VOLTAGE

    @property
    def largest(self) -> float:
        """The largest level that can be sourced, in V or A."""
        return LARGEST_VOLTAGE if self is Function.VOLTAGE else LARGEST_CURRENT

    @property
    def smallest_limit(self) -> float:
        """The smallest compliance that can be set, in V or A."""
        return SMALLEST_VOLTAGE_LIMIT if self is Function.VOLTAGE else SMALLEST_CURRENT_LIMIT

    def resolution(self, full_range: float) -> float:
        """Return the step of a reading in a range, in V or A."""
        if self is Function.VOLTAGE:
            return 5e-7 * full_range
        return {1.5: 1e-6, 3.0: 1e-5}.get(full_range, 1e-6 * full_range)


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the series.

    Args:
        name: as `*IDN?` has it.
        channels: how many it has.
        lowest_current: its lowest current range in A.
        shortest_interval: between two triggers, in s.
    """

    name: str
    channels: int
    lowest_current: float
    shortest_interval: float

    def ranges(self, function: Function) -> tuple[float, ...]:
        """Return the ranges of a function, lowest first."""
        if function is Function.VOLTAGE:
            return VOLTAGE_RANGES
        return tuple(entry for entry in CURRENT_RANGES if entry >= self.lowest_current)

    def neighbour(self, function: Function, full_range: float, up: bool) -> float:
        """Return the next higher or lower range; at the end the range itself (assumption: it is no error)."""
        ranges = self.ranges(function)
        place = ranges.index(full_range) + (1 if up else -1)
        return ranges[min(max(place, 0), len(ranges) - 1)]

    def source_range(self, function: Function, level: float) -> float:
        """Return the lowest range that sources `level`, the highest if none does."""
        ranges = self.ranges(function)
        return next((entry for entry in ranges if sources(function, level, entry)), ranges[-1])

    def measure_range(self, function: Function, value: float) -> float:
        """Return the lowest range that measures `value`, the highest if none does."""
        ranges = self.ranges(function)
        return next((entry for entry in ranges if measures(function, value, entry)), ranges[-1])

    def named_range(self, function: Function, value: float) -> float:
        """Return the lowest range whose name is not below `value`, the highest if there is none."""
        ranges = self.ranges(function)
        return next((entry for entry in ranges if abs(value) <= entry * (1 + 1e-12)), ranges[-1])


MODELS: Final = {
    model.name: model
    for model in (
        Model("B2901A", 1, 1e-7, SHORTEST_INTERVAL_OF_LOWER_MODELS),
        Model("B2902A", 2, 1e-7, SHORTEST_INTERVAL_OF_LOWER_MODELS),
        Model("B2911A", 1, 1e-8, SHORTEST_INTERVAL),
        Model("B2912A", 2, 1e-8, SHORTEST_INTERVAL),
    )
}


def sources(function: Function, level: float, full_range: float) -> bool:
    """Return whether a range sources `level`; decimal figures at its very end do."""
    high = function is Function.CURRENT and full_range >= HIGH_CURRENT
    return abs(level) <= (HIGH_CURRENT_SOURCE_REACH if high else SOURCE_REACH) * full_range * (1 + 1e-12)


def measures(function: Function, value: float, full_range: float) -> bool:
    """Return whether a range measures `value`."""
    high = function is Function.CURRENT and full_range >= HIGH_CURRENT
    return abs(value) <= (HIGH_CURRENT_MEASURE_REACH if high else MEASURE_REACH) * full_range * (1 + 1e-12)


def possible(voltage: float, current: float) -> bool:
    """Return whether a voltage (V) and a current (A) can be had together."""
    largest = next((limit for reach, limit in ENVELOPE if abs(voltage) <= reach * (1 + 1e-12)), 0.0)
    return abs(current) <= largest * (1 + 1e-12)


def measure_wait(current_range: float) -> float:
    """Return the automatic measurement wait in s, by current range in A."""
    return MEASURE_WAITS.get(current_range, LEAST_MEASURE_WAIT)


def nr3(value: float) -> str:
    """Return a number as replies have it; assumption: settings have the digits that the reference shows of data."""
    return f"{value:+.6E}"


def register_text(bits: int, form: str) -> str:
    """Return a bit pattern as `:FORMat:SREGister` and `:FORMat:DIGital` say: ASC, BIN, HEX or OCT."""
    return {"ASC": f"{bits}", "BIN": f"#B{bits:b}", "HEX": f"#H{bits:X}", "OCT": f"#Q{bits:o}"}[form]
