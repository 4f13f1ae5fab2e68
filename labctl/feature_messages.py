"""Payloads of the probe board's further operations: products, self-test, temperature, calibration.

Wire units are whole microvolts and nanoseconds. `unpack` functions raise `PayloadError` for a payload of a wrong
length; what the values mean is not judged here.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import Coding, Coefficients, Direction, SelfTest
from labctl.messages import PayloadError
from labctl.wire import CALIBRATION_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.board_features import ProductSetup

_MULTIPLY = struct.Struct("<BBHHiiI")
_TEMPERATURE = struct.Struct("<i")
_TEST = struct.Struct("<BBd")
_LINES = struct.Struct("<BHH")
_WRITE = struct.Struct("<IBHH")
_PAIR = np.dtype([("gain", "<f8"), ("offset", "<f8")])
IDENTITY = 32
"""Bytes of the identity of all coefficients: SHA-256."""


@dataclass(frozen=True, slots=True, eq=False)
class MultiplyRequest:
    """MULTIPLY in wire units; coding and direction are plain numbers, for a foreign host may send any.

    Args:
        coding: 0 amplitude, 1 width.
        direction: 0 rows in, 1 columns in.
        averages: slots.
        count: vectors.
        floor: in uV.
        voltage: in uV.
        slot: in ns.
        values: of the inputs, in uV or ns, one vector after the other, shape (count * inputs,).
    """

    coding: int
    direction: int
    averages: int
    count: int
    floor: int
    voltage: int
    slot: int
    values: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LinesRequest:
    """CALIBRATION_READ: the readers that are asked for."""

    direction: int
    first: int
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationRequest:
    """CALIBRATION_WRITE: key, readers and their coefficients, of shape (count,) (offset in A)."""

    key: int
    lines: LinesRequest
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]


def pack_multiply(inputs: NDArray[np.float64], setup: ProductSetup) -> bytes:
    """Pack MULTIPLY; `inputs` has shape (n, inputs), in V or s by the coding."""
    amplitude = setup.coding is Coding.AMPLITUDE
    head = _MULTIPLY.pack(
        setup.coding,
        setup.direction,
        setup.averages,
        len(inputs),
        round(setup.floor * 1e6),
        round(setup.voltage * 1e6),
        round(setup.slot * 1e9),
    )
    values = np.rint(inputs * (1e6 if amplitude else 1e9))
    return head + values.astype("<i4" if amplitude else "<u4").tobytes()


def unpack_multiply(payload: bytes, rows: int, columns: int) -> MultiplyRequest:
    """Return the arguments of MULTIPLY on an array of `rows` x `columns`.

    With a direction that there is not, a length that fits either one is right.
    """
    if len(payload) < _MULTIPLY.size:
        raise PayloadError(f"at least {_MULTIPLY.size} bytes expected, {len(payload)} found")
    coding, direction, averages, count, floor, voltage, slot = _MULTIPLY.unpack_from(payload)
    inputs = {Direction.ROWS_IN: (rows,), Direction.COLUMNS_IN: (columns,)}.get(direction, (rows, columns))
    expected = [_MULTIPLY.size + 4 * count * lines for lines in inputs]
    if len(payload) not in expected:
        raise PayloadError(f"{expected[0]} bytes expected, {len(payload)} found")
    kind = "<u4" if coding == Coding.WIDTH else "<i4"
    values = np.frombuffer(payload, kind, offset=_MULTIPLY.size).astype(np.int64)
    return MultiplyRequest(coding, direction, averages, count, floor, voltage, slot, values)


def pack_temperature(temperature: float) -> bytes:
    """Pack the answer to TEMPERATURE; `temperature` in degC."""
    return _TEMPERATURE.pack(round(temperature * 1e3))


def unpack_temperature(payload: bytes) -> float:
    """Return the answer to TEMPERATURE, in degC."""
    if len(payload) != _TEMPERATURE.size:
        raise PayloadError(f"{_TEMPERATURE.size} bytes expected, {len(payload)} found")
    return float(_TEMPERATURE.unpack(payload)[0]) / 1e3


def pack_tests(tests: Sequence[SelfTest]) -> bytes:
    """Pack the answer to SELFTEST."""
    return bytes([len(tests)]) + b"".join(_TEST.pack(test.number, test.passed, test.value) for test in tests)


def unpack_tests(payload: bytes) -> list[SelfTest]:
    """Return the answer to SELFTEST."""
    if not payload or len(payload) != 1 + payload[0] * _TEST.size:
        raise PayloadError(f"{len(payload)} bytes hold no list of tests")
    return [SelfTest(number, bool(passed), value) for number, passed, value in _TEST.iter_unpack(payload[1:])]


def pack_lines(direction: int, first: int, count: int) -> bytes:
    """Pack CALIBRATION_READ."""
    return _LINES.pack(direction, first, count)


def unpack_lines(payload: bytes) -> LinesRequest:
    """Return the arguments of CALIBRATION_READ."""
    if len(payload) != _LINES.size:
        raise PayloadError(f"{_LINES.size} bytes expected, {len(payload)} found")
    return LinesRequest(*_LINES.unpack(payload))


def pack_calibration(direction: int, first: int, gain: NDArray[np.float64], offset: NDArray[np.float64]) -> bytes:
    """Pack CALIBRATION_WRITE, with its key; `gain` and `offset` (A) have shape (n,)."""
    return _WRITE.pack(CALIBRATION_KEY, direction, first, len(gain)) + pack_pairs(gain, offset)


def unpack_calibration(payload: bytes) -> CalibrationRequest:
    """Return the arguments of CALIBRATION_WRITE."""
    if len(payload) < _WRITE.size:
        raise PayloadError(f"at least {_WRITE.size} bytes expected, {len(payload)} found")
    key, direction, first, count = _WRITE.unpack_from(payload)
    gain, offset = _unpack_pairs(payload[_WRITE.size :], count)
    return CalibrationRequest(key, LinesRequest(direction, first, count), gain, offset)


def unpack_coefficients(payload: bytes, count: int) -> Coefficients:
    """Return the answer to CALIBRATION_READ of `count` lines."""
    gain, offset = _unpack_pairs(payload[:-IDENTITY], count)
    return Coefficients(gain, offset, payload[-IDENTITY:].hex())


def unpack_identity(payload: bytes) -> str:
    """Return the answer to CALIBRATION_WRITE, in hexadecimal."""
    if len(payload) != IDENTITY:
        raise PayloadError(f"{IDENTITY} bytes expected, {len(payload)} found")
    return payload.hex()


def pack_pairs(gain: NDArray[np.float64], offset: NDArray[np.float64]) -> bytes:
    """Pack coefficients, each line's gain and then its offset (A); arrays of shape (n,)."""
    pairs = np.empty(len(gain), _PAIR)
    pairs["gain"], pairs["offset"] = gain, offset
    return pairs.tobytes()


def identity_of(*pairs: bytes) -> bytes:
    """Return the identity of all coefficients: of the columns' readers first, then the rows', as `pack_pairs` packs."""
    return hashlib.sha256(b"".join(pairs)).digest()


def _unpack_pairs(data: bytes, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(data) != count * _PAIR.itemsize:
        raise PayloadError(f"{count * _PAIR.itemsize} bytes expected for {count} lines, {len(data)} found")
    pairs = np.frombuffer(data, _PAIR, count)
    return pairs["gain"].astype(np.float64), pairs["offset"].astype(np.float64)
