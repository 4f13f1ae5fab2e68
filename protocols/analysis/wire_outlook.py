"""What wires will do to products of an array that is used over its whole range, and what is worth doing about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import EquipmentError
from protocols.analysis.array_law import ArrayLaw
from protocols.analysis.de_embedding import de_embedded
from protocols.analysis.wire_network import Wires, operating_points
from protocols.analysis.wire_products import linear_transfer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

GOAL = 73.0
"""Signal to noise (dB) that is asked for: that of the published dot-product engine."""
VECTORS = 400
SEED = 20241121
"""The matrix and the vectors that the outlook multiplies are the same each time."""
EFFECTIVE_MOST = 1e-5
"""G_max r of an array of 64 x 64 up to which closed-loop programming of what the array computes reaches 73 dB with
sinh cells and inputs of 0.1 V at most (Monte Carlo study on a 64 x 64 network with the board's noises, 2026)."""
EFFECTIVE_HARD = 1e-4
"""The same with 0.05 V at most, a lowest conductance near 0, and 0.7 of the range."""
MARGIN = 1.2
"""The two limits were found in steps of ten: what exceeds one by less counts as within it."""
LINES = 64
"""Lines a side for which these two hold; the drop goes with the square of them."""
STRATEGIES = (
    "none",
    "per-cell",
    "effective, inputs of 0.1 V at most",
    "effective, inputs of 0.05 V at most and 0.7 of the range",
    "nothing reaches 73 dB: lower g_max or the wires' resistance",
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is predicted for a uniformly random matrix and inputs, wires the only error.

    Args:
        worst_drop: share of the voltage that the farthest cell loses with all cells at their most and all rows on.
        raw_db: signal to noise of products as they are (dB).
        column_db: with gain and offset of each column calibrated (dB).
        per_cell_db: with cells programmed so that reads of single rows show their targets, columns calibrated (dB);
            None where no cells do.
        product: g_max times the mean resistance of a segment.
        lines: a side, the geometric mean.
    """

    worst_drop: float
    raw_db: float
    column_db: float
    per_cell_db: float | None
    product: float
    lines: float

    def strategy(self, times: float = 1.0) -> str:
        """Return what to do; `times` as much resistance costs 20 dB a decade."""
        off = 20 * math.log10(max(times, 1e-300))
        equivalent = self.product * times * (self.lines / LINES) ** 2
        if self.column_db - off >= GOAL:
            return STRATEGIES[0]
        if equivalent <= EFFECTIVE_MOST * MARGIN:
            enough = self.per_cell_db is not None and self.per_cell_db - off >= GOAL
            return STRATEGIES[1] if enough else STRATEGIES[2]
        return STRATEGIES[3] if equivalent <= EFFECTIVE_HARD * MARGIN else STRATEGIES[4]


def outlook(shape: tuple[int, int], wires: Wires, ends: tuple[float, float], voltage: float, law: ArrayLaw) -> Outlook:
    """Return what wires above 0 ohm do to an array that is used over its whole range.

    Args:
        shape: rows and columns.
        wires: of the lines.
        ends: lowest and highest conductance (S).
        voltage: of the rows, for the worst drop (V).
        law: bend and rectification of the cells. Products are those of cells that all stay forward, by a floor, and
            reads of single rows those of cells that rectify; either of cells that do not bend.
    """
    low, high = ends
    rows, columns = shape
    bend = float(np.median(law.bend))
    full = ArrayLaw(np.full(shape, high), bend, law.rectification)
    cell = operating_points(full, wires, np.full((1, rows), voltage)).cell_voltage
    draw = np.random.default_rng(SEED)
    conductance = draw.uniform(low, high, shape)
    inputs = draw.uniform(0, 1, (VECTORS, rows))
    transfer = linear_transfer(conductance, wires)
    product = high * (wires.row_segment + wires.column_segment) / 2
    return Outlook(
        worst_drop=1 - float(cell.min()) / voltage,
        raw_db=_snr(conductance, transfer, inputs, ends, calibrated=False),
        column_db=_snr(conductance, transfer, inputs, ends, calibrated=True),
        per_cell_db=_per_cell(ArrayLaw(conductance, math.inf, law.rectification), wires, inputs, ends),
        product=product,
        lines=math.sqrt(rows * columns),
    )


def _per_cell(wanted: ArrayLaw, wires: Wires, inputs: Array, ends: tuple[float, float]) -> float | None:
    """Return the signal to noise with cells that single-row reads show right; None if there are none such."""
    conductance = wanted.conductance
    if (wires.row_segment + wires.column_segment) * ends[1] * conductance.size / 2 > 1:
        return None
    try:
        cells = de_embedded(conductance, wires, wanted, tolerance=1e-7)
    except EquipmentError:
        return None
    return _snr(conductance, linear_transfer(cells, wires), inputs, ends, calibrated=True)


def _snr(wanted: Array, transfer: Array, inputs: Array, ends: tuple[float, float], *, calibrated: bool) -> float:
    """Return the signal to noise (dB) of products of the weights that the wanted conductances stand for."""
    ideal, found = inputs @ wanted, inputs @ transfer
    if calibrated:
        means = found.mean(axis=0), ideal.mean(axis=0)
        around = found - means[0]
        gain = (around * (ideal - means[1])).sum(axis=0) / (around**2).sum(axis=0)
        found = means[1] + gain * around
    baseline = inputs.sum(axis=1, keepdims=True) * (ends[0] + ends[1]) / 2
    error = float(((found - ideal) ** 2).sum())
    signal = float(((ideal - baseline) ** 2).sum())
    return 10 * math.log10(signal / error) if error > 0 else math.inf
