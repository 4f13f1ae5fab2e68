"""The figure of `noise`: sizes against conductance, spectra with their corners, variograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Curve, Figure, Panel, curve
from protocols.analysis.spectrum import power_density
from protocols.analysis.variogram import variogram
from protocols.board_requests import SAMPLE_TIME
from protocols.noise_levels import LevelNoise, by_level, level_noises, of_part, series_of
from protocols.repeated_reads import spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.noise import NoiseParameters, NoiseRecord

_G = Axis("conductance", "S")
LAGS = 32
"""Pulses between two readings, up to which variograms are shown."""


def figure(records: Sequence[NoiseRecord], parameters: NoiseParameters) -> Figure:  # noqa: ARG001
    """Return what the noises of a run, whole or broken off, look like."""
    groups = by_level(records)
    found = level_noises(records)
    first = records[0]
    return Figure(
        f"noise of cell ({first.row}, {first.column}) at {len(found)} levels",
        (
            _sizes(found),
            _relative(found),
            _spectra(groups, found),
            _corners(found),
            _variograms(groups),
        ),
    )


def _sizes(found: Sequence[LevelNoise]) -> Panel:
    reads = [(one.conductance, one.read) for one in found if one.read is not None]
    writes = [one.write for one in found if one.write is not None]
    places = [place for place, _ in reads]
    return Panel(
        "Standard deviations",
        _G,
        Axis("standard deviation", "S"),
        (
            curve(
                places, [one.cell for _, one in reads], "one sample, cell", "line and points",
                [one.cell_error for _, one in reads],
            ),
            curve(
                places, [one.reader for _, one in reads], "one sample, reader", "line and points",
                [one.reader_error for _, one in reads],
            ),
            curve(
                [one.conductance for one in writes], [one.sigma for one in writes], "step of one pulse",
                "line and points", [one.sigma_error for one in writes],
            ),
        ),
    )  # fmt: skip


def _relative(found: Sequence[LevelNoise]) -> Panel:
    writes = [one.write for one in found if one.write is not None]
    return Panel(
        "Write noise as a share of the step",
        _G,
        Axis("standard deviation / step"),
        (
            curve(
                [one.conductance for one in writes], [one.relative for one in writes], "", "line and points",
                [one.relative_error for one in writes],
            ),
        ),
    )  # fmt: skip


def _spectra(groups: dict[int, list[NoiseRecord]], found: Sequence[LevelNoise]) -> Panel:
    marks: list[Curve] = []
    for one in found:
        long = of_part(groups[one.level], "spectrum")
        series = series_of(long)
        density = power_density(series, spacing(long[0].samples), max(8, series.shape[1] // 4)) if len(series) else None
        if density is None or one.fit is None:
            continue
        # The last point, at half the sampling rate, stands for half a band.
        frequency = density.frequency[:-1]
        marks.append(curve(frequency, density.density[:-1], f"level {one.level}"))
        marks.append(curve(frequency, one.fit.density(frequency), "", "dashed"))
    return Panel(
        "Spectra of reads; dashed: their fits",
        Axis("frequency", "Hz", True),
        Axis("density", "S^2/Hz", True),
        tuple(marks),
    )


def _corners(found: Sequence[LevelNoise]) -> Panel:
    corners = [(one.conductance, one.corner) for one in found if one.corner is not None]
    return Panel(
        f"1/f corner of the cell, for a sample every {SAMPLE_TIME * 1e6:g} µs",
        _G,
        Axis("frequency", "Hz"),
        (
            curve(
                [place for place, _ in corners], [one.frequency for _, one in corners], "", "line and points",
                [one.frequency * one.error for _, one in corners],
            ),
        ),
    )  # fmt: skip


def _variograms(groups: dict[int, list[NoiseRecord]]) -> Panel:
    marks: list[Curve] = []
    for level, records in groups.items():
        shapes = [
            shape
            for part in ("up", "down")
            for row in series_of(of_part(records, part))
            if (shape := variogram(row, lags=LAGS, trend=2)) is not None
        ]
        if shapes:
            mean = np.mean([shape.semivariance for shape in shapes], axis=0)
            marks.append(curve(shapes[0].pulses, mean, f"level {level}", "line and points"))
    return Panel(
        "Variograms: read noise at 0 pulses, write noise in the slope",
        Axis("pulses"),
        Axis("semivariance", "S^2"),
        tuple(marks),
    )
