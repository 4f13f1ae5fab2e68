"""What the probe board's payloads hold: packing and unpacking, nothing else.

Wire units are whole microvolts, nanovolts, nanoseconds and milliseconds; the values outside are V, A, s, degC.
`unpack` functions raise `PayloadError` for a payload of a wrong length; what the values mean is not judged here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import BoardState, BoardStatus, Capabilities, Cell, Feature, Pulse, Trip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_HELLO = struct.Struct("<I")
_HELLO_REPLY = struct.Struct("<IHIQ")
_CAPABILITIES = struct.Struct("<HHiiIIIIIIHI")
_STATUS = struct.Struct("<BHQIiIQ")
_ARM = struct.Struct("<I")
_SCHEME = struct.Struct("<BB")
_COMPLIANCE = struct.Struct("<dB")
_CELL = struct.Struct("<HH")
_TRIPS = struct.Struct("<H")
_COUNT = struct.Struct("<H")
_READ = struct.Struct("<iHH")
_RECEIPT = struct.Struct("<IQ")
_ERROR = struct.Struct("<HHIQ")
_ENTRY = np.dtype([("row", "<u2"), ("column", "<u2"), ("amplitude", "<i4"), ("width", "<u4"), ("count", "<u4")])
_SATURATED = 1
_IN_COMPLIANCE = 2


class PayloadError(ValueError):
    """A payload has not the length that its operation asks for."""


@dataclass(frozen=True, slots=True)
class HelloReply:
    """Answer to HELLO: the host's nonce, the session, power-ups and pulses so far."""

    nonce: int
    session: int
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Entries:
    """A list of pulse entries in wire units: arrays of shape (n,); amplitude in uV, width in ns."""

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    amplitude: NDArray[np.int64]
    width: NDArray[np.int64]
    count: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """READ: voltage in uV, samples a cell, and the cells as arrays of shape (n,)."""

    voltage: int
    averages: int
    row: NDArray[np.int64]
    column: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PulseReadRequest:
    """PULSE_READ: read voltage in uV, samples a cell, and the pulses."""

    voltage: int
    averages: int
    entries: Entries


@dataclass(frozen=True, slots=True)
class ResultBlock:
    """Currents in A and their flags, each of shape (n,)."""

    current: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    in_compliance: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """Payload of an error: which list entry it concerns, and what was done before it.

    `block` holds the values read so far when a PULSE_READ is broken off by a trip; else it is empty.
    """

    code: int
    entry: int
    executed: int
    delivered: int
    text: str
    block: bytes = b""


def _unpack(layout: struct.Struct, payload: bytes) -> tuple[int, ...]:
    if len(payload) != layout.size:
        raise PayloadError(f"{layout.size} bytes expected, {len(payload)} found")
    return layout.unpack(payload)


def pack_hello(nonce: int) -> bytes:
    """Pack HELLO with the host's nonce."""
    return _HELLO.pack(nonce)


def unpack_hello(payload: bytes) -> int:
    """Return the host's nonce."""
    return _unpack(_HELLO, payload)[0]


def pack_hello_reply(reply: HelloReply) -> bytes:
    """Pack the answer to HELLO."""
    return _HELLO_REPLY.pack(reply.nonce, reply.session, reply.boot, reply.delivered)


def unpack_hello_reply(payload: bytes) -> HelloReply:
    """Return the answer to HELLO."""
    return HelloReply(*_unpack(_HELLO_REPLY, payload))


def pack_capabilities(able: Capabilities) -> bytes:
    """Pack the answer to CAPABILITIES."""
    return _CAPABILITIES.pack(
        able.rows,
        able.columns,
        round(able.v_min * 1e6),
        round(able.v_max * 1e6),
        round(able.read_limit * 1e6),
        round(able.write_step * 1e9),
        round(able.read_step * 1e9),
        round(able.width_min * 1e9),
        round(able.width_max * 1e9),
        able.count_max,
        able.averages_max,
        able.features,
    )


