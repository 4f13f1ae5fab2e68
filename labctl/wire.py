"""The probe board's frames, operations and error codes: wire specification version 1.

A frame is `COBS( header | payload | crc32 ) 0x00`, all integers little-endian. Driver and panel share this file;
its bytes are pinned by the golden vectors under `tests/wire/`. What the payloads hold is in `labctl/messages.py`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from cobs import cobs

VERSION = 1
DELIMITER = b"\x00"
FRAME_MIN = 14
"""Bytes of a decoded frame without payload."""
FRAME_MAX = 16_400
"""Bytes of the largest decoded frame."""
PAYLOAD_MAX = FRAME_MAX - FRAME_MIN
ENCODED_MAX = FRAME_MAX + FRAME_MAX // 254 + 1
"""Bytes of the largest encoded frame, without its delimiter: COBS adds one byte in 254."""
OUTSIDE_SESSION = 0x8000_0000
"""First sequence of requests that belong to no session."""
WHOLE_REQUEST = 0xFFFF
"""Entry of an error that concerns no list entry."""
CALIBRATION_KEY = 0x4341_4C31

_HEADER = struct.Struct("<BBHIH")
_CRC = struct.Struct("<I")


class Kind(IntEnum):
    """What a frame is."""

    REQUEST = 1
    REPLY = 2
    ERROR = 3


class Opcode(IntEnum):
    """Operations of the board."""

    HELLO = 0x0001
    IDENTIFY = 0x0002
    CAPABILITIES = 0x0003
    STATUS = 0x0004
    SAFE = 0x0005
    CLEAR = 0x0006
    ARM = 0x0007
    SCHEME = 0x0010
    COMPLIANCE = 0x0011
    ROUTE = 0x0012
    UNROUTE = 0x0013
    READ = 0x0020
    PULSE = 0x0021
    PULSE_READ = 0x0022
    MULTIPLY = 0x0030
    TEMPERATURE = 0x0040
    SELFTEST = 0x0041
    CALIBRATION_READ = 0x0050
    CALIBRATION_WRITE = 0x0051


SESSIONLESS = frozenset({Opcode.HELLO, Opcode.IDENTIFY, Opcode.CAPABILITIES, Opcode.STATUS, Opcode.SAFE})
"""Operations that are accepted with any session and any sequence."""


class ErrorCode(IntEnum):
    """Why the board refused or broke off a request."""

    BAD_OPCODE = 1
    BAD_LENGTH = 2
    BAD_ARGUMENT = 3
    RANGE = 4
    SESSION = 5
    SEQUENCE = 6
    NOT_ARMED = 8
    SAFE_STATE = 9
    TRIPPED = 10
    NO_SUCH_CELL = 11
    UNSUPPORTED = 12
    CALIBRATION_KEY = 13
    INTERNAL = 14


def error_name(code: int) -> str:
    """Return the name of an error code, or its number where the specification has none."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `opcode` is a plain number, because a damaged or foreign host may send any."""

    kind: Kind
    opcode: int
    sequence: int
    session: int
    payload: bytes = b""


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes of `frame` with the closing delimiter.

    Raises:
        ValueError: if the payload is longer than `PAYLOAD_MAX`.
    """
    if len(frame.payload) > PAYLOAD_MAX:
        raise ValueError(f"a payload holds at most {PAYLOAD_MAX} bytes, not {len(frame.payload)}")
    body = _HEADER.pack(VERSION, frame.kind, frame.opcode, frame.sequence, frame.session) + frame.payload
    return cobs.encode(body + _CRC.pack(zlib.crc32(body))) + DELIMITER


def decode_frame(piece: bytes) -> Frame | None:
    """Return the frame that `piece`, without delimiter, holds; None if it is damaged or of another version."""
    try:
        decoded = cobs.decode(piece)
    except cobs.DecodeError:
        return None
    if not FRAME_MIN <= len(decoded) <= FRAME_MAX:
        return None
    body, (crc,) = decoded[:-4], _CRC.unpack_from(decoded, len(decoded) - 4)
    version, kind, opcode, sequence, session = _HEADER.unpack_from(body)
    if zlib.crc32(body) != crc or version != VERSION or kind not in (Kind.REQUEST, Kind.REPLY, Kind.ERROR):
        return None
    return Frame(Kind(kind), opcode, sequence, session, body[_HEADER.size :])


class FrameReader:
    """Finds frames in a stream of bytes; whatever stands between two delimiters is a frame or is dropped.

    Args:
        expected: the kinds that this side of the link reads; others are dropped like damaged ones.
    """

    def __init__(self, *expected: Kind) -> None:
        self._expected = frozenset(expected)
        self._buffer = bytearray()
        self._overlong = False
        self.bad_frames = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes, in order."""
        *complete, rest = data.split(DELIMITER)
        frames: list[Frame] = []
        for piece in complete:
            self._take(piece)
            frame = self._finish()
            if frame is not None:
                frames.append(frame)
        self._take(rest)
        return frames

    def reset(self) -> None:
        """Forget the beginning of a frame, as after a change of connection."""
        self._buffer.clear()
        self._overlong = False

    def _take(self, piece: bytes) -> None:
        """Add to the piece under way; one that is too long for any frame is forgotten up to its delimiter."""
        if self._overlong or len(self._buffer) + len(piece) > ENCODED_MAX:
            self._overlong = True
            self._buffer.clear()
        else:
            self._buffer += piece

    def _finish(self) -> Frame | None:
        """Return the frame that the delimiter closed; count it as bad if it is none."""
        piece, overlong = bytes(self._buffer), self._overlong
        self.reset()
        if not piece and not overlong:
            return None
        frame = None if overlong else decode_frame(piece)
        if frame is None or frame.kind not in self._expected:
            self.bad_frames += 1
            return None
        return frame
