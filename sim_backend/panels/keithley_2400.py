"""The front panel of a Keithley 2400 SourceMeter with its SCPI of 1996: bytes in, bytes out.

Written from the facts of the user's manual. Not modelled: user-defined math, binning, contact check, calibration, and
the test currents of automatic ohms (ohms are V/I of the present source in either mode). Settings of what is not
connected to a twin, as the digital lines, are kept for their queries. RS-232 and GPIB carry the same messages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sim_backend.panels.host_link import HostLink
from sim_backend.panels.keithley_2400_accuracy import accuracy_of_2400
from sim_backend.panels.keithley_2400_exchange import Exchange
from sim_backend.panels.keithley_2400_instrument import Instrument, Options
from sim_backend.panels.keithley_2400_math_commands import math_commands
from sim_backend.panels.keithley_2400_measure_commands import buffer_commands, format_commands, reading_commands
from sim_backend.panels.keithley_2400_sense_commands import sense_commands
from sim_backend.panels.keithley_2400_source_commands import source_commands
from sim_backend.panels.keithley_2400_source_memory import source_memory_commands
from sim_backend.panels.keithley_2400_store import Memory
from sim_backend.panels.keithley_2400_sweep_commands import sweep_commands
from sim_backend.panels.keithley_2400_system_commands import common_commands, status_commands, system_commands
from sim_backend.panels.keithley_2400_trigger_commands import bus_trigger, trigger_commands
from sim_backend.panels.scpi_panel import ScpiPanel

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.world import World

_CLEAR: Final = re.compile(rb"[\x03\x18]")
"""Control-C and control-X clear the device."""


class Keithley2400Panel(ScpiPanel):
    """A 2400 on one world.

    Args:
        world: die, wiring and clock.
        name: of the instrument in the bench file; names its terminals in the world.
        options: what is fixed while the instrument is on.
    """

    def __init__(self, world: World, name: str, *, options: Options | None = None) -> None:
        self.options = options or Options()
        self._memory = Memory()
        super().__init__(world, name)
        self._host = self._own = MessageLink(self)

    @override
    def connection(self, deliver: Callable[[bytes], None]) -> HostLink:
        """Open a link for one more host; `deliver` gets its replies."""
        return MessageLink(self, deliver)

    @override
    def connect(self) -> None:
        """Note that the host opened its link anew: a half-received message is forgotten, a run goes on."""
        self._own.forget()

    def submit(self, message: str, deliver: Callable[[bytes], None]) -> None:
        """Obey a message as soon as it can be; `deliver` gets its reply without a terminator."""
        self._exchange.submit(message, deliver)

    def clear(self) -> None:
        """Clear the device: what waits is dropped and a run is over; settings and readings stay."""
        self._exchange.clear()

    @override
    def _switch_on(self) -> Exchange:
        accuracy = accuracy_of_2400(self.world.seed_of(self.name)) if self.world.has_real_instruments else None
        terminals = self.world.smu(self.name)
        self._instrument = instrument = Instrument(terminals, self.world.clock, self.options, self._memory, accuracy)
        commands = [
            *source_commands(instrument),
            *sweep_commands(instrument),
            *source_memory_commands(instrument),
            *sense_commands(instrument),
            *reading_commands(instrument),
            *buffer_commands(instrument),
            *math_commands(instrument),
            *format_commands(instrument),
            *trigger_commands(instrument),
            *status_commands(instrument),
            *system_commands(instrument),
        ]
        self._exchange = Exchange(commands, instrument, [*common_commands(instrument), bus_trigger(instrument)])
        return self._exchange

    @override
    def _switch_off(self) -> None:
        self._exchange.clear()


class MessageLink(HostLink):
    """One host's connection to a 2400.

    A message ends with a line feed, a carriage return, or the end mark of GPIB. A reply may come long after its query;
    it is delivered when it comes, or kept for who only reads on occasion.

    What ends a reply is set in the COMMUNICATION menu of an instrument on RS-232. Without a setting, the person who
    set it is taken to have done so for this host (assumption): a host that ends its messages with a carriage return
    alone gets the same, every other one gets a line feed, which is what ends replies on GPIB.
    """

    def __init__(self, panel: Keithley2400Panel, deliver: Callable[[bytes], None] | None = None) -> None:
        super().__init__(panel, deliver)
        self._smu = panel
        self._reading = False
        self._replies: list[bytes] = []
        self._terminator: bytes | None = None

    @override
    def read(self, data: bytes, end: bool) -> list[bytes]:
        """Take bytes, cut anywhere, and return the replies that they complete."""
        self._reading = True
        *cut_short, data = _CLEAR.split(data)
        for _ in cut_short:
            self.reset()
        self._learn(data, end)
        super().read(data.replace(b"\r", b"\n"), end)
        self._reading = False
        replies, self._replies = self._replies, []
        return replies

    @override
    def reset(self) -> None:
        """Forget a half-received message and clear the device."""
        self.forget()
        self._replies.clear()
        self._smu.clear()

    def forget(self) -> None:
        """Forget a half-received message."""
        self._empty()

    @override
    def _finish(self) -> list[bytes]:
        """Let the panel obey the message in the input buffer."""
        message, overrun = self._input.decode("latin-1"), self._overrun
        self._empty()
        if not overrun and message:
            self._smu.submit(message, self._answer)
        return []

    def _learn(self, data: bytes, end: bool) -> None:
        """Note what the host ends its messages with; who ever sent a line feed, or marks the end, gets line feeds."""
        if end or b"\n" in data:
            self._terminator = b"\n"
        elif b"\r" in data and self._terminator is None:
            self._terminator = b"\r"

    def _answer(self, reply: bytes) -> None:
        whole = reply + (self._smu.options.terminator or self._terminator or b"\n")
        if self._deliver is None or self._reading:
            self._replies.append(whole)
        else:
            self._deliver(whole)
