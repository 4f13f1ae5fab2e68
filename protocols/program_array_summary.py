"""What a run of `program-array` amounts to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Fraction, Levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.program_array import CellProgrammed, ProgramArrayParameters

WITHIN_SHARE = 0.993
"""Share of the cells of a passing run that are within half a level: twin acceptance target of the Ru-azo film."""
BURSTS_MOST = 3.5
"""Bursts a cell of a passing run (same source)."""


@dataclass(frozen=True, slots=True)
class ProgramArraySummary:
    """What a run amounts to.

    `within_half_level` and `error_rms` count in the estimates' own uncertainty and `reader_error`: they are what the
    true errors are expected to show if the reader is no worse than that. What an uncalibrated reader, or wires that
    drop a part of the read voltage, hide from it is in neither: `wires_reckoned` says whether anything was done about
    wires, and where it is false the figures are those of the reads. `error_max` is the largest estimated error,
    `error_median` the median of their magnitudes. `given_up` counts cells that are not written, of which `at_rail`
    ended where pulses no longer move them and `unreadable` gave no measurement.
    """

    cells: int
    written: Fraction
    within_half_level: Fraction
    error_rms: Levels
    error_mean: Levels
    error_median: Levels
    error_max: Levels
    bursts_per_cell: float
    bursts_most: int
    reads_per_cell: float
    samples_per_cell: float
    pulses: int
    given_up: int
    at_rail: int
    unreadable: int
    rounds: int
    wires_reckoned: bool


def latest(records: Sequence[CellProgrammed]) -> list[CellProgrammed]:
    """Return where each cell stands, row by row: its last record."""
    cells = {(record.row, record.column): record for record in records}
    return [cells[place] for place in sorted(cells)]


def summarise(records: Sequence[CellProgrammed], parameters: ProgramArrayParameters) -> Outcome:
    """Count what the last records of the cells show."""
    records = latest(records)
    count = len(records)
    if count == 0:
        return Outcome(passed=False, summary=None)
    errors = np.array([record.error for record in records])
    sigmas = np.maximum([record.sigma for record in records], 1e-12)
    within = ndtr((0.5 - errors) / sigmas) - ndtr((-0.5 - errors) / sigmas)
    summary = ProgramArraySummary(
        cells=count,
        written=sum(record.written for record in records) / count,
        within_half_level=float(np.mean(within)),
        error_rms=float(np.sqrt(np.mean(errors**2 + sigmas**2))),
        error_mean=float(np.mean(errors)),
        error_median=float(np.median(np.abs(errors))),
        error_max=float(np.max(np.abs(errors))),
        bursts_per_cell=sum(record.bursts for record in records) / count,
        bursts_most=max(record.bursts for record in records),
        reads_per_cell=sum(record.reads for record in records) / count,
        samples_per_cell=sum(record.samples for record in records) / count,
        pulses=sum(record.pulses for record in records),
        given_up=sum(record.given_up for record in records),
        at_rail=sum(record.at_rail for record in records),
        unreadable=sum(not record.readable for record in records),
        rounds=max(record.rounds for record in records),
        wires_reckoned=parameters.strategy != "none",
    )
    stages = 2 if parameters.strategy == "effective" else 1
    return judge(
        summary,
        Criterion("within_half_level", at_least=WITHIN_SHARE),
        Criterion("bursts_per_cell", at_most=stages * BURSTS_MOST),
    )
