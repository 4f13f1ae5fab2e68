"""One channel of a Keithley 2600B SourceMeter: sources voltage, measures current.

Its settings are in `drivers/keithley_2600_knobs.py`, its sweeps in `drivers/keithley_2600_sweep.py`; what its link does
with queries is in `drivers/tsp.py`, and what it does after a failure in `drivers/scpi.py`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from typing_extensions import override

from drivers.failures import failure, raise_errors, reason
from drivers.identity import ask_identity
from drivers.keithley_2600_knobs import FAMILY, MODELS, Keithley2600Knobs, Model, Status
from drivers.keithley_2600_pulses import BOUNDS, PulseSweep
from drivers.keithley_2600_sweep import DELAY_MAX, POINTS_MAX, Sweep
from drivers.output_order import OutputOrder
from drivers.scpi_channel import ORDINARY_TIMEOUT
from drivers.scpi_text import ErrorEntry, decode_number
from drivers.settings import confirm_settings
from drivers.source_bounds import LINE_PERIOD, check_levels, check_sweep, holding
from drivers.tsp import TspLink
from labctl.bench_file import InstrumentEntry
from labctl.errors import LinkError, RefusedError, SettingError, TrippedError
from labctl.instruments import Identity, SourceMeter
from labctl.smu_data import PulseTrain, Reading, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.scpi import Channel
    from drivers.settings import AnySetting
    from labctl.backend import Backend, Clock

TIMEOUT = 10.0
"""Time-out of a reading (s): 25 power line cycles with auto zero and auto range take up to 6 s."""
SHUT_DOWN = (
    "localnode.prompts = 0",
    "localnode.showerrors = 0",
    "if smuX then smuX.abort() end",
    "if smuX then smuX.source.levelv = 0 end",
    "if smuX then smuX.source.output = 0 end",
)
"""Stops unasked answers, ends a sweep, sources 0 V, switches off; nothing on a model without the channel."""
BUFFERS = ("smuX.nvbuffer1", "smuX.nvbuffer2")
"""Of currents and of voltages. They are the channel's own: buffers made by users fill its memory."""
CLEAR = " ".join(f"{buffer}.clear()" for buffer in BUFFERS)
MEASURE = f"labctl_time = nil {CLEAR} smuX.measure.iv({', '.join(BUFFERS)}) labctl_time = timer.measure.t()"
"""Measures current and voltage at once. If the instrument refuses, the rest of the line is left out: no time is set."""
READ = (
    f"labctl_time, {BUFFERS[0]}.readings[1], {BUFFERS[1]}.readings[1], {BUFFERS[0]}.statuses[1], "
    "smuX.source.compliance, smuX.source.output"
)
NEXT_ERROR = "labctl_code, labctl_text = errorqueue.next()"
"""Takes an error from the queue: a query may be evaluated twice."""
ERRORS_MAX = 1000
"""Entries that are read from the error queue at once."""


class Keithley2600Settings(InstrumentEntry):
    """`[instruments.NAME]` of a 2600B.

    `channel` is the one that the board's port is connected to. With `interlock` the output needs the interlock line
    (the output enable line of a 2601B, 2602B or 2604B) on every range; without it, on the 200 V range alone.
    """

    channel: Literal["a", "b"] = "a"
    interlock: bool = False


