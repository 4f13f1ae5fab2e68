"""What the points of an I-V run amount to: conduction law, rectification, thresholds, hysteresis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Fraction, Siemens, Volts, Watts
from protocols.analysis.iv_analysis import Ratio, loop_areas, on_off_ratio, rectification_ratio
from protocols.analysis.sinh_fit import SinhFit, fit_sinh
from protocols.analysis.switching import Onset, Threshold, onset, together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from protocols.iv_sweep import IvPoint, IvSweepParameters

    Array = NDArray[np.float64]

MEASURED_SHARE = 0.99
"""Share of the points that a passing run must have measured."""
FIT_RESIDUAL = 2e-3
"""Largest rms residual of the conduction law in a passing run, as a share of the largest current. Ours: ten times
what readers leave, and less than a cell that moves under the reads shows."""

MEDIAN_NORMAL = 0.6745
"""Median magnitude of a normal variable, in standard deviations."""


@dataclass(frozen=True, slots=True)
class IvSummary:
    """What a run amounts to; None is what it could not tell.

    `measured` is the share of readings that fitted their range, `in_compliance` how many points of a sweep the limit
    held back. I = `conductance` * V0 * sinh(V / V0) with V0 = `conduction_voltage`, of the state that conducts;
    without a significant bend V0 is None, and at least `conduction_voltage_least`. `fit_residual` is the rms residual
    over the largest current. `rectification_ratio` is |I(V)| / |I(-V)| at `rectification_voltage` in that state; None
    where the reverse current is lost in the noise: then it is `rectification_at_least`. `threshold_up` and
    `threshold_down` are where the state begins to change at this sweep's pace; their sigmas count half a step.
    `on_off_ratio` compares the reads behind the upper and the lower branch, `loop_area` is the integral of I dV over
    both lobes. `noise` is the standard deviation of a point of a sweep, as a conductance at the read voltage.
    """

    points: int
    measured: Fraction
    in_compliance: int
    conduction_voltage: Volts | None
    conduction_voltage_sigma: Volts | None
    conduction_voltage_least: Volts | None
    conductance: Siemens | None
    conductance_sigma: Siemens | None
    fit_residual: Fraction | None
    rectification_ratio: float | None
    rectification_at_least: float | None
    rectification_voltage: Volts
    threshold_up: Volts | None
    threshold_up_sigma: Volts | None
    threshold_down: Volts | None
    threshold_down_sigma: Volts | None
    on_off_ratio: float | None
    on_off_at_least: float | None
    loop_area: Watts | None
    noise: Siemens
    conductance_before: Siemens | None
    conductance_after: Siemens | None


@dataclass(frozen=True, slots=True)
class BranchFit:
    """The conduction law of one branch, and the largest current (A) that it was fitted to."""

    fit: SinhFit
    largest: float


@dataclass(frozen=True, slots=True)
class Law:
    """Fits of several branches taken together: means with the larger of fitted and observed deviation of the mean."""

    bend: float | None
    bend_sigma: float | None
    bend_least: float | None
    conductance: float | None
    conductance_sigma: float | None
    residual: float | None


def summarise(records: Sequence[IvPoint], parameters: IvSweepParameters) -> Outcome:
    """Return what the records of a run amount to."""
    if not records:
        return Outcome(passed=False, summary=None)
    law = law_of(fits(records, parameters))
    at = parameters.read_voltage
    rectification = _rectification(records, at)
    up, down = (threshold(records, polarity, law.bend) for polarity in (1, -1))
    on, off = (_near(records, at, lambda r, p=p: r.part == "read" and r.polarity == p) for p in (1, -1))
    switched = on_off_ratio(on, off, _deviation(off)) if parameters.mode != "staircase" else None
    summary = IvSummary(
        points=len(records),
        measured=1 - sum(record.overrange for record in records) / len(records),
        in_compliance=sum(record.in_compliance for record in records),
        conduction_voltage=law.bend,
        conduction_voltage_sigma=law.bend_sigma,
        conduction_voltage_least=law.bend_least,
        conductance=law.conductance,
        conductance_sigma=law.conductance_sigma,
        fit_residual=law.residual,
        rectification_ratio=_value(rectification),
        rectification_at_least=_bound(rectification),
        rectification_voltage=at,
        threshold_up=None if up is None else up.value,
        threshold_up_sigma=None if up is None else up.sigma,
        threshold_down=None if down is None else down.value,
        threshold_down_sigma=None if down is None else down.sigma,
        on_off_ratio=_value(switched),
        on_off_at_least=_bound(switched),
        loop_area=_area(records) if parameters.mode == "loop" else None,
        noise=_noise(records) / at,
        conductance_before=_mean(_near(records, at, lambda r: r.part == "before") / at),
        conductance_after=_mean(_near(records, at, lambda r: r.part == "after") / at),
    )
    return judge(
        summary, Criterion("measured", at_least=MEASURED_SHARE), Criterion("fit_residual", at_most=FIT_RESIDUAL)
    )


def fitted(records: Sequence[IvPoint], parameters: IvSweepParameters) -> list[list[IvPoint]]:
    """Return the points that tell of the conduction law, branch by branch.

    The return branch of a swept loop, below `fit_voltage`: nothing switches there any more. Where there is none, or it
    has too few points, the reads behind each branch. Of the polarity that raises, if there is one.
    """
    polarity = 1 if parameters.v_max > 0 else -1
    reads = {round(record.voltage, 9) for record in records if record.part == "read" and record.voltage > 0}
    swept = len(reads) <= 1
    chosen = [
        record
        for record in records
        if record.polarity == polarity
        and record.voltage * polarity > 0
        and not (record.in_compliance or record.overrange)
        and (
            record.part == "sweep" and record.direction == "back" and abs(record.voltage) <= parameters.fit_voltage
            if swept
            else record.part == "read"
        )
    ]
    loops = sorted({record.loop for record in chosen})
    return [[record for record in chosen if record.loop == loop] for loop in loops]


def fits(records: Sequence[IvPoint], parameters: IvSweepParameters) -> list[BranchFit]:
    """Return the conduction law of each branch that tells of it."""
    found: list[BranchFit] = []
    for branch in fitted(records, parameters):
        currents = [record.current for record in branch]
        fit = fit_sinh([record.voltage for record in branch], currents)
        if fit is not None:
            found.append(BranchFit(fit, max(map(abs, currents))))
    return found


def law_of(branches: Sequence[BranchFit]) -> Law:
    """Return the fits of several branches taken together."""
    found = [branch.fit for branch in branches]
    if not found:
        return Law(None, None, None, None, None, None)
    bends = [(fit.bend, fit.bend_sigma) for fit in found if fit.bend is not None]
    conductances = np.array([fit.conductance for fit in found])
    least = float(np.median([fit.bend_least for fit in found]))
    bend, bend_sigma = None, None
    if 2 * len(bends) > len(found):
        bend, bend_sigma = _weighed(np.array([one[0] for one in bends]), np.array([one[1] for one in bends]))
    conductance, sigma = _weighed(conductances, np.array([fit.conductance_sigma for fit in found]))
    residual = math.sqrt(float(np.mean([(branch.fit.rms / branch.largest) ** 2 for branch in branches])))
    return Law(bend, bend_sigma, least if math.isfinite(least) else None, conductance, sigma, residual)


def threshold(records: Sequence[IvPoint], polarity: int, bend: float | None) -> Threshold | None:
    """Return where the outward branches of one polarity begin to change the state.

    After pulses the state is that of the read; in a sweep it is the conductance at zero voltage that the current at
    each point amounts to.
    """
    part = "verify" if any(record.part == "verify" for record in records) else "sweep"
    noise = _noise(records)
    outward = [r for r in records if r.part == part and r.polarity == polarity and r.direction == "out"]
    found: list[Onset | None] = []
    for loop in sorted({record.loop for record in outward}):
        points = [r for r in outward if r.loop == loop and r.across != 0 and r.voltage != 0 and not r.overrange]
        across = np.array([r.across if r.in_compliance else r.voltage for r in points])
        ohmic = across if bend is None else bend * np.sinh(across / bend)
        states = np.array([record.current for record in points]) / ohmic
        voltage = [record.amplitude if part == "verify" else record.voltage for record in points]
        found.append(onset(voltage, states, noise / np.abs(ohmic)))
    return together(found)


def _noise(records: Sequence[IvPoint]) -> float:
    """Return the standard deviation of a point of a sweep, or of a read after a pulse (A).

    From points at 0 V; or, of pulses that a source-measure unit put out, from the middle of the differences between
    reads that follow one another, most of which show no change; or from repeated reads.
    """
    zero = np.array([r.current for r in records if r.part == "sweep" and r.voltage == 0 and not r.overrange])
    if len(zero) > 1:
        return float(np.sqrt(np.mean(zero**2)))
    verify = np.array([r.current for r in records if r.part == "verify" and not r.overrange])
    if len(verify) > 3 and any(record.part == "pulse" for record in records):
        return float(np.median(np.abs(np.diff(verify)))) / (MEDIAN_NORMAL * math.sqrt(2))
    return _repeated(records)


def _repeated(records: Sequence[IvPoint]) -> float:
    """Return the standard deviation of one read at the read voltage (A), from repeated ones."""
    groups: dict[tuple[int, int, str, float], list[float]] = {}
    for record in records:
        if record.part in ("before", "after", "read") and not record.overrange:
            key = (record.loop, record.polarity, record.part, record.voltage)
            groups.setdefault(key, []).append(record.current)
    variances = [float(np.var(group, ddof=1)) for group in groups.values() if len(group) > 1]
    return math.sqrt(float(np.mean(variances))) if variances else 0.0


def _rectification(records: Sequence[IvPoint], at: float) -> Ratio | None:
    """Return the ratio in the reads behind the branches that raise, or behind all where none does."""
    reads = [r for r in records if r.part == "read" and not (r.in_compliance or r.overrange)]
    reads = [r for r in reads if r.polarity > 0] or reads
    reverse = np.array([r.current for r in reads if r.voltage < 0])
    return rectification_ratio([r.voltage for r in reads], [r.current for r in reads], at, _deviation(reverse))


def _near(records: Sequence[IvPoint], at: float, chosen: Callable[[IvPoint], bool]) -> Array:
    """Return the currents (A) of reads at one voltage."""
    return np.array([r.current for r in records if chosen(r) and abs(r.voltage - at) <= 1e-6 and not r.overrange])


def _deviation(currents: Array) -> float:
    """Return the standard deviation of a mean (A)."""
    return float(currents.std(ddof=1)) / math.sqrt(len(currents)) if len(currents) > 1 else 0.0


def _area(records: Sequence[IvPoint]) -> float | None:
    """Return the mean area of the loops that were swept whole (W)."""
    areas: list[float] = []
    for loop in sorted({record.loop for record in records if record.part == "sweep"}):
        points = [r for r in records if r.loop == loop and r.part == "sweep"]
        found = loop_areas([r.across for r in points], [r.current for r in points])
        if found is not None:
            areas.append(found.positive + found.negative)
    return float(np.mean(areas)) if areas else None


def _weighed(values: Array, sigmas: Array) -> tuple[float, float]:
    """Return a mean by its deviations, and its own: the larger of what they say and what the scatter does."""
    weights = 1 / np.maximum(sigmas, 1e-12 * np.abs(values).max() + 1e-300) ** 2
    mean = float(weights @ values / weights.sum())
    expected = 1 / math.sqrt(float(weights.sum()))
    scatter = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean, max(expected, scatter)


def _mean(values: Array) -> float | None:
    return float(values.mean()) if len(values) else None


def _value(ratio: Ratio | None) -> float | None:
    return None if ratio is None else ratio.value


def _bound(ratio: Ratio | None) -> float | None:
    return None if ratio is None or not math.isfinite(ratio.at_least) else ratio.at_least
