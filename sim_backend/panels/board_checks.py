"""What is wrong with a request's arguments, in the order of the wire specification's rule 5.

Each function takes a payload and returns what it says, or raises a `Refusal`: first the length, then the scalar
arguments, then the list, entry by entry. Nothing here depends on the board's state but the read scheme.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from labctl import messages
from labctl.board_data import Cell, ComplianceAction, ReadScheme, WriteScheme
from labctl.messages import PayloadError
from labctl.wire import WHOLE_REQUEST, ErrorCode
from sim_backend.panels import board_facts as facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from labctl.messages import Entries, PulseReadRequest, ReadRequest

_T = TypeVar("_T")


class Refusal(Exception):  # noqa: N818 - the board's word: a refused request is no failure of the board
    """A request that the board does not carry out.

    Args:
        code: why.
        text: why, for people.
        entry: index of the list entry that is to blame, 0xFFFF where none is.
    """

    def __init__(self, code: ErrorCode, text: str, entry: int = WHOLE_REQUEST) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.entry = entry


def unpacked(unpack: Callable[[bytes], _T], payload: bytes) -> _T:
    """Return what `unpack` makes of `payload`.

    Raises:
        Refusal: BAD_LENGTH.
    """
    try:
        return unpack(payload)
    except PayloadError as error:
        raise Refusal(ErrorCode.BAD_LENGTH, str(error)) from None


def nothing(payload: bytes) -> None:
    """Take the payload of a request that has none."""
    if payload:
        raise Refusal(ErrorCode.BAD_LENGTH, f"no bytes expected, {len(payload)} found")


def period(payload: bytes) -> int:
    """Return the watchdog period of ARM, in ms."""
    milliseconds = unpacked(messages.unpack_arm, payload)
    if milliseconds != 0 and not facts.PERIOD_MIN <= milliseconds <= facts.PERIOD_MAX:
        raise _range(f"a period is 0 or {facts.PERIOD_MIN}..{facts.PERIOD_MAX} ms, not {milliseconds} ms")
    return milliseconds


def schemes(payload: bytes) -> tuple[WriteScheme, ReadScheme]:
    """Return the schemes of SCHEME."""
    write, read = unpacked(messages.unpack_scheme, payload)
    try:
        return WriteScheme(write), ReadScheme(read)
    except ValueError as error:
        raise Refusal(ErrorCode.BAD_ARGUMENT, str(error)) from None


def compliance(payload: bytes) -> tuple[float, ComplianceAction]:
    """Return the limit (A) and the action of COMPLIANCE."""
    limit, action = unpacked(messages.unpack_compliance, payload)
    if not 0 < limit <= facts.LINE_LIMIT:
        raise _range(f"a limit is above 0 and at most {facts.LINE_LIMIT} A, not {limit} A")
    try:
        return limit, ComplianceAction(action)
    except ValueError as error:
        raise Refusal(ErrorCode.BAD_ARGUMENT, str(error)) from None


def cell(payload: bytes, shape: tuple[int, int]) -> Cell:
    """Return the cell of ROUTE on a die of `shape` (rows, columns)."""
    where = unpacked(messages.unpack_cell, payload)
    if where.row >= shape[0] or where.column >= shape[1]:
        raise Refusal(ErrorCode.NO_SUCH_CELL, _no_such_cell(where.row, where.column, shape))
    return where


def read(payload: bytes, shape: tuple[int, int], scheme: ReadScheme) -> ReadRequest:
    """Return the arguments of READ on a die of `shape` under a read scheme."""
    request = unpacked(messages.unpack_read, payload)
    _reading(request.voltage, request.averages, scheme)
    _length(len(request.row), facts.READ_ENTRIES)
    _entries((request.row >= shape[0]) | (request.column >= shape[1]), None, request.row, request.column, shape)
    return request


def pulses(payload: bytes, shape: tuple[int, int]) -> Entries:
    """Return the list of PULSE on a die of `shape`."""
    entries = unpacked(messages.unpack_entries, payload)
    _length(len(entries), facts.READ_ENTRIES)
    _trains(entries, shape)
    return entries


def pulse_read(payload: bytes, shape: tuple[int, int], scheme: ReadScheme) -> PulseReadRequest:
    """Return the arguments of PULSE_READ on a die of `shape` under a read scheme."""
    request = unpacked(messages.unpack_pulse_read, payload)
    _reading(request.voltage, request.averages, scheme)
    _length(len(request.entries), facts.PULSE_READ_ENTRIES)
    _trains(request.entries, shape)
    return request


def _reading(voltage: int, averages: int, scheme: ReadScheme) -> None:
    """Check a read voltage (uV) and a number of samples."""
    if abs(voltage) > facts.READ_LIMIT:
        raise _range(f"a read voltage is at most {facts.READ_LIMIT} uV, not {voltage} uV")
    if scheme is ReadScheme.REVERSE and voltage <= 0:
        raise _range(f"under the reverse scheme a read voltage is positive, not {voltage} uV")
    if not 1 <= averages <= facts.AVERAGES_MAX:
        raise _range(f"averages are 1..{facts.AVERAGES_MAX}, not {averages}")


def _length(found: int, most: int) -> None:
    if not 1 <= found <= most:
        raise _range(f"a list has 1..{most} entries, not {found}")


def _trains(entries: Entries, shape: tuple[int, int]) -> None:
    """Check pulse entries one after the other."""
    foreign = (entries.row >= shape[0]) | (entries.column >= shape[1])
    outside = (
        (np.abs(entries.amplitude) > facts.VOLTAGE_MAX)
        | (entries.width < facts.WIDTH_MIN)
        | (entries.width > facts.WIDTH_MAX)
        | (entries.count < 1)
        | (entries.count > facts.COUNT_MAX)
    )
    _entries(foreign, outside, entries.row, entries.column, shape)


def _entries(
    foreign: NDArray[np.bool_],
    outside: NDArray[np.bool_] | None,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    shape: tuple[int, int],
) -> None:
    """Refuse the first entry that is on no cell (`foreign`) or out of range (`outside`), in this order for each."""
    wrong = foreign if outside is None else foreign | outside
    if not wrong.any():
        return
    index = int(wrong.argmax())
    if foreign[index]:
        text = _no_such_cell(int(row[index]), int(column[index]), shape)
        raise Refusal(ErrorCode.NO_SUCH_CELL, text, index)
    raise Refusal(
        ErrorCode.RANGE,
        f"a pulse has at most {facts.VOLTAGE_MAX} uV, {facts.WIDTH_MIN}..{facts.WIDTH_MAX} ns, "
        f"and stands 1..{facts.COUNT_MAX} times",
        index,
    )


def _no_such_cell(row: int, column: int, shape: tuple[int, int]) -> str:
    return f"row {row}, column {column} is not on a die of {shape[0]} x {shape[1]}"


def _range(text: str) -> Refusal:
    return Refusal(ErrorCode.RANGE, text)
