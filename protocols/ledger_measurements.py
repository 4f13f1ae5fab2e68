"""The measurements that a ledger of losses rests on, each a step of `snr`.

Single passes are kept, not only products: converters bend with what a pass carries. A board chooses its readers' ranges
by what a request brings; so that the same vectors are always read on the same ranges, every request has one pass more,
a guard, which brings each column a little more than any of the vectors does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np

from labctl.board_features import Coding, Direction, ProductSetup
from labctl.records import Along
from labctl.units import Amperes, Fraction, Seconds, Volts
from protocols.analysis.input_coding import AmplitudeCoding
from protocols.analysis.range_guard import guard_shares
from protocols.array_products import ArrayProducts
from protocols.product_vectors import random_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from labctl.protocol_bench import ProtocolBench
    from protocols.analysis.input_coding import InputCoding
    from protocols.product_array import ProductArray
    from protocols.snr_plan import Condition, SnrPlan

    Array = NDArray[np.float64]

REVERSE = 0.1
"""Voltage (V) at most at which it is seen whether cells rectify: far below any threshold."""
STREAMS = {"training": 10, "test": 11, "codes": 12, "patterns": 13}
"""Which stream of the seed vectors are drawn from."""


@dataclass(frozen=True, slots=True)
class SnrRecord:
    """One pass of one vector, or a row of what stands on the array; `kind` says which.

    - "scale": `given` holds level 0 and the last level (S), height and floor of inputs (V), the voltage at which
      levels are read (V), how many segments of wire lie before the
      first column and after the last row, and the share of the cells that programming calls written.
    - "target": `given` are the conductances of row `index` that the weights are (S).
    - "idle", "noise": repeat `part` of lines without a pulse on small ranges, or of vectors and of such lines.
    - "map": row `index` alone at full input (`index` -1: none), in round `part`; "bare": the same without a floor.
    - "sweep": row `index` alone at a voltage for the whole slot.
    - "reverse": all rows at a small voltage, and (`sign` -1) at minus that.
    - "pattern": rows at full input or at none. "codes": passes of many averages, of half `part`.
    - "training", "test": passes of condition `part`; `given` is the vector, in the pass of its inputs above 0.

    `sign` tells by how much a pass counts; `lines` rows and columns from the first on take part, with inputs up to
    `share` of the largest. `drive` is what the rows were driven by, `current` what the columns carried.
    """

    kind: str
    part: int
    index: int
    sign: int
    averages: int
    lines: int
    share: Fraction
    given: tuple[float, ...]
    drive: Annotated[tuple[Volts, ...], Along("input_line")]
    current: Annotated[tuple[Amperes, ...], Along("output_line")]
    time: Seconds
    calibration: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One step: its name, and what makes its records."""

    name: str
    records: Callable[[], Iterator[SnrRecord]]


