"""Trips whose cause lasts, and a world that cannot go on: TRIPPED and INTERNAL (rule 6 and the table of errors)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from labctl.board_data import Trip
from labctl.errors import ModelError, StoreError
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import model_of, profile_named
from sim_backend.die import Die
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.probe_board.conftest import BoardHost

SAFE, CLEAR, ARM, ROUTE, READ, PULSE, PULSE_READ, MULTIPLY, SELFTEST = 5, 6, 7, 0x12, 0x20, 0x21, 0x22, 0x30, 0x41
NONE = 0xFFFF
TRIPPED, INTERNAL = 10, 14
CELL = struct.pack("<HH", 2, 3)
UP = (900_000, 80, 7)


def once(host: BoardHost, after: float, action: Callable[[], None]) -> None:
    def act() -> None:
        timer.cancel()
        action()

    timer = host.clock.every(after, act)


@pytest.mark.parametrize("cause", [Trip.OVER_TEMPERATURE, Trip.INTERLOCK, Trip.SUPPLY])
def test_clear_does_not_leave_safe_while_the_cause_lasts(board: ProbeBoardPanel, host: BoardHost, cause: Trip) -> None:
    host.armed()
    board.trip(cause, lasts=True)
    assert host.status()[:2] == (0, cause)
    problem = host.refused(CLEAR)
    assert problem[:4] == (TRIPPED, NONE, 0, 0)
    assert problem.rest.decode().isprintable()
    assert host.status()[:2] == (0, cause)
    assert host.refused(READ, host.read([(0, 0)])).code == 9
    board.end_cause(cause)
    assert host.status()[:2] == (0, cause)
    assert host.ok(CLEAR) == struct.pack("<H", cause)
    assert host.status()[:2] == (1, 0)


def test_a_trip_without_lasting_cause_is_cleared_at_once(board: ProbeBoardPanel, host: BoardHost) -> None:
    host.armed()
    board.trip(Trip.SUPPLY)
    board.trip(Trip.INTERLOCK)
    assert host.ok(CLEAR) == struct.pack("<H", Trip.SUPPLY | Trip.INTERLOCK)


def test_a_hot_board_trips_and_cools_down(board: ProbeBoardPanel, host: BoardHost) -> None:
    host.armed()
    board.set_temperature(70.0)
    assert host.status()[:2] == (2, 0)
    board.set_temperature(70.5)
    assert host.status()[:2] == (0, 4)
    assert host.status().temperature == 70_500
    assert host.refused(CLEAR).code == TRIPPED
    board.set_temperature(40.0)
    assert host.ok(CLEAR) == b"\x04\0"


def test_a_lasting_cause_is_there_after_a_power_cycle(board: ProbeBoardPanel, host: BoardHost) -> None:
    board.trip(Trip.INTERLOCK, lasts=True)
    board.power_cycle()
    assert host.status()[:2] == (0, 8)
    host.hello()
    assert host.refused(CLEAR).code == TRIPPED


@pytest.mark.parametrize("opcode", [READ, PULSE, PULSE_READ, MULTIPLY])
def test_a_protection_breaks_off_what_runs(board: ProbeBoardPanel, host: BoardHost, opcode: int) -> None:
    host.armed()
    payload = {
        READ: host.read([(index % 2, 0) for index in range(200)], averages=4096),
        PULSE: host.entries([(0, 0, 0, 1_000_000, 200)] * 3),
        PULSE_READ: host.pulse_read([(0, 0, 0, 1_000_000, 10)] * 20, averages=1000),
        MULTIPLY: host.multiply([[0] * 12] * 3, averages=100, slot=10_000_000),
    }[opcode]
    start = host.clock.now()
    once(host, 0.1, lambda: board.trip(Trip.INTERLOCK, lasts=True))
    assert host.refused(opcode, payload)[:2] == (TRIPPED, NONE)
    assert host.clock.now() - start < 0.11
    assert host.status()[:2] == (0, 8)


# A world that cannot go on.


def failing(monkeypatch: pytest.MonkeyPatch, world: World, name: str, after: int = 0) -> None:
    """Let an operation of the world fail after some calls."""
    real, calls = getattr(world, name), list[int]()

    def fails(*args: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) <= after:
            return real(*args, **named)
        raise ModelError("cell (0, 0) has nan S")

    monkeypatch.setattr(world, name, fails)


@pytest.mark.parametrize(
    ("opcode", "name"),
    [(READ, "read_cells"), (PULSE, "pulse_cell"), (PULSE_READ, "pulse_cell"), (PULSE_READ, "read_cells"),
     (MULTIPLY, "product"), (ROUTE, "route")],
)  # fmt: skip
def test_the_board_says_so_and_is_safe(
    host: BoardHost, board_world: World, monkeypatch: pytest.MonkeyPatch, opcode: int, name: str
) -> None:
    host.armed()
    failing(monkeypatch, board_world, name)
    payload = {
        READ: host.read([(0, 0)]), PULSE: host.entries([(0, 0, 0, 20, 1)]), ROUTE: CELL,
        PULSE_READ: host.pulse_read([(0, 0, 0, 20, 1)]), MULTIPLY: host.multiply([[0] * 12]),
    }[opcode]  # fmt: skip
    first = host.next(opcode, payload)
    code, entry, executed, _ = struct.unpack_from("<HHIQ", first.payload)
    assert (first.kind, code, entry, executed) == (3, INTERNAL, NONE, 0)
    assert "nan S" in first.payload[16:].decode()
    assert host.status()[:2] == (0, 0)
    monkeypatch.undo()
    assert host.ask(opcode, payload, host.sequence, host.session).raw == first.raw
    host.ok(CLEAR)
    host.ok(READ, host.read([(0, 0)]))


def test_a_list_says_how_far_it_came(host: BoardHost, board_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`delivered` counts what was put out, whatever the twin makes of it; results go with TRIPPED only."""
    host.armed()
    failing(monkeypatch, board_world, "pulse_cell", after=2)
    pulses = [(0, 0, 0, 20, 3), (0, 1, 0, 20, 4), (0, 2, 0, 20, 5), (0, 3, 0, 20, 6)]
    assert host.refused(PULSE, host.entries(pulses))[:4] == (INTERNAL, NONE, 2, 12)
    assert host.status()[:3] == (0, 0, 12)
    monkeypatch.undo()
    failing(monkeypatch, board_world, "read_cells", after=1)
    host.ok(CLEAR)
    host.ok(ARM, struct.pack("<I", 1000))
    problem = host.refused(PULSE_READ, host.pulse_read(pulses))
    assert problem[:4] == (INTERNAL, NONE, 1, 19)
    assert problem.rest.startswith(b"the twin cannot go on")


