"""Summaries: units of their figures, what is printed, and what makes a run pass."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from labctl.protocol import Criterion, judge
from labctl.summaries import criteria_lines, summary_columns, summary_lines
from labctl.units import Decibels, Levels, Siemens


@dataclass(frozen=True, slots=True)
class Sample:
    """One of each kind that a summary may hold."""

    slope: Siemens
    error_rms: tuple[Levels, ...]
    ledger: dict[str, Decibels]
    corner: Siemens | None
    cells: int
    whole: bool


SAMPLE = Sample(361.5e-9, (6.6, 0.22), {"levels": 84.3, "wires": 67.5}, None, 4096, True)


def test_every_figure_has_its_unit() -> None:
    assert [column.unit for column in summary_columns(Sample)] == ["S", "levels", "dB", "S", "", ""]


def test_a_summary_is_printed_a_figure_a_line() -> None:
    words = [line.split(maxsplit=1)[1] for line in summary_lines(SAMPLE)]
    assert words == ["361.5 nS", "6.6 levels, 0.22 levels", "levels 84.3 dB, wires 67.5 dB", "not known", "4096", "yes"]


@pytest.mark.parametrize(
    ("criterion", "met"),
    [
        (Criterion("slope", 350e-9, 370e-9), True),
        (Criterion("slope", at_least=361.5e-9), True),
        (Criterion("slope", at_most=361.4e-9), False),
        (Criterion("corner", at_most=1.0), False),
        (Criterion("cells", at_least=4096), True),
    ],
)
def test_a_criterion_holds_a_figure_between_its_bounds(criterion: Criterion, met: bool) -> None:
    outcome = judge(SAMPLE, criterion)
    assert outcome.passed is met
    assert bool(criteria_lines(SAMPLE, outcome.criteria)) is not met


def test_a_figure_that_is_no_number_meets_nothing() -> None:
    nan = Sample(float("nan"), (), {}, None, 0, False)
    assert not judge(nan, Criterion("slope", at_most=1.0)).passed


def test_what_was_missed_is_said_with_units() -> None:
    missed = criteria_lines(SAMPLE, [Criterion("slope", 354e-9, 360e-9), Criterion("cells", at_most=4000)])
    assert missed == ["  slope should be from 354 nS to 360 nS", "  cells should be at most 4000"]
