"""The figure of `write-verify`: how far off the levels are, where, at what cost, and what was written for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Band, Bars, Curve, Figure, Panel, curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.write_verify import LevelWritten, WriteVerifyParameters

_BINS = 60
_REACH = 3.0
"""How far the histogram of errors reaches, in tolerances: what is further out is counted in words."""
_ERROR = Axis("error", "levels")


def figure(records: Sequence[LevelWritten], parameters: WriteVerifyParameters) -> Figure:
    """Return what the levels of a run, whole or broken off, look like."""
    levels = np.array([record.level for record in records], np.float64)
    errors = np.array([record.error for record in records])
    written = np.array([record.written for record in records])
    bursts = np.array([record.bursts for record in records])
    return Figure(
        f"write-verify: {len(records)} levels of cell ({records[0].row}, {records[0].column})",
        (
            _histogram(errors, parameters.tolerance),
            _errors(levels, errors, written, parameters.tolerance),
            _bursts(bursts),
            _conductances(records),
        ),
    )


def _histogram(errors: NDArray[np.float64], tolerance: float) -> Panel:
    """Return how often which error occurs."""
    reach = _REACH * tolerance
    counts, edges = np.histogram(errors, _BINS, (-reach, reach))
    beyond = errors.size - int(counts.sum())
    top = float(counts.max()) * 1.05 or 1.0
    limits = np.array([-tolerance, tolerance])
    label = "levels" if not beyond else f"levels; {beyond} further out"
    return Panel(
        "How far off the written levels are",
        _ERROR,
        Axis("levels"),
        (
            Band(limits, np.zeros(2), np.full(2, top), "tolerance"),
            Bars(edges, counts.astype(np.float64), label),
        ),
    )


def _errors(levels: NDArray[np.float64], errors: NDArray[np.float64], written: NDArray[np.bool_], tol: float) -> Panel:
    """Return the error of each level, with those that were given up apart."""
    ends = np.array([levels.min(), levels.max()])
    marks: list[Band | Curve] = [Band(ends, np.full(2, -tol), np.full(2, tol), "tolerance")]
    marks.append(curve(levels[written], errors[written], "written", "points"))
    if not written.all():
        marks.append(curve(levels[~written], errors[~written], "given up", "points"))
    return Panel("Where they are off", Axis("level"), _ERROR, tuple(marks))


def _bursts(bursts: NDArray[np.int_]) -> Panel:
    """Return how many levels took how many bursts."""
    most, least = int(bursts.max()), int(bursts.min())
    counts, edges = np.histogram(bursts, np.linspace(least - 0.5, most + 0.5, most - least + 2))
    label = f"{bursts.mean():.2f} bursts a level"
    return Panel(
        "What they cost", Axis("write bursts"), Axis("levels", log=True), (Bars(edges, counts.astype(float), label),)
    )


def _conductances(records: Sequence[LevelWritten]) -> Panel:
    """Return the conductance of each level against the one it should have."""
    targets = np.array([record.target for record in records])
    ends = np.array([targets.min(), targets.max()])
    return Panel(
        "What was written for what",
        Axis("target", "S"),
        Axis("conductance", "S"),
        (
            curve(targets, [record.estimate for record in records], "as verified", "points"),
            curve(ends, ends, "target", "dashed"),
        ),
    )