class Keithley2600(Keithley2600Knobs, SourceMeter):
    """One channel of a Keithley 2600B.

    `configure` returns the full scale of the source range as `voltage`; that much can be sourced.
    `Reading.time` counts from the first `measure` after `configure`; in a sweep, from the sweep's first reading.
    After a sweep that fails, `configure` must be called before the output can be used again.
    The other channel is never touched.

    Args:
        link: to the channel.
        clock: the backend's.
        interlock: the output needs the interlock on every range.
    """

    Settings: ClassVar[type[InstrumentEntry]] = Keithley2600Settings
    models: ClassVar[tuple[str, ...]] = tuple(MODELS)
    has_watchdog = False
    """None of the chapters of the manual's command reference has one."""
    pulse_width_min = BOUNDS.width_min

    def __init__(self, link: TspLink, clock: Clock, interlock: bool = False) -> None:
        self.link = link
        self.name = link.name
        self.address = link.address
        self._clock = clock
        self._interlock = interlock
        self._setup: SourceSetup | None = None
        cls = type(self)
        self._order = OutputOrder(
            self,
            cls.source_level,
            cls.current_limit,
            cls.output,
            self.read_errors,
            lambda: reason(self.read_errors(), "check the interlock"),
        )
        self._first_time: float | None = None

    @classmethod
    def open(cls, backend: Backend, name: str, settings: Keithley2600Settings) -> Keithley2600:
        """Open the channel; nothing is sent.

        Raises:
            LinkError: if it cannot be opened.
        """

        def connect() -> Channel:
            return backend.open_visa(
                settings.address, read_termination="\n", write_termination="\n", timeout=ORDINARY_TIMEOUT
            )

        link = TspLink(connect, name, settings.address, f"smu{settings.channel}")
        return cls(link, backend.clock, settings.interlock)

    @override
    def identify(self) -> Identity:
        try:
            return ask_identity(self.link)
        except LinkError:
            # It may wait for the end of a script whose sender died.
            self.link.leave_script()
            return ask_identity(self.link)

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        self._settings(setup, FAMILY)
        self._setup = None
        self.link.send_urgently(SHUT_DOWN)
        settings = self._settings(setup, self._model())
        Keithley2600.output.confirm(self, False)
        # A reset is the only way to a known state: filters, relative offsets, delays, power limit and trigger model of
        # earlier users are too many to be set one by one. It sets the limit to 100 mA or 1 A, the output being off.
        self.link.write("smuX.reset()")
        self.link.write("errorqueue.clear()")
        for setting in settings:
            setting.send()
        for buffer in BUFFERS:
            self.link.write(f"{buffer}.clear() {buffer}.appendmode = 1 {buffer}.collecttimestamps = 1")
        self.link.write("timer.reset()")
        confirm_settings(self.link, settings, self.read_errors(), "the instrument refuses its configuration")
        Keithley2600.output.confirm(self, False)
        self._first_time = None
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
        setup = check_levels(self.link, (voltage,), self._setup)
        self._order.source(voltage, setup.voltage)

    @override
    def output_on(self) -> None:
        self._order.on(self._setup)

    @override
    def output_off(self) -> None:
        self._order.off()

    @override
    def measure(self) -> Reading:
        self.link.write(MEASURE)
        reply = self.link.query(READ, timeout=TIMEOUT)
        if reply.startswith("nil"):
            raise failure(self.link, RefusedError, f"the instrument did not measure: {reason(self.read_errors())}")
        try:
            *texts, compliance, output = reply.split("\t")
            time, current, voltage, status = map(decode_number, texts)
            limited = {"false": False, "true": True}[compliance]
            on = {0.0: False, 1.0: True}[decode_number(output)]
        except (ValueError, KeyError):
            raise self.link.garbled(READ, reply) from None
        if not math.isfinite(time):
            raise self.link.garbled(READ, reply)
        if not on:
            raise failure(
                self.link,
                TrippedError,
                "the output was off during a measurement; check interlock, front panel and power",
            )
        if self._first_time is None:
            self._first_time = time
        return self._reading(voltage, current, time - self._first_time, status, limited)

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        levels = [float(voltage) for voltage in voltages]
        setup = check_levels(self.link, levels, self._setup)
        check_sweep(self.link, levels, delay, POINTS_MAX, DELAY_MAX)
        if not levels:
            return []
        sweep = Sweep(self, self._clock, self._reading, levels, delay)
        return self._run(sweep, setup, len(levels), delay + 2 * setup.nplc * LINE_PERIOD)

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        setup = check_levels(self.link, (train.level, train.base), self._setup)
        BOUNDS.check(self.link, train, setup)
        pulses = PulseSweep(self, self._clock, self._reading, train, setup.nplc)
        return self._run(pulses, setup, train.count, train.width + train.rest)

    def _run(self, sweep: Sweep, setup: SourceSetup, count: int, point: float) -> list[Reading]:
        """Return the readings of a sweep.

        Args:
            sweep: what is to be done.
            setup: the configuration, which stands again when all went well.
            count: how many readings there will be.
            point: about how long each takes (s).
        """
        if not self.output:
            raise failure(self.link, SettingError, "the output is off; switch it on before a sweep or pulses")
        self._setup = None
        sweep.load()
        raise_errors(self.link, self.read_errors(), "the instrument refuses the sweep")
        sweep.confirm()
        if (done := sweep.run(point)) < count:
            self.link.send_urgently(SHUT_DOWN)
            why = reason(self.read_errors())
            raise failure(self.link, RefusedError, f"the sweep stopped after {done} of {count} points: {why}")
        readings = sweep.read()
        # What the interlock switched off stays off.
        if not self.output:
            raise failure(
                self.link, TrippedError, "the output went off in a sweep; check interlock, front panel and power"
            )
        self._setup = setup
        return readings

    @override
    def read_errors(self) -> list[str]:
        errors: list[str] = []
        for _ in range(self._error_count()):
            self.link.write(NEXT_ERROR)
            query = "labctl_code, labctl_text"
            reply = self.link.query(query)
            code, _, text = reply.partition("\t")
            try:
                entry = ErrorEntry(int(decode_number(code)), text)
            except (ValueError, OverflowError):
                raise self.link.garbled(query, reply) from None
            if entry.code == 0:
                break
            errors.append(str(entry))
        return errors

    @override
    def make_safe(self) -> None:
        self._setup = None
        self._order.make_safe(SHUT_DOWN)

    @override
    def close(self) -> None:
        self.link.close()

    def _reading(self, voltage: float, current: float, time: float, status: float, limited: bool = False) -> Reading:
        """Return a reading from what a buffer holds of it.

        Args:
            voltage: in V, special numbers as in `decode_number`.
            current: in A, likewise.
            time: in s.
            status: the status word.
            limited: the source said that it is limited.

        Raises:
            LinkError: if the status is none.
            TrippedError: if the instrument was too hot.
        """
        if not (0 <= status <= 0xFF and status == int(status)):
            raise self.link.garbled(READ, f"a status of {status}")
        bits = Status(int(status))
        if Status.OVER_TEMPERATURE in bits:
            raise failure(self.link, TrippedError, "the instrument is too hot; let it cool down")
        overrange = not math.isfinite(current)  # 9.91E37 here: what does not fit the range
        return Reading(
            voltage=voltage if math.isfinite(voltage) else math.nan,
            current=math.nan if overrange else current,
            time=time,
            in_compliance=limited or Status.COMPLIANCE in bits,
            overrange=overrange,
        )

    def _settings(self, setup: SourceSetup, model: Model) -> list[AnySetting]:
        """Return the settings that make `setup`, in the order in which they are sent; nothing is sent here.

        The limit comes first: its default is 1000 times what a molecular cell bears.
        """
        cls = type(self)
        settings: list[AnySetting] = [
            cls.current_limit.to(self, setup.current_limit),
            cls.source_function.to(self, "voltage"),
            cls.off_mode.to(self, setup.off_mode),
            cls.source_range.to(self, holding(self.link, model.source_ranges, setup.voltage, "source range", "V")),
            cls.source_auto_range.to(self, False),
            cls.source_level.to(self, 0.0),
            cls.source_delay.to(self, 0.0),
        ]
        if self._interlock:  # the reset leaves it off
            settings.append(cls.interlock.to(self, True))
        if setup.current_range is not None:
            measure_range = holding(self.link, model.current_ranges, setup.current_range, "measure range", "A")
            settings.append(cls.measure_range.to(self, measure_range))
        settings += [
            cls.measure_auto_range.to(self, setup.current_range is None),
            cls.measure_delay.to(self, "auto"),
            cls.nplc.to(self, setup.nplc),
            cls.auto_zero.to(self, "auto"),
            cls.four_wire.to(self, setup.four_wire),
            cls.data_format.to(self, "text"),
            cls.precision.to(self, 10),
            cls.byte_order.to(self, "little"),
        ]
        return settings

    def _model(self) -> Model:
        name = self.link.query("localnode.model")
        model = MODELS.get(name)
        if model is None:
            raise failure(self.link, SettingError, f"it is a {name}; this driver knows {', '.join(MODELS)}")
        if self.link.smu[-1] not in model.channels:
            raise failure(self.link, SettingError, f"a {name} has no channel {self.link.smu[-1]}; use channel = 'a'")
        return model

    def _error_count(self) -> int:
        query = "errorqueue.count"
        values = self.link.query_values(query)
        if len(values) != 1 or not 0 <= values[0] <= 1e9:
            raise self.link.garbled(query, ",".join(map(str, values)))
        return min(int(values[0]), ERRORS_MAX)
