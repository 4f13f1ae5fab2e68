"""Signed inputs on lines of one sign."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.analysis.input_coding import AmplitudeCoding, BitSerialCoding, InputCoding, WidthCoding

SLOT = 100e-6
VOLTAGE = 0.2


def put_through(coding: InputCoding, vectors: np.ndarray, signed: bool, floor: float = 0.0) -> np.ndarray:
    """Return what lines are driven by in all, on a board that puts out exactly what it is told."""
    width = isinstance(coding, WidthCoding)
    low, high = (floor, floor + VOLTAGE) if width else (0.0, 0.0)
    added = 0.0 if width else floor
    return sum(
        (each.weight * coding.drive(each.inputs + added, low, high) for each in coding.passes(vectors, signed)),
        start=np.zeros_like(vectors),
    )


CODINGS = {
    "width": (WidthCoding(VOLTAGE, SLOT), 1e-5),
    "amplitude, ohmic": (AmplitudeCoding(VOLTAGE), 1e-12),
    "amplitude, sinh": (AmplitudeCoding(VOLTAGE, 0.344), 1e-12),
    "bit-serial": (BitSerialCoding(VOLTAGE, 12), 0.5 / 4095 + 1e-12),
}


@pytest.mark.parametrize("name", CODINGS)
@given(seed=st.integers(0, 50), signed=st.booleans())
def test_passes_amount_to_the_vectors(name: str, seed: int, signed: bool) -> None:
    coding, error = CODINGS[name]
    vectors = np.random.default_rng(seed).uniform(-1 if signed else 0, 1, (4, 6))
    assert len(coding.passes(vectors, signed)) == coding.count(signed)
    np.testing.assert_allclose(put_through(coding, vectors, signed), VOLTAGE * vectors, atol=VOLTAGE * error)


@pytest.mark.parametrize(
    "coding",
    [WidthCoding(VOLTAGE, SLOT), AmplitudeCoding(VOLTAGE, floor=3e-3), AmplitudeCoding(VOLTAGE, 0.344, floor=3e-3)],
)
def test_a_floor_drops_out_of_two_passes(coding: InputCoding) -> None:
    vectors = np.random.default_rng(1).uniform(-1, 1, (4, 6))
    np.testing.assert_allclose(put_through(coding, vectors, True, floor=3e-3), VOLTAGE * vectors, atol=2e-6)


def test_amplitudes_bend_as_the_current_does() -> None:
    bend = 0.343826
    (one_pass,) = AmplitudeCoding(VOLTAGE, bend).passes(np.array([[0.0, 0.5, 1.0]]), signed=False)
    current = np.sinh(one_pass.inputs / bend) / math.sinh(VOLTAGE / bend)
    np.testing.assert_allclose(current, [[0.0, 0.5, 1.0]], atol=1e-12)


def test_above_a_floor_it_is_the_difference_to_the_floor_that_is_proportional() -> None:
    bend, floor = 0.343826, 0.05
    (one_pass,) = AmplitudeCoding(VOLTAGE, bend, floor).passes(np.array([[0.0, 0.25, 1.0]]), signed=False)
    current = np.sinh((floor + one_pass.inputs) / bend) - math.sinh(floor / bend)
    np.testing.assert_allclose(current / current[0, -1], [[0.0, 0.25, 1.0]], atol=1e-12)


def test_widths_are_whole_nanoseconds() -> None:
    (one_pass,) = WidthCoding(VOLTAGE, SLOT).passes(np.array([[1 / 3]]), signed=False)
    assert one_pass.inputs[0, 0] * 1e9 == pytest.approx(33333)


def test_bits_count_half_as_much_from_one_to_the_next() -> None:
    weights = [each.weight for each in BitSerialCoding(VOLTAGE, 3).passes(np.array([[1.0]]), signed=True)]
    assert weights == pytest.approx([4 / 7, 2 / 7, 1 / 7, -4 / 7, -2 / 7, -1 / 7])
