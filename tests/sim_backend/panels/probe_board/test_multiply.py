"""MULTIPLY: arguments, currents, flags, time, and what breaks it off. The die has 12 rows and 16 columns."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.front_end.make import make_front_end
from sim_backend.noise.kinds import Noise
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.sim_backend.panels.probe_board.conftest import BoardHost

ROWS, COLUMNS = 12, 16
STATUS, SAFE, CLEAR, ARM, SCHEME, COMPLIANCE, ROUTE = 0x04, 0x05, 0x06, 0x07, 0x10, 0x11, 0x12
PULSE, MULTIPLY = 0x21, 0x30
NONE = 0xFFFF
BAD_LENGTH, BAD_ARGUMENT, RANGE, SAFE_STATE, TRIPPED, NO_SUCH_CELL = 2, 3, 4, 9, 10, 11
STEP = 15.259e-6
"""Of the read converter, in V."""
ROW_VECTOR, COLUMN_VECTOR = [100_000] * ROWS, [100_000] * COLUMNS


@pytest.fixture
def quiet() -> World:
    """A world without noise whose cells all differ, on a die of 12 x 16."""
    return quiet_world()


def quiet_world(segment: float = 0.0, device: str = "ru-azo") -> World:
    die = Die.fresh("die", ROWS, COLUMNS, device_named(device, 5.9e-3), 3, Noise.none())
    die.state[:] = np.random.default_rng(5).uniform(500, 16_000, (ROWS, COLUMNS))
    return World(die, VirtualClock(), segment=segment)


@pytest.fixture
def idle(quiet: World, host: BoardHost) -> BoardHost:
    """A host of a board on that world, in IDLE."""
    found = type(host)(ProbeBoardPanel(quiet, "board"))
    found.idle()
    return found


def matrix(world: World, voltage: NDArray[np.float64], direction: int) -> NDArray[np.float64]:
    """Return output currents (A) of ideal wires: each cell's current at its input's voltage (V), summed up."""
    cells = np.arange(ROWS * COLUMNS)
    across = np.repeat(voltage, COLUMNS) if direction == 0 else np.tile(voltage, ROWS)
    current = world.die.law(cells).current(across).reshape(ROWS, COLUMNS)
    return current.sum(axis=0) if direction == 0 else current.sum(axis=1)


def on_grid(microvolts: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.rint(np.asarray(microvolts) * 1e-6 / STEP) * STEP


# Arguments.


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


# Currents.


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("floor", [0, 3_000, -20_000])
def test_amplitudes(idle: BoardHost, quiet: World, direction: int, floor: int) -> None:
    inputs, outputs = (ROWS, COLUMNS)[direction], (COLUMNS, ROWS)[direction]
    vectors = np.random.default_rng(1).integers(-200_000, 200_000, (5, inputs))
    found, flags = idle.products(idle.multiply(vectors.tolist(), direction=direction, floor=floor), outputs)
    expected = [matrix(quiet, on_grid(floor + vector), direction) for vector in vectors]
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-12, abs=1e-15)
    assert not np.any(flags)


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize(("floor", "voltage"), [(0, 200_000), (2_900, 97_100), (50_000, -150_000), (0, 0)])
def test_widths(idle: BoardHost, quiet: World, direction: int, floor: int, voltage: int) -> None:
    """Each line stands at floor + voltage for its width, and at the floor for the rest of the slot."""
    inputs, outputs = (ROWS, COLUMNS)[direction], (COLUMNS, ROWS)[direction]
    widths = np.random.default_rng(2).integers(0, 50_000, (4, inputs), endpoint=True)
    widths[0, :3] = 0, 50_000, 0
    payload = idle.multiply(
        widths.tolist(), coding=1, direction=direction, floor=floor, voltage=voltage, slot=50_000, averages=3
    )
    found, _ = idle.products(payload, outputs)
    cells = np.arange(ROWS * COLUMNS)
    law = quiet.die.law(cells)
    high, low = (law.current(float(on_grid(level))).reshape(ROWS, COLUMNS) for level in (floor + voltage, floor))
    if direction == 1:
        high, low = high.T, low.T
    share = widths / 50_000
    assert np.array(found) == pytest.approx(share @ high + (1 - share) @ low, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_positive_voltage_makes_rows_positive_and_a_positive_current(
    idle: BoardHost, direction: int, sign: int
) -> None:
    """Cells block a negative voltage: 10,000 times less flows, the other way."""
    inputs, outputs = (ROWS, COLUMNS)[direction], (COLUMNS, ROWS)[direction]
    (forward,), _ = idle.products(idle.multiply([[100_000] * inputs], direction=direction), outputs)
    (found,), _ = idle.products(idle.multiply([[sign * 100_000] * inputs], direction=direction), outputs)
    assert min(forward) > 1e-6
    assert np.array(found) == pytest.approx(np.array(forward) * (1.0 if sign > 0 else -1e-4), rel=1e-9)


def test_amplitude_coding_has_no_use_for_a_height(idle: BoardHost) -> None:
    plain, _ = idle.products(idle.multiply([ROW_VECTOR]), COLUMNS)
    assert idle.products(idle.multiply([ROW_VECTOR], voltage=2**31 - 1), COLUMNS)[0] == plain


@pytest.mark.parametrize("read_scheme", [0, 1, 4])
def test_read_schemes_do_not_matter(idle: BoardHost, read_scheme: int) -> None:
    vectors = [ROW_VECTOR, [-100_000, 0] * 6]
    plain, _ = idle.products(idle.multiply(vectors), COLUMNS)
    idle.ok(SCHEME, bytes([3, read_scheme]))
    assert idle.products(idle.multiply(vectors), COLUMNS)[0] == plain


# Flags.


def test_a_line_at_its_limit_is_held_and_flags_its_vector(idle: BoardHost, quiet: World) -> None:
    """0.1 V on all rows: a row's current reaches 2 mA only in the second vector."""
    idle.ok(COMPLIANCE, struct.pack("<dB", 2e-3, 0))
    vectors = [[1_000] * ROWS, [0] * 4 + [200_000] + [0] * 7]
    found, flags = idle.products(idle.multiply(vectors), COLUMNS)
    assert flags == [[0] * COLUMNS, [2] * COLUMNS]
    assert sum(found[1]) == pytest.approx(2e-3, rel=1e-9)
    assert np.array(found[0]) == pytest.approx(matrix(quiet, on_grid(np.full(ROWS, 1_000)), 0), rel=1e-12)
    assert idle.status()[:2] == (1, 0)


