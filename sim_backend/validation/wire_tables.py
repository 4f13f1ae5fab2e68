"""What wires do to a product: two tables of published design studies, computed again on the twin's crossbar.

Both tables are of a 64 x 64 array driven at the left and read at the bottom, with one wire segment of `r` a cell on
rows and columns, one more at either end, and no other resistance. Weights W are uniform in -1..1, offset-mapped:
G = Gm + Ga W, with Gm and Ga half the sum and half the difference of the largest and the smallest conductance.
Signal-to-noise ratios are 10 log10(sum y^2 / sum (measured - y)^2) over all vectors and columns, y after the baseline
Gm sum(x) is removed. The published tables do not say how they drew the vectors and what they compared; the definitions
here are those that reproduce them, and each function names its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import hadamard

from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from sim_backend.crossbar.coding import LinearProduct, NonlinearProduct, amplitude_coded, width_coded
from sim_backend.crossbar.schemes import Direction, LineResistances
from sim_backend.validation.bent_cells import BentCells
from sim_backend.validation.rows import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.crossbar.coding import Product

    Array = NDArray[np.float64]

SIDE = 64
"""Rows and columns of both tables."""
TOLERANCE = 1.0
"""By how much a figure may differ from its target (dB)."""


def decibels(signal: Array, error: Array) -> float:
    """Return the ratio of the power of `signal` to that of `error`, of any equal shapes, in dB."""
    noise = float((error**2).sum())
    return 10 * math.log10(float((signal**2).sum()) / noise) if noise > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Mapping:
    """Offset mapping of weights onto conductances.

    Args:
        smallest: conductance of W = -1 (S).
        largest: conductance of W = 1 (S).
    """

    smallest: float
    largest: float

    @property
    def middle(self) -> float:
        """Conductance of W = 0 (S)."""
        return (self.largest + self.smallest) / 2

    @property
    def span(self) -> float:
        """Conductance (S) that W = 1 adds."""
        return (self.largest - self.smallest) / 2

    def conductance(self, weights: Array) -> Array:
        """Return conductances (S) of weights, same shape."""
        return self.middle + self.span * weights

    def nearest_level(self, conductance: Array) -> Array:
        """Return the nearest of 16,520 equally spaced conductances (S)."""
        level = (self.largest - self.smallest) / (LEVELS - 1)
        return self.smallest + np.round((conductance - self.smallest) / level) * level


# ---------------------------------------------------------------------------------------------------- IR drop

IR_DROP_SMALLEST = 200e-9
"""Smallest conductance of every row of the IR-drop table (S)."""
IR_DROP_SOURCE = "IR-drop table of the analog in-memory computing study, November 2026 (exact nodal trial)"


@dataclass(frozen=True, slots=True)
class IrDropCase:
    """One line of the IR-drop table.

    Args:
        largest: conductance (S).
        segment: resistance of a wire segment (ohm).
        uncorrected: published ratio without correction (dB).
        one_gain: with one gain for the whole array.
        column_gain: with a gain for each column.
    """

    largest: float
    segment: float
    uncorrected: float
    one_gain: float
    column_gain: float


IR_DROP = (
    IrDropCase(2e-6, 0.5, 33.3, 46.4, 68.4),
    IrDropCase(2e-6, 2.5, 19.4, 32.5, 54.6),
    IrDropCase(20e-6, 0.5, 15.7, 28.6, 50.5),
    IrDropCase(20e-6, 2.5, 2.2, 15.0, 36.8),
    IrDropCase(200e-6, 0.1, 10.0, 22.9, 44.7),
    IrDropCase(200e-6, 0.5, -3.0, 9.6, 31.2),
    IrDropCase(200e-6, 2.5, -13.2, -2.1, 18.9),
    IrDropCase(2.05e-3, 0.5, -16.2, -6.1, 14.3),
    IrDropCase(2.05e-3, 2.5, -19.6, -12.7, 6.9),
)


def ir_drop_rows(seeds: int = 4, vectors: int = 2000, cases: tuple[IrDropCase, ...] = IR_DROP) -> list[Row]:
    """Return the IR-drop table: noise-free, 16,520 levels, linear cells, unipolar inputs.

    x is uniform in 0..1; a gain is fitted by least squares on the currents, before the baseline is removed.

    Args:
        seeds: arrays of random weights, over which each ratio (in dB) is averaged.
        vectors: inputs for each array.
        cases: lines of the table.
    """
    rows: list[Row] = []
    for case in cases:
        trials = np.array([_ir_drop_trial(case, seed, vectors) for seed in range(seeds)])
        means, spread = trials.mean(axis=0), np.ptp(trials, axis=0)
        targets = {"none": case.uncorrected, "one gain": case.one_gain, "gain per column": case.column_gain}
        for (correction, target), mean, between in zip(targets.items(), means.tolist(), spread.tolist(), strict=True):
            rows.append(
                _row(
                    f"IR drop, {case.largest * 1e6:g} uS, {case.segment:g} ohm, correction {correction}",
                    mean,
                    target,
                    IR_DROP_SOURCE,
                    f"mean of {seeds} arrays, {between:.2f} dB between them",
                )
            )
    return rows


def _ir_drop_trial(case: IrDropCase, seed: int, vectors: int) -> tuple[float, float, float]:
    """Return the ratios (dB) of one array: uncorrected, with one gain, with a gain for each column."""
    random = np.random.default_rng(seed)
    mapping = Mapping(IR_DROP_SMALLEST, case.largest)
    weights = random.uniform(-1, 1, (SIDE, SIDE))
    array = LinearProduct(
        mapping.nearest_level(mapping.conductance(weights)), resistances=LineResistances(case.segment, case.segment)
    )
    x = random.uniform(0, 1, (vectors, SIDE))
    baseline = mapping.middle * x.sum(axis=1, keepdims=True)
    y = mapping.span * (x @ weights)
    current = array.currents(x)
    ideal = baseline + y
    one_gain = (current * ideal).sum() / (current**2).sum()
    column_gain = (current * ideal).sum(axis=0) / (current**2).sum(axis=0)
    uncorrected, global_, columns = (decibels(y, gain * current - ideal) for gain in (1.0, one_gain, column_gain))
    return uncorrected, global_, columns


# -------------------------------------------------------------------------------------------------- linearity


class Coding(Enum):
    """How inputs are given to rectifying cells."""

    WIDTH_AT_GROUND = "width, finished rows at 0 V"
    WIDTH = "width and floor"
    AMPLITUDE = "amplitude, predistorted, and floor"
    BITS = "two-level bit-serial and floor"
    SINGLE_ROWS = "single-row reads predict"


LINEARITY_SOURCE = "linearity table of the default board's feasibility study, November 2026 (Monte Carlo)"
BEND_VOLTAGE = 0.343826
"""V0 of the sinh cells (V): the published compact model of the Ru-azo film, 2026."""
RECTIFICATION = 1e4
"""By how much a reversed cell conducts less."""
FLOOR_OVER_PEAK = 1.2
"""Floor of finished rows over the highest column potential, as in the study's recipe."""
BITS = 12
"""Passes of bit-serial coding."""
SEGMENT = 0.5
"""Resistance of a wire segment (ohm)."""
RANGE = 100.0
"""Largest over smallest conductance."""
EXACT = 280.0
"""A ratio above this is rounding (dB)."""
SOLVER_TOLERANCE = 1e-14
"""Of operating points: what is exact must show as such."""


