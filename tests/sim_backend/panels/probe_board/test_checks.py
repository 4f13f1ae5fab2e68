"""Rule 5 of the board's wire specification: what is refused, in which order, and that nothing was done."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sim_backend.world import World
    from tests.sim_backend.panels.probe_board.conftest import BoardHost

CLEAR, ARM, SCHEME, COMPLIANCE, ROUTE, UNROUTE = 0x06, 0x07, 0x10, 0x11, 0x12, 0x13
READ, PULSE, PULSE_READ = 0x20, 0x21, 0x22
NONE = 0xFFFF
BAD_OPCODE, BAD_LENGTH, BAD_ARGUMENT, RANGE, SESSION, SEQUENCE = 1, 2, 3, 4, 5, 6
NOT_ARMED, SAFE_STATE, NO_SUCH_CELL, UNSUPPORTED = 8, 9, 11, 12
GOOD = (11, 15, -750_000, 65, 1)


def test_a_foreign_session_is_noticed_before_a_wrong_sequence(host: BoardHost) -> None:
    host.hello()
    assert _code(host, 0x0099, 9, host.session ^ 1) == SESSION


def test_a_wrong_sequence_is_noticed_before_an_undefined_operation(host: BoardHost) -> None:
    host.hello()
    assert _code(host, 0x0099, 9, host.session) == SEQUENCE


def _code(host: BoardHost, opcode: int, sequence: int, session: int) -> int:
    return int.from_bytes(host.ask(opcode, b"", sequence, session).payload[:2], "little")


@pytest.mark.parametrize("opcode", [0x0000, 0x0008, 0x000F, 0x0014, 0x0023, 0x0031, 0x0042, 0x0052, 0xFFFF])
def test_operations_that_do_not_exist(host: BoardHost, opcode: int) -> None:
    host.armed()
    assert host.refused(opcode, b"whatever")[:4] == (BAD_OPCODE, NONE, 0, 0)


LENGTHS = {
    CLEAR: 0, ARM: 4, SCHEME: 2, COMPLIANCE: 9, ROUTE: 4, UNROUTE: 0,
    READ: 8 + 4 * 2, PULSE: 2 + 16 * 2, PULSE_READ: 8 + 16 * 2,
}  # fmt: skip


@pytest.mark.parametrize("opcode", LENGTHS)
@pytest.mark.parametrize("off", [-1, 1, 4, 16])
def test_a_length_is_noticed_before_any_argument(host: BoardHost, opcode: int, off: int) -> None:
    """A payload that is also out of range in every respect, in a board that is SAFE, is of a wrong length first."""
    host.hello()
    heads = {READ: struct.pack("<iHH", 2**30, 0, 2), PULSE: struct.pack("<H", 2)}
    head = heads.get(opcode, struct.pack("<iHH", 2**30, 0, 2) if opcode == PULSE_READ else b"")
    length = LENGTHS[opcode] + off
    if length < 0:
        return
    payload = (head + b"\xff" * length)[:length]
    assert host.refused(opcode, payload)[:4] == (BAD_LENGTH, NONE, 0, 0)


@pytest.mark.parametrize("opcode", [READ, PULSE, PULSE_READ])
def test_half_a_head_is_of_a_wrong_length(host: BoardHost, opcode: int) -> None:
    host.armed()
    for length in range(LENGTHS[opcode] % 4 or 8):
        assert host.refused(opcode, bytes(length)).code in (BAD_LENGTH, RANGE)
    assert host.refused(opcode, b"").code == BAD_LENGTH


SCALARS = [
    (ARM, struct.pack("<I", 1), RANGE),
    (ARM, struct.pack("<I", 19), RANGE),
    (ARM, struct.pack("<I", 10_001), RANGE),
    (ARM, struct.pack("<I", 0xFFFF_FFFF), RANGE),
    *((SCHEME, bytes([write, 0]), BAD_ARGUMENT) for write in (0, 1, 4, 255)),
    *((SCHEME, bytes([2, read]), BAD_ARGUMENT) for read in (2, 3, 5, 255)),
    *((COMPLIANCE, struct.pack("<dB", limit, 0), RANGE) for limit in (0.0, -0.0, -0.1, 0.2501, 1e300)),
    *((COMPLIANCE, struct.pack("<dB", limit, 0), RANGE) for limit in (float("nan"), float("inf"), float("-inf"))),
    (COMPLIANCE, struct.pack("<dB", 0.1, 2), BAD_ARGUMENT),
    (ROUTE, struct.pack("<HH", 12, 0), NO_SUCH_CELL),
    (ROUTE, struct.pack("<HH", 0, 16), NO_SUCH_CELL),
    (ROUTE, struct.pack("<HH", 0xFFFF, 0xFFFF), NO_SUCH_CELL),
    (READ, struct.pack("<iHHHH", 500_001, 1, 1, 0, 0), RANGE),
    (READ, struct.pack("<iHHHH", -500_001, 1, 1, 0, 0), RANGE),
    (READ, struct.pack("<iHHHH", -(2**31), 1, 1, 0, 0), RANGE),
    (READ, struct.pack("<iHHHH", 200_000, 0, 1, 0, 0), RANGE),
    (READ, struct.pack("<iHHHH", 200_000, 4097, 1, 0, 0), RANGE),
    (READ, struct.pack("<iHH", 200_000, 1, 0), RANGE),
    (READ, struct.pack("<iHH", 200_000, 1, 1025) + bytes(4 * 1025), RANGE),
    (PULSE, struct.pack("<H", 0), RANGE),
    (PULSE_READ, struct.pack("<iHH", 200_000, 1, 0), RANGE),
    (PULSE_READ, struct.pack("<iHHHHiII", 500_001, 1, 1, *GOOD), RANGE),
    (PULSE_READ, struct.pack("<iHHHHiII", 200_000, 0, 1, *GOOD), RANGE),
    (PULSE_READ, struct.pack("<iHHHHiII", 200_000, 4097, 1, *GOOD), RANGE),
]


@pytest.mark.parametrize("armed", [True, False], ids=["armed", "safe"])
@pytest.mark.parametrize(("opcode", "payload", "code"), SCALARS)
def test_scalar_arguments(host: BoardHost, opcode: int, payload: bytes, code: int, armed: bool) -> None:
    host.armed() if armed else host.hello()
    assert host.refused(opcode, payload)[:4] == (code, NONE, 0, 0)


def test_the_edges_of_the_ranges_are_inside(host: BoardHost) -> None:
    host.armed(20)
    host.ok(ARM, struct.pack("<I", 10_000))
    host.ok(COMPLIANCE, struct.pack("<dB", 5e-324, 0))
    host.ok(COMPLIANCE, struct.pack("<dB", 0.25, 0))
    host.ok(READ, host.read([(11, 15)], voltage=500_000, averages=4096))
    host.ok(READ, host.read([(11, 15)], voltage=-500_000))
    host.ok(READ, host.read([(r % 12, c) for r in range(64) for c in range(16)]))
    host.ok(PULSE, host.entries([(0, 0, 0, 20, 1), (11, 15, 0, 10_000_000, 1), (0, 15, 0, 20, 1_000_000)]))
    host.ok(PULSE, host.entries([(0, 0, 5_000_000, 20, 1), (0, 0, -5_000_000, 20, 1)]))
    host.ok(PULSE, host.entries([(0, 0, 0, 20, 1)] * 1024))
    host.ok(PULSE_READ, host.pulse_read([(0, 0, 0, 20, 1)] * 1023))


@pytest.mark.parametrize("voltage", [0, -1, -200_000])
@pytest.mark.parametrize("opcode", [READ, PULSE_READ])
def test_reverse_reads_are_positive(host: BoardHost, opcode: int, voltage: int) -> None:
    host.armed()
    payload = {
        READ: host.read([(0, 0)], voltage=voltage),
        PULSE_READ: host.pulse_read([GOOD], voltage=voltage),
    }[opcode]
    host.ok(opcode, payload)
    host.ok(SCHEME, bytes([3, 4]))
    assert host.refused(opcode, payload)[:3] == (RANGE, NONE, 0)
    host.ok(SCHEME, bytes([3, 0]))
    host.ok(opcode, payload)


BAD_ENTRIES = [
    ((12, 0, 0, 20, 1), NO_SUCH_CELL),
    ((0, 16, 0, 20, 1), NO_SUCH_CELL),
    ((0, 0, 5_000_001, 20, 1), RANGE),
    ((0, 0, -5_000_001, 20, 1), RANGE),
    ((0, 0, -(2**31), 20, 1), RANGE),
    ((0, 0, 0, 0, 1), RANGE),
    ((0, 0, 0, 19, 1), RANGE),
    ((0, 0, 0, 10_000_001, 1), RANGE),
    ((0, 0, 0, 0xFFFF_FFFF, 1), RANGE),
    ((0, 0, 0, 20, 0), RANGE),
    ((0, 0, 0, 20, 1_000_001), RANGE),
    # A cell is looked at before its amplitude, width and count.
    ((12, 0, 2**31 - 1, 0, 0), NO_SUCH_CELL),
]


@pytest.mark.parametrize("index", [0, 1, 5])
@pytest.mark.parametrize(("bad", "code"), BAD_ENTRIES)
@pytest.mark.parametrize("armed", [True, False], ids=["armed", "safe"])
def test_entries(host: BoardHost, bad: tuple[int, int, int, int, int], code: int, index: int, armed: bool) -> None:
    host.armed() if armed else host.hello()
    pulses = [GOOD] * index + [bad] + [GOOD] * 2
    for opcode, payload in ((PULSE, host.entries(pulses)), (PULSE_READ, host.pulse_read(pulses))):
        assert host.refused(opcode, payload)[:4] == (code, index, 0, 0)
    assert host.status().delivered == 0


def test_entries_are_looked_at_one_after_the_other(host: BoardHost) -> None:
    host.armed()
    out_of_range, foreign = (0, 0, 0, 19, 1), (99, 99, 0, 20, 1)
    assert host.refused(PULSE, host.entries([GOOD, out_of_range, foreign]))[:2] == (RANGE, 1)
    assert host.refused(PULSE, host.entries([GOOD, foreign, out_of_range]))[:2] == (NO_SUCH_CELL, 1)
    assert host.refused(READ, host.read([(0, 0), (0, 15), (0, 16), (12, 0)]))[:2] == (NO_SUCH_CELL, 2)


def test_scalars_are_looked_at_before_entries(host: BoardHost) -> None:
    host.armed()
    assert host.refused(READ, host.read([(99, 99)], averages=0))[:2] == (RANGE, NONE)
    assert host.refused(PULSE_READ, host.pulse_read([(99, 99, 0, 0, 0)], voltage=600_000))[:2] == (RANGE, NONE)


def test_entries_are_looked_at_before_the_run_is_timed(host: BoardHost) -> None:
    host.armed()
    long = (0, 0, 0, 10_000_000, 1_000_000)
    assert host.refused(PULSE, host.entries([long, (99, 0, 0, 20, 1)]))[:2] == (NO_SUCH_CELL, 1)
    assert host.refused(PULSE, host.entries([long]))[:2] == (RANGE, NONE)


def test_the_run_is_timed_before_the_state_is_looked_at(host: BoardHost) -> None:
    host.hello()
    long = (0, 0, 0, 10_000_000, 1_000_000)
    assert host.refused(PULSE, host.entries([long]))[:2] == (RANGE, NONE)
    assert host.refused(PULSE, host.entries([GOOD])).code == SAFE_STATE
    host.ok(CLEAR)
    assert host.refused(PULSE, host.entries([long]))[:2] == (RANGE, NONE)
    assert host.refused(PULSE, host.entries([GOOD])).code == NOT_ARMED


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        # A slot is twice the width, 1 us at least; 5 s are allowed, not more.
        ([(0, 0, 0, 2_500, 1_000_000)], [(0, 0, 0, 2_500, 1_000_000), (0, 0, 0, 20, 1)]),
        ([(0, 0, 0, 10_000_000, 250)], [(0, 0, 0, 10_000_000, 250), (0, 0, 0, 500, 1)]),
        ([(0, 0, 0, 20, 1_000_000)] * 5, [(0, 0, 0, 20, 1_000_000)] * 5 + [(0, 0, 0, 20, 1)]),
    ],
)
def test_runs_last_five_seconds_at_most(
    host: BoardHost, inside: list[tuple[int, int, int, int, int]], outside: list[tuple[int, int, int, int, int]]
) -> None:
    host.armed()
    start = host.clock.now()
    host.ok(PULSE, host.entries(inside))
    assert host.clock.now() - start == pytest.approx(5.0, abs=2e-3)
    assert host.refused(PULSE, host.entries(outside))[:2] == (RANGE, NONE)


def test_a_long_read_is_timed_too(host: BoardHost) -> None:
    """A group of cells takes 30 us and 5 us a sample: 244 groups of 4,090 samples are 4.997 s, 245 are 5.018 s."""
    host.idle()
    cells = [(index % 2, 0) for index in range(245)]
    host.ok(READ, host.read(cells[:244], averages=4090))
    assert host.refused(READ, host.read(cells, averages=4090))[:2] == (RANGE, NONE)
    host.ok(READ, host.read([(0, 0)] * 245, averages=4090))
    host.ok(ARM, struct.pack("<I", 10_000))
    same = [(0, 0, 0, 20, 1)]
    host.ok(PULSE_READ, host.pulse_read(same * 244, averages=4090))
    assert host.refused(PULSE_READ, host.pulse_read(same * 245, averages=4090))[:2] == (RANGE, NONE)


def test_a_refused_list_does_nothing(host: BoardHost, board_world: World) -> None:
    host.armed()
    before = board_world.die.state.copy()
    now = host.clock.now()
    host.refused(PULSE, host.entries([GOOD, (0, 0, 900_000, 80, 5), (0, 0, 900_000, 19, 5)]))
    host.refused(PULSE_READ, host.pulse_read([(0, 0, 900_000, 80, 5), (12, 0, 900_000, 80, 5)]))
    assert (board_world.die.state == before).all()
    assert host.status().delivered == 0
    assert host.clock.now() - now < 0.01
