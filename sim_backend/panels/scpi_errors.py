"""The errors that an instrument of the SCPI family reports, and the status bit that each sets."""

from __future__ import annotations

from enum import IntFlag
from typing import Final


class StandardEvent(IntFlag):
    """Bits of the standard event status register (IEEE 488.2, 11.5.1)."""

    OPERATION_COMPLETE = 1
    QUERY_ERROR = 4
    DEVICE_ERROR = 8
    EXECUTION_ERROR = 16
    COMMAND_ERROR = 32
    USER_REQUEST = 64
    POWER_ON = 128


TEXTS: Final[dict[int, str]] = {
    -100: "Command error",
    -101: "Invalid character",
    -102: "Syntax error",
    -104: "Data type error",
    -105: "GET not allowed",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -110: "Command header error",
    -112: "Program mnemonic too long",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -121: "Invalid character in number",
    -123: "Exponent too large",
    -124: "Too many digits",
    -131: "Invalid suffix",
    -138: "Suffix not allowed",
    -151: "Invalid string data",
    -200: "Execution error",
    -213: "Init ignored",
    -220: "Parameter error",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -310: "System error",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    -440: "Query UNTERMINATED after indefinite response",
}
"""Texts of the SCPI 1999 standard; an instrument that words one otherwise gives its own to its event log."""


class ScpiError(Exception):
    """A command cannot be obeyed; the rest of its message is dropped.

    Args:
        code: negative from the SCPI standard, positive from the vendor.
        text: what the event log shows; None for the standard's text.
    """

    def __init__(self, code: int, text: str | None = None) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


def standard_event(code: int) -> StandardEvent:
    """Return the bit of the standard event status register that an error sets, by its class."""
    if -199 <= code <= -100:
        return StandardEvent.COMMAND_ERROR
    if -299 <= code <= -200:
        return StandardEvent.EXECUTION_ERROR
    if -499 <= code <= -400:
        return StandardEvent.QUERY_ERROR
    return StandardEvent.DEVICE_ERROR
