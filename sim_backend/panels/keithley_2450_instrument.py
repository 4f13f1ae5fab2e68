"""The parts of a 2450, wired together, and what `*RST`, `*OPC?` and the clock on its wall mean to them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from sim_backend.panels.keithley_2450_blocks import Machine
from sim_backend.panels.keithley_2450_buffers import Buffers
from sim_backend.panels.keithley_2450_config_lists import ConfigLists, SenseState, SourceState
from sim_backend.panels.keithley_2450_elements import ReadingFormatter
from sim_backend.panels.keithley_2450_facts import Settings
from sim_backend.panels.keithley_2450_meter import Meter
from sim_backend.panels.keithley_2450_output import Output
from sim_backend.panels.keithley_2450_source import Source
from sim_backend.panels.keithley_2450_sweep import TriggerModel
from sim_backend.panels.scpi_errors import ScpiError, StandardEvent
from sim_backend.panels.scpi_events import EventLog
from sim_backend.panels.scpi_status import EventRegister, Status, StatusByte

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2450_buffers import Reading, ReadingBuffer
    from sim_backend.world import SmuTerminals

LOG_CAPACITY: Final = 1000
"""Unread events that the log holds."""
_TEXTS: Final = {-222: "Parameter data out of range"}
"""What this family words otherwise than the SCPI standard (as the 2400 does)."""
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Date that the instrument shows when the world's clock stands at 0."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What is built in, set by a key behind the front panel, or outside the instrument.

    Args:
        serial: serial number.
        firmware: version.
        interlock: the interlock line is asserted: all voltage ranges may be used.
        line_frequency: of the mains, in Hz.
        patience: how long `*WAI` and `*OPC?` wait (s) until the run they wait for is aborted; stands for the device
            clear of a host that gives up on an endless sweep.
    """

    serial: str = "04400001"
    firmware: str = "1.7.12b"
    interlock: bool = True
    line_frequency: float = 50.0
    patience: float = 3600.0


class Instrument:
    """A 2450 that was switched on just now.

    Args:
        terminals: what its terminals are connected to.
        clock: the world's time.
        options: what is fixed while it is on.
        accuracy: its errors and its noise; None: it has none.
    """

    def __init__(
        self, terminals: SmuTerminals, clock: VirtualClock, options: Options, accuracy: MeterAccuracy | None = None
    ) -> None:
        self.options = options
        self.clock = clock
        self.settings = Settings()
        self.questionable = EventRegister()
        self.operation = EventRegister()
        registers = {
            StatusByte.QUESTIONABLE | StatusByte.MEASUREMENT: self.questionable,
            StatusByte.OPERATION: self.operation,
        }
        self.status = Status(EventLog(LOG_CAPACITY, clock.now, _TEXTS), registers)
        self.status.standard = StandardEvent.POWER_ON
        self.buffers = Buffers()
        self.output = Output(self.settings, terminals, clock, options.interlock, accuracy)
        self.source = Source(self.settings, self.output, self.status)
        self.meter = Meter(self.settings, self.output, terminals, clock, options.line_frequency, accuracy)
        self.source_lists = ConfigLists(self._source_state, self._take_source_state)
        self.sense_lists = ConfigLists(self._sense_state, self._take_sense_state)
        machine = Machine(self.output, self.meter, self.buffers, self.source_lists, self.sense_lists, clock.now)
        self.model = TriggerModel(self.source, self.output, self.meter, self.buffers, self.status, clock, machine)
        self._setups: dict[int, Settings] = {}
        self.formatter = ReadingFormatter(self.settings, self.calendar)
        # The output relay is open for a moment at power-up, then the output-off state holds.
        terminals.release()
        self.output.refresh()

    @property
    def identity(self) -> str:
        """What `*IDN?` answers."""
        return f"KEITHLEY INSTRUMENTS,MODEL 2450,{self.options.serial},{self.options.firmware}"

    @property
    def busy(self) -> bool:
        """Whether the trigger model is running."""
        return self.model.running

    def reset(self) -> None:
        """Return to the settings of `*RST`: output off, buffers emptied, user buffers gone; the log stays."""
        self.model.abort()
        self.output.switch(on=False)
        self.settings.restore_defaults()
        self.output.refresh()
        self.model.load(None)
        self.meter.processing.forget()
        self.buffers.reset()
        self.source_lists.reset()
        self.sense_lists.reset()

    def save(self, place: int) -> None:
        """Keep the settings."""
        self._setups[place] = deepcopy(self.settings)

    def recall(self, place: int) -> None:
        """Take settings that were kept, with the output off.

        Raises:
            ScpiError: -221 if there are none (assumption: the number).
        """
        if place not in self._setups:
            raise ScpiError(-221)
        self.model.abort()
        self.output.switch(on=False)
        self.settings.take(deepcopy(self._setups[place]))
        self.output.refresh()

    def wait(self) -> None:
        """Let time pass until the trigger model is idle."""
        self.model.wait(self.options.patience)

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` once the trigger model is idle."""
        self.model.when_idle(action)

    def switch_output(self, on: bool) -> None:
        """Switch the output; switching it off ends a sweep under way.

        Raises:
            ScpiError: -221 if the interlock keeps it off.
        """
        if not on:
            self.model.abort()
        self.output.switch(on)

    def read(self, buffer: ReadingBuffer) -> Reading:
        """Take the readings of `[:SENSe]:COUNt` into a buffer and return the last."""
        for _ in range(self.settings.count - 1):
            buffer.store(self.let(self.meter.take()))
        reading = self.let(self.meter.take())
        buffer.store(reading)
        return reading

    def let(self, steps: Generator[float, None, T]) -> T:
        """Let the times pass that `steps` needs; return what it returns."""
        while True:
            try:
                pause = next(steps)
            except StopIteration as end:
                return end.value
            self.clock.sleep(pause)

    def _source_state(self) -> SourceState:
        return SourceState(self.settings.source_function, self.settings.source, self.settings.protection)

    def _take_source_state(self, state: SourceState) -> None:
        """Source what a configuration says; the output stays on unless the function changes."""
        self.settings.sources[state.function] = state.settings
        self.settings.protection = state.protection
        self.source.select(state.function)
        if self.output.on:
            self.output.check_interlock(state.settings.level)
        self.output.level_changed()

    def _sense_state(self) -> SenseState:
        return SenseState(self.settings.sense_function, self.settings.sense)

    def _take_sense_state(self, state: SenseState) -> None:
        self.settings.senses[state.function] = state.settings
        self.settings.sense_function = state.function
        self.source.measure_range_fixed()

    def calendar(self, time: float) -> datetime:
        """Return date and time that the instrument shows at `time` (s) on the world's clock."""
        return _EPOCH + timedelta(seconds=time)
