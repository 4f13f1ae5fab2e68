"""The front panel of a Keithley 2600B System SourceMeter with its TSP command set: bytes in, bytes out.

Written from the facts of the reference manual. Not modelled: files (`io`, `fs`, `os`), TSP-Link and `tspnet`, `lan`,
`gpib` and `serial` settings, calibration, overlapped measurements other than sweeps (they are done at once), the
factory scripts KIHighC and KIParlib; their names do not exist here. Contact check, event log, saved setups, digital
port and front panel answer as if nothing were connected and nobody stood there. Assumption: the raw socket of the
instrument behaves as the one that is served (its port 5025, and 23 and 5030 beside it, are the bench file's matter).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panel import Panel
from sim_backend.panels.host_link import HostLink
from sim_backend.panels.keithley_2600_accuracy import accuracy_of_2600
from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_facts import MODELS
from sim_backend.panels.keithley_2600_instrument import Instrument
from sim_backend.panels.keithley_2600_messages import Interpreter
from sim_backend.panels.keithley_2600_output import OpenTerminals
from sim_backend.panels.keithley_2600_surroundings import Options, Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2600_output import Terminals
    from sim_backend.world import World


class Keithley2600Panel(Panel):
    """A 2600B on one world: channel a is connected to it, channel b has open terminals.

    Args:
        world: die, wiring and clock.
        name: of the instrument in the bench file; names its terminals in the world.
        options: what is fixed while the instrument is on.
    """

    def __init__(self, world: World, name: str, *, options: Options | None = None) -> None:
        super().__init__(world, name)
        self._options = options or Options()
        self._switch_on()
        self._host = HostLink(self)

    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        """Take any piece of the byte stream and return the messages that it completes, each with its newline."""
        return self._host.read(data, end)

    def connect(self) -> None:
        """Note that the host opened its link anew; settings stay, half a line and half a script are forgotten."""
        self._host.reset()

    def connection(self, deliver: Callable[[bytes], None]) -> HostLink:
        """Open a link for one more host; `deliver` gets its replies. A real instrument takes one host at a time."""
        return HostLink(self, deliver)

    def power_cycle(self) -> None:
        """Switch the instrument off and on: settings, readings, scripts and errors are lost."""
        self._instrument.switch_off()
        self._switch_on()
        self._host.reset()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll reads it."""
        return self._instrument.status.byte()

    def answer(self, message: str) -> list[bytes]:
        """Obey one message; return its replies."""
        return self._interpreter.execute(message)

    def forget(self) -> None:
        """Leave a script that was not loaded to its end."""
        self._interpreter.forget()

    def overrun(self) -> None:
        """Note that a message did not fit into an input buffer."""
        self._instrument.surroundings.fail(TspError(-363))

    def fail(self) -> None:
        """Note that a line could not be carried out; its query gets no answer."""
        self._instrument.surroundings.fail(TspError(-310))

    def _switch_on(self) -> None:
        world, options = self.world, self._options
        model = MODELS[options.model]
        own: Terminals = world.smu(self.name)
        terminals = {letter: own if letter == "a" else OpenTerminals() for letter in model.channels}
        accuracies = {
            letter: accuracy_of_2600(model.family, world.seed_of(self.name if letter == "a" else f"{self.name} b"))
            if world.has_real_instruments
            else None
            for letter in model.channels
        }
        surroundings = Surroundings(options, model.family, world.clock)
        self._instrument = Instrument(surroundings, terminals, accuracies)
        self._interpreter = Interpreter(self._instrument)
