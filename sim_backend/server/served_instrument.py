"""One virtual instrument that other programs reach: it obeys one message at a time, whoever sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.faults.channel import FaultyLink
from sim_backend.links import link_to
from sim_backend.server.channels import SocketChannel
from sim_backend.server.host import Host
from sim_backend.server.tokens import Lock

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
        work: does one thing with a panel, as `work(action)`, and returns whether that went well; whatever an action
            raises ends there.
        later: called as `later(action)` with what is to be done after what a host's bytes take on their way.
        now: the time on the wall (s).
        token: what hosts on TCP must send first; empty: nothing.
    """

    def __init__(
        self,
        panel: Panel,
        selector: BaseSelector,
        bounds: Bounds,
        work: Callable[[Callable[[], None]], bool],
        later: Callable[[Callable[[], None]], None] | None,
        now: Callable[[], float],
        token: bytes = b"",
    ) -> None:
        self._token = token
        self.panel = panel
        self._selector = selector
        self._bounds = bounds
        self._work = work
        self._later = later
        self._now = now
        self._hosts: list[Host] = []
        self._sent: dict[Host, bytearray] = {}
        """What hosts sent and was not obeyed; whose turn it is stands first."""
        self._inside: list[tuple[Host, int]] = []
        self._busy = False

    @property
    def has_work(self) -> bool:
        """Whether there is a line that could be obeyed."""
        return bool(self._sent) and not self._busy

    def connect(self, channel: Channel) -> None:
        """Open a link to the panel for whoever is at the other end of a channel."""
        lock = Lock(self._token) if self._token and not channel.lasts else None
        host = Host(channel, self._selector, self._bounds, self._arrive, self._hosts.remove, self._now, lock)
        self._hosts.append(host)
        host.link = link = link_to(self.panel, host.deliver)
        if isinstance(link, FaultyLink):
            link.lasts = host.lasts
            if not host.lasts:
                link.on_lost = host.close
                if link.is_lost:
                    host.close()

    def accept(self, accepted: socket.socket) -> None:
        """Take a new host on TCP, if there is a connection left for it or one that is hardly used."""
        if len(self._on_network()) >= self._bounds.hosts:
            for host in self._hosts.copy():
                host.look_for_end()
        if not (self._has_room() and self._has_patience()):
            accepted.close()
            return
        self.connect(SocketChannel(accepted))

    def _on_network(self) -> list[Host]:
        return [host for host in self._hosts if not host.lasts and not host.ended]

    def _has_room(self) -> bool:
        """Return whether one more can be remembered; who left and only does not read is forgotten for it."""
        if len(self._hosts) >= self._bounds.hosts + self._bounds.gone:
            for host in [host for host in self._hosts if host.ended and host.obeyed_all]:
                host.close()
        return len(self._hosts) < self._bounds.hosts + self._bounds.gone

    def _has_patience(self) -> bool:
        """Return whether a connection is left; who was silent for long, or floods the instrument, goes for it."""
        on_network = self._on_network()
        if len(on_network) < self._bounds.hosts:
            return True
        quietest = min(on_network, key=lambda host: (not host.is_stranger, host.last_heard))
        if quietest.is_stranger or self._now() - quietest.last_heard >= self._bounds.spare:
            quietest.close()
            return True
        flooding = next((host for host in on_network if host.is_too_far_ahead), None)
        if flooding is not None:
            self._sent.pop(flooding, None)  # it is cut off in the middle of what it sends anyway
            flooding.close()
        return flooding is not None

    def drop_idle(self) -> None:
        """Hang up on hosts that have been silent for too long."""
        now, bounds = self._now(), self._bounds
        for host in self._hosts.copy():
            longest = bounds.strange if host.is_stranger else bounds.idle
            if not host.lasts and now - host.last_heard > longest:
                host.close()

    def close(self) -> None:
        """Hang up on everybody."""
        for host in self._hosts.copy():
            host.close()

    def work(self) -> None:
        """Obey one line of the host whose turn it is; then it is the next host's."""
        if not self.has_work:
            return
        host = next(iter(self._sent))
        sent = self._sent.pop(host)
        end = sent.find(b"\n") + 1 or len(sent)
        line = bytes(sent[:end])
        del sent[:end]
        if sent:
            self._sent[host] = sent
        self._obey(host, line)

    def _arrive(self, host: Host, data: bytes) -> None:
        if self._later is None:
            self._take(host, data)
        else:
            self._later(lambda: self._take(host, data))

    def _take(self, host: Host, data: bytes) -> None:
        host.arrived()
        if self.panel.interruptible:
            self._obey(host, data)
        else:
            self._sent.setdefault(host, bytearray()).extend(data)
            self.work()

    def _obey(self, host: Host, data: bytes) -> None:
        link = host.link
        self._inside.append((host, len(data)))
        outermost, self._busy = not self._busy, True
        if link is not None and not self._work(lambda: link.receive(data, False)):
            self._work(self.panel.fail)
        if outermost:
            self._busy = False
            done, self._inside = self._inside, []
            for sender, count in done:
                sender.obeyed(count)
