"""The figure of `separability`: both levels' reads, misreads against averages, Allan deviations, noise and distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Bars, Curve, Figure, Panel, curve
from protocols.separability_summary import pairs_of, pooled, scale_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.neighbour_reads import Neighbours
    from protocols.separability import SeparabilityParameters, SeparabilityRecord

_BINS = 30
"""Wider than the steps of a converter, which single samples show."""
_RARE = 1e-6
"""Shares below are left out: nothing that was measured says anything of them."""


def figure(records: Sequence[SeparabilityRecord], parameters: SeparabilityParameters) -> Figure:
    """Return what the pairs of a run, whole or broken off, look like."""
    pairs = pairs_of(records, parameters)
    first = records[0]
    panels = [_histogram(records)]
    if pairs:
        panels += [
            _misreads(pairs, parameters.confidence),
            _allan(pairs, parameters.samples),
            _distances(pairs, scale_of(records).step, parameters),
        ]
    return Figure(f"separability: {len(pairs)} pairs of levels of cell ({first.row}, {first.column})", tuple(panels))


def _histogram(records: Sequence[SeparabilityRecord]) -> Panel:
    """Return the single samples of the last pair: the widest noise, if levels ascend."""
    level = records[-1].level
    reads = {
        side: [one.conductance for one in records if (one.level, one.side, one.part) == (level, side, "single")]
        for side in ("lower", "upper")
    }
    edges = np.histogram_bin_edges(np.concatenate([*reads.values()]), _BINS)
    marks = tuple(
        Bars(edges, np.histogram(values, edges)[0].astype(np.float64), f"level {level + (side == 'upper')}")
        for side, values in reads.items()
        if values
    )
    return Panel("Single samples of two neighbours", Axis("conductance", "S"), Axis("samples"), marks)


def _misreads(pairs: dict[int, Neighbours], confidence: float) -> Panel:
    shares = pooled(list(pairs.values()), confidence)
    samples = list(shares)
    columns = np.array(list(shares.values()))
    marks: list[Curve] = [
        curve(samples, columns[:, 0], "measured", "points"),
        curve(samples, columns[:, 1], f"{100 * confidence:g} % interval", "dashed"),
        curve(samples, columns[:, 2], "", "dashed"),
        curve(samples, np.where(columns[:, 3] < _RARE, np.nan, columns[:, 3]), "expected", "line"),
    ]
    return Panel(
        "Misreads between two neighbours, all pairs",
        Axis("samples averaged", log=True),
        Axis("share of misreads", log=True),
        tuple(marks),
    )


def _allan(pairs: dict[int, Neighbours], samples: int) -> Panel:
    marks: list[Curve] = []
    for level, pair in pairs.items():
        count = min((len(one.averages) for one in pair.allan), default=0)
        if count:
            deviation = np.sqrt(np.mean([one.deviation[:count] ** 2 for one in pair.allan], axis=0))
            marks.append(
                curve(samples * pair.allan[0].averages[:count], deviation, f"level {level}", "line and points")
            )
    return Panel("Allan deviation", Axis("samples averaged", log=True), Axis("deviation", "S", log=True), tuple(marks))


def _distances(pairs: dict[int, Neighbours], step: float, parameters: SeparabilityParameters) -> Panel:
    levels = list(pairs)
    every = list(pairs.values())
    limit = [2 * parameters.k * pair.sigma * pair.floor(parameters.horizon) ** 0.5 / step for pair in every]
    return Panel(
        f"What {2 * parameters.k:g} standard deviations are",
        Axis("level"),
        Axis("distance", "levels"),
        (
            curve(levels, [2 * parameters.k * pair.sigma / step for pair in every], "of one sample", "line and points"),
            curve(levels, limit, "of averages without end", "line and points"),
            curve(levels, [pair.distance / step for pair in every], "written pairs", "points"),
            curve(levels, np.ones(len(levels)), "one level", "dashed"),
        ),
    )
