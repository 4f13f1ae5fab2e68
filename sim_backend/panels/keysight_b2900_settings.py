"""The settings of a B2900A channel, with the values they have after `*RST` and at power-up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from sim_backend.panels.keysight_b2900_calculate import CalculateSettings
from sim_backend.panels.keysight_b2900_facts import (
    CURRENT_RANGES,
    DEFAULT_CURRENT_LIMIT,
    DEFAULT_VOLTAGE_LIMIT,
    MOST_READINGS,
    SHORTEST_FILTER,
    SHORTEST_INTERVAL,
    SHORTEST_PULSE,
    VOLTAGE_RANGES,
    Function,
)


@dataclass(slots=True)
class SourceSettings:
    """How one function is sourced; volts, amperes.

    `triggered` is the level that a trigger brings in the fixed mode; None: the immediate level.
    """

    range: float
    lower_range: float
    level: float = 0.0
    triggered: float | None = None
    auto_range: bool = True
    mode: str = "FIX"
    start: float = 0.0
    stop: float = 0.0
    points: int = 1
    list: list[float] = field(default_factory=lambda: [0.0])

    @property
    def step(self) -> float:
        """The distance of two points of a linear sweep."""
        return (self.stop - self.start) / (self.points - 1) if self.points > 1 else 0.0


@dataclass(slots=True)
class SenseSettings:
    """How one function is measured, and limited when the other one is sourced; volts, amperes."""

    range: float
    lower_range: float
    positive_limit: float
    negative_limit: float
    upper_range: float
    auto_range: bool = True
    auto_mode: str = "NORM"
    threshold: float = 90.0

    def limit(self, sign: float) -> float:
        """Return the compliance on the side that a level's sign says."""
        return self.negative_limit if sign < 0 else self.positive_limit

    @property
    def largest_limit(self) -> float:
        """The larger one of the two sides."""
        return max(self.positive_limit, self.negative_limit)


@dataclass(slots=True)
class ResistanceSettings:
    """How resistance is measured, in ohm.

    In the manual mode it is voltage over current, each in its own range: the ranges here belong to the automatic mode.
    """

    range: float = 2.0
    lower_range: float = 2.0
    upper_range: float = 2e8
    auto_range: bool = True
    compensation: bool = False


@dataclass(slots=True)
class Wait:
    """A time for which a channel waits after its output changed, in s."""

    enabled: bool = True
    automatic: bool = True
    gain: float = 1.0
    offset: float = 0.0

    def time(self, initial: float) -> float:
        """Return the time in s; `initial` is what the instrument finds by itself."""
        if not self.enabled:
            return 0.0
        return self.offset + (self.gain * initial if self.automatic else 0.0)


@dataclass(slots=True)
class Layer:
    """The arm or trigger layer of one device action; seconds."""

    count: float = 1.0
    delay: float = 0.0
    source: str = "AINT"
    period: float = SHORTEST_INTERVAL
    bypass: str = "OFF"


@dataclass(slots=True)
class Action:
    """The layers of one device action."""

    arm: Layer = field(default_factory=Layer)
    trigger: Layer = field(default_factory=Layer)

    @property
    def total(self) -> float:
        """How often it is done after one start; infinite if it has no end."""
        return self.arm.count * self.trigger.count


@dataclass(slots=True)
class OutputSettings:
    """How the output is switched and connected."""

    off_mode: str = "NORM"
    on_auto: bool = True
    off_auto: bool = False
    protection: bool = False
    high_capacitance: bool = False
    low: str = "GRO"
    filter: bool = True
    filter_auto: bool = True
    time_constant: float = SHORTEST_FILTER


@dataclass(slots=True)
class TraceSettings:
    """What the trace buffer keeps and how it is read."""

    feed: str = "SENS"
    control: str = "NEV"
    points: int = MOST_READINGS
    stamp: str = "ABS"
    statistic: str = "MEAN"


def _sources() -> dict[Function, SourceSettings]:
    # Assumption: the ranges, of which the reference only says that they are automatic.
    return {
        Function.VOLTAGE: SourceSettings(range=0.2, lower_range=0.2),
        Function.CURRENT: SourceSettings(range=1e-6, lower_range=1e-6),
    }