class LedgerMeasurements:
    """All steps after programming, in order.

    Args:
        bench: that is up.
        array: with its weights.
        plan: how much of everything.
        began: bench time at which the run began (s).
        written: share of the cells that programming calls written.
    """

    def __init__(self, bench: ProtocolBench, array: ProductArray, plan: SnrPlan, began: float, written: float) -> None:
        self._written = written
        self._bench, self._array, self._plan, self._began = bench, array, plan, began
        self._rows, self._columns = array.region.shape
        self._full = max(self._rows, self._columns)
        self._guards: dict[tuple[int, float], Array] = {}

    def steps(self) -> list[Measurement]:
        """Return all steps."""
        plan = self._plan
        found = [Measurement("scale", self._scale), Measurement("idle", self._idle)]
        found += [Measurement("noise", lambda k=k: self._noise(k)) for k in range(plan.repeats)]
        found += [Measurement("sweep", self._sweep), Measurement("reverse", self._reverse)]
        found += [Measurement("map", lambda k=k: self._map(k)) for k in (0, 1)]
        found += [Measurement("pattern", self._patterns)]
        found += [Measurement("codes", lambda k=k: self._codes(k)) for k in (0, 1)]
        found += [
            Measurement("trial", lambda k=k, c=c: self._trial(k, c))
            for k, c in enumerate(plan.conditions(self._rows, self._columns))
        ]
        return [*found, *(Measurement("map", lambda k=k: self._map(k)) for k in (2, 3))]

    def _record(self, kind: str, index: int, averages: int, **others: object) -> SnrRecord:
        values: dict[str, object] = {
            "part": 0, "sign": 1, "lines": self._full, "share": 1.0, "given": (), "drive": (), "current": (),
            **others,
        }  # fmt: skip
        now, identity = self._bench.clock.now() - self._began, self._array.calibration
        return SnrRecord(kind=kind, index=index, averages=averages, time=now, calibration=identity, **values)  # type: ignore[arg-type]

    def _passes(
        self, kind: str, vectors: Array, averages: int, indices: list[int], products: ArrayProducts | None = None,
        **others: object,
    ) -> Iterator[SnrRecord]:  # fmt: skip
        """Put single passes, shape (n, rows), 0 and above, through the array."""
        found = (products or self._array.products(averages)).single(vectors)
        for index, drive, current in zip(indices, found.drive.tolist(), found.current.tolist(), strict=True):
            yield self._record(kind, index, averages, drive=tuple(drive), current=tuple(current), **others)

    def _guarded(
        self, kind: str, vectors: Array, condition: Condition, indices: list[int], **others: object
    ) -> Iterator[SnrRecord]:
        """Put single passes through the array, in requests with a guard."""
        averages = condition.averages
        products, guard = self._array.products(averages), self._guard(condition)
        size = products.vectors_max - 1
        for first in range(0, len(vectors), size):
            part = np.concatenate([vectors[first : first + size], guard])
            own = indices[first : first + size]
            found = list(self._passes(kind, part, averages, [*own, 0], products, **others))
            yield from found[: len(own)]

    def _guard(self, condition: Condition) -> Array:
        """Return a pass, shape (1, rows), that brings each column what any vectors of as many lines bring, and more."""
        like = (condition.lines, condition.share)
        if like not in self._guards:
            target = self._plan.targets[: condition.lines]
            drawn = [self._vectors(*each) for each in self._drawn(like)]
            both = np.concatenate([_both(each)[:, : condition.lines] for each in drawn])
            guard = np.zeros((1, self._rows))
            guard[0, : condition.lines] = guard_shares(both, target[:, : condition.lines])
            self._guards[like] = guard
        return self._guards[like]

    def _drawn(self, like: tuple[int, float]) -> Iterator[tuple[str, int, Condition, int]]:
        """Return all vectors that so many lines get with inputs so large, as `_vectors` takes them."""
        plan = self._plan
        for part, condition in enumerate(plan.conditions(self._rows, self._columns)):
            if (condition.lines, condition.share) == like:
                yield "training", part, condition, plan.training
                yield "test", part, condition, plan.vectors
        if like == (plan.main.lines, plan.main.share):
            yield from (("codes", part, plan.main, plan.code_vectors) for part in (0, 1))

    def _scale(self) -> Iterator[SnrRecord]:
        scale, p = self._bench.die.scale, self._plan.parameters
        region, die = self._array.region, self._bench.die
        ends = float(region.column), float(die.rows - region.row - region.rows)
        given = (scale.g_min, scale.g_max, p.height, self._array.floor, p.read_voltage, *ends, self._written)
        yield self._record("scale", 0, p.averages, given=given)
        for row, target in enumerate(self._plan.targets.tolist()):
            yield self._record("target", row, p.averages, given=tuple(target))

    def _idle(self) -> Iterator[SnrRecord]:
        averages = self._plan.parameters.averages
        size = self._array.products(averages).vectors_max
        for part in range(self._plan.repeats // 2):
            yield from self._passes("idle", np.zeros((size, self._rows)), averages, list(range(size)), part=part)

    def _noise(self, part: int) -> Iterator[SnrRecord]:
        """Bring the same vectors again, and lines without a pulse on their ranges: those have indices below 0."""
        averages = self._plan.parameters.averages
        half = max(1, (self._array.products(averages).vectors_max - 1) // 2)
        vectors = _both(self._vectors("test", 0, self._plan.main, half))[:half]
        both = np.concatenate([vectors, np.zeros((half, self._rows))])
        indices = [*range(half), *(-1 - k for k in range(half))]
        yield from self._guarded("noise", both, self._plan.main, indices, part=part)

    def _map(self, part: int, kind: str = "map", products: ArrayProducts | None = None) -> Iterator[SnrRecord]:
        alone = np.concatenate([np.zeros((1, self._rows)), np.eye(self._rows)])
        averages = self._plan.map_averages
        yield from self._passes(kind, alone, averages, list(range(-1, self._rows)), products, part=part)
        if kind == "map" and part in (0, 1) and self._array.floor > 0:
            p = self._plan.parameters
            bare = self._products(p.coder(0.0), averages)
            yield from self._map(part, "bare", bare)

    def _products(self, coding: InputCoding, averages: int) -> ArrayProducts:
        p = self._plan.parameters
        return ArrayProducts(
            self._bench.board, self._bench.die, self._array.region, coding, slot=p.slot, averages=averages
        )

    def _sweep(self) -> Iterator[SnrRecord]:
        plan = self._plan
        top, averages = plan.sweep_top, plan.map_averages
        products = self._products(AmplitudeCoding(top), averages)
        for row in plan.sweep_rows(self._rows):
            vectors = np.zeros((len(plan.sweep_codes) + 1, self._rows))
            vectors[1:, row] = np.array(plan.sweep_codes) / top
            yield from self._passes("sweep", vectors, averages, [row] * len(vectors), products)

    def _reverse(self) -> Iterator[SnrRecord]:
        p, region, board = self._plan.parameters, self._array.region, self._bench.board
        lines = Direction.ROWS_IN.sides(self._bench.die.rows, self._bench.die.columns)[0]
        voltage = min(REVERSE, p.height)
        inputs = np.zeros((2, lines))
        inputs[0, region.row_lines()], inputs[1, region.row_lines()] = voltage, -voltage
        found = board.multiply(inputs, ProductSetup(Coding.AMPLITUDE, slot=p.slot, averages=p.averages))
        for k, sign in enumerate((1, -1)):
            drive = tuple(found.inputs[k, region.row_lines()].tolist())
            current = tuple(found.current[k, region.column_lines()].tolist())
            yield self._record("reverse", k, p.averages, sign=sign, drive=drive, current=current)

    def _patterns(self) -> Iterator[SnrRecord]:
        draw = np.random.default_rng((self._plan.parameters.vector_seed, STREAMS["patterns"]))
        patterns = (draw.random((self._plan.patterns, self._rows)) < 0.5).astype(np.float64)
        yield from self._passes("pattern", patterns, self._plan.map_averages, list(range(len(patterns))))

    def _codes(self, part: int) -> Iterator[SnrRecord]:
        vectors = _both(self._vectors("codes", part, self._plan.main, self._plan.code_vectors))
        condition = replace(self._plan.main, averages=self._plan.map_averages)
        yield from self._guarded("codes", vectors, condition, list(range(len(vectors))), part=part)

    def _trial(self, part: int, condition: Condition) -> Iterator[SnrRecord]:
        for kind, count in (("training", self._plan.training), ("test", self._plan.vectors)):
            vectors = self._vectors(kind, part, condition, count)
            passes = self._guarded(
                kind, _both(vectors), condition, list(range(2 * count)), part=part, lines=condition.lines,
                share=condition.share,
            )  # fmt: skip
            for one in passes:
                vector, second = divmod(one.index, 2)
                given = () if second else tuple(vectors[vector].tolist())
                yield replace(one, index=vector, sign=1 - 2 * second, given=given)

    def _vectors(self, kind: str, part: int, condition: Condition, count: int) -> Array:
        vectors = random_vectors(
            self._plan.parameters.vector_seed, 100 * STREAMS[kind] + part, count, self._rows, signed=True
        )
        vectors[:, condition.lines :] = 0.0
        return vectors * condition.share


def _both(vectors: Array) -> Array:
    """Return the passes of signed vectors, those of inputs above 0 and below in turn."""
    return np.stack([np.maximum(vectors, 0.0), np.maximum(-vectors, 0.0)], axis=1).reshape(-1, vectors.shape[1])
