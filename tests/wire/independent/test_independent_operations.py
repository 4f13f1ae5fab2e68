"""Section 3 of the wire specification asked from outside: what each operation takes, does and refuses."""

from __future__ import annotations

import hashlib
import itertools
import struct
from typing import TYPE_CHECKING

import pytest
from wire.independent.client import KEY, Client, Code, Op, Product, State, block, good, pulse, pulse_read, read

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS, COLUMNS = 3, 5
CELLS = list(itertools.product(range(ROWS), range(COLUMNS)))
MOVING = (1_200_000, 10_000)
"""Amplitude (uV) and width (ns) of a pulse that moves a cell of the film well above its threshold."""
SCATTER = 5e-3
"""How far means of 4096 samples of one cell may be apart; the film's read noise is below a tenth of that."""
ZERO = 3e-9
"""Largest mean current (A) of a line without voltage: 0.3 uV of offset and the amplifier's noise."""


@pytest.fixture
def die(board: Client) -> Client:
    """Arm the board; each cell of its die carries a current of its own, all above 10 uA at 0.2 V."""
    board.arm()
    board.do(Op.SCHEME, b"\3\0")
    if min(_currents(board, CELLS)) < 1e-5:
        for index, (row, column) in enumerate(CELLS):
            board.do(Op.PULSE, pulse((row, column, *MOVING, 40 + 5 * index)))
    assert min(_currents(board, CELLS)) > 1e-5
    return board


def _currents(board: Client, cells: Sequence[tuple[int, int]], voltage: int = 200_000) -> list[float]:
    values, flags = block(board.do(Op.READ, read(voltage, 4096, *cells)), len(cells))
    assert not any(flags)
    return values


def _product(board: Client, product: Product, *vectors: tuple[int, ...]) -> list[float]:
    outputs = COLUMNS if product.direction == 0 else ROWS
    values, flags = block(board.do(Op.MULTIPLY, product.pack(*vectors)), len(vectors) * outputs)
    assert not any(flags)
    return values


def test_identity_and_capabilities_are_those_of_the_page(board: Client) -> None:
    vendor, model, serial, firmware = good(board.free(Op.IDENTIFY)).decode().split(",")
    assert (vendor, model) == ("labctl", "XPB-64")
    assert serial
    assert firmware
    assert struct.unpack("<HHiiIIIIIIHI", good(board.free(Op.CAPABILITIES))) == (
        *(ROWS, COLUMNS, -5_000_000, 5_000_000, 500_000, 152_588, 15_259, 20, 10_000_000, 1_000_000, 4096, 31),
    )


def test_pulses_and_reads_keep_the_polarity(die: Client) -> None:
    (before,) = _currents(die, [(2, 4)])
    payload = die.do(Op.PULSE_READ, pulse_read(200_000, 4096, (2, 4, *MOVING, 30), (2, 4, -MOVING[0], MOVING[1], 10)))
    executed, delivered = struct.unpack_from("<IQ", payload)
    (up, down), flags = block(payload, 2, 12)
    assert (executed, delivered, flags) == (2, die.status().delivered, [0, 0])
    assert 0 < before < up
    assert down < up
    assert _currents(die, [(2, 4)]) == pytest.approx([down], rel=SCATTER)
    assert _currents(die, [(2, 4)], -200_000)[0] < ZERO


def test_an_entry_that_is_refused_leaves_every_cell_as_it_was(die: Client) -> None:
    before = _currents(die, CELLS)
    assert die.refused(Op.PULSE, pulse((0, 0, *MOVING, 90), (1, 1, *MOVING, 90), (1, 5, *MOVING, 1))) == (
        Code.NO_SUCH_CELL,
        2,
    )
    assert _currents(die, CELLS) == pytest.approx(before, rel=SCATTER)


