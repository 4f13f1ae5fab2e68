"""What becomes of a request of the probe board's driver when its reply is lost: nothing is ever done twice."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from drivers.board_errors import BoardTrippedError
from drivers.board_link import REPLY_TIME
from labctl.board_data import Cell, Pulse, PulseReceipt
from labctl.errors import InDoubtError, LinkError

if TYPE_CHECKING:
    from drivers.probe_board import LabctlProbeBoard
    from tests.drivers.board.conftest import Clock, ScriptedPort

REQUEST, REPLY = 1, 2
NEXT = 0x4321
"""The session after the first one, which began with 7 pulses delivered."""
TRAINS = (3, 2, 4)
LIST = [Pulse(Cell(0, 1), 0.9, 80e-9, count) for count in TRAINS]
ENTRIES = struct.pack("<H", 3) + b"".join(struct.pack("<HHiII", 0, 1, 900_000, 80, count) for count in TRAINS)
BOTH = struct.pack("<iH", 200_000, 1) + ENTRIES
READ = struct.pack("<iHHHH", 200_000, 1, 1, 0, 1)


def lose(port: ScriptedPort, opcode: int, payload: bytes, sequence: int = 1) -> None:
    """Expect a request four times, and let no reply come."""
    for _ in range(4):
        port.say(port.frame(REQUEST, opcode, sequence, payload))


@pytest.mark.parametrize("executed", [0, 1, 2, 3])
def test_a_lost_list_is_settled_by_the_count(board: LabctlProbeBoard, port: ScriptedPort, executed: int) -> None:
    delivered = 7 + sum(TRAINS[:executed])
    lose(port, 0x21, ENTRIES)
    port.say_hello(NEXT, delivered=delivered)
    assert board.pulse(LIST) == PulseReceipt(executed, delivered, 3)
    port.say(
        port.frame(REQUEST, 0x21, 1, ENTRIES, NEXT),
        port.frame(REPLY, 0x21, 1, struct.pack("<IQ", 3, delivered + 9), NEXT),
    )
    assert board.pulse(LIST) == PulseReceipt(3, delivered + 9, 3)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_list_is_repeated_as_the_same_bytes(board: LabctlProbeBoard, port: ScriptedPort, lost: int) -> None:
    request = port.frame(REQUEST, 0x21, 1, ENTRIES)
    for _ in range(lost):
        port.say(request)
    port.say(request, port.frame(REPLY, 0x21, 1, struct.pack("<IQ", 3, 16)))
    assert board.pulse(LIST) == PulseReceipt(3, 16, 3)


@pytest.mark.parametrize("delivered", [6, 8, 11, 13, 17, 1000])
def test_a_count_that_fits_no_list_is_in_doubt(board: LabctlProbeBoard, port: ScriptedPort, delivered: int) -> None:
    lose(port, 0x21, ENTRIES)
    port.say_hello(NEXT, delivered=delivered)
    with pytest.raises(InDoubtError, match="stopped within a list"):
        board.pulse(LIST)


@pytest.mark.parametrize("delivered", [0, 7, 16])
def test_a_restart_leaves_a_list_in_doubt(board: LabctlProbeBoard, port: ScriptedPort, delivered: int) -> None:
    lose(port, 0x21, ENTRIES)
    port.say_hello(NEXT, boot=4, delivered=delivered)
    with pytest.raises(InDoubtError, match="was restarted"):
        board.pulse(LIST)


@pytest.mark.parametrize("opcode", [0x21, 0x22])
def test_a_list_that_nobody_answers_for_is_in_doubt(board: LabctlProbeBoard, port: ScriptedPort, opcode: int) -> None:
    lose(port, opcode, ENTRIES if opcode == 0x21 else BOTH)
    for _ in range(4):
        port.say_hello(answered=False)
    with pytest.raises(InDoubtError, match="0 to 3 pulses of the list were put out"):
        _ = board.pulse(LIST) if opcode == 0x21 else board.pulse_read(LIST, 0.2, 1)
    port.say_hello(NEXT)
    port.say(port.frame(REQUEST, 0x13, 1, session=NEXT), port.frame(REPLY, 0x13, 1, session=NEXT))
    board.unroute()


def test_a_port_that_dies_leaves_a_list_in_doubt(board: LabctlProbeBoard, port: ScriptedPort) -> None:
    port.say(port.frame(REQUEST, 0x21, 1, ENTRIES), OSError(5, "unplugged"), OSError(5, "unplugged"))
    port.say_hello(answered=False)
    with pytest.raises(InDoubtError, match="unplugged"):
        board.pulse(LIST)


@pytest.mark.parametrize("executed", [0, 1, 2, 3])
def test_lost_readings_are_in_doubt_and_say_how_many_pulses(
    board: LabctlProbeBoard, port: ScriptedPort, executed: int
) -> None:
    lose(port, 0x22, BOTH)
    port.say_hello(NEXT, delivered=7 + sum(TRAINS[:executed]))
    with pytest.raises(InDoubtError, match=f"; {executed} of 3 pulses were put out, what was read is lost"):
        board.pulse_read(LIST, 0.2, 1)


@pytest.mark.parametrize("size", [0, 11, 12, 12 + 26, 12 + 28])
def test_readings_of_a_wrong_length_are_lost(board: LabctlProbeBoard, port: ScriptedPort, size: int) -> None:
    payload = (struct.pack("<IQ", 3, 16) + bytes(64))[:size]
    port.say(port.frame(REQUEST, 0x22, 1, BOTH), port.frame(REPLY, 0x22, 1, payload))
    port.say_hello(NEXT, delivered=16)
    with pytest.raises(InDoubtError, match="3 of 3 pulses were put out"):
        board.pulse_read(LIST, 0.2, 1)


@pytest.mark.parametrize("size", [11, 13])
def test_a_receipt_of_a_wrong_length_is_settled(board: LabctlProbeBoard, port: ScriptedPort, size: int) -> None:
    payload = (struct.pack("<IQ", 3, 16) + bytes(1))[:size]
    port.say(port.frame(REQUEST, 0x21, 1, ENTRIES), port.frame(REPLY, 0x21, 1, payload))
    port.say_hello(NEXT, delivered=12)
    assert board.pulse(LIST) == PulseReceipt(2, 12, 3)


TRIPS: list[tuple[int, bytes, bytes, Callable[[LabctlProbeBoard], object]]] = [
    (0x20, READ, b"", lambda board: board.read([Cell(0, 1)], 0.2, 1)),
    (0x21, ENTRIES, b"", lambda board: board.pulse(LIST)),
    (0x22, BOTH, bytes(9), lambda board: board.pulse_read(LIST, 0.2, 1)),
]


@pytest.mark.parametrize(("opcode", "payload", "block", "call"), TRIPS)
def test_an_error_tells_the_counter_from_which_the_next_list_is_settled(
    board: LabctlProbeBoard,
    port: ScriptedPort,
    opcode: int,
    payload: bytes,
    block: bytes,
    call: Callable[[LabctlProbeBoard], object],
) -> None:
    port.say(port.frame(REQUEST, opcode, 1, payload), port.error(opcode, 1, 10, 10, block + b"limit", 1))
    with pytest.raises(BoardTrippedError) as caught:
        call(board)
    assert (caught.value.report.executed, caught.value.report.delivered, caught.value.report.block) == (1, 10, block)
    lose(port, 0x21, ENTRIES, 2)
    port.say_hello(NEXT, delivered=10)
    assert board.pulse(LIST) == PulseReceipt(0, 10, 3)


def test_a_receipt_tells_the_counter_from_which_the_next_list_is_settled(
    board: LabctlProbeBoard, port: ScriptedPort
) -> None:
    port.say(port.frame(REQUEST, 0x22, 1, BOTH), port.frame(REPLY, 0x22, 1, struct.pack("<IQ", 3, 16) + bytes(27)))
    assert board.pulse_read(LIST, 0.2, 1)[0] == PulseReceipt(3, 16, 3)
    lose(port, 0x21, ENTRIES, 2)
    port.say_hello(NEXT, delivered=19)
    assert board.pulse(LIST) == PulseReceipt(1, 19, 3)


def test_a_list_whose_second_copy_met_another_session_is_settled(board: LabctlProbeBoard, port: ScriptedPort) -> None:
    port.say(port.frame(REQUEST, 0x21, 1, ENTRIES))
    port.say(port.frame(REQUEST, 0x21, 1, ENTRIES), port.error(0x21, 1, 5, 16))
    port.say_hello(NEXT, delivered=16)
    assert board.pulse(LIST) == PulseReceipt(3, 16, 3)


def test_a_lost_read_fails_and_the_next_one_works(board: LabctlProbeBoard, port: ScriptedPort, clock: Clock) -> None:
    lose(port, 0x20, READ)
    with pytest.raises(LinkError, match="did not answer READ") as caught:
        board.read([Cell(0, 1)], 0.2, 1)
    assert not isinstance(caught.value, InDoubtError)
    assert clock.now() == pytest.approx(4 * REPLY_TIME, abs=0.5)
    port.say_hello(NEXT)
    port.say(port.frame(REQUEST, 0x20, 1, READ, NEXT), port.frame(REPLY, 0x20, 1, struct.pack("<dB", 1e-4, 0), NEXT))
    assert board.read([Cell(0, 1)], 0.2, 1).current.tolist() == [1e-4]


@pytest.mark.parametrize("size", [0, 8, 10, 18])
def test_a_reading_of_a_wrong_length_is_no_reading(board: LabctlProbeBoard, port: ScriptedPort, size: int) -> None:
    port.say(port.frame(REQUEST, 0x20, 1, READ), port.frame(REPLY, 0x20, 1, bytes(size)))
    with pytest.raises(LinkError, match=f"9 bytes expected for 1 results, {size} found"):
        board.read([Cell(0, 1)], 0.2, 1)


@pytest.mark.parametrize("place", [0, 1, 10, 27])
def test_a_list_that_is_stopped_is_made_safe_and_not_put_out(
    board: LabctlProbeBoard, port: ScriptedPort, place: int
) -> None:
    reply = port.frame(REPLY, 0x21, 1, struct.pack("<IQ", 3, 16))
    head = [reply[:place]] if place else []
    port.say(port.frame(REQUEST, 0x21, 1, ENTRIES), *head, KeyboardInterrupt(), reply[place:])
    with pytest.raises(KeyboardInterrupt):
        board.pulse(LIST)
    with pytest.raises(LinkError, match="open a new one"):
        board.unroute()
    port.say_outside(0x05, b"")
    board.make_safe()
    with pytest.raises(LinkError, match="open a new one") as caught:
        board.pulse(LIST)
    assert not isinstance(caught.value, InDoubtError)
    port.say_hello(NEXT, delivered=16)
    board.open_session()
    port.say(port.frame(REQUEST, 0x06, 1, session=NEXT), port.frame(REPLY, 0x06, 1, b"\0\0", NEXT))
    board.clear()
