"""What panels of SCPI instruments share: lines of bytes in, reply lines out, for one host or several at once."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from sim_backend.panel import Panel
from sim_backend.panels.host_link import HostLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.scpi import FrontEnd
    from sim_backend.world import World


class ScpiPanel(Panel):
    """A panel whose instrument speaks SCPI.

    A subclass sets what `_switch_on` needs before it calls this constructor.

    Args:
        world: die, wiring and clock.
        name: of the instrument in the bench file.
    """

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self._front_end = self._switch_on()
        self._host = HostLink(self)

    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        """Take any piece of the byte stream and return the replies that it completes, each with its newline."""
        return self._host.read(data, end)

    def connect(self) -> None:
        """Note that the host opened its link anew; settings stay, a half-received message is forgotten."""
        self._host.reset()

    def connection(self, deliver: Callable[[bytes], None]) -> HostLink:
        """Open a link for one more host, with an input buffer of its own; `deliver` gets its replies."""
        return HostLink(self, deliver)

    def power_cycle(self) -> None:
        """Switch the instrument off and on: settings, readings and the event log are lost."""
        self._switch_off()
        self._front_end = self._switch_on()
        self._host.reset()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll reads it."""
        return self._front_end.status.byte()

    def execute(self, message: str) -> bytes | None:
        """Obey one message; return its reply without the newline, None if it has none."""
        return self._front_end.execute(message)

    def answer(self, message: str) -> list[bytes]:
        """Obey one message; return its reply, if it has one, with its newline."""
        reply = self.execute(message)
        return [] if reply is None else [reply + b"\n"]

    def forget(self) -> None:
        """Nothing of an incomplete message is kept beside the input buffer."""

    def overrun(self) -> None:
        """Note that a message did not fit into an input buffer."""
        self._front_end.status.report(-363)

    def fail(self) -> None:
        """Note that a message could not be carried out; its query gets no answer."""
        self._front_end.status.report(-310)

    @abstractmethod
    def _switch_on(self) -> FrontEnd:
        """Return the front end of an instrument with its power-up settings."""

    @abstractmethod
    def _switch_off(self) -> None:
        """Stop whatever the instrument is doing."""