@dataclass(frozen=True, slots=True)
class LinearityTarget:
    """Published ratios of one coding, as the lowest and the highest (dB); inf: exact."""

    coding: Coding
    linear: tuple[float, float]
    bent: tuple[float, float]


LINEARITY = (
    LinearityTarget(Coding.WIDTH_AT_GROUND, (44, 44), (44, 44)),
    LinearityTarget(Coding.WIDTH, (EXACT, math.inf), (60, 60)),
    LinearityTarget(Coding.AMPLITUDE, (EXACT, math.inf), (52, 52)),
    LinearityTarget(Coding.BITS, (EXACT, math.inf), (58, 58)),
    LinearityTarget(Coding.SINGLE_ROWS, (36, 41), (36, 40)),
)
"""At 20 uS, 0.5 ohm, 0.2 V."""


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """One array of rectifying cells with what a trial needs of it.

    Args:
        product: the array.
        voltage: height of pulses, and largest amplitude (V).
        bend_voltage: of the cells (V); inf: linear.
        mapping: of weights onto conductances.
        weights: of the array.
    """

    product: Product
    voltage: float
    bend_voltage: float
    mapping: Mapping
    weights: Array

    def trained(self, random: np.random.Generator, floor: float) -> Array:
        """Return the transfer matrix (S) that Hadamard patterns and their complements give, shape (inputs, outputs)."""
        patterns = hadamard(SIDE).astype(np.float64) * random.choice([-1.0, 1.0], SIDE)
        high = self.product.currents(floor + self.voltage * (1 + patterns) / 2)
        low = self.product.currents(floor + self.voltage * (1 - patterns) / 2)
        return patterns.T @ (high - low) / (SIDE * self.voltage)

    def single_rows(self) -> Array:
        """Return the transfer matrix (S) that reads of one row at a time give, the others at 0 V."""
        return self.product.currents(self.voltage * np.eye(SIDE, dtype=np.float64)) / self.voltage

    def width(self, inputs: Array, floor: float) -> Array:
        """Return mean currents (A) of width-coded inputs, 0 to 1, shape (n, inputs)."""
        return width_coded(self.product, inputs, 1.0, self.voltage, floor)

    def amplitude(self, inputs: Array, floor: float) -> Array:
        """Return currents (A) of inputs coded as the voltages at which a cell without wires carries its share.

        That is the share of what a full pulse adds to its current at the floor.
        """
        if math.isinf(self.bend_voltage):
            return amplitude_coded(self.product, inputs * self.voltage, floor)
        bend = self.bend_voltage
        low, high = math.sinh(floor / bend), math.sinh((floor + self.voltage) / bend)
        return amplitude_coded(self.product, bend * np.arcsinh(low + inputs * (high - low)))

    def bits(self, inputs: Array, floor: float) -> Array:
        """Return the weighted sum of currents (A) of one two-level pass a bit of inputs on a grid of BITS bits."""
        whole = np.round(inputs * (2**BITS - 1)).astype(np.int64)
        total = np.zeros_like(inputs)
        for bit in range(BITS):
            on = ((whole >> bit) & 1).astype(np.float64)
            total += 2.0**bit * self.product.currents(floor + self.voltage * on)
        return total / (2**BITS - 1)

    def ratio(self, signed: Array, measured: Array, transfer: Array) -> float:
        """Return the ratio (dB) of y to the error of a prediction of `measured` (A), x+ pass minus x- pass."""
        y = self.voltage * self.mapping.span * (signed @ self.weights)
        return decibels(y, measured - self.voltage * (signed @ transfer))


