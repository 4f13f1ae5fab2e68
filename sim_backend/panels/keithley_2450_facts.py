"""Ranges, delays and limits of the 2450, and the settings it has after `*RST` and at power-up.

Source, where no other is named: 2450 reference manual and data sheet, 2013. What no public document says is
marked as an assumption; where the number of the vendor's own event is not known, the nearest SCPI number stands in.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FULL_SCALE: Final = 1.05
"""What a range sources and measures, as a multiple of its name."""
CURRENT_RANGES: Final = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Source and measure ranges in A."""
VOLTAGE_RANGES: Final = (0.02, 0.2, 2.0, 20.0, 200.0)
"""Source and measure ranges in V."""
RESISTANCE_RANGES: Final = (20.0, 200.0, 2e3, 2e4, 2e5, 2e6, 2e7, 2e8)
"""Measure ranges in ohm."""
LARGEST_CURRENT: Final = 1.05
"""A, up to the 20 V range."""
LARGEST_CURRENT_AT_200V: Final = 0.105
"""A, in the 200 V range: the power envelope is 20 W."""
LARGEST_VOLTAGE: Final = 210.0
"""V."""
LARGEST_VOLTAGE_AT_1A: Final = 21.0
"""V, in the 1 A range."""
SMALLEST_CURRENT_LIMIT: Final = 1e-9
"""A (10 % of the lowest range; later manuals of the family)."""
SMALLEST_VOLTAGE_LIMIT: Final = 0.02
"""V (assumption: the lowest range)."""
LIMIT_FRACTION: Final = 1e-3
"""A limit must exceed this part of a fixed measure range."""
INTERLOCKED_VOLTAGE: Final = 21.0
"""V: what the output may source while the interlock is not asserted (full scale of the 20 V range)."""
OFF_LIMIT_FRACTION: Final = 0.1
"""Current limit of the normal output-off state, as a part of the present current range."""
RELAY_TIME: Final = 15e-3
"""s until the output relay has settled after the high-impedance state."""
AUTO_DELAYS: Final = {1e-8: 50e-3, 1e-7: 50e-3, 1e-6: 3e-3, 1e-5: 2e-3}
"""s of source auto delay by current range; `LEAST_AUTO_DELAY` on the others."""
LEAST_AUTO_DELAY: Final = 1e-3
"""s."""
CURRENT_AUTO_DELAY_AT_1A: Final = 2e-3
"""s of source auto delay of a current source in the 1 A range."""
CONVERSION_OVERHEAD: Final = 150e-6
"""s around one conversion (assumption: from about 3000 readings a second at 0.01 PLC)."""
REFERENCE_LIFE: Final = 10.0
"""s after which zero and reference are measured anew (assumption: the manual says "periodically")."""
CURRENT_RESOLUTION: Final = 1e-6
"""Resolution of a current reading as a part of the range (10 fA in the 10 nA range)."""
VOLTAGE_RESOLUTION: Final = 5e-7
"""Resolution of a voltage reading as a part of the range (10 nV in the 20 mV range)."""
OVERFLOW: Final = 9.9e37
"""What a reading beyond the range is printed as, with its sign."""
DEFAULT_CAPACITY: Final = 100_000
"""Readings of a default buffer (assumption: firmware 1.7; the first firmware held 10,000)."""
USER_DELAYS: Final = 5
"""Delays of a source and of a measure function that a trigger model can use."""
LIMIT_TESTS: Final = 2
"""Limit tests of a measure function."""
PROTECTIONS: Final = {f"PROT{level}": float(level) for level in (2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180)}
"""Overvoltage protection settings, in V; NONE does not protect."""


class Function(StrEnum):
    """What is sourced or measured, as replies name it."""

    VOLTAGE = "VOLT"
    CURRENT = "CURR"
    RESISTANCE = "RES"

    @property
    def ranges(self) -> tuple[float, ...]:
        """Its ranges, lowest first."""
        return {"VOLT": VOLTAGE_RANGES, "CURR": CURRENT_RANGES, "RES": RESISTANCE_RANGES}[self.value]

    @property
    def unit(self) -> str:
        """The letters of its unit."""
        return {"VOLT": "V", "CURR": "A", "RES": "OHM"}[self.value]

    @property
    def name_in_replies(self) -> str:
        """What a query for the measure function answers between its quotes."""
        return "RES" if self is Function.RESISTANCE else f"{self.value}:DC"

    @property
    def other(self) -> Function:
        """The function that limits this one when it is sourced."""
        return Function.CURRENT if self is Function.VOLTAGE else Function.VOLTAGE

    def holding_range(self, value: float) -> float:
        """Return the lowest range whose full scale holds `value`, the highest if none does."""
        return next((entry for entry in self.ranges if fits(value, entry)), self.ranges[-1])

    def holding_ranges(self, values: Iterable[float]) -> list[float]:
        """Return the range of each value as `holding_range` does; a sweep has up to a million of them."""
        reaches = [_reach(entry) for entry in self.ranges]
        ranges = (*self.ranges, self.ranges[-1])
        return [ranges[bisect_left(reaches, abs(value))] for value in values]

    def digitise(self, value: float, full_range: float) -> float:
        """Return what the converter makes of `value` in a range: rounded, `OVERFLOW` beyond full scale."""
        if not fits(value, full_range):
            return OVERFLOW if value > 0 else -OVERFLOW
        share = VOLTAGE_RESOLUTION if self is Function.VOLTAGE else CURRENT_RESOLUTION
        resolution = share * full_range
        return round(value / resolution) * resolution


