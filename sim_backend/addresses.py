"""Which virtual instrument stands at an address, in whatever spelling it is asked for.

A bench gives each instrument one address: a VISA resource name, or a serial port as pyserial names it. VISA reaches
a serial port, too, as `ASRL/dev/ttyACM0::INSTR` or, for COM5, as `ASRL5::INSTR`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyvisa.rname import ASRLInstr, InvalidResourceName, ResourceName

from labctl.errors import BenchFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

_COM = re.compile(r"com([0-9]+)", re.IGNORECASE)


class AddressBook:
    """The instruments of a bench by address.

    Args:
        addresses: by name of the instrument.

    Raises:
        BenchFileError: if two instruments have the same address, or one has none that could be.
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.visa: dict[str, str] = {}
        """Names of instruments by resource name."""
        self._ports: dict[str, str] = {}
        for name, address in addresses.items():
            try:
                resource, port = _spellings(address)
            except InvalidResourceName:
                raise BenchFileError(
                    f"instruments.{name}: {address!r} is neither a VISA resource name nor a serial port"
                ) from None
            for key, book in ((resource, self.visa), (port, self._ports)):
                if key is not None and book.setdefault(key, name) != name:
                    raise BenchFileError(f"instruments.{name}: {address!r} is the address of {book[key]!r} already")

    def at_port(self, port: str) -> str | None:
        """Return which instrument hangs on a serial port, if any does."""
        return self._ports.get(_port(port))


def _spellings(address: str) -> tuple[str | None, str | None]:
    """Return the resource name and the serial port that an address stands for, where there are such.

    Raises:
        InvalidResourceName: if it can be neither.
    """
    try:
        resource = ResourceName.from_string(address)
    except InvalidResourceName:
        port = _port(address)
        if "://" in port:
            return None, port
        return str(ResourceName.from_string(f"ASRL{port.removeprefix('COM')}::INSTR")), port
    if isinstance(resource, ASRLInstr):
        return str(resource), f"COM{resource.board}" if resource.board.isdecimal() else resource.board
    return str(resource), None


def _port(port: str) -> str:
    """Return a port's name as its operating system compares it."""
    return port.upper() if _COM.fullmatch(port) else port