def _senses() -> dict[Function, SenseSettings]:
    return {
        Function.VOLTAGE: SenseSettings(2.0, 0.2, DEFAULT_VOLTAGE_LIMIT, DEFAULT_VOLTAGE_LIMIT, VOLTAGE_RANGES[-1]),
        Function.CURRENT: SenseSettings(1e-4, 1e-6, DEFAULT_CURRENT_LIMIT, DEFAULT_CURRENT_LIMIT, CURRENT_RANGES[-1]),
    }


@dataclass(slots=True)
class ChannelSettings:
    """Everything of a channel that `*RST` restores."""

    function: Function = Function.VOLTAGE
    sources: dict[Function, SourceSettings] = field(default_factory=_sources)
    senses: dict[Function, SenseSettings] = field(default_factory=_senses)
    measured: set[str] = field(default_factory=lambda: {"VOLT", "CURR"})
    aperture: float | None = None
    """Integration time in s; None: the default part of a power line cycle."""
    remote: bool = False
    resistance: ResistanceSettings = field(default_factory=ResistanceSettings)
    shape: str = "DC"
    pulse_delay: float = 0.0
    pulse_width: float = SHORTEST_PULSE
    continuous: bool = False
    """The last triggered level stays at the end of a run."""
    direction: str = "UP"
    spacing: str = "LIN"
    ranging: str = "BEST"
    stair: str = "SING"
    source_wait: Wait = field(default_factory=Wait)
    sense_wait: Wait = field(default_factory=Wait)
    transient: Action = field(default_factory=Action)
    acquire: Action = field(default_factory=Action)
    output: OutputSettings = field(default_factory=OutputSettings)
    trace: TraceSettings = field(default_factory=TraceSettings)
    calculate: CalculateSettings = field(default_factory=CalculateSettings)

    @property
    def source(self) -> SourceSettings:
        """Settings of the function that is sourced."""
        return self.sources[self.function]

    @property
    def limiting(self) -> SenseSettings:
        """Settings of the function that limits it."""
        return self.senses[self.function.other]

    def take(self, others: ChannelSettings) -> None:
        """Become equal to other settings, which are given away."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(others, entry.name))


Place = tuple[str, tuple[int, ...]]
"""Where something is remembered: the pattern of its header, and the suffixes with which it was sent."""


@dataclass(slots=True)
class SystemSettings:
    """Settings of the whole instrument that `*RST` restores, but for the line frequency (Hz)."""

    line_frequency: float
    data_format: str = "ASC"
    byte_order: str = "NORM"
    digital_format: str = "ASC"
    register_format: str = "ASC"
    calculated: tuple[str, ...] = ("CALC",)
    """Elements of calculated data (assumption: the default)."""
    elements: tuple[str, ...] = ("VOLT", "CURR", "RES", "TIME", "STAT", "SOUR")
    groups: str = "(@1,2)"
    reset_timer: bool = True
    """The timer starts anew with every run."""
    remembered: dict[Place, float | str] = field(default_factory=dict[Place, "float | str"])
    """What is set and read back and does nothing else, by header pattern and suffixes."""

    def restore_defaults(self) -> None:
        """Return every setting to its default."""
        self.take(SystemSettings(self.line_frequency))

    def take(self, others: SystemSettings) -> None:
        """Become equal to other settings, which are given away."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(others, entry.name))


@dataclass(slots=True)
class Memory:
    """What outlives the power switch.

    Args:
        system: settings of the instrument, by the place of `*SAV`.
        channels: settings of each channel, by channel from 0 and place; places of `*SAV` and of `:OUTPut:SAVE` have
            names of their own.
        kept: settings that `*RST` leaves.
    """

    system: dict[int, SystemSettings] = field(default_factory=dict[int, SystemSettings])
    channels: dict[tuple[int, str], ChannelSettings] = field(default_factory=dict[tuple[int, str], ChannelSettings])
    kept: dict[Place, float | str] = field(default_factory=dict[Place, "float | str"])
