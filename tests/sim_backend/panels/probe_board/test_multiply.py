"""MULTIPLY: currents, flags, and what happens around it. The die has 12 rows and 16 columns."""

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
SAFE, CLEAR, ARM, SCHEME, COMPLIANCE, ROUTE = 0x05, 0x06, 0x07, 0x10, 0x11, 0x12
MULTIPLY = 0x30
NONE = 0xFFFF
TRIPPED = 10
STEP = 15.259e-6
"""Of the read converter, in V."""
ROW_VECTOR = [100_000] * ROWS


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
