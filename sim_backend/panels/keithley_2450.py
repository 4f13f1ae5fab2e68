"""The front panel of a Keithley 2450 SourceMeter with its SCPI command set: bytes in, bytes out.

Written from the facts of the reference manual. Not modelled: the test currents of automatic ohms (ohms are V/I of the
present source), branches on events, files, the TSP and SCPI2400 languages. Settings of what is not connected to a twin,
as the digital lines, are kept for their queries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2450_accuracy import accuracy_of_2450
from sim_backend.panels.keithley_2450_buffer_commands import buffer_commands, format_commands, reading_commands
from sim_backend.panels.keithley_2450_config_commands import list_commands, setup_commands
from sim_backend.panels.keithley_2450_digital_commands import digital_commands
from sim_backend.panels.keithley_2450_instrument import Instrument, Options
from sim_backend.panels.keithley_2450_processing_commands import processing_commands
from sim_backend.panels.keithley_2450_sense_commands import sense_commands
from sim_backend.panels.keithley_2450_source_commands import source_commands
from sim_backend.panels.keithley_2450_sweep_commands import sweep_commands
from sim_backend.panels.keithley_2450_system_commands import language_command, status_commands, system_commands
from sim_backend.panels.keithley_2450_trigger_commands import bus_trigger, trigger_commands
from sim_backend.panels.scpi import FrontEnd
from sim_backend.panels.scpi_panel import ScpiPanel

if TYPE_CHECKING:
    from sim_backend.world import World


class Keithley2450Panel(ScpiPanel):
    """A 2450 on one world.

    Args:
        world: die, wiring and clock.
        name: of the instrument in the bench file; names its terminals in the world.
        options: what is fixed while the instrument is on.
    """

    def __init__(self, world: World, name: str, *, options: Options | None = None) -> None:
        self._options = options or Options()
        super().__init__(world, name)

    def _switch_on(self) -> FrontEnd:
        accuracy = accuracy_of_2450(self.world.seed_of(self.name)) if self.world.has_real_instruments else None
        terminals = self.world.smu(self.name)
        self._instrument = instrument = Instrument(terminals, self.world.clock, self._options, accuracy)
        commands = [
            *source_commands(instrument),
            *sweep_commands(instrument),
            *trigger_commands(instrument),
            *list_commands(instrument),
            *digital_commands(instrument),
            *sense_commands(instrument),
            *processing_commands(instrument),
            *reading_commands(instrument),
            *buffer_commands(instrument),
            *format_commands(instrument),
            *status_commands(instrument),
            *system_commands(instrument),
        ]
        common = [language_command(), bus_trigger(instrument), *setup_commands(instrument)]
        return FrontEnd(commands, instrument.status, instrument, common)

    def _switch_off(self) -> None:
        self._instrument.model.abort()
