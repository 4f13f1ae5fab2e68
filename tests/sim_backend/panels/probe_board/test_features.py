"""TEMPERATURE, SELFTEST, CALIBRATION_READ and CALIBRATION_WRITE, and a board that lacks them."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.board_data import Feature
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.die_file import load_die
from sim_backend.front_end.make import make_front_end
from sim_backend.noise.kinds import Noise
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from tests.sim_backend.panels.probe_board.conftest import BoardHost

ROWS, COLUMNS = 12, 16
CAPABILITIES, SAFE, CLEAR, ARM, ROUTE, UNROUTE, READ, MULTIPLY = 0x03, 0x05, 0x06, 0x07, 0x12, 0x13, 0x20, 0x30
TEMPERATURE, SELFTEST, CALIBRATION_READ, CALIBRATION_WRITE = 0x40, 0x41, 0x50, 0x51
NONE = 0xFFFF
BAD_LENGTH, BAD_ARGUMENT, RANGE, SAFE_STATE, UNSUPPORTED, CALIBRATION_KEY = 2, 3, 4, 9, 12, 13
KEY = 0x43414C31


def world_of(calibration: Literal["factory", "none"] | None = None, seed: int = 3) -> World:
    """Return a world without noise of cells; with converters' errors if a calibration is named."""
    die = Die.fresh("die", ROWS, COLUMNS, device_named("ru-azo", 5.9e-3), seed, Noise.none())
    die.state[:] = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) * 80.0
    end = None if calibration is None else make_front_end("board", calibration, ROWS, COLUMNS, 5.9e-3, seed)
    return World(die, VirtualClock(), front_end=end)


@pytest.fixture
def plain(host: BoardHost) -> BoardHost:
    """A host of a board without noise, in IDLE."""
    found = type(host)(ProbeBoardPanel(world_of(), "board"))
    found.idle()
    return found


@pytest.mark.parametrize("state", ["safe", "idle", "armed"])
def test_the_temperature_is_that_of_status(board: ProbeBoardPanel, host: BoardHost, state: str) -> None:
    {"safe": host.hello, "idle": host.idle, "armed": host.armed}[state]()
    assert struct.unpack("<i", host.ok(TEMPERATURE)) == (25_000,) == (host.status().temperature,)
    board.set_temperature(-3.25)
    assert struct.unpack("<i", host.ok(TEMPERATURE)) == (-3_250,) == (host.status().temperature,)


def self_tests(host: BoardHost) -> dict[int, tuple[bool, float]]:
    reply = host.ok(SELFTEST)
    assert len(reply) == 1 + 10 * reply[0]
    return {number: (bool(passed), value) for number, passed, value in struct.iter_unpack("<BBd", reply[1:])}


@pytest.mark.parametrize("calibration", [None, "factory", "none"])
def test_a_board_passes_its_own_tests(host: BoardHost, calibration: Literal["factory", "none"] | None) -> None:
    found = type(host)(ProbeBoardPanel(world_of(calibration), "board"))
    found.idle()
    tests = self_tests(found)
    assert set(tests) == {1, 2, 3, 4, 5, 6, 7}
    assert all(passed for passed, _ in tests.values())
    assert tests[1][1] == -tests[2][1] == pytest.approx(5.0, abs=1e-4)
    errors = [tests[number][1] for number in (3, 4, 5, 6)]
    assert all(error == 0 for error in errors) if calibration is None else all(error > 0 for error in errors)
    assert tests[7] == (True, 0.0)


def test_references_are_as_far_off_as_products_see_them(host: BoardHost) -> None:
    """Five in ten thousand as built, of which drivers have their part; factory calibration leaves 5 in a million."""
    errors = {
        kind: self_tests(_idle(type(host)(ProbeBoardPanel(world_of(kind), "board"))))[3][1]
        for kind in ("factory", "none")
    }
    assert errors["factory"] < 5e-5 < errors["none"] < 5e-3


def _idle(host: BoardHost) -> BoardHost:
    host.idle()
    return host


def test_a_wrong_coefficient_shows_in_the_self_test(plain: BoardHost) -> None:
    plain.ok(CALIBRATION_WRITE, coefficients(1, 5, [(1.0, -3e-6)]))
    tests = self_tests(plain)
    assert tests[6] == (False, pytest.approx(3e-6))
    assert tests[5] == (True, 0.0)


def test_a_self_test_takes_its_time_and_is_broken_off_by_safe(board: ProbeBoardPanel, host: BoardHost) -> None:
    other = type(host)(board)
    host.idle()
    start = host.clock.now()
    host.ok(SELFTEST)
    assert 3e-3 < host.clock.now() - start < 10e-3

    def act() -> None:
        timer.cancel()
        other.send(other.frame(SAFE, b"", 0x8000_0001, 0))

    timer = host.clock.every(2e-3, act)
    assert host.refused(SELFTEST)[:4] == (10, NONE, 0, 0)


