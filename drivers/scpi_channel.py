"""What the link to a text instrument uses of a pyvisa resource."""

from __future__ import annotations

from typing import Protocol

from pyvisa import errors as visa_errors

FAILURES = (OSError, EOFError, visa_errors.Error)
"""What pyvisa and pyvisa-py raise when a link fails: sockets and serial ports OSError, VXI-11 also EOFError."""
ORDINARY_TIMEOUT = 3000
"""How long to wait for what an instrument does at once (ms, as pyvisa counts).

Reading a setting takes milliseconds, and some tenths of a second behind a setting that switches a relay or a range.
What measures, resets, sweeps or fills a slow line is given a time of its own."""


class Channel(Protocol):
    """What the link uses of a pyvisa `MessageBasedResource`.

    Where a query has a time-out of its own, also pyvisa's attribute `timeout`, in ms.
    """

    def write_raw(self, message: bytes) -> int:
        """Send bytes."""
        ...

    def read_raw(self) -> bytes:
        """Return bytes up to the termination character or the end of the message."""
        ...

    def read_bytes(self, count: int) -> bytes:
        """Return exactly `count` bytes."""
        ...

    def close(self) -> None:
        """Close the channel."""


class Listening(Protocol):
    """A channel that tells how much input waits to be read; pyvisa's serial ports do, and the bench's sockets."""

    @property
    def bytes_in_buffer(self) -> int:
        """How many bytes came that were not read."""
        ...
