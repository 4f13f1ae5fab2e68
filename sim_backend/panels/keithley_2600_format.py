"""How the 2600B writes numbers for the host: `print`, `printnumber`, `printbuffer` and the `format` table."""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_buffer_tree import column_of
from sim_backend.panels.keithley_2600_buffers import OVERFLOW
from sim_backend.panels.keithley_2600_errors import QUEUE_CAPACITY, TspError
from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Node, check_choice, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sim_backend.panels.keithley_2600_nodes import Argument, Handler

ASCII, REAL32, REAL64 = 1, 2, 3
BIG_ENDIAN, LITTLE_ENDIAN = 0, 1
MOST_VALUES: Final = 1_000_000
"""Numbers of one reply (assumption: the twin's own bound)."""
_CONSTANTS: Final = {
    "ASCII": ASCII, "SREAL": REAL32, "REAL32": REAL32, "REAL": REAL64, "REAL64": REAL64, "DREAL": REAL64,
    "NORMAL": BIG_ENDIAN, "NETWORK": BIG_ENDIAN, "BIGENDIAN": BIG_ENDIAN,
    "SWAPPED": LITTLE_ENDIAN, "LITTLEENDIAN": LITTLE_ENDIAN,
}  # fmt: skip
_REACH: Final = 3.4028234663852886e38
"""Largest number of the single precision."""


@dataclass(slots=True)
class Format:
    """Settings of the `format` table; little-endian after a reset (Rev. B p. 7-93)."""

    precision: float = 6.0
    data: int = ASCII
    order: int = LITTLE_ENDIAN

    def reset(self) -> None:
        """Return to the defaults."""
        defaults = Format()
        for entry in fields(self):
            setattr(self, entry.name, getattr(defaults, entry.name))

    def number(self, value: float) -> str:
        """Return a number as `print` writes it, whatever the data format."""
        return f"{value:.{int(self.precision) - 1}e}"

    def values(self, values: Sequence[float]) -> bytes:
        """Return numbers as `printnumber` and `printbuffer` write them: a list, or a block of unknown length."""
        if self.data == ASCII:
            return ", ".join(map(self.number, values)).encode()
        order = "<" if self.order == LITTLE_ENDIAN else ">"
        if self.data == REAL32:
            values = [value if not abs(value) > _REACH else value * float("inf") for value in values]
        return b"#0" + struct.pack(f"{order}{len(values)}{'f' if self.data == REAL32 else 'd'}", *values)


def format_tree(settings: Format) -> Node:
    """Return the node of the `format` table."""

    def put(name: str, choices: Sequence[float], code: int) -> Callable[[Argument], None]:
        return lambda value: setattr(settings, name, check_choice(value, choices, code))

    return Node(
        {
            "asciiprecision": Attribute(lambda: settings.precision, put("precision", range(1, 17), 1405)),
            "data": Attribute(lambda: float(settings.data), put("data", (ASCII, REAL32, REAL64), 1406)),
            "byteorder": Attribute(lambda: float(settings.order), put("order", (BIG_ENDIAN, LITTLE_ENDIAN), 1404)),
        },
        constants={name: float(value) for name, value in _CONSTANTS.items()},
    )


def print_functions(
    settings: Format, send: Callable[[bytes], None], fail: Callable[[TspError], None]
) -> dict[str, Handler]:
    """Return `print`, `printnumber` and `printbuffer`; each sends one message."""

    def print_(arguments: Arguments) -> None:
        texts = (
            value if isinstance(value, str) else settings.number(number_or_nan(value)) for value in arguments.values
        )
        send("\t".join(texts).encode("latin-1", "replace"))

    def print_number(arguments: Arguments) -> None:
        if not len(arguments):
            raise TspError(1400, 1)
        send(settings.values([number_of(value) for value in arguments.values]))

    def print_buffer(arguments: Arguments) -> None:
        if len(arguments) < 3:
            raise TspError(1400, 3)
        first, last = int(arguments.number(0)), int(arguments.number(1))
        columns = [column_of(value) for value in arguments.values[2:]]
        found = [column for column in columns if column is not None]
        if len(found) != len(columns):
            raise TspError(1401, 3 + columns.index(None))
        if first < 1 or last < first or (last - first + 1) * len(found) > MOST_VALUES:
            raise TspError(4900, first if first < 1 else last)
        # Each place without a reading is an error; those beyond what the error queue holds change nothing any more.
        longest = max(len(column.buffer.readings) for column in found)
        told = min(last, max(longest, first - 1) + QUEUE_CAPACITY + 1)
        values = [column.printed(place, fail) for place in range(first, told + 1) for column in found]
        send(settings.values(values + [OVERFLOW] * ((last - told) * len(found))))

    return {"print": print_, "printnumber": print_number, "printbuffer": print_buffer}


def number_or_nan(value: Argument) -> float:
    """Return what is a number, else not-a-number."""
    return float(value) if isinstance(value, (bool, float, int)) else float("nan")
