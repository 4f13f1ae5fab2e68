"""One virtual instrument that other programs reach: it obeys one message at a time, whoever sends them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sim_backend.links import link_to
from sim_backend.server.channels import SocketChannel
from sim_backend.server.host import Host

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from selectors import BaseSelector

    from sim_backend.panel import Panel
    from sim_backend.server.bounds import Bounds
    from sim_backend.server.channels import Channel


class ServedInstrument:
    """A panel and its hosts.

    A panel that cannot be interrupted gets a line at a time, so that no flood of one host's holds others up for long.

    Args:
        panel: the instrument.
        selector: of the thread that serves it.
        bounds: of each connection.
        work: does one thing with a panel, as `work(action)`; whatever an action raises ends there.
        later: called as `later(action)` with what is to be done after what a host's bytes take on their way.
        now: the time on the wall (s).
    """

    def __init__(
        self,
        panel: Panel,
        selector: BaseSelector,
        bounds: Bounds,
        work: Callable[[Callable[[], None]], None],
        later: Callable[[Callable[[], None]], None] | None,
        now: Callable[[], float],
    ) -> None:
        self.panel = panel
        self._selector = selector
        self._bounds = bounds
        self._work = work
        self._later = later
        self._now = now
        self._hosts: list[Host] = []
        self._queue: deque[tuple[Host, bytes]] = deque()
        self._inside: list[tuple[Host, int]] = []
        self._busy = False

    @property
    def has_work(self) -> bool:
        """Whether there is a line that could be obeyed."""
        return bool(self._queue) and not self._busy

    def connect(self, channel: Channel) -> None:
        """Open a link to the panel for whoever is at the other end of a channel."""
        host = Host(channel, self._selector, self._bounds, self._arrive, self._hosts.remove, self._now)
        self._hosts.append(host)
        host.link = link_to(self.panel, host.deliver)

    def accept(self, accepted: socket.socket) -> None:
        """Take a new host on TCP, if there is a connection left for it or one that is hardly used."""
        on_network = [host for host in self._hosts if not host.lasts and not host.ended]
        if len(self._hosts) >= self._bounds.hosts + self._bounds.gone:
            accepted.close()
            return
        if len(on_network) >= self._bounds.hosts:
            quietest = min(on_network, key=lambda host: host.last_heard)
            if self._now() - quietest.last_heard < self._bounds.spare:
                accepted.close()
                return
            quietest.close()
        self.connect(SocketChannel(accepted))

    def drop_idle(self) -> None:
        """Hang up on hosts that have been silent for too long."""
        latest = self._now() - self._bounds.idle
        for host in [host for host in self._hosts if not host.lasts and host.last_heard < latest]:
            host.close()

    def close(self) -> None:
        """Hang up on everybody."""
        for host in self._hosts.copy():
            host.close()

    def work(self) -> None:
        """Obey one line."""
        if self.has_work:
            self._obey(*self._queue.popleft())

    def _arrive(self, host: Host, data: bytes) -> None:
        if self._later is None:
            self._take(host, data)
        else:
            self._later(lambda: self._take(host, data))

    def _take(self, host: Host, data: bytes) -> None:
        if self.panel.interruptible:
            self._obey(host, data)
            return
        *lines, rest = data.split(b"\n")
        self._queue.extend((host, line + b"\n") for line in lines)
        if rest:
            self._queue.append((host, rest))
        self.work()

    def _obey(self, host: Host, data: bytes) -> None:
        link = host.link
        self._inside.append((host, len(data)))
        outermost, self._busy = not self._busy, True
        if link is not None:
            self._work(lambda: link.receive(data, False))
        if outermost:
            self._busy = False
            done, self._inside = self._inside, []
            for sender, count in done:
                sender.obeyed(count)
