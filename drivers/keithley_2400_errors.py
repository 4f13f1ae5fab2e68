"""The error queue of a Keithley 2400, and how its troubles are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers import failures
from drivers.scpi_errors import read_error_queue

if TYPE_CHECKING:
    from drivers.scpi import ScpiLink

ERRORS_MAX = 100
"""More entries than the queue holds, which are ten."""


def read_errors(link: ScpiLink) -> list[str]:
    """Return and clear the entries of the error queue, oldest first.

    Raises:
        LinkError: if an answer is not an entry.
    """
    return read_error_queue(link, ERRORS_MAX)


def raise_errors(link: ScpiLink, what: str) -> None:
    """Read the error queue.

    Raises:
        RefusedError: if there is anything in it; begins with `what`.
    """
    failures.raise_errors(link, read_errors(link), what)


def why_off(link: ScpiLink) -> str:
    """Return why the output may be off, in the instrument's words if it has any."""
    if errors := read_errors(link):
        return "; ".join(errors)
    # The second query sounds inverted: 1 says that the line is not tripped.
    if link.query(":OUTP:ENAB?").strip() == "1" and link.query(":OUTP:ENAB:TRIP?").strip() == "0":
        return "the output-enable line is open; close the interlock"
    return "no error is given; check front panel, temperature and power"
