"""The front panel of a Yokogawa GS820, channel 1: bytes in, bytes out.

Written from the user's manual (IM 765601-01E), and without a look at the driver: a second reading. Not modelled:
channel 2, the current source, programmed sweeps, pulses, traces, and the instrument's errors; what is not there is
refused with -113.

Assumptions, where the manual's page could not be had: the settings after a reset, `CONVERSION_OVERHEAD`, and what a
reading beyond its range says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim_backend.panels.scpi import FrontEnd
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_events import EventKind, EventLog
from sim_backend.panels.scpi_panel import ScpiPanel
from sim_backend.panels.scpi_parameters import Choice, Number
from sim_backend.panels.scpi_settings import choice_setting, flag_setting, number_setting, query
from sim_backend.panels.scpi_status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim_backend.clock import VirtualClock
    from sim_backend.panels.scpi_table import Command
    from sim_backend.smu_terminals import SmuTerminals

VOLTAGE_RANGES: Final = (0.2, 2.0, 7.0, 18.0)
"""V."""
CURRENT_RANGES: Final = (200e-9, 2e-6, 20e-6, 200e-6, 2e-3, 20e-3, 200e-3, 1.0, 3.0)
"""A."""
COUNTS: Final = 200_000
"""Steps of a range: 1 pA of 200 nA, five and a half digits."""
LINE_FREQUENCY: Final = 50.0
"""Hz."""
CONVERSION_OVERHEAD: Final = 1e-3
"""What a measurement takes beside its integration (s)."""
LOW_LIMITING, HIGH_LIMITING, OVER_RANGE = 4, 8, 32
"""Bits of the conditions of source and measurement."""
BEYOND: Final = 9.99999e24
"""What a reading beyond its range says."""
QUEUE: Final = 16
"""Errors that wait to be read."""


@dataclass(slots=True)
class Settings:
    """What `*RST` sets; V, A, power line cycles."""

    level: float = 0.0
    voltage_range: float = 2.0
    upper: float = 1e-3
    lower: float = -1e-3
    linked: bool = True
    limiter: bool = True
    measuring: bool = True
    function: str = "CURR"
    auto_range: bool = True
    current_range: float = 2e-3
    nplc: float = 1.0
    auto_zero: bool = True
    remote: bool = False
    on: bool = False


class GS820:
    """The instrument behind the panel.

    Args:
        terminals: what the world puts behind them.
        clock: the world's.
    """

    identity = "YOKOGAWA,765601,91K000001,1.06"
    busy = False

    def __init__(self, terminals: SmuTerminals, clock: VirtualClock) -> None:
        self.settings = Settings()
        self.status = Status(EventLog(QUEUE, clock.now), {})
        self.source_condition = self.sense_condition = 0
        self._terminals = terminals
        self._clock = clock
        self.refresh()

    def reset(self) -> None:
        """Return to the settings of `*RST`."""
        self.settings = Settings()
        self.refresh()

    def wait(self) -> None:
        """Nothing overlaps: every command is done when the next one is read."""

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` at once."""
        action()

    def refresh(self) -> None:
        """Put the terminals into the state that the settings ask for."""
        settings = self.settings
        if not settings.on:
            self._terminals.release()
            return
        limit = settings.upper if settings.level >= 0 else -settings.lower
        self._terminals.drive(settings.level, limit if settings.limiter else CURRENT_RANGES[-1])

    def measure(self) -> str:
        """Let a measurement's time pass; return its value."""
        settings = self.settings
        if not (settings.on and settings.measuring):
            raise ScpiError(-221)
        duration = settings.nplc / LINE_FREQUENCY
        self._clock.sleep((2 if settings.auto_zero else 1) * duration + CONVERSION_OVERHEAD)
        found = self._terminals.measure(duration)
        limiting = HIGH_LIMITING if found.current >= 0 else LOW_LIMITING
        self.source_condition = limiting if found.in_compliance else 0
        self.sense_condition = 0
        if settings.function == "VOLT":
            return rounded(found.voltage, holding(VOLTAGE_RANGES, found.voltage))
        full = holding(CURRENT_RANGES, found.current) if settings.auto_range else settings.current_range
        if abs(found.current) > 1.05 * full:
            self.sense_condition = OVER_RANGE
            return f"{BEYOND:+.5E}"
        return rounded(found.current, full)

    def set_level(self, level: float) -> None:
        """Source a level (V), in steps of its range."""
        if abs(level) > self.settings.voltage_range:
            raise ScpiError(-222)
        self.settings.level = float(rounded(level, self.settings.voltage_range))

    def next_error(self) -> str:
        """Return the oldest error that was not read."""
        event = self.status.log.next(EventKind.ERROR)
        return '0,"No error"' if event is None else f'{event.code},"{event.text}"'

    def commands(self) -> list[Command]:
        """Return what the instrument understands beyond the common commands."""
        volts, amperes = Number(-18.0, 18.0, 0.0, "V"), Number(-3.2, 3.2, 0.0, "A")
        functions = Choice(("VOLTage", "CURRent"))
        channel, protection = "[:CHANnel[1]]", "[:CHANnel[1]]:SOURce:CURRent:PROTection"
        return [
            self._number(f"{channel}:SOURce:VOLTage:LEVel", volts, "level", self.set_level),
            self._number(f"{channel}:SOURce:VOLTage:RANGe", volts, "voltage_range", self._set_voltage_range),
            choice_setting(f"{channel}:SOURce:FUNCtion", Choice(("VOLTage",)), lambda: "VOLT", lambda _: None),
            flag_setting(f"{channel}:SOURce:VOLTage:RANGe:AUTO", lambda: False, refuse_on),
            self._flag(f"{protection}[:STATe]", "limiter"),
            self._flag(f"{protection}:LINKage", "linked"),
            self._number(f"{protection}:UPPer", amperes, "upper"),
            self._number(f"{protection}:LOWer", amperes, "lower"),
            self._flag(f"{channel}:SENSe[:STATe]", "measuring"),
            choice_setting(
                f"{channel}:SENSe:FUNCtion",
                functions,
                lambda: self.settings.function,
                lambda word: setattr(self.settings, "function", word),
            ),
            self._flag(f"{channel}:SENSe:CURRent:RANGe:AUTO", "auto_range"),
            self._number(f"{channel}:SENSe:CURRent:RANGe", amperes, "current_range", self._set_current_range),
            self._number(f"{channel}:SENSe:NPLC", Number(0.001, 25.0, 1.0), "nplc"),
            self._flag(f"{channel}:SENSe:ZERO:AUTO", "auto_zero"),
            self._flag(f"{channel}:SENSe:REMote", "remote"),
            self._flag(f"{channel}:OUTPut[:STATe]", "on"),
            query(f"{channel}:MEASure", self.measure),
            query(":STATus:SOURce:CONDition", lambda: str(self.source_condition)),
            query(":STATus:SENSe:CONDition", lambda: str(self.sense_condition)),
            query(":SYSTem:ERRor", self.next_error),
        ]

    def _number(self, pattern: str, number: Number, name: str, put: Callable[[float], None] | None = None) -> Command:
        """Return a setting that is a number, and drives the terminals anew."""

        def set_it(value: float) -> None:
            if put is None:
                setattr(self.settings, name, value)
            else:
                put(value)
            self.refresh()

        return number_setting(pattern, number, lambda: getattr(self.settings, name), set_it)

    def _flag(self, pattern: str, name: str) -> Command:
        """Return a setting that is on or off, and drives the terminals anew."""

        def set_it(value: bool) -> None:
            setattr(self.settings, name, value)
            self.refresh()

        return flag_setting(pattern, lambda: getattr(self.settings, name), set_it)

    def _set_voltage_range(self, value: float) -> None:
        full = holding(VOLTAGE_RANGES, value)
        if abs(self.settings.level) > full:
            raise ScpiError(-222)
        self.settings.voltage_range = full

    def _set_current_range(self, value: float) -> None:
        self.settings.current_range, self.settings.auto_range = holding(CURRENT_RANGES, value), False


def refuse_on(on: bool) -> None:
    """Refuse to choose the source range by itself: not modelled."""
    if on:
        raise ScpiError(-221)


def holding(ranges: Sequence[float], value: float) -> float:
    """Return the smallest range that holds a value, the largest if none does."""
    return next((full for full in ranges if abs(value) <= full), ranges[-1])


def rounded(value: float, full: float) -> str:
    """Return a value as it is written in a range, in steps of the range's last digit."""
    step = full / COUNTS
    return f"{round(value / step) * step:+.6E}"


class YokogawaGS820Panel(ScpiPanel):
    """A GS820 on one world."""

    def _switch_on(self) -> FrontEnd:
        self._instrument = GS820(self.world.smu(self.name), self.world.clock)
        return FrontEnd(self._instrument.commands(), self._instrument.status, self._instrument)

    def _switch_off(self) -> None:
        self._instrument.settings.on = False
        self._instrument.refresh()
