"""The link to a text instrument: one exchange at a time over a pyvisa resource, never a late answer for the next one.

pyvisa's own `query` has no lock, and after a time-out the answer that comes late is taken for the next query's. Here a
link whose exchange broke off is dirty: before anything else is asked it is reopened and synchronised with a token.
So is one on which something arrived that nobody asked for, where the channel can tell.
This file knows no instrument and no command but the token and `*IDN?`.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from drivers.link_errors import SilenceError, brief, link_failure
from drivers.scpi_channel import FAILURES, Channel, Listening
from drivers.scpi_text import decode_array, decode_number, parse_block_header, shown
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

SCPI_TOKEN = "*ESE {0};*ESE?;*ESE {1};*ESE?"  # noqa: S105 (not a secret)
"""A message that every IEEE 488.2 instrument answers with `{0};{1}`: its event enable register, which labctl does not
use, holds any number from 0 to 255."""
IDENTIFY = "*IDN?"
TAGS = range(1, 98)
"""Numbers for `drivers/scpi_tags.py`; tokens and drivers use other ones."""
STALE_MAX = 1000
"""Lines of old answers that are read over before a link is given up."""


class ScpiLink:
    """A locked and self-synchronising link to one instrument.

    A query is repeated only where that is harmless, and only if it failed at once: after a time-out, the caller is told
    within the time-out. Commands and queries with `once=True` are never sent twice.

    Args:
        connect: opens the channel, its read termination set to `termination`; called again after a failure.
        name: the instrument's name in the bench file, for messages.
        address: where it is, for messages.
        termination: ends every line in both directions.
        token: a message that is answered with `{0};{1}`; blanks around the semicolon do not matter.

    Raises:
        LinkError: if `connect` does.
    """

    tagged = False
    """Whether every answer shows which query it belongs to, so that whatever else comes in is simply read over."""

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
        self.tags: Iterator[int] = itertools.cycle(TAGS)
        self._lock = threading.RLock()
        self._closed = False
        self.has_set = False
        """Whether a command was sent, or may have been."""
        self._dirty = False
        self._unconfirmed: str | None = None
        self._usual_timeout: Any = None
        self._identity: str | None = None
        self._channel = self._opened()

    def write(self, command: str) -> None:
        """Send a command. It is never sent twice.

        Raises:
            LinkError: if it cannot be sent; whether it arrived is unknown then.
        """
        with self._lock:
            if self._dirty:
                self._resynchronise(command)
            self._dirty = self.has_set = True
            try:
                self._channel.write_raw(command.encode("ascii") + self._end)
            except FAILURES as error:
                earlier = "" if self._unconfirmed is None else f" and {brief(self._unconfirmed)} before it"
                raise self._failure(command, error, f"; it is unknown whether it{earlier} arrived") from error
            self._dirty = False
            self._unconfirmed = command

    def query(self, command: str, *, once: bool = False, timeout: float | None = None) -> str:
        """Send a query and return its answer without the termination.

        A query whose exchange breaks off, or whose answer is damaged, is asked once more on a synchronised link, unless
        commands were sent before it whose arrival it would have confirmed: the instrument may have lost them with the
        connection. After a time-out it is not: the instrument may still be at work on it.

        Args:
            command: the query.
            once: whether it must never be asked twice. It must not if it does more than to tell: if it triggers
                (`:READ?`, `:MEAS?`, `*TRG`), sources, switches an output on, or takes what it tells from a queue or
                register (`:SYST:ERR?`, `*ESR?`), so that a second answer would say less than the lost one.
            timeout: how long to wait for the answer (s), where it is another time than the channel's own.

        Raises:
            SilenceError: if there is no answer in time.
            LinkError: if there is no answer, or not one line of ASCII text.
        """
        with self._lock:
            self._prepare(command, timeout)
            try:
                return self._ask(command)
            except LinkError as error:
                self._recover(command, error, once, timeout)
                return self._ask(command)

    def query_values(self, command: str, *, once: bool = False, timeout: float | None = None) -> list[float]:
        """Return the numbers, separated by commas, that answer a query; special ones as in `decode_number`.

        Args:
            command: the query.
            once: whether it must never be asked twice, as in `query`.
            timeout: how long to wait for the answer (s), where it is another time than the channel's own.

        Raises:
            LinkError: if there is no answer, or something else than numbers.
        """
        reply = self.query(command, once=once, timeout=timeout)
        try:
            return [decode_number(field) for field in reply.split(",")]
        except ValueError:
            raise self.garbled(command, reply) from None

    def query_block(
        self, command: str, count: int, dtype: str, *, once: bool = False, timeout: float | None = None
    ) -> NDArray[np.float64]:
        """Return the numbers of the binary block that answers a query.

        Args:
            command: the query.
            count: how many numbers there must be; a `#0` block does not say, and its data may hold any byte.
            dtype: numpy's name of their type with byte order, as "<f8".
            once: whether it must never be asked twice, as in `query`.
            timeout: how long to wait for each part of the answer (s), where it is another time than the channel's own.

        Returns:
            Shape (count,); special numbers as in `decode_number`.

        Raises:
            LinkError: if there is no answer, or not a block of `count` numbers.
        """
        kind = np.dtype(dtype)
        with self._lock:
            self._prepare(command, timeout)
            try:
                data = self._ask_block(command, count * kind.itemsize)
            except LinkError as error:
                self._recover(command, error, once, timeout)
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
            self._wait_up_to(None, command)
            reply = self._read_until((), command, accept)
            if command == IDENTIFY:
                self._identity = reply
            return reply

    def synchronise(self, first: Sequence[str] = ()) -> None:
        """Send the commands `first`, then a token, and read over whatever was said before its answer.

        Raises:
            LinkError: if the token is not answered.
        """
        with self._lock:
            if self._dirty:
                self._reconnect()
            self._wait_up_to(None, "the token")
            self._exchange_token(first)

    def send_urgently(self, commands: Sequence[str]) -> None:
        """Get commands through that are harmless to repeat, on a new connection if need be, and synchronise.

        Raises:
            LinkError: if it cannot be confirmed that they arrived.
        """
        with self._lock:
            self._send_ahead(commands)
            try:
                self.synchronise(commands)
            except LinkError:
                self._reconnect()
                self._exchange_token(commands)

    def _send_ahead(self, commands: Sequence[str]) -> None:
        """Send commands on a link whose exchange was broken off, before the time that it takes to restore it.

        They are sent once more then: half a line that was left behind may spoil the first of them.
        """
        if self._dirty and not self._closed:
            with suppress(*FAILURES):
                for text in ("", *commands):
                    self._channel.write_raw(text.encode("ascii") + self._end)

    def garbled(self, command: str, reply: str | bytes) -> LinkError:
        """Return the error for an answer that makes no sense; the link is synchronised before its next use."""
        self._dirty = True
        return LinkError(f"{self.name} at {self.address}: {brief(command)} was answered with {shown(reply)}")

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
        try:
            reply = raw.decode("ascii").rstrip("\r\n")
        except UnicodeDecodeError:  # a damaged answer confirms nothing: an old one may have lost its end
            raise self.garbled(command, raw) from None
        self._dirty = False
        self._unconfirmed = None
        return reply

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

    def _prepare(self, command: str, timeout: float | None) -> None:
        """Make ready for asking: what came that nobody asked for would be taken for the answer."""
        if not self._dirty and self._holds_input(command):
            self._dirty = True
            if self._unconfirmed is not None:
                raise LinkError(
                    f"{self.name} at {self.address}: something was said before {brief(command)} was asked; "
                    f"it is unknown whether {brief(self._unconfirmed)} arrived"
                )
        if self._dirty:
            self._resynchronise(command)
        self._wait_up_to(timeout, command)

    def _holds_input(self, command: str) -> bool:
        """Return whether something waits to be read, as far as the channel can tell."""
        if self._listening is None or self.tagged:
            return False
        try:
            return self._listening.bytes_in_buffer > 0
        except FAILURES as error:
            self._dirty = True
            raise self._failure(command, error) from error

    def _recover(self, command: str, error: LinkError, once: bool, timeout: float | None) -> None:
        """Make ready for asking again, or raise where that would do harm or hide that a command was lost."""
        if self._unconfirmed is not None:
            lost = LinkError if not isinstance(error, SilenceError) else SilenceError
            raise lost(f"{error}; it is unknown whether {brief(self._unconfirmed)} arrived") from error
        if once or isinstance(error, SilenceError):
            raise error
        try:
            self._restore()
        except LinkError as second:
            raise LinkError(f"{error}; it does not come back: {second}") from second
        self._wait_up_to(timeout, command)

    def _resynchronise(self, command: str) -> None:
        """Restore the link before `command` is sent."""
        try:
            self._restore()
        except LinkError as error:
            raise type(error)(f"{error}; {brief(command)} was not sent") from error

    def _restore(self) -> None:
        """Reconnect, exchange tokens and identify: another instrument may have the address by then."""
        self._reconnect()
        self._exchange_token(())
        if self._identity is not None:
            self._read_until((), IDENTIFY, self._identity.__eq__)
        if self._holds_input("the token"):
            raise self.garbled("the token", "its answer and more")

    def _reconnect(self) -> None:
        if self._closed:
            raise LinkError(f"{self.name} at {self.address}: the link is closed")
        self._dirty = True
        with suppress(*FAILURES):
            self._channel.close()
        self._channel = self._opened()

    def _opened(self) -> Channel:
        try:
            channel = self._connect()
        except LinkError as error:
            raise LinkError(f"{self.name}: {error}") from error
        self._timeout: float | None = None
        self._listening = cast("Listening", channel) if hasattr(type(channel), "bytes_in_buffer") else None
        return channel

    def _wait_up_to(self, timeout: float | None, command: str) -> None:
        """Set how long to wait for answers (s); None stands for the channel's own time."""
        if timeout == self._timeout:
            return
        channel: Any = self._channel
        try:
            if self._timeout is None:
                self._usual_timeout = channel.timeout
            channel.timeout = self._usual_timeout if timeout is None else 1000 * timeout
        except FAILURES as error:
            self._dirty = True
            raise self._failure(command, error) from error
        self._timeout = timeout

    def _exchange_token(self, first: Sequence[str]) -> None:
        """Send `first` and two tokens: the answer to the first one may be left over from a process that died."""
        self.has_set = True
        for commands in (first, ()):
            pair = next(self._numbers), next(self._numbers)
            answer = "{};{}".format(*pair)
            # An old answer that was cut off may stand right before the token's, and instruments that separate answers
            # with "; " comply with IEEE 488.2, too.
            self._read_until(
                commands, self._token.format(*pair), lambda line, answer=answer: _packed(line).endswith(answer)
            )

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
        return link_failure(f"{self.name} at {self.address}", command, error, consequence)


def _packed(line: str) -> str:
    return line.replace(" ", "")
