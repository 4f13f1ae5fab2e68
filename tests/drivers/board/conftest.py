"""A board's port that is scripted byte by byte, without our codec."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from drivers import board_link
from drivers.board_link import BoardLink
from drivers.probe_board import LabctlProbeBoard, ProbeBoardSettings
from labctl.backend import Timer

REQUEST, REPLY, ERROR = 1, 2, 3
SESSION = 0x1234
NONCE = 0x11223344
POLL = 1 / 16
"""How long (s) a read without bytes takes here: patience is an exact multiple of it."""
PULSES = struct.pack("<HHHiII", 1, 2, 3, 900_000, 80, 1)
RECEIPT = struct.pack("<IQ", 1, 8)


class Clock(Protocol):
    time: float

    def now(self) -> float: ...
    def sleep(self, duration: float) -> None: ...
    def every(self, period: float, action: Callable[[], None]) -> Timer: ...


def stuff(data: bytes) -> bytes:
    """Return `data`, in which fewer than 254 bytes stand between zeros, in COBS."""
    pieces = data.split(b"\0")
    assert max(map(len, pieces)) < 254
    return b"".join(bytes([len(piece) + 1]) + piece for piece in pieces)


def frame(kind: int, opcode: int, sequence: int, payload: bytes = b"", session: int = SESSION) -> bytes:
    body = struct.pack("<BBHIH", 1, kind, opcode, sequence, session) + payload
    return stuff(body + struct.pack("<I", zlib.crc32(body))) + b"\0"


def error(opcode: int, sequence: int, code: int, delivered: int = 7, text: bytes = b"why", executed: int = 0) -> bytes:
    return frame(ERROR, opcode, sequence, struct.pack("<HHIQ", code, 0xFFFF, executed, delivered) + text)


def hello(session: int = SESSION, boot: int = 3, delivered: int = 7) -> bytes:
    """Return the payload that answers HELLO."""
    return struct.pack("<IHIQ", NONCE, session, boot, delivered)


Act = bytes | BaseException


class ScriptedPort:
    """Expects frames in order; each is followed by what the host's reads return or raise, then by silence."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.expected: list[tuple[bytes, tuple[Act, ...]]] = []
        self.input: list[Act] = []
        self.later: list[tuple[float, bytes]] = []
        self.outside = 0x8000_0000
        self.pulse, self.pulsed = frame(REQUEST, 0x21, 1, PULSES), frame(REPLY, 0x21, 1, RECEIPT)
        self.clear, self.cleared = frame(REQUEST, 0x06, 1), frame(REPLY, 0x06, 1, b"\x01\x00")
        self.frame, self.error = frame, error
        self.nonce = struct.pack("<I", NONCE)

    def say(self, sent: bytes, *acts: Act) -> None:
        """Expect a frame."""
        self.expected.append((sent, acts))

    def say_hello(self, session: int = SESSION, boot: int = 3, delivered: int = 7, answered: bool = True) -> None:
        """Expect a HELLO."""
        payload = hello(session, boot, delivered)
        self.say_outside(0x01, payload if answered else None, self.nonce)

    def say_outside(self, opcode: int, reply: bytes | None, payload: bytes = b"") -> None:
        """Expect a request without session, which has the next sequence."""
        answers = () if reply is None else (frame(REPLY, opcode, self.outside, reply, 0),)
        self.say(frame(REQUEST, opcode, self.outside, payload, 0), *answers)
        self.outside += 1

    @property
    def in_waiting(self) -> int:
        return len(self.input[0]) if self.input and isinstance(self.input[0], bytes) else 0

    def read(self, size: int = 1, /) -> bytes:
        while self.later and self.later[0][0] <= self.clock.now():
            self.input.append(self.later.pop(0)[1])
        if not self.input:
            self.clock.sleep(POLL)
            return b""
        act = self.input.pop(0)
        if isinstance(act, BaseException):
            raise act
        if act[size:]:
            self.input.insert(0, act[size:])
        return act[:size]

    def write(self, data: bytes, /) -> int:
        assert self.expected, f"{data.hex()} was not expected"
        sent, acts = self.expected.pop(0)
        assert data.hex() == sent.hex()
        if acts and isinstance(acts[0], RuntimeError):
            raise acts[0].args[0]
        self.input.extend(acts)
        return len(data)

    def close(self) -> None:
        self.write(b"closed")


@pytest.fixture
def port(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedPort]:
    """A port that must hear and say everything that a test expects."""

    def first(most: int) -> int:
        return 0

    def nonce(bits: int) -> int:
        return NONCE

    monkeypatch.setattr(board_link.secrets, "randbelow", first)
    monkeypatch.setattr(board_link.secrets, "randbits", nonce)
    port = ScriptedPort(clock)
    yield port
    assert port.expected == []
    assert port.input == []


@pytest.fixture
def fresh(port: ScriptedPort, clock: Clock) -> BoardLink:
    """A link without session; nothing was sent."""
    return BoardLink(port, clock, "board at COM5")


@pytest.fixture
def link(fresh: BoardLink, port: ScriptedPort) -> BoardLink:
    """A link with a session: boot 3, 7 pulses delivered."""
    port.say(b"\0" + frame(REQUEST, 0x01, port.outside, struct.pack("<I", NONCE), 0))
    port.input.append(frame(REPLY, 0x01, port.outside, hello(), 0))
    port.outside += 1
    fresh.open_session()
    assert not port.expected
    return fresh


CAPABILITIES = struct.pack(
    "<HHiiIIIIIIHI", 64, 64, -5_000_000, 5_000_000, 500_000, 152_588, 15_259, 20, 10_000_000, 1_000_000, 4096, 31
)


@pytest.fixture
def board(link: BoardLink, port: ScriptedPort) -> LabctlProbeBoard:
    """A probe board with a session, boot 3, 7 pulses delivered, whose capabilities are known."""
    board = LabctlProbeBoard(link, "board", ProbeBoardSettings(driver="probe-board", address="COM5"))
    port.say_outside(0x03, CAPABILITIES)
    board.capabilities()
    return board
