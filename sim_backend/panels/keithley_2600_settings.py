"""The settings of one channel of a 2600B, with the values they have after `reset()`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2600_facts import Function

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2600_facts import Family

DELAY_AUTO = -1.0
AUTORANGE_FOLLOW_LIMIT = 2
AUTOZERO_OFF, AUTOZERO_ONCE, AUTOZERO_AUTO = 0, 1, 2
OFF_NORMAL, OFF_ZERO, OFF_HIGH_Z = 0, 1, 2
"""Numbers of `source.offmode` (reference manual, Rev. B p. 7-227)."""


@dataclass(slots=True)
class SourceFunction:
    """How voltage or current is sourced; V or A.

    `limit` is the limit of this quantity, which holds while the other one is sourced.
    """

    range: float
    low_range: float
    limit: float
    off_limit: float
    level: float = 0.0
    auto_range: bool = True


@dataclass(slots=True)
class MeasureFunction:
    """How voltage or current is measured; V or A; auto range 0 off, 1 on, 2 follows the limit."""

    range: float
    low_range: float
    auto_range: int = 1
    relative_level: float = 0.0
    relative: bool = False


@dataclass(slots=True)
class Settings:
    """Everything that a reset of the channel restores."""

    family: Family
    function: Function = Function.VOLTAGE
    sources: dict[Function, SourceFunction] = field(default_factory=dict[Function, SourceFunction])
    measures: dict[Function, MeasureFunction] = field(default_factory=dict[Function, MeasureFunction])
    relatives: dict[str, bool] = field(default_factory=lambda: {"r": False, "p": False})
    relative_levels: dict[str, float] = field(default_factory=lambda: {"r": 0.0, "p": 0.0})
    power_limit: float = 0.0
    source_delay: float = 0.0
    off_mode: int = OFF_NORMAL
    off_function: Function = Function.VOLTAGE
    high_capacitance: int = 0
    settling: int = 0
    sink: int = 0
    output_enable_action: int = 0
    sense: int = 0
    nplc: float = 1.0
    count: float = 1.0
    interval: float = 0.0
    measure_delay: float = 0.0
    delay_factor: float = 1.0
    autozero: int = AUTOZERO_AUTO
    analog_filter: int = 1
    filter_count: float = 1.0
    filter_enabled: int = 0
    filter_type: int = 1

    def __post_init__(self) -> None:
        if self.sources:
            return
        family = self.family
        # The off-limits do not depend on the model: 40 V and 1 mA.
        for function, off_limit in ((Function.VOLTAGE, 40.0), (Function.CURRENT, 1e-3)):
            source, measure = family.source_ranges(function), family.measure_ranges(function)
            self.sources[function] = SourceFunction(source[0], source[0], family.default_limit(function), off_limit)
            self.measures[function] = MeasureFunction(measure[0], measure[0])
        self.measures[Function.CURRENT].range = 100e-3
        self.measure_delay = DELAY_AUTO if family.auto_measure_delay else 0.0

    @property
    def source(self) -> SourceFunction:
        """Settings of the function that is sourced."""
        return self.sources[self.function]

    @property
    def limit(self) -> float:
        """The limit in force, of the function that is not sourced, in A or V."""
        limit = self.sources[self.function.other].limit
        level = abs(self.source.level)
        return min(limit, self.power_limit / level) if self.power_limit and level else limit

    def restore_defaults(self) -> None:
        """Return every setting to its default."""
        defaults = Settings(self.family)
        for entry in fields(self):
            setattr(self, entry.name, getattr(defaults, entry.name))
