"""How a Keithley 2400 is connected: GPIB, or RS-232 with what is chosen in the instrument's menu.

The sources are the Series 2400 user's manual (2400S-900-01), section 14: "RS-232 interface operation" and "General bus
commands".
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator
from pyvisa.constants import ControlFlow

from drivers.scpi import SCPI_TOKEN, ScpiLink
from drivers.scpi_channel import FAILURES, ORDINARY_TIMEOUT
from labctl.bench_file import InstrumentEntry

if TYPE_CHECKING:
    from typing import Self

    from pyvisa.resources import MessageBasedResource

    from labctl.backend import Backend

TERMINATIONS = {"CR": "\r", "CR+LF": "\r\n", "LF": "\n", "LF+CR": "\n\r"}
TIMEOUT = 10.0
"""Time-out of readings, sweeps and resets (s): ten power line cycles, auto zero and auto range take up to 4 s."""
SERIAL_CLEAR = b"\x03"
"""Control-C: what a device clear is on GPIB. It ends whatever goes on and forgets what was to be said."""
TOKEN = f":FORM:SREG ASC;{SCPI_TOKEN}"
"""The format is part of it, because an earlier user may have chosen registers in hexadecimal."""
BITS_A_BYTE = 10
"""On a serial line: start bit, eight data bits, stop bit."""

_SERIAL_KEYS = ("baud_rate", "terminator", "flow_control")


class Keithley2400Entry(InstrumentEntry):
    """`[instruments.NAME]` of a Keithley 2400; on a serial line (ASRL...) also what its COMMUNICATION menu says.

    `terminator` is "CR", "CR+LF", "LF" or "LF+CR"; `flow_control` is "none" or "xon-xoff". The manual gives 9600 baud
    as the factory's choice, and does not tell the factory's terminator. The instrument's rates below 9600 are left
    out: a list of levels would outlast the link's time-out.
    """

    baud_rate: Literal[9600, 19200, 38400, 57600] = 9600
    terminator: Literal["CR", "CR+LF", "LF", "LF+CR"] = "CR+LF"
    flow_control: Literal["none", "xon-xoff"] = "none"

    @model_validator(mode="after")
    def _serial_only(self) -> Self:
        given = [key for key in _SERIAL_KEYS if key in self.model_fields_set]
        if given and not self.serial:
            raise ValueError(f"{given[0]} belongs to a serial line, and {self.address} is none; remove it")
        return self

    @property
    def serial(self) -> bool:
        """Whether the address is that of a serial line."""
        return self.address.upper().startswith("ASRL")

    @property
    def termination(self) -> str:
        """What ends a line."""
        return TERMINATIONS[self.terminator] if self.serial else "\n"

    @property
    def byte_time(self) -> float | None:
        """How long a byte takes (s); None where that does not matter."""
        return BITS_A_BYTE / self.baud_rate if self.serial else None


def open_link(backend: Backend, name: str, settings: Keithley2400Entry) -> ScpiLink:
    """Return the link to a 2400; nothing is sent.

    A connection that is opened again after a failure begins with a device clear: the instrument executes nothing
    while it measures, and would not listen before it is through.

    Raises:
        LinkError: if it cannot be opened.
    """
    options: dict[str, Any] = {
        # pyvisa ends a read at the last character of the termination.
        "read_termination": settings.termination[-1],
        "write_termination": settings.termination,
        "timeout": ORDINARY_TIMEOUT,
    }
    if settings.serial:
        options["baud_rate"] = settings.baud_rate
        if settings.flow_control == "xon-xoff":
            options["flow_control"] = ControlFlow.xon_xoff
    opened = False

    def connect() -> MessageBasedResource:
        nonlocal opened
        channel = backend.open_visa(settings.address, **options)
        if opened:
            _clear(channel, settings)
        opened = True
        return channel

    return ScpiLink(connect, name, settings.address, settings.termination, TOKEN)


def _clear(channel: MessageBasedResource, settings: Keithley2400Entry) -> None:
    """Clear the device; where that fails, what is sent next fails, too, and is told."""
    with suppress(*FAILURES):
        if settings.serial:
            channel.write_raw(SERIAL_CLEAR + settings.termination.encode("ascii"))
        else:
            channel.clear()
