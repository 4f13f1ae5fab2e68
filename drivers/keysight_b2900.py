"""The Keysight B2900A and B2900B source-measure units: a channel sources voltage, measures current and voltage.

Its settings are in `drivers/keysight_b2900_knobs.py`, its readings in `drivers/keysight_b2900_readings.py`, its sweeps
in `drivers/keysight_b2900_sweep.py`; what a link does after a failure is in `drivers/scpi.py`.

Assumptions, where the manual's page could not be had: `:OUTP:LOW` takes GRO and FLO; `:FORM?` answers `REAL,64`;
`:ABOR (@1)` ends both trigger actions of the channel; a level that is set while no trigger runs acts at once, in list
mode, too.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from drivers.failures import failure
from drivers.keysight_b2900_channel import INTERLOCK_VOLTAGE, B2900Channel
from drivers.keysight_b2900_knobs import (
    CURRENT_RANGES,
    DELAY_MAX,
    ELEMENTS,
    FUNCTIONS,
    LIST_MAX,
    MODELS,
    SOURCE_RANGES,
)
from drivers.keysight_b2900_pulses import BOUNDS, PulseRun
from drivers.keysight_b2900_readings import MEASURE, TOKENS, MeasurementStatus, parse_measurement
from drivers.keysight_b2900_sweep import ListSweep
from drivers.output_order import OutputOrder
from drivers.scpi import ScpiLink
from drivers.scpi_channel import ORDINARY_TIMEOUT
from drivers.settings import confirm_settings
from drivers.source_bounds import LINE_PERIOD, check_levels, check_sweep, holding
from labctl.bench_file import InstrumentEntry
from labctl.errors import LinkError, RefusedError, SettingError, TrippedError
from labctl.instruments import Identity, SourceMeter
from labctl.smu_data import PulseTrain, Reading, SourceSetup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.keysight_b2900_knobs import Model
    from drivers.keysight_b2900_readings import Sample
    from drivers.scpi import Channel
    from drivers.settings import AnySetting
    from labctl.backend import Backend, Clock

TIMEOUT = 10.0
"""Time-out of readings and resets (s): 100 power line cycles take 2 s, several times that with auto range."""
LEVEL_TOLERANCE = 1e-5
"""Difference between a level that was set and the one a reading gives, as a fraction of the source range."""


class KeysightB2900Settings(InstrumentEntry):
    """`[instruments.NAME]` of a B2900.

    `channel` is the one that the bench uses; `low` says whether its low terminal is tied to the chassis.
    """

    channel: Annotated[int, Field(ge=1, le=2)] = 1
    low: Literal["ground", "float"] = "ground"


class KeysightB2900(SourceMeter):
    """One channel of a Keysight B2901A, B2902A, B2911A or B2912A, or of their successors with a B.

    `configure` resets the whole instrument, the other channel included, and returns the full scale of the source range
    as `voltage`; that much can be sourced. `Reading.voltage` is measured.
    `Reading.time` counts from the first `measure` after `configure`; in a sweep, from the sweep's first reading.
    After a sweep that fails, `configure` must be called before the output can be used again.

    Args:
        link: to the instrument.
        clock: the backend's.
        settings: of the bench file.
    """

    Settings: ClassVar[type[InstrumentEntry]] = KeysightB2900Settings
    models: ClassVar[tuple[str, ...]] = tuple(MODELS)
    has_watchdog = False
    """The OUTPut and SYSTem chapters of the B2900 command reference have none; those of Keysight's power supplies N6700
    and N7900 do (`OUTP:PROT:WDOG`)."""
    pulse_width_min = BOUNDS.width_min

    def __init__(self, link: ScpiLink, clock: Clock, settings: KeysightB2900Settings) -> None:
        self.link = link
        self.name = link.name
        self.address = link.address
        self._channel = B2900Channel(link, settings.channel)
        self.knobs = self._channel.knobs
        self._low = settings.low
        self._clock = clock
        self._tokens = itertools.cycle(TOKENS)
        self._setup: SourceSetup | None = None
        self._order = OutputOrder(
            self,
            self.knobs.source_level,
            self.knobs.current_limit,
            self.knobs.output,
            self.read_errors,
            lambda: self._channel.reason("check interlock and temperature"),
        )
        self._level = 0.0
        self._origin: float | None = None

    @classmethod
    def open(cls, backend: Backend, name: str, settings: KeysightB2900Settings) -> KeysightB2900:
        """Open the link; nothing is sent.

        Raises:
            LinkError: if it cannot be opened.
        """

        def connect() -> Channel:
            return backend.open_visa(
                settings.address, read_termination="\n", write_termination="\n", timeout=ORDINARY_TIMEOUT
            )

        return cls(ScpiLink(connect, name, settings.address), backend.clock, settings)

    @override
    def identify(self) -> Identity:
        return self._channel.identify()

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        self._setup = None
        model = self._channel.require_model()
        settings = self._settings(setup, model)
        self.link.synchronise(self._channel.shut_down())
        self.knobs.output.confirm(self, False)
        # A reset with the output off is the only way to a known state: offsets, limit tests, trigger layers and trace
        # buffers of earlier users are too many to be set one by one.
        self.link.write("*RST")
        self.link.write("*CLS")
        self.link.query("*OPC?", timeout=TIMEOUT)
        for setting in settings:
            setting.send()
        # Seven digits of a timer that has counted for weeks would leave no milliseconds.
        # By default each run sets it to 0 (assumption: the page could not be had), and readings before and after a
        # sweep would have different time bases.
        self.link.write(":SYST:TIME:TIM:COUN:RES:AUTO 0")
        self.link.write(":SYST:TIME:TIM:COUN:RES")
        confirm_settings(self.link, settings, self.read_errors(), "the instrument refuses its configuration")
        self.knobs.output.confirm(self, False)
        if setup.voltage > INTERLOCK_VOLTAGE:
            self._channel.require_interlock(setup.voltage)
        self._level, self._origin = 0.0, None
        self._setup = self._confirmed(setup, model)
        return self._setup

    @override
    def source(self, voltage: float) -> None:
        setup = self._check_levels((voltage,))
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
        setup = self._check_levels(())
        token = next(self._tokens)
        query = MEASURE.format(token=token, channel=self._channel.number)
        reply = self.link.query(query, once=True, timeout=TIMEOUT)
        try:
            sample, on = parse_measurement(reply, token)
        except ValueError:
            raise self.link.garbled(query, reply) from None
        if not on:
            raise failure(
                self.link,
                TrippedError,
                "the output was off during a measurement; check interlock, front panel and power",
            )
        if not abs(sample.level - self._level) <= LEVEL_TOLERANCE * setup.voltage:
            garbled = self.link.garbled(query, reply)
            raise LinkError(f"{garbled}, but the source was set to {self._level:g} V")
        if self._origin is None:
            self._origin = sample.time
        return self._reading(sample, self._origin)

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        levels = [float(voltage) for voltage in voltages]
        setup = self._check_sweep(levels, delay)
        if not levels:
            return []
        if not self.knobs.output.read(self):
            raise failure(self.link, SettingError, "a sweep needs the output on; switch it on before")
        self._setup = None
        sweep = ListSweep(self._channel, self._clock, levels, delay, LEVEL_TOLERANCE * setup.voltage)
        readings = self._run(sweep, delay + 2 * setup.nplc * LINE_PERIOD)
        self._setup = setup
        return readings

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        setup = self._check_levels((train.level, train.base))
        BOUNDS.check(self.link, train, setup)
        if not self.knobs.output.read(self):
            raise failure(self.link, SettingError, "pulses need the output on; switch it on before")
        self._setup = None
        self._shape("pulse", setup)
        pulses = PulseRun(self._channel, self._clock, train, setup.nplc, LEVEL_TOLERANCE * setup.voltage)
        readings = self._run(pulses, train.width + train.rest)
        self._shape("dc", setup)
        self._setup = setup
        return readings

    def _shape(self, shape: str, setup: SourceSetup) -> None:
        """Change the shape of the output, which is off meanwhile and on again at 0 V."""
        self._order.off()
        self.knobs.shape.send(self, shape)
        self.knobs.shape.confirm(self, shape)
        self._order.on(setup)

    def _run(self, sweep: ListSweep, point: float) -> list[Reading]:
        """Return the readings of a sweep, each of whose points takes about `point` (s)."""
        samples = sweep.run(point)
        self._level = 0.0
        return [self._reading(sample, samples[0].time) for sample in samples]

    @override
    def read_errors(self) -> list[str]:
        return self._channel.read_errors()

    @override
    def make_safe(self) -> None:
        self._setup = None
        self._channel.make_safe()

    @override
    def close(self) -> None:
        self.link.close()

    def _settings(self, setup: SourceSetup, model: Model) -> list[AnySetting]:
        """Return the settings that make `setup`, in the order in which they are sent; nothing is sent here.

        The output must not go on by itself, which a reset allows, so that comes first. The measure range follows the
        limit, because the instrument may hold one against the other.
        """
        knobs = self.knobs
        settings: list[AnySetting] = [
            knobs.auto_output.to(self, False),
            knobs.trip_off.to(self, False),
            knobs.source_function.to(self, "voltage"),
            knobs.source_mode.to(self, "fixed"),
            knobs.off_mode.to(self, setup.off_mode),
            knobs.low.to(self, self._low),
            knobs.source_auto_range.to(self, False),
            knobs.source_range.to(self, holding(self.link, SOURCE_RANGES, setup.voltage, "source range", "V")),
            knobs.sweep_range.to(self, "fixed"),
            knobs.source_level.to(self, 0.0),
            knobs.current_limit.to(self, setup.current_limit),
            knobs.functions.to(self, tuple(FUNCTIONS.values())),
        ]
        if setup.current_range is None:
            # The default goes no lower than 1 uA, whatever the model can.
            settings.append(knobs.auto_range_floor.to(self, model.lowest_range))
        else:
            settings.append(knobs.measure_range.to(self, self._measure_range(setup.current_range, model)))
        settings += [
            knobs.measure_auto_range.to(self, setup.current_range is None),
            knobs.auto_nplc.to(self, False),
            knobs.nplc.to(self, setup.nplc),
            knobs.four_wire.to(self, setup.four_wire),
            knobs.data_format.to(self, "text"),
            knobs.byte_order.to(self, "big"),
            knobs.elements.to(self, ELEMENTS),
        ]
        return settings

    def _confirmed(self, setup: SourceSetup, model: Model) -> SourceSetup:
        """Return what is read back of `setup`, each value compared once more: none is an answer to another query."""
        knobs, current_range = self.knobs, None
        source_range = holding(self.link, SOURCE_RANGES, setup.voltage, "source range", "V")
        source_range = knobs.source_range.confirm(self, source_range)
        current_limit = knobs.current_limit.confirm(self, setup.current_limit)
        knobs.measure_auto_range.confirm(self, setup.current_range is None)
        if setup.current_range is not None:
            current_range = knobs.measure_range.confirm(self, self._measure_range(setup.current_range, model))
        return SourceSetup(
            voltage=source_range,
            current_limit=current_limit,
            current_range=current_range,
            nplc=knobs.nplc.confirm(self, setup.nplc),
            four_wire=knobs.four_wire.confirm(self, setup.four_wire),
            off_mode=knobs.off_mode.confirm(self, setup.off_mode),
        )

    def _measure_range(self, current: float, model: Model) -> float:
        """Return the smallest range of a model (A) that holds `current` (A)."""
        ranges = [full for full in CURRENT_RANGES if full >= model.lowest_range]
        return holding(self.link, ranges, current, "measure range", "A")

    def _check_levels(self, levels: Sequence[float]) -> SourceSetup:
        setup = check_levels(self.link, levels, self._setup)
        highest = max(map(abs, levels), default=0.0)
        if highest > INTERLOCK_VOLTAGE:
            self._channel.require_interlock(highest)
        return setup

    def _check_sweep(self, levels: Sequence[float], delay: float) -> SourceSetup:
        check_sweep(self.link, levels, delay, LIST_MAX, DELAY_MAX)
        return self._check_levels(levels)

    def _reading(self, sample: Sample, origin: float) -> Reading:
        """Return the reading that a sample is, its time counted from `origin` (s).

        Raises:
            TrippedError: if the instrument was too hot, or sourced current.
            RefusedError: if there is none.
        """
        if MeasurementStatus.OVER_TEMPERATURE in sample.status:
            raise failure(self.link, TrippedError, "the instrument is too hot; let it cool down")
        if MeasurementStatus.CURRENT_SOURCE in sample.status:
            raise failure(self.link, TrippedError, "somebody made the instrument a current source; configure it")
        if math.isnan(sample.current):
            raise failure(self.link, RefusedError, "the instrument returned no reading (9.91E37)")
        return Reading(
            voltage=sample.voltage if math.isfinite(sample.voltage) else math.nan,
            current=math.nan if sample.overrange else sample.current,
            time=sample.time - origin,
            in_compliance=sample.in_compliance,
            overrange=sample.overrange,
        )
