"""What the transfers of `calibrate` amount to: which coefficients, whether they are stored, and how good they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from labctl.protocol import Criterion, Outcome, RunFile, judge
from labctl.units import Amperes, Siemens, Volts
from protocols.analysis.calibration_choice import Choice, MeterLimits, Reason, choose, coefficients, is_hopeless
from protocols.analysis.column_equalising import (
    ColumnGains,
    Offsets,
    Transfers,
    bend,
    column_gains,
    column_offsets,
    rise,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.analysis.column_equalising import Array
    from protocols.calibrate import CalibrateParameters
    from protocols.calibrate_records import ColumnRecord

PPM = 1e6
SPREAD_MAX = 20.0
"""Spread (ppm) of the columns' gains at the highest point that passes: what a converter's curve of one step in 2^18 and
the noise of both readers make of equal gains is below 12."""
UNCERTAINTY_MAX = 10.0
"""Uncertainty (ppm) that passes: at 10 ppm 99.6 % of written cells are within half a level (feasibility study)."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What was measured, what follows, and the coefficients (gains; offsets in A) that are to be in force."""

    transfers: Transfers
    gains: ColumnGains
    offsets: Offsets
    choice: Choice
    coefficients: tuple[Array, Array]


@dataclass(frozen=True, slots=True)
class CalibrateSummary:
    """What a run amounts to; `..._ppm` are relative, in millionths.

    Args:
        columns: with a gain that could be measured.
        stored: whether coefficients were stored.
        reason: why, or why not.
        calibration: identity of the coefficients in force at the end.
        found: identity of those that were there.
        spread_raw_ppm: standard deviation of the gains from column to column without any coefficients.
        spread_ppm: with those that were found.
        uncertainty_ppm: standard uncertainty of each gain that was measured, relative to the mean of all.
        residual_ppm: what the gains in force still differ by, or less: `uncertainty_ppm` where the columns
            were equalised, else `spread_ppm`, which has the measurement's own uncertainty in it.
        spread_point_ppm: spread at the highest point alone, with the coefficients that were found.
        spread_check_ppm: the same once more at the end, with those in force then.
        repeatability_ppm: how far one transfer differs from the next of the same column, standard deviation.
        dependence_ppm: how much gains differ between no current and the highest one, from column to column.
        agreement_ppm: board over unit, less one, with the coefficients that were found; mean of rows and columns.
        agreement_uncertainty_ppm: its standard uncertainty: the unit's limits, and the rows' drivers.
        tied: whether the mean gain was brought to the unit's scale.
        offset: what a reader shows without load, root mean square.
        offset_uncertainty: its standard uncertainty.
        offset_stored: whether offsets were stored.
        zero_found: zero on the array as it was found, root mean square.
        load_found: conductance on a column then, mean.
        amplifier_offset: offset voltage of the readers, root mean square.
    """

    columns: int
    stored: bool
    reason: str
    calibration: str
    found: str
    spread_raw_ppm: float | None = None
    spread_ppm: float | None = None
    uncertainty_ppm: float | None = None
    residual_ppm: float | None = None
    spread_point_ppm: float | None = None
    spread_check_ppm: float | None = None
    repeatability_ppm: float | None = None
    dependence_ppm: float | None = None
    agreement_ppm: float | None = None
    agreement_uncertainty_ppm: float | None = None
    tied: bool = False
    offset: Amperes | None = None
    offset_uncertainty: Amperes | None = None
    offset_stored: bool = False
    zero_found: Amperes | None = None
    load_found: Siemens | None = None
    amplifier_offset: Volts | None = None


def evaluate(
    measured: Sequence[Sequence[float]], gain: Array, offset: Array, parameters: CalibrateParameters
) -> Evaluation:
    """Return what follows from what was measured.

    Args:
        measured: as in `CalibrateMemory`.
        gain: that was in force, shape (columns,).
        offset: likewise (A).
        parameters: of the run.
    """
    transfers = _transfers(np.array(measured, np.float64), len(gain), parameters)
    gains, offsets = column_gains(transfers), column_offsets(transfers)
    limits = MeterLimits(parameters.smu_gain_error, parameters.smu_voltage_error)
    steepest = float(rise(bend(transfers)).max(initial=1.0))
    choice = choose(gains, offsets, transfers, limits.sigma(steepest), parameters.tie, allowed=parameters.write)
    if (reason := hopeless(measured)) is not None:
        choice = replace(choice, reason=reason)
    stored = coefficients(choice, gains, offsets, gain, offset) if choice.stores else (gain, offset)
    return Evaluation(transfers, gains, offsets, choice, stored)


def hopeless(measured: Sequence[Sequence[float]]) -> Reason | None:
    """Return why nothing of what was measured (as in `CalibrateMemory`) tells of gains; None if something does."""
    tried = np.array([one for one in measured if one[0] == 1 and math.isfinite(one[3])], np.float64).reshape(-1, 10)
    return is_hopeless(tried[:, 3], tried[:, 4], tried[:, 8])


def _transfers(measured: NDArray[np.float64], columns: int, parameters: CalibrateParameters) -> Transfers:
    """Return measurements by point and column; those of a run that broke off are missing."""
    found = measured[measured[:, 0] == 0]
    own = measured[measured[:, 0] == 1]
    points = int(own[:, 1].max(initial=-1)) + 1
    table = np.full((7, points, columns), np.nan)
    table[:, own[:, 1].astype(int), own[:, 2].astype(int)] = own[:, 3:].T
    before, after, half, zero, load, meter, meter_zero = table
    as_found = np.full((2, columns), np.nan)
    as_found[:, found[:, 2].astype(int)] = found[:, [6, 7]].T
    voltage = np.array([parameters.voltage_of(point) for point in range(points)])
    row = np.array([parameters.row_of(point) for point in range(points)], np.int64)
    board = (before + after) / 2
    return Transfers(board, half, zero, meter, meter_zero, load, voltage, row, as_found[0], as_found[1])


