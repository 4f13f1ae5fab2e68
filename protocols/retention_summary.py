"""What the reads of a retention run say of each cell, and of all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS, LevelScale
from protocols.analysis.retention_fit import loss_time
from protocols.drift_under_reads import CellDrift, cell_drift, pooled_drift
from protocols.read_effect import ReadEffect, read_effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.analysis.retention_fit import Drift
    from protocols.retention import RetentionRead


@dataclass(frozen=True, slots=True)
class KeptCell:
    """One cell of a run.

    Args:
        level: that it was to keep.
        effect: of a read on it; None if that was not found out.
        found: what became of it.
        step: one level (S).
    """

    level: int
    effect: ReadEffect | None
    found: CellDrift
    step: float


def cell_drifts(records: Sequence[RetentionRead], confidence: float) -> list[KeptCell]:
    """Return what became of each cell, in the order of the rows."""
    places = sorted({(record.row, record.column) for record in records})
    return [
        _kept([record for record in records if (record.row, record.column) == place], confidence) for place in places
    ]


def pooled_or_none(
    cells: Sequence[CellDrift], distance: float, confidence: float
) -> tuple[Drift | None, float | None, float | None]:
    """Return the mean drift, and when it has come to `distance` (S): expected if one was found, and at least.

    What no cell can tell, and times beyond all numbers, are None.
    """
    drift = pooled_drift([cell.drift for cell in cells if cell.drift is not None], confidence)
    if drift is None:
        return None, None, None
    lost = loss_time(drift, distance)
    return drift, _finite(lost.expected), _finite(lost.at_least)


def _kept(records: list[RetentionRead], confidence: float) -> KeptCell:
    """Return what became of the cell that all of these records are of."""
    kept = [record for record in records if not record.survey]
    effect = read_effect([record.reading for record in records if record.survey])
    step = records[0].level_step
    low = records[0].conductance - records[0].reading * step
    found = cell_drift(
        np.array([record.age for record in kept]),
        np.array([record.reads for record in kept], np.float64),
        np.array([record.reading for record in kept]),
        effect,
        LevelScale(low, low + (LEVELS - 1) * step),
        confidence,
    )
    return KeptCell(records[0].level, effect, found, step)


def _finite(time: float | None) -> float | None:
    return time if time is not None and math.isfinite(time) else None
