"""Rules 1 to 3 of the board's wire specification: at most once, sessions, and what needs none."""

from __future__ import annotations

import struct
from itertools import count, pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim_backend.panels.board_session import Session

if TYPE_CHECKING:
    from sim_backend.panels.probe_board import ProbeBoardPanel
    from tests.sim_backend.panels.probe_board.conftest import BoardHost

HELLO, IDENTIFY, CAPABILITIES, STATUS, SAFE, CLEAR, ARM = range(1, 8)
SCHEME, COMPLIANCE, ROUTE, UNROUTE, READ, PULSE = 0x10, 0x11, 0x12, 0x13, 0x20, 0x21
REPLY, ERROR = 2, 3
RANGE, SESSION, SEQUENCE = 4, 5, 6
NONCES = count(100)
ONE_PULSE = (0, 0, 900_000, 80, 1)


def code(answer_payload: bytes) -> int:
    """Return the code of an error."""
    return int.from_bytes(answer_payload[:2], "little")


def test_hello_says_who_we_are_where(host: BoardHost) -> None:
    nonce, session, boot, delivered = struct.unpack("<IHIQ", host.hello(0xDEADBEEF))
    assert (nonce, boot, delivered) == (0xDEADBEEF, 1, 0)
    assert session != 0


def test_a_session_is_never_0_and_never_the_last_one() -> None:
    session, numbers = Session(boot=1), list[int]()
    for nonce in range(70_000):
        numbers.append(struct.unpack("<IHIQ", session.open(nonce, 1, 0))[1])
    assert 0 not in numbers
    assert all(one != other for one, other in pairwise(numbers))
    session.forget()
    assert struct.unpack("<IHIQ", session.open(69_999, 1, 0))[1] not in (0, numbers[-1])


def test_the_session_after_a_restart_is_none_of_those_before_it() -> None:
    """A twin's board that is started anew with its die has counted one power-up more."""

    def first_sessions(boot: int) -> list[int]:
        session = Session(boot)
        return [struct.unpack("<IHIQ", session.open(nonce, boot, 0))[1] for nonce in range(20)]

    numbers = [number for boot in range(1, 200) for number in first_sessions(boot)]
    assert len(set(numbers)) == len(numbers)


def test_the_same_host_nonce_gets_the_same_payload_and_changes_nothing(host: BoardHost) -> None:
    first = host.hello(5)
    host.ok(CLEAR)
    host.ok(ARM, struct.pack("<I", 1000))
    host.ok(PULSE, host.entries([ONE_PULSE]))
    again = host.ask(HELLO, struct.pack("<I", 5), 77, 0x4242)
    assert again.payload == first
    assert host.ok(PULSE, host.entries([ONE_PULSE])) == struct.pack("<IQ", 1, 2)


def test_nonce_0_opens_a_session_like_any_other(host: BoardHost) -> None:
    host.hello(0)
    host.ok(CLEAR)


def test_a_new_session_forgets_the_old_one(host: BoardHost) -> None:
    host.idle(nonce=1)
    old = host.session
    assert struct.unpack("<IHIQ", host.hello(2))[2:] == (1, 0)
    assert code(host.ask(CLEAR, b"", 2, old).payload) == SESSION
    host.ok(CLEAR)
    assert code(host.ask(CLEAR, b"", 3, host.session).payload) == SEQUENCE


def test_hello_keeps_state_settings_and_trips(host: BoardHost) -> None:
    host.armed(period=1000)
    host.ok(COMPLIANCE, struct.pack("<dB", 1e-9, 0))
    host.ok(SCHEME, bytes([2, 4]))
    host.hello(9)
    assert host.status().state == 2
    assert host.refused(READ, host.read([(0, 0)], voltage=-1)).code == RANGE
    flags = host.ok(READ, host.read([(0, 0)]))[8:]
    assert flags == b"\x02"
    host.clock.sleep(2.0)
    host.hello(10)
    assert host.status()[:2] == (0, 1)


