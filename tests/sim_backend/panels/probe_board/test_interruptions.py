"""What comes while the board is busy: SAFE, other requests, the end of the power (rules 2 and 7)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.probe_board import ProbeBoardPanel
    from sim_backend.world import World
    from tests.sim_backend.panels.probe_board.conftest import BoardHost, Problem

HELLO, STATUS, SAFE, CLEAR, ARM = 0x01, 0x04, 0x05, 0x06, 0x07
ROUTE, READ, PULSE, PULSE_READ = 0x12, 0x20, 0x21, 0x22
NONE, TRIPPED = 0xFFFF, 10
# 100 slots of 2 ms each.
LONG = (0, 0, 0, 1_000_000, 100)


def block(data: bytes, count: int) -> tuple[list[float], list[int]]:
    """Return the currents and flags of a result block, which is all there is."""
    assert len(data) == 9 * count
    return list(struct.unpack(f"<{count}d", data[: 8 * count])), list(data[8 * count :])


def tripped(problem: Problem) -> tuple[int, int, int, int]:
    """Return what a TRIPPED says, which must be one."""
    assert problem.code == TRIPPED
    return problem[:4]


def once(host: BoardHost, after: float, action: Callable[[], None]) -> None:
    """Do something at a time on the world's clock."""

    def act() -> None:
        timer.cancel()
        action()

    timer = host.clock.every(after, act)


def test_safe_breaks_a_list_off_before_the_next_pulse(
    board: ProbeBoardPanel, host: BoardHost, board_world: World
) -> None:
    """Pulses of a slot of 2 ms: after 0.1 s, and the millisecond of the request, 50 have begun."""
    other = type(host)(board)
    host.armed()
    once(host, 0.1005, lambda: other.send(other.frame(SAFE, b"", 0x8000_0001, 0)))
    problem = host.refused(PULSE, host.entries([(1, 1, 100_000, 1_000_000, 10), (2, 2, 900_000, 1_000_000, 400)]))
    assert tripped(problem) == (TRIPPED, NONE, 1, 50)
    assert host.clock.now() < 0.2
    assert [answer.opcode for answer in other.answers()] == [SAFE]
    assert host.status()[:3] == (0, 0, 50)
    assert board_world.die.write_count[2, 2] == 40


def test_safe_breaks_a_read_off(board: ProbeBoardPanel, host: BoardHost) -> None:
    other = type(host)(board)
    host.armed()
    once(host, 0.1, lambda: other.send(other.frame(SAFE, b"", 0x8000_0001, 0)))
    problem = host.refused(READ, host.read([(index % 2, 0) for index in range(200)], averages=4096))
    assert tripped(problem) == (TRIPPED, NONE, 0, 0)
    assert host.clock.now() < 0.2


def test_safe_breaks_a_pulse_read_off_and_keeps_what_was_read(board: ProbeBoardPanel, host: BoardHost) -> None:
    other = type(host)(board)
    host.armed()
    once(host, 0.05, lambda: other.send(other.frame(SAFE, b"", 0x8000_0001, 0)))
    # An entry takes 20.51 ms and a pulse.
    problem = host.refused(PULSE_READ, host.pulse_read([(3, 3, 0, 20, 1)] * 10, averages=4096))
    assert tripped(problem) == (TRIPPED, NONE, 2, 3)
    assert block(problem.rest[:18], 2)[1] == [0, 0]


def test_others_wait_while_a_list_runs_and_are_answered_in_order(board: ProbeBoardPanel, host: BoardHost) -> None:
    other = type(host)(board)
    host.armed()
    order = list[str]()
    host.on_answer = lambda: order.append("host")
    other.on_answer = lambda: order.append("other")
    question = other.frame(STATUS, b"", 1, 0) + other.frame(HELLO, struct.pack("<I", 77), 2, 0)
    once(host, 0.01, lambda: other.send(question))
    assert host.ok(PULSE, host.entries([LONG])) == struct.pack("<IQ", 1, 100)
    assert order == ["host", "other", "other"]
    status, hello = other.answers()
    assert struct.unpack("<BHQIiIQ", status.payload)[2] == 100
    assert hello.opcode == HELLO


def test_safe_that_came_while_others_waited_is_obeyed_in_its_turn_again(
    board: ProbeBoardPanel, host: BoardHost
) -> None:
    """What arrived before SAFE and is answered before it neither leaves SAFE nor puts anything out."""
    other = type(host)(board)
    host.armed()
    other.session = host.session
    requests = (
        other.frame(CLEAR, b"", 4, host.session),
        other.frame(ARM, struct.pack("<I", 1000), 5, host.session),
        other.frame(PULSE, host.entries([LONG]), 6, host.session),
        other.frame(SAFE, b"", 0x8000_0001, 0),
        other.frame(SAFE, b"too long", 0x8000_0002, 0),
    )
    once(host, 0.01, lambda: other.send(b"".join(requests)))
    problem = tripped(host.refused(PULSE, host.entries([LONG])))
    assert problem[1:3] == (NONE, 0)
    answers = [(answer.opcode, answer.kind) for answer in other.answers()]
    assert answers == [(CLEAR, 2), (ARM, 3), (PULSE, 3), (SAFE, 2), (SAFE, 3)]
    assert host.status()[:3] == (0, 0, problem[3])
    host.sequence = 6
    host.ok(CLEAR)
    assert host.status().state == 1


