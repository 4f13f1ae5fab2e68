"""What must stay exact of records that the window does not keep: the counts that it states in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from labctl.live.histogram_counts import BINS, counts
from labctl.live.ranges import ROUND, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_ENDS = tuple(factor * 10.0**decade for decade in range(-6, 7) for factor in ROUND[:-1])
"""The ends (levels) that an axis of errors can have: from far below the noise to far above the levels of a board."""


@dataclass(slots=True)
class Errors:
    """Counts of errors in levels.

    Args:
        known: that are numbers.
        inside: of them within the tolerance.
    """

    known: int = 0
    inside: int = 0
    _bars: NDArray[np.intp] = field(default_factory=lambda: np.zeros((len(_ENDS), BINS), np.intp))

    def add(self, errors: NDArray[np.float64], tolerance: float | None) -> None:
        """Count these, shape (n,)."""
        self.known += int(np.count_nonzero(~np.isnan(errors)))
        if tolerance is not None:
            self.inside += int(np.count_nonzero(np.abs(errors) <= tolerance))
        for place, end in enumerate(_ENDS):
            self._bars[place] += counts(errors, Span(-end, end))

    def bars(self, span: Span) -> NDArray[np.intp]:
        """Return how many lie in each part of `span`, shape (BINS,)."""
        place = int(np.argmin(np.abs(np.array(_ENDS) - span.high)))
        return self._bars[place]


@dataclass(slots=True)
class Dropped:
    """Counts of records of one type.

    Args:
        records: how many there were.
        errors: of them; all nothing if they have none.
        ones: by field, how many had a 1 there, as a flag that is set.
        of_cells: by the number of a cell, how many were its own.
    """

    records: int = 0
    errors: Errors = field(default_factory=Errors)
    ones: dict[str, int] = field(default_factory=dict[str, int])
    of_cells: NDArray[np.intp] = field(default_factory=lambda: np.zeros(1, np.intp))

    def add(self, numbers: Mapping[str, NDArray[np.float64]], cells: NDArray[np.intp]) -> None:
        """Count these, by field, shape (n,) each."""
        self.records += cells.size
        for name, values in numbers.items():
            self.ones[name] = self.ones.get(name, 0) + int(np.count_nonzero(values == 1))
        fresh = np.bincount(cells, minlength=self.of_cells.size)
        fresh[: self.of_cells.size] += self.of_cells
        self.of_cells = fresh

    def of_cell(self, number: int) -> int:
        """Return how many were of the cell with this number."""
        return int(self.of_cells[number]) if number < self.of_cells.size else 0