def linearity_trial(
    largest: float, bend_voltage: float, voltage: float, seed: int, vectors: int
) -> dict[Coding, float]:
    """Return the ratio (dB) of each coding on one random array of rectifying cells.

    Signed inputs, uniform in -1..1, are given in two passes, positive and negative parts. What the pair of passes
    should differ by is predicted from the full-vector transfer matrix, trained at the same floor.

    Args:
        largest: conductance (S).
        bend_voltage: of the cells (V); inf: linear forward.
        voltage: of pulses, and largest amplitude (V).
        seed: of weights and inputs.
        vectors: inputs.
    """
    random = np.random.default_rng(seed)
    mapping = Mapping(largest / RANGE, largest)
    weights = random.uniform(-1, 1, (SIDE, SIDE))
    resistances = LineResistances(SEGMENT, SEGMENT)
    at_zero = 1.0
    if math.isfinite(bend_voltage):  # conductances are those at the reference read voltage
        at_zero = REFERENCE_VOLTAGE / (bend_voltage * math.sinh(REFERENCE_VOLTAGE / bend_voltage))
    cells = BentCells(at_zero * mapping.conductance(weights), bend_voltage, RECTIFICATION)
    product = NonlinearProduct(cells, (SIDE, SIDE), Direction.ROWS_IN, resistances, SOLVER_TOLERANCE)
    bench = _Bench(product, voltage, bend_voltage, mapping, weights)
    floor = FLOOR_OVER_PEAK * float(product.solve(np.full(SIDE, voltage)).column_potential.max())
    x = random.uniform(-1, 1, (vectors, SIDE))
    positive, negative = np.maximum(x, 0), np.maximum(-x, 0)
    at_ground = bench.width(positive, 0.0) - bench.width(negative, 0.0)
    trained = bench.trained(random, floor)
    whole = np.round(x * (2**BITS - 1)) / (2**BITS - 1)
    return {
        Coding.WIDTH_AT_GROUND: bench.ratio(x, at_ground, bench.trained(random, 0.0)),
        Coding.WIDTH: bench.ratio(x, bench.width(positive, floor) - bench.width(negative, floor), trained),
        Coding.AMPLITUDE: bench.ratio(x, bench.amplitude(positive, floor) - bench.amplitude(negative, floor), trained),
        Coding.BITS: bench.ratio(whole, bench.bits(positive, floor) - bench.bits(negative, floor), trained),
        Coding.SINGLE_ROWS: bench.ratio(x, at_ground, bench.single_rows()),
    }


