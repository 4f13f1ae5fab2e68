"""A client of the probe board, written from the wire specification alone: it shares no line with labctl's own.

Framing, numbers and layouts are spelt out a second time here, so that a mistake in labctl's copy of them cannot hide.
"""

from __future__ import annotations

import itertools
import select
import socket
import struct
import time
import zlib
from dataclasses import dataclass, replace
from enum import IntEnum

PATIENCE = 60.0
"""How long (s) an answer may take on a busy computer."""
NO_ENTRY = 0xFFFF
"""What an error says where no list entry is to blame."""
KEY = 0x43414C31
"""Key of CALIBRATION_WRITE."""


class Op(IntEnum):
    """Opcodes, section 3."""

    HELLO = 0x01
    IDENTIFY = 0x02
    CAPABILITIES = 0x03
    STATUS = 0x04
    SAFE = 0x05
    CLEAR = 0x06
    ARM = 0x07
    SCHEME = 0x10
    COMPLIANCE = 0x11
    ROUTE = 0x12
    UNROUTE = 0x13
    READ = 0x20
    PULSE = 0x21
    PULSE_READ = 0x22
    MULTIPLY = 0x30
    TEMPERATURE = 0x40
    SELFTEST = 0x41
    CALIBRATION_READ = 0x50
    CALIBRATION_WRITE = 0x51


class Code(IntEnum):
    """Error codes, section 3."""

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


class State(IntEnum):
    """States in STATUS."""

    SAFE = 0
    IDLE = 1
    ARMED = 2


@dataclass(frozen=True, slots=True)
class Message:
    """What a frame holds, and the bytes that it came as (COBS, without the 0x00)."""

    kind: int
    opcode: int
    sequence: int
    session: int
    payload: bytes = b""
    version: int = 1
    raw: bytes = b""

    @property
    def body(self) -> bytes:
        """Header, payload and CRC."""
        head = struct.pack("<BBHIH", self.version, self.kind, self.opcode, self.sequence, self.session) + self.payload
        return head + struct.pack("<I", zlib.crc32(head))

    @property
    def wire(self) -> bytes:
        """The whole frame with its 0x00."""
        return stuff(self.body) + b"\0"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Payload of an error."""

    code: int
    entry: int
    executed: int
    delivered: int
    rest: bytes


@dataclass(frozen=True, slots=True)
class Status:
    """Payload of STATUS; temperature in m degC, time in us."""

    state: int
    trips: int
    delivered: int
    boot: int
    temperature: int
    bad_frames: int
    time: int


def stuff(data: bytes) -> bytes:
    """Return `data` without zero bytes: Consistent Overhead Byte Stuffing."""
    out = bytearray()
    pieces = data.split(b"\0")
    for last, piece in ((index == len(pieces) - 1, piece) for index, piece in enumerate(pieces)):
        rest = piece
        while len(rest) >= 254:
            out += b"\xff" + rest[:254]
            rest = rest[254:]
            if not rest and last:
                return bytes(out)
        out += bytes([len(rest) + 1]) + rest
    return bytes(out)


def unstuff(data: bytes) -> bytes:
    """Return what `stuff` was given."""
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        piece = data[at + 1 : at + code]
        assert code
        assert len(piece) == code - 1
        out += piece
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def parse(raw: bytes) -> Message:
    """Take a frame apart; every rule that a frame of a board must keep is asserted."""
    body = unstuff(raw)
    assert 14 <= len(body) <= 16_400
    assert struct.pack("<I", zlib.crc32(body[:-4])) == body[-4:]
    version, kind, opcode, sequence, session = struct.unpack_from("<BBHIH", body)
    assert version == 1
    return Message(kind, opcode, sequence, session, body[10:-4], version, raw)


def refusal(answer: Message) -> Refusal:
    """Return what an error says."""
    assert answer.kind == 3, answer
    refused = Refusal(*struct.unpack_from("<HHIQ", answer.payload), answer.payload[16:])
    if refused.code != Code.TRIPPED:
        refused.rest.decode()
    return refused


def good(answer: Message) -> bytes:
    """Return a reply's payload."""
    assert answer.kind == 2, refusal(answer)
    return answer.payload


def block(payload: bytes, n: int, at: int = 0) -> tuple[list[float], list[int]]:
    """Return values and flags of a result block of n values that ends the payload."""
    assert len(payload) == at + 9 * n
    return list(struct.unpack_from(f"<{n}d", payload, at)), list(payload[at + 8 * n :])


def read(voltage: int, averages: int, *cells: tuple[int, int]) -> bytes:
    """Payload of READ; voltage in uV."""
    return struct.pack("<iHH", voltage, averages, len(cells)) + b"".join(struct.pack("<HH", *cell) for cell in cells)


