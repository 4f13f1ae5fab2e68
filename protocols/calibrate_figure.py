"""The figure of `calibrate`: the columns' gains, where they come from, and the zeros of the readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Figure, Panel, curve
from protocols.analysis.column_equalising import bend, start
from protocols.calibrate_summary import PPM, Evaluation, check_gains, evaluation_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.calibrate import CalibrateParameters
    from protocols.calibrate_records import ColumnRecord


def figure(records: Sequence[ColumnRecord], parameters: CalibrateParameters) -> Figure:
    """Return what the records of a run, whole or broken off, look like."""
    evaluation = evaluation_of(records, parameters)
    coefficients = _coefficients(records)
    if evaluation is None:
        return Figure("calibrate: coefficients", (coefficients,))
    panels = (_gains(evaluation), _check(records, parameters), _by_current(evaluation), _zeros(evaluation))
    return Figure(f"calibrate: {evaluation.choice.reason}", (*panels, coefficients))


def _gains(evaluation: Evaluation) -> Panel:
    """Return the gains relative to their mean, with the coefficients that were found."""
    gains = evaluation.gains
    columns = np.arange(len(gains.gain))
    error = np.full(len(columns), gains.sigma * PPM)
    marks = (curve(columns, (gains.gain - 1) * PPM, "with standard uncertainty", "points", error=error),)
    return Panel("Gain as found", Axis("column"), Axis("off the mean", "ppm"), marks)


def _check(records: Sequence[ColumnRecord], parameters: CalibrateParameters) -> Panel:
    """Return the gains at the last point, before and after."""
    last = parameters.point_count - 1
    marks = [
        curve(np.arange(len(found)), (found - 1) * PPM, label, "line and points")
        for stage, label in (("transfer", "as found"), ("check", "at the end"))
        if len(found := check_gains(records, stage, last))
    ]
    return Panel("Highest point, before and after", Axis("column"), Axis("off the mean", "ppm"), tuple(marks))


def _by_current(evaluation: Evaluation) -> Panel:
    """Return what single points say of each column, less what all say: converters' curves, noise, lines."""
    gains = evaluation.gains
    off = (gains.by_point - gains.gain) * PPM
    marks = tuple(curve(gains.current, off[:, column]) for column in range(0, off.shape[1], max(1, off.shape[1] // 16)))
    return Panel("Single points less all", Axis("current", "A"), Axis("gain", "ppm"), marks)


def _zeros(evaluation: Evaluation) -> Panel:
    """Return the zeros against the conductance on the column: its slope is the amplifier's offset voltage."""
    transfers = evaluation.transfers
    own = (transfers.board - transfers.zero) / transfers.voltage[:, None] * start(bend(transfers))[:, None]
    load = np.vstack([transfers.found_load, transfers.load + own])
    zero = np.vstack([transfers.found_zero, transfers.zero])
    marks = tuple(
        curve(load[:, column], zero[:, column], "", "line and points")
        for column in range(0, zero.shape[1], max(1, zero.shape[1] // 16))
    )
    return Panel("Zero of a reader", Axis("conductance on the column", "S"), Axis("read at 0 V", "A"), marks)


def _coefficients(records: Sequence[ColumnRecord]) -> Panel:
    """Return the stored gains, before and after."""
    stages = [(stage, [one for one in records if one.stage == stage]) for stage in ("found", "stored")]
    marks = tuple(
        curve([one.column for one in of], [(one.gain - 1) * PPM for one in of], stage, "line and points")
        for stage, of in stages
        if of
    )
    return Panel("Stored gain", Axis("column"), Axis("gain - 1", "ppm"), marks)
