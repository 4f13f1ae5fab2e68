"""Section 5 of the board's wire specification: whatever the link does, no request runs twice and none is forgotten."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from sim_backend.panels.probe_board import ProbeBoardPanel
    from tests.sim_backend.panels.probe_board.conftest import Answer, BoardHost

HELLO, CLEAR, ARM, PULSE = 0x01, 0x06, 0x07, 0x21
ATTEMPTS = 100
"""More than there are fates: the link is fine in the end."""
FATES = ("fine", "fine", "lose request", "lose reply", "flip", "cut", "twice", "old ones first", "merge", "reboot")


@dataclass
class Experiment:
    """A host that keeps to rule 4 on a link with a fate for each frame.

    Args:
        host: its connection.
        fates: what happens to each request sent, in turn; the link is fine after the last.
        place: where bytes are flipped and frames cut.
    """

    host: BoardHost
    fates: list[str]
    place: int
    boot: int = 1
    confirmed: int = 0
    doubtful: int = 0
    total: int = 0
    nonce: int = 0
    sent: list[bytes] = field(default_factory=list[bytes])

    def transact(self, opcode: int, payload: bytes, sequence: int, session: int) -> Answer | None:
        """Send one request through the link; return its answer, if that comes back whole."""
        frame = self.host.frame(opcode, payload, sequence, session)
        fate = self.fates.pop(0) if self.fates else "fine"
        damaged = bytearray(frame)
        damaged[self.place % (len(frame) - 1)] ^= 0x55
        on_the_wire = {
            "lose request": b"",
            "flip": bytes(damaged),
            "cut": frame[: self.place % len(frame)],
            "twice": frame + frame,
            "old ones first": b"".join(self.sent) + frame,
            "merge": b"\x07garbage" + frame,
        }.get(fate, frame)
        if fate == "reboot":
            self.total += self.host.world.counters.delivered
            self.host.panel.power_cycle()
        self.host.send(on_the_wire)
        self.sent.append(frame)
        answers = self.host.answers()
        if fate == "lose reply":
            return None
        wanted = [a for a in answers if (a.opcode, a.sequence, a.session) == (opcode, sequence, session)]
        return wanted[-1] if wanted else None

    def request(self, opcode: int, payload: bytes) -> Answer | None:
        """Send the request that is due, and again up to 3 times."""
        self.host.sequence += 1
        for _ in range(4):
            answer = self.transact(opcode, payload, self.host.sequence, self.host.session)
            if answer is not None:
                return answer
        return None

    def open(self) -> tuple[int, int]:
        """Open a session on a link that works sooner or later; return boot and pulse counter."""
        self.nonce += 1
        answer = None
        for _ in range(ATTEMPTS):
            self.host.send(b"\0")
            answer = self.transact(HELLO, struct.pack("<I", self.nonce), 0x8000_0000 + self.nonce, 0)
            if answer is not None:
                break
        assert answer is not None
        _, self.host.session, boot, delivered = struct.unpack("<IHIQ", answer.payload)
        self.host.sequence = 0
        return boot, delivered

    def ready(self) -> None:
        """Get armed, whatever it takes."""
        for _ in range(ATTEMPTS):
            answers = [self.request(CLEAR, b""), self.request(ARM, struct.pack("<I", 10_000))]
            if [(answer.opcode, answer.kind) for answer in answers if answer is not None] == [(CLEAR, 2), (ARM, 2)]:
                return
            self.boot, _ = self.open()
        raise AssertionError("the board cannot be armed")

    def pulse(self, count: int) -> None:
        """Put out a train, and find out whether that happened."""
        before = self.host.world.counters.delivered
        boot = self.boot
        answer = self.request(PULSE, self.host.entries([(0, 0, 900_000, 80, count)]))
        if answer is not None and answer.kind == 2:
            self.confirmed += count
            return
        self.boot, delivered = self.open()
        if self.boot != boot:
            self.doubtful += count
        else:
            assert delivered in (before, before + count)
            self.confirmed += delivered - before
        self.ready()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(FATES), max_size=40), st.integers(0, 60), st.lists(st.integers(1, 5), max_size=6))
def test_pulses_are_confirmed_or_known_to_be_in_doubt(
    board: ProbeBoardPanel, host: BoardHost, fates: list[str], place: int, counts: list[int]
) -> None:
    board.power_cycle()
    host.answers()
    experiment = Experiment(host, fates, place, boot=host.world.counters.boot)
    experiment.boot, _ = experiment.open()
    experiment.ready()
    for count in counts:
        experiment.pulse(count)
    delivered = experiment.total + host.world.counters.delivered
    assert experiment.confirmed <= delivered <= experiment.confirmed + experiment.doubtful
