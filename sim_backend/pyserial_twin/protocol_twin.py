"""A serial port whose other end is a virtual instrument: `serial.serial_for_url("twin://TOKEN/NAME")`.

Time-outs pass on the twin's clock. Baud rate, parity and flow control are kept and mean nothing, as on USB-CDC.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote, urlsplit
from weakref import WeakValueDictionary

import serial
from serial import PortNotOpenError, SerialBase, SerialException

from sim_backend.links import is_lost, link_to

if TYPE_CHECKING:
    from sim_backend.links import Link
    from sim_backend.panel import Panel


class Ports(Protocol):
    """Something that has virtual instruments with serial ports."""

    def panel(self, name: str) -> Panel | None:
        """Return the instrument of this name, if there is one."""
        ...


_offered: WeakValueDictionary[str, Ports] = WeakValueDictionary()
_tokens = itertools.count(1)


def offer(ports: Ports) -> str:
    """Make the ports of `ports` known to pyserial as long as it lives; return the token of their URLs."""
    package = __name__.rpartition(".")[0]
    if package not in serial.protocol_handler_packages:
        serial.protocol_handler_packages.append(package)
    token = str(next(_tokens))
    _offered[token] = ports
    return token


def url(token: str, name: str) -> str:
    """Return the URL of the port `name` of the ports that were offered under `token`."""
    return f"twin://{token}/{quote(name, safe='')}"


class Serial(SerialBase):
    """The host's end of a virtual serial port; what pyserial documents of its ports holds here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._input = bytearray()
        self._link: Link | None = None
        super().__init__(*args, **kwargs)

    def open(self) -> None:
        """Connect to the panel that the port names.

        Raises:
            SerialException: if the port is open already, there is no such instrument, or its link is gone.
        """
        if self.is_open:
            raise SerialException("Port is already open.")
        panel = _panel_at(self.port)
        self._clock = panel.world.clock
        # A buffer of its own for each link: what a link of before still brings is lost.
        self._input = bytearray()
        link = link_to(panel, self._input.extend)
        if is_lost(link):
            raise SerialException(f"could not open port {self.port!r}: the device is not there")
        self._link = link
        self.is_open = True

    def close(self) -> None:
        """Disconnect; replies that come later are lost. Closing twice is harmless."""
        self.is_open = False
        self._link = None

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        self._opened()
        return len(self._input)

    @property
    def out_waiting(self) -> int:
        """Bytes not yet sent: a virtual port keeps none."""
        self._opened()
        return 0

    def read(self, size: int = 1) -> bytes:
        """Return up to `size` bytes; less only when the time-out has passed on the twin's clock.

        Raises:
            SerialException: if there is no time-out and bytes are missing: nothing would ever end the wait; or if the
                link is gone.
        """
        self._opened()
        if len(self._input) < size:
            self._check_link()
            self._wait()
            if not self._input:
                self._check_link()
        data = bytes(self._input[:size])
        del self._input[:size]
        return data

    def write(self, b: Any, /) -> int:
        """Send bytes; the instrument has taken them when this returns."""
        link, data = self._opened(), bytes(memoryview(b))
        self._check_link()
        link.receive(data, False)
        return len(data)

    def flush(self) -> None:
        """Wait until everything is sent, which it is."""
        self._opened()

    def reset_input_buffer(self) -> None:
        """Throw away what came and was not read."""
        self._opened()
        self._input.clear()

    def reset_output_buffer(self) -> None:
        """Throw away what was not sent: a virtual port keeps nothing."""
        self._opened()

    @property
    def cts(self) -> bool:
        """Clear To Send."""
        return self.is_open

    @property
    def dsr(self) -> bool:
        """Data Set Ready."""
        return self.is_open

    @property
    def ri(self) -> bool:
        """Ring Indicator."""
        return False

    @property
    def cd(self) -> bool:
        """Carrier Detect."""
        return self.is_open

    def _check_link(self) -> None:
        if is_lost(self._opened()):
            raise SerialException("the device is gone")

    def _opened(self) -> Link:
        if self._link is None:
            raise PortNotOpenError
        return self._link

    def _wait(self) -> None:
        """Let the time pass that pyserial would wait for more bytes."""
        timeout: float | None = self.timeout
        between: float | None = self.inter_byte_timeout
        if self._input and between is not None:
            timeout = between if timeout is None else min(timeout, between)
        if timeout is None:
            raise SerialException("a read without time-out would never end: the instrument has nothing to say")
        self._clock.sleep(timeout)

    # pyserial calls these when a setting of an open port changes.

    def _reconfigure_port(self) -> None:
        pass

    def _update_rts_state(self) -> None:
        pass

    def _update_dtr_state(self) -> None:
        pass

    def _update_break_state(self) -> None:
        pass


def _panel_at(port: object) -> Panel:
    parts = urlsplit(str(port))
    ports = _offered.get(parts.netloc)
    panel = ports.panel(unquote(parts.path[1:])) if ports is not None and parts.scheme == "twin" else None
    if panel is None:
        raise SerialException(f"could not open port {port!r}: there is no such virtual instrument")
    return panel
