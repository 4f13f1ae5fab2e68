"""What the records of `noise` show at each level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.telegraph import find_telegraph
from protocols.cell_noise import (
    BLOCK,
    DEGREE,
    Corner,
    ReadNoise,
    Scatter,
    WriteNoise,
    contiguous_corner,
    fit_series,
    join_blocks,
    join_steps,
    less_bend,
    moves,
    rise_of_slope,
    split_reader,
    staircase_noise,
)
from protocols.repeated_reads import spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.analysis.spectrum import SpectrumFit
    from protocols.noise import NoiseRecord

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LevelNoise:
    """The noise at one level; None where the records do not tell.

    Args:
        level: where.
        conductance: of the reads, on average (S).
        read: what a read's noise is made of.
        write: how a step scatters, up and down together.
        fit: of the spectrum.
        corner: of the cell, for samples without a gap.
        switching: whether most series of the spectrum show telegraph noise.
        scatter: of reads at the read voltage.
        reader: of reads at the reader voltage.
        disturbed: whether reads move the cell.
        voltage_share: square of the reader voltage as a share of the read voltage.
    """

    level: int
    conductance: float
    read: ReadNoise | None
    write: WriteNoise | None
    fit: SpectrumFit | None
    corner: Corner | None
    switching: bool
    scatter: Scatter | None
    reader: Scatter | None
    voltage_share: float
    disturbed: bool


def by_level(records: Sequence[NoiseRecord]) -> dict[int, list[NoiseRecord]]:
    """Return the records of each level, in order."""
    found: dict[int, list[NoiseRecord]] = {}
    for record in records:
        found.setdefault(record.level, []).append(record)
    return found


def level_noises(records: Sequence[NoiseRecord]) -> list[LevelNoise]:
    """Return what the records show at each level, the reader's noise through the bend of the cell left out."""
    found = [_level_noise(level, group) for level, group in by_level(records).items()]
    whole = [one for one in found if one.read is not None and one.scatter is not None and one.reader is not None]
    voltages = {one.part: one.voltage for one in records}
    rises = [
        rise_of_slope(one.scatter.mean, one.reader.mean, voltages["read"], voltages["reader"])
        for one in whole
        if one.scatter is not None and one.reader is not None
    ]
    reads = less_bend([one.read for one in whole if one.read is not None], [one.conductance for one in whole], rises)
    better = {
        one.level: replace(one, read=read, corner=contiguous_corner(one.fit, read))
        for one, read in zip(whole, reads, strict=True)
    }
    return [better.get(one.level, one) for one in found]


def _level_noise(level: int, records: Sequence[NoiseRecord]) -> LevelNoise:
    """Return what the records of one level show."""
    scatter, reader = (_scatter(of_part(records, part)) for part in ("read", "reader"))
    voltages = {one.part: one.voltage for one in records}
    read = None
    if scatter is not None and reader is not None:
        read = split_reader(scatter, voltages["read"], reader, voltages["reader"])
    long = of_part(records, "spectrum")
    series, pace = series_of(long), spacing(long[0].samples) if long else 1.0
    fit = fit_series(series, pace) if len(series) else None
    switches = [found.found for found in (find_telegraph(row, pace) for row in series) if found is not None]
    stairs = [staircase_noise(row) for part in ("up", "down") for row in series_of(of_part(records, part))]
    return LevelNoise(
        level=level,
        conductance=float(np.mean([one.conductance for one in records])) if scatter is None else scatter.mean,
        read=read,
        write=join_steps([split for split in stairs if split is not None]),
        fit=fit,
        corner=None if read is None else contiguous_corner(fit, read),
        switching=2 * sum(switches) > len(switches),
        scatter=scatter,
        reader=reader,
        disturbed=_disturbed(of_part(records, "read")),
        voltage_share=(voltages.get("reader", 0.0) / records[0].voltage) ** 2,
    )


def series_of(records: Sequence[NoiseRecord]) -> Array:
    """Return reads as series of one length, shape (requests, reads); a request that was broken off is left out."""
    rows: dict[int, list[float]] = {}
    for one in records:
        rows.setdefault(one.series, []).append(one.conductance)
    longest = max((len(row) for row in rows.values()), default=0)
    return np.array([row for row in rows.values() if len(row) == longest], np.float64)


def of_part(records: Sequence[NoiseRecord], part: str) -> list[NoiseRecord]:
    """Return the records of one part, in order."""
    return [one for one in records if one.part == part]


def _disturbed(records: Sequence[NoiseRecord]) -> bool:
    """Return whether the blocks of a request lead one way."""
    return any(
        moves([one.conductance for one in group], max(one.sigma for one in group))
        for series in {one.series for one in records}
        if (group := [one for one in records if one.series == series])
    )


def _scatter(records: Sequence[NoiseRecord]) -> Scatter | None:
    means = series_of(records)
    if not len(means):
        return None
    variances = [one.sigma**2 for one in records][: means.size]
    return join_blocks(means, variances, BLOCK - DEGREE - 1, BLOCK)
