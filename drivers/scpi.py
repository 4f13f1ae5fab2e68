"""The link to a text instrument: one exchange at a time over a pyvisa resource, never a late answer for the next one.

pyvisa's own `query` has no lock, and after a time-out the answer that comes late is taken for the next query's. Here a
link whose exchange broke off is dirty: before anything else is asked it is reopened and synchronised with a token.
This file knows no instrument and no command but the token.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pyvisa import errors as visa_errors
from pyvisa.constants import StatusCode

from drivers.scpi_text import decode_array, decode_number, parse_block_header, shown
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

FAILURES = (OSError, EOFError, visa_errors.Error)
"""What pyvisa and pyvisa-py raise when a link fails: sockets and serial ports OSError, VXI-11 also EOFError."""
SCPI_TOKEN = "*ESE {0};*ESE?;*ESE {1};*ESE?"  # noqa: S105 (not a secret)
"""A message that every IEEE 488.2 instrument answers with `{0};{1}`: its event enable register, which labctl does not
use, holds any number from 0 to 255."""
STALE_MAX = 1000
"""Lines of old answers that are read over before a link is given up."""


class Channel(Protocol):
    """What the link uses of a pyvisa `MessageBasedResource`."""

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


class ScpiLink:
    """A locked and self-synchronising link to one instrument.

    Args:
        connect: opens the channel, its read termination set to `termination`; called again after a failure.
        name: the instrument's name in the bench file, for messages.
        address: where it is, for messages.
        termination: ends every line in both directions.
        token: a message that is answered with `{0};{1}`.

    Raises:
        LinkError: if `connect` does.
    """

    def __init__(
        self,
        connect: Callable[[], Channel],
        name: str,
        address: str,
        termination: str = "\n",
        token: str = SCPI_TOKEN,
    ) -> None:
        self.name = name
        self.address = address
        self._connect = connect
        self._end = termination.encode("ascii")
        self._token = token
        self._numbers = itertools.cycle(range(101, 251))
        self._lock = threading.RLock()
        self._closed = False
        self._dirty = False
        self._unconfirmed: str | None = None
        self._channel = connect()

    def write(self, command: str) -> None:
        """Send a command. It is never sent twice.

        Raises:
            LinkError: if it cannot be sent; whether it arrived is unknown then.
        """
        with self._lock:
            if self._dirty:
                self._resynchronise()
            self._dirty = True
            try:
                self._channel.write_raw(command.encode("ascii") + self._end)
            except FAILURES as error:
                earlier = "" if self._unconfirmed is None else f" and {self._unconfirmed!r} before it"
                raise self._failure(command, error, f"; it is unknown whether it{earlier} arrived") from error
            self._dirty = False
            self._unconfirmed = command

    def query(self, command: str) -> str:
        """Send a query and return its answer without the termination.

        A query that fails is asked once more on a synchronised link, unless commands were sent before it whose arrival
        it would have confirmed: the instrument may have lost them with the connection.

        Raises:
            LinkError: if there is no answer, or not one line of ASCII text.
        """
        with self._lock:
            if self._dirty:
                self._resynchronise()
            try:
                return self._ask(command)
            except LinkError as error:
                self._recover(error)
                return self._ask(command)

    def query_values(self, command: str) -> list[float]:
        """Return the numbers, separated by commas, that answer a query; special ones as in `decode_number`.

        Raises:
            LinkError: if there is no answer, or something else than numbers.
        """
        reply = self.query(command)
        try:
            return [decode_number(field) for field in reply.split(",")]
        except ValueError:
            raise self.garbled(command, reply) from None

    def query_block(self, command: str, count: int, dtype: str) -> NDArray[np.float64]:
        """Return the numbers of the binary block that answers a query.

        Args:
            command: the query.
            count: how many numbers there must be; a `#0` block does not say, and its data may hold any byte.
            dtype: numpy's name of their type with byte order, as "<f8".

        Returns:
            Shape (count,); special numbers as in `decode_number`.

        Raises:
            LinkError: if there is no answer, or not a block of `count` numbers.
        """
        kind = np.dtype(dtype)
        with self._lock:
            if self._dirty:
                self._resynchronise()
            try:
                data = self._ask_block(command, count * kind.itemsize)
            except LinkError as error:
                self._recover(error)
                data = self._ask_block(command, count * kind.itemsize)
        return decode_array(np.frombuffer(data, kind).astype(np.float64))

    def query_until(self, command: str, accept: Callable[[str], bool]) -> str:
        """Send a query and read over old answers until one is acceptable; asked once, and nothing is set.

        Raises:
            LinkError: if no acceptable answer comes.
        """
        with self._lock:
            if self._dirty:
                self._reconnect()
            return self._read_until((), command, accept)

    def synchronise(self, first: Sequence[str] = ()) -> None:
        """Send the commands `first`, then a token, and read over whatever was said before its answer.

        Raises:
            LinkError: if the token is not answered.
        """
        with self._lock:
            if self._dirty:
                self._reconnect()
            self._exchange_token(first)

    def send_urgently(self, commands: Sequence[str]) -> None:
        """Get commands through that are harmless to repeat, on a new connection if need be, and synchronise.

        Raises:
            LinkError: if it cannot be confirmed that they arrived.
        """
        with self._lock:
            try:
                self.synchronise(commands)
            except LinkError:
                self._reconnect()
                self._exchange_token(commands)

    def garbled(self, command: str, reply: str | bytes) -> LinkError:
        """Return the error for an answer that makes no sense; the link is synchronised before its next use."""
        self._dirty = True
        return LinkError(f"{self.name} at {self.address}: {command!r} was answered with {shown(reply)}")

    def close(self) -> None:
        """Close the channel. Closing twice is harmless."""
        with self._lock:
            self._closed = True
            self._dirty = True
            with suppress(*FAILURES):
                self._channel.close()

    def _ask(self, command: str) -> str:
        self._dirty = True  # whatever breaks off the exchange, a keyboard interrupt included, leaves an answer behind
        try:
            self._channel.write_raw(command.encode("ascii") + self._end)
            raw = self._channel.read_raw()
        except FAILURES as error:
            raise self._failure(command, error) from error
        self._dirty = False
        self._unconfirmed = None
        try:
            return raw.decode("ascii").rstrip("\r\n")
        except UnicodeDecodeError:
            raise self.garbled(command, raw) from None

    def _ask_block(self, command: str, size: int) -> bytes:
        """Return the `size` data bytes of the block that answers a query."""
        self._dirty = True
        try:
            self._channel.write_raw(command.encode("ascii") + self._end)
        except FAILURES as error:
            raise self._failure(command, error) from error
        return self._read_block(command, size)

    def _read_block(self, command: str, size: int) -> bytes:
        """Return the `size` data bytes of a block. The first read may stop at a termination among the data."""
        self._dirty = True
        block = bytearray()
        try:
            block += self._channel.read_raw()
            start, length = parse_block_header(block)
            missing = start + size + len(self._end) - len(block)
            if missing > 0 and length in (None, size):
                block += self._channel.read_bytes(missing)
        except FAILURES as error:
            raise self._failure(command, error) from error
        except ValueError:
            raise self.garbled(command, bytes(block)) from None
        if length not in (None, size) or len(block) != start + size + len(self._end) or not block.endswith(self._end):
            raise self.garbled(command, bytes(block))
        self._dirty = False
        self._unconfirmed = None
        return bytes(block[start : start + size])

    def _recover(self, error: LinkError) -> None:
        """Make ready for asking again, or raise where that would hide that a command was lost."""
        if self._unconfirmed is not None:
            raise LinkError(f"{error}; it is unknown whether {self._unconfirmed!r} arrived") from error
        self._resynchronise()

    def _resynchronise(self) -> None:
        self._reconnect()
        self._exchange_token(())

    def _reconnect(self) -> None:
        if self._closed:
            raise LinkError(f"{self.name} at {self.address}: the link is closed")
        self._dirty = True
        with suppress(*FAILURES):
            self._channel.close()
        self._channel = self._connect()

    def _exchange_token(self, first: Sequence[str]) -> None:
        """Send `first` and two tokens: the answer to the first one may be left over from a process that died."""
        for commands in (first, ()):
            pair = next(self._numbers), next(self._numbers)
            answer = "{};{}".format(*pair)
            # An old answer that was cut off may stand right before the token's.
            self._read_until(commands, self._token.format(*pair), lambda line, answer=answer: line.endswith(answer))

    def _read_until(self, first: Sequence[str], command: str, accept: Callable[[str], bool]) -> str:
        """Send `first` and a query, and return the first answer to it that is acceptable."""
        self._dirty = True
        line = ""
        try:
            for text in (*first, command):
                self._channel.write_raw(text.encode("ascii") + self._end)
            for _ in range(STALE_MAX):
                line = self._channel.read_raw().decode("ascii", "backslashreplace").rstrip("\r\n")
                if accept(line):
                    self._dirty = False
                    self._unconfirmed = None
                    return line
        except FAILURES as error:
            if line:
                raise self.garbled(command, line) from error
            raise self._failure(command, error) from error
        raise self.garbled(command, line)

    def _failure(self, command: str, error: Exception, consequence: str = "") -> LinkError:
        where = f"{self.name} at {self.address}"
        if isinstance(error, visa_errors.VisaIOError) and error.error_code == StatusCode.error_timeout:
            return LinkError(f"{where}: no answer to {command!r} in time; check power, cable and address{consequence}")
        reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        return LinkError(
            f"{where}: the link failed at {command!r} ({reason}); check address, cable, power{consequence}"
        )