@pytest.mark.parametrize("segment", [0.0, 0.5])
@pytest.mark.parametrize("direction", [0, 1])
def test_an_output_at_its_limit_is_held_and_flagged_alone(host: BoardHost, direction: int, segment: float) -> None:
    """All cells of output 3 conduct, others hardly do: no input line comes to the limit."""
    world = quiet_world(segment)
    world.die.state[:] = 200
    (world.die.state if direction == 1 else world.die.state.T)[3] = 8000
    found = type(host)(ProbeBoardPanel(world, "board"))
    found.idle()
    inputs, outputs = (ROWS, COLUMNS)[direction], (COLUMNS, ROWS)[direction]
    payload = found.multiply([[20_000] * inputs], direction=direction)
    (free,), _ = found.products(payload, outputs)
    limit = free[3] * 0.75
    found.ok(COMPLIANCE, struct.pack("<dB", limit, 0))
    (held,), (flags,) = found.products(payload, outputs)
    assert flags == [2 if output == 3 else 0 for output in range(outputs)]
    assert held[3] == limit
    assert held[:3] + held[4:] == free[:3] + free[4:]


@pytest.mark.parametrize("segment", [0.0, 0.5])
@pytest.mark.parametrize("direction", [0, 1])
def test_held_lines_carry_the_limit(host: BoardHost, segment: float, direction: int) -> None:
    """With one output line, the sum over the inputs' currents is known: limit each."""
    world = quiet_world(segment)
    found = type(host)(ProbeBoardPanel(world, "board"))
    found.idle()
    inputs, outputs = (ROWS, COLUMNS)[direction], (COLUMNS, ROWS)[direction]
    vector = [0] * inputs
    vector[3] = vector[7] = 200_000
    free, _ = found.products(found.multiply([vector], direction=direction), outputs)
    limit = sum(free[0]) / 8
    found.ok(COMPLIANCE, struct.pack("<dB", limit, 0))
    held, flags = found.products(found.multiply([vector], direction=direction), outputs)
    assert flags == [[2] * outputs]
    assert sum(held[0]) == pytest.approx(2 * limit, rel=1e-6 if segment == 0 else 0.05)


