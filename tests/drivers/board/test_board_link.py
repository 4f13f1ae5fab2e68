"""Requests and replies of the board's link: what is sent, what is taken, what an error means."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from drivers import board_link
from drivers.board_errors import BoardError, BoardTrippedError, LostReplyError, PulseCount
from drivers.board_link import REPLY_TIME, BoardLink
from labctl.errors import LinkError
from labctl.wire import Opcode

if TYPE_CHECKING:
    from tests.drivers.board.conftest import Clock, ScriptedPort

REQUEST, REPLY, ERROR = 1, 2, 3
SESSION = 0x1234
PULSES = struct.pack("<HHHiII", 1, 2, 3, 900_000, 80, 1)
RECEIPT = struct.pack("<IQ", 1, 8)
CLEARED_SIZE, PULSED_SIZE = 18, 28
"""Bytes of the replies to CLEAR and PULSE on the wire."""


def test_nothing_is_sent_without_session(fresh: BoardLink, port: ScriptedPort) -> None:
    with pytest.raises(LinkError, match="no session is open with board at COM5"):
        fresh.ask(Opcode.CLEAR)
    with pytest.raises(LinkError, match="open a new one"):
        fresh.ask_if_free(Opcode.ARM, b"\0\0\0\0")


def test_sequences_count_up_and_replies_come_back(link: BoardLink, port: ScriptedPort) -> None:
    port.say(port.clear, port.cleared)
    assert link.ask(Opcode.CLEAR) == b"\x01\x00"
    port.say(port.frame(REQUEST, 0x13, 2), port.frame(REPLY, 0x13, 2))
    assert link.ask(Opcode.UNROUTE) == b""
    assert link.boot == 3


def test_a_reply_in_single_bytes_is_put_together(link: BoardLink, port: ScriptedPort) -> None:
    port.say(port.clear, *(bytes([byte]) for byte in port.cleared))
    assert link.ask(Opcode.CLEAR) == b"\x01\x00"


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_request_without_reply_is_sent_again_as_the_same_bytes(
    link: BoardLink, port: ScriptedPort, clock: Clock, lost: int
) -> None:
    for _ in range(lost):
        port.say(port.pulse)
    port.say(port.pulse, port.pulsed)
    before = clock.now()
    assert link.ask(Opcode.PULSE, PULSES, 0.5) == RECEIPT
    assert clock.now() - before == pytest.approx(lost * (0.5 + REPLY_TIME))


@pytest.mark.parametrize("opcode", [Opcode.PULSE, Opcode.READ, Opcode.CLEAR])
def test_a_request_that_is_lost_is_never_sent_after_its_call(
    link: BoardLink, port: ScriptedPort, clock: Clock, opcode: Opcode
) -> None:
    for _ in range(4):
        port.say(port.frame(REQUEST, opcode, 1, PULSES))
    with pytest.raises(LostReplyError, match=f"did not answer {opcode.name}") as caught:
        link.ask(opcode, PULSES)
    assert caught.value.before == PulseCount(3, 7)
    assert clock.now() == pytest.approx(4 * REPLY_TIME)
    port.say_hello(0x4321)
    port.say(port.frame(REQUEST, 0x06, 1, session=0x4321), port.frame(REPLY, 0x06, 1, b"\0\0", 0x4321))
    assert link.ask(Opcode.CLEAR) == b"\0\0"
    assert clock.now() == pytest.approx(4 * REPLY_TIME)


STALE = {
    "another session": (REPLY, 0x06, 1, b"\x02\x00", SESSION + 1),
    "another sequence": (REPLY, 0x06, 2, b"\x02\x00"),
    "another opcode": (REPLY, 0x07, 1, b"\x02\x00"),
    "a request": (REQUEST, 0x06, 1, b"\x02\x00"),
}
every_stale_frame = pytest.mark.parametrize("stale", STALE.values(), ids=STALE.keys())


@every_stale_frame
def test_what_was_not_asked_for_is_thrown_away(
    link: BoardLink, port: ScriptedPort, stale: tuple[int, int, int, bytes]
) -> None:
    port.say(port.clear, port.frame(*stale) + port.cleared)
    assert link.ask(Opcode.CLEAR) == b"\x01\x00"


@every_stale_frame
def test_what_was_not_asked_for_is_no_reply(
    link: BoardLink, port: ScriptedPort, stale: tuple[int, int, int, bytes]
) -> None:
    for _ in range(4):
        port.say(port.clear, port.frame(*stale))
    with pytest.raises(LostReplyError):
        link.ask(Opcode.CLEAR)


@pytest.mark.parametrize("noise", [b"\x05noise\0", b"\0\0\0", b"\0", b"\x10\x01\0", b"\x01" * 20_000 + b"\0"])
def test_noise_before_a_reply_is_thrown_away(link: BoardLink, port: ScriptedPort, noise: bytes) -> None:
    port.say(port.clear, noise + port.cleared)
    assert link.ask(Opcode.CLEAR) == b"\x01\x00"


@pytest.mark.parametrize("place", range(CLEARED_SIZE))
def test_a_damaged_reply_is_asked_for_again(link: BoardLink, port: ScriptedPort, place: int) -> None:
    assert len(port.cleared) == CLEARED_SIZE
    damaged = port.cleared[:place] + bytes([port.cleared[place] ^ 0x40]) + port.cleared[place + 1 :]
    port.say(port.clear, damaged)
    port.say(port.clear, b"\0" + port.cleared)
    assert link.ask(Opcode.CLEAR) == b"\x01\x00"


@pytest.mark.parametrize("place", range(CLEARED_SIZE))
def test_a_reply_without_one_byte_is_asked_for_again(link: BoardLink, port: ScriptedPort, place: int) -> None:
    assert len(port.cleared) == CLEARED_SIZE
    port.say(port.clear, port.cleared[:place] + port.cleared[place + 1 :])
    port.say(port.clear, b"\0" + port.cleared)
    assert link.ask(Opcode.CLEAR) == b"\x01\x00"


def test_a_late_reply_counts_for_the_copy_that_waits(link: BoardLink, port: ScriptedPort, clock: Clock) -> None:
    port.say(port.clear)
    port.say(port.clear)
    port.later.append((clock.now() + 1.4 * REPLY_TIME, port.cleared))
    assert link.ask(Opcode.CLEAR) == b"\x01\x00"
    # The second copy's reply is left over, and is not taken for that of the next request.
    port.say(port.frame(REQUEST, 0x06, 2), port.cleared + port.frame(REPLY, 0x06, 2, b"\x04\x00"))
    assert link.ask(Opcode.CLEAR) == b"\x04\x00"


def test_a_reply_from_before_a_new_session_is_thrown_away(link: BoardLink, port: ScriptedPort) -> None:
    for _ in range(4):
        port.say(port.clear)
    with pytest.raises(LostReplyError):
        link.ask(Opcode.CLEAR)
    port.say_hello(0x4321)
    port.say(
        port.frame(REQUEST, 0x06, 1, session=0x4321), port.cleared, port.frame(REPLY, 0x06, 1, b"\x08\x00", 0x4321)
    )
    assert link.ask(Opcode.CLEAR) == b"\x08\x00"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (4, BoardError, "with RANGE: 'why'"),
        (11, BoardError, "NO_SUCH_CELL"),
        (14, BoardError, "INTERNAL"),
        (99, BoardError, "with error 99"),
        (8, BoardTrippedError, "NOT_ARMED"),
        (9, BoardTrippedError, "SAFE_STATE"),
        (10, BoardTrippedError, "TRIPPED"),
    ],
)
def test_errors_say_what_the_board_said_and_leave_the_session(
    link: BoardLink, port: ScriptedPort, code: int, kind: type[BoardError | BoardTrippedError], words: str
) -> None:
    port.say(port.pulse, port.error(0x21, 1, code, delivered=9, executed=2))
    with pytest.raises(kind, match=f"board at COM5 answered PULSE .*{words}") as caught:
        link.ask(Opcode.PULSE, PULSES)
    assert (caught.value.report.code, caught.value.report.executed, caught.value.report.delivered) == (code, 2, 9)
    for _ in range(4):
        port.say(port.frame(REQUEST, 0x21, 2, PULSES))
    with pytest.raises(LostReplyError) as lost:
        link.ask(Opcode.PULSE, PULSES)
    assert lost.value.before == PulseCount(3, 9)


def test_a_trip_while_pulses_are_read_keeps_what_was_read(link: BoardLink, port: ScriptedPort) -> None:
    results = struct.pack("<dB", 2e-4, 1)
    port.say(port.frame(REQUEST, 0x22, 1, PULSES), port.error(0x22, 1, 10, 8, results + b"limit", executed=1))
    with pytest.raises(BoardTrippedError, match="'limit'") as caught:
        link.ask(Opcode.PULSE_READ, PULSES)
    assert caught.value.report.block == results


@pytest.mark.parametrize(
    "reply",
    [
        (REPLY, 0x21, 1, RECEIPT[:-1]),
        (REPLY, 0x21, 1, RECEIPT + b"\0"),
        (REPLY, 0x21, 1, b""),
        (ERROR, 0x21, 1, b"\x04\0"),
    ],
)
def test_a_receipt_of_a_wrong_length_is_a_lost_reply(
    link: BoardLink, port: ScriptedPort, reply: tuple[int, int, int, bytes]
) -> None:
    port.say(port.pulse, port.frame(*reply))
    with pytest.raises(LostReplyError, match="specification does not allow"):
        link.ask(Opcode.PULSE, PULSES)


def test_hello_of_a_wrong_length_opens_nothing(link: BoardLink, port: ScriptedPort) -> None:
    port.say_outside(0x01, bytes(17), port.nonce)
    with pytest.raises(LinkError, match="18 bytes expected, 17 found"):
        link.open_session()
    port.say_hello(0x4321)
    port.say(port.frame(REQUEST, 0x06, 1, session=0x4321), port.frame(REPLY, 0x06, 1, b"\0\0", 0x4321))
    link.ask(Opcode.CLEAR)


def test_requests_without_session_never_repeat_a_sequence(link: BoardLink, port: ScriptedPort) -> None:
    first = port.outside
    port.say_outside(0x04, None)
    port.say_outside(0x04, None)
    port.say(
        port.frame(REQUEST, 0x04, port.outside, session=0),
        port.frame(REPLY, 0x04, first, b"late", 0) + port.frame(REPLY, 0x04, port.outside, b"fresh", 0),
    )
    assert link.ask_outside(Opcode.STATUS) == b"fresh"


def test_requests_without_session_and_reply_end(link: BoardLink, port: ScriptedPort, clock: Clock) -> None:
    for _ in range(4):
        port.say_outside(0x05, None)
    with pytest.raises(LinkError, match="did not answer SAFE"):
        link.make_safe()
    assert clock.now() == pytest.approx(4 * REPLY_TIME)


def test_sequences_without_session_start_anew_at_their_end(
    port: ScriptedPort, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last(most: int) -> int:
        return most - 1

    monkeypatch.setattr(board_link.secrets, "randbelow", last)
    link = BoardLink(port, clock, "board")
    port.say(b"\0" + port.frame(REQUEST, 0x05, 0xFFFF_FFFF, session=0), port.frame(REPLY, 0x05, 0xFFFF_FFFF, session=0))
    port.say_outside(0x05, b"")
    link.make_safe()
    link.make_safe()


def test_closing_closes_the_port(link: BoardLink, port: ScriptedPort) -> None:
    port.say(b"closed")
    link.close()
