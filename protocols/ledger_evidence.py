"""What the records of `snr` say: the weights, the trials, and the evidence of a ledger, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LevelScale
from protocols.analysis.array_law import STRAIGHT, ArrayLaw
from protocols.analysis.array_model import DriverCurves
from protocols.analysis.drive_sweep import Bend, driver_errors, fit_bend
from protocols.analysis.ledger_terms import Evidence, Passes, Trial, Weights
from protocols.analysis.noise_split import NoiseSplit, split_noise
from protocols.analysis.segment_fit import WireEvidence
from protocols.snr_plan import Condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.ledger_measurements import SnrRecord
    from protocols.snr_plan import SnrParameters

    Array = NDArray[np.float64]

FEWEST = 2
"""Vectors of a test, at least."""
RECTIFIES = 1.5
"""Forward over reverse current from which cells count as rectifying."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Levels (S), height and floor of inputs (V), voltage at which levels are read (V), segments around the cells."""

    levels: LevelScale
    height: float
    floor: float
    written_at: float
    before: int
    after: int
    written: float


class SnrRecords:
    """Records by what they are.

    Args:
        records: of a run, in order; it may have ended early.
        parameters: of the run.
    """

    def __init__(self, records: Sequence[SnrRecord], parameters: SnrParameters) -> None:
        self._parameters = parameters
        self._kinds: dict[str, list[SnrRecord]] = {}
        for record in records:
            self._kinds.setdefault(record.kind, []).append(record)

    def has(self, *kinds: str) -> bool:
        """Return whether there are records of all these kinds."""
        return all(kind in self._kinds for kind in kinds)

    def of(self, kind: str, part: int | None = None) -> list[SnrRecord]:
        """Return the records of a kind."""
        return [one for one in self._kinds.get(kind, []) if part is None or one.part == part]

    @property
    def scale(self) -> Scale:
        """What was recorded of it."""
        low, high, height, floor, written_at, before, after, written = self.of("scale")[0].given
        return Scale(LevelScale(low, high), height, floor, written_at, round(before), round(after), written)

    def targets(self) -> Array:
        """Return the conductances of the weights (S), shape (rows, columns)."""
        return np.array([one.given for one in self.of("target")])

    def weights(self, lines: int | None = None, full: float | None = None) -> Weights:
        """Return what stands on the first `lines` rows and columns.

        Args:
            lines: None: all.
            full: what a full input adds to the drive (V); None: as it was asked for.
        """
        scale, p = self.scale, self._parameters
        target = self.targets()
        rows, columns = target.shape
        taken = slice(0, lines if lines is not None and lines < min(rows, columns) else None)
        levels = scale.levels
        mapping = p.mapper(levels)
        return Weights(mapping, target[taken, taken], levels.g_min, levels.step, full or scale.height, p.rounds_targets)

    def full_drive(self) -> tuple[float, float]:
        """Return the drive of a line without a pulse, and what a full input adds to it (V), as they were put out."""
        first = self.of("map", 0)
        low = float(first[0].drive[0])
        return low, float(np.mean([one.drive[one.index] for one in first if one.index >= 0])) - low

    def maps(self, kind: str = "map") -> Array:
        """Return the currents (A) that each cell's row adds, of all rounds, shape (rounds, rows, columns)."""
        rows = len(self.targets())
        rounds = sorted({one.part for one in self.of(kind)})
        whole = [part for part in rounds if len(self.of(kind, part)) == rows + 1]
        return np.array([_alone(self.of(kind, part)) for part in whole])

    def conditions(self) -> list[tuple[int, Condition]]:
        """Return the conditions of which all was measured, with their numbers."""
        found: list[tuple[int, Condition]] = []
        for part in sorted({one.part for one in self.of("test")}):
            first, *others = self.of("test", part)
            if sum(one.sign < 0 for one in others) < FEWEST:
                continue
            found.append((part, Condition(first.averages, first.lines, first.share)))
        return found

    def trial(self, part: int) -> Trial:
        """Return the trial of a condition."""
        training, test = self.of("training", part), self.of("test", part)
        lines = test[0].lines
        rows, columns = self.targets().shape
        taken = slice(0, lines if lines < min(rows, columns) else None)
        vectors = np.array([one.given for one in test if one.sign > 0])[:, taken]
        return Trial(_pairs(training, taken), _pairs(test, taken), vectors)

    def noise(self) -> NoiseSplit | None:
        """Return the noise of one pass."""
        if not self.has("idle", "noise"):
            return None
        small = _by_part(self.of("idle")).transpose(1, 0, 2)
        both = _by_part(self.of("noise"))
        half = both.shape[1] // 2
        return split_noise(small, both[:, half:].transpose(1, 0, 2), both[:, :half])

    def bend(self) -> Bend | None:
        """Return how cells bend, if it was seen."""
        swept = self._swept()
        if swept is None:
            return None
        voltage, current, _ = swept
        return fit_bend(voltage, current, float(voltage.max()))

    def drivers(self, top: Array, full: float) -> DriverCurves | None:
        """Return by how much drivers are off, in amplitude coding.

        Args:
            top: current (A) of each cell at full input, shape (rows, columns).
            full: told for it (V).
        """
        swept, bend = self._swept(), self.bend()
        if self._parameters.coding == "width" or swept is None or bend is None:
            return None
        voltage, current, rows = swept
        used = voltage <= full * (1 + 1e-9)
        if rows != list(range(len(top))):
            return None
        error = driver_errors(voltage[used], current[:, used], top, bend, full)
        zero = np.zeros((len(error), 1))
        return DriverCurves(np.append(0.0, voltage[used]), np.concatenate([zero, error], axis=1))

    def _swept(self) -> tuple[Array, Array, list[int]] | None:
        """Return voltages (V), currents (A) beyond those without any, shape (rows, codes, columns), and which rows."""
        found = self.of("sweep")
        if not found:
            return None
        rows = sorted({one.index for one in found})
        own = [[one for one in found if one.index == row] for row in rows]
        own = [part for part in own if len(part) == len(own[0])]
        voltage = np.array([one.drive[rows[0]] for one in own[0][1:]])
        current = np.array([[np.array(one.current) - np.array(part[0].current) for one in part[1:]] for part in own])
        return voltage, current, rows[: len(own)]

    def rectification(self) -> float:
        """Return forward over reverse current of the columns, 1 where they hardly differ."""
        if not self.has("reverse"):
            return 1.0
        forward, reverse = (np.abs(np.array(one.current)).sum() for one in self.of("reverse")[:2])
        ratio = float(forward / max(reverse, 1e-300))
        return ratio if ratio > RECTIFIES else 1.0

    def wires(self, maps: Array, low: float, full: float) -> tuple[WireEvidence, WireEvidence] | None:
        """Return what tells wires, with the map of each half.

        Args:
            maps: as `maps` gives them (A).
            low: drive of a line without a pulse (V).
            full: what a full input adds to it (V).
        """
        bend, found, bare = self.bend(), self.of("pattern"), self.maps("bare")
        # Where cells conduct both ways, many rows at once bring the sum of single ones, whatever the wires.
        if not found or bend is None or len(maps) < 2 or self.rectification() == 1.0:
            return None
        alone = maps[:2] if low == 0 else bare
        if len(alone) < 2:
            return None
        idle = np.array(self.of("map", 0)[0].current) if low == 0 else 0.0
        rows, currents = _drives(found), _currents(found) - idle
        target = self.targets()
        steepness = np.maximum(bend.of(target / float(target.max())), 1 / STRAIGHT)
        law = ArrayLaw(target, 1 / steepness, self.rectification())
        scale = self.scale
        first, second = (
            WireEvidence(each / full, full, rows, currents, law, scale.before, scale.after) for each in alone
        )
        return first, second

    def evidence(self) -> Evidence | None:
        """Return what a ledger rests on, if all of it was measured."""
        codes = [(_drives(half), _currents(half)) for half in (self.of("codes", 0), self.of("codes", 1))]
        if not self.has("scale", "map", "codes", "test") or len(self.maps()) < 2 or len(codes[1][0]) < FEWEST:
            return None
        low, full = self.full_drive()
        maps, scale, p = self.maps(), self.scale, self._parameters
        bend = self.bend()
        is_width = p.coding == "width"
        same_code = abs(full - scale.written_at) < 1e-3 * scale.written_at
        return Evidence(
            weights=self.weights(full=full),
            maps=maps[:4] if len(maps) >= 4 else maps[:2],
            codes=(codes[0], codes[1]),
            noise=self.noise(),
            low=low,
            assumed=None if is_width else p.assumed_bend,
            bend=None if is_width and same_code else bend,
            drivers=self.drivers(maps[:2].mean(axis=0), full),
            written_at=scale.written_at,
            wires=self.wires(maps, low, full),
        )


def _alone(records: list[SnrRecord]) -> Array:
    """Return what each row adds to the columns (A), shape (rows, columns)."""
    none = next(np.array(one.current) for one in records if one.index < 0)
    rows = sorted((one for one in records if one.index >= 0), key=lambda one: one.index)
    return np.array([one.current for one in rows]) - none


def _pairs(records: list[SnrRecord], taken: slice) -> Passes:
    plus = [one for one in records if one.sign > 0]
    minus = [one for one in records if one.sign < 0]
    plus = plus[: len(minus)]
    return Passes(
        _drives(plus)[:, taken], _drives(minus)[:, taken], _currents(plus)[:, taken], _currents(minus)[:, taken]
    )


def _drives(records: list[SnrRecord]) -> Array:
    return np.array([one.drive for one in records])


def _currents(records: list[SnrRecord]) -> Array:
    return np.array([one.current for one in records])


def _by_part(records: list[SnrRecord]) -> Array:
    """Return currents by repeat and by what was repeated, shape (repeats, n, columns) (A)."""
    parts = sorted({one.part for one in records})
    found = [_currents([one for one in records if one.part == part]) for part in parts]
    return np.array([one for one in found if one.shape == found[0].shape])
