"""Line resistances from what an array loses when all of its lines are on, against what each line gives alone.

A row that is driven alone shows its cells through the wires of the row, and through its cells' own currents in the
columns. With all rows on, a column carries the currents of all its cells: what the column then lacks of the sum of the
rows alone is the work of the column's wires, and to first order of these only. With columns as inputs the same tells of
the rows' wires. The network model that has the same cells, and loses what was lost, has the wires' resistances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import EquipmentError
from protocols.analysis.array_law import ArrayLaw
from protocols.analysis.de_embedding import de_embedded
from protocols.analysis.wire_network import Wires
from protocols.analysis.wire_products import column_products, product_currents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BRIGHT = 0.2
"""Lines with less than this share of the largest line's current tell of noise only."""
FIRST_LOSS = 1e-3
"""Loss of the array, about, at whose resistances the search begins."""
ROUNDS_MAX = 12
"""Most steps of the search; 3 or 4 are usual."""
SETTLED = 1e-4
"""Relative step at which the search ends."""
CURVATURE = 100.0
"""Size of 1 / V0^2 (1/V^2) that steps of it are held against: they matter to the resistances by a hundredth of that."""
UNSURE = 0.05
"""Steps of a resistance below this share of its standard deviation are short enough."""
AGAIN = 0.1
"""The derivatives are taken anew where a step is not shorter than this share of the one before."""
MAP_TOLERANCE = 1e-5
"""Accuracy of the cells, of the largest read; losses depend on it times the loss."""

STRONGEST = 1e12
"""Rectification of cells of which nothing is seen to flow back."""
MAP_ROUNDS = 16
"""Rounds after which an array is given up: its wires take most of the voltage."""


@dataclass(frozen=True, slots=True, eq=False)
class SideData:
    """Products with one side's lines as inputs; all currents with those of zero inputs taken off.

    Args:
        singles: output currents of each input line alone, shape (inputs, outputs) (A).
        vectors: which lines were on, shape (n, inputs), 0 or 1; the first has all.
        currents: shape (n, outputs) (A).
        half: all lines on at half the voltage, shape (outputs,) (A).
        drift: by which share the bright lines' currents changed from the first round of single lines to the last.
    """

    singles: Array
    vectors: Array
    currents: Array
    half: Array
    drift: float = 0.0

    @property
    def sums(self) -> Array:
        """What the products would be without wires, shape (n, outputs) (A)."""
        return self.vectors @ self.singles

    @property
    def losses(self) -> Array:
        """Shares of these that were lost, shape (n, outputs)."""
        return 1 - self.currents / self.sums

    @property
    def bright(self) -> NDArray[np.bool_]:
        """Which output lines carry enough to tell anything, shape (outputs,)."""
        carried = self.sums[0]
        return carried >= BRIGHT * float(carried.max())

    @property
    def loss(self) -> float:
        """Share that is lost of the bright lines' currents with all lines on."""
        lines = self.bright
        return 1 - float(self.currents[0, lines].sum()) / float(self.sums[0, lines].sum())


@dataclass(frozen=True, slots=True)
class Back:
    """What flows back through cells at a reversed voltage.

    Args:
        ratio: forward over reverse current; None where no reverse current is seen.
        at_least: the ratio is at least this; None where there is no forward current either.
    """

    ratio: float | None
    at_least: float | None

    @property
    def rectification(self) -> float:
        """What a network may take for it: of cells that show no reverse current, a strong one."""
        return self.ratio or max(self.at_least or 1.0, STRONGEST)


@dataclass(frozen=True, slots=True, eq=False)
class WireData:
    """What an array showed.

    Args:
        voltage: of the lines that were on (V).
        rows: rows as inputs.
        columns: columns as inputs.
        back: what flows back through its cells.
    """

    voltage: float
    rows: SideData
    columns: SideData
    back: Back

    @property
    def drift(self) -> float:
        """The larger drift of both sides."""
        return max(self.rows.drift, self.columns.drift, key=abs)


