"""The Keithley 2400 SourceMeter: sources voltage, measures voltage and current.

Its settings are in `drivers/keithley_2400_knobs.py`, its measurements in `drivers/keithley_2400_acquisition.py`; what a
link does after a failure is in `drivers/scpi.py`. The source is the Series 2400 user's manual (2400S-900-01).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from drivers.failures import failure
from drivers.identity import ask_identity
from drivers.keithley_2400_acquisition import Acquisition
from drivers.keithley_2400_errors import read_errors, why_off
from drivers.keithley_2400_knobs import (
    CURRENT_RANGES,
    DELAY_MAX,
    LOWEST_LIMIT,
    OVER,
    PROTECTION_TOLERANCE,
    PROTECTIONS,
    SOURCE_RANGES,
    Keithley2400Knobs,
)
from drivers.keithley_2400_link import TIMEOUT, Keithley2400Entry, open_link
from drivers.keithley_2400_sweep import SWEEP_MAX, Pace
from drivers.output_order import OutputOrder
from drivers.settings import confirm_settings
from drivers.source_bounds import check_levels, check_sweep, holding
from labctl.errors import SettingError
from labctl.instruments import Identity, SourceMeter
from labctl.smu_data import Reading, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.scpi import ScpiLink
    from drivers.settings import AnySetting
    from labctl.backend import Backend, Clock

SHUT_DOWN = (":ABOR", ":ABOR", ":SOUR:VOLT:MODE FIX", ":SOUR:VOLT 0", ":OUTP 0")
"""Ends a sweep, sources 0 V, switches off. The first line may be lost: half a command that a killed process left in
the instrument's input spoils whatever is sent next. A level can only be set in the fixed mode."""
UNHINDERED = (":TRAC:FEED:CONT NEV", ":STAT:PRES", ":SYST:TIME:RES")
"""What `*RST` does not reset: an enabled data store forbids settings (+800); events may be set to stand among the
errors; the timer runs on."""


class Keithley2400(Keithley2400Knobs, SourceMeter):
    """A Keithley 2400, or a 2401, which has no 200 V range.

    `configure` returns the full scale of the source range as `voltage`; levels are sourced up to that, and below the
    over-voltage protection, which is the nearest one above what was asked for. A fixed measure
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
    has_watchdog = False
    """None of the chapters of the user's manual has one."""

    def __init__(self, link: ScpiLink, clock: Clock, byte_time: float | None = None) -> None:
        self.link = link
        self.name = link.name
        self.address = link.address
        self._acquisition = Acquisition(link, clock, byte_time)
        self._setup: SourceSetup | None = None
        self._protection = math.inf
        cls = type(self)
        self._order = OutputOrder(
            self, cls.source_level, cls.current_limit, cls.output, self.read_errors, lambda: why_off(link)
        )
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
        return ask_identity(self.link)

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
        confirm_settings(self.link, settings, self.read_errors(), "the instrument refuses its configuration")
        Keithley2400.output.confirm(self, False)
        self._protection = _protecting(setup.voltage) * (1 - PROTECTION_TOLERANCE)
        self._acquisition.restart()
        self._origin = None
        self._setup = self._confirmed(setup)
        return self._setup

    @override
    def source(self, voltage: float) -> None:
        setup = check_levels(self.link, (voltage,), self._setup, self._protection)
        self._order.source(voltage, setup.voltage)

    @override
    def output_on(self) -> None:
        self._order.on(self._setup)

    @override
    def output_off(self) -> None:
        self._order.off()

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
        levels = [float(voltage) for voltage in voltages]
        setup = check_levels(self.link, levels, self._setup, self._protection)
        check_sweep(self.link, levels, delay, SWEEP_MAX, DELAY_MAX)
        if not levels:
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
        self._order.make_safe(SHUT_DOWN)

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
        self.link.query("*OPC?", timeout=TIMEOUT)
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
            voltage=cls.source_range.confirm(
                self, holding(self.link, SOURCE_RANGES, setup.voltage, "source range", "V")
            ),
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
        source_range = holding(self.link, SOURCE_RANGES, setup.voltage, "source range", "V")
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
            cls.protection.to(self, _protecting(setup.voltage)),
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
        highest = holding(self.link, CURRENT_RANGES, limit, "measure range", "A")
        chosen = min(holding(self.link, CURRENT_RANGES, current, "measure range", "A"), highest)
        if limit < LOWEST_LIMIT * chosen / OVER:
            raise failure(
                self.link,
                SettingError,
                f"a current limit of {limit:g} A is below 0.1 % of the measure range of {chosen:g} A; "
                "lower the measure range",
            )
        return chosen


def _protecting(voltage: float) -> float:
    """Return the lowest over-voltage protection (V) that a level of `voltage` (V) does not reach, by its tolerance."""
    return next(level for level in PROTECTIONS if voltage < level * (1 - PROTECTION_TOLERANCE))