def linearity_rows(seeds: int = 10, vectors: int = 32, shift_seeds: int = 2) -> list[Row]:
    """Return the linearity table: rectifying cells, noise-free; see `linearity_trial` for what is compared.

    Args:
        seeds: arrays of random weights, over which each ratio (in dB) is averaged.
        vectors: signed inputs for each array.
        shift_seeds: arrays, the first of them, of rows on other conductances: changes hardly differ between arrays.
    """
    rows: list[Row] = []
    for cells, bend in (("linear", math.inf), ("sinh", BEND_VOLTAGE)):
        base = _linearity(20e-6, bend, 0.2, seeds, vectors)
        for target in LINEARITY:
            published = target.linear if math.isinf(bend) else target.bent
            rows.append(_linearity_row(f"{cells}, {target.coding.value}", base[target.coding], published))
        for largest, shift in SHIFTS.items():
            there = _linearity(largest, bend, 0.2, min(seeds, shift_seeds), vectors)
            finite = [target.coding for target in LINEARITY if math.isfinite(bend) or target.linear[1] < EXACT]
            for coding in finite:
                change = [b - a for a, b in zip(base[coding], there[coding], strict=False)]
                name = f"{cells}, {coding.value}, change at {largest * 1e6:g} uS"
                rows.append(_linearity_row(name, change, (shift, shift)))
    halved = _linearity(20e-6, BEND_VOLTAGE, 0.1, seeds, vectors)[Coding.WIDTH]
    rows.append(_linearity_row(f"sinh, {Coding.WIDTH.value}, 0.1 V", halved, (72, 72)))
    return rows


SHIFTS = {2e-6: 20.0, 200e-6: -18.0}
"""By how much every finite ratio of the linearity table is higher at another largest conductance (S: dB)."""


def _linearity(
    largest: float, bend_voltage: float, voltage: float, seeds: int, vectors: int
) -> dict[Coding, list[float]]:
    """Return the ratios (dB) of each coding, one an array."""
    trials = [linearity_trial(largest, bend_voltage, voltage, seed, vectors) for seed in range(seeds)]
    return {coding: [trial[coding] for trial in trials] for coding in Coding}


def _linearity_row(name: str, figures: list[float], published: tuple[float, float]) -> Row:
    """Return a row of the linearity table: `figures` (dB), one an array, against a published range."""
    note = f"mean of {len(figures)} arrays, {max(figures) - min(figures):.2f} dB between them"
    low, high = published
    value = math.fsum(figures) / len(figures)
    if low == high:
        return _row(f"linearity, {name}", value, low, LINEARITY_SOURCE, note)
    passed = value > low if math.isinf(high) else low - TOLERANCE <= value <= high + TOLERANCE
    text = f"above {low:g} dB: exact" if math.isinf(high) else f"{low:g} to {high:g} dB, within {TOLERANCE:g} dB"
    return Row(f"linearity, {name}", value, "dB", text, passed, LINEARITY_SOURCE, note)


def _row(name: str, value: float, target: float, source: str, note: str) -> Row:
    """Return a row whose figure must lie within the tolerance of one number (dB)."""
    passed = abs(value - target) <= TOLERANCE
    return Row(name, value, "dB", f"{target:g} dB, within {TOLERANCE:g} dB", passed, source, note)
