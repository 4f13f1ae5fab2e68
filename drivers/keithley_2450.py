"""The Keithley 2450 SourceMeter in its SCPI mode: sources voltage, measures current.

Its settings are in `drivers/keithley_2450_knobs.py`; what a link does after a failure is in `drivers/scpi.py`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, TypeVar

from typing_extensions import override

from drivers.keithley_2450_knobs import CURRENT_RANGES, PROTECTIONS, SOURCE_RANGES, Keithley2450Knobs, SourceStatus
from drivers.scpi import ScpiLink
from drivers.scpi_errors import read_error_queue
from drivers.scpi_text import parse_identity
from labctl.bench_file import InstrumentEntry
from labctl.errors import EquipmentError, LinkError, RefusedError, SettingError, TrippedError
from labctl.instruments import Identity, OffMode, Reading, SourceMeter, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.knobs import Setting
    from drivers.scpi import Channel
    from labctl.backend import Backend, Clock

    AnySetting = Setting[float] | Setting[bool] | Setting[str] | Setting[OffMode]

E = TypeVar("E", bound=EquipmentError)

LANGUAGES = ("SCPI", "TSP", "SCPI2400")
TIMEOUT = 5000
"""Time-out of the link (ms): ten power line cycles with auto zero and auto range take up to 3 s."""
SHUT_DOWN = (":ABOR", ":ABOR", ":SOUR:VOLT 0", ":OUTP 0")
"""Ends a sweep, sources 0 V, switches off. The first line may be lost: half a command that a killed process left in
the instrument's input spoils whatever is sent next."""

READ = ':READ? "defbuffer1",SOUR,READ,REL,SOURSTAT'
SWEEP_BUFFER = '"defbuffer2"'
"""Sweeps have a buffer of their own: the first one keeps its time base, and buffers made by users leak."""
SWEEP_MAX = 2500
"""Points of a source list, appended in groups of `LIST_MAX`."""
LIST_MAX = 100
SWEEP_DELAYS = (50e-6, 1e4)
"""Shortest and longest delay of a sweep, apart from none (s)."""
SWEEP_PATIENCE = 10.0
"""A sweep that gives no reading for this long (s), and for ten times its delay, has stopped."""
LINE_PERIOD = 0.02
"""Of a 50 Hz power line (s)."""


