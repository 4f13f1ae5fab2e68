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

    from protocols.analysis.wire_data import SideData, WireData

    Array = NDArray[np.float64]

FIRST_LOSS = 1e-3
"""Loss of the array, about, at whose resistances the search begins."""
INSENSITIVE = 1e-6
"""Change of the losses by the first resistances below which they tell nothing: some 1e-4 is usual, 1e-5 with cells that
conduct alike both ways and bend."""
ROUNDS_MAX = 12
"""Most steps of the search; 3 or 4 are usual."""
SETTLED = 1e-4
"""Relative step at which the search ends."""
CURVATURE = 100.0
"""Size of 1 / V0^2 (1/V^2) that steps of it are held against: they matter to the resistances by a hundredth of that."""
TELLING_MIN = 1.5
"""Lines that must tell of a resistance for them to be held against one another."""
UNSURE = 0.05
"""Steps of a resistance below this share of its standard deviation are short enough."""
AGAIN = 0.1
"""The derivatives are taken anew where a step is not shorter than this share of the one before."""
MAP_TOLERANCE = 1e-5
"""Accuracy of the cells, of the largest read; losses depend on it times the loss."""

MAP_ROUNDS = 16
"""Rounds after which an array is given up: its wires take most of the voltage."""


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
        row_lines: lines that told of it, one that tells less counted as part of one.
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
    row_lines: float
    column_lines: float
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
                if float(np.abs(slopes[:-1, :2]).max(axis=0).min()) * self._unit < INSENSITIVE:
                    raise EquipmentError("cells that conduct like resistors lose alone what they lose together")
            step: Array = -np.linalg.lstsq(slopes, misses, rcond=None)[0].astype(np.float64)
            after: Array = place + step
            fit = self._fit(after, slopes, misses + slopes @ step)
            # A place without resistance is where the model ends; it is a straight line there, and tells where the rest
            # would be: what stands there stays, and the others find their places beside it.
            free = (place > self._least) | (step > 0)
            moved = np.zeros(3)
            moved[free] = -np.linalg.lstsq(slopes[:, free], misses, rcond=None)[0]
            near = SETTLED * np.maximum(np.abs(place), [self._unit, self._unit, CURVATURE])
            near[:2] = np.maximum(near[:2], UNSURE * np.array([fit.row_sigma, fit.column_sigma]))
            if bool((np.abs(moved) <= near).all()):
                return fit
            before, longest = longest, float((np.abs(moved) / near).max())
            if longest > AGAIN * before:
                slopes = None
            place = np.maximum(place + moved, self._least)
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
        # Against the model's own reads: what these are off by then hardly matters to a share that is lost.
        read = product_currents(law, wires, data.voltage * np.eye(law.shape[0]))
        ratio = float(both[0].sum() / both[-1].sum())
        return 1 - both[:-1] / (rows @ read), 1 - across / (columns @ alone), ratio

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
        kept = self._losses, self._law
        for index, least in enumerate((self._unit, self._unit, 0.1)):
            width = max(0.02 * place[index], 0.1 * least)
            moved = place.copy()
            moved[index] += width
            found[:, index] = (self._misses(moved) - misses) / width
        self._losses, self._law = kept
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
        row_sigma, row_lines = _scatter(left[cut:-1], of_rows, rows)
        column_sigma, column_lines = _scatter(left[:cut], of_columns, columns)
        return WireFit(
            row_segment=float(place[0]),
            row_sigma=row_sigma,
            column_segment=float(place[1]),
            column_sigma=column_sigma,
            row_gain=row_gain,
            column_gain=column_gain,
            row_lines=row_lines,
            column_lines=column_lines,
            law=self._law,
            losses=self._losses[0],
            column_losses=self._losses[1],
        )


def _scatter(left: Array, slope: Array, lines: int) -> tuple[float, float]:
    """Return the standard deviation of a figure, from what each line by itself would have it differ, and how many tell.

    What a line misses is alike in all vectors, as the bends of one converter are: lines are the independent witnesses.
    """
    left, slope = left.reshape(-1, lines), slope.reshape(-1, lines)
    weight = (slope**2).sum(axis=0)
    pull = (slope * left).sum(axis=0)
    whole = max(float(weight.sum()), 1e-300)
    telling = whole**2 / max(float((weight**2).sum()), 1e-300)
    if telling <= TELLING_MIN:
        return math.inf, telling
    return math.sqrt(float((pull**2).sum()) * telling / (telling - 1)) / whole, telling
