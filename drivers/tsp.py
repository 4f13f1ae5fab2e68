"""The link to a Keithley instrument that speaks TSP, which is Lua: every query carries a number and its answer twice.

A TSP instrument answers nothing by itself; `print` does. So each query prints a number of its own, what was asked for,
and both once more. An answer that is late, cut, merged with another or has a byte too many is therefore seen, on any
line, and an older one is read over. What a link does after a failure is in `drivers/scpi.py`.

Commands name the channel as the makers' manuals do, `smuX`; the link puts in which one it is.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

from drivers.knobs import Knob
from drivers.scpi import ScpiLink
from drivers.scpi_text import decode_number, shown
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drivers.scpi import Channel

T = TypeVar("T")

TOKEN = 'print("{0};{1}")'  # noqa: S105 (not a secret)
"""A message that is answered with `{0};{1}`."""
ABORT = "abort"
"""Ends a script or command under way (2600B reference manual, "TSP programming fundamentals")."""
LEAVE_SCRIPT = (ABORT, "endscript", ABORT)
"""Gets out of a `loadscript` or `loadandrunscript` whose sender died half way through.

Assumption, for the manual does not say whether `abort` is heard while a script is being loaded: if it is, `endscript`
is a command without sense, which is refused; if it is not, the word `abort` is a line of the script that does not
compile, so that `endscript` runs nothing."""


class TspLink(ScpiLink):
    """A locked and self-synchronising link to one channel of a TSP instrument.

    `query` and `query_values` take Lua expressions, separated by commas, that may be evaluated twice;
    `query_block` takes a call of `printbuffer`.

    Args:
        connect: opens the channel, its read termination set to a line feed; called again after a failure.
        name: the instrument's name in the bench file, for messages.
        address: where it is, for messages.
        smu: the channel's name, "smua" or "smub".

    Raises:
        LinkError: if `connect` does.
    """

    tagged = True

    def __init__(self, connect: Callable[[], Channel], name: str, address: str, smu: str) -> None:
        super().__init__(connect, name, address, token=TOKEN)
        self.smu = smu
        self._tags = (f"<{number}>" for number in itertools.cycle(range(1000, 10_000)))

    @override
    def write(self, command: str) -> None:
        super().write(self._named(command))

    @override
    def query_values(self, command: str, *, once: bool = False, timeout: float | None = None) -> list[float]:
        reply = self.query(command, once=once, timeout=timeout)
        try:
            return [decode_number(field) for field in reply.split("\t")]
        except ValueError:
            raise self.garbled(command, reply) from None

    @override
    def send_urgently(self, commands: Sequence[str]) -> None:
        """Abort what is under way, get commands through that are harmless to repeat, and synchronise.

        An instrument that does not answer is taken for one that waits for the end of a script.

        Raises:
            LinkError: if it cannot be confirmed that they arrived.
        """
        with self._lock:
            try:
                # The first line may be lost: half a command that a killed process left behind spoils what is sent next.
                self.synchronise((ABORT, ABORT, *commands))
            except LinkError:
                self._reconnect()
                self._exchange_token((*LEAVE_SCRIPT, *commands))

    def leave_script(self) -> None:
        """Abort what is under way, a script that is being loaded included, and synchronise; nothing is set.

        Raises:
            LinkError: if the instrument does not answer.
        """
        with self._lock:
            self._reconnect()
            self._exchange_token((ABORT, *LEAVE_SCRIPT))

    @override
    def garbled(self, command: str, reply: str | bytes) -> LinkError:
        return super().garbled(self._named(command), reply)

    def _named(self, command: str) -> str:
        return command.replace("smuX", self.smu)

    @override
    def _ask(self, command: str) -> str:
        tag = next(self._tags)
        unconfirmed = self._unconfirmed
        reply = self._read_until((), f'print("{tag}", {command}, "{tag}", {command})', lambda line: tag in line)
        fields = reply.split("\t")
        half = len(fields) // 2
        if len(fields) % 2 or fields[:half] != fields[half:] or fields[0] != tag or half < 2:
            self._unconfirmed = unconfirmed  # a damaged answer confirms nothing
            raise self.garbled(command, reply)
        return "\t".join(fields[1:half])

    @override
    def _ask_block(self, command: str, size: int) -> bytes:
        """Return a block's data; the query's number stands in a line of its own before it."""
        tag = next(self._tags)
        self._read_until((), f'print("{tag}") {command}', lambda line: line.endswith(tag))
        return self._read_block(command, size)

    @override
    def _read_until(self, first: Sequence[str], command: str, accept: Callable[[str], bool]) -> str:
        return super()._read_until([self._named(text) for text in first], self._named(command), accept)


def constant(attribute: str, names: Mapping[T, tuple[str, int]], what: str, confirm: bool = False) -> Knob[T]:
    """Return a knob for an attribute that holds one of the instrument's named constants.

    Args:
        attribute: as in "smuX.sense".
        names: for each value, the constant's name without its table, and the number that it reads as.
        what: the setting, as in "off mode".
        confirm: read each value back after it is set.
    """
    table = attribute.partition(".")[0]
    numbers = {float(number): value for value, (_, number) in names.items()}
    commands = {value: f"{attribute} = {table}.{name}" for value, (name, _) in names.items()}

    def encode(value: T) -> str:
        if value in commands:
            return commands[value]
        raise ValueError(f"the {what} {value!r} is none of {', '.join(map(str, names))}")

    def decode(reply: str) -> T:
        number = decode_number(reply)
        if number in numbers:
            return numbers[number]
        raise ValueError(f"{shown(reply)} is none of {', '.join(map(str, numbers))}")

    doc = f"Control the {what} ({', '.join(map(str, names))})."
    return Knob(attribute, encode, decode, _equal, what, "", doc, confirm)


def _equal(found: object, wanted: object) -> bool:
    return found == wanted
