"""Signed weights on conductances, which have no sign, and currents back to signed products.

With weights W of -1..1, conductances between `low` and `high`, Gm their mean and Ga half of their distance:

- offset: G = h (Gm + Ga s W), one column an output; y = (I - h Gm sum(u)) / (h Ga s V): the baseline is reckoned.
- reference: the same, and a last column at h Gm: y = (I - I_ref) / (h Ga s V): the baseline is measured.
- differential: G+ = h (low + 2 Ga s max(W, 0)), G- = h (low + 2 Ga s max(-W, 0)) side by side, two columns an output;
  y = (I+ - I-) / (2 h Ga s V). Pairs that lie side by side lose the same on their lines.

u is what the rows are driven by (V), V what stands for an input of 1. `scale` s leaves a margin at both ends of the
range, `headroom` h one for what lines take away.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from typing_extensions import override

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MappingName = Literal["offset", "differential", "reference"]


@dataclass(frozen=True, slots=True)
class ConductanceRange:
    """Conductances that stand for weights.

    Args:
        low: of the lowest state (S).
        high: of the highest (S).
        scale: share of the range that weights of -1..1 take.
        headroom: share of the highest conductance that is used.
    """

    low: float
    high: float
    scale: float = 1.0
    headroom: float = 1.0

    @property
    def middle(self) -> float:
        """What a weight of 0 is in an offset mapping (S)."""
        return self.headroom * (self.high + self.low) / 2

    @property
    def amplitude(self) -> float:
        """By how much a weight of 1 lies above the middle (S)."""
        return self.headroom * self.scale * (self.high - self.low) / 2


class WeightMapping(ABC):
    """Where weights stand, and what currents mean.

    Args:
        span: conductances that stand for weights.
    """

    def __init__(self, span: ConductanceRange) -> None:
        self.span = span

    @abstractmethod
    def outputs(self, columns: int) -> int:
        """Return how many outputs fit in so many columns; 0: none."""

    @abstractmethod
    def targets(self, weights: Array, columns: int) -> Array:
        """Return conductances (S), shape (rows, columns), for weights of -1..1, shape (rows, outputs).

        Columns that are left over are at the lowest conductance.
        """

    @abstractmethod
    def products(self, current: Array, drive: Array, voltage: float) -> Array:
        """Return x @ W, shape (n, outputs).

        Args:
            current: of the columns, shape (n, columns) (A).
            drive: of the rows, shape (n, rows) (V).
            voltage: that stands for an input of 1 (V).
        """

    def _filled(self, used: Array, columns: int) -> Array:
        targets = np.full((len(used), columns), self.span.headroom * self.span.low)
        targets[:, : used.shape[1]] = used
        return targets

    def _offset(self, weights: Array) -> Array:
        return self.span.middle + self.span.amplitude * weights


class OffsetMapping(WeightMapping):
    """One column an output; the baseline is reckoned from what was put in."""

    @override
    def outputs(self, columns: int) -> int:
        return columns

    @override
    def targets(self, weights: Array, columns: int) -> Array:
        return self._filled(self._offset(weights), columns)

    @override
    def products(self, current: Array, drive: Array, voltage: float) -> Array:
        baseline = self.span.middle * drive.sum(axis=1, keepdims=True)
        return (current - baseline) / (self.span.amplitude * voltage)


class ReferenceMapping(WeightMapping):
    """One column an output, and a last one that carries the baseline."""

    @override
    def outputs(self, columns: int) -> int:
        return columns - 1

    @override
    def targets(self, weights: Array, columns: int) -> Array:
        targets = self._filled(self._offset(weights), columns)
        targets[:, -1] = self.span.middle
        return targets

    @override
    def products(self, current: Array, drive: Array, voltage: float) -> Array:
        return (current[:, :-1] - current[:, -1:]) / (self.span.amplitude * voltage)


class DifferentialMapping(WeightMapping):
    """Two columns an output, side by side: one for positive weights, one for negative ones."""

    @override
    def outputs(self, columns: int) -> int:
        return columns // 2

    @override
    def targets(self, weights: Array, columns: int) -> Array:
        pairs = np.empty((len(weights), 2 * weights.shape[1]))
        low = self.span.headroom * self.span.low
        pairs[:, 0::2] = low + 2 * self.span.amplitude * np.maximum(weights, 0.0)
        pairs[:, 1::2] = low + 2 * self.span.amplitude * np.maximum(-weights, 0.0)
        return self._filled(pairs, columns)

    @override
    def products(self, current: Array, drive: Array, voltage: float) -> Array:
        whole = current[:, : 2 * (current.shape[1] // 2)]
        return (whole[:, 0::2] - whole[:, 1::2]) / (2 * self.span.amplitude * voltage)


_MAPPINGS: dict[MappingName, type[WeightMapping]] = {
    "offset": OffsetMapping,
    "differential": DifferentialMapping,
    "reference": ReferenceMapping,
}


def mapping_of(name: MappingName, span: ConductanceRange) -> WeightMapping:
    """Return the mapping of that name."""
    return _MAPPINGS[name](span)
