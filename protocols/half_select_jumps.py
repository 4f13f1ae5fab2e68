"""By how much each train moved each neighbour, the reads' own effect taken out, and what that is per pulse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from protocols.analysis.disturb import CONFIDENCE, Disturb
from protocols.read_effect import ReadEffect, read_effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.half_select import NeighbourRead

PLACES = ("row", "column", "diagonal")
"""Of the neighbours, in the order in which they are read."""
_EXCESS = 3.0
"""Deviations of chi squared over its degrees of freedom: less is chance."""


@dataclass(frozen=True, slots=True)
class Jumps:
    """What the trains of one direction did to one neighbour with one scheme.

    Args:
        scheme: "half" or "third".
        after: "up" or "down".
        place: of the neighbour.
        moved: by each train (levels), shape (n,).
        disturb: per pulse.
    """

    scheme: str
    after: str
    place: str
    moved: NDArray[np.float64]
    disturb: Disturb

    @property
    def name(self) -> str:
        """What it is called in a summary."""
        return f"{self.scheme} {self.after} {self.place}"


def read_effects(records: Sequence[NeighbourRead]) -> dict[str, ReadEffect]:
    """Return what a read does to each neighbour, by place, from the survey; without those that it does not tell."""
    found = {
        place: read_effect([one.reading for one in records if one.scheme == "survey" and one.place == place])
        for place in PLACES
    }
    return {place: effect for place, effect in found.items() if effect is not None}


def all_jumps(records: Sequence[NeighbourRead]) -> list[Jumps]:
    """Return what the trains did, by scheme, direction and place; findings hold together with the confidence."""
    effects = read_effects(records)
    schemes = [scheme for scheme in ("half", "third") if any(one.scheme == scheme for one in records)]
    ways = [(scheme, place) for scheme in schemes for place in PLACES if place in effects]
    # Each of many findings must be surer, lest one of them be due to chance.
    confidence = 1 - (1 - CONFIDENCE) / max(2 * len(ways), 1)
    jumps: list[Jumps] = []
    for scheme, place in ways:
        own = [one for one in records if one.scheme == scheme and one.place == place]
        for after in ("up", "down"):
            found = _jumps(own, after, effects[place], confidence)
            if found is not None:
                jumps.append(Jumps(scheme, after, place, *found))
    return jumps


def _jumps(
    records: list[NeighbourRead], after: str, effect: ReadEffect, confidence: float
) -> tuple[NDArray[np.float64], Disturb] | None:
    """Return by how much each train of a direction moved a neighbour, and what that is per pulse."""
    moved: list[float] = []
    pulses: list[float] = []
    reads = 1
    for cycle in sorted({one.cycle for one in records}):
        own = [one for one in records if one.cycle == cycle]
        blocks = [[one for one in own if one.after == name] for name in ("nothing", "up", "down")]
        for before, then in pairwise(blocks):
            if before and then and then[0].after == after:
                reads = len(then)
                pulses.append(float(then[0].pulses))
                moved.append(_mean(then) - _mean(before) - effect.per_read * (len(before) + len(then)) / 2)
    if not moved:
        return None
    values, counts = np.array(moved), np.array(pulses)
    square = float(counts @ counts)
    slope = float(counts @ values) / square
    # Two means of reads, and what the reads in between add by chance; more, if trains alike differ by more.
    variance = 2 * effect.noise**2 / reads + effect.walk**2 * reads
    scatter, freedom = variance, math.inf
    if len(values) > 1:
        chi = float(((values - slope * counts) ** 2).sum()) / (len(values) - 1)
        if chi > variance * (1 + _EXCESS * math.sqrt(2 / (len(values) - 1))):
            scatter, freedom = chi, float(len(values) - 1)
    common = effect.sigma * reads * float(counts.sum()) / square
    sigma = math.hypot(math.sqrt(scatter / square), common)
    reach = float(student.ppf((1 + confidence) / 2, freedom)) * sigma
    return values, Disturb(slope, sigma, abs(slope) + reach, abs(slope) > reach, float(counts.sum()), confidence)


def _mean(records: list[NeighbourRead]) -> float:
    return math.fsum(one.reading for one in records) / len(records)
