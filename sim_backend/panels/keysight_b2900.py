"""The front panel of a Keysight B2900A source-measure unit with its SCPI command set: bytes in, bytes out.

Written from the facts of the command reference. Channel 1 is connected to the world's terminals, channel 2 to nothing.
The display, digital pins and trigger outputs are set and read back only. Not modelled: program memory, screen dumps,
LXI, network settings, the automatic resistance mode, the 10 A pulse range, and the command sets of other makers; their
headers are undefined here. As everywhere, a raw socket is at port 5025 and a USB id of an instrument of the series has
the vendor 0x0957 (Agilent) or 0x2A8D (Keysight), as addresses in public programs show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keysight_b2900_accuracy import accuracy_of_b2912a
from sim_backend.panels.keysight_b2900_calculate_commands import calculate_commands
from sim_backend.panels.keysight_b2900_data_commands import data_commands, format_commands, trace_commands
from sim_backend.panels.keysight_b2900_facts import MODELS
from sim_backend.panels.keysight_b2900_instrument import Instrument, Options
from sim_backend.panels.keysight_b2900_memory_commands import common_memory, memory_commands
from sim_backend.panels.keysight_b2900_remembered import remembered_commands
from sim_backend.panels.keysight_b2900_sense_commands import sense_commands
from sim_backend.panels.keysight_b2900_settings import Memory
from sim_backend.panels.keysight_b2900_source_commands import output_commands, source_commands
from sim_backend.panels.keysight_b2900_sweep_commands import sweep_commands
from sim_backend.panels.keysight_b2900_system_commands import common_registers, status_commands, system_commands
from sim_backend.panels.keysight_b2900_terminals import OpenTerminals
from sim_backend.panels.keysight_b2900_trigger_commands import bus_trigger, trigger_commands
from sim_backend.panels.scpi import FrontEnd
from sim_backend.panels.scpi_panel import ScpiPanel

if TYPE_CHECKING:
    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keysight_b2900_terminals import Terminals
    from sim_backend.world import World


class KeysightB2900Panel(ScpiPanel):
    """A B2900A on one world; a B2912A unless the options say otherwise.

    Args:
        world: die, wiring and clock.
        name: of the instrument in the bench file; names its terminals in the world.
        options: which model it is, and what is fixed while the instrument is on.
    """

    def __init__(self, world: World, name: str, *, options: Options | None = None) -> None:
        self._options = options or Options()
        self._memory = Memory()
        super().__init__(world, name)

    def _switch_on(self) -> FrontEnd:
        channels = MODELS[self._options.model].channels
        terminals: list[Terminals] = [self.world.smu(self.name), OpenTerminals()]
        accuracies = [self._accuracy(number + 1) for number in range(channels)]
        self._instrument = instrument = Instrument(
            terminals[:channels], self.world.clock, self._options, accuracies, self._memory
        )
        common = [bus_trigger(instrument), *common_registers(instrument), *common_memory(instrument)]
        commands = [
            *source_commands(instrument),
            *sweep_commands(instrument),
            *output_commands(instrument),
            *sense_commands(instrument),
            *trigger_commands(instrument),
            *data_commands(instrument),
            *trace_commands(instrument),
            *format_commands(instrument),
            *status_commands(instrument),
            *system_commands(instrument),
            *memory_commands(instrument),
            *calculate_commands(instrument),
            *remembered_commands(instrument),
        ]
        return FrontEnd(commands, instrument.status, instrument, common)

    def _switch_off(self) -> None:
        self._instrument.shut_down()

    def _accuracy(self, channel: int) -> MeterAccuracy | None:
        """Return the errors of one channel; None where the world's instruments have none."""
        if not self.world.has_real_instruments:
            return None
        return accuracy_of_b2912a(self.world.seed_of(f"{self.name} channel {channel}"))
