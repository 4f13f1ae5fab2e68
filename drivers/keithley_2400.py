"""The Keithley 2400 SourceMeter: sources voltage, measures voltage and current.

Its settings are in `drivers/keithley_2400_knobs.py`, its measurements in `drivers/keithley_2400_acquisition.py`; what a
link does after a failure is in `drivers/scpi.py`. The source is the Series 2400 user's manual (2400S-900-01).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from drivers.keithley_2400_acquisition import Acquisition
from drivers.keithley_2400_errors import failure, raise_errors, read_errors, why_off
from drivers.keithley_2400_knobs import (
    CURRENT_RANGES,
    LOWEST_LIMIT,
    OVER,
    PROTECTION_TOLERANCE,
    PROTECTIONS,
    SOURCE_RANGES,
    Keithley2400Knobs,
    holding,
)
from drivers.keithley_2400_link import Keithley2400Entry, open_link
from drivers.keithley_2400_sweep import SWEEP_MAX, Pace
from drivers.scpi_text import parse_identity
from labctl.errors import LinkError, RefusedError, SettingError
from labctl.instruments import Identity, OffMode, Reading, SourceMeter, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.knobs import Setting
    from drivers.scpi import ScpiLink
    from labctl.backend import Backend, Clock

    AnySetting = Setting[float] | Setting[bool] | Setting[str] | Setting[OffMode] | Setting[frozenset[str]]

SHUT_DOWN = (":ABOR", ":ABOR", ":SOUR:VOLT:MODE FIX", ":SOUR:VOLT 0", ":OUTP 0")
"""Ends a sweep, sources 0 V, switches off. The first line may be lost: half a command that a killed process left in
the instrument's input spoils whatever is sent next. A level can only be set in the fixed mode."""
UNHINDERED = (":TRAC:FEED:CONT NEV", ":STAT:PRES", ":SYST:TIME:RES")
"""What `*RST` does not reset: an enabled data store forbids settings (+800); events may be set to stand among the
errors; the timer runs on."""