def test_safe_sent_right_behind_a_list_breaks_it_off_when_it_has_travelled(
    board: ProbeBoardPanel, host: BoardHost
) -> None:
    """Both requests reach the board's receiver in one piece; SAFE is a millisecond behind the list all the same."""
    host.armed()
    pulses = host.entries([(0, 0, 0, 50_000, 10), (0, 0, 0, 50_000, 100)])
    request = host.frame(PULSE, pulses, host.sequence + 1, host.session)
    host.send(request + host.frame(SAFE, b"", 0x8000_0001, 0))
    list_answer, safe_answer = host.answers()
    assert list_answer.kind == 3
    assert struct.unpack_from("<HHIQ", list_answer.payload) == (TRIPPED, NONE, 1, 11)
    assert (safe_answer.opcode, safe_answer.kind) == (SAFE, 2)
    assert host.status()[:3] == (0, 0, 11)


def test_safe_breaks_a_conversion_off_within_a_millisecond(board: ProbeBoardPanel, host: BoardHost) -> None:
    other = type(host)(board)
    host.armed()
    start = host.clock.now()
    once(host, 5e-3, lambda: other.send(other.frame(SAFE, b"", 0x8000_0001, 0)))
    assert host.refused(READ, host.read([(0, 0)], averages=4096)).code == TRIPPED
    assert host.clock.now() - start < 9e-3


def test_a_power_cycle_breaks_a_list_off_without_an_answer(
    board: ProbeBoardPanel, host: BoardHost, board_world: World
) -> None:
    host.armed()
    once(host, 0.1005, board.power_cycle)
    host.send(host.frame(PULSE, host.entries([(2, 2, 900_000, 1_000_000, 400)]), host.sequence + 1, host.session))
    assert host.answers() == []
    assert host.status()[:4] == (0, 0, 0, 2)
    assert board_world.die.write_count[2, 2] == 50


def test_safe_opens_the_port_at_once_while_a_request_travels(board: ProbeBoardPanel, host: BoardHost) -> None:
    """The port opens half-way through the millisecond of the other request, which finds the board safe."""
    other, seen = type(host)(board), list[float]()
    smu = host.world.smu("smu")
    smu.drive(0.2, 1.0)
    host.armed()
    host.ok(ROUTE, struct.pack("<HH", 1, 1))

    def make_safe() -> None:
        seen.append(smu.measure(1e-3).current)
        other.send(other.frame(SAFE, b"", 1, 0))
        seen.append(smu.measure(1e-3).current)

    once(host, 0.5e-3, make_safe)
    assert host.refused(PULSE, host.entries([LONG])).code == 9
    before, after = seen
    assert before != 0.0
    assert after == 0.0
    assert [answer.kind for answer in other.answers()] == [2]


def test_a_safe_of_a_wrong_length_breaks_nothing_off(board: ProbeBoardPanel, host: BoardHost) -> None:
    other = type(host)(board)
    host.armed()
    once(host, 0.05, lambda: other.send(other.frame(SAFE, b"x", 1, 0)))
    assert host.ok(PULSE, host.entries([LONG])) == struct.pack("<IQ", 1, 100)
    assert [answer.kind for answer in other.answers()] == [3]
    assert host.status().state == 2


def test_who_waits_when_the_power_goes_is_not_answered(board: ProbeBoardPanel, host: BoardHost) -> None:
    other = type(host)(board)
    host.armed()
    once(host, 0.05, lambda: other.send(other.frame(STATUS, b"", 1, 0)))
    once(host, 0.1, board.power_cycle)
    host.send(host.frame(PULSE, host.entries([LONG]), host.sequence + 1, host.session))
    assert host.answers() == []
    assert other.answers() == []
    assert other.status().boot == 2


def test_a_request_on_its_way_when_the_power_goes_is_lost(
    board: ProbeBoardPanel, host: BoardHost, board_world: World
) -> None:
    host.armed()
    once(host, 0.5e-3, board.power_cycle)
    host.send(host.frame(PULSE, host.entries([(0, 0, 900_000, 80, 5)]), host.sequence + 1, host.session))
    assert host.answers() == []
    assert board_world.die.state[0, 0] == 0
    assert host.status()[:4] == (0, 0, 0, 2)
