"""The error queue that SCPI instruments share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.scpi_tags import ask_tagged
from drivers.scpi_text import parse_error

if TYPE_CHECKING:
    from drivers.scpi import ScpiLink

ERRORS_MAX = 1000
"""Entries after which a queue is taken for endless; the longest, the 2450's event log, holds so many."""
_NEXT = ":SYST:ERR?"


def read_error_queue(link: ScpiLink, most: int = ERRORS_MAX) -> list[str]:
    """Return and clear the entries of the error queue, oldest first.

    Args:
        link: to the instrument.
        most: entries after which the queue is taken for endless.

    Raises:
        LinkError: if an answer is not an entry.
    """
    errors: list[str] = []
    for _ in range(most):
        # Never twice: an entry whose answer is lost is gone from the queue, and asking again would hide it. The number
        # sets a register: where nothing has been set, nothing is.
        reply = ask_tagged(link, _NEXT, once=True) if link.has_set else link.query(_NEXT, once=True)
        try:
            entry = parse_error(reply)
        except ValueError:
            raise link.garbled(_NEXT, reply) from None
        # SCPI-99, 21.8.1, fixes what an empty queue says: a code that lost its digits is not taken for that.
        if (entry.code == 0) != entry.text.lower().startswith("no error"):
            raise link.garbled(_NEXT, reply)
        if entry.code == 0:
            break
        errors.append(str(entry))
    return errors