def unpack_capabilities(payload: bytes) -> Capabilities:
    """Return the answer to CAPABILITIES."""
    rows, columns, v_min, v_max, read_limit, write_step, read_step, width_min, width_max, count, averages, features = (
        _unpack(_CAPABILITIES, payload)
    )
    return Capabilities(
        rows=rows,
        columns=columns,
        v_min=v_min / 1e6,
        v_max=v_max / 1e6,
        read_limit=read_limit / 1e6,
        write_step=write_step / 1e9,
        read_step=read_step / 1e9,
        width_min=width_min / 1e9,
        width_max=width_max / 1e9,
        count_max=count,
        averages_max=averages,
        features=Feature(features),
    )


def pack_status(status: BoardStatus) -> bytes:
    """Pack the answer to STATUS."""
    return _STATUS.pack(
        status.state,
        status.trips,
        status.delivered,
        status.boot,
        round(status.temperature * 1e3),
        status.bad_frames,
        int(status.time * 1e6),
    )


def unpack_status(payload: bytes) -> BoardStatus:
    """Return the answer to STATUS."""
    state, trips, delivered, boot, temperature, bad_frames, time = _unpack(_STATUS, payload)
    try:
        known = BoardState(state)
    except ValueError:
        raise PayloadError(f"state {state} is none of SAFE, IDLE, ARMED") from None
    return BoardStatus(known, Trip(trips), delivered, boot, temperature / 1e3, bad_frames, time / 1e6)


def pack_trips(trips: Trip) -> bytes:
    """Pack the answer to CLEAR."""
    return _TRIPS.pack(trips)


def unpack_trips(payload: bytes) -> Trip:
    """Return the answer to CLEAR."""
    return Trip(_unpack(_TRIPS, payload)[0])


def pack_arm(period: float) -> bytes:
    """Pack ARM; `period` in s, whole milliseconds on the wire."""
    return _ARM.pack(round(period * 1e3))


def unpack_arm(payload: bytes) -> int:
    """Return the watchdog period of ARM in ms."""
    return _unpack(_ARM, payload)[0]


def pack_scheme(write: int, read: int) -> bytes:
    """Pack SCHEME."""
    return _SCHEME.pack(write, read)


def unpack_scheme(payload: bytes) -> tuple[int, int]:
    """Return the write and the read scheme as plain numbers."""
    write, read = _unpack(_SCHEME, payload)
    return write, read


def pack_compliance(limit: float, action: int) -> bytes:
    """Pack COMPLIANCE; `limit` in A."""
    return _COMPLIANCE.pack(limit, action)


def unpack_compliance(payload: bytes) -> tuple[float, int]:
    """Return the limit (A) and the action as a plain number."""
    if len(payload) != _COMPLIANCE.size:
        raise PayloadError(f"{_COMPLIANCE.size} bytes expected, {len(payload)} found")
    limit, action = _COMPLIANCE.unpack(payload)
    return float(limit), int(action)


def pack_cell(cell: Cell) -> bytes:
    """Pack ROUTE."""
    return _CELL.pack(cell.row, cell.column)


def unpack_cell(payload: bytes) -> Cell:
    """Return the cell of ROUTE."""
    return Cell(*_unpack(_CELL, payload))


def pack_entries(pulses: Sequence[Pulse]) -> bytes:
    """Pack a counted list of pulses, as PULSE carries it."""
    entries = np.empty(len(pulses), _ENTRY)
    for index, pulse in enumerate(pulses):
        entries[index] = (
            pulse.cell.row,
            pulse.cell.column,
            round(pulse.amplitude * 1e6),
            round(pulse.width * 1e9),
            pulse.count,
        )
    return _COUNT.pack(len(pulses)) + entries.tobytes()


def unpack_entries(payload: bytes) -> Entries:
    """Return the pulses of PULSE."""
    if len(payload) < _COUNT.size:
        raise PayloadError(f"at least {_COUNT.size} bytes expected, {len(payload)} found")
    (count,) = _COUNT.unpack_from(payload)
    return _unpack_entries(payload, _COUNT.size, count)


def _unpack_entries(payload: bytes, offset: int, count: int) -> Entries:
    if len(payload) != offset + count * _ENTRY.itemsize:
        raise PayloadError(f"{offset + count * _ENTRY.itemsize} bytes expected, {len(payload)} found")
    table = np.frombuffer(payload, _ENTRY, count, offset)
    return Entries(*(table[field].astype(np.int64) for field in ("row", "column", "amplitude", "width", "count")))


