"""The Keithley 2450 SourceMeter in its SCPI mode: sources voltage, measures current.

Its settings are in `drivers/keithley_2450_knobs.py`; what a link does after a failure is in `drivers/scpi.py`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from drivers.failures import failure, raise_errors, reason
from drivers.identity import ask_identity
from drivers.keithley_2450_knobs import CURRENT_RANGES, PROTECTIONS, SOURCE_RANGES, Keithley2450Knobs, SourceStatus
from drivers.keithley_2450_language import require_scpi, switched_off_in_tsp
from drivers.keithley_2450_readings import ELEMENTS, READ, parse_twice, twice
from drivers.output_order import OutputOrder
from drivers.scpi import ScpiLink
from drivers.scpi_errors import read_error_queue
from drivers.scpi_tags import ask_tagged
from drivers.settings import confirm_settings
from drivers.source_bounds import LINE_PERIOD, check_levels, check_sweep, holding
from labctl.bench_file import InstrumentEntry
from labctl.errors import LinkError, RefusedError, SettingError, TrippedError
from labctl.instruments import Identity, SourceMeter
from labctl.smu_data import Reading, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.scpi import Channel
    from drivers.settings import AnySetting
    from labctl.backend import Backend, Clock

TIMEOUT = 5000
"""Time-out of the link (ms): ten power line cycles with auto zero and auto range take up to 3 s."""
SHUT_DOWN = (":ABOR", ":ABOR", ":SOUR:VOLT 0", ":OUTP 0")
"""Ends a sweep, sources 0 V, switches off. The first line may be lost: half a command that a killed process left in
the instrument's input spoils whatever is sent next."""

INTERLOCK = ":OUTP:INT:TRIP?"
SWEEP_BUFFER = '"defbuffer2"'
"""Sweeps have a buffer of their own: the first one keeps its time base, and buffers made by users leak."""
SWEEP_MAX = 2500
"""Points of a source list, appended in groups of `LIST_MAX`. Assumption: the default buffers hold as many readings."""
LIST_MAX = 100
SWEEP_DELAYS = (50e-6, 1e4)
"""Shortest and longest delay of a sweep, apart from none (s)."""
SWEEP_PATIENCE = 10.0
"""A sweep that gives no reading for this long (s), and for ten times its delay, has stopped."""