def tripping(host: BoardHost) -> None:
    host.ok(COMPLIANCE, struct.pack("<dB", 2e-3, 1))


def test_a_product_can_trip(idle: BoardHost) -> None:
    """The second vector's fifth input reaches the limit; the third one never begins."""
    tripping(idle)
    start = idle.clock.now()
    vectors = [[1_000] * ROWS, [0] * 4 + [200_000] + [0] * 7, [1_000] * ROWS]
    payload = idle.multiply(vectors, averages=1000, slot=1_000_000)
    problem = idle.refused(MULTIPLY, payload)
    assert problem[:4] == (TRIPPED, ROWS + 4, 0, 0)
    assert problem.rest.decode().isprintable()
    assert idle.clock.now() - start == pytest.approx(2 * 1.005, abs=5e-3)
    assert idle.status()[:2] == (0, 2)
    assert idle.ok(CLEAR) == b"\x02\0"
    assert idle.status()[:2] == (1, 0)


def test_an_output_that_trips_is_no_entrys_fault(idle: BoardHost, quiet: World) -> None:
    quiet.die.state[:] = 8000
    carried = matrix(quiet, on_grid(np.full(ROWS, 20_000)), 0)
    idle.ok(COMPLIANCE, struct.pack("<dB", float(carried[0]) * 0.9, 1))
    quiet.die.state[:, 1:] = 100
    problem = idle.refused(MULTIPLY, idle.multiply([[20_000] * ROWS]))
    assert problem[:3] == (TRIPPED, NONE, 0)


def test_what_the_largest_range_does_not_hold_is_saturated(host: BoardHost) -> None:
    """80 mA a column; 12 rows of 5.9 mS at 0.5 V are 35 mA in this die, so it takes cells of a wider range."""
    die = Die.fresh("die", 64, 2, device_named("ru-azo", 5.9e-3), 3, Noise.none())
    die.state[:, 0] = 16_000
    world = World(die, VirtualClock(), front_end=make_front_end("board", "factory", 64, 2, 5.9e-3, 3))
    found = type(host)(ProbeBoardPanel(world, "board"))
    found.idle()
    found.ok(COMPLIANCE, struct.pack("<dB", 0.25, 0))
    (currents,), (flags,) = found.products(found.multiply([[300_000] * 64]), 2)
    assert flags == [1, 0]
    assert currents[0] == pytest.approx(80e-3, rel=1e-3)
    # The mean is a tenth of that, but the peak within the slot reaches beyond twice the range.
    widths = host.multiply([[5_000] * 64], coding=1, voltage=450_000, slot=100_000)
    assert found.products(widths, 2)[1] == [[1, 0]]
    narrow = host.multiply([[5_000] * 64], coding=1, voltage=300_000, slot=100_000)
    assert found.products(narrow, 2)[1] == [[0, 0]]


# What happens around it.


