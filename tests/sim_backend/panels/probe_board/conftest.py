"""A host of the probe board, written from its wire specification alone: it shares no code with the board."""

from __future__ import annotations

import struct
import zlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cobs import cobs

from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROWS, COLUMNS = 12, 16


@dataclass(frozen=True, slots=True)
class Answer:
    """One frame of the board."""

    raw: bytes
    kind: int
    opcode: int
    sequence: int
    session: int
    payload: bytes


class Problem(NamedTuple):
    """Payload of an error; `rest` is what follows: results, text."""

    code: int
    entry: int
    executed: int
    delivered: int
    rest: bytes


class Status(NamedTuple):
    """Payload of STATUS."""

    state: int
    trips: int
    delivered: int
    boot: int
    temperature: int
    bad_frames: int
    time: int


class BoardHost:
    """One connection to the board; keeps its session's number and sequence.

    Args:
        panel: the board.
    """

    def __init__(self, panel: ProbeBoardPanel) -> None:
        self.panel = panel
        self.world = panel.world
        self.clock = panel.world.clock
        self.received: deque[bytes] = deque()
        self.on_answer: Callable[[], None] = lambda: None
        self._stream = b""
        self._link = panel.connection(self._take)
        self.session = 0
        self.sequence = 0
        self._outside = 0x8000_0000

    def _take(self, data: bytes) -> None:
        *pieces, self._stream = (self._stream + data).split(b"\0")
        self.received.extend(piece for piece in pieces if piece)
        self.on_answer()

    @staticmethod
    def frame(opcode: int, payload: bytes, sequence: int, session: int, kind: int = 1, version: int = 1) -> bytes:
        """Return an encoded frame."""
        body = struct.pack("<BBHIH", version, kind, opcode, sequence, session) + payload
        return cobs.encode(body + struct.pack("<I", zlib.crc32(body))) + b"\0"

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._link.receive(data)

    def answers(self) -> list[Answer]:
        """Return what came since the last call."""
        found: list[Answer] = []
        while self.received:
            raw = self.received.popleft()
            decoded = cobs.decode(raw)
            body, crc = decoded[:-4], decoded[-4:]
            assert struct.pack("<I", zlib.crc32(body)) == crc
            version, kind, opcode, sequence, session = struct.unpack("<BBHIH", body[:10])
            assert version == 1
            found.append(Answer(raw, kind, opcode, sequence, session, body[10:]))
        return found

    def ask(self, opcode: int, payload: bytes, sequence: int, session: int) -> Answer:
        """Send one request; return its answer, which must repeat the request's header."""
        self.send(self.frame(opcode, payload, sequence, session))
        (answer,) = self.answers()
        assert (answer.opcode, answer.sequence, answer.session) == (opcode, sequence, session)
        return answer

    def outside(self, opcode: int, payload: bytes = b"") -> Answer:
        """Send a request that belongs to no session."""
        self._outside += 1
        return self.ask(opcode, payload, self._outside, 0)

    def hello(self, nonce: int = 1) -> bytes:
        """Open a session; return the payload of the answer."""
        answer = self.outside(0x0001, struct.pack("<I", nonce))
        assert answer.kind == 2
        _, self.session, _, _ = struct.unpack("<IHIQ", answer.payload)
        self.sequence = 0
        return answer.payload

    def next(self, opcode: int, payload: bytes = b"") -> Answer:
        """Send the request that is due."""
        self.sequence += 1
        return self.ask(opcode, payload, self.sequence, self.session)

    def ok(self, opcode: int, payload: bytes = b"") -> bytes:
        """Send the request that is due; return the payload of its reply."""
        answer = self.next(opcode, payload)
        assert answer.kind == 2, problem(answer)
        return answer.payload

    def refused(self, opcode: int, payload: bytes = b"") -> Problem:
        """Send the request that is due; return the error it gets."""
        answer = self.next(opcode, payload)
        assert answer.kind == 3, answer
        return problem(answer)

    def status(self) -> Status:
        """Ask for the status."""
        return Status(*struct.unpack("<BHQIiIQ", self.outside(0x0004).payload))

    def idle(self, nonce: int = 1) -> None:
        """Open a session and leave SAFE."""
        self.hello(nonce)
        self.ok(0x0006)

    def armed(self, period: int = 10_000) -> None:
        """Open a session, leave SAFE and arm."""
        self.idle()
        self.ok(0x0007, struct.pack("<I", period))

    # Payloads.

    @staticmethod
    def read(cells: Iterable[tuple[int, int]], voltage: int = 200_000, averages: int = 1) -> bytes:
        """Return the payload of READ; `voltage` in uV."""
        places = list(cells)
        return struct.pack("<iHH", voltage, averages, len(places)) + b"".join(struct.pack("<HH", *at) for at in places)

    @staticmethod
    def entries(pulses: Iterable[tuple[int, int, int, int, int]]) -> bytes:
        """Return the payload of PULSE: row, column, uV, ns, count."""
        trains = list(pulses)
        return struct.pack("<H", len(trains)) + b"".join(struct.pack("<HHiII", *train) for train in trains)

    @classmethod
    def pulse_read(
        cls, pulses: Iterable[tuple[int, int, int, int, int]], voltage: int = 200_000, averages: int = 1
    ) -> bytes:
        """Return the payload of PULSE_READ."""
        return struct.pack("<iH", voltage, averages) + cls.entries(pulses)

    @staticmethod
    def multiply(
        vectors: Iterable[Iterable[int]],
        coding: int = 0,
        direction: int = 0,
        averages: int = 1,
        floor: int = 0,
        voltage: int = 0,
        slot: int = 100_000,
    ) -> bytes:
        """Return the payload of MULTIPLY; inputs in uV, or (coding 1) in ns."""
        listed = [list(vector) for vector in vectors]
        head = struct.pack("<BBHHiiI", coding, direction, averages, len(listed), floor, voltage, slot)
        kind = "<i" if coding == 0 else "<I"
        return head + b"".join(struct.pack(kind, value) for vector in listed for value in vector)

    def products(self, payload: bytes, outputs: int) -> tuple[list[list[float]], list[list[int]]]:
        """Send MULTIPLY; return currents (A) and flags, a list for each vector."""
        reply = self.ok(0x0030, payload)
        count = len(reply) // 9
        assert len(reply) == 9 * count
        assert count % outputs == 0
        currents, flags = list(struct.unpack_from(f"<{count}d", reply)), list(reply[8 * count :])
        parts = range(0, count, outputs)
        return [currents[a : a + outputs] for a in parts], [flags[a : a + outputs] for a in parts]


def problem(answer: Answer) -> Problem:
    """Return the payload of an error."""
    return Problem(*struct.unpack("<HHIQ", answer.payload[:16]), answer.payload[16:])


@pytest.fixture
def board_world() -> World:
    """A world with a die that has fewer rows than columns."""
    return World(Die.fresh("die", ROWS, COLUMNS, device_named("ru-azo", 5.9e-3), seed=3), VirtualClock())


@pytest.fixture
def board(board_world: World) -> ProbeBoardPanel:
    """A board that was just powered up."""
    return ProbeBoardPanel(board_world, "board")


@pytest.fixture
def host(board: ProbeBoardPanel) -> BoardHost:
    """A host that has said nothing yet."""
    return BoardHost(board)