def test_read_voltages_are_rounded_to_the_nearest_step(die: Client) -> None:
    die.do(Op.PULSE, pulse((0, 0, *MOVING, 100)))
    zero, below, above, step, next_below, next_above, two = (
        _currents(die, [(0, 0)], voltage)[0] for voltage in (0, 7, 8, 15, 22, 23, 31)
    )
    unit = (two - zero) / 2
    assert unit > 1e-9
    assert below - zero == pytest.approx(0, abs=unit / 4)
    assert [value - zero for value in (above, step, next_below)] == pytest.approx([unit] * 3, abs=unit / 4)
    assert next_above - zero == pytest.approx(2 * unit, abs=unit / 4)


def test_products_of_amplitudes_are_sums_of_reads(die: Client) -> None:
    table = {voltage: _currents(die, CELLS, voltage) for voltage in (100_000, 200_000)}
    one, two = table[100_000], table[200_000]
    rows = Product(averages=512)
    vectors = (0, 0, 200_000), (200_000, 100_000, 0)
    expected = [*two[10:15], *(two[column] + one[5 + column] for column in range(COLUMNS))]
    assert _product(die, rows, *vectors) == pytest.approx(expected, rel=SCATTER)
    floored = Product(averages=512, floor=100_000)
    expected = [one[column] + two[5 + column] + one[10 + column] for column in range(COLUMNS)]
    assert _product(die, floored, (0, 100_000, 0)) == pytest.approx(expected, rel=SCATTER)
    columns = Product(direction=1, averages=512)
    expected = [two[5 * row + 3] + one[5 * row + 4] for row in range(ROWS)]
    assert _product(die, columns, (0, 0, 0, 200_000, 100_000)) == pytest.approx(expected, rel=SCATTER)


def test_products_of_widths_are_means_over_the_slot(die: Client) -> None:
    one, two, three = (_currents(die, CELLS, voltage) for voltage in (100_000, 200_000, 300_000))
    rows = Product(coding=1, averages=512, voltage=200_000, slot=10_000)
    expected = [0.25 * two[column] + two[10 + column] for column in range(COLUMNS)]
    assert _product(die, rows, (2500, 0, 10_000)) == pytest.approx(expected, rel=SCATTER)
    # The height of a pulse counts from the floor: 0.3 V for half of the slot, 0.1 V for the other half.
    floored = Product(coding=1, direction=1, averages=512, floor=100_000, voltage=200_000, slot=10_000)
    expected = [
        0.5 * (one[5 * row] + three[5 * row]) + sum(one[5 * row + column] for column in range(1, COLUMNS))
        for row in range(ROWS)
    ]
    assert _product(die, floored, (5000, 0, 0, 0, 0)) == pytest.approx(expected, rel=SCATTER)


def test_products_are_as_large_as_the_page_allows(board: Client) -> None:
    board.do(Op.CLEAR)
    _product(board, Product(), *[(0, 0, 0)] * 364)
    assert board.refused(Op.MULTIPLY, Product().pack(*[(0, 0, 0)] * 365))[0] == Code.RANGE
    _product(board, Product(direction=1), *[(0,) * 5] * 606)
    assert board.refused(Op.MULTIPLY, Product(direction=1).pack(*[(0,) * 5] * 607))[0] == Code.RANGE


def test_lists_are_as_long_as_the_page_allows(board: Client) -> None:
    board.arm()
    cells, entries = [(1, 1)] * 1025, [(1, 1, 0, 20, 1)] * 1025
    board.do(Op.READ, read(0, 1, *cells[:1024]))
    assert board.refused(Op.READ, read(0, 1, *cells)) == (Code.RANGE, 0xFFFF)
    assert struct.unpack("<IQ", board.do(Op.PULSE, pulse(*entries[:1024])))[0] == 1024
    # More pulse entries than that fit into no frame: only a list that is cut short can ask for them.
    assert board.refused(Op.PULSE, pulse(*entries)[:16_386]) == (Code.BAD_LENGTH, 0xFFFF)


