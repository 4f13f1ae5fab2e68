"""What a link says when it fails: which instrument, where, at which command, and what to check."""

from __future__ import annotations

from typing import Final

from pyvisa import errors as visa_errors
from pyvisa.constants import StatusCode

from drivers.scpi_text import shown
from labctl.errors import LinkError

COMMAND_MAX: Final = 300
"""Characters of a command that a message shows."""


class SilenceError(LinkError):
    """The instrument did not answer within the time-out."""


def link_failure(where: str, command: str, error: Exception, consequence: str = "") -> LinkError:
    """Return the error that says what failed.

    Args:
        where: the instrument's name and address.
        command: what was sent last, or was to be.
        error: what the channel raised.
        consequence: what follows from it, from its semicolon on.
    """
    if isinstance(error, visa_errors.VisaIOError) and error.error_code == StatusCode.error_timeout:
        return SilenceError(
            f"{where}: no answer to {brief(command)} in time; check power, cable and address{consequence}"
        )
    reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return LinkError(
        f"{where}: the link failed at {brief(command)} ({reason}); check address, cable, power{consequence}"
    )


def brief(command: str) -> str:
    """Return a command as a message shows it."""
    return shown(command, COMMAND_MAX)
