"""What a run of `separability` amounts to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.stats import beta

from labctl.levels import LEVELS, LevelScale
from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Fraction, Levels, Siemens
from protocols.analysis.level_count import distinguishable_levels_measured
from protocols.neighbour_reads import Judged, Neighbours, compare, reads_move
from protocols.repeated_reads import spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.separability import SeparabilityParameters, SeparabilityRecord


AGREEMENT_PASSED = 0.7
"""Share of the measured misread probabilities whose interval must hold the expected one. Averages of the same reads are
not independent, and a pair that wanders misleads several of them: fewer than the intervals' confidence promises."""


@dataclass(frozen=True, slots=True)
class SeparabilitySummary:
    """How well neighbouring levels are told apart; by name: the lower level of a pair, or a number of samples.

    `misread` is the share of single samples that lie nearer to the other one of two levels, all pairs together, with
    the interval `misread_low` to `misread_high`; `misread_expected` is what noise and distance make one expect.
    `agreement` is the share of all measured misread probabilities whose interval holds the expected one.
    `samples_needed` is how many samples must be averaged for the misread probability asked for, between two neighbours
    a level away and up to the horizon, at the worst level; none if no number does. `separable` is the share of the
    levels for which there is one. `distance` is what the written pairs had. `allan_averages` is the number of samples
    at which the Allan deviation is least, `allan_least`. `distinguishable` counts the levels of the whole range that
    single samples tell apart at k standard deviations, `distinguishable_limit` those of averages as long as one likes;
    not known where no 1/f noise was found. `disturbed` counts the requests in which reads moved the cell: with the
    first, the run measures no more.
    """

    pairs: int
    misread: Fraction | None
    misread_low: Fraction | None
    misread_high: Fraction | None
    misread_expected: Fraction | None
    samples_needed: int | None
    separable: Fraction
    agreement: Fraction
    disturbed: int
    distinguishable: float | None
    distinguishable_limit: float | None
    misread_by_samples: dict[str, Fraction]
    misread_low_by_samples: dict[str, Fraction]
    misread_high_by_samples: dict[str, Fraction]
    misread_expected_by_samples: dict[str, Fraction]
    misread_by_level: dict[str, Fraction]
    misread_expected_by_level: dict[str, Fraction]
    samples_needed_by_level: dict[str, float]
    distance_by_level: dict[str, Levels]
    distance_error_by_level: dict[str, Levels]
    sigma_by_level: dict[str, Siemens]
    conductance_by_level: dict[str, Siemens]
    allan_averages_by_level: dict[str, float]
    allan_least_by_level: dict[str, Siemens]


def pairs_of(records: Sequence[SeparabilityRecord], parameters: SeparabilityParameters) -> dict[int, Neighbours]:
    """Return what each pair shows that was read whole enough."""
    reads: dict[int, dict[tuple[str, str], list[float]]] = {}
    samples = next((one.samples for one in records if one.part == "long"), 1)
    for one in records:
        reads.setdefault(one.level, {}).setdefault((one.side, one.part), []).append(one.conductance)
    found: dict[int, Neighbours] = {}
    for level, kinds in reads.items():
        pair = compare(
            kinds.get(("lower", "single"), []),
            kinds.get(("upper", "single"), []),
            kinds.get(("lower", "long"), []),
            kinds.get(("upper", "long"), []),
            samples,
            spacing(1),
            parameters.confidence,
        )
        if pair is not None:
            found[level] = pair
    return found


def summarise(records: Sequence[SeparabilityRecord], parameters: SeparabilityParameters) -> Outcome:
    """Return the figures of a run, whole or broken off."""
    if not records:
        return Outcome(passed=False, summary=None)
    return judge(
        _summary(pairs_of(records, parameters), scale_of(records), _disturbed(records), parameters),
        Criterion("separable", at_least=1.0),
        Criterion("agreement", at_least=AGREEMENT_PASSED),
        Criterion("disturbed", at_most=0),
    )


