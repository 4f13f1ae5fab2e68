"""What SCPI instruments write: numbers, identities, errors and binary blocks. Text in, values out; no channel.

Every function raises ValueError for what it cannot read; whoever holds the channel turns that into a LinkError.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.instruments import Identity

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPECIAL = 9e37
"""Magnitudes beyond this are messages, not numbers: +-9.9E37 overrange, 9.91E37 not measured (SCPI-99, 7.2.1.4)."""
NOT_MEASURED = 9.91e37
_NOT_MEASURED_TOLERANCE = 1e-4
"""Relative; tells 9.91E37 from 9.9E37 in single precision, too."""
SHOWN_MAX = 80
"""Characters of a reply that a message shows."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_VENDOR = re.compile(r"[A-Za-z]{3}")
_ERROR = re.compile(r'([+-]?[0-9]+)\s*,\s*"([^";]*)')


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One entry of an error queue; code 0 says that the queue is empty."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def decode_number(text: str) -> float:
    """Return the number that `text` is: +-inf for an overrange, NaN for "not measured".

    Raises:
        ValueError: if it is not a decimal number.
    """
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a number") from None
    if -SPECIAL <= value <= SPECIAL and "_" not in text:
        return value
    if _NUMBER.fullmatch(text.strip()) is None:  # "nan", "inf" and "1_0" are numbers to Python alone
        raise ValueError(f"{shown(text)} is not a number")
    return _special(value)


def decode_array(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers of a binary block, any shape, with the special ones decoded as in `decode_number`."""
    decoded = values.copy()
    beyond = np.abs(values) > SPECIAL
    if beyond.any():
        decoded[beyond] = np.copysign(np.inf, values[beyond])
        decoded[np.isclose(values, NOT_MEASURED, rtol=_NOT_MEASURED_TOLERANCE, atol=0)] = np.nan
    return decoded


def _special(value: float) -> float:
    if math.isclose(value, NOT_MEASURED, rel_tol=_NOT_MEASURED_TOLERANCE):
        return math.nan
    return math.copysign(math.inf, value)


def parse_identity(reply: str) -> Identity:
    """Return who says `reply` to `*IDN?`; the word MODEL and blanks around the commas are dropped.

    Raises:
        ValueError: if it has not four fields, of which the first names a vendor.
    """
    fields = [field.strip() for field in reply.split(",", 3)]
    if len(fields) != 4 or _VENDOR.search(fields[0]) is None:
        raise ValueError(f"{shown(reply)} is not vendor, model, serial number and firmware")
    vendor, model, serial, firmware = fields
    if model.upper().startswith("MODEL "):
        model = model[len("MODEL ") :].lstrip()
    return Identity(vendor, model, serial, firmware, reply.strip())


def parse_error(reply: str) -> ErrorEntry:
    """Return the entry that `reply`, an answer to `:SYST:ERR?`, gives; type and time behind a semicolon are dropped.

    Raises:
        ValueError: if it is not a number, a comma and a text.
    """
    match = _ERROR.match(reply.strip())
    if match is None:
        raise ValueError(f"{shown(reply)} is not an entry of an error queue")
    return ErrorEntry(int(match[1]), match[2].strip())


def parse_block_header(data: bytes | bytearray) -> tuple[int, int | None]:
    """Return where the data of an IEEE 488.2 block begin and how many bytes they are; None for a `#0` block.

    Raises:
        ValueError: if `data` does not begin with a block header.
    """
    digits = data[1] - ord("0") if len(data) >= 2 and data[:1] == b"#" else -1
    if not 0 <= digits <= 9:
        raise ValueError(f"{shown(bytes(data))} is not a block")
    if digits == 0:
        return 2, None
    length = bytes(data[2 : 2 + digits])
    if len(length) != digits or not length.isdigit():
        raise ValueError(f"{shown(bytes(data))} is not a block")
    return 2 + digits, int(length)


def shown(text: str | bytes, most: int = SHOWN_MAX) -> str:
    """Return a reply, or a command, as a message shows it: escaped, and cut after `most` characters."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}... ({len(text)} long)"