def test_a_self_test_leaves_port_and_cells_as_they_are(host: BoardHost, board_world: World) -> None:
    smu = board_world.smu("smu")
    smu.drive(0.2, 1.0)
    host.armed()
    host.ok(ROUTE, struct.pack("<HH", 2, 3))
    counts = board_world.die.read_count.copy()
    host.ok(SELFTEST)
    assert (board_world.die.read_count == counts).all()
    assert smu.measure(1e-3).current != 0.0


def coefficients(direction: int, first: int, pairs: list[tuple[float, float]], key: int = KEY) -> bytes:
    """Return the payload of CALIBRATION_WRITE."""
    return struct.pack("<IBHH", key, direction, first, len(pairs)) + b"".join(struct.pack("<dd", *p) for p in pairs)


def stored(host: BoardHost, direction: int, first: int, count: int) -> tuple[list[tuple[float, ...]], bytes]:
    """Return coefficients and identity."""
    reply = host.ok(CALIBRATION_READ, struct.pack("<BHH", direction, first, count))
    assert len(reply) == 16 * count + 32
    return list(struct.iter_unpack("<dd", reply[:-32])), reply[-32:]


def identity(*sides: list[tuple[float, ...]]) -> bytes:
    """Return the SHA-256 of coefficients, worked out anew."""
    return hashlib.sha256(b"".join(struct.pack("<dd", *pair) for side in sides for pair in side)).digest()


def test_coefficients_of_an_ideal_board_change_nothing(plain: BoardHost) -> None:
    columns, first = stored(plain, 0, 0, COLUMNS)
    rows, second = stored(plain, 1, 0, ROWS)
    assert columns == [(1.0, 0.0)] * COLUMNS
    assert rows == [(1.0, 0.0)] * ROWS
    assert first == second == identity(columns, rows)


def test_what_is_written_is_read_back(plain: BoardHost) -> None:
    pairs = [(1.0 + line / 1000, line * 1e-9) for line in range(4)]
    reply = plain.ok(CALIBRATION_WRITE, coefficients(0, 5, pairs))
    more = plain.ok(CALIBRATION_WRITE, coefficients(1, 11, [(0.5, -1e-6)]))
    columns, now = stored(plain, 0, 0, COLUMNS)
    rows, _ = stored(plain, 1, 0, ROWS)
    assert columns[5:9] == pairs
    assert rows[11] == (0.5, -1e-6)
    assert columns[:5] + columns[9:] == [(1.0, 0.0)] * 12
    assert stored(plain, 0, 6, 2)[0] == pairs[1:3]
    assert now == more == identity(columns, rows)
    assert reply == identity(columns, [(1.0, 0.0)] * ROWS)


@pytest.mark.parametrize("calibration", ["factory", "none"])
def test_a_factory_stores_what_it_measured(host: BoardHost, calibration: Literal["factory", "none"]) -> None:
    found = type(host)(ProbeBoardPanel(world_of(calibration), "board"))
    found.hello()
    gains = [gain for side, lines in ((0, COLUMNS), (1, ROWS)) for gain, _ in stored(found, side, 0, lines)[0]]
    spread = max(abs(gain - 1) for gain in gains)
    assert spread == 0 if calibration == "none" else 1e-4 < spread < 5e-3


@pytest.mark.parametrize("direction", [0, 1])
def test_results_are_corrected(plain: BoardHost, direction: int) -> None:
    """`(raw - offset) / gain`: of reads for the columns' readers, of products for the side that is read."""
    inputs, outputs = (ROWS, COLUMNS)[direction], (COLUMNS, ROWS)[direction]
    product = plain.multiply([[50_000] * inputs], direction=direction)
    read = plain.read([(3, 4), (3, 5)])
    (before,), _ = plain.products(product, outputs)
    reads = struct.unpack_from("<2d", plain.ok(READ, read))
    plain.ok(CALIBRATION_WRITE, coefficients(direction, 4, [(1.25, 1e-6)]))
    (after,), _ = plain.products(product, outputs)
    assert after[4] == (before[4] - 1e-6) / 1.25
    assert after[:4] + after[5:] == before[:4] + before[5:]
    corrected = struct.unpack_from("<2d", plain.ok(READ, read))
    assert corrected == (((reads[0] - 1e-6) / 1.25, reads[1]) if direction == 0 else reads)


def test_coefficients_survive_safe_hello_and_the_power(plain: BoardHost) -> None:
    written = plain.ok(CALIBRATION_WRITE, coefficients(0, 1, [(1.5, 0.0)]))
    plain.outside(SAFE)
    plain.hello(9)
    assert stored(plain, 0, 1, 1) == ([(1.5, 0.0)], written)
    plain.panel.power_cycle()
    plain.hello(9)
    assert stored(plain, 0, 1, 1) == ([(1.5, 0.0)], written)


def test_a_saved_world_keeps_them(plain: BoardHost, host: BoardHost, tmp_path: Path) -> None:
    written = plain.ok(CALIBRATION_WRITE, coefficients(1, 2, [(1.5, 1e-7)]))
    plain.world.save(tmp_path / "world.npz")
    saved = load_die(tmp_path / "world.npz")
    world = World(saved.die, VirtualClock(saved.time))
    world.restore(saved)
    found = type(host)(ProbeBoardPanel(world, "board"))
    found.hello()
    assert stored(found, 1, 2, 1) == ([(1.5, 1e-7)], written)