def evaluation_of(records: Sequence[ColumnRecord], parameters: CalibrateParameters) -> Evaluation | None:
    """Return what follows from the records of a run; None if there is no transfer among them."""
    found = [one for one in records if one.stage == "found"]
    transfers = [one for one in records if one.stage == "transfer"]
    if not transfers:
        return None
    rows = [
        (stage, one.point, one.column, one.before, one.after, one.half, one.zero, one.load, one.smu, one.smu_zero)
        for stage, of in enumerate((found, transfers))
        for one in of
    ]
    gain, offset = (np.array([getattr(one, name) for one in found]) for name in ("gain", "offset"))
    return evaluate(rows, gain, offset, parameters)


def check_gains(records: Sequence[ColumnRecord], stage: str, point: int) -> Array:
    """Return what one stage says of the columns' gains at one point, relative to their mean; NaN where unknown."""
    own = sorted((one for one in records if one.stage == stage and one.point == point), key=lambda one: one.column)
    ratio = np.array([((one.before + one.after) / 2 - one.zero) / (one.smu - one.smu_zero) for one in own])
    known = ratio[np.isfinite(ratio)]
    return ratio / known.mean() if len(known) else ratio


def summarise(records: Sequence[ColumnRecord], parameters: CalibrateParameters) -> Outcome:
    """Judge what was measured, and what was done."""
    found = [one for one in records if one.stage == "found"]
    stored = [one for one in records if one.stage == "stored"]
    if not found:
        return Outcome(passed=False, summary=None)
    changed = [(one.gain, one.offset) for one in stored] != [(one.gain, one.offset) for one in found]
    identity = records[-1].calibration
    if parameters.coefficients is not None:
        summary = CalibrateSummary(0, bool(stored) and changed, "given", identity, found[0].calibration)
        return Outcome(bool(stored), summary)
    evaluation = evaluation_of(records, parameters)
    if evaluation is None:
        summary = CalibrateSummary(0, stored=False, reason="nothing measured", calibration=identity, found=identity)
        return Outcome(passed=False, summary=summary)
    summary = _summary(records, parameters, evaluation, is_stored=bool(stored) and changed)
    criteria = (
        Criterion("uncertainty_ppm", at_most=UNCERTAINTY_MAX),
        Criterion("spread_check_ppm", at_most=SPREAD_MAX),
    )
    return judge(summary, *criteria)


def _summary(
    records: Sequence[ColumnRecord], parameters: CalibrateParameters, evaluation: Evaluation, *, is_stored: bool
) -> CalibrateSummary:
    gains, offsets, choice = evaluation.gains, evaluation.offsets, evaluation.choice
    found = [one for one in records if one.stage == "found"]
    last = parameters.point_count - 1
    before, after = (check_gains(records, stage, last) for stage in ("transfer", "check"))
    raw = gains.gain * np.array([one.gain for one in found])
    equalised = is_stored and choice.equalise
    top = evaluation.gains.current.max() if len(gains.current) else math.nan
    return CalibrateSummary(
        columns=int(np.isfinite(gains.gain).sum()),
        stored=is_stored,
        reason=choice.reason if any(one.stage == "stored" for one in records) else "not finished",
        calibration=records[-1].calibration,
        found=found[0].calibration,
        spread_raw_ppm=_ppm(_spread(raw / np.nanmean(raw)) if np.isfinite(raw).any() else math.nan),
        spread_ppm=_ppm(gains.spread),
        uncertainty_ppm=_ppm(gains.sigma),
        residual_ppm=_ppm(gains.sigma if equalised else gains.spread),
        spread_point_ppm=_ppm(_spread(before)),
        spread_check_ppm=_ppm(_spread(after)),
        repeatability_ppm=_ppm(gains.scatter / top),
        dependence_ppm=_ppm(gains.dependence),
        agreement_ppm=_ppm(choice.scale - 1),
        agreement_uncertainty_ppm=_ppm(choice.scale_sigma),
        tied=is_stored and choice.tie,
        offset=_known(_rms(offsets.current)),
        offset_uncertainty=_known(offsets.current_sigma),
        offset_stored=is_stored and choice.shift,
        zero_found=_known(_rms(evaluation.transfers.found_zero)),
        load_found=_known(float(np.mean(evaluation.transfers.found_load))),
        amplifier_offset=_known(_rms(offsets.voltage)),
    )


def _spread(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan


def _rms(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else math.nan


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _ppm(value: float) -> float | None:
    return _known(value * PPM)


def caption(record: ColumnRecord) -> str:
    """Return a few words on one record."""
    if record.stage in ("found", "stored"):
        return f"column {record.column}, {record.stage}: gain {record.gain:.6f}"
    return f"column {record.column}, {record.stage} {record.point + 1}: {record.smu * 1e3:.6g} mA by the unit"


def files(records: Sequence[ColumnRecord], parameters: CalibrateParameters) -> list[RunFile]:  # noqa: ARG001
    """Return the coefficients as they were found, and as they are in force: either can be given to `coefficients`."""
    return [
        RunFile(f"coefficients-{stage}.csv", _table([one for one in records if one.stage == stage]).encode())
        for stage in ("found", "stored")
        if any(one.stage == stage for one in records)
    ]


def _table(records: Sequence[ColumnRecord]) -> str:
    lines = [f"{one.gain!r},{one.offset!r}" for one in sorted(records, key=lambda one: one.column)]
    return "\n".join([f"# gain, offset in A, of each column from 0 on; id {records[0].calibration}", *lines, ""])