def test_a_voltage_beyond_the_model_is_internal(host: BoardHost) -> None:
    """The board puts out 5 V, the cells' model is computed up to 2 V."""
    profile = profile_named("ru-azo").model_copy(update={"voltage_known": 1.5, "voltage_max": 2.0})
    world = World(Die.fresh("die", 3, 5, model_of(profile), 1), VirtualClock())
    found = type(host)(ProbeBoardPanel(world, "board"))
    found.armed()
    problem = found.refused(PULSE, found.entries([(0, 0, 100_000, 20, 1), (0, 0, 5_000_000, 20, 1)]))
    assert problem[:3] == (INTERNAL, NONE, 1)
    assert found.status().state == 0
    assert not world.die.state.any()


def test_a_port_that_cannot_be_settled_opens_all_the_same(
    host: BoardHost, board_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.armed()
    smu = board_world.smu("smu")
    smu.drive(0.2, 1.0)
    host.ok(ROUTE, CELL)
    assert smu.measure(1e-3).current != 0.0

    def fails(_: object) -> NoReturn:
        raise ModelError("no operating point")

    monkeypatch.setattr(type(smu), "settle", fails)
    host.outside(SAFE)
    monkeypatch.undo()
    assert host.status()[:2] == (0, 0)
    assert smu.measure(1e-3).current == 0.0
    assert ["no operating point" in notice for notice in board_world.notices] == [True]


def test_what_is_no_matter_of_the_boards_is_not_done_twice_either(
    host: BoardHost, board_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An audit on a full disk: whoever runs the twin is told; a host that repeats its list gets INTERNAL."""
    real = board_world.pulse_cell

    def full(*args: Any) -> NoReturn:
        real(*args)
        raise StoreError("no space left")

    host.armed()
    monkeypatch.setattr(board_world, "pulse_cell", full)
    payload = host.entries([(0, 0, *UP)])
    with pytest.raises(StoreError):
        host.next(PULSE, payload)
    monkeypatch.undo()
    state = board_world.die.state.copy()
    problem = host.ask(PULSE, payload, host.sequence, host.session)
    assert struct.unpack_from("<HHIQ", problem.payload) == (INTERNAL, NONE, 0, 7)
    assert b"no space left" in problem.payload
    assert (board_world.die.state == state).all()
    assert host.status()[:3] == (0, 0, 7)
    host.ok(CLEAR)
