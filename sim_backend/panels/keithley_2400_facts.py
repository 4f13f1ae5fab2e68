"""Ranges, limits and times of the 2400, and the settings it has after `*RST`.

Source, where no other is named: Series 2400 user's manual, 2400S-900-01 Rev. K, September 2011, and data sheet
SPEC-2400 Rev. H. What no public document says is marked as an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Final

FULL_SCALE: Final = 1.05
"""What a range sources, and where a fixed measure range clamps the output, as a multiple of its name."""
MEASURED_SCALE: Final = 1.055
"""What a range measures, as a multiple of its name."""
CURRENT_RANGES: Final = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Source and measure ranges in A."""
VOLTAGE_RANGES: Final = (0.2, 2.0, 20.0, 200.0)
"""Source and measure ranges in V."""
LARGEST_CURRENT: Final = 1.05
"""A, up to the 20 V range."""
LARGEST_CURRENT_AT_200V: Final = 0.105
"""A, in the 200 V range: the power envelope is 22 W."""
LARGEST_VOLTAGE: Final = 210.0
"""V."""
LARGEST_VOLTAGE_AT_1A: Final = 21.0
"""V, in the 1 A range."""
LIMIT_FRACTION: Final = 1e-3
"""Smallest compliance, as a part of the measure range: 1 nA and 200 uV in the lowest ones."""
OFF_LIMIT_FRACTION: Final = 5e-3
"""Compliance of the normal output-off state, as a part of the present current range."""
RELAY_TIME: Final = 15e-3
"""s until the output relay has settled after the high-impedance state."""
AUTO_DELAYS: Final = {1e-6: 3e-3, 1e-5: 2e-3}
"""s of source auto delay by current range; `LEAST_AUTO_DELAY` on the others (assumption: which range has which)."""
LEAST_AUTO_DELAY: Final = 1e-3
"""s."""
CURRENT_AUTO_DELAY_AT_1A: Final = 2e-3
"""s of source auto delay of a current source in the 1 A range (assumption)."""
LONGEST_DELAY: Final = 999.9999
"""s of source and trigger delay."""
TRIGGER_LATENCY: Final = 100e-6
"""s between a trigger and what it starts."""
SOURCE_TIME: Final = 50e-6
"""s to set the source's converter."""
CONVERSION_OVERHEAD: Final = 185e-6
"""s around the integration of one conversion."""
AUTOZERO_PHASES: Final = 3
"""Conversions of a reading with autozero: signal, reference, zero; one without."""
FIRMWARE_TIMES: Final = {(True, "VOLT"): 1.8e-3, (True, "CURR"): 2.15e-3, (False, "VOLT"): 0.30e-3,
                         (False, "CURR"): 0.64e-3}  # fmt: skip
"""s of computing for a reading, with autozero or without, by what is measured (notes on the firmware)."""
RESOLUTION: Final = 1e-6
"""Resolution of a reading as a part of its range (assumption: that of the 6.5-digit display)."""
OVERFLOW: Final = 9.9e37
"""What a reading beyond the range is printed as, with its sign."""
NOT_MEASURED: Final = 9.91e37
"""What stands for a quantity that is neither measured nor sourced."""
MOST_POINTS: Final = 2500
"""Readings of a run and of the buffer, points of a sweep and of a list."""
MEMORY_PLACES: Final = 100
"""Places of the source memory."""
INFINITE: Final = 9.9e37
"""An arm count without end, as queries answer it."""
PROTECTIONS: Final = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0)
"""Overvoltage protection levels in V; above them the output is not protected."""


class Function(StrEnum):
    """What is sourced or measured, as commands name it."""

    VOLTAGE = "VOLT"
    CURRENT = "CURR"
    RESISTANCE = "RES"

    @property
    def ranges(self) -> tuple[float, ...]:
        """Ranges of voltage or current, lowest first."""
        return VOLTAGE_RANGES if self is Function.VOLTAGE else CURRENT_RANGES

    @property
    def unit(self) -> str:
        """The letters of its unit."""
        return {Function.VOLTAGE: "V", Function.CURRENT: "A", Function.RESISTANCE: "OHM"}[self]

    @property
    def largest(self) -> float:
        """The largest level, V or A."""
        return LARGEST_VOLTAGE if self is Function.VOLTAGE else LARGEST_CURRENT

    @property
    def other(self) -> Function:
        """The function that limits this one when it is sourced."""
        return Function.CURRENT if self is Function.VOLTAGE else Function.VOLTAGE

    def holding_range(self, value: float) -> float:
        """Return the lowest range whose full scale holds `value`, the highest if none does."""
        return next((entry for entry in self.ranges if fits(value, entry)), self.ranges[-1])


SOURCES: Final = (Function.VOLTAGE, Function.CURRENT)
"""What can be sourced, and what has a compliance."""


def fits(value: float, full_range: float, scale: float = FULL_SCALE) -> bool:
    """Return whether a range holds `value`; decimal figures at its very end do."""
    return abs(value) <= scale * full_range * (1 + 1e-12)


@dataclass(slots=True)
class SourceSettings:
    """How one function is sourced; volts or amperes."""

    range: float
    level: float = 0.0
    triggered: float = 0.0
    """The level that the next run sources."""
    auto_range: bool = True
    mode: str = "FIX"
    start: float = 0.0
    stop: float = 0.0
    points: int = MOST_POINTS
    step: float | None = None
    """What the number of points follows from; None if it is given."""
    list: list[float] = field(default_factory=lambda: [0.0])
    list_start: int = 1