SOURCES: Final = (Function.VOLTAGE, Function.CURRENT)
"""What can be sourced."""


def fits(value: float, full_range: float) -> bool:
    """Return whether a range holds `value`; decimal figures at its very end do."""
    return abs(value) <= _reach(full_range)


def _reach(full_range: float) -> float:
    """Return the largest magnitude that a range holds."""
    return FULL_SCALE * full_range * (1 + 1e-12)


@dataclass(slots=True)
class SourceSettings:
    """How one function is sourced; volts, amperes, seconds."""

    range: float
    limit: float
    level: float = 0.0
    auto_range: bool = True
    delay: float = 0.0
    auto_delay: bool = True
    readback: bool = True
    """Source values in readings are measured, not programmed (reference manual, page 6-77)."""
    off_mode: str = "NORM"
    list: list[float] = field(default_factory=list[float])
    user_delays: list[float] = field(default_factory=lambda: [0.0] * USER_DELAYS)
    high_capacitance: bool = False


@dataclass(slots=True)
class MathSettings:
    """What is computed from a reading: m x + b, a percentage of a reference, or the reciprocal."""

    on: bool = False
    form: str = "PERC"
    factor: float = 1.0
    offset: float = 0.0
    reference: float = 1.0


@dataclass(slots=True)
class LimitTest:
    """A limit test, and its latest result."""

    on: bool = False
    lower: float = -1.0
    upper: float = 1.0
    auto_clear: bool = True
    audible: str = "NONE"
    low: bool = False
    high: bool = False

    @property
    def result(self) -> str:
        """What `FAIL?` answers."""
        return {(False, False): "NONE", (True, False): "LOW", (False, True): "HIGH"}.get((self.low, self.high), "BOTH")


def _limit_tests() -> tuple[LimitTest, ...]:
    return tuple(LimitTest() for _ in range(LIMIT_TESTS))


@dataclass(slots=True)
class SenseSettings:
    """How one function is measured; volts, amperes, ohms."""

    range: float
    lower_range: float
    auto_range: bool = True
    nplc: float = 1.0
    four_wire: bool = False
    autozero: bool = True
    filtered: bool = False
    repeating: bool = True
    filter_count: int = 10
    relative: float = 0.0
    relative_on: bool = False
    offset_compensated: bool = False
    user_delays: list[float] = field(default_factory=lambda: [0.0] * USER_DELAYS)
    unit: str = ""
    """What the display shows; readings for the host stay in the function's own unit (assumption)."""
    math: MathSettings = field(default_factory=MathSettings)
    limits: tuple[LimitTest, ...] = field(default_factory=_limit_tests)


def _sources() -> dict[Function, SourceSettings]:
    return {
        Function.VOLTAGE: SourceSettings(range=0.02, limit=1.05e-4),
        Function.CURRENT: SourceSettings(range=1e-8, limit=21.0),
    }


def _senses() -> dict[Function, SenseSettings]:
    return {
        Function.VOLTAGE: SenseSettings(range=20.0, lower_range=0.02),
        Function.CURRENT: SenseSettings(range=1e-4, lower_range=1e-8),
        Function.RESISTANCE: SenseSettings(range=2e5, lower_range=20.0),
    }


@dataclass(slots=True)
class Settings:
    """Everything `*RST` restores, with its defaults."""

    source_function: Function = Function.VOLTAGE
    sense_function: Function = Function.CURRENT
    sources: dict[Function, SourceSettings] = field(default_factory=_sources)
    senses: dict[Function, SenseSettings] = field(default_factory=_senses)
    protection: str = "NONE"
    ohms_upper_range: float = 2e8
    names: dict[str, str] = field(default_factory=dict[str, str])
    """Settings that change nothing in the twin, by header."""
    count: int = 1
    terminals: str = "FRON"
    data_format: str = "ASC"
    byte_order: str = "SWAP"
    precision: int = 0

    @property
    def source(self) -> SourceSettings:
        """Settings of the function that is sourced."""
        return self.sources[self.source_function]

    @property
    def sense(self) -> SenseSettings:
        """Settings of the function that is measured."""
        return self.senses[self.sense_function]

    @property
    def protected_voltage(self) -> float:
        """The largest voltage that the overvoltage protection lets out, in V."""
        return PROTECTIONS.get(self.protection, LARGEST_VOLTAGE)

    def restore_defaults(self) -> None:
        """Return every setting to its default."""
        self.take(Settings())

    def take(self, other: Settings) -> None:
        """Take every setting from `other`, which is not used any further."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(other, entry.name))