def test_pulse_reads_are_as_long_as_the_page_allows(board: Client) -> None:
    board.arm()
    payload = board.do(Op.PULSE_READ, pulse_read(0, 1, *[(1, 1, 0, 20, 1)] * 1023))
    assert struct.unpack_from("<I", payload) == (1023,)
    assert len(payload) == 12 + 9 * 1023


CELL, PULSE = (0, 0), (0, 0, 100_000, 100, 1)
OUT_OF_RANGE = {
    "read limit": (Op.READ, read(500_001, 1, CELL)),
    "negative read limit": (Op.READ, read(-500_001, 1, CELL)),
    "least read voltage": (Op.READ, read(-(2**31), 1, CELL)),
    "no averages": (Op.READ, read(0, 0, CELL)),
    "many averages": (Op.READ, read(0, 4097, CELL)),
    "no cells": (Op.READ, read(0, 1)),
    "no pulses": (Op.PULSE, pulse()),
    "no pulses to read": (Op.PULSE_READ, pulse_read(0, 1)),
    "pulsed read voltage": (Op.PULSE_READ, pulse_read(500_001, 1, PULSE)),
    "pulsed averages": (Op.PULSE_READ, pulse_read(0, 0, PULSE)),
    "no vectors": (Op.MULTIPLY, Product().pack()),
    "product averages": (Op.MULTIPLY, Product(averages=0).pack((0, 0, 0))),
    "product averages above": (Op.MULTIPLY, Product(averages=4097).pack((0, 0, 0))),
    "slot 0": (Op.MULTIPLY, Product(slot=0).pack((0, 0, 0))),
    "slot below": (Op.MULTIPLY, Product(slot=999).pack((0, 0, 0))),
    "slot above": (Op.MULTIPLY, Product(slot=10_000_001).pack((0, 0, 0))),
    "width coding's voltage": (Op.MULTIPLY, Product(coding=1, voltage=500_001).pack((0, 0, 0))),
    "width coding's floor": (Op.MULTIPLY, Product(coding=1, floor=-500_001).pack((0, 0, 0))),
    "width coding's top": (Op.MULTIPLY, Product(coding=1, floor=300_000, voltage=200_001).pack((0, 0, 0))),
    "no compliance": (Op.COMPLIANCE, struct.pack("<dB", 0.0, 0)),
    "negative compliance": (Op.COMPLIANCE, struct.pack("<dB", -0.1, 0)),
    "compliance above": (Op.COMPLIANCE, struct.pack("<dB", 0.2500001, 0)),
    "compliance nan": (Op.COMPLIANCE, struct.pack("<dB", float("nan"), 0)),
    "no lines": (Op.CALIBRATION_READ, struct.pack("<BHH", 0, 0, 0)),
    "column 5": (Op.CALIBRATION_READ, struct.pack("<BHH", 0, 4, 2)),
    "row 3": (Op.CALIBRATION_READ, struct.pack("<BHH", 1, 3, 1)),
    "1001 lines": (Op.CALIBRATION_READ, struct.pack("<BHH", 0, 0, 1001)),
}
ENTRY_OUT_OF_RANGE = {
    "width 0": (0, 0, 0, 0, 1),
    "width below": (0, 0, 0, 19, 1),
    "width above": (0, 0, 0, 10_000_001, 1),
    "count 0": (0, 0, 0, 100, 0),
    "count above": (0, 0, 0, 100, 1_000_001),
    "v_max": (0, 0, 5_000_001, 100, 1),
    "v_min": (0, 0, -5_000_001, 100, 1),
    "least": (0, 0, -(2**31), 100, 1),
}
BAD_ARGUMENT = {
    "write scheme 1": (Op.SCHEME, b"\1\0"),
    "write scheme 4": (Op.SCHEME, b"\4\0"),
    "read scheme 2": (Op.SCHEME, b"\2\2"),
    "read scheme 3": (Op.SCHEME, b"\2\3"),
    "action": (Op.COMPLIANCE, struct.pack("<dB", 0.1, 2)),
    "coding": (Op.MULTIPLY, Product(coding=2).pack((0, 0, 0))),
    "direction": (Op.MULTIPLY, Product(direction=2).pack((0, 0, 0))),
    "calibration direction": (Op.CALIBRATION_READ, struct.pack("<BHH", 2, 0, 1)),
}
LENGTHS = {
    Op.CLEAR: b"",
    Op.ARM: struct.pack("<I", 1000),
    Op.SCHEME: b"\3\0",
    Op.COMPLIANCE: struct.pack("<dB", 0.1, 0),
    Op.ROUTE: struct.pack("<HH", 0, 0),
    Op.UNROUTE: b"",
    Op.READ: read(0, 1, CELL, CELL),
    Op.PULSE: pulse(PULSE, PULSE),
    Op.PULSE_READ: pulse_read(0, 1, PULSE),
    Op.MULTIPLY: Product().pack((0, 0, 0)),
    Op.TEMPERATURE: b"",
    Op.SELFTEST: b"",
    Op.CALIBRATION_READ: struct.pack("<BHH", 0, 0, 1),
    Op.CALIBRATION_WRITE: struct.pack("<IBHHdd", KEY, 0, 0, 1, 1.0, 0.0),
}


