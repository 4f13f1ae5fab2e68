"""What a staircase of equal pulses amounts to: levels, slopes, linearity, symmetry, noise, spread between cycles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Fraction, Siemens
from protocols.analysis.branch_symmetry import symmetry
from protocols.analysis.level_count import distinguishable_levels_measured
from protocols.analysis.linearity import best_line, fit_update, integral_nonlinearity, steps
from protocols.analysis.variogram import split_noise
from protocols.measured_curves import residuals
from protocols.staircase import REPEATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.analysis.variogram import NoiseSplit
    from protocols.measured_curves import MeasuredCurve
    from protocols.staircase import Stair

    Array = NDArray[np.float64]

STRETCH = 24
"""Least steps of a stretch from which read and write noise are told apart; each is known to some 15 % from so many."""
STRETCHES_MAX = 16
"""Most stretches of a branch."""
BACKWARD_SHARE = 0.01
"""Share of steps that may go backward for sure: chance has one in a thousand where a cell stands still."""
NU_MAX = 0.1
"""Largest nonlinearity of a linear cell (the published curve's is 0.08, zero within its digitising error)."""
ASYMMETRY_MAX = 0.01
"""Largest difference of the slopes of a linear cell, as a share (published: 0.002)."""
SURE = 3.0
"""Standard deviations by which something stands out from chance."""
RANDOM_WALK = 1.2
"""Variance of the slope of the best line through a random walk of n steps: 6/5 of one step's over n."""
LINE = 2
"""Figures that a line takes from its points."""
REPEATED_GROUPS = 2
"""Places whose repeated reads are taken together for one deviation: it is then known to 20 %."""


@dataclass(frozen=True, slots=True)
class PulseTrainSummary:
    """What the branches show; means over the cycles, except where stated otherwise.

    Args:
        levels: one more than the pulses of the rising branch after which the cell was read higher than before; of
            pulses between two reads all, or none. Of the first cycle.
        monotonic: share of the steps from read to read that went the branch's way, in both branches.
        backward: share that went backward by more than three deviations of two reads, and by more than the reads
            between may have moved the cell.
        slope_up: of the best line through the rising branch, a pulse.
        slope_up_sigma: its standard deviation: from the cycles' scatter if there are three, else from the write noise.
        slope_down: of the falling branch, below 0.
        slope_down_sigma: its standard deviation.
        symmetry: size of the falling slope over the rising one.
        asymmetry: mean of (|dG+| - |dG-|) / (|dG+| + |dG-|) at equal conductance.
        branch_gap: mean distance of the branches at equal pulses from the bottom, as a share of the range.
        nu_up: nonlinearity of the rising branch, NeuroSim's form; 0 is straight.
        nu_down: of the falling branch.
        inl: largest distance from the best line, as a share of the range; the worst branch of all.
        dnl_rms: of single steps against the mean one, read noise included.
        dnl_max: largest of them.
        lowest: conductance before the first pulse.
        highest: largest conductance read.
        read_sigma: standard deviation of reads without a pulse between them, root mean square along the branches.
        read_drift: by how much a read moves the conductance: where it stands out, reads are part of the slopes.
        read_drift_sigma: its standard deviation.
        write_sigma: standard deviation of one pulse's step, told from the read noise by their variogram; likewise.
        distinguishable_levels: how many lie 2 k deviations of a read apart.
        cycle_sigma: standard deviation between cycles at equal pulses, root mean square along the branches.
        slope_up_spread: standard deviation of the rising slope between cycles, as a share.
        slope_down_spread: of the falling one.
        residual_rms: distance from the measured curve; of the first cycle.
        residual_max: largest.
        cycles: complete ones.
        pulses: put out in the branches.
        erase_pulses: that brought the cell to its low end.
        erased: whether it was found.
    """

    levels: int
    monotonic: Fraction
    backward: Fraction
    slope_up: Siemens
    slope_up_sigma: Siemens | None
    slope_down: Siemens
    slope_down_sigma: Siemens | None
    symmetry: float
    asymmetry: float | None
    branch_gap: Fraction | None
    nu_up: float | None
    nu_down: float | None
    inl: Fraction | None
    dnl_rms: float | None
    dnl_max: float | None
    lowest: Siemens
    highest: Siemens
    read_sigma: Siemens | None
    read_drift: Siemens | None
    read_drift_sigma: Siemens | None
    write_sigma: Siemens | None
    distinguishable_levels: float | None
    cycle_sigma: Siemens | None
    slope_up_spread: Fraction | None
    slope_down_spread: Fraction | None
    residual_rms: Siemens | None
    residual_max: Siemens | None
    cycles: int
    pulses: int
    erase_pulses: int
    erased: bool


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One branch as it was read: pulses since its start and conductance (S), shape (n,)."""

    pulses: Array
    conductance: Array


def paths(records: Sequence[Stair], branch: str) -> list[Path]:
    """Return the branches of one kind, one a cycle."""
    found: list[Path] = []
    chosen = [record for record in records if record.branch == branch]
    for cycle in dict.fromkeys(record.cycle for record in chosen):
        part = [record for record in chosen if record.cycle == cycle]
        found.append(
            Path(
                np.array([record.pulse for record in part], np.float64),
                np.array([record.conductance for record in part], np.float64),
            )
        )
    return found


def noise_of(path: Path) -> list[NoiseSplit]:
    """Return read and write noise along a branch; stretches that were read unevenly are left out."""
    gaps = np.diff(path.pulses)
    stretches = min(max(len(gaps) // STRETCH, 1), STRETCHES_MAX)
    splits: list[NoiseSplit] = []
    for part in np.array_split(np.arange(len(gaps)), stretches):
        even = part[gaps[part] == gaps[part[0]]] if len(part) else part
        if len(even) and even[-1] - even[0] + 1 == len(even):
            rows = path.conductance[even[0] : even[-1] + 2]
            split = split_noise(rows, int(gaps[even[0]]), trend=2)
            splits += [] if split is None else [split]
    return splits


def read_noise(records: Sequence[Stair]) -> tuple[list[float], list[float]]:
    """Return conductances (S), rising, and the standard deviation of a read at each (S), from repeated reads."""
    spreads = sorted((fmean(group), _scatter(group)) for group in _repeats(records) if len(group) > LINE)
    together = [spreads[index : index + REPEATED_GROUPS] for index in range(0, len(spreads), REPEATED_GROUPS)]
    places = [fmean(place for place, _ in part) for part in together]
    return places, [math.sqrt(fmean(square for _, square in part)) for part in together]


def read_drift(records: Sequence[Stair]) -> tuple[float, float] | None:
    """Return by how much a read moves the conductance (S), and the standard deviation of that, from repeated reads."""
    slopes = [_slope(group) for group in _repeats(records) if len(group) > LINE]
    return (fmean(slopes), stdev(slopes) / math.sqrt(len(slopes))) if len(slopes) > 1 else None


def _repeats(records: Sequence[Stair]) -> list[list[float]]:
    """Return the reads (S) that no pulse parts, a list for each place."""
    groups: dict[tuple[int, str, int], list[float]] = {}
    for record in records:
        if record.branch.startswith("repeat"):
            groups.setdefault((record.cycle, record.branch, record.pulse), []).append(record.conductance)
    return list(groups.values())


def _slope(group: Sequence[float]) -> float:
    """Return the slope of the line through evenly spaced reads, a read."""
    middle = (len(group) - 1) / 2
    moment = sum((index - middle) ** 2 for index in range(len(group)))
    return sum((index - middle) * value for index, value in enumerate(group)) / moment


def _scatter(group: Sequence[float]) -> float:
    """Return the variance of reads about their line: where reads move the cell, that is no noise."""
    slope, middle, mean = _slope(group), (len(group) - 1) / 2, fmean(group)
    off = (value - mean - slope * (index - middle) for index, value in enumerate(group))
    return sum(part * part for part in off) / (len(group) - LINE)


def summarise(records: Sequence[Stair], factor: float, curve: MeasuredCurve | None, *, linear: bool) -> Outcome:
    """Return what a run amounts to.

    Args:
        records: of the whole run, in order.
        factor: k, deviations of a read either way by which levels are told apart.
        curve: measured one to compare with.
        linear: whether it passes as a linear cell only.
    """
    up, down = paths(records, "up"), paths(records, "down")
    if not up or not down or min(len(path.pulses) for path in up + down) < 3:
        return Outcome(passed=False, summary=None)
    summary = _summary(records, up, down, factor, curve)
    criteria = [Criterion("erased", at_least=1), Criterion("backward", at_most=BACKWARD_SHARE)]
    criteria += [Criterion("slope_up", at_least=0.0), Criterion("slope_down", at_most=0.0)]
    if linear:
        criteria += [Criterion(name, -NU_MAX, NU_MAX) for name in ("nu_up", "nu_down")]
        criteria.append(Criterion("symmetry", 1 - ASYMMETRY_MAX, 1 + ASYMMETRY_MAX))
    return judge(summary, *criteria)


def _summary(
    records: Sequence[Stair], up: list[Path], down: list[Path], factor: float, curve: MeasuredCurve | None
) -> PulseTrainSummary:
    write = _rms([split.write_sigma for path in up + down for split in noise_of(path)])
    places, sigmas = read_noise(records)
    read, drift = _rms(sigmas), read_drift(records)
    slope_up, slope_down = _slopes(up), _slopes(down)
    rise, fall = float(slope_up.mean()), float(slope_down.mean())
    forward, sure, count = _forward(up, down, _scatter_and_drift(read, drift))
    dnl = [
        found
        for path, slope in _with_slopes(up, slope_up) + _with_slopes(down, slope_down)
        if slope and (found := steps(path.pulses, path.conductance, slope)) is not None
    ]
    fits = [[fit.nu for path in branch if (fit := fit_update(path.pulses, path.conductance))] for branch in (up, down)]
    both = symmetry(up[0].pulses, up[0].conductance, down[0].pulses, down[0].conductance)
    inl = [integral_nonlinearity(path.pulses, path.conductance) for path in up + down]
    away = (
        None
        if curve is None
        else residuals(curve, up[0].pulses, up[0].conductance, down[0].pulses, down[0].conductance)
    )
    lowest, highest = float(up[0].conductance[0]), max(float(path.conductance.max()) for path in up)
    erase = [record for record in records if record.branch.endswith("erased")]
    return PulseTrainSummary(
        levels=_levels(up[0]),
        monotonic=forward / count,
        backward=sure / count,
        slope_up=rise,
        slope_up_sigma=_slope_sigma(slope_up, write, up),
        slope_down=fall,
        slope_down_sigma=_slope_sigma(slope_down, write, down),
        symmetry=abs(fall / rise) if rise else 0.0,
        asymmetry=both.mean_asymmetry if both else None,
        branch_gap=both.gap if both else None,
        nu_up=_mean(fits[0]),
        nu_down=_mean(fits[1]),
        inl=max((value for value in inl if value is not None), default=None),
        dnl_rms=_rms([found.dnl_rms for found in dnl]),
        dnl_max=max((max(found.dnl_max, -found.dnl_min) for found in dnl), default=None),
        lowest=lowest,
        highest=highest,
        read_sigma=read,
        read_drift=drift[0] if drift else None,
        read_drift_sigma=drift[1] if drift else None,
        write_sigma=write,
        distinguishable_levels=_told_apart(places, sigmas, lowest, highest, factor),
        cycle_sigma=_cycle_sigma(up, down),
        slope_up_spread=_spread(slope_up),
        slope_down_spread=_spread(slope_down),
        residual_rms=away.rms if away else None,
        residual_max=away.worst if away else None,
        cycles=len(down),
        pulses=int(sum(path.pulses[-1] for path in up + down)),
        erase_pulses=sum(record.pulse for record in erase),
        erased=not any(record.branch == "not erased" for record in erase),
    )


def _slopes(branch: list[Path]) -> Array:
    lines = [best_line(path.pulses, path.conductance) for path in branch]
    return np.array([line.slope for line in lines if line is not None])


def _with_slopes(branch: list[Path], slopes: Array) -> list[tuple[Path, float]]:
    return list(zip(branch, slopes.tolist(), strict=True))


def _levels(path: Path) -> int:
    """Return how many levels a rising branch passed: pulses after which it stood higher, and the first."""
    return 1 + int(np.diff(path.pulses)[np.diff(path.conductance) > 0].sum())


def _scatter_and_drift(read: float | None, drift: tuple[float, float] | None) -> float:
    """Return how far (S) a step may seem to go the wrong way by reads alone."""
    moves = abs(drift[0]) if drift and abs(drift[0]) > SURE * drift[1] else 0.0
    return SURE * math.sqrt(2) * (read or 0.0) + (1 + REPEATS) * moves


def _forward(up: list[Path], down: list[Path], room: float) -> tuple[int, int, int]:
    """Return how many steps went their branch's way, how many the other way for sure, and how many there are."""
    moved = np.concatenate([np.diff(path.conductance) for path in up] + [-np.diff(path.conductance) for path in down])
    return int((moved > 0).sum()), int((moved < -room).sum()), len(moved)


def _slope_sigma(slopes: Array, write: float | None, branch: list[Path]) -> float | None:
    if len(slopes) > 2:
        return float(slopes.std(ddof=1)) / math.sqrt(len(slopes))
    if write is None:
        return None
    return write * math.sqrt(RANDOM_WALK / float(branch[0].pulses[-1]) / len(slopes))


def _told_apart(
    places: Sequence[float], sigmas: Sequence[float], lowest: float, highest: float, factor: float
) -> float | None:
    """Return how many levels reads tell apart; None where they do not scatter, or there is no range."""
    if highest <= lowest or not places or min(sigmas) == 0:
        return None
    # One over an estimated deviation is too large on average, to first order by 3 / 4 of one over its freedom.
    fair = 1 + 0.75 / (REPEATED_GROUPS * (REPEATS - LINE))
    return distinguishable_levels_measured(lowest, highest, places, [fair * sigma for sigma in sigmas], factor)


def _cycle_sigma(up: list[Path], down: list[Path]) -> float | None:
    """Return the deviation between cycles at equal pulses; where they were read at the same ones."""
    if len(down) < 2:
        return None
    variances: list[Array] = []
    for branch in (up[: len(down)], down):
        grid = branch[0].pulses
        values = np.stack([np.interp(grid, path.pulses, path.conductance) for path in branch])
        variances.append(values.var(axis=0, ddof=1))
    return float(np.sqrt(np.concatenate(variances).mean()))


def _spread(slopes: Array) -> float | None:
    return float(slopes.std(ddof=1) / abs(slopes.mean())) if len(slopes) > 1 and slopes.mean() else None


def _rms(values: Sequence[float]) -> float | None:
    return math.sqrt(sum(value * value for value in values) / len(values)) if values else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
