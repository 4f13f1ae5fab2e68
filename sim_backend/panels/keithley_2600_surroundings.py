"""What the parts of one 2600B share: options, clock, events, errors, and the time that a message may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from sim_backend.panels.keithley_2600_errors import ErrorQueue, TspError
from sim_backend.panels.keithley_2600_events import EventBus
from sim_backend.panels.keithley_2600_lua import Bounds, ScriptAborted

if TYPE_CHECKING:
    from collections.abc import Generator

    from sim_backend.clock import VirtualClock
    from sim_backend.panels.keithley_2600_facts import Family

MESSAGE_TIME: Final = 1e-3
"""s that a message takes to arrive and be understood (assumption; it also lets a host that polls get on)."""
CALL_TIME: Final = 10e-6
"""s that a script needs for a command (assumption)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """What is built in, set behind the front panel, or outside the instrument.

    Args:
        model: e.g. 2636B.
        serial: serial number.
        firmware: version.
        interlock: the interlock line is asserted: more than 40 V may be put out.
        line_frequency: of the mains, in Hz.
        patience: how long one message may take (s); stands for the host that aborts an endless script.
        bounds: what one message may use of the machine that runs the twin.
    """

    model: str = "2636B"
    serial: str = "4400001"
    firmware: str = "3.4.0"
    interlock: bool = True
    line_frequency: float = 50.0
    patience: float = 3600.0
    bounds: Bounds = field(default_factory=Bounds)


class Surroundings:
    """What the parts of one instrument share.

    Args:
        options: what is fixed while it is on.
        family: the circuit of its channels.
        clock: the world's time.
    """

    def __init__(self, options: Options, family: Family, clock: VirtualClock) -> None:
        self.options = options
        self.family = family
        self.clock = clock
        self.bus = EventBus()
        self.errors = ErrorQueue()
        self._deadline = clock.now() + options.patience

    def fail(self, error: TspError) -> None:
        """Put an error into the queue."""
        self.errors.post(error)

    def begin_message(self) -> None:
        """Note that a message came."""
        self.bus.allow()
        self._deadline = self.clock.now() + self.options.patience
        self.clock.sleep(MESSAGE_TIME)

    def tick(self) -> None:
        """Let the time of a command pass."""
        self.sleep(CALL_TIME)

    def sleep(self, duration: float) -> None:
        """Let time (s) pass.

        Raises:
            ScriptAborted: if the message takes more than it may; the time that was left has passed.
        """
        left = self._deadline - self.clock.now()
        if duration > left:
            self.clock.sleep(left)
            raise ScriptAborted
        self.clock.sleep(duration)

    def let(self, steps: Generator[float, None, T]) -> T:
        """Let the times pass that `steps` needs; return what it returns.

        Raises:
            ScriptAborted: as for `sleep`.
        """
        while True:
            try:
                pause = next(steps)
            except StopIteration as end:
                return end.value
            self.sleep(max(pause, 0.0))
