"""The Yokogawa GS820 source-measure unit: channel 1 sources voltage and measures current.

Assumptions, where the manual's page could not be had: `*IDN?` names the model 7656.. or GS820; `:MEAS?` triggers by
itself after a reset; the limits hold in any measure range; a socket is at TCP port 7655.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from drivers.failures import failure, reason
from drivers.identity import ask_identity
from drivers.output_order import OutputOrder
from drivers.scpi import ScpiLink
from drivers.scpi_errors import read_error_queue
from drivers.scpi_tags import ask_tagged
from drivers.scpi_text import decode_number
from drivers.settings import confirm_settings
from drivers.source_bounds import check_levels, check_sweep, holding
from labctl.bench_file import InstrumentEntry
from labctl.errors import SettingError, TrippedError
from labctl.instruments import Identity, SourceMeter
from labctl.smu_data import OffMode, Reading, SourceSetup
from typing_extensions import override

from azolab.gs820_settings import CURRENT_RANGES, SOURCE_RANGES, GS820Settings, SenseStatus, SourceStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.scpi import Channel
    from drivers.settings import AnySetting
    from labctl.backend import Backend, Clock

TIMEOUT = 5000
"""Time-out of the link (ms): 25 power line cycles with auto zero take 1 s, some more with auto range."""
SHUT_DOWN = (":CHAN1:SOUR:VOLT:LEV 0", ":CHAN1:SOUR:VOLT:LEV 0", ":CHAN1:OUTP:STAT 0")
"""Sources 0 V, switches off. The first line may be lost to half a command that a killed process left behind."""
MEASURE = ":CHAN1:OUTP:STAT?;:CHAN1:MEAS?;:STAT:SOUR:COND?;:STAT:SENS:COND?"
"""Measures, and tells in one answer what the reading is worth: nothing, if the output is off."""
SWEEP_MAX = 10_000
"""Points of a sweep: ours, as this computer steps it."""
DELAY_MAX = 3600.0
"""Longest delay of a sweep (s): ours."""


class YokogawaGS820(GS820Settings, SourceMeter):
    """Channel 1 of a Yokogawa GS820.

    `configure` resets the whole instrument and returns the full scale of the source range as `voltage`.
    Off, the output is disconnected by a relay: of the off modes there is high impedance, which stands for normal, too.
    `Reading.voltage` is the level, and `Reading.time` this computer's, from the first reading after `configure`.

    Args:
        link: to the instrument.
        clock: the backend's.
    """

    Settings: ClassVar[type[InstrumentEntry]] = InstrumentEntry
    models: ClassVar[tuple[str, ...]] = ("7656", "GS820")
    has_watchdog = False
    """The manual's list of commands has none."""
    sweeps_by_itself = False
    """The manual's programmed sweeps are not used."""

    def __init__(self, link: ScpiLink, clock: Clock) -> None:
        self.link = link
        self.name = link.name
        self.address = link.address
        self._clock = clock
        self._setup: SourceSetup | None = None
        self._level = 0.0
        self._origin: float | None = None
        cls = type(self)
        self._order = OutputOrder(
            self,
            cls.source_level,
            cls.current_limit,
            cls.output,
            self.read_errors,
            lambda: reason(self.read_errors(), "check interlock, temperature and front panel"),
        )

    @classmethod
    def open(cls, backend: Backend, name: str, settings: InstrumentEntry) -> YokogawaGS820:
        """Open the channel; nothing is sent.

        Raises:
            LinkError: if it cannot be opened.
        """

        def connect() -> Channel:
            return backend.open_visa(settings.address, read_termination="\n", write_termination="\n", timeout=TIMEOUT)

        return cls(ScpiLink(connect, name, settings.address), backend.clock)

    @override
    def identify(self) -> Identity:
        return ask_identity(self.link)

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        settings = self._settings(setup)  # what is out of range is refused here, before a byte leaves
        self._setup = None
        self.link.synchronise(SHUT_DOWN)
        type(self).output.confirm(self, False)
        self.link.write("*RST")
        self.link.write("*CLS")
        self.link.query("*OPC?")
        for setting in settings:
            setting.send()
        confirm_settings(self.link, settings, self.read_errors(), "the instrument refuses its configuration")
        type(self).output.confirm(self, False)
        self._level, self._origin = 0.0, None
        self._setup = SourceSetup(
            voltage=self.source_range,
            current_limit=self.current_limit,
            current_range=None if setup.current_range is None else self.measure_range,
            nplc=self.nplc,
            four_wire=self.four_wire,
            off_mode=OffMode.HIGH_IMPEDANCE,
        )
        return self._setup

    @override
    def source(self, voltage: float) -> None:
        setup = check_levels(self.link, (voltage,), self._setup)
        self._order.source(voltage, setup.voltage)
        self._level = voltage

    @override
    def output_on(self) -> None:
        self._order.on(self._setup)

    @override
    def output_off(self) -> None:
        self._level = 0.0
        self._order.off()

    @override
    def measure(self) -> Reading:
        check_levels(self.link, (), self._setup)
        reply = ask_tagged(self.link, MEASURE, once=True)
        now = self._clock.now()
        is_on, *rest = reply.split(";")
        if is_on == "0":
            raise failure(self.link, TrippedError, f"the output is off: {reason(self.read_errors())}")
        try:
            value, source, sense = map(decode_number, rest)
            status, meter = SourceStatus(int(source)), SenseStatus(int(sense))
        except (ValueError, OverflowError):
            raise self.link.garbled(MEASURE, reply) from None
        if status & (SourceStatus.TRIPPED | SourceStatus.EMERGENCY):
            raise failure(self.link, TrippedError, f"the channel tripped: {reason(self.read_errors())}")
        if self._origin is None:
            self._origin = now
        overrange = SenseStatus.OVER_RANGE in meter
        return Reading(
            voltage=self._level,
            current=math.nan if overrange else value,
            time=now - self._origin,
            in_compliance=bool(status & (SourceStatus.LOW_LIMITING | SourceStatus.HIGH_LIMITING)),
            overrange=overrange,
        )

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        levels = [float(voltage) for voltage in voltages]
        check_levels(self.link, levels, self._setup)
        check_sweep(self.link, levels, delay, SWEEP_MAX, DELAY_MAX)
        if not levels:
            return []
        if not self.output:
            raise failure(self.link, SettingError, "a sweep needs the output on; switch it on before")
        readings: list[Reading] = []
        for level in levels:
            self.source(level)
            self._clock.sleep(delay)
            readings.append(self.measure())
        self.source(0.0)
        return readings

    @override
    def read_errors(self) -> list[str]:
        return read_error_queue(self.link)

    @override
    def make_safe(self) -> None:
        self._setup = None
        self._order.make_safe(SHUT_DOWN)

    @override
    def close(self) -> None:
        self.link.close()

    def _settings(self, setup: SourceSetup) -> list[AnySetting]:
        """Return the settings that make `setup`, in the order in which they are sent; nothing is sent here."""
        if setup.off_mode not in (OffMode.NORMAL, OffMode.HIGH_IMPEDANCE):
            raise failure(self.link, SettingError, f"there is no off mode {setup.off_mode.value!r}; use high impedance")
        cls = type(self)
        settings: list[AnySetting] = [
            cls.source_function.to(self, "voltage"),
            cls.source_auto_range.to(self, False),
            cls.source_range.to(self, holding(self.link, SOURCE_RANGES, setup.voltage, "source range", "V")),
            cls.source_level.to(self, 0.0),
            cls.limits_linked.to(self, False),
            cls.current_limit.to(self, setup.current_limit),
            cls.lower_limit.to(self, -setup.current_limit),
            cls.limiter.to(self, True),
            cls.measuring.to(self, True),
            cls.measure_function.to(self, "current"),
            cls.measure_auto_range.to(self, setup.current_range is None),
            cls.nplc.to(self, setup.nplc),
            cls.auto_zero.to(self, True),
            cls.four_wire.to(self, setup.four_wire),
        ]
        if setup.current_range is not None:
            range_ = holding(self.link, CURRENT_RANGES, setup.current_range, "measure range", "A")
            settings.append(cls.measure_range.to(self, range_))
        return settings
