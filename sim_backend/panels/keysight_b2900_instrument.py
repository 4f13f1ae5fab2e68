"""The parts of a B2900A, wired together: its channels, and what `*RST` and `*OPC?` mean to them."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_calculate import Calculator
from sim_backend.panels.keysight_b2900_expressions import PREDEFINED
from sim_backend.panels.keysight_b2900_facts import MODELS
from sim_backend.panels.keysight_b2900_meter import Meter
from sim_backend.panels.keysight_b2900_output import Output
from sim_backend.panels.keysight_b2900_readings import DataBuffer, ReadingFormatter
from sim_backend.panels.keysight_b2900_remembered import POWER_ON_SETTING
from sim_backend.panels.keysight_b2900_settings import ChannelSettings, SystemSettings
from sim_backend.panels.keysight_b2900_source import Source
from sim_backend.panels.keysight_b2900_status import ChannelStatus, FilteredRegister, Measurement, Questionable
from sim_backend.panels.keysight_b2900_sweep import make_plan
from sim_backend.panels.keysight_b2900_trace import TraceBuffer
from sim_backend.panels.keysight_b2900_trigger import DeviceAction, TriggerSystem
from sim_backend.panels.scpi_errors import ScpiError, StandardEvent
from sim_backend.panels.scpi_events import EventLog
from sim_backend.panels.scpi_status import Status, StatusByte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keysight_b2900_expressions import Lookup
    from sim_backend.panels.keysight_b2900_facts import Model
    from sim_backend.panels.keysight_b2900_readings import Reading
    from sim_backend.panels.keysight_b2900_settings import Memory
    from sim_backend.panels.keysight_b2900_terminals import Terminals

QUEUE: Final = 30
"""Errors that the queue holds (assumption: as in other instruments of the maker)."""
_TEXTS: Final = {
    -171: "Invalid expression",
    -211: "Trigger ignored",
    -252: "Missing media",
    -350: "Error queue overflow",
}


@dataclass(frozen=True, slots=True)
class Options:
    """Which instrument it is, and what is outside of it.

    Args:
        model: B2901A, B2902A, B2911A or B2912A.
        maker: as `*IDN?` has it; instruments from before 2014 say "Agilent Technologies". The shape of the identity is
            that of a B2902A's in a public program.
        serial: serial number.
        firmware: version.
        interlock: the interlock circuit is closed: all voltages may be used.
        line_frequency: of the mains, in Hz, as set when the instrument was put up.
        patience: how long an endless run is waited for (s) until it is aborted; stands for the device clear of a host
            that gives up.
        longest: how long any other run is waited for (s): 10^10 triggers have an end, too.
    """

    model: str = "B2912A"
    maker: str = "Keysight Technologies"
    serial: str = "MY51140001"
    firmware: str = "3.4.2011.5100"
    interlock: bool = True
    line_frequency: float = 50.0
    patience: float = 2.0
    longest: float = 3600.0


class Channel:
    """One source-measure unit of the instrument."""

    def __init__(
        self,
        model: Model,
        system: SystemSettings,
        status: ChannelStatus,
        terminals: Terminals,
        clock: VirtualClock,
        interlock: bool,
        accuracy: MeterAccuracy | None,
        definitions: Mapping[str, str],
        lookup: Lookup,
    ) -> None:
        self.model = model
        self._system = system
        self._status = status
        self._clock = clock
        self.settings = self._defaults()
        self.output = Output(self.settings, terminals, clock, status, interlock, accuracy)
        self.source = Source(self.settings, self.output, model)
        self.meter = Meter(self.settings, system, self.output, terminals, clock, model, accuracy)
        self.data = DataBuffer()
        self.trace = TraceBuffer(self.settings.trace, status)
        self.calculator = Calculator(self.settings.calculate, definitions, lookup, status)
        self.trigger = TriggerSystem(self.settings, self.output, self.meter, status, clock, self._keep)
        self.output.refresh()

    def reset(self) -> None:
        """Return to the settings of `*RST`: output off, readings gone (assumption)."""
        self.trigger.abort()
        self.output.switch(on=False)
        self.output.tripped = False
        self.settings.take(self._defaults())
        self.output.level = 0.0
        self.output.refresh()
        self.data.clear()
        self.trace.use(self.settings.trace)
        self.calculator.use(self.settings.calculate)

    def recall(self, saved: ChannelSettings | None) -> None:
        """Return to saved settings with the output off; None: to those of `*RST`."""
        self.reset()
        if saved is None:
            return
        self.settings.take(deepcopy(saved))
        self.output.level = self.settings.source.level
        self.output.refresh()
        self.trace.use(self.settings.trace)
        self.calculator.use(self.settings.calculate)

    def check_idle(self) -> None:
        """Refuse what a run that is under way needs as it is.

        Raises:
            ScpiError: -221 (assumption: the number).
        """
        if self.trigger.running:
            raise ScpiError(-221)

    def switch(self, on: bool) -> None:
        """Switch the output; switching it off ends a run (assumption)."""
        if not on:
            self.trigger.abort()
        self.output.switch(on)

    def start(self, actions: Iterable[DeviceAction]) -> None:
        """Start device actions; this switches the output on, unless automatic switching is disabled.

        Raises:
            ScpiError: -213 if the channel is not idle, -221 or -222 if its settings do not allow the run.
        """
        if self.trigger.running:
            raise ScpiError(-213)
        chosen = set(actions)
        plan = make_plan(self.settings, self.model)
        if DeviceAction.TRANSIENT in chosen:
            for level in plan.levels:
                self.output.check_interlock(level)
        self._switch_on_automatically()
        if DeviceAction.ACQUIRE in chosen:
            self.data.clear()
            self.calculator.start()
            if self._system.reset_timer:
                self.reset_timer()
        self.trigger.start(chosen, plan)

    def spot(self) -> None:
        """Measure once.

        This switches the output on, unless automatic switching is disabled: the reference says so of `:READ?` and
        `:INITiate` only, users report it of `:MEASure?`, too.

        Raises:
            ScpiError: -213 if the channel is not idle, -221 if the interlock keeps the output off.
        """
        if self.trigger.running:
            raise ScpiError(-213)
        self._switch_on_automatically()
        self.data.clear()
        self.calculator.start()
        self.trigger.spot()

    def reset_timer(self) -> None:
        """Count times from this moment."""
        self.meter.timer_start = self._clock.now()

    def _defaults(self) -> ChannelSettings:
        """Return the settings of `*RST`, of which the trigger interval depends on the model."""
        settings = ChannelSettings()
        for action in (settings.transient, settings.acquire):
            action.arm.period = action.trigger.period = self.model.shortest_interval
        return settings

    def _switch_on_automatically(self) -> None:
        if self.settings.output.on_auto:
            self.output.switch(on=True)

    def _keep(self, reading: Reading) -> None:
        self.data.store(reading)
        self.trace.store({"SENS": reading, **self.calculator.take(reading)})
        bits = Measurement.READING_AVAILABLE
        if math.isinf(reading.voltage) or math.isinf(reading.current):
            bits |= Measurement.READING_OVERFLOW
        self._status.put_measurement(Measurement.READING_AVAILABLE | Measurement.READING_OVERFLOW, bits)


class Instrument:
    """A B2900A that was switched on just now.

    Args:
        terminals: what each channel is connected to.
        clock: the world's time.
        options: what is fixed while it is on.
        accuracies: errors and noise of each channel; None: it has none.
        memory: what it kept from the last time that it was on.
    """

    def __init__(
        self,
        terminals: Sequence[Terminals],
        clock: VirtualClock,
        options: Options,
        accuracies: Sequence[MeterAccuracy | None],
        memory: Memory,
    ) -> None:
        self.options = options
        self.model = MODELS[options.model]
        self.clock = clock
        self.system = SystemSettings(options.line_frequency)
        self.memory = memory
        self.questionable = FilteredRegister()
        self.operation = FilteredRegister()
        self.measurement = FilteredRegister()
        registers = {
            StatusByte.MEASUREMENT: self.measurement,
            StatusByte.QUESTIONABLE: self.questionable,
            StatusByte.OPERATION: self.operation,
        }
        self.status = Status(EventLog(QUEUE, clock.now, _TEXTS), registers)
        self.status.standard = StandardEvent.POWER_ON
        self.formatter = ReadingFormatter(self.system)
        self.definitions = dict(PREDEFINED)
        self.units: dict[str, str] = {}
        self.channels = [
            Channel(
                self.model,
                self.system,
                ChannelStatus(place + 1, self.operation, self.measurement, self.questionable),
                terminals[place],
                clock,
                options.interlock,
                accuracies[place],
                self.definitions,
                partial(self._find, place),
            )
            for place in range(self.model.channels)
        ]
        for register in registers.values():
            register.event = 0
        self.questionable.put(Questionable.INTERLOCK, Questionable(0) if options.interlock else Questionable.INTERLOCK)
        power_on = str(memory.kept.get(POWER_ON_SETTING, "RST"))
        if power_on != "RST":
            self.recall(int(power_on.removeprefix("RCL")))

    @property
    def identity(self) -> str:
        """What `*IDN?` answers."""
        options = self.options
        return f"{options.maker},{options.model},{options.serial},{options.firmware}"

    @property
    def busy(self) -> bool:
        """Whether a channel's trigger system is running."""
        return any(channel.trigger.running for channel in self.channels)

    def reset(self) -> None:
        """Return to the settings of `*RST`; the error queue and the status registers stay."""
        self.system.restore_defaults()
        for channel in self.channels:
            channel.reset()

    def save(self, place: int) -> None:
        """Keep all settings under a place."""
        self.memory.system[place] = deepcopy(self.system)
        for number in range(len(self.channels)):
            self.save_channel(number, f"all {place}")

    def recall(self, place: int) -> None:
        """Return to kept settings, outputs off; where none were kept, to those of `*RST` (assumption)."""
        saved = self.memory.system.get(place)
        self.system.take(deepcopy(saved) if saved else SystemSettings(self.system.line_frequency))
        for number in range(len(self.channels)):
            self.recall_channel(number, f"all {place}")

    def save_channel(self, number: int, place: str) -> None:
        """Keep the settings of a channel, counted from 0, under a place."""
        self.memory.channels[number, place] = deepcopy(self.channels[number].settings)

    def recall_channel(self, number: int, place: str) -> None:
        """Return a channel, counted from 0, to kept settings, output off."""
        self.channels[number].recall(self.memory.channels.get((number, place)))

    def wait(self) -> None:
        """Let time pass until every channel is idle; an endless run is aborted when patience ends."""
        self.wait_for(self.channels)

    def wait_for(self, channels: Iterable[Channel], *actions: DeviceAction) -> None:
        """Let time pass until the actions of some channels are idle, all actions if none is named."""
        for channel in channels:
            trigger = channel.trigger
            wanted = actions or tuple(DeviceAction)
            give_up = self.clock.now() + (self.options.patience if trigger.endless else self.options.longest)
            while not all(map(trigger.idle, wanted)) and self.clock.now() < give_up:
                self.clock.sleep(min(trigger.due, give_up) - self.clock.now())
            if not all(map(trigger.idle, wanted)):
                trigger.abort()

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` once every channel is idle."""
        for channel in self.channels:
            if channel.trigger.running:
                channel.trigger.when_idle(lambda: self.when_idle(action))
                return
        action()

    def _find(self, own: int, element: str, channel: str, place: int | None) -> float:
        """Return what a math expression names, NaN if there is no such reading."""
        number = int(channel) - 1 if channel else own
        if number >= len(self.channels):
            return math.nan
        data = self.channels[number].data
        readings = data.last() if place is None else data.slice(place, 1)
        return readings[0].values((element,))[0] if readings else math.nan

    def shut_down(self) -> None:
        """Stop every run, as the power switch does."""
        for channel in self.channels:
            channel.trigger.abort()