LINES = [
    ((0, 0, 16), None), ((1, 0, 12), None), ((0, 15, 1), None), ((1, 11, 1), None),
    ((2, 0, 1), BAD_ARGUMENT), ((255, 0, 1), BAD_ARGUMENT), ((0, 0, 0), RANGE), ((0, 0, 1001), RANGE),
    ((0, 0, 17), RANGE), ((0, 16, 1), RANGE), ((0, 15, 2), RANGE), ((1, 12, 1), RANGE), ((1, 0, 13), RANGE),
    ((0, 0xFFFF, 1), RANGE), ((0, 0xFFFF, 0xFFFF), RANGE),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "code"), LINES)
@pytest.mark.parametrize("state", ["safe", "idle"])
def test_lines(host: BoardHost, lines: tuple[int, int, int], code: int | None, state: str) -> None:
    host.hello()
    if state == "idle":
        host.ok(CLEAR)
    payload = struct.pack("<BHH", *lines)
    if code is None:
        host.ok(CALIBRATION_READ, payload)
    else:
        assert host.refused(CALIBRATION_READ, payload)[:4] == (code, NONE, 0, 0)
    if lines[2] <= 1000:
        write = coefficients(lines[0], lines[1], [(1.0, 0.0)] * lines[2], key=KEY if code is None else 0)
        expected = code or (SAFE_STATE if state == "safe" else None)
        if expected is None:
            host.ok(CALIBRATION_WRITE, write)
        else:
            assert host.refused(CALIBRATION_WRITE, write)[:4] == (expected, NONE, 0, 0)


WRONG = [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0), (1.0, math.nan), (1.0, -math.inf)]


@pytest.mark.parametrize("pair", WRONG)
@pytest.mark.parametrize("index", [0, 2])
def test_coefficients_that_no_reader_has(host: BoardHost, pair: tuple[float, float], index: int) -> None:
    """They are looked at before the key, the key before the state; nothing is stored."""
    host.hello()
    before = stored(host, 0, 0, COLUMNS)
    pairs = [(1.1, 0.0)] * index + [pair, (0.0, 0.0)]
    assert host.refused(CALIBRATION_WRITE, coefficients(0, 0, pairs, key=1))[:4] == (RANGE, index, 0, 0)
    assert host.refused(CALIBRATION_WRITE, coefficients(0, 0, [(1.1, 0.0)], key=1))[:2] == (CALIBRATION_KEY, NONE)
    assert host.refused(CALIBRATION_WRITE, coefficients(0, 0, [(1.1, 0.0)])).code == SAFE_STATE
    host.ok(CLEAR)
    assert host.refused(CALIBRATION_WRITE, coefficients(0, 0, [(1.1, 0.0)], key=KEY ^ 1)).code == CALIBRATION_KEY
    assert stored(host, 0, 0, COLUMNS) == before
    host.ok(CALIBRATION_WRITE, coefficients(0, 0, [(1.1, 0.0)]))


@pytest.mark.parametrize("opcode", [TEMPERATURE, SELFTEST, CALIBRATION_READ, CALIBRATION_WRITE])
def test_lengths(host: BoardHost, opcode: int) -> None:
    host.hello()
    length = {TEMPERATURE: 0, SELFTEST: 0, CALIBRATION_READ: 5, CALIBRATION_WRITE: 25}[opcode]
    good = coefficients(0, 0, [(1.0, 0.0)])[:25] if opcode == CALIBRATION_WRITE else struct.pack("<BHH", 9, 0, 1)
    for wrong in {0, 1, 4, 5, 6, 9, 24, 26} - {length}:
        assert host.refused(opcode, (good + bytes(30))[:wrong])[:4] == (BAD_LENGTH, NONE, 0, 0)


@pytest.mark.parametrize("missing", [feature for feature in Feature if feature])
def test_a_board_without_a_feature(host: BoardHost, board_world: World, missing: Feature) -> None:
    """UNSUPPORTED comes before the length; the other features are there."""
    every = Feature(31)
    found = type(host)(ProbeBoardPanel(board_world, "board", every & ~missing))
    assert struct.unpack("<I", found.outside(CAPABILITIES).payload[-4:]) == (every & ~missing,)
    found.hello()
    needs = {
        ROUTE: 1, UNROUTE: 1, MULTIPLY: 2, TEMPERATURE: 4, SELFTEST: 8, CALIBRATION_READ: 16, CALIBRATION_WRITE: 16,
    }  # fmt: skip
    for opcode, feature in needs.items():
        problem = found.refused(opcode, b"of no right length")
        assert problem[:4] == (UNSUPPORTED if feature == missing else BAD_LENGTH, NONE, 0, 0)


def test_without_a_port_reads_and_safe_work(host: BoardHost, board_world: World) -> None:
    found = type(host)(ProbeBoardPanel(board_world, "board", Feature.NONE))
    found.idle()
    found.ok(READ, found.read([(0, 0)]))
    found.outside(SAFE)
    assert found.status().state == 0
    assert found.refused(0x0014).code == 1
