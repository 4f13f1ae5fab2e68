"""The parts of a 2600B, wired together, and what resetting and waiting mean to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2600_buffer_tree import MadeBuffers
from sim_backend.panels.keithley_2600_channel import Channel
from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_events import Triggers
from sim_backend.panels.keithley_2600_format import Format, format_tree, print_functions
from sim_backend.panels.keithley_2600_lua import LuaMachine
from sim_backend.panels.keithley_2600_smu_tree import smu_tree
from sim_backend.panels.keithley_2600_status import Status
from sim_backend.panels.keithley_2600_status_tree import status_tree
from sim_backend.panels.keithley_2600_system_tree import system_functions, system_nodes
from sim_backend.panels.keithley_2600_trigger_tree import trigger_node
from sim_backend.panels.scpi_errors import StandardEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2600_output import Terminals
    from sim_backend.panels.keithley_2600_surroundings import Surroundings

MOST_REPLY = 64 * 2**20
"""Bytes of all replies to one message (the twin's own bound)."""


class Instrument:
    """A 2600B that was switched on just now.

    Args:
        surroundings: options, clock, events, errors.
        terminals: of each channel, by letter.
        accuracies: errors and noise of each channel; None: it has none.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        terminals: Mapping[str, Terminals],
        accuracies: Mapping[str, MeterAccuracy | None],
    ) -> None:
        self.surroundings = surroundings
        self.replies: list[bytes] = []
        self._reply_size = 0
        self.prompts = self.prompts_4882 = self.shows_errors = False
        self.format = Format()
        self.triggers = Triggers(surroundings.bus, surroundings.clock)
        self.channels = {
            letter: Channel(letter, terminals[letter], surroundings, accuracies[letter]) for letter in terminals
        }
        self.status = Status(
            surroundings.errors, self.channels, self.triggers, surroundings.options.interlock, lambda: self.prompts
        )
        self._completing = False
        self.start_machine()

    @property
    def identity(self) -> str:
        """What `*IDN?` answers."""
        options = self.surroundings.options
        return f"Keithley Instruments, Model {options.model}, {options.serial}, {options.firmware}"

    def reset(self) -> None:
        """Return to the settings of `reset()`: outputs off; error queue, scripts and readings stay."""
        for channel in self.channels.values():
            channel.reset()
        self.triggers.reset()
        self.format.reset()
        self._completing = False

    def switch_off(self) -> None:
        """Stop whatever runs on the clock's timers."""
        for channel in self.channels.values():
            channel.abort()
        self.triggers.reset()

    @property
    def busy(self) -> bool:
        """Whether a sweep runs."""
        return any(channel.model.running for channel in self.channels.values())

    def wait(self) -> None:
        """Let time pass until no sweep runs.

        Raises:
            ScriptAborted: if that takes more time than a message may.
        """
        clock = self.surroundings.clock
        while self.busy:
            due = [channel.model.due for channel in self.channels.values()]
            moments = [moment for moment in due if moment is not None]
            # A sweep that waits for an event may wait for a timer's, which fires on the way.
            self.surroundings.sleep(max(min(moments, default=clock.now() + 1e-3) - clock.now(), 1e-9))

    def complete_when_idle(self) -> None:
        """Set the operation complete bit once no sweep runs."""
        self._completing = True
        self.settle()

    def settle(self) -> None:
        """Note what has come to an end since the last message."""
        if self._completing and not self.busy:
            self._completing = False
            self.surroundings.errors.standard |= StandardEvent.OPERATION_COMPLETE

    def send(self, message: bytes) -> None:
        """Put a message into the output queue; what does not fit is lost, with an error.

        Raises:
            TspError: -225.
        """
        self._reply_size += len(message) + 1
        if self._reply_size > MOST_REPLY:
            raise TspError(-225)
        self.replies.append(message + b"\n")

    def take_replies(self) -> list[bytes]:
        """Return the output queue and empty it."""
        replies, self.replies, self._reply_size = self.replies, [], 0
        return replies

    def start_machine(self) -> None:
        """Start a script processor that knows the command tree and nothing else."""
        surroundings = self.surroundings
        self.machine = machine = LuaMachine(surroundings.options.bounds, surroundings.fail, surroundings.tick)
        made = MadeBuffers(machine.unreachable)
        for letter, channel in self.channels.items():
            machine.install(f"smu{letter}", smu_tree(channel, surroundings, made))
        machine.install("status", status_tree(self.status, surroundings.errors))
        machine.install("trigger", trigger_node(self.triggers, surroundings))
        machine.install("format", format_tree(self.format))
        for name, node in system_nodes(self).items():
            machine.install(name, node)
        for name, handler in system_functions(self).items():
            machine.install(name, handler)
        printers = print_functions(self.format, self.send, surroundings.fail)
        machine.install_print(printers.pop("print"))
        for name, handler in printers.items():
            machine.install(name, handler)
        machine.install_factory_scripts()