def pooled(pairs: Sequence[Neighbours], confidence: float) -> dict[int, tuple[float, float, float, float]]:
    """Return, by samples averaged, the share of misreads of all pairs, its interval, and what is to be expected."""
    judged = [one for pair in pairs for one in pair.judged]
    found: dict[int, tuple[float, float, float, float]] = {}
    for samples in sorted({one.samples for one in judged}):
        group = [one for one in judged if one.samples == samples]
        wrong, trials = sum(one.measured.misreads for one in group), sum(one.measured.trials for one in group)
        tail = (1 - confidence) / 2
        low = float(beta.ppf(tail, wrong, trials - wrong + 1)) if wrong else 0.0
        high = float(beta.ppf(1 - tail, wrong + 1, trials - wrong)) if wrong < trials else 1.0
        expected = sum(one.expected * one.measured.trials for one in group) / trials
        found[samples] = (wrong / trials, low, high, expected)
    return found


def _summary(
    pairs: dict[int, Neighbours], scale: LevelScale, disturbed: int, parameters: SeparabilityParameters
) -> SeparabilitySummary:
    step, every = scale.step, list(pairs.values())
    named = {str(level): pair for level, pair in pairs.items()}
    needed = {
        name: samples
        for name, pair in named.items()
        if (samples := pair.samples_needed(parameters.misread, step, parameters.horizon)) is not None
    }
    shares = pooled(every, parameters.confidence)
    judged = [one for pair in every for one in pair.judged]
    first = shares.get(1, (None, None, None, None))
    return SeparabilitySummary(
        pairs=len(pairs),
        misread=first[0],
        misread_low=first[1],
        misread_high=first[2],
        misread_expected=first[3],
        samples_needed=max(needed.values()) if needed and len(needed) == len(named) else None,
        separable=len(needed) / len(named) if named else 0.0,
        agreement=_agreement(judged),
        disturbed=disturbed,
        distinguishable=_count(every, [pair.sigma for pair in every], scale, parameters.k),
        distinguishable_limit=_count(
            every, [pair.sigma * pair.floor(parameters.horizon) ** 0.5 for pair in every], scale, parameters.k
        ),
        misread_by_samples={str(samples): one[0] for samples, one in shares.items()},
        misread_low_by_samples={str(samples): one[1] for samples, one in shares.items()},
        misread_high_by_samples={str(samples): one[2] for samples, one in shares.items()},
        misread_expected_by_samples={str(samples): one[3] for samples, one in shares.items()},
        misread_by_level={name: pair.judged[0].measured.probability for name, pair in named.items() if pair.judged},
        misread_expected_by_level={name: pair.judged[0].expected for name, pair in named.items() if pair.judged},
        samples_needed_by_level={name: float(samples) for name, samples in needed.items()},
        distance_by_level={name: pair.distance / step for name, pair in named.items()},
        distance_error_by_level={name: pair.distance_error / step for name, pair in named.items()},
        sigma_by_level={name: pair.sigma for name, pair in named.items()},
        conductance_by_level={name: pair.conductance for name, pair in named.items()},
        allan_averages_by_level={name: float(pair.averages) for name, pair in named.items()},
        allan_least_by_level={name: pair.least for name, pair in named.items()},
    )


def scale_of(records: Sequence[SeparabilityRecord]) -> LevelScale:
    """Return the level scale of the die, which the levels read and their targets tell."""
    targets = {one.level + (one.side == "upper"): one.target for one in records}
    low, high = min(targets), max(targets)
    step = (targets[high] - targets[low]) / (high - low) if high > low else targets[low]
    first = targets[low] - low * step
    return LevelScale(first, first + (LEVELS - 1) * step)


def _count(pairs: Sequence[Neighbours], sigmas: Sequence[float], scale: LevelScale, k: float) -> float | None:
    """Return how many levels of the whole range lie 2 k deviations apart; None where noise is not seen everywhere."""
    if not sigmas or min(sigmas) <= 0:
        return None
    return distinguishable_levels_measured(scale.g_min, scale.g_max, [pair.conductance for pair in pairs], sigmas, k)


def _agreement(judged: Sequence[Judged]) -> float:
    """Return the share of intervals that hold what is expected; 0 of none."""
    return sum(one.measured.low <= one.expected <= one.measured.high for one in judged) / max(1, len(judged))


def _disturbed(records: Sequence[SeparabilityRecord]) -> int:
    """Return in how many requests reads moved the cell."""
    requests: dict[tuple[int, str, int], list[float]] = {}
    for one in records:
        if one.part == "single":
            requests.setdefault((one.level, one.side, one.series), []).append(one.conductance)
    return sum(map(reads_move, requests.values()))
