"""The parts of a 2400, wired together, and what reset, set-ups and triggers mean to them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2400_facts import INFINITE, Function, Settings, TriggerSettings
from sim_backend.panels.keithley_2400_meter import Meter
from sim_backend.panels.keithley_2400_output import Output
from sim_backend.panels.keithley_2400_source import Source
from sim_backend.panels.keithley_2400_source_memory import put_setup, setup_of
from sim_backend.panels.keithley_2400_status import Measurement, Registers, Status2400
from sim_backend.panels.keithley_2400_store import Memory, bench_defaults
from sim_backend.panels.keithley_2400_trigger import TriggerModel
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.clock import VirtualClock
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.world import SmuTerminals


@dataclass(frozen=True, slots=True)
class Options:
    """What is built in, set in a menu, or outside the instrument.

    Args:
        serial: serial number.
        firmware: versions and boards, as `*IDN?` prints them.
        output_enable: the output-enable line is asserted; it counts after `:OUTPut:ENABle ON` only.
        line_frequency: of the mains, in Hz.
        terminator: what ends a reply, as the menu for RS-232 says; None: what suits the host.
        serial_link: the link is RS-232, which carries no binary readings.
        patience: how long a command waits (s) for a run before it; then it stays pending, as behind an endless run.
    """

    serial: str = "1184003"
    firmware: str = "C30   Mar 17 2006 09:29:29/A02  /K/J"
    output_enable: bool = True
    line_frequency: float = 50.0
    terminator: bytes | None = None
    serial_link: bool = False
    patience: float = 3600.0


class Instrument:
    """A 2400 that was switched on just now.

    Args:
        terminals: what its terminals are connected to.
        clock: the world's time.
        options: what is fixed while it is on.
        memory: what it has kept without power.
        accuracy: its errors and its noise; None: it has none.
    """

    def __init__(
        self,
        terminals: SmuTerminals,
        clock: VirtualClock,
        options: Options,
        memory: Memory,
        accuracy: MeterAccuracy | None = None,
    ) -> None:
        self.options = options
        self.clock = clock
        self.memory = memory
        self.store = memory.store
        self.store.arm(on=False)
        self.settings = self._power_on_settings()
        self.registers = Registers()
        self.registers.measure(Measurement.OUTPUT_ENABLE, options.output_enable)
        self.status = Status2400(self.registers, clock.now)
        self.output = Output(self.settings, terminals, clock, options.output_enable, accuracy)
        self.source = Source(self.settings, self.output)
        self.meter = Meter(self.settings, self.output, terminals, clock, options.line_frequency, accuracy)
        self.model = TriggerModel(
            self.settings,
            self.source,
            self.output,
            self.meter,
            self.store,
            self.registers,
            self.status,
            clock,
            memory.sources,
        )
        # The output relay is open for a moment at power-up, then the output-off state holds.
        terminals.release()
        self.source.restore()

    @property
    def identity(self) -> str:
        """What `*IDN?` answers."""
        return f"KEITHLEY INSTRUMENTS INC.,MODEL 2400,{self.options.serial},{self.options.firmware}"

    @property
    def busy(self) -> bool:
        """Whether the trigger model is out of idle."""
        return self.model.running

    def reset(self) -> None:
        """Return to the settings of `*RST`: output off; status, error queue and buffer stay."""
        self.take(Settings())

    def preset(self) -> None:
        """Return to the settings of the bench."""
        self.take(bench_defaults())

    def take(self, settings: Settings) -> None:
        """Take other settings, with the output off."""
        self.model.abort()
        self.output.switch(on=False)
        self.settings.copy_from(settings)
        self.source.restore()

    def save(self, place: int) -> None:
        """Keep the settings without power."""
        self.memory.setups[place] = deepcopy(self.settings)

    def recall(self, place: int) -> None:
        """Take settings that were kept; the factory left the bench's in every place."""
        self.take(deepcopy(self.memory.setups.get(place) or bench_defaults()))

    def save_source(self, place: int) -> None:
        """Keep what a place of the source memory holds."""
        self.memory.sources[place] = setup_of(self.settings)

    def recall_source(self, place: int) -> None:
        """Take what a place of the source memory holds; the output drops if the other function is sourced then."""
        setup = self.memory.sources.get(place) or setup_of(Settings())
        if setup["source_function"] is not self.settings.source_function:
            self.output.switch(on=False)
        put_setup(self.settings, setup)
        self.source.restore()

    def wait(self) -> None:
        """Let time pass until the trigger model is idle, if it will be."""
        self.model.wait(self.options.patience)

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` once the trigger model is idle."""
        self.model.when_idle(action)

    def switch_output(self, on: bool) -> None:
        """Switch the output; switching it off ends a run.

        Raises:
            ScpiError: +802 if the output-enable line keeps it off.
        """
        if not on:
            self.model.abort()
        self.output.switch(on)

    def read(self) -> None:
        """Start the run of `:READ?`.

        Raises:
            ScpiError: +830 with an endless arm count, or what a run refuses.
        """
        if self.settings.trigger.arm_count >= INFINITE:
            raise ScpiError(830)
        self.model.abort()
        self.model.start()

    def configure(self, function: Function | None) -> None:
        """Set up a one-shot measurement of a function, None for those selected; the output goes on.

        Everything about the function returns to its default, its compliance included: it is this trap that makes
        `:MEASure?` dangerous.

        Raises:
            ScpiError: +802 if the output-enable line keeps the output off.
        """
        settings = self.settings
        self.model.abort()
        if function is not None:
            settings.functions = {function}
        defaults = Settings()
        for each in settings.functions:
            if each is Function.RESISTANCE:
                settings.ohms = defaults.ohms
            else:
                settings.senses[each] = defaults.senses[each]
        settings.nplc = defaults.nplc
        settings.trigger = TriggerSettings(names=settings.trigger.names)
        settings.autozero = True
        self.store.arm(on=False)
        self.output.refresh()
        self.output.switch(on=True)

    def _power_on_settings(self) -> Settings:
        memory = self.memory
        if memory.power_on == "RST":
            return Settings()
        if memory.power_on == "PRES":
            return bench_defaults()
        return deepcopy(memory.setups.get(int(memory.power_on[-1])) or bench_defaults())
