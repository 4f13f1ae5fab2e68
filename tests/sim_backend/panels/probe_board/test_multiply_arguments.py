"""MULTIPLY: what it takes and refuses, in which order, and how long it lasts. The die has 12 rows and 16 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.noise.kinds import Noise
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

if TYPE_CHECKING:
    from tests.sim_backend.panels.probe_board.conftest import BoardHost

ROWS, COLUMNS = 12, 16
MULTIPLY = 0x30
NONE = 0xFFFF
BAD_LENGTH, BAD_ARGUMENT, RANGE, SAFE_STATE = 2, 3, 4, 9
ROW_VECTOR, COLUMN_VECTOR = [100_000] * ROWS, [100_000] * COLUMNS


@pytest.fixture
def idle(host: BoardHost) -> BoardHost:
    """A host of a board in IDLE, whose world is without noise and whose cells all differ."""
    die = Die.fresh("die", ROWS, COLUMNS, device_named("ru-azo", 5.9e-3), 3, Noise.none())
    die.state[:] = np.random.default_rng(5).uniform(500, 16_000, (ROWS, COLUMNS))
    found = type(host)(ProbeBoardPanel(World(die, VirtualClock()), "board"))
    found.idle()
    return found


def good(host: BoardHost, **changed: int) -> bytes:
    """Return a payload that is right but for what is changed in its head."""
    fields = {"coding": 1, "direction": 0, "averages": 4, "floor": 3_000, "voltage": 100_000, "slot": 50_000}
    fields |= changed
    return host.multiply([[1000] * ROWS] * 2, **fields)


@pytest.mark.parametrize("cut", [-1, 1, 4, -4, 48])
@pytest.mark.parametrize("direction", [0, 1])
def test_a_length_is_looked_at_first(host: BoardHost, cut: int, direction: int) -> None:
    """Everything else is wrong, too, and the board is SAFE."""
    host.hello()
    lines = (ROWS, COLUMNS)[direction]
    payload = host.multiply([[0] * lines] * 2, coding=9, direction=direction, averages=0, floor=2**31 - 1, slot=0)
    payload = payload[:cut] if cut < 0 else payload + bytes(cut)
    assert host.refused(MULTIPLY, payload)[:4] == (BAD_LENGTH, NONE, 0, 0)


def test_a_length_follows_the_direction(host: BoardHost) -> None:
    host.idle()
    assert host.refused(MULTIPLY, host.multiply([COLUMN_VECTOR], direction=0)).code == BAD_LENGTH
    assert host.refused(MULTIPLY, host.multiply([ROW_VECTOR], direction=1)).code == BAD_LENGTH
    for length in range(18):
        assert host.refused(MULTIPLY, bytes(length)).code == BAD_LENGTH


@pytest.mark.parametrize("state", ["safe", "idle", "armed"])
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"coding": 2}, BAD_ARGUMENT),
        ({"coding": 255}, BAD_ARGUMENT),
        ({"direction": 2}, BAD_ARGUMENT),
        ({"direction": 255}, BAD_ARGUMENT),
        ({"averages": 0}, RANGE),
        ({"averages": 4097}, RANGE),
        ({"slot": 0}, RANGE),
        ({"slot": 999}, RANGE),
        ({"slot": 10_000_001}, RANGE),
        ({"slot": 0xFFFF_FFFF}, RANGE),
        ({"floor": 500_001}, RANGE),
        ({"floor": -500_001}, RANGE),
        ({"floor": -(2**31)}, RANGE),
        ({"voltage": 497_001}, RANGE),
        ({"voltage": -503_001}, RANGE),
        ({"voltage": 2**31 - 1, "floor": 2**31 - 1}, RANGE),
    ],
)
def test_scalar_arguments(host: BoardHost, changed: dict[str, int], code: int, state: str) -> None:
    {"safe": host.hello, "idle": host.idle, "armed": host.armed}[state]()
    assert host.refused(MULTIPLY, good(host, **changed))[:4] == (code, NONE, 0, 0)


def test_no_vector_is_out_of_range(host: BoardHost) -> None:
    host.idle()
    assert host.refused(MULTIPLY, host.multiply([]))[:2] == (RANGE, NONE)


@pytest.mark.parametrize(("shape", "direction", "most"), [
    ((64, 64), 0, 28), ((64, 64), 1, 28), ((3, 5), 0, 364), ((3, 5), 1, 606), ((1, 186), 0, 9), ((1, 186), 1, 22),
    ((512, 512), 0, 3),
])  # fmt: skip
def test_how_many_vectors_fit(host: BoardHost, shape: tuple[int, int], direction: int, most: int) -> None:
    """At most 1820 results and 4092 inputs; with more inputs the frame is longer than any, and dropped."""
    world = World(Die.fresh("die", *shape, device_named("ru-azo", 5.9e-3), 3, Noise.none()), VirtualClock())
    lines = shape[direction]
    found = type(host)(ProbeBoardPanel(world, "board"))
    found.idle()
    vector = [1000] * lines
    too_much = found.multiply([vector] * (most + 1), direction=direction)
    if (most + 1) * lines <= 4092:
        assert found.refused(MULTIPLY, too_much)[:2] == (RANGE, NONE)
    else:
        found.send(found.frame(MULTIPLY, too_much, found.sequence + 1, found.session))
        assert found.answers() == []
        assert found.status().bad_frames == 1
    currents, _ = found.products(found.multiply([vector] * most, direction=direction, slot=1000), shape[1 - direction])
    assert len(currents) == most


def test_the_edges_are_inside(idle: BoardHost) -> None:
    payload = idle.multiply([[0] * ROWS], slot=1000, averages=4096)
    idle.products(payload, COLUMNS)
    idle.products(idle.multiply([[0] * ROWS], slot=10_000_000), COLUMNS)
    idle.products(idle.multiply([[400_000] * ROWS], floor=100_000), COLUMNS)
    idle.products(idle.multiply([[-600_000] * ROWS], floor=100_000), COLUMNS)
    idle.products(idle.multiply([[0, 1000] * 6], coding=1, slot=1000, floor=-100_000, voltage=600_000), COLUMNS)


@pytest.mark.parametrize(
    ("coding", "wrong"), [(0, 397_001), (0, -603_001), (0, 2**31 - 1), (1, 50_001), (1, 2**32 - 1)]
)
@pytest.mark.parametrize("place", [(0, 0), (0, 11), (1, 0), (1, 7)])
def test_entries_are_inputs_one_vector_after_the_other(
    host: BoardHost, coding: int, wrong: int, place: tuple[int, int]
) -> None:
    host.idle()
    vectors = [[10] * ROWS for _ in range(2)]
    vectors[place[0]][place[1]] = wrong
    vectors[1][11] = wrong
    payload = host.multiply(vectors, coding=coding, floor=103_000 if coding == 0 else 0, slot=50_000)
    assert host.refused(MULTIPLY, payload)[:4] == (RANGE, place[0] * ROWS + place[1], 0, 0)


def test_scalars_before_entries_before_the_run_before_the_state(host: BoardHost) -> None:
    host.hello()
    entry = [[0] * 5 + [500_001] + [0] * 6]
    long = {"averages": 4096, "slot": 10_000_000}
    assert host.refused(MULTIPLY, host.multiply(entry, averages=0))[:2] == (RANGE, NONE)
    assert host.refused(MULTIPLY, host.multiply(entry, **long))[:2] == (RANGE, 5)
    assert host.refused(MULTIPLY, host.multiply([ROW_VECTOR], **long))[:2] == (RANGE, NONE)
    assert host.refused(MULTIPLY, host.multiply([ROW_VECTOR])).code == SAFE_STATE


def test_a_run_lasts_five_seconds_at_most(idle: BoardHost) -> None:
    """A vector of 4,095 slots of 605 us takes 2.49798 s, one of 610 us more than 2.5 s."""
    start = idle.clock.now()
    idle.products(idle.multiply([ROW_VECTOR] * 2, averages=4095, slot=605_000), COLUMNS)
    assert idle.clock.now() - start == pytest.approx(2 * (30e-6 + 4095 * 610e-6), abs=3e-3)
    assert idle.refused(MULTIPLY, idle.multiply([ROW_VECTOR] * 2, averages=4095, slot=606_000))[:2] == (RANGE, NONE)


@pytest.mark.parametrize(("vectors", "averages", "slot"), [(1, 1, 1000), (3, 16, 100_000), (28, 4, 20_000)])
def test_a_vector_takes_its_slots(idle: BoardHost, vectors: int, averages: int, slot: int) -> None:
    payload = idle.multiply([ROW_VECTOR] * vectors, averages=averages, slot=slot)
    idle.sequence += 1
    request, start = idle.frame(MULTIPLY, payload, idle.sequence, idle.session), idle.clock.now()
    idle.send(request)
    (answer,) = idle.answers()
    link = 1e-3 + (len(request) + len(answer.raw) + 1) * 8 / 12e6
    expected = vectors * (30e-6 + averages * (slot * 1e-9 + 5e-6))
    assert idle.clock.now() - start - link == pytest.approx(expected, abs=1e-10)