@pytest.mark.parametrize("sequence", [0, 1, 3, 4, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_any_other_sequence_is_refused_and_uses_up_nothing(host: BoardHost, sequence: int) -> None:
    host.hello()
    host.ok(CLEAR)
    if sequence != 1:
        refused = host.ask(ARM, struct.pack("<I", 1000), sequence, host.session)
        assert (refused.kind, code(refused.payload)) == (ERROR, SEQUENCE)
    assert host.status().state == 1
    host.ok(ARM, struct.pack("<I", 1000))


def test_another_session_is_refused_and_uses_up_nothing(host: BoardHost) -> None:
    host.hello()
    for session in (0, host.session ^ 1, 0xFFFF):
        refused = host.ask(CLEAR, b"", 1, session)
        assert (refused.kind, code(refused.payload)) == (ERROR, SESSION)
    host.ok(CLEAR)


@pytest.mark.parametrize("session", [0, 1, 0xFFFF])
def test_without_a_session_nothing_is_carried_out(host: BoardHost, session: int) -> None:
    assert code(host.ask(CLEAR, b"", 1, session).payload) == SESSION
    assert host.status().state == 0


def test_sequence_and_session_errors_are_not_cached(host: BoardHost) -> None:
    host.hello()
    assert code(host.ask(CLEAR, b"", 2, host.session).payload) == SEQUENCE
    assert code(host.ask(CLEAR, b"", 2, host.session ^ 1).payload) == SESSION
    host.ok(CLEAR)
    assert host.ask(CLEAR, b"", 2, host.session).kind == REPLY


@pytest.mark.parametrize(
    ("opcode", "payload", "expected"),
    [
        (0x0099, b"", 1),
        (0x0030, b"", 2),
        (0x0051, struct.pack("<IBHHdd", 0, 0, 0, 1, 1.0, 0.0), 13),
        (ARM, b"", 2),
        (SCHEME, bytes([9, 0]), 3),
        (ARM, struct.pack("<I", 1), RANGE),
        (PULSE, struct.pack("<HHHiII", 1, 0, 0, 0, 20, 1), 8),
        (ROUTE, struct.pack("<HH", 999, 0), 11),
    ],
)
def test_other_errors_use_up_their_sequence_and_are_cached(
    host: BoardHost, opcode: int, payload: bytes, expected: int
) -> None:
    host.idle()
    first = host.next(opcode, payload)
    assert (first.kind, code(first.payload)) == (ERROR, expected)
    again = host.ask(opcode, payload, host.sequence, host.session)
    assert again.raw == first.raw
    host.ok(CLEAR)


def test_a_repeat_is_answered_byte_for_byte_and_not_carried_out(host: BoardHost) -> None:
    host.armed()
    first = host.next(PULSE, host.entries([(3, 4, 900_000, 80, 7)]))
    state = host.world.die.state.copy()
    for _ in range(3):
        again = host.ask(PULSE, host.entries([(3, 4, 900_000, 80, 7)]), host.sequence, host.session)
        assert again.raw == first.raw
    assert host.status().delivered == 7
    assert (host.world.die.state == state).all()


def test_the_sequence_alone_decides_what_is_a_repeat(host: BoardHost) -> None:
    host.armed()
    first = host.next(PULSE, host.entries([ONE_PULSE]))
    for opcode, payload in ((PULSE, host.entries([(1, 1, 900_000, 80, 9)])), (READ, b"?"), (0x0077, b""), (ARM, b"")):
        host.send(host.frame(opcode, payload, host.sequence, host.session))
        (again,) = host.answers()
        assert again.raw == first.raw
    assert host.status().delivered == 1


def test_sixteen_replies_are_kept(host: BoardHost) -> None:
    host.hello()
    frames = [host.next(UNROUTE).raw for _ in range(20)]
    for sequence in range(1, 21):
        answer = host.ask(UNROUTE, b"", sequence, host.session)
        if sequence <= 4:
            assert code(answer.payload) == SEQUENCE
        else:
            assert answer.raw == frames[sequence - 1]
    host.ok(UNROUTE)


@pytest.mark.parametrize("opcode", [IDENTIFY, CAPABILITIES, STATUS, SAFE])
def test_some_operations_are_accepted_with_any_session_and_sequence(host: BoardHost, opcode: int) -> None:
    host.idle()
    for session in (0, host.session, 0xFFFF):
        for sequence in (0, 1, 2, 500, 0xFFFF_FFFF):
            assert host.ask(opcode, b"", sequence, session).kind == REPLY
    host.ok(CLEAR)


def test_their_answers_are_never_cached(host: BoardHost) -> None:
    host.idle()
    first = host.ask(STATUS, b"", 2, host.session).payload
    host.clock.sleep(0.5)
    second = host.ask(STATUS, b"", 2, host.session).payload
    assert first != second
    assert host.ask(STATUS, b"", 1, host.session).payload != first


@pytest.mark.parametrize(("opcode", "payload"), [(HELLO, b"123"), (IDENTIFY, b"x"), (STATUS, b"x"), (SAFE, b"x")])
def test_a_wrong_length_is_refused_outside_a_session_too(host: BoardHost, opcode: int, payload: bytes) -> None:
    host.idle()
    assert code(host.outside(opcode, payload).payload) == 2
    assert host.status().state == 1
    host.ok(CLEAR)


def test_replies_go_to_the_connection_that_asked(board: ProbeBoardPanel, host: BoardHost) -> None:
    other = type(host)(board)
    host.idle()
    assert other.status().state == 1
    assert not host.received
    other.session, other.sequence = host.session, host.sequence
    other.ok(ARM, struct.pack("<I", 1000))
    assert not host.received
    repeated = host.ask(ARM, struct.pack("<I", 1000), other.sequence, host.session)
    assert repeated.kind == REPLY
    other.hello(22)
    assert code(host.ask(CLEAR, b"", 3, host.session).payload) == SESSION


def test_the_panels_own_connection_is_one_like_any_other(board: ProbeBoardPanel, host: BoardHost) -> None:
    half = host.frame(IDENTIFY, b"", 1, 0)
    assert board.receive(half[:5]) == []
    assert host.outside(IDENTIFY).kind == REPLY
    (answer,) = board.receive(half[5:])
    assert answer.startswith(b"\0")
    assert answer.endswith(b"\0")
    assert not host.received


def test_a_new_link_forgets_the_half_frame_of_the_last_one(board: ProbeBoardPanel, host: BoardHost) -> None:
    assert board.receive(host.frame(IDENTIFY, b"", 1, 0)[:5]) == []
    board.connect()
    assert len(board.receive(host.frame(IDENTIFY, b"", 2, 0))) == 1
    assert host.status().bad_frames == 0


def test_a_delimiter_stands_before_the_first_frame_of_a_link(board: ProbeBoardPanel) -> None:
    sent = list[bytes]()
    link = board.connection(sent.append)
    for sequence in (1, 2):
        link.receive(b"\0" + _frame_of(sequence))
    assert sent[0][0] == 0
    assert sent[1][0] != 0


def _frame_of(sequence: int) -> bytes:
    from labctl.wire import Frame, Kind, encode_frame

    return encode_frame(Frame(Kind.REQUEST, STATUS, sequence, 0))


def test_requests_may_come_together_or_byte_by_byte(host: BoardHost) -> None:
    host.hello()
    frames = b"\0" + b"".join(host.frame(UNROUTE, b"", sequence, host.session) for sequence in (1, 2, 3))
    host.send(frames)
    assert [answer.sequence for answer in host.answers()] == [1, 2, 3]
    for byte in frames:
        host.send(bytes([byte]))
    assert [answer.sequence for answer in host.answers()] == [1, 2, 3]
    host.sequence = 3
    host.ok(UNROUTE)


def test_damaged_frames_are_dropped_in_silence_and_counted(host: BoardHost) -> None:
    good = host.frame(STATUS, b"", 1, 0)
    flipped = bytearray(good)
    flipped[3] ^= 0x40
    bad = [
        bytes(flipped),
        good[:-3] + b"\0",
        host.frame(STATUS, b"", 1, 0, kind=2),
        host.frame(STATUS, b"", 1, 0, kind=7),
        host.frame(STATUS, b"", 1, 0, version=2),
        b"\x01\0",
        b"\x09abc\0",
        b"\xff" * 20_000 + b"\0",
    ]
    host.send(b"\0\0\0")
    for number, piece in enumerate(bad, 1):
        host.send(piece)
        assert host.answers() == []
        assert host.status().bad_frames == number


def test_a_count_is_as_old_as_its_question(host: BoardHost) -> None:
    host.send(b"\x01\0" + host.frame(STATUS, b"", 1, 0) + b"\x01\0\x01\0" + host.frame(STATUS, b"", 2, 0))
    counts = [struct.unpack("<BHQIiIQ", answer.payload)[5] for answer in host.answers()]
    assert counts == [1, 3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_no_bytes_raise_and_the_next_delimiter_is_a_fresh_start(host: BoardHost, garbage: list[bytes]) -> None:
    for piece in garbage:
        host.send(piece)
    host.send(b"\0")
    host.answers()
    assert host.outside(IDENTIFY).payload.startswith(b"labctl,XPB-64,")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    st.integers(0, 0x60) | st.integers(0, 0xFFFF),
    st.binary(max_size=80),
    st.sampled_from([0, 1, 2]),
    st.sampled_from(["none", "idle", "armed"]),
)
def test_no_request_raises_and_each_gets_one_answer(
    host: BoardHost, opcode: int, payload: bytes, ahead: int, state: str
) -> None:
    if state != "none":
        host.hello(next(NONCES))
        host.ok(CLEAR)
    if state == "armed":
        host.ok(ARM, struct.pack("<I", 10_000))
    host.send(host.frame(opcode, payload, host.sequence + ahead, host.session))
    (answer,) = host.answers()
    assert answer.kind in (REPLY, ERROR)
    if opcode != HELLO:
        assert host.outside(STATUS).kind == REPLY
