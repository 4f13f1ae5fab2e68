"""Queries with a number that their answer must begin with: no other answer is taken for theirs.

The number goes through the event enable register, which labctl does not use. An answer that is late, repeated, merged
with another, or that belongs to another query, shows by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.scpi import ScpiLink


def ask_tagged(link: ScpiLink, query: str, *, once: bool = False) -> str:
    """Send a query with a number and return its answer without the number.

    Args:
        link: to the instrument.
        query: the query, or several that make one message.
        once: whether it must never be asked twice, as in `ScpiLink.query`.

    Raises:
        LinkError: if there is no answer, or one that does not begin with the number.
    """
    tag = next(link.tags)
    message = f"*ESE {tag};*ESE?;{query}"
    reply = link.query(message, once=once)
    found, _, answer = reply.partition(";")
    if found.strip(" ") not in _spellings(tag):
        raise link.garbled(message, reply)
    return answer.lstrip(" ")


def _spellings(number: int) -> tuple[str, ...]:
    """Return how instruments write what a register holds; the 2400 family in other bases, too, if a user chose that."""
    return f"{number}", f"+{number}", f"#H{number:X}", f"#Q{number:o}", f"#B{number:b}"