@dataclass(frozen=True, slots=True, eq=False)
class WireFit:
    """Wires and cells that show what an array showed.

    Args:
        row_segment: resistance of a row's segment (ohm); below 0 where noise has it so.
        row_sigma: its standard deviation (ohm), from how far lines differ.
        column_segment: of a column's segment.
        column_sigma: its standard deviation.
        row_gain: by how much it would change if all losses that tell of it were off by 1 (ohm).
        column_gain: the same of the columns.
        row_lines: lines that told of it.
        column_lines: the same of columns.
        law: of the cells, wires reckoned out.
        losses: of the model, as `SideData.losses`, rows as inputs.
        column_losses: columns as inputs.
    """

    row_segment: float
    row_sigma: float
    column_segment: float
    column_sigma: float
    row_gain: float
    column_gain: float
    row_lines: int
    column_lines: int
    law: ArrayLaw
    losses: Array
    column_losses: Array

    @property
    def wires(self) -> Wires:
        """The wires as a network has them."""
        return Wires(max(self.row_segment, 0.0), max(self.column_segment, 0.0))


def fit_wires(data: WireData) -> WireFit | None:
    """Return the wires of an array; None if no wires explain what it showed.

    Three figures are fitted by least squares: the two resistances, and the bend of the cells' curves, on which it
    depends how much current a volt of drop takes.
    """
    try:
        return _Search(data).found()
    except EquipmentError:
        return None


