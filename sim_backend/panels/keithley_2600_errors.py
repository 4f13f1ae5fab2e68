"""Errors of the 2600B: numbers, texts, severities and the queue that keeps them.

Source: Series 2600B reference manual, error summary list, as public drivers reproduce it (assumption: the capitals of
802, and the text of an empty queue, which other pages of the manual call "No Error"). An error does not stop a script,
except a runtime error of Lua itself (2600 reference manual, p. B-2).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from sim_backend.panels.scpi_errors import StandardEvent, standard_event

QUEUE_CAPACITY: Final = 100
"""Entries; one more is an overflow (assumption)."""
SYNTAX: Final = -285
RUNTIME: Final = -286

_TEXTS: Final = {
    -430: "Query DEADLOCKED",
    -420: "Query UNTERMINATED",
    -410: "Query INTERRUPTED",
    -363: "Input buffer over-run",
    -350: "Queue overflow",
    -310: "System error",
    -292: "Referenced name does not exist",
    -286: "TSP Runtime error",
    -285: "TSP Syntax error",
    -282: "Illegal program name",
    -281: "Cannot create program",
    -225: "Out of memory or TSP memory allocation error",
    -224: "Illegal parameter value",
    -223: "Too much data",
    -222: "Parameter data out of range",
    -221: "Settings conflict",
    -220: "Parameter error",
    -154: "String too long",
    -109: "Missing parameter",
    -108: "Parameter not allowed",
    -104: "Data type error",
    0: "Queue Is Empty",
    802: "Output blocked by interlock",
    1100: "Command unavailable",
    1101: "Parameter too big",
    1102: "Parameter too small",
    1103: "Min greater than max",
    1400: "Expected at least %d parameters",
    1401: "Parameter %d is invalid",
    1404: "Invalid byte order",
    1405: "Invalid ASCII precision",
    1406: "Invalid data format",
    4900: "Reading buffer index %s is invalid",
    4903: "Reading buffer expired",
    5005: "Value too big for range",
    5007: "Operation would exceed safe operating area of the instrument",
    5008: "Operation not permitted while output is on",
    5025: "Cannot set filter.count > 1 when measure.count > 1",
    5028: "Cannot perform requested operation while source autorange is enabled",
    5032: "Cannot change this setting unless buffer is cleared",
    5038: "Index exceeds maximum reading",
    5040: "Cannot use same reading buffer for multiple overlapped measurements",
    5042: "Invalid while overlapped measure",
    5052: "Interlock engaged; system stabilizing",
    5059: "trigger.source.action enabled without configuration",
    5060: "trigger.measure.action enabled without configuration",
    5061: "Operation not permitted while OUTPUT is off",
}
_CHANNEL_CODES: Final = range(5000, 5100)
"""Errors whose text begins with the channel's name, as in `SMU A: ...` (seen on a real instrument for 5028)."""


class Severity(IntEnum):
    """How bad an error is."""

    NONE = 0
    INFORMATIONAL = 10
    RECOVERABLE = 20
    SERIOUS = 30
    FATAL = 40


class TspError(Exception):
    """An instrument error that a command causes: it goes to the queue, and the script goes on.

    Args:
        code: its number.
        detail: what its text has in place of `%d` or `%s`.
        channel: letter of the channel that it is about.
        text: whole text, where it is not the listed one.
    """

    def __init__(self, code: int, detail: object = "", channel: str = "", text: str | None = None) -> None:
        listed = _TEXTS[code].replace("%d", str(detail)).replace("%s", str(detail))
        self.code = code
        self.channel = channel
        self._text = listed if text is None else text
        super().__init__(code, self._text)

    @property
    def text(self) -> str:
        """The text that the queue keeps."""
        prefix = f"SMU {self.channel.upper()}: " if self.channel and self.code in _CHANNEL_CODES else ""
        return prefix + self._text


@dataclass(frozen=True, slots=True)
class Entry:
    """One error in the queue."""

    code: int
    text: str
    severity: Severity


EMPTY: Final = Entry(0, _TEXTS[0], Severity.NONE)


class ErrorQueue:
    """Errors in the order in which they happened, and the bits of the standard event register they set."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self.standard = StandardEvent.POWER_ON
        self.unshown: list[Entry] = []
        """Entries since somebody last emptied this list, for `localnode.showerrors`."""

    def __len__(self) -> int:
        return len(self._entries)

    def post(self, error: TspError) -> None:
        """Write an error down; a full queue keeps its oldest entries and ends with an overflow."""
        entry = Entry(error.code, error.text, Severity.RECOVERABLE)
        if len(self._entries) < QUEUE_CAPACITY:
            self._entries.append(entry)
        else:
            self._entries[-1] = Entry(-350, _TEXTS[-350], Severity.RECOVERABLE)
        if len(self.unshown) < QUEUE_CAPACITY:
            self.unshown.append(entry)
        self.standard |= standard_event(error.code)

    def next(self) -> Entry:
        """Return and forget the oldest entry; of an empty queue the entry that says so."""
        return self._entries.popleft() if self._entries else EMPTY

    def clear(self) -> None:
        """Forget every entry."""
        self._entries.clear()