def pulse(*entries: tuple[int, int, int, int, int]) -> bytes:
    """Payload of PULSE: entries of row, column, amplitude (uV), width (ns), count."""
    return struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHiII", *entry) for entry in entries)


def pulse_read(voltage: int, averages: int, *entries: tuple[int, int, int, int, int]) -> bytes:
    """Payload of PULSE_READ."""
    return struct.pack("<iH", voltage, averages) + pulse(*entries)


@dataclass(frozen=True, slots=True)
class Product:
    """Arguments of MULTIPLY: voltages in uV, slot in ns; n None: as many as there are vectors."""

    coding: int = 0
    direction: int = 0
    averages: int = 1
    floor: int = 0
    voltage: int = 0
    slot: int = 10_000
    n: int | None = None

    def pack(self, *vectors: tuple[int, ...]) -> bytes:
        """Payload with these input vectors."""
        n = len(vectors) if self.n is None else self.n
        head = struct.pack(
            "<BBHHiiI", self.coding, self.direction, self.averages, n, self.floor, self.voltage, self.slot
        )
        values = [value for vector in vectors for value in vector]
        return head + struct.pack(f"<{len(values)}{'I' if self.coding else 'i'}", *values)


class Link:
    """One TCP connection to the board."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(b"\0")
        self._received = b""

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def put(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def take(self) -> Message:
        """Wait for the next frame."""
        while True:
            piece, zero, rest = self._received.lstrip(b"\0").partition(b"\0")
            if zero:
                self._received = rest
                return parse(piece)
            more = self._socket.recv(65536)
            assert more, "the board hung up"
            self._received += more

    def silent(self, seconds: float) -> bool:
        """Return whether nothing arrives for so long."""
        return not self._received.strip(b"\0") and not select.select([self._socket], [], [], seconds)[0]

    def wait(self, seconds: float) -> None:
        """Let time pass; nothing may arrive."""
        assert self.silent(seconds)

    def exchange(self, message: Message) -> Message:
        """Send a request and take its answer, which repeats opcode and sequence."""
        self.put(message.wire)
        answer = self.take()
        assert (answer.opcode, answer.sequence) == (message.opcode, message.sequence)
        return answer


class Client:
    """A host with a session."""

    _nonces = itertools.count(0x1000)

    def __init__(self, link: Link) -> None:
        self.link = link
        self.session = 0
        self.sequence = 0
        self._free = itertools.count(0x80000000)
        self.boot = 0
        self.hello()

    def hello(self) -> Message:
        """Open a session."""
        nonce = next(Client._nonces)
        answer = self.link.exchange(Message(1, Op.HELLO, next(self._free), 0, struct.pack("<I", nonce)))
        echo, self.session, self.boot, _ = struct.unpack("<IHIQ", good(answer))
        assert echo == nonce
        assert self.session
        self.sequence = 0
        return answer

    def request(self, op: int, payload: bytes = b"") -> Message:
        """Return the next request, which is not sent yet."""
        return Message(1, op, self.sequence + 1, self.session, payload)

    def ask(self, op: int, payload: bytes = b"") -> Message:
        """Ask with the next sequence."""
        message = self.request(op, payload)
        self.sequence += 1
        answer = self.link.exchange(message)
        assert answer.session == message.session
        return answer

    def do(self, op: int, payload: bytes = b"") -> bytes:
        """Ask and return a reply's payload."""
        return good(self.ask(op, payload))

    def refused(self, op: int, payload: bytes = b"") -> tuple[int, int]:
        """Ask what is refused; return code and entry: nothing was done."""
        before = self.status().delivered
        refused = refusal(self.ask(op, payload))
        assert refused.executed == 0
        assert refused.delivered == before == self.status().delivered
        return refused.code, refused.entry

    def free(self, op: int, payload: bytes = b"", session: int = 0) -> Message:
        """Ask outside of the session's sequence."""
        answer = self.link.exchange(Message(1, op, next(self._free), session, payload))
        assert answer.session == session
        return answer

    def status(self) -> Status:
        """Ask for STATUS."""
        return Status(*struct.unpack("<BHQIiIQ", good(self.free(Op.STATUS))))

    def arm(self, period: int = 10_000) -> None:
        """Bring the board to ARMED from any state; period in ms."""
        self.do(Op.CLEAR)
        self.do(Op.ARM, struct.pack("<I", period))

    def until(self, state: State) -> float:
        """Ask for STATUS, which restarts no watchdog, until the board is there; return how long (s) it took."""
        begin = time.monotonic()
        while self.status().state != state:
            assert time.monotonic() < begin + PATIENCE
            self.link.wait(0.02)
        return time.monotonic() - begin


def changed(message: Message, **changes: int) -> Message:
    """Return the message with other header fields."""
    return replace(message, **changes)