def test_scalars_out_of_range_are_refused(board: Client) -> None:
    board.arm()
    for name, (op, payload) in OUT_OF_RANGE.items():
        assert board.refused(op, payload) == (Code.RANGE, 0xFFFF), name
    for name, (op, payload) in BAD_ARGUMENT.items():
        assert board.refused(op, payload) == (Code.BAD_ARGUMENT, 0xFFFF), name
    assert board.status().state == State.ARMED


def test_entries_are_refused_by_their_index(board: Client) -> None:
    board.arm()
    for name, entry in ENTRY_OUT_OF_RANGE.items():
        assert board.refused(Op.PULSE, pulse(PULSE, PULSE, entry)) == (Code.RANGE, 2), name
        assert board.refused(Op.PULSE_READ, pulse_read(0, 1, PULSE, entry)) == (Code.RANGE, 1), name
    for cell in ((3, 0), (0, 5), (0xFFFF, 0xFFFF)):
        assert board.refused(Op.READ, read(0, 1, CELL, cell)) == (Code.NO_SUCH_CELL, 1)
        assert board.refused(Op.PULSE_READ, pulse_read(0, 1, (*cell, 0, 100, 1))) == (Code.NO_SUCH_CELL, 0)
        assert board.refused(Op.ROUTE, struct.pack("<HH", *cell))[0] == Code.NO_SUCH_CELL
    board.do(Op.READ, read(-500_000, 1, (2, 4)))
    board.do(Op.PULSE, pulse((2, 4, 5_000_000, 20, 1), (2, 4, -5_000_000, 20, 1)))


def test_inputs_of_a_product_are_checked_with_the_floor(board: Client) -> None:
    board.do(Op.CLEAR)
    for product, vector in (
        (Product(), (500_001, 0, 0)),
        (Product(), (0, 0, -500_001)),
        (Product(floor=1), (0, 500_000, 0)),
        (Product(coding=1, slot=5000), (5001, 0, 0)),
        (Product(coding=1, slot=5000), (0, 0, 0xFFFFFFFF)),
    ):
        code, entry = board.refused(Op.MULTIPLY, product.pack((0, 0, 0), vector))
        assert code == Code.RANGE
        assert entry != 0xFFFF
    board.do(Op.MULTIPLY, Product(floor=-500_000).pack((500_000, 0, 0)))
    board.do(Op.MULTIPLY, Product(coding=1, slot=1000).pack((0, 1, 1000)))


@pytest.mark.parametrize("op", LENGTHS)
def test_a_byte_too_many_or_too_few_is_a_bad_length(board: Client, op: Op) -> None:
    board.arm()
    assert board.refused(op, LENGTHS[op] + b"\0") == (Code.BAD_LENGTH, 0xFFFF)
    if LENGTHS[op]:
        assert board.refused(op, LENGTHS[op][:-1]) == (Code.BAD_LENGTH, 0xFFFF)
        assert board.refused(op) == (Code.BAD_LENGTH, 0xFFFF)


