"""The error queue that SCPI instruments share."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        reply = link.query(_NEXT)
        try:
            entry = parse_error(reply)
        except ValueError:
            raise link.garbled(_NEXT, reply) from None
        if entry.code == 0:
            break
        errors.append(str(entry))
    return errors