class Keithley2450(Keithley2450Knobs, SourceMeter):
    """A Keithley 2450.

    `configure` returns the full scale of the source range as `voltage`; levels are sourced up to that, and below the
    over-voltage protection, which is the nearest one above what was asked for.
    `Reading.time` counts from the first `measure` after `configure`; in a sweep, from the sweep's first reading.
    After a sweep that fails, `configure` must be called before the output can be used again.

    Args:
        link: to the instrument.
        clock: the backend's.
    """

    Settings: ClassVar[type[InstrumentEntry]] = InstrumentEntry
    models: ClassVar[tuple[str, ...]] = ("2450",)
    has_watchdog = False
    """None of the chapters of the manual's command references has one."""

    def __init__(self, link: ScpiLink, clock: Clock) -> None:
        self.link = link
        self.name = link.name
        self.address = link.address
        self._clock = clock
        self._setup: SourceSetup | None = None
        self._protection = math.inf
        cls = type(self)
        self._order = OutputOrder(
            self,
            cls.source_level,
            cls.current_limit,
            cls.output,
            self.read_errors,
            self._why_off,
        )

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
        return ask_identity(self.link)

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        settings = self._settings(setup)
        self._setup = None
        require_scpi(self.link)
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
        confirm_settings(self.link, settings, self.read_errors(), "the instrument refuses its configuration")
        Keithley2450.output.confirm(self, False)
        self._protection = _protecting(setup.voltage)
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
        return self._reading(*self._ask_twice(READ, ELEMENTS, once=True))

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        levels = [float(voltage) for voltage in voltages]
        setup = check_levels(self.link, levels, self._setup, self._protection)
        check_sweep(self.link, levels, delay, SWEEP_MAX, SWEEP_DELAYS[1])
        if not levels:
            return []
        if not self.output:
            raise failure(self.link, SettingError, "a sweep would switch the output on; switch it on before")
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
            self._order.make_safe(SHUT_DOWN)
        except LinkError:
            if not switched_off_in_tsp(self.link):
                raise

    @override
    def close(self) -> None:
        self.link.close()

    def _why_off(self) -> str:
        why = reason(self.read_errors(), "check over-voltage protection, temperature and front panel")
        # The query sounds inverted: 1 says that the interlock is closed.
        if self.link.query(INTERLOCK).strip() == "0":
            why += f"; the interlock is open, which bars the highest range ({INTERLOCK!r} was answered with '0')"
        return why

    def _settings(self, setup: SourceSetup) -> list[AnySetting]:
        """Return the settings that make `setup`, in the order in which they are sent; nothing is sent here.

        The limit follows the source range, because a change of range may lower it; the measure range follows the
        limit, because a fixed one bounds the limit.
        """
        cls = type(self)
        source_range = holding(self.link, SOURCE_RANGES, setup.voltage, "source range", "V")
        settings: list[AnySetting] = [
            cls.source_function.to(self, "voltage"),
            cls.measure_function.to(self, "current"),
            cls.off_mode.to(self, setup.off_mode),
            cls.source_range.to(self, source_range),
            cls.source_auto_range.to(self, False),
            cls.source_level.to(self, 0.0),
            # A level equal to the protection could be clamped by it.
            cls.protection.to(self, _protecting(setup.voltage)),
            cls.current_limit.to(self, setup.current_limit),
        ]
        if setup.current_range is not None:
            measure_range = holding(self.link, CURRENT_RANGES, setup.current_range, "measure range", "A")
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

    def _confirmed(self, setup: SourceSetup) -> SourceSetup:
        """Return what is read back of `setup`, each value compared once more: none is an answer to another query."""
        cls = type(self)
        auto_range, current_range = setup.current_range is None, None
        source_range = holding(self.link, SOURCE_RANGES, setup.voltage, "source range", "V")
        source_range = cls.source_range.confirm(self, source_range)
        current_limit = cls.current_limit.confirm(self, setup.current_limit)
        cls.measure_auto_range.confirm(self, auto_range)
        if setup.current_range is not None:
            measure_range = holding(self.link, CURRENT_RANGES, setup.current_range, "measure range", "A")
            current_range = cls.measure_range.confirm(self, measure_range)
        return SourceSetup(
            voltage=source_range,
            current_limit=current_limit,
            current_range=current_range,
            nplc=cls.nplc.confirm(self, setup.nplc),
            four_wire=cls.four_wire.confirm(self, setup.four_wire),
            off_mode=cls.off_mode.confirm(self, setup.off_mode),
        )

    def _load_sweep(self, levels: Sequence[float], delay: float) -> None:
        for start in range(0, len(levels), LIST_MAX):
            group = ",".join(f"{level:.9g}" for level in levels[start : start + LIST_MAX])
            self.link.write(f":SOUR:LIST:VOLT{':APP' if start else ''} {group}")
        # OFF: the instrument's default is to end a sweep at the first point that reaches the limit.
        self.link.write(f":SOUR:SWE:VOLT:LIST 1,{delay:.9g},1,OFF,{SWEEP_BUFFER}")
        self.link.write(f":TRAC:CLE {SWEEP_BUFFER}")
        raise_errors(self.link, self.read_errors(), "the instrument refuses the sweep")

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
                why = reason(self.read_errors())
                raise failure(self.link, RefusedError, f"the sweep stopped after {found} of {count} points: {why}")
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
        statuses = self._ask_twice(twice(f"{what},SOURSTAT"), count)
        rows = zip(table.tolist(), statuses, strict=True)
        return [self._reading(source, current, time, status) for (source, current, time), status in rows]

    def _ask_twice(self, query: str, count: int, *, once: bool = False) -> list[float]:
        """Return the `count` numbers that the answer to `query` says twice."""
        reply = ask_tagged(self.link, query, once=once)
        try:
            return parse_twice(reply, count)
        except ValueError:
            raise self.link.garbled(query, reply) from None

    def _reading(self, source: float, current: float, time: float, status: float) -> Reading:
        """Return a reading from its buffer elements.

        Raises:
            TrippedError: if the output was off, or too hot, while it was taken.
        """
        if not (0 <= status <= 0xFFFF and math.isfinite(time)):
            raise self.link.garbled(READ, f"{source},{current},{time},{status}")
        bits = SourceStatus(int(status))
        if SourceStatus.OVER_TEMPERATURE in bits:
            raise failure(self.link, TrippedError, "the instrument is too hot; let it cool down")
        if SourceStatus.OUTPUT_ON not in bits:
            raise failure(
                self.link,
                TrippedError,
                "the output was off during a measurement; check interlock, front panel and power",
            )
        if math.isnan(current):
            raise failure(self.link, RefusedError, "the instrument returned no reading (9.91E37)")
        overrange = math.isinf(current)
        return Reading(
            voltage=source if math.isfinite(source) else math.nan,
            current=math.nan if overrange else current,
            time=time,
            in_compliance=bool(bits & (SourceStatus.LIMITED | SourceStatus.OVER_VOLTAGE)),
            overrange=overrange,
        )


def _protecting(voltage: float) -> float:
    """Return the lowest over-voltage protection (V) that a level of `voltage` (V) does not reach."""
    return min(level for level in PROTECTIONS if level > voltage)
