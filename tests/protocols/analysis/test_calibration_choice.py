"""Whether coefficients are worth storing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from protocols.analysis.calibration_choice import Choice, MeterLimits, Tie, choose, coefficients, is_hopeless
from protocols.analysis.column_equalising import ColumnGains, Offsets, Transfers

COLUMNS, ROWS = 400, 4
METER = MeterLimits(2e-4, 1.5e-4).sigma(1.1)


def gains(spread: float, sigma: float = 4e-6, dependence: float = 2e-5, scale: float = 1.0) -> ColumnGains:
    """Return gains that were found to differ by so much."""
    shape = np.linspace(-1, 1, COLUMNS)
    gain = 1 + spread * shape / np.std(shape, ddof=1)
    agreement = scale + np.array([1e-4, -1e-4, 5e-5, -5e-5])
    nothing = np.zeros((ROWS, COLUMNS))
    return ColumnGains(gain, sigma, 5e-9, dependence, agreement, nothing, np.full(ROWS, 1e-3))


def transfers(rows: int = ROWS) -> Transfers:
    """Return transfers of which only the rows matter."""
    nothing = np.zeros((ROWS, COLUMNS))
    row = np.arange(ROWS) % rows
    return Transfers(
        nothing, nothing, nothing, nothing, nothing, nothing, np.full(ROWS, 0.2), row, nothing[0], nothing[0]
    )


def offsets(size: float = 0.0) -> Offsets:
    """Return offsets that were found to be so large (A)."""
    return Offsets(np.full(COLUMNS, size), 1e-10, np.zeros(COLUMNS))


def chosen(
    found: ColumnGains, tie: Tie = "auto", rows: int = ROWS, allowed: bool = True, offset: float = 0.0
) -> Choice:
    return choose(found, offsets(offset), transfers(rows), METER, tie, allowed=allowed)


def test_the_limits_of_a_data_sheet_become_a_standard_uncertainty() -> None:
    assert MeterLimits(3e-4, 0.0).sigma(1.0) == pytest.approx(3e-4 / math.sqrt(3))
    assert pytest.approx(1.5e-4, rel=0.02) == METER


@pytest.mark.parametrize(
    ("found", "reason", "equalise"),
    [
        (gains(3.5e-4), "stored", True),
        (gains(5e-6), "equal already", False),
        (gains(8.8e-6), "equal already", False),  # sqrt(8.8^2 - 4^2) = 7.8 is less than twice 4
        (gains(9.2e-6, dependence=1e-6), "stored", True),
        (gains(3.5e-4, dependence=2e-4), "gains depend on the current", True),
        (gains(3.5e-4, scale=1.004), "board and meter disagree", True),
        (gains(1e-6, scale=0.998), "equal already", False),
        (gains(0.2), "larger than gain errors", True),
        (gains(3.5e-4, scale=0.4), "larger than gain errors", True),
        (gains(3.5e-4, sigma=math.nan), "not enough measured", False),
    ],
)
def test_coefficients_are_stored_where_that_is_better(found: ColumnGains, reason: str, equalise: bool) -> None:
    choice = chosen(found)
    assert (choice.reason, choice.equalise) == (reason, equalise)
    assert choice.stores == (reason == "stored")


def test_nothing_is_stored_where_it_is_not_allowed() -> None:
    assert chosen(gains(3.5e-4), allowed=False).reason == "told not to"


def test_the_meter_is_the_reference_only_where_it_is_better_than_what_is_stored_and_finds_that_off() -> None:
    assert chosen(gains(3.5e-4, scale=1.0006)).tie
    assert not chosen(gains(3.5e-4, scale=1.0003)).tie  # within twice its own 160 ppm
    assert not chosen(gains(5e-6, scale=1.0004)).tie  # 160 ppm do not better a factory's 5
    assert not chosen(gains(1e-4, dependence=1e-6, scale=1.0004)).tie
    # One row does not tell its driver's error from the readers': it may be as large as theirs.
    assert not chosen(gains(3.5e-4, scale=1.0006), rows=1).tie
    assert chosen(gains(3.5e-4), rows=1).scale_sigma > 3.4e-4


def test_a_person_may_insist() -> None:
    assert not chosen(gains(3.5e-4), tie="no").tie
    forced = chosen(gains(5e-6, scale=1.0002), tie="yes")
    assert (forced.reason, forced.tie, forced.equalise) == ("stored", True, False)


def test_coefficients_make_every_column_report_what_its_gain_leaves_out() -> None:
    found = gains(3.5e-4, scale=1.0003)
    choice = chosen(found, tie="yes", offset=2e-9)
    stored_gain, stored_offset = np.full(COLUMNS, 1.001), np.full(COLUMNS, 1e-8)
    gain, offset = coefficients(choice, found, offsets(2e-9), stored_gain, stored_offset)
    current = 5e-4
    reported = found.gain * 1.0003 * current + 2e-9
    raw = reported * stored_gain + stored_offset
    assert (raw - offset) / gain == pytest.approx(current, rel=1e-9)


def test_what_was_not_measured_keeps_its_own() -> None:
    found = gains(3.5e-4)
    found.gain[7] = math.nan
    choice = chosen(found, tie="no")
    gain, offset = coefficients(choice, found, offsets(), np.full(COLUMNS, 1.001), np.zeros(COLUMNS))
    assert gain[7] == 1.001
    assert not offset.any()


def test_cells_that_move_or_are_led_around_cannot_be_compared() -> None:
    one = np.full(4, 1e-3)
    unknown = np.full(4, math.nan)
    assert is_hopeless(one, one, one) is None
    assert is_hopeless(one, one * 1.2, one * 1.1) == "cells move under the reads"
    assert is_hopeless(one, one, one * 1.5) == "the unit sees other currents"
    assert is_hopeless(one, one, unknown) == "the unit sees other currents"
    assert is_hopeless(one, one, np.array([1e-3, math.nan, math.nan, math.nan])) is None
    assert is_hopeless(one[:0], one[:0], one[:0]) is None
