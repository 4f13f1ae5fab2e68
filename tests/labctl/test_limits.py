"""The envelope's own arithmetic: what is beyond, and what a grid or a whole microvolt would take beyond."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labctl.board_data import Cell, Pulse
from labctl.errors import EnvelopeError, InputError
from labctl.limits import (
    Envelope,
    number_of,
    on_grid,
    source_edge,
    voltage_edge,
    whole_of,
    width_edge,
    within,
)

ENVELOPE = Envelope(
    voltage=1.3, read_voltage=0.25, cell_current=15e-3, line_current=0.25, pulse_width=10e-3, pulses_per_cell=1e9
)
WRITE_STEP, READ_STEP = 152_588e-9, 15_259e-9
"""Converters of the twin's board: 16 bit over 10 V, and over 1 V."""


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 1.3000001, -1.3000001, 1300.0, 10**30, np.float32(1.4)]
)
def test_what_is_beyond_is_refused_with_what_was_asked_and_what_is_allowed(value: Any) -> None:
    with pytest.raises(EnvelopeError, match=r"a pulse amplitude of .* this die allows voltage up to 1\.3 V"):
        ENVELOPE.check("voltage", value, "a pulse amplitude")


@pytest.mark.parametrize("value", ["0.9", b"1", None, 10**400, 1j, np.array([0.1, 0.2]), [0.1], Cell(0, 0)])
def test_what_is_no_number_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(InputError, match="a pulse amplitude is a number, not") as caught:
        ENVELOPE.check("voltage", value, "a pulse amplitude")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), Fraction(1, 2), np.array(0.5), 0.5])
def test_every_kind_of_number_becomes_a_plain_one(value: Any) -> None:
    found = ENVELOPE.check("voltage", value, "a voltage")
    assert type(found) is float
    assert found == 0.5


@pytest.mark.parametrize("value", [1.0, 1.5, math.nan, "1", None, np.float64(2), Fraction(2, 1)])
def test_what_is_no_whole_number_is_never_rounded_to_one(value: Any) -> None:
    with pytest.raises(InputError, match="a row is a whole number"):
        whole_of(value, "a row")


def test_whole_numbers_of_any_kind_are_taken() -> None:
    assert [whole_of(value, "a row") for value in (3, np.uint16(3), np.int64(3), np.array(3))] == [3, 3, 3, 3]
    assert number_of(True, "a voltage") == 1.0


@pytest.mark.parametrize("pulse", [Pulse(Cell(0, 0), -1.31, 80e-9), Pulse(Cell(0, 0), 0.9, 10.1e-3)])
def test_a_pulse_too_high_or_too_wide_is_refused(pulse: Pulse) -> None:
    with pytest.raises(EnvelopeError):
        ENVELOPE.check_pulse(pulse)


@given(
    st.floats(1e-6, 10.0),
    st.one_of(st.just(0.0), st.sampled_from([WRITE_STEP, READ_STEP]), st.floats(1e-9, 0.01)),
)
@example(1.3, WRITE_STEP)
@example(0.25, READ_STEP)
def test_nothing_up_to_the_edge_is_rounded_beyond_and_one_microvolt_more_would_be(allowed: float, step: float) -> None:
    edge = voltage_edge(allowed, step)
    assert edge / 1e6 <= allowed
    assert on_grid(edge, step) <= allowed
    assert (edge + 1) / 1e6 > allowed or on_grid(edge + 1, step) > allowed


def test_the_packaged_envelope_lies_off_the_boards_grid() -> None:
    """Without the edge, 1.3 V would be put out as 1.30005 V."""
    assert on_grid(1_300_000, WRITE_STEP) > 1.3
    assert 1.2998 < on_grid(voltage_edge(1.3, WRITE_STEP), WRITE_STEP) <= 1.3


@given(st.integers(1, 10_000_000))
def test_a_width_of_whole_nanoseconds_is_its_own_edge(nanoseconds: int) -> None:
    assert round(width_edge(nanoseconds / 1e9) * 1e9) == nanoseconds
    between = (nanoseconds + 0.7) / 1e9
    assert round(width_edge(between) * 1e9) == nanoseconds


@given(st.floats(1e-3, 200.0), st.sampled_from([0.2, 2.0, 2.1, 20.0, 21.0, 40.0, 200.0]))
@example(1.3, 2.0)
def test_a_source_is_never_asked_for_what_its_grid_takes_beyond(allowed: float, full: float) -> None:
    step = 50e-6 * 10.0 ** round(math.log10(full / 2))
    edge = source_edge(allowed, full)
    assert allowed - step * (1 + 1e-9) <= edge <= allowed
    assert edge / step == pytest.approx(round(edge / step), abs=1e-4)
    assert float(f"{edge:.9g}") <= allowed


def test_a_round_limit_is_its_own_edge_on_every_source() -> None:
    assert [source_edge(1.3, full) for full in (2.0, 2.1, 20.0)] == [1.3, 1.3, 1.3]


@given(st.floats(-10, 10), st.floats(0, 5))
def test_what_is_within_stays_as_it_is(value: float, edge: float) -> None:
    found = within(value, edge)
    assert abs(found) <= edge
    assert found == value or (abs(found) == edge and abs(value) > edge and found * value >= 0)
