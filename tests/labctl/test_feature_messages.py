"""Payloads of the board's further operations: what is packed is unpacked, and wrong lengths are noticed."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import feature_messages as messages
from labctl.board_features import Coding, Direction, ProductSetup, SelfTest
from labctl.messages import PayloadError

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.sampled_from(Coding), st.sampled_from(Direction), st.integers(1, 9), st.integers(1, 9), st.integers(0, 9),
    st.integers(1, 0xFFFF), st.integers(-500_000, 500_000), st.integers(-500_000, 500_000), st.integers(0, 2**32 - 1),
    st.integers(0, 2**31),
)  # fmt: skip
def test_products(
    coding: Coding, direction: Direction, rows: int, columns: int, count: int, averages: int, floor: int, voltage: int,
    slot: int, seed: int,
) -> None:  # fmt: skip
    inputs = direction.sides(rows, columns)[0]
    low, high, unit = (-(2**31), 2**31, 1e-6) if coding is Coding.AMPLITUDE else (0, 2**32, 1e-9)
    values = np.random.default_rng(seed).integers(low, high, (count, inputs))
    setup = ProductSetup(coding, direction, slot * 1e-9, averages, floor * 1e-6, voltage * 1e-6)
    payload = messages.pack_multiply(np.multiply(values, unit, dtype=np.float64), setup)
    assert len(payload) == 18 + 4 * count * inputs
    found = messages.unpack_multiply(payload, rows, columns)
    assert (found.coding, found.direction, found.averages, found.count) == (coding, direction, averages, count)
    assert (found.floor, found.voltage, found.slot) == (floor, voltage, slot)
    assert found.values.tolist() == values.reshape(-1).tolist()


@given(st.binary(max_size=120), st.integers(1, 6), st.integers(1, 6))
def test_any_bytes_are_a_request_or_none(payload: bytes, rows: int, columns: int) -> None:
    with contextlib.suppress(PayloadError):
        request = messages.unpack_multiply(payload, rows, columns)
        assert len(request.values) in (request.count * rows, request.count * columns)
    with contextlib.suppress(PayloadError):
        assert len(messages.unpack_calibration(payload).gain) == (len(payload) - 9) / 16
    with contextlib.suppress(PayloadError):
        assert len(messages.unpack_coefficients(payload, rows).gain) == rows
    for unpack in (messages.unpack_lines, messages.unpack_temperature, messages.unpack_tests, messages.unpack_identity):
        with contextlib.suppress(PayloadError):
            unpack(payload)


def test_a_direction_that_there_is_not_has_either_length() -> None:
    def payload(inputs: int) -> bytes:
        return bytes([0, 7, 1, 0, 2, 0]) + bytes(12) + bytes(4 * 2 * inputs)

    assert len(messages.unpack_multiply(payload(3), 3, 5).values) == 6
    assert len(messages.unpack_multiply(payload(5), 3, 5).values) == 10
    with pytest.raises(PayloadError):
        messages.unpack_multiply(payload(4), 3, 5)


@given(st.lists(st.tuples(finite, finite), max_size=20))
def test_coefficients(pairs: list[tuple[float, float]]) -> None:
    gain, offset = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    request = messages.unpack_calibration(messages.pack_calibration(1, 7, gain, offset))
    assert (request.lines.direction, request.lines.first, request.lines.count) == (1, 7, len(pairs))
    assert request.gain.tolist() == gain.tolist()
    assert request.offset.tolist() == offset.tolist()
    packed = messages.pack_pairs(gain, offset)
    stored = messages.unpack_coefficients(packed + messages.identity_of(packed), len(pairs))
    assert stored.gain.tolist() == gain.tolist()
    assert stored.identity == messages.unpack_identity(messages.identity_of(packed))


@given(st.lists(st.builds(SelfTest, st.integers(0, 255), st.booleans(), finite), max_size=255))
def test_self_tests(tests: list[SelfTest]) -> None:
    assert messages.unpack_tests(messages.pack_tests(tests)) == tests


@pytest.mark.parametrize(("shape", "direction", "most"), [
    ((64, 64), Direction.ROWS_IN, 28), ((3, 5), Direction.ROWS_IN, 364), ((3, 5), Direction.COLUMNS_IN, 606),
    ((512, 512), Direction.ROWS_IN, 3), ((1, 186), Direction.COLUMNS_IN, 22),
])  # fmt: skip
def test_how_many_vectors_fit(shape: tuple[int, int], direction: Direction, most: int) -> None:
    inputs, outputs = direction.sides(*shape)
    assert direction.vectors_max(*shape) == most
    assert most * outputs <= 1820
    assert most * inputs <= 4092
    assert (most + 1) * outputs > 1820 or (most + 1) * inputs > 4092
