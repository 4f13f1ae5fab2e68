"""Where a served instrument is found: a port on TCP, and a pseudo-terminal where the system has them."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labctl.console import complain
from labctl.errors import InputError, LinkError
from sim_backend.links import undisturbed_link_to
from sim_backend.panels import board_facts
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.server.channels import open_terminal

if TYPE_CHECKING:
    from sim_backend.panel import Panel
    from sim_backend.server.loop import Loop
    from sim_backend.server.served_instrument import ServedInstrument

LOOPBACK: Final = "127.0.0.1"
_ANYWHERE: Final = ("", "0.0.0.0")  # noqa: S104 (compared, never bound by default)

_RECEIVE_BUFFER: Final = 1 << 16
"""Bytes that the system keeps of what a host sends ahead; left alone, it keeps megabytes."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Where an instrument is served.

    Args:
        name: in the bench file.
        driver: that speaks to it.
        model: as it calls itself.
        resource: its address on TCP, as a bench file takes it.
        others: further addresses.
    """

    name: str
    driver: str
    model: str
    resource: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """How an instrument is served.

    Args:
        host: the address to listen at.
        port: on TCP; 0: a free one.
        latency: what each message to it takes on its way (s).
        token: what hosts on TCP must send first; empty: nothing.
    """

    host: str = LOOPBACK
    port: int = 0
    latency: float = 0.0
    token: bytes = b""


def offer(loop: Loop, panel: Panel, driver: str, terms: Terms = Terms()) -> Offer:
    """Begin to serve an instrument; everything listens when this returns.

    Args:
        loop: serves it.
        panel: the instrument.
        driver: that speaks to it.
        terms: how.

    Raises:
        LinkError: if the port cannot be had.
        InputError: if other computers reach it, and there is no token.
    """
    listener = _listener(terms, panel.name)
    instrument = loop.add(panel, terms.latency, terms.token)
    loop.listen(instrument, listener)
    number, reached = listener.getsockname()[1], socket.gethostname() if terms.host in _ANYWHERE else terms.host
    is_board = isinstance(panel, ProbeBoardPanel)
    resource = f"socket://{reached}:{number}" if is_board else f"TCPIP0::{reached}::{number}::SOCKET"
    device = _terminal(instrument)
    others = () if device is None else (device if is_board else f"ASRL{device}::INSTR",)
    return Offer(panel.name, driver, board_facts.MODEL if is_board else _model(panel), resource, others)


def _listener(terms: Terms, name: str) -> socket.socket:
    """Return a socket that listens; what a name stands for is looked up once, so that it is the address checked."""
    host, port = terms.host, terms.port
    try:
        address = socket.getaddrinfo(host or None, port, socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[0][4]
        if not terms.token and not ipaddress.ip_address(address[0]).is_loopback:
            raise InputError(
                f"--host {host}: it stands for {address[0]}, which other computers reach; name a --token-file"
            )
        listener = socket.create_server((str(address[0]), port))
    except (OSError, OverflowError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise LinkError(f"cannot serve {name} at {host}:{port}: {reason}; name another --host or --port") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    return listener


def _terminal(instrument: ServedInstrument) -> str | None:
    """Connect an instrument to a pseudo-terminal; return its device file, None if there is none."""
    try:
        opened = open_terminal()
    except OSError as error:
        complain(f"no pseudo-terminal for {instrument.panel.name}: {error.strerror or error}")
        return None
    if opened is None:
        return None
    channel, device = opened
    instrument.connect(channel)
    return device


def _model(panel: Panel) -> str:
    """Return what an instrument calls its model; "" if it does not answer in text."""
    replies: list[bytes] = []
    undisturbed_link_to(panel, replies.append).receive(b"*IDN?\n", False)
    fields = b"".join(replies).decode("ascii", "replace").split(",")
    return fields[1].strip().removeprefix("MODEL ") if len(fields) == 4 else ""