@pytest.mark.parametrize("op", [0, 0x08, 0x14, 0x23, 0x31, 0x42, 0x52, 0xFFFF])
def test_an_unknown_opcode_is_refused(board: Client, op: int) -> None:
    assert board.refused(op, b"anything") == (Code.BAD_OPCODE, 0xFFFF)


def test_reverse_takes_positive_voltages_only_and_safe_sets_the_schemes_back(die: Client) -> None:
    (before,) = _currents(die, [(1, 1)])
    die.do(Op.SCHEME, b"\2\4")
    for voltage in (0, -100_000):
        assert die.refused(Op.READ, read(voltage, 1, CELL)) == (Code.RANGE, 0xFFFF)
        assert die.refused(Op.PULSE_READ, pulse_read(voltage, 1, PULSE)) == (Code.RANGE, 0xFFFF)
    # The other cells of the column carry what little current they conduct in reverse.
    assert _currents(die, [(1, 1)]) == pytest.approx([before], rel=0.05)
    die.free(Op.SAFE)
    die.arm()
    die.do(Op.READ, read(-100_000, 1, CELL))


def test_float_reads_the_cell_beside_its_sneak_paths(die: Client) -> None:
    (before,) = _currents(die, [(1, 1)])
    die.do(Op.SCHEME, b"\3\1")
    assert _currents(die, [(1, 1)]) == pytest.approx([before], rel=0.05)


def test_temperature_and_self_test_have_their_layout(board: Client) -> None:
    board.do(Op.CLEAR)
    assert struct.unpack("<i", board.do(Op.TEMPERATURE)) == (board.status().temperature,) == (25_000,)
    report = board.do(Op.SELFTEST)
    tests = list(struct.iter_unpack("<BBd", report[1:]))
    assert len(tests) == report[0] > 0
    assert {passed for _, passed, _ in tests} == {1}


def _coefficients(board: Client, direction: int) -> tuple[bytes, bytes]:
    n = ROWS if direction else COLUMNS
    reply = board.do(Op.CALIBRATION_READ, struct.pack("<BHH", direction, 0, n))
    assert len(reply) == 16 * n + 32
    return reply[:-32], reply[-32:]


def test_calibration_is_read_written_and_divided_out(die: Client) -> None:
    (columns, one), (rows, other) = _coefficients(die, 0), _coefficients(die, 1)
    assert one == other == hashlib.sha256(columns + rows).digest()
    assert die.do(Op.CALIBRATION_READ, struct.pack("<BHH", 0, 2, 2)) == columns[32:64] + one
    before = _currents(die, [(1, 2), (1, 3)])
    gain, offset = struct.unpack_from("<dd", columns, 32)
    changed = struct.pack("<dd", 2 * gain, offset + 1e-6)
    # A wrong key, and a line that is not there: nothing is written.
    assert (
        die.refused(Op.CALIBRATION_WRITE, struct.pack("<IBHH", KEY ^ 1, 0, 2, 1) + changed)[0] == Code.CALIBRATION_KEY
    )
    assert die.refused(Op.CALIBRATION_WRITE, struct.pack("<IBHH", KEY, 0, 4, 2) + 2 * changed)[0] == Code.RANGE
    assert _coefficients(die, 0) == (columns, one)
    written = die.do(Op.CALIBRATION_WRITE, struct.pack("<IBHH", KEY, 0, 2, 1) + changed)
    expected = columns[:32] + changed + columns[48:]
    assert written == hashlib.sha256(expected + rows).digest()
    assert _coefficients(die, 0) == (expected, written)
    assert _currents(die, [(1, 2), (1, 3)]) == pytest.approx(
        [(before[0] * gain - 1e-6) / (2 * gain), before[1]], rel=SCATTER
    )
    assert die.do(Op.CALIBRATION_WRITE, struct.pack("<IBHH", KEY, 0, 0, 5) + columns) == one