@dataclass(slots=True)
class SenseSettings:
    """How one function is measured and, as the function that is not sourced, limited; volts or amperes."""

    range: float
    limit: float
    lower_range: float
    auto_range: bool = True


@dataclass(slots=True)
class OhmsSettings:
    """Settings of the resistance function, in ohm. Kept for queries: ohms are V/I of the present source."""

    range: float = 2.1e5
    auto_range: bool = True
    lower: float = 21.0
    upper: float = 2.1e8
    mode: str = "AUTO"
    compensated: bool = False


@dataclass(slots=True)
class TriggerSettings:
    """The two layers of the trigger model."""

    arm_count: float = 1.0
    arm_source: str = "IMM"
    arm_timer: float = 0.1
    count: int = 1
    source: str = "IMM"
    delay: float = 0.0
    names: dict[str, str] = field(default_factory=dict[str, str])
    """Settings of the trigger link, by header; there is nothing on the link."""


@dataclass(slots=True)
class FilterSettings:
    """The digital filter."""

    on: bool = False
    repeating: bool = True
    count: int = 10


@dataclass(slots=True)
class LimitTest:
    """One limit test: switched on, its limits, and whether the latest reading failed it."""

    on: bool = False
    lower: float = -1.0
    upper: float = 1.0
    fails_in: bool = True
    """The compliance test fails in compliance, not out of it."""
    failed: bool = False


def _tests() -> dict[int, LimitTest]:
    return {number: LimitTest() for number in range(1, 13)}


@dataclass(slots=True)
class CalcSettings:
    """Math, null and limit tests."""

    math: bool = False
    expression: str = "POWER"
    feed: str = "VOLT"
    """What null and limit tests are about: VOLT, CURR, RES or CALC1."""
    null: bool = False
    offset: float = 0.0
    tests: dict[int, LimitTest] = field(default_factory=_tests)
    elements: tuple[str, ...] = ("CALC",)

    @property
    def testing(self) -> bool:
        """Whether any limit test is on."""
        return any(test.on for test in self.tests.values())


def _sources() -> dict[Function, SourceSettings]:
    return {Function.VOLTAGE: SourceSettings(range=20.0), Function.CURRENT: SourceSettings(range=1e-4)}


def _senses() -> dict[Function, SenseSettings]:
    return {
        Function.VOLTAGE: SenseSettings(range=20.0, limit=21.0, lower_range=0.2),
        Function.CURRENT: SenseSettings(range=1e-4, limit=1.05e-4, lower_range=1e-6),
    }


def _only_current() -> set[Function]:
    return {Function.CURRENT}


@dataclass(slots=True)
class Settings:
    """Everything `*RST` restores, with its defaults."""

    source_function: Function = Function.VOLTAGE
    sources: dict[Function, SourceSettings] = field(default_factory=_sources)
    delay: float = 0.0
    auto_delay: bool = True
    spacing: str = "LIN"
    direction: str = "UP"
    ranging: str = "BEST"
    compliance_abort: str = "NEV"
    list_direction: str = "UP"
    clear_auto: bool = False
    clear_mode: str = "ALW"
    protection: float = LARGEST_VOLTAGE
    functions: set[Function] = field(default_factory=_only_current)
    concurrent: bool = True
    senses: dict[Function, SenseSettings] = field(default_factory=_senses)
    ohms: OhmsSettings = field(default_factory=OhmsSettings)
    nplc: float = 1.0
    filter: FilterSettings = field(default_factory=FilterSettings)
    four_wire: bool = False
    autozero: bool = True
    off_mode: str = "NORM"
    enable_line: bool = False
    terminals: str = "FRON"
    trigger: TriggerSettings = field(default_factory=TriggerSettings)
    data_format: str = "ASC"
    byte_order: str = "NORM"
    elements: tuple[str, ...] = ("VOLT", "CURR", "RES", "TIME", "STAT")
    register_format: str = "ASC"
    statistic: str = "MEAN"
    time_reset: bool = False
    memory_sweep: bool = False
    """Runs step through the source memory."""
    memory_points: int = 1
    memory_start: int = 1
    calc: CalcSettings = field(default_factory=CalcSettings)
    names: dict[str, str] = field(default_factory=dict[str, str])
    """Settings that change nothing in the twin, by header."""

    @property
    def source(self) -> SourceSettings:
        """Settings of the function that is sourced."""
        return self.sources[self.source_function]

    @property
    def limiter(self) -> Function:
        """The function whose compliance limits the source."""
        return self.source_function.other

    @property
    def effective_limit(self) -> float:
        """What the output is clamped at, V or A: its compliance, or less in a fixed measure range below it."""
        sense = self.senses[self.limiter]
        return sense.limit if sense.auto_range else min(sense.limit, FULL_SCALE * sense.range)

    @property
    def range_limited(self) -> bool:
        """Whether a fixed measure range clamps the output below its compliance."""
        return self.effective_limit < self.senses[self.limiter].limit * (1 - 1e-12)

    def copy_from(self, other: Settings) -> None:
        """Take every setting from `other`, which is not used any further."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(other, entry.name))
