"""Sections 1 and 2 of the wire specification, rules 1 to 4: frames, sessions, at most once; asked from outside."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from wire.independent.client import Client, Code, Link, Message, Op, changed, good, pulse, read, refusal, stuff

if TYPE_CHECKING:
    from collections.abc import Callable

STATUS = Message(1, Op.STATUS, 0x90000000, 0)


def _resealed(body: bytes) -> bytes:
    """Return a frame of these bytes and their CRC."""
    return stuff(body + struct.pack("<I", zlib.crc32(body))) + b"\0"


BAD_FRAMES = {
    "crc": stuff(STATUS.body[:-1] + bytes([STATUS.body[-1] ^ 1])) + b"\0",
    "flipped bit": stuff(bytes([*STATUS.body[:4], STATUS.body[4] ^ 4, *STATUS.body[5:]])) + b"\0",
    "version": changed(STATUS, version=2).wire,
    "version 0": changed(STATUS, version=0).wire,
    "reply": changed(STATUS, kind=2).wire,
    "error": changed(STATUS, kind=3).wire,
    "kind 0": changed(STATUS, kind=0).wire,
    "kind 4": changed(STATUS, kind=4).wire,
    "13 bytes": _resealed(STATUS.body[:9]),
    "one byte": b"\x01\0",
    "undecodable": b"\x09\x01\x02\0",
    "16,401 bytes": Message(1, Op.STATUS, 0x90000000, 0, bytes(16_387)).wire,
    "far too long": b"\x01" * 200_000 + b"\0",
    "text": b"*IDN?\n\0",
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_bad_frame_is_dropped_without_an_answer_and_counted_once(board: Client, name: str) -> None:
    before = board.status().bad_frames
    board.link.put(BAD_FRAMES[name])
    assert board.status().bad_frames == before + 1  # The first answer is that of STATUS: the bad frame had none.


def test_empty_pieces_are_no_bad_frames(board: Client) -> None:
    before = board.status().bad_frames
    board.link.put(b"\0" * 1000)
    assert board.status().bad_frames == before


def test_the_longest_frame_is_taken(board: Client) -> None:
    before = board.status().bad_frames
    answer = board.ask(Op.READ, bytes(16_386))
    assert refusal(answer).code == Code.BAD_LENGTH
    assert board.status().bad_frames == before


def test_garbage_costs_no_more_than_the_frame_that_it_runs_into(board: Client) -> None:
    before = board.status().bad_frames
    board.link.put(b"\x7f\x80garbage" + STATUS.wire)
    board.link.put(STATUS.wire)
    assert board.link.take().sequence == STATUS.sequence
    assert board.link.silent(0.05)
    assert board.status().bad_frames == before + 1


def test_bytes_may_come_one_by_one_and_frames_together(board: Client) -> None:
    for byte in STATUS.wire:
        board.link.put(bytes([byte]))
    assert board.link.take().sequence == STATUS.sequence
    first, second = board.request(Op.TEMPERATURE), changed(board.request(Op.UNROUTE), sequence=board.sequence + 2)
    board.sequence += 2
    board.link.put(first.wire[:-1] + b"\0\0\0" + second.wire + STATUS.wire + BAD_FRAMES["crc"] + STATUS.wire[:5])
    assert [board.link.take().opcode for _ in range(3)] == [Op.TEMPERATURE, Op.UNROUTE, Op.STATUS]
    board.link.put(STATUS.wire[5:])
    assert board.link.take().opcode == Op.STATUS


def test_half_a_frame_of_one_connection_is_not_completed_by_another(board: Client, fast_port: int) -> None:
    before = board.status().bad_frames
    board.link.put(STATUS.wire[:7])
    with Link(fast_port) as other:
        assert other.exchange(STATUS).kind == 2
    board.link.put(STATUS.wire[7:])
    assert board.link.take().sequence == STATUS.sequence
    assert board.status().bad_frames == before


def test_hello_with_the_same_nonce_changes_nothing(board: Client) -> None:
    board.link.put(b"\0")
    hello = Message(1, Op.HELLO, 77, 0x1234, struct.pack("<I", 0xABCD0001))
    first = board.link.exchange(hello)
    assert first.session == 0x1234
    assert len(first.payload) == 4 + 2 + 4 + 8
    board.session, board.sequence = struct.unpack_from("<H", first.payload, 4)[0], 0
    board.arm()
    repeated = board.link.exchange(hello)
    assert repeated.raw == first.raw
    again = board.link.exchange(changed(hello, sequence=78, session=0))
    assert again.payload == first.payload
    assert board.link.exchange(Message(1, Op.ARM, 2, board.session)).kind == 2  # From the cache: it is still there.
    board.do(Op.PULSE, pulse((0, 0, 100_000, 100, 3)))
    # Also after pulses: the same payload, `delivered` as it was.
    assert board.link.exchange(changed(hello, sequence=79)).payload == first.payload


def test_hello_opens_a_new_session_and_forgets_the_old(board: Client) -> None:
    board.arm()
    armed = board.status()
    old, sessions = board.session, {0}
    for _ in range(5):
        board.hello()
        assert board.session not in (0, old)
        refused = board.link.exchange(Message(1, Op.TEMPERATURE, 1, old))
        assert (refusal(refused).code, refused.session) == (Code.SESSION, old)
        old = board.session
        sessions.add(old)
        assert refusal(board.link.exchange(Message(1, Op.TEMPERATURE, 2, old))).code == Code.SEQUENCE
    assert board.status().state == armed.state
    assert board.status().delivered == armed.delivered
    board.do(Op.TEMPERATURE)


@pytest.mark.parametrize("size", [0, 3, 5])
def test_a_hello_of_a_wrong_length_opens_nothing(board: Client, size: int) -> None:
    refused = board.link.exchange(Message(1, Op.HELLO, 9, 0, b"\1" * size))
    assert refusal(refused).code == Code.BAD_LENGTH
    board.do(Op.TEMPERATURE)


def test_a_sequence_is_executed_once_whatever_comes_with_it(board: Client) -> None:
    board.arm()
    pulses = board.request(Op.PULSE, pulse((1, 2, 100_000, 100, 7)))
    first = board.ask(Op.PULSE, pulses.payload)
    delivered = board.status().delivered
    for message in (
        pulses,
        changed(pulses, opcode=Op.ARM),
        Message(1, Op.PULSE, pulses.sequence, pulses.session, pulse((0, 0, 100_000, 100, 1))),
        Message(1, 0x7777, pulses.sequence, pulses.session, b"anything"),
    ):
        board.link.put(message.wire)
        assert board.link.take().raw == first.raw
    assert board.status().delivered == delivered
    assert struct.unpack("<IQ", first.payload) == (1, delivered)


def test_sixteen_replies_are_kept_errors_among_them(board: Client) -> None:
    answers: dict[int, Message] = {}
    for index in range(20):
        request = board.request(0x7777 if index % 3 else Op.TEMPERATURE)
        answers[request.sequence] = board.ask(request.opcode)
    last = board.sequence
    for sequence in range(last - 15, last + 1):
        board.link.put(Message(1, Op.PULSE, sequence, board.session).wire)
        assert board.link.take().raw == answers[sequence].raw
    for sequence in (last - 16, last + 2, 0, 0xFFFFFFFF):
        refused = refusal(board.link.exchange(Message(1, Op.TEMPERATURE, sequence, board.session)))
        assert (refused.code, refused.entry) == (Code.SEQUENCE, 0xFFFF)
    board.do(Op.TEMPERATURE)  # last + 1: the errors used up nothing.
    assert refusal(board.link.exchange(Message(1, Op.TEMPERATURE, last - 15, board.session))).code == Code.SEQUENCE


def test_errors_of_session_and_sequence_are_not_cached(board: Client) -> None:
    ahead = changed(board.request(Op.TEMPERATURE), sequence=board.sequence + 2)
    assert refusal(board.link.exchange(ahead)).code == Code.SEQUENCE
    strange = changed(board.request(Op.TEMPERATURE), session=board.session ^ 0x5555)
    assert refusal(board.link.exchange(strange)).code == Code.SESSION
    assert refusal(board.link.exchange(changed(strange, session=0))).code == Code.SESSION
    board.do(Op.TEMPERATURE)
    assert good(board.link.exchange(ahead)) == struct.pack("<i", 25_000)
    board.sequence += 1


def test_sessionless_operations_take_any_session_and_use_up_nothing(board: Client) -> None:
    for op in (Op.IDENTIFY, Op.CAPABILITIES, Op.STATUS, Op.SAFE):
        for session in (0, board.session, board.session ^ 0x0FF0):
            for sequence in (0, board.sequence, board.sequence + 1, 0xFFFFFFFF):
                answer = board.link.exchange(Message(1, op, sequence, session))
                assert (answer.kind, answer.session) == (2, session)
        assert refusal(board.free(op, b"x")).code == Code.BAD_LENGTH
    one, other = (board.link.exchange(changed(STATUS, session=board.session)).payload for _ in range(2))
    assert one != other  # `time` went on: nothing is cached.
    board.do(Op.TEMPERATURE)


def test_replies_go_to_the_connection_that_asked(board: Client, fast_port: int) -> None:
    request = board.request(Op.TEMPERATURE)
    first = board.ask(Op.TEMPERATURE)
    with Link(fast_port) as other:
        other.put(request.wire)  # A session belongs to no connection.
        assert other.take().raw == first.raw
        assert other.exchange(board.request(Op.UNROUTE)).kind == 2
        assert board.link.silent(0.05)
        newer = Client(other)
        assert refusal(board.ask(Op.TEMPERATURE)).code == Code.SESSION
        newer.do(Op.TEMPERATURE)


def _of_the_session(board: Client) -> dict[str, Callable[[], tuple[int, int]]]:
    """Requests with several faults; each names in its key the check that must speak."""
    cell, beyond = (0, 0, 100_000, 100, 1), (3, 0, 100_000, 100, 1)
    return {
        "BAD_OPCODE": lambda: board.refused(0x7FFF, bytes(5)),
        "BAD_LENGTH": lambda: board.refused(Op.READ, read(9_000_000, 0, (0, 0))[:-1]),
        "RANGE": lambda: board.refused(Op.READ, read(9_000_000, 1, (9, 9))),
        "NO_SUCH_CELL 1": lambda: board.refused(Op.PULSE, pulse(cell, beyond, (0, 0, 9_000_000, 1, 0))),
        "RANGE 1": lambda: board.refused(Op.PULSE, pulse(cell, (0, 0, 9_000_000, 100, 1), beyond)),
        "RANGE long": lambda: board.refused(Op.PULSE, pulse((0, 0, 0, 10_000_000, 1_000_000))),
        "SAFE_STATE": lambda: board.refused(Op.PULSE, pulse(cell)),
        "CALIBRATION_KEY": lambda: board.refused(Op.CALIBRATION_WRITE, struct.pack("<IBHHdd", 1, 0, 0, 1, 1.0, 0.0)),
        "RANGE line": lambda: board.refused(Op.CALIBRATION_WRITE, struct.pack("<IBHHdd", 1, 0, 5, 1, 1.0, 0.0)),
    }


def test_checks_come_in_their_order_and_errors_use_up_their_sequence(board: Client) -> None:
    for name, ask in _of_the_session(board).items():
        code, entry = ask()  # In SAFE: whatever stands before SAFE_STATE in rule 5 wins.
        word = name.split()
        assert code == Code[word[0]], name
        if "line" not in word:
            assert entry == (int(word[1]) if word[-1] == "1" else 0xFFFF), name
    strange = Message(1, 0x7FFF, board.sequence + 5, board.session ^ 0x5555)
    assert refusal(board.link.exchange(strange)).code == Code.SESSION
    assert refusal(board.link.exchange(changed(strange, session=board.session))).code == Code.SEQUENCE
    board.do(Op.CLEAR)
    assert board.refused(Op.PULSE, pulse((0, 0, 100_000, 100, 1)))[0] == Code.NOT_ARMED
