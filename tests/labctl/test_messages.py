"""Payloads of the probe board: packing and unpacking are each other's inverse, and lengths are strict."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import messages
from labctl.board_data import BoardState, BoardStatus, Capabilities, Cell, Feature, Pulse, Trip
from labctl.messages import ErrorReport, HelloReply, PayloadError, ResultBlock

if TYPE_CHECKING:
    from collections.abc import Callable

U16, U32, U64 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF), st.integers(0, 2**64 - 1)
I32 = st.integers(-(2**31), 2**31 - 1)
CELLS = st.builds(Cell, U16, U16)
# Decimal values as a person writes them: whole microvolts and nanoseconds.
VOLTS = I32.map(lambda microvolts: microvolts / 1e6)
SECONDS = U32.map(lambda nanoseconds: nanoseconds / 1e9)
PULSES = st.builds(Pulse, CELLS, VOLTS, SECONDS, U32)
AMPERES = st.floats(allow_nan=False)


@st.composite
def blocks(draw: st.DrawFn) -> ResultBlock:
    """Draw a result block."""
    values = draw(st.lists(st.tuples(AMPERES, st.booleans(), st.booleans()), max_size=20))
    current, saturated, held = zip(*values, strict=True) if values else ((), (), ())
    return ResultBlock(np.array(current, np.float64), np.array(saturated, np.bool_), np.array(held, np.bool_))


def same_block(one: ResultBlock, other: ResultBlock) -> bool:
    """Return whether two blocks hold the same values."""
    return (
        one.current.tolist() == other.current.tolist()
        and one.saturated.tolist() == other.saturated.tolist()
        and one.in_compliance.tolist() == other.in_compliance.tolist()
    )


@given(U32, U16, U32, U64)
def test_hello(nonce: int, session: int, boot: int, delivered: int) -> None:
    reply = HelloReply(nonce, session, boot, delivered)
    assert messages.unpack_hello_reply(messages.pack_hello_reply(reply)) == reply
    assert messages.unpack_hello(messages.pack_hello(nonce)) == nonce


@given(U16, U16, I32, I32, U32, U32, U32, U16, st.integers(0, 31))
def test_capabilities(
    rows: int, columns: int, low: int, high: int, limit: int, step: int, width: int, averages: int, features: int
) -> None:
    able = Capabilities(
        rows, columns, low / 1e6, high / 1e6, limit / 1e6, step / 1e9, step / 1e9, width / 1e9, width / 1e9,
        width, averages, Feature(features),
    )  # fmt: skip
    assert messages.unpack_capabilities(messages.pack_capabilities(able)) == able


@given(st.sampled_from(BoardState), st.integers(0, 31), U64, U32, I32, U32, st.integers(0, 2**52))
def test_status(state: BoardState, trips: int, delivered: int, boot: int, warmth: int, bad: int, time: int) -> None:
    status = BoardStatus(state, Trip(trips), delivered, boot, warmth / 1e3, bad, 0.0)
    packed = messages.pack_status(status)
    assert messages.unpack_status(packed) == status
    assert messages.unpack_status(packed[:-8] + time.to_bytes(8, "little")).time == time / 1e6


def test_a_state_that_does_not_exist_is_refused() -> None:
    status = BoardStatus(BoardState.ARMED, Trip.NONE, 0, 1, 25.0, 0, 0.0)
    with pytest.raises(PayloadError, match="state 3"):
        messages.unpack_status(b"\x03" + messages.pack_status(status)[1:])


@given(U32, st.integers(0, 31), st.integers(0, 255), st.integers(0, 255), AMPERES, CELLS)
def test_settings(period: int, trips: int, write: int, read: int, limit: float, cell: Cell) -> None:
    assert messages.unpack_arm(messages.pack_arm(period / 1e3)) == period
    assert messages.unpack_trips(messages.pack_trips(Trip(trips))) == Trip(trips)
    assert messages.unpack_scheme(messages.pack_scheme(write, read)) == (write, read)
    assert messages.unpack_compliance(messages.pack_compliance(limit, write)) == (limit, write)
    assert messages.unpack_cell(messages.pack_cell(cell)) == cell


@given(st.lists(CELLS, max_size=30), I32, U16)
def test_read(cells: list[Cell], microvolts: int, averages: int) -> None:
    request = messages.unpack_read(messages.pack_read(cells, microvolts / 1e6, averages))
    assert (request.voltage, request.averages) == (microvolts, averages)
    assert [Cell(*place) for place in zip(request.row.tolist(), request.column.tolist(), strict=True)] == cells


def wire_entries(pulses: list[Pulse]) -> list[tuple[int, ...]]:
    """Return pulses in wire units."""
    return [
        (pulse.cell.row, pulse.cell.column, round(pulse.amplitude * 1e6), round(pulse.width * 1e9), pulse.count)
        for pulse in pulses
    ]


def found_entries(entries: messages.Entries) -> list[tuple[int, ...]]:
    """Return unpacked entries as tuples."""
    columns = (entries.row, entries.column, entries.amplitude, entries.width, entries.count)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(st.lists(PULSES, max_size=20), I32, U16)
def test_pulses(pulses: list[Pulse], microvolts: int, averages: int) -> None:
    entries = messages.unpack_entries(messages.pack_entries(pulses))
    assert found_entries(entries) == wire_entries(pulses)
    assert len(entries) == len(pulses)
    both = messages.unpack_pulse_read(messages.pack_pulse_read(pulses, microvolts / 1e6, averages))
    assert (both.voltage, both.averages) == (microvolts, averages)
    assert found_entries(both.entries) == wire_entries(pulses)


@given(blocks(), U64)
def test_results(block: ResultBlock, delivered: int) -> None:
    count = len(block.current)
    packed = messages.pack_block(block)
    assert len(packed) == 9 * count
    assert same_block(messages.unpack_block(packed, count), block)
    executed, counter, found = messages.split_pulse_read_reply(messages.pack_receipt(count, delivered) + packed)
    assert (executed, counter) == (count, delivered)
    assert same_block(found, block)


@given(U16, U16, U64, st.text(max_size=50), blocks())
def test_errors(code: int, entry: int, delivered: int, text: str, block: ResultBlock) -> None:
    plain = ErrorReport(code, entry, 7, delivered, text)
    assert messages.unpack_error(messages.pack_error(plain)) == plain
    tripped = ErrorReport(code, entry, len(block.current), delivered, text, messages.pack_block(block))
    assert messages.unpack_error(messages.pack_error(tripped), with_block=True) == tripped


def test_text_that_is_no_utf8_is_shown_as_far_as_it_goes() -> None:
    packed = messages.pack_error(ErrorReport(1, 2, 3, 4, "fine "))
    assert messages.unpack_error(packed + b"\xff").text == "fine \ufffd"


FIXED: list[tuple[Callable[[bytes], object], int]] = [
    (messages.unpack_hello, 4),
    (messages.unpack_hello_reply, 18),
    (messages.unpack_capabilities, 42),
    (messages.unpack_status, 31),
    (messages.unpack_arm, 4),
    (messages.unpack_scheme, 2),
    (messages.unpack_compliance, 9),
    (messages.unpack_cell, 4),
    (messages.unpack_trips, 2),
    (messages.unpack_receipt, 12),
]


@pytest.mark.parametrize(("unpack", "size"), FIXED)
def test_a_payload_of_another_length_is_refused(unpack: Callable[[bytes], object], size: int) -> None:
    unpack(bytes(size))
    for wrong in (0, size - 1, size + 1, 2 * size):
        with pytest.raises(PayloadError, match=f"{size} bytes expected, {wrong} found"):
            unpack(bytes(wrong))


LISTS: list[Callable[[bytes], object]] = [
    messages.unpack_read,
    messages.unpack_entries,
    messages.unpack_pulse_read,
    messages.split_pulse_read_reply,
    messages.unpack_error,
    lambda payload: messages.unpack_block(payload, 3),
    lambda payload: messages.unpack_error(payload, with_block=True),
]


@given(st.sampled_from(LISTS), st.binary(max_size=200))
def test_no_payload_raises_anything_else(unpack: Callable[[bytes], object], payload: bytes) -> None:
    with suppress(PayloadError):
        unpack(payload)