class Keithley2450(Keithley2450Knobs, SourceMeter):
    """A Keithley 2450.

    `configure` returns the full scale of the source range as `voltage`; that much can be sourced.
    `Reading.time` counts from the first `measure` after `configure`; in a sweep, from the sweep's first reading.
    After a sweep that fails, `configure` must be called before the output can be used again.

    Args:
        link: to the instrument.
        clock: the backend's.
    """

    Settings: ClassVar[type[InstrumentEntry]] = InstrumentEntry
    models: ClassVar[tuple[str, ...]] = ("2450",)
    has_watchdog: ClassVar[bool] = False

    def __init__(self, link: ScpiLink, clock: Clock) -> None:
        self.link = link
        self.name = link.name
        self.address = link.address
        self._clock = clock
        self._setup: SourceSetup | None = None

    @classmethod
    def open(cls, backend: Backend, name: str, settings: InstrumentEntry) -> Keithley2450:
        """Open the channel; nothing is sent.

        Raises:
            LinkError: if it cannot be opened.
        """

        def connect() -> Channel:
            return backend.open_visa(settings.address, read_termination="\n", write_termination="\n", timeout=TIMEOUT)

        return cls(ScpiLink(connect, name, settings.address), backend.clock)

    @override
    def identify(self) -> Identity:
        return parse_identity(self.link.query_until("*IDN?", _is_identity))

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        settings = self._settings(setup)
        self._setup = None
        self._require_scpi()
        self.link.synchronise(SHUT_DOWN)
        Keithley2450.output.confirm(self, False)
        # A reset with the output off is the only way to a known state: filters, relative offsets, delays, limit tests
        # and trigger models of earlier users are too many to be set one by one. It also resets what the die is wired
        # to, so the terminals are kept; off mode and limits are set below, while the output is still off.
        terminals = self.terminals
        self.link.write("*RST")
        self.link.write("*CLS")
        self.link.query("*OPC?")
        self.terminals = terminals
        for setting in settings:
            setting.send()
        self.link.write(':TRAC:CLE "defbuffer1"')
        self._raise_errors("the instrument refuses its configuration")
        for setting in settings:
            setting.confirm()
        Keithley2450.output.confirm(self, False)
        self._setup = SourceSetup(
            voltage=self.source_range,
            current_limit=self.current_limit,
            current_range=None if self.measure_auto_range else self.measure_range,
            nplc=self.nplc,
            four_wire=self.four_wire,
            off_mode=self.off_mode,
        )
        return self._setup

    @override
    def source(self, voltage: float) -> None:
        self._check_level(voltage)
        self.source_level = voltage

    @override
    def output_on(self) -> None:
        if self._setup is None:
            raise self._error(SettingError, "the output stays off until a limit is set; configure the instrument")
        # A power cycle or the front panel may have changed the limit since it was set.
        Keithley2450.current_limit.confirm(self, self._setup.current_limit)
        self.output = True
        if not self.output:
            reason = "; ".join(self.read_errors()) or "no error is given; check interlock and over-voltage protection"
            raise self._error(RefusedError, f"the output stays off: {reason}")

    @override
    def output_off(self) -> None:
        self.source_level = 0.0
        self.output = False
        Keithley2450.output.confirm(self, False)

    @override
    def measure(self) -> Reading:
        values = self.link.query_values(READ)
        if len(values) != 4:
            raise self.link.garbled(READ, ",".join(map(str, values)))
        return self._reading(*values)

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        setup = self._setup
        levels = [float(voltage) for voltage in voltages]
        self._check_sweep(levels, delay)
        if not levels or setup is None:
            return []
        if not self.output:
            raise self._error(SettingError, "a sweep would switch the output on; switch it on before")
        self._setup = None
        self._load_sweep(levels, max(delay, SWEEP_DELAYS[0]) if delay else 0.0)
        self.link.write(":INIT")
        self._await_sweep(len(levels), delay + 2 * setup.nplc * LINE_PERIOD)
        self.source_level = 0.0
        readings = self._read_sweep(len(levels))
        self._setup = setup
        if not self.output:  # the sweep's trigger model ends with the output off
            self.output_on()
        return readings

    @override
    def read_errors(self) -> list[str]:
        return read_error_queue(self.link)

    @override
    def make_safe(self) -> None:
        self._setup = None
        try:
            self.link.send_urgently(SHUT_DOWN)
            Keithley2450.output.confirm(self, False)
        except (LinkError, SettingError) as error:
            raise LinkError(f"{error}; its output may be on") from error

    @override
    def close(self) -> None:
        self.link.close()

    def _settings(self, setup: SourceSetup) -> list[AnySetting]:
        """Return the settings that make `setup`, in the order in which they are sent; nothing is sent here.

        The limit follows the source range, because a change of range may lower it; the measure range follows the
        limit, because a fixed one bounds the limit.
        """
        cls = type(self)
        source_range = self._holding(SOURCE_RANGES, setup.voltage, "source range", "V")
        settings: list[AnySetting] = [
            cls.source_function.to(self, "voltage"),
            cls.measure_function.to(self, "current"),
            cls.off_mode.to(self, setup.off_mode),
            cls.source_range.to(self, source_range),
            cls.source_auto_range.to(self, False),
            cls.source_level.to(self, 0.0),
            # A level equal to the protection could be clamped by it.
            cls.protection.to(self, min(level for level in PROTECTIONS if level > setup.voltage)),
            cls.current_limit.to(self, setup.current_limit),
        ]
        if setup.current_range is not None:
            measure_range = self._holding(CURRENT_RANGES, setup.current_range, "measure range", "A")
            settings.append(cls.measure_range.to(self, measure_range))
        settings += [
            cls.measure_auto_range.to(self, setup.current_range is None),
            cls.source_readback.to(self, True),
            cls.nplc.to(self, setup.nplc),
            cls.four_wire.to(self, setup.four_wire),
            cls.data_format.to(self, "text"),
            cls.precision.to(self, 10),
            cls.byte_order.to(self, "little"),
        ]
        return settings

    def _holding(self, ranges: Sequence[float], value: float, what: str, unit: str) -> float:
        """Return the smallest of `ranges` that holds `value`."""
        for full in ranges:
            if 0 <= value <= full:
                return full
        raise self._error(SettingError, f"no {what} holds {value:g} {unit}; the largest is {ranges[-1]:g} {unit}")

    def _require_scpi(self) -> None:
        language = self.link.query_until("*LANG?", LANGUAGES.__contains__)
        if language != "SCPI":
            raise self._error(
                SettingError, f"it speaks {language}; send it '*LANG SCPI', switch it off and on, and run again"
            )

    def _check_level(self, voltage: float) -> None:
        if self._setup is None:
            raise self._error(SettingError, "no source range is set; configure the instrument")
        if not abs(voltage) <= self._setup.voltage:
            raise self._error(
                SettingError, f"{voltage:g} V is beyond the configured source range of {self._setup.voltage:g} V"
            )

    def _check_sweep(self, levels: Sequence[float], delay: float) -> None:
        for level in levels:
            self._check_level(level)
        if len(levels) > SWEEP_MAX:
            raise self._error(SettingError, f"a sweep holds at most {SWEEP_MAX} points, not {len(levels)}")
        if not 0 <= delay <= SWEEP_DELAYS[1]:
            raise self._error(SettingError, f"a sweep delay of {delay:g} s is out of range, 0 to {SWEEP_DELAYS[1]:g} s")

    def _load_sweep(self, levels: Sequence[float], delay: float) -> None:
        for start in range(0, len(levels), LIST_MAX):
            group = ",".join(f"{level:.9g}" for level in levels[start : start + LIST_MAX])
            self.link.write(f":SOUR:LIST:VOLT{':APP' if start else ''} {group}")
        # OFF: the instrument's default is to end a sweep at the first point that reaches the limit.
        self.link.write(f":SOUR:SWE:VOLT:LIST 1,{delay:.9g},1,OFF,{SWEEP_BUFFER}")
        self.link.write(f":TRAC:CLE {SWEEP_BUFFER}")
        self._raise_errors("the instrument refuses the sweep")

    def _await_sweep(self, count: int, point: float) -> None:
        """Ask for the number of readings until all are there: a blocking wait would hold up an abort.

        Args:
            count: how many readings there will be.
            point: about how long each takes (s).
        """
        pause = min(max(count * point / 50, 0.01), 0.5)
        done, moved = 0, self._clock.now()
        while (found := self._sweep_readings()) < count:
            if found != done:
                done, moved = found, self._clock.now()
            elif self._clock.now() - moved > SWEEP_PATIENCE + 10 * point:
                self.link.send_urgently(SHUT_DOWN)
                reason = "; ".join(self.read_errors()) or "no error is given"
                raise self._error(RefusedError, f"the sweep stopped after {found} of {count} points: {reason}")
            self._clock.sleep(pause)
        self.link.query("*OPC?")

    def _sweep_readings(self) -> int:
        query = f":TRAC:ACT? {SWEEP_BUFFER}"
        values = self.link.query_values(query)
        if len(values) != 1 or not 0 <= values[0] <= 1e9:
            raise self.link.garbled(query, ",".join(map(str, values)))
        return int(values[0])

    def _read_sweep(self, count: int) -> list[Reading]:
        """Return the readings of the sweep's buffer: numbers in binary, which admits no status, and status as text."""
        what = f":TRAC:DATA? 1,{count},{SWEEP_BUFFER}"
        self.data_format = "binary"
        table = self.link.query_block(f"{what},SOUR,READ,REL", 3 * count, "<f8").reshape(count, 3)
        self.data_format = "text"
        query = f"{what},SOURSTAT"
        statuses = self.link.query_values(query)
        if len(statuses) != count:
            raise self.link.garbled(query, f"{len(statuses)} numbers")
        rows = zip(table.tolist(), statuses, strict=True)
        return [self._reading(source, current, time, status) for (source, current, time), status in rows]

    def _reading(self, source: float, current: float, time: float, status: float) -> Reading:
        """Return a reading from its buffer elements.

        Raises:
            TrippedError: if the output was off, or too hot, while it was taken.
        """
        if not (0 <= status <= 0xFFFF and math.isfinite(time)):
            raise self.link.garbled(READ, f"{source},{current},{time},{status}")
        bits = SourceStatus(int(status))
        if SourceStatus.OVER_TEMPERATURE in bits:
            raise self._error(TrippedError, "the instrument is too hot; let it cool down")
        if SourceStatus.OUTPUT_ON not in bits:
            raise self._error(
                TrippedError, "the output was off during a measurement; check interlock, front panel and power"
            )
        if math.isnan(current):
            raise self._error(RefusedError, "the instrument returned no reading (9.91E37)")
        overrange = math.isinf(current)
        return Reading(
            voltage=source if math.isfinite(source) else math.nan,
            current=math.nan if overrange else current,
            time=time,
            in_compliance=bool(bits & (SourceStatus.LIMITED | SourceStatus.OVER_VOLTAGE)),
            overrange=overrange,
        )

    def _raise_errors(self, what: str) -> None:
        if errors := self.read_errors():
            raise self._error(RefusedError, f"{what}: {'; '.join(errors)}")

    def _error(self, kind: type[E], what: str) -> E:
        return kind(f"{self.name} at {self.address}: {what}")


def _is_identity(reply: str) -> bool:
    try:
        parse_identity(reply)
    except ValueError:
        return False
    return True
