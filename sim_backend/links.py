"""From a channel's end to a panel: one link a host, whatever kind of panel answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sim_backend.faults.channel import FaultyLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panel import Panel


class Link(Protocol):
    """One host's connection to a panel; what the panel answers goes where the link was opened for."""

    def receive(self, data: bytes, end: bool, /) -> None:
        """Take bytes, cut anywhere; `end` says that the link itself marked the end of a message."""

    def reset(self) -> None:
        """Forget half-received bytes, as when the host opens the link anew or clears the device."""


@runtime_checkable
class TakesManyHosts(Protocol):
    """A panel that several hosts can be connected to at once."""

    def connection(self, deliver: Callable[[bytes], None]) -> Link:
        """Open one more link; `deliver` gets its replies, one message a call, and must not raise."""
        ...


def link_to(panel: Panel, deliver: Callable[[bytes], None], part: Callable[[bytes], None] | None = None) -> Link:
    """Open a link to `panel` whose answers go to `deliver`, one complete message a call.

    A panel that knows one host only takes the new link for the one it had, as an instrument does that has one port.
    Where faults cut or split messages, `part` gets the pieces that do not end one; without it, `deliver` does.
    """
    if panel.channel is None:
        return undisturbed_link_to(panel, deliver)
    return panel.channel.link(lambda faulty: undisturbed_link_to(panel, faulty), deliver, part or deliver)


def is_lost(link: Link) -> bool:
    """Return whether a fault has broken a link: nothing passes any more, and the host must open another one."""
    return isinstance(link, FaultyLink) and link.is_lost


def undisturbed_link_to(panel: Panel, deliver: Callable[[bytes], None]) -> Link:
    """Do as `link_to` does, past any faults: for who looks at an instrument from inside the twin."""
    if isinstance(panel, TakesManyHosts):
        return panel.connection(deliver)
    panel.connect()
    return _OneHost(panel, deliver)


class _OneHost:
    """The link to a panel that returns its answers."""

    def __init__(self, panel: Panel, deliver: Callable[[bytes], None]) -> None:
        self._panel = panel
        self._deliver = deliver

    def receive(self, data: bytes, end: bool, /) -> None:
        for message in self._panel.receive(data, end):
            self._deliver(message)

    def reset(self) -> None:
        self._panel.connect()
