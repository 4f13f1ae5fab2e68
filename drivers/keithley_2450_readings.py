"""What a Keithley 2450 says of a measurement. Its numbers have no fixed length, so it is made to say everything twice.

Text in, numbers out; no channel. The functions raise ValueError for what is damaged. `:FETCh?` gives the latest reading
of a buffer once more (2450 reference manual, 2450-901-01, "SCPI command reference").
"""

from __future__ import annotations

from typing import Final

from drivers.scpi_text import decode_number, shown

_WHAT: Final = '"defbuffer1",SOUR,READ,REL,SOURSTAT'
READ: Final = f":READ? {_WHAT};:FETC? {_WHAT}"
"""Measures, and tells the reading twice: source, measurement, time since the buffer's first reading, source status."""
ELEMENTS: Final = 4


def twice(query: str) -> str:
    """Return the message that asks a query twice, which must change nothing."""
    return f"{query};{query}"


def parse_twice(reply: str, count: int) -> list[float]:
    """Return the `count` numbers that a reply says twice; special ones as in `decode_number`.

    Raises:
        ValueError: if it does not say that many numbers, or not the same ones both times.
    """
    first, _, second = reply.partition(";")
    fields = first.split(",")
    if first != second.lstrip(" ") or len(fields) != count:
        raise ValueError(f"{shown(reply)} is not {count} numbers, twice")
    return [decode_number(field) for field in fields]