class Keithley2400(Keithley2400Knobs, SourceMeter):
    """A Keithley 2400, or a 2401, which has no 200 V range.

    `configure` returns the full scale of the source range as `voltage`; that much can be sourced. A fixed measure
    range is at the most the one that holds the current limit: the instrument has no higher one then, and no current
    needs it. A measure range below the limit holds the output back before the limit does (`in_compliance`).
    `Reading.time` counts from the first `measure` after `configure`; in a sweep, from the sweep's first reading.
    A long sweep is done in pieces, between which the output rests at 0 V: see `drivers/keithley_2400_sweep.py`.
    After a sweep that fails, `configure` must be called before the output can be used again.

    Args:
        link: to the instrument.
        clock: the backend's.
        byte_time: how long a byte takes on a serial line (s), which carries readings as text only; None on GPIB.
    """

    Settings: ClassVar[type[Keithley2400Entry]] = Keithley2400Entry
    models: ClassVar[tuple[str, ...]] = ("2400", "2401")
    has_watchdog: ClassVar[bool] = False

    def __init__(self, link: ScpiLink, clock: Clock, byte_time: float | None = None) -> None:
        self.link = link
        self.name = link.name
        self.address = link.address
        self._acquisition = Acquisition(link, clock, byte_time)
        self._setup: SourceSetup | None = None
        self._origin: float | None = None

    @classmethod
    def open(cls, backend: Backend, name: str, settings: Keithley2400Entry) -> Keithley2400:
        """Open the channel; nothing is sent.

        Raises:
            LinkError: if it cannot be opened.
        """
        return cls(open_link(backend, name, settings), backend.clock, settings.byte_time)

    @override
    def identify(self) -> Identity:
        return parse_identity(self.link.query_until("*IDN?", _is_identity))

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        settings = self._settings(setup)
        self._setup = None
        self.link.synchronise(SHUT_DOWN)
        Keithley2400.output.confirm(self, False)
        self._reset()
        if setup.current_limit < LOWEST_LIMIT * CURRENT_RANGES[2] / OVER:
            # The limit is set on the measure range that *RST chooses, 100 uA, which refuses one this low.
            self.measure_range = CURRENT_RANGES[0]
        for setting in settings:
            setting.send()
        raise_errors(self.link, "the instrument refuses its configuration")
        for setting in settings:
            setting.confirm()
        Keithley2400.output.confirm(self, False)
        self._acquisition.restart()
        self._origin = None
        self._setup = self._confirmed(setup)
        return self._setup

    @override
    def source(self, voltage: float) -> None:
        self._check_level(voltage)
        self.source_level = voltage

    @override
    def output_on(self) -> None:
        if self._setup is None:
            raise failure(
                self.link, SettingError, "the output stays off until a limit is set; configure the instrument"
            )
        # A power cycle or the front panel may have changed the limit since it was set.
        Keithley2400.current_limit.confirm(self, self._setup.current_limit)
        self.output = True
        if not self.output:
            raise failure(self.link, RefusedError, f"the output stays off: {why_off(self.link)}")

    @override
    def output_off(self) -> None:
        self.source_level = 0.0
        self.output = False
        Keithley2400.output.confirm(self, False)

    @override
    def measure(self) -> Reading:
        if self._setup is None:
            raise failure(self.link, SettingError, "there is nothing to measure with; configure the instrument")
        reading = self._acquisition.single()
        if self._origin is None:
            self._origin = reading.time
        return replace(reading, time=reading.time - self._origin)

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        setup = self._setup
        levels = [float(voltage) for voltage in voltages]
        self._check_sweep(levels, delay)
        if not levels or setup is None:
            return []
        if not self.output:
            raise failure(self.link, SettingError, "a sweep needs the output; switch it on before")
        self._setup = None
        self.source_level = 0.0
        self.source_delay = delay
        pace = Pace.of(setup.nplc, delay, setup.current_range is None)
        readings = self._acquisition.sweep(levels, pace)
        self.trigger_count = 1
        self.source_auto_delay = True
        Keithley2400.trigger_count.confirm(self, 1)
        self._setup = setup
        return [replace(reading, time=reading.time - readings[0].time) for reading in readings]

    @override
    def read_errors(self) -> list[str]:
        return read_errors(self.link)

    @override
    def make_safe(self) -> None:
        self._setup = None
        try:
            self.link.send_urgently(SHUT_DOWN)
            Keithley2400.output.confirm(self, False)
        except (LinkError, SettingError) as error:
            raise LinkError(f"{error}; its output may be on") from error

    @override
    def close(self) -> None:
        self.link.close()

    def _reset(self) -> None:
        """Go to a known state; the output is off.

        A reset would also choose the front terminals, and switch off an output-enable line that someone relies on.
        """
        terminals, enable = self.terminals, self.output_enable
        for command in ("*RST", "*CLS", *UNHINDERED):
            self.link.write(command)
        self.link.query("*OPC?")
        self.terminals = terminals
        self.output_enable = enable

    def _confirmed(self, setup: SourceSetup) -> SourceSetup:
        """Return what is read back of `setup`, each value compared once more: none is an answer to another query."""
        cls = type(self)
        current_range = None
        if setup.current_range is not None:
            wanted = self._measure_range(setup.current_range, setup.current_limit)
            current_range = cls.measure_range.confirm(self, wanted)
        return SourceSetup(
            voltage=cls.source_range.confirm(self, self._holding(SOURCE_RANGES, setup.voltage, "source range", "V")),
            current_limit=cls.current_limit.confirm(self, setup.current_limit),
            current_range=current_range,
            nplc=cls.nplc.confirm(self, setup.nplc),
            four_wire=cls.four_wire.confirm(self, setup.four_wire),
            off_mode=cls.off_mode.confirm(self, setup.off_mode),
        )

    def _settings(self, setup: SourceSetup) -> list[AnySetting]:
        """Return the settings that make `setup`, in the order in which they are sent; nothing is sent here.

        The limit comes before the measure range, because the highest one depends on it.
        """
        cls = type(self)
        source_range = self._holding(SOURCE_RANGES, setup.voltage, "source range", "V")
        settings: list[AnySetting] = [
            cls.source_function.to(self, "voltage"),
            cls.source_mode.to(self, "fixed"),
            cls.concurrent.to(self, True),
            cls.functions.to(self, frozenset({"voltage", "current"})),
            cls.off_mode.to(self, setup.off_mode),
            cls.source_range.to(self, source_range),
            cls.source_auto_range.to(self, False),
            cls.source_level.to(self, 0.0),
            # A level within the tolerance of the protection could be clamped by it.
            cls.protection.to(self, next(p for p in PROTECTIONS if setup.voltage < p * (1 - PROTECTION_TOLERANCE))),
            cls.current_limit.to(self, setup.current_limit),
        ]
        if setup.current_range is not None:
            settings.append(cls.measure_range.to(self, self._measure_range(setup.current_range, setup.current_limit)))
        return [
            *settings,
            cls.measure_auto_range.to(self, setup.current_range is None),
            cls.nplc.to(self, setup.nplc),
            cls.four_wire.to(self, setup.four_wire),
            cls.auto_zero.to(self, True),
            # The instrument's default chooses a source range for each sweep, which may step the output.
            cls.sweep_ranging.to(self, "fixed"),
            cls.sweep_abort.to(self, "never"),
            cls.arm_count.to(self, 1),
            cls.trigger_count.to(self, 1),
            cls.data_format.to(self, "text"),
            cls.byte_order.to(self, "big"),
            cls.elements.to(self, "voltage, current, time, status"),
        ]

    def _measure_range(self, current: float, limit: float) -> float:
        """Return the fixed measure range for `current` (A) under a limit (A)."""
        highest = self._holding(CURRENT_RANGES, limit, "measure range", "A")
        chosen = min(self._holding(CURRENT_RANGES, current, "measure range", "A"), highest)
        if limit < LOWEST_LIMIT * chosen / OVER:
            raise failure(
                self.link,
                SettingError,
                f"a current limit of {limit:g} A is below 0.1 % of the measure range of {chosen:g} A; "
                "lower the measure range",
            )
        return chosen

    def _holding(self, ranges: tuple[float, ...], value: float, what: str, unit: str) -> float:
        full = holding(ranges, value)
        if full is None:
            raise failure(
                self.link, SettingError, f"no {what} holds {value:g} {unit}; the largest is {ranges[-1]:g} {unit}"
            )
        return full

    def _check_level(self, voltage: float) -> None:
        if self._setup is None:
            raise failure(self.link, SettingError, "no source range is set; configure the instrument")
        if not abs(voltage) <= self._setup.voltage:
            raise failure(
                self.link,
                SettingError,
                f"{voltage:g} V is beyond the configured source range of {self._setup.voltage:g} V",
            )

    def _check_sweep(self, levels: Sequence[float], delay: float) -> None:
        for level in levels:
            self._check_level(level)
        if len(levels) > SWEEP_MAX:
            raise failure(self.link, SettingError, f"a sweep holds at most {SWEEP_MAX} points, not {len(levels)}")
        Keithley2400.source_delay.command(self, delay)


def _is_identity(reply: str) -> bool:
    try:
        parse_identity(reply)
    except ValueError:
        return False
    return True