def pack_read(cells: Sequence[Cell], voltage: float, averages: int) -> bytes:
    """Pack READ; `voltage` in V."""
    lines = np.array([(cell.row, cell.column) for cell in cells], "<u2")
    return _READ.pack(round(voltage * 1e6), averages, len(cells)) + lines.tobytes()


def unpack_read(payload: bytes) -> ReadRequest:
    """Return the arguments of READ."""
    voltage, averages, count = _unpack_read_head(payload)
    if len(payload) != _READ.size + count * _CELL.size:
        raise PayloadError(f"{_READ.size + count * _CELL.size} bytes expected, {len(payload)} found")
    lines = np.frombuffer(payload, "<u2", 2 * count, _READ.size).astype(np.int64).reshape(count, 2)
    return ReadRequest(voltage, averages, lines[:, 0], lines[:, 1])


def pack_pulse_read(pulses: Sequence[Pulse], voltage: float, averages: int) -> bytes:
    """Pack PULSE_READ; `voltage` in V."""
    return _READ.pack(round(voltage * 1e6), averages, len(pulses)) + pack_entries(pulses)[_COUNT.size :]


def unpack_pulse_read(payload: bytes) -> PulseReadRequest:
    """Return the arguments of PULSE_READ."""
    voltage, averages, count = _unpack_read_head(payload)
    return PulseReadRequest(voltage, averages, _unpack_entries(payload, _READ.size, count))


def _unpack_read_head(payload: bytes) -> tuple[int, int, int]:
    if len(payload) < _READ.size:
        raise PayloadError(f"at least {_READ.size} bytes expected, {len(payload)} found")
    voltage, averages, count = _READ.unpack_from(payload)
    return voltage, averages, count


def pack_receipt(executed: int, delivered: int) -> bytes:
    """Pack the answer to PULSE, which also opens the answer to PULSE_READ."""
    return _RECEIPT.pack(executed, delivered)


def unpack_receipt(payload: bytes) -> tuple[int, int]:
    """Return how many entries were executed and the pulse counter."""
    executed, delivered = _unpack(_RECEIPT, payload)
    return executed, delivered


def split_pulse_read_reply(payload: bytes) -> tuple[int, int, ResultBlock]:
    """Return how many entries were executed, the pulse counter and what was read."""
    executed, delivered = unpack_receipt(payload[: _RECEIPT.size])
    return executed, delivered, unpack_block(payload[_RECEIPT.size :], executed)


def pack_block(block: ResultBlock) -> bytes:
    """Pack a result block: n currents, then n flag bytes."""
    flags = block.saturated * np.uint8(_SATURATED) | block.in_compliance * np.uint8(_IN_COMPLIANCE)
    return block.current.astype("<f8").tobytes() + flags.astype(np.uint8).tobytes()


def unpack_block(payload: bytes, count: int) -> ResultBlock:
    """Return the result block of `count` values."""
    if len(payload) != 9 * count:
        raise PayloadError(f"{9 * count} bytes expected for {count} results, {len(payload)} found")
    flags = np.frombuffer(payload, np.uint8, count, 8 * count)
    return ResultBlock(
        np.frombuffer(payload, "<f8", count).astype(np.float64),
        (flags & _SATURATED).astype(np.bool_),
        (flags & _IN_COMPLIANCE).astype(np.bool_),
    )


def pack_error(report: ErrorReport) -> bytes:
    """Pack the payload of an error."""
    head = _ERROR.pack(report.code, report.entry, report.executed, report.delivered)
    return head + report.block + report.text.encode()


def unpack_error(payload: bytes, with_block: bool = False) -> ErrorReport:
    """Return the payload of an error; `with_block` where results of a broken-off PULSE_READ stand before the text."""
    if len(payload) < _ERROR.size:
        raise PayloadError(f"at least {_ERROR.size} bytes expected, {len(payload)} found")
    code, entry, executed, delivered = _ERROR.unpack_from(payload)
    end = _ERROR.size + (9 * executed if with_block else 0)
    text = payload[end:].decode(errors="replace")
    return ErrorReport(code, entry, executed, delivered, text, payload[_ERROR.size : end])