class _Search:
    """Gauss and Newton's steps on (row segment, column segment, curvature 1 / V0^2)."""

    def __init__(self, data: WireData) -> None:
        self._data = data
        # Of erased cells noise shows some below nothing; that hardly matters to the currents of bright lines.
        self._map = np.maximum(data.rows.singles / data.voltage, 0.0)
        self._law = ArrayLaw(self._map, math.inf, data.back.rectification)
        size = max(float(data.rows.sums[0].max()), float(data.columns.sums[0].max())) / data.voltage
        self._unit = FIRST_LOSS / (size * max(self._map.shape))
        self._lines = (data.rows.bright, data.columns.bright)

    def found(self) -> WireFit:
        """Return the fit.

        Raises:
            EquipmentError: if there is none.
        """
        place = np.array([self._unit, self._unit, self._curvature()])
        slopes: Array | None = None
        longest = math.inf
        for _ in range(ROUNDS_MAX):
            misses = self._misses(place)
            if slopes is None:
                slopes = self._slopes(place, misses)
            step = -np.linalg.lstsq(slopes, misses, rcond=None)[0]
            after = place + step
            fit = self._fit(after, slopes, misses + slopes @ step)
            # A place without resistance is where the model ends; it is a straight line there, which tells the rest.
            at_end = (place <= self._least) & (after <= 0)
            near = SETTLED * np.maximum(np.abs(place), [self._unit, self._unit, CURVATURE])
            near[:2] = np.maximum(near[:2], UNSURE * np.array([fit.row_sigma, fit.column_sigma]))
            if bool((at_end | (np.abs(step) <= near)).all()):
                return fit
            before, longest = longest, float((np.abs(step) / near).max())
            if longest > AGAIN * before:
                slopes = None
            place = np.maximum(after, self._least)
        raise EquipmentError("the search for the wires' resistances does not settle")

    @property
    def _least(self) -> Array:
        return np.array([1e-3 * self._unit, 1e-3 * self._unit, 1e-3])

    def _curvature(self) -> float:
        """Return 1 / V0^2 from I(V) / I(V / 2) = 2 cosh(V / 2 V0), as if there were no wires."""
        side = self._data.rows
        ratio = float(side.currents[0].sum() / side.half.sum()) / 2
        return (2 * math.acosh(max(ratio, 1.0)) / self._data.voltage) ** 2

    def _model(self, place: Array) -> tuple[Array, Array, float]:
        """Return the losses of either side, shape (n, lines), and the ratio of currents at V and V / 2."""
        data, wires = self._data, Wires(float(place[0]), float(place[1]))
        bend = 1 / math.sqrt(place[2]) if place[2] > 0 else math.inf
        law = ArrayLaw(self._law.conductance, bend, data.back.rectification)
        cells = de_embedded(self._map, wires, law, voltage=data.voltage, tolerance=MAP_TOLERANCE, rounds=MAP_ROUNDS)
        self._law = law = law.with_conductance(cells)
        rows, columns = data.rows.vectors, data.columns.vectors
        both = product_currents(law, wires, data.voltage * np.vstack([rows, rows[:1] / 2]))
        alone = column_products(law, wires, data.voltage * np.eye(law.shape[1]))
        across = column_products(law, wires, data.voltage * columns)
        ratio = float(both[0].sum() / both[-1].sum())
        return 1 - both[:-1] / (rows @ self._map * data.voltage), 1 - across / (columns @ alone), ratio

    def _misses(self, place: Array) -> Array:
        """Return by how much the model misses what was measured, of the mean current; bright lines only."""
        rows, columns, ratio = self._model(place)
        self._losses = (rows, columns)
        parts = [
            (model - side.losses)[:, lines].reshape(-1) * self._weight(side, lines)
            for model, side, lines in zip((rows, columns), self._sides, self._lines, strict=True)
        ]
        side = self._data.rows
        bent = ratio - float(side.currents[0].sum() / side.half.sum())
        return np.concatenate([*parts, [bent * math.sqrt(len(parts[0]))]])

    @staticmethod
    def _weight(side: SideData, lines: NDArray[np.bool_]) -> Array:
        """Return by how much losses of bright lines count: by the currents that they are lost of."""
        return (side.sums / side.sums.mean())[:, lines].reshape(-1)

    @property
    def _sides(self) -> tuple[SideData, SideData]:
        return self._data.rows, self._data.columns

    def _slopes(self, place: Array, misses: Array) -> Array:
        """Return the derivatives of the misses, shape (misses, 3)."""
        found = np.empty((len(misses), 3))
        kept = self._losses
        for index, least in enumerate((self._unit, self._unit, 0.1)):
            width = max(0.02 * place[index], 0.1 * least)
            moved = place.copy()
            moved[index] += width
            found[:, index] = (self._misses(moved) - misses) / width
        self._losses = kept
        return found

    def _fit(self, place: Array, slopes: Array, left: Array) -> WireFit:
        """Return the fit; `left` is what the model still misses."""
        columns, rows = (int(lines.sum()) for lines in self._lines)
        cut = len(self._data.rows.vectors) * columns
        # Rows as inputs: the columns' lines tell of the columns' wires.
        of_columns, of_rows = slopes[:cut, 1], slopes[cut:-1, 0]
        column_gain, row_gain = (
            abs(float(slope @ self._weight(side, lines)) / max(float(slope @ slope), 1e-300))
            for slope, side, lines in zip((of_columns, of_rows), self._sides, self._lines, strict=True)
        )
        return WireFit(
            row_segment=float(place[0]),
            row_sigma=_scatter(left[cut:-1], of_rows, rows),
            column_segment=float(place[1]),
            column_sigma=_scatter(left[:cut], of_columns, columns),
            row_gain=row_gain,
            column_gain=column_gain,
            row_lines=rows,
            column_lines=columns,
            law=self._law,
            losses=self._losses[0],
            column_losses=self._losses[1],
        )


def _scatter(left: Array, slope: Array, lines: int) -> float:
    """Return the standard deviation of a figure, from what each line by itself would have it differ.

    What a line misses is alike in all vectors, as the bends of one converter are: lines are the independent witnesses.
    """
    if lines < 2:
        return math.inf
    left, slope = left.reshape(-1, lines), slope.reshape(-1, lines)
    weight = (slope**2).sum(axis=0)
    pull = (slope * left).sum(axis=0)
    return math.sqrt(float((pull**2).sum()) * lines / (lines - 1)) / float(weight.sum())
