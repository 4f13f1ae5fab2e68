"""What the currents of `wires` amount to: resistances, leaks, and what is worth doing about them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from labctl.board_data import ReadScheme
from labctl.levels import LevelScale
from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Decibels, Fraction, Levels, Ohms, Siemens, Volts
from protocols.analysis.wire_data import Back, SideData, WireData
from protocols.analysis.wire_fit import WireFit, fit_wires
from protocols.analysis.wire_network import Wires, operating_points
from protocols.analysis.wire_outlook import outlook
from protocols.analysis.wire_products import read_voltages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from protocols.wires import WireProduct, WiresParameters

    Array = NDArray[np.float64]

CONFIDENCE = 0.99
"""One-sided confidence of every bound."""
RECTIFIES = 2.0
"""Rectification from which cells do."""
UNSTEADY = 0.25
"""Share of a drift that may not cancel."""
UNKNOWN = "not known"
"""Strategy where no wires explain the currents, or those that do differ too much."""


@dataclass(frozen=True, slots=True)
class WiresSummary:
    """What a run amounts to.

    `row_segment` and `column_segment` are per segment, with standard deviations; where one is not told from 0 it may
    be below 0, and `.._at_most` is the figure to go by (99 %). `seen`: whether either is told from 0. `loss` is what
    all lines together lost of what they give alone, rows in, `drift` by how much their currents changed meanwhile, and
    `mean_conductance` that of the lines that told. `gmax_r` is the die's largest conductance times the mean of the two;
    `worst_drop` and the three predictions are for an array used over all its range, at the resistances found, or at
    their bounds where none is seen. `settled`: the `strategy` would be the same at either end of what the resistances
    may be. `sneak` is by how much a read is off on average under each scheme because of cells that are not read, and
    `sneak_sigma` how sure that is.
    """

    row_segment: Ohms | None
    row_segment_sigma: Ohms | None
    row_segment_at_most: Ohms | None
    column_segment: Ohms | None
    column_segment_sigma: Ohms | None
    column_segment_at_most: Ohms | None
    seen: bool
    loss: Fraction
    drift: Fraction
    mean_conductance: Siemens
    bend: Volts | None
    rectification: float | None
    rectification_at_least: float | None
    gmax_r: float | None
    gmax_r_at_most: float | None
    worst_drop: Fraction | None
    predicted_raw_db: Decibels | None
    predicted_column_db: Decibels | None
    predicted_per_cell_db: Decibels | None
    strategy: str
    settled: bool
    sneak: dict[str, Levels]
    sneak_sigma: dict[str, Levels]
    saturated: int


def _currents(records: Sequence[WireProduct], kind: str, inputs: str) -> Array:
    """Return currents of one kind, shape (n, outputs) (A)."""
    return np.array([one.current for one in records if one.kind == kind and one.inputs == inputs])


def side_data(records: Sequence[WireProduct], inputs: str) -> SideData | None:
    """Return what products with one side's lines as inputs showed; None if they are not all there."""
    zeros, singles = _currents(records, "zero", inputs), _currents(records, "single", inputs)
    products, half = _currents(records, "product", inputs), _currents(records, "half", inputs)
    lines = (
        len(next(one.levels for one in records if one.kind == "single" and one.inputs == inputs)) if len(singles) else 0
    )
    if not len(zeros) or not len(products) or not len(half) or len(singles) != 2 * lines:
        return None
    zero = zeros.mean(axis=0)
    levels = [one.levels for one in records if one.kind == "product" and one.inputs == inputs]
    first, last = singles.reshape(2, lines, -1) - zero
    return SideData(
        singles=(first + last) / 2,
        vectors=(np.array(levels) > 0).astype(np.float64),
        currents=products - zero,
        half=half.mean(axis=0) - zero,
        changes=(last - first).sum(axis=0),
    )


def latest(records: Sequence[WireProduct]) -> tuple[float, float, bool]:
    """Return the larger loss and drift of both sides in the last stage, as far as sure; whether cells rectify."""
    data = next(wire_data(records))
    sides = data.rows, data.columns
    rectifies = data.back.rectification >= RECTIFIES
    return max(side.sure_loss for side in sides), max(side.sure_drift for side in sides), rectifies


def flows_back(records: Sequence[WireProduct]) -> Back:
    """Return the rectification that the sums of all currents show, forward and back."""
    zeros = _currents(records, "zero", "rows")
    zero = zeros.mean(axis=0)
    forward = _currents(records, "product", "rows")[0] - zero
    back = zero - _currents(records, "back", "rows").mean(axis=0)
    # Of one product and of the mean of several: what repeats of nothing differ by is the noise of either.
    noise = float(zeros.std(axis=0, ddof=1).mean()) * math.sqrt(len(zero) * (1 + 1 / len(zeros)))
    ahead, behind = float(forward.sum()), float(back.sum())
    if ahead <= 3 * noise:
        return Back(None, None)
    seen = behind > 3 * noise
    at_least = ahead / (max(behind, 0.0) + 3 * noise)
    return Back(max(ahead / behind, 1.0) if seen else None, max(at_least, 1.0))


def wire_data(records: Sequence[WireProduct]) -> Iterator[WireData]:
    """Yield what each whole stage showed, the last one first."""
    for stage in sorted({one.stage for one in records}, reverse=True):
        own = [one for one in records if one.stage == stage and one.kind != "read"]
        rows, columns = side_data(own, "rows"), side_data(own, "columns")
        if rows is not None and columns is not None and _currents(own, "back", "rows").size:
            back = flows_back(own)
            voltage = max(max(one.levels) for one in own if one.kind == "product")
            yield WireData(voltage, rows, columns, back)


