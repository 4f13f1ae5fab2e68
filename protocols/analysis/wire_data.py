"""What an array's lines gave alone and together: products from which wires are estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BRIGHT = 0.2
"""Lines with less than this share of the largest line's current tell of noise only."""
STRONGEST = 1e12
"""Rectification of cells of which nothing is seen to flow back."""
SURE = 4.0
"""Deviations that noise does not exceed."""


@dataclass(frozen=True, slots=True, eq=False)
class SideData:
    """Products with one side's lines as inputs; all currents with those of zero inputs taken off.

    Args:
        singles: output currents of each input line alone, shape (inputs, outputs) (A).
        vectors: which lines were on, shape (n, inputs), 0 or 1; the first has all.
        currents: shape (n, outputs) (A).
        half: all lines on at half the voltage, shape (outputs,) (A).
        changes: by how much the sum of the singles changed from their first round to the last, shape (outputs,) (A).
    """

    singles: Array
    vectors: Array
    currents: Array
    half: Array
    changes: Array

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
        return self._share(self.sums[0] - self.currents[0])[0]

    @property
    def drift(self) -> float:
        """Share by which the bright lines' currents changed meanwhile."""
        return self._share(self.changes)[0]

    @property
    def sure_loss(self) -> float:
        """What of the loss is no noise, going by how lines differ."""
        share, sigma = self._share(self.sums[0] - self.currents[0])
        return max(share - SURE * sigma, 0.0)

    @property
    def sure_drift(self) -> float:
        """What of the drift's magnitude is no noise."""
        share, sigma = self._share(self.changes)
        return max(abs(share) - SURE * sigma, 0.0)

    def _share(self, lacking: Array) -> tuple[float, float]:
        """Return the sum of what bright lines lack (A), as a share of their currents, and its standard deviation."""
        lines = self.bright
        whole, count = float(self.sums[0, lines].sum()), int(lines.sum())
        sigma = float(lacking[lines].std(ddof=1)) * math.sqrt(count) if count > 1 else math.inf
        return float(lacking[lines].sum()) / whole, sigma / whole


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
