"""What lists do to the die, and what breaks them off (rules 5, 7, 8 and 9 of the board's wire specification)."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sim_backend.audit import Audit

if TYPE_CHECKING:
    from pathlib import Path

    from sim_backend.world import CellCurrents, World
    from tests.sim_backend.panels.probe_board.conftest import BoardHost, Problem

CLEAR = 0x06
COMPLIANCE, READ, PULSE, PULSE_READ = 0x11, 0x20, 0x21, 0x22
TRIPPED = 10
UP = (900_000, 80)


def block(data: bytes, count: int) -> tuple[list[float], list[int]]:
    """Return the currents and flags of a result block, which is all there is."""
    assert len(data) == 9 * count
    return list(struct.unpack(f"<{count}d", data[: 8 * count])), list(data[8 * count :])


def test_currents_are_those_of_the_cells_in_the_order_asked(host: BoardHost, board_world: World) -> None:
    """The noise of a reading is 27 nS in one sample, so 100 samples are within a few nS of the truth."""
    board_world.die.state[:] = np.arange(192).reshape(12, 16) * 150.0
    true = board_world.die.conductance()
    cells = [(11, 15), (0, 0), (0, 1), (3, 7), (3, 6), (3, 6), (11, 0)]
    host.idle()
    currents, flags = block(host.ok(READ, host.read(cells, averages=100)), len(cells))
    voltage = round(0.2 / 15.259e-6) * 15.259e-6
    expected = [true[cell] * voltage for cell in cells]
    assert currents == pytest.approx(expected, rel=2e-3, abs=3e-9)
    assert flags == [0] * len(cells)


def test_voltages_are_rounded_to_the_converters_grids(
    host: BoardHost, board_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[float]()
    read_cells, pulse_cell = board_world.read_cells, board_world.pulse_cell

    def read(*args: Any) -> CellCurrents:
        seen.append(args[2])
        return read_cells(*args)

    def pulse(*args: Any) -> bool:
        seen.append(args[2])
        return pulse_cell(*args)

    monkeypatch.setattr(board_world, "read_cells", read)
    monkeypatch.setattr(board_world, "pulse_cell", pulse)
    host.armed()
    for microvolts, steps in ((200_000, 13_107), (-200_000, -13_107), (7, 0), (8, 1), (-8, -1), (500_000, 32_768)):
        host.ok(READ, host.read([(0, 0)], voltage=microvolts))
        assert seen.pop() == pytest.approx(steps * 15.259e-6, rel=1e-12)
    for microvolts, steps in ((900_000, 5898), (-750_000, -4915), (76, 0), (77, 1), (5_000_000, 32_768)):
        host.ok(PULSE, host.entries([(0, 0, microvolts, 20, 1)]))
        assert seen.pop() == pytest.approx(steps * 152.588e-6, rel=1e-12)
    assert seen == []


def test_pulses_reach_the_cell_they_name(host: BoardHost, board_world: World) -> None:
    host.armed()
    assert host.ok(PULSE, host.entries([(2, 9, *UP, 100), (11, 15, *UP, 200)])) == struct.pack("<IQ", 2, 300)
    state = board_world.die.state
    assert state[11, 15] > state[2, 9] > 0
    assert np.count_nonzero(state) == 2


def test_each_cell_is_read_after_its_pulse(host: BoardHost) -> None:
    host.armed()
    pulses = [(5, 5, *UP, 3000)] * 4
    reply = host.ok(PULSE_READ, host.pulse_read(pulses, averages=16))
    assert struct.unpack("<IQ", reply[:12]) == (4, 12_000)
    currents, flags = block(reply[12:], 4)
    assert all(later > earlier for earlier, later in pairwise(currents))
    assert flags == [0] * 4


def test_every_pulse_is_counted_and_is_in_the_audit(host: BoardHost, board_world: World, tmp_path: Path) -> None:
    import sqlite3

    board_world.audit = Audit(tmp_path / "audit.sqlite")
    host.armed()
    host.ok(PULSE, host.entries([(0, 0, 0, 20, 5), (0, 1, *UP, 7)]))
    host.ok(PULSE_READ, host.pulse_read([(3, 3, *UP, 11)]))
    host.refused(PULSE, host.entries([(0, 0, 0, 20, 5), (0, 1, *UP, 0)]))
    board_world.audit.close()
    base = sqlite3.connect(tmp_path / "audit.sqlite")
    try:
        rows = base.execute("SELECT count, delivered, boot FROM event WHERE operation = 'pulse' ORDER BY n").fetchall()
    finally:
        base.close()
    assert rows == [(5, 5, 1), (7, 12, 1), (11, 23, 1)]
    assert host.status().delivered == 23


def low_cells_and_a_high_one(host: BoardHost, world: World, limit: float, action: int) -> None:
    """Arm, with row 4, column 4 at the top of its range and a limit per line (A)."""
    world.die.state[4, 4] = 30_000.0
    host.armed()
    host.ok(COMPLIANCE, struct.pack("<dB", limit, action))


def test_a_clamped_line_is_flagged(host: BoardHost, board_world: World) -> None:
    low_cells_and_a_high_one(host, board_world, 1e-4, 0)
    currents, flags = block(host.ok(READ, host.read([(3, 3), (4, 4), (5, 5)], averages=16)), 3)
    assert flags == [0, 2, 0]
    assert currents[1] == pytest.approx(1e-4, rel=0.01)
    assert host.status()[:2] == (2, 0)


def test_a_clamped_pulse_is_flagged_with_its_reading(host: BoardHost, board_world: World) -> None:
    """0.2 V make 0.8 mA at the cell, 0.9 V five times as much."""
    low_cells_and_a_high_one(host, board_world, 2e-3, 0)
    reply = host.ok(PULSE_READ, host.pulse_read([(3, 3, *UP, 1), (4, 4, *UP, 1)]))
    assert struct.unpack("<IQ", reply[:12]) == (2, 2)
    assert block(reply[12:], 2)[1] == [0, 2]
    assert host.ok(PULSE, host.entries([(4, 4, *UP, 3)])) == struct.pack("<IQ", 1, 5)
    assert host.status()[:2] == (2, 0)


def tripped(problem: Problem) -> tuple[int, int, int, int]:
    """Return what a TRIPPED says, which must be one."""
    assert problem.code == TRIPPED
    return problem[:4]


def test_a_read_can_trip(host: BoardHost, board_world: World) -> None:
    low_cells_and_a_high_one(host, board_world, 1e-4, 1)
    host.ok(READ, host.read([(3, 3)]))
    problem = host.refused(READ, host.read([(3, 3), (4, 3), (4, 4), (5, 5)]))
    assert tripped(problem) == (TRIPPED, 1, 0, 0)
    assert problem.rest.decode().isprintable()
    assert host.status()[:2] == (0, 2)
    assert host.ok(CLEAR) == b"\x02\0"
    assert host.status()[:2] == (1, 0)


def test_a_pulse_can_trip(host: BoardHost, board_world: World) -> None:
    """The train that trips does not run to its end, and the entries after it do not begin."""
    low_cells_and_a_high_one(host, board_world, 2e-3, 1)
    problem = host.refused(PULSE, host.entries([(3, 3, *UP, 5), (4, 4, *UP, 1000), (5, 5, *UP, 9)]))
    assert tripped(problem) == (TRIPPED, 1, 1, 6)
    assert problem.rest.decode().isprintable()
    assert host.status()[:3] == (0, 2, 6)
    assert board_world.die.state[5, 5] == 0


def test_a_train_that_comes_to_the_limit_trips_on_its_way(host: BoardHost, board_world: World) -> None:
    host.armed()
    host.ok(COMPLIANCE, struct.pack("<dB", 1e-4, 1))
    problem = host.refused(PULSE, host.entries([(6, 6, *UP, 1_000_000)]))
    assert tripped(problem)[:3] == (TRIPPED, 0, 0)
    assert 1 < problem.delivered < 5000
    assert host.status().delivered == problem.delivered
    assert board_world.die.conductance()[6, 6] * 0.9 < 2e-4


def test_a_pulse_read_that_trips_gives_what_it_read(host: BoardHost, board_world: World) -> None:
    low_cells_and_a_high_one(host, board_world, 2e-3, 1)
    pulses = [(3, 3, *UP, 1000), (3, 5, *UP, 5), (4, 4, *UP, 1), (5, 5, *UP, 9)]
    problem = host.refused(PULSE_READ, host.pulse_read(pulses, averages=16))
    assert tripped(problem) == (TRIPPED, 2, 2, 1006)
    currents, flags = block(problem.rest[:18], 2)
    assert currents[0] > currents[1] > 0
    assert flags == [0, 0]
    assert problem.rest[18:].decode().isprintable()


def test_the_reading_of_a_pulse_read_can_trip_too(host: BoardHost, board_world: World) -> None:
    low_cells_and_a_high_one(host, board_world, 1e-4, 1)
    problem = host.refused(PULSE_READ, host.pulse_read([(3, 3, 10_000, 20, 1), (4, 4, 10_000, 20, 4)]))
    assert tripped(problem) == (TRIPPED, 1, 1, 5)


def test_a_tripped_list_is_repeated_from_the_cache(host: BoardHost, board_world: World) -> None:
    low_cells_and_a_high_one(host, board_world, 2e-3, 1)
    payload = host.entries([(4, 4, *UP, 1)])
    first = host.next(PULSE, payload)
    assert host.ask(PULSE, payload, host.sequence, host.session).raw == first.raw
    assert host.status().delivered == 1