def test_it_opens_the_port_first(quiet: World, idle: BoardHost) -> None:
    smu = quiet.smu("smu")
    smu.drive(0.2, 1.0)
    idle.ok(ARM, struct.pack("<I", 10_000))
    idle.ok(ROUTE, struct.pack("<HH", 2, 3))
    assert smu.measure(1e-3).current != 0.0
    idle.refused(MULTIPLY, idle.multiply([ROW_VECTOR])[:-1])
    assert smu.measure(1e-3).current != 0.0
    idle.products(idle.multiply([ROW_VECTOR]), COLUMNS)
    assert smu.measure(1e-3).current == 0.0


def once(host: BoardHost, after: float, action: Callable[[], None]) -> None:
    def act() -> None:
        timer.cancel()
        action()

    timer = host.clock.every(after, act)


def test_safe_breaks_it_off_within_a_millisecond(host: BoardHost, board: ProbeBoardPanel) -> None:
    other = type(host)(board)
    host.armed()
    start = host.clock.now()
    once(host, 0.1, lambda: other.send(other.frame(SAFE, b"", 0x8000_0001, 0)))
    problem = host.refused(MULTIPLY, host.multiply([ROW_VECTOR] * 3, averages=100, slot=10_000_000))
    assert problem[:4] == (TRIPPED, NONE, 0, 0)
    assert problem.rest.decode().isprintable()
    assert host.clock.now() - start < 0.104
    assert [answer.kind for answer in other.answers()] == [2]
    assert host.status()[:2] == (0, 0)


def test_the_watchdog_stands_still_meanwhile(host: BoardHost) -> None:
    host.armed(period=20)
    host.products(host.multiply([ROW_VECTOR] * 3, averages=100, slot=10_000_000), COLUMNS)
    assert host.status().state == 2


def test_a_repeat_is_answered_from_the_cache(host: BoardHost) -> None:
    host.idle()
    payload = host.multiply([ROW_VECTOR])
    first = host.next(MULTIPLY, payload)
    again = host.ask(MULTIPLY, payload, host.sequence, host.session)
    assert again.raw == first.raw
    assert host.next(MULTIPLY, payload).payload != first.payload


def test_nothing_is_pulsed(host: BoardHost, board_world: World) -> None:
    host.idle()
    host.products(host.multiply([[500_000] * ROWS], averages=4096), COLUMNS)
    assert host.status().delivered == 0
    assert not board_world.die.write_count.any() or board_world.die.model.disturbs(0.5)


def test_a_soft_die_is_disturbed(host: BoardHost) -> None:
    """Cells without a threshold move under 0.5 V for a second, those on driven lines only."""
    world = quiet_world(device="ru-azo-soft")
    found = type(host)(ProbeBoardPanel(world, "board"))
    found.idle()
    before = world.die.state.copy()
    found.products(found.multiply([[500_000] + [0] * 11], averages=10, slot=10_000_000), COLUMNS)
    moved = world.die.state - before
    assert (moved[0] > 1).all()
    assert not moved[1:].any()


def test_two_boards_of_one_seed_hear_the_same_noise(host: BoardHost) -> None:
    def results(split: bool) -> list[list[float]]:
        die = Die.fresh("die", ROWS, COLUMNS, device_named("ru-azo", 5.9e-3), 3)
        die.state[:] = 9000
        front_end = make_front_end("board", "factory", ROWS, COLUMNS, 5.9e-3, 3)
        found = type(host)(ProbeBoardPanel(World(die, VirtualClock(), front_end=front_end), "board"))
        found.idle()
        vectors = [ROW_VECTOR, [50_000] * ROWS]
        if not split:
            return found.products(found.multiply(vectors), COLUMNS)[0]
        return [found.products(found.multiply([vector]), COLUMNS)[0][0] for vector in vectors]

    assert results(split=False) == results(split=False)
    together, apart = np.array(results(split=False)), np.array(results(split=True))
    assert together == pytest.approx(apart, rel=1e-5)