def summarise(records: Sequence[WireProduct], parameters: WiresParameters) -> Outcome:
    """Judge whether the wires are known well enough to say what to do about them."""
    stages = list(wire_data(records))
    if not stages:
        return Outcome(passed=False, summary=None)
    # Where the brightest lines lose nearly all, or cells do not rectify, an earlier stage may tell more.
    data, fit = next(((one, fit) for one in stages if (fit := fit_wires(one)) is not None), (stages[0], None))
    back = data.back
    lines = data.rows.bright
    scale = LevelScale(records[0].g_min, records[0].g_max)
    sneak = sneak_by_scheme(records, fit, data, scale)
    seen = Seen.of(fit, data.drift, parameters.uncertainty)
    future = fit and outlook(data.rows.singles.shape, seen.wires, (scale.g_min, scale.g_max), data.voltage, fit.law)
    settled = future is not None and future.strategy(seen.least) == future.strategy(seen.most)
    product = scale.g_max * (seen.wires.row_segment + seen.wires.column_segment) / 2
    summary = WiresSummary(
        row_segment=fit and fit.row_segment,
        row_segment_sigma=fit and fit.row_sigma,
        row_segment_at_most=seen.row_at_most,
        column_segment=fit and fit.column_segment,
        column_segment_sigma=fit and fit.column_sigma,
        column_segment_at_most=seen.column_at_most,
        seen=seen.any,
        loss=data.rows.loss,
        drift=data.drift,
        mean_conductance=float(data.rows.singles[:, lines].mean()) / data.voltage,
        bend=fit and float(np.median(fit.law.bend)),
        rectification=back.ratio,
        rectification_at_least=back.at_least,
        gmax_r=product if fit and seen.any else None,
        gmax_r_at_most=fit and product * seen.most,
        worst_drop=future and future.worst_drop,
        predicted_raw_db=future and future.raw_db,
        predicted_column_db=future and future.column_db,
        predicted_per_cell_db=future and future.per_cell_db,
        strategy=UNKNOWN if future is None or not (settled or seen.any) else future.strategy(),
        settled=settled,
        sneak={name: mean for name, (mean, _) in sneak.items()},
        sneak_sigma={name: sigma for name, (_, sigma) in sneak.items()},
        saturated=sum(one.saturated for one in records),
    )
    return judge(summary, Criterion("settled", at_least=1))


@dataclass(frozen=True, slots=True)
class Seen:
    """How well the resistances are known.

    Args:
        wires: as found, or at their bounds where neither is told from 0.
        any: whether either is told from 0, and to the uncertainty that was asked for.
        row_at_most: bound (ohm); None without a fit.
        column_at_most: bound (ohm).
        least: by which factor the resistances may be smaller than `wires`, 0 to 1.
        most: by which factor they may be larger.
    """

    wires: Wires
    any: bool
    row_at_most: float | None = None
    column_at_most: float | None = None
    least: float = 0.0
    most: float = 1.0

    @classmethod
    def of(cls, fit: WireFit | None, drift: float, uncertainty: float) -> Seen:
        """Return what a fit says, and how far it can be trusted.

        A drift that is not steady does not quite cancel between the rounds before and after: part of it is doubt.
        """
        if fit is None:
            return cls(Wires(0.0, 0.0), any=False)
        found = np.array([fit.row_segment, fit.column_segment])
        unsteady = UNSTEADY * abs(drift) * np.array([fit.row_gain, fit.column_gain])
        sigma = np.hypot([fit.row_sigma, fit.column_sigma], unsteady)
        count = np.array([fit.row_lines, fit.column_lines])
        reach = sigma * student.ppf(CONFIDENCE, np.maximum(count - 1, 0.5))
        most, least = np.maximum(found, 0.0) + reach, np.maximum(found - reach, 0.0)
        if not np.isfinite(most).all():
            return cls(Wires(0.0, 0.0), any=False)
        bounds = float(most[0]), float(most[1])
        if not ((least > 0) & (sigma <= uncertainty * found)).any():
            return cls(Wires(*bounds), False, *bounds, least=float(least.mean() / most.mean()), most=1.0)
        wires = fit.wires
        whole = wires.row_segment + wires.column_segment
        return cls(wires, True, *bounds, least=float(least.sum()) / whole, most=float(most.sum()) / whole)


def sneak_by_scheme(
    records: Sequence[WireProduct], fit: WireFit | None, data: WireData, scale: LevelScale
) -> dict[str, tuple[float, float]]:
    """Return by how many levels reads are off under each scheme, on average over all cells, and how sure that is.

    What a cell itself carries is that of the network of the fit; without one, what the row alone showed.
    """
    own = data.rows.singles
    if fit is not None:
        rows = fit.law.shape[0]
        every = np.arange(rows)
        points = operating_points(fit.law, fit.wires, read_voltages(rows, data.voltage, ReadScheme.GROUND))
        own = points.cell_current[every, every]
    found: dict[str, tuple[float, float]] = {}
    for scheme in dict.fromkeys(one.scheme for one in records if one.kind == "read"):
        read = np.array([one.current for one in records if one.kind == "read" and one.scheme == scheme])
        off = (read - own[: len(read)]) / (data.voltage * scale.step)
        # Columns have each a reader of their own, with an offset: they are the independent witnesses.
        columns = off.mean(axis=0)
        found[scheme] = float(columns.mean()), float(columns.std(ddof=1)) / math.sqrt(len(columns))
    return found
