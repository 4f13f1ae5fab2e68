"""What panels of SCPI instruments share: lines of bytes in, reply lines out, for one host or several at once."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from sim_backend.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.scpi import FrontEnd
    from sim_backend.world import World

LONGEST_MESSAGE: Final = 64 * 1024
"""Bytes of a message that fit into the input buffer; an assumption, no manual gives the figure."""


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

    def overrun(self) -> None:
        """Note that a message did not fit into an input buffer."""
        self._front_end.status.report(-363)

    @abstractmethod
    def _switch_on(self) -> FrontEnd:
        """Return the front end of an instrument with its power-up settings."""

    @abstractmethod
    def _switch_off(self) -> None:
        """Stop whatever the instrument is doing."""


class HostLink:
    """One host's connection to a panel: its input buffer, and where its replies go.

    Args:
        panel: whose.
        deliver: gets each reply.
    """

    def __init__(self, panel: ScpiPanel, deliver: Callable[[bytes], None] | None = None) -> None:
        self._panel = panel
        self._deliver = deliver
        self._input = bytearray()
        self._overrun = False

    def receive(self, data: bytes, end: bool, /) -> None:
        """Take bytes, cut anywhere, and deliver the replies that they complete."""
        for reply in self.read(data, end):
            if self._deliver is not None:
                self._deliver(reply)

    def read(self, data: bytes, end: bool) -> list[bytes]:
        """Take bytes, cut anywhere, and return the replies that they complete."""
        *whole, rest = data.split(b"\n")
        replies: list[bytes] = []
        for piece in whole:
            self._take(piece)
            replies += self._finish()
        self._take(rest)
        return replies + self._finish() if end else replies

    def reset(self) -> None:
        """Forget a half-received message."""
        self._input.clear()
        self._overrun = False

    def _take(self, piece: bytes) -> None:
        """Put bytes into the input buffer; what does not fit is dropped, and reported once a message."""
        room = LONGEST_MESSAGE - len(self._input)
        self._input += piece[:room]
        if len(piece) > room and not self._overrun:
            self._overrun = True
            self._panel.overrun()

    def _finish(self) -> list[bytes]:
        """Let the panel obey the message in the input buffer."""
        message, overrun = self._input.decode("latin-1"), self._overrun
        self.reset()
        # A message that lost its tail is not obeyed at all: half of it might switch something on.
        reply = None if overrun else self._panel.execute(message)
        return [] if reply is None else [reply + b"\n"]
