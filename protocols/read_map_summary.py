"""What a map of conductances amounts to; and, with the truth at hand, how far it is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS
from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Count, Fraction, Levels, Seconds, Siemens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.read_map import CellRead, ReadMapParameters

    Array = NDArray[np.float64]

BINS = 4
"""Parts of the range of levels for which the noise is told apart."""


@dataclass(frozen=True, slots=True)
class ReadMapSummary:
    """What a map amounts to.

    Figures of conductances and levels leave out `flagged` cells, whose reader or line was at its end. `.._spread` is a
    standard deviation over the cells. `noise` is that of one read, `noise_by_level` the same for quarters of the range
    of levels that have cells, `amplifier_noise` what the board alone would show: None without `repeats`.
    `removed_largest` is the largest leak or offset that was taken off. `reference_..` compare with the matrix that was
    given. `error_..` are None as read: `labctl audit` puts the true conductances in, and they are by how much the map
    is off. `duration` is bench time.
    """

    cells: Count
    flagged: Count
    conductance_mean: Siemens
    conductance_min: Siemens
    conductance_max: Siemens
    level_mean: Levels
    level_spread: Levels
    level_min: Levels
    level_max: Levels
    noise: Levels | None
    noise_by_level: dict[str, Levels]
    amplifier_noise: Levels | None
    removed_largest: Levels
    reference_error_mean: Levels | None
    reference_error_rms: Levels | None
    reference_within_half_level: Fraction | None
    error_mean: Levels | None
    error_rms: Levels | None
    error_max: Levels | None
    requests: Count
    duration: Seconds


def summarise(records: Sequence[CellRead], parameters: ReadMapParameters) -> Outcome:
    """Sum a map up; it passes if every cell of it is a measurement."""
    sound = [one for one in records if not one.is_flagged]
    if not sound:
        return Outcome(passed=False, summary=None)
    step = sound[0].one_level
    conductance = _column(sound, "conductance")
    level = _column(sound, "level")
    sigma = _column(sound, "sigma") / step
    amplifier = _column(sound, "amplifier") / step
    repeated = sound[0].repeats > 1
    against = level - _column(sound, "reference") if parameters.reference is not None else None
    error = (_column(sound, "reading") - conductance) / step
    known = bool(error.any())
    summary = ReadMapSummary(
        cells=len(records),
        flagged=len(records) - len(sound),
        conductance_mean=float(conductance.mean()),
        conductance_min=float(conductance.min()),
        conductance_max=float(conductance.max()),
        level_mean=float(level.mean()),
        level_spread=float(level.std()),
        level_min=float(level.min()),
        level_max=float(level.max()),
        noise=rms(sigma) if repeated else None,
        noise_by_level=_by_level(level, sigma) if repeated else {},
        amplifier_noise=rms(amplifier) if repeated and amplifier.any() else None,
        removed_largest=float(np.abs(_column(sound, "removed")).max() / step),
        reference_error_mean=None if against is None else float(against.mean()),
        reference_error_rms=None if against is None else rms(against),
        reference_within_half_level=None if against is None else float(np.mean(np.abs(against) <= 0.5)),
        error_mean=float(error.mean()) if known else None,
        error_rms=rms(error) if known else None,
        error_max=float(np.abs(error).max()) if known else None,
        requests=records[-1].requests,
        duration=records[-1].time,
    )
    return judge(summary, Criterion("flagged", at_most=0))


def _column(records: Sequence[CellRead], name: str) -> Array:
    return np.array([getattr(one, name) for one in records], np.float64)


def rms(values: Array) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def _by_level(level: Array, sigma: Array) -> dict[str, float]:
    """Return the noise of a read for each part of the range that has cells, by its first and last level."""
    edges = np.linspace(0, LEVELS, BINS + 1).round().astype(int)
    part = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, BINS - 1)
    return {
        f"{edges[index]}..{edges[index + 1] - 1}": rms(sigma[part == index])
        for index in range(BINS)
        if (part == index).any()
    }
