"""When the steps of a run ended, on the bench's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.live.growing import GrowingColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


_MOST = 200_000
"""Ends of steps that are all kept; beyond it every second one of them goes."""


class Course:
    """The ends of the steps of one run, in order; of a very long one every n-th, and between them a straight line."""

    def __init__(self) -> None:
        self._numbers, self._times = GrowingColumn(), GrowingColumn()
        self._is_thinned = False

    @property
    def last(self) -> int:
        """The number of the last step; 0 before the first."""
        numbers = self._numbers.values
        return int(numbers[-1]) if numbers.size else 0

    def extend(self, ends: Sequence[tuple[int, float]]) -> None:
        """Add steps: the number of each, and the bench time (s) at its end."""
        if ends:
            numbers, times = zip(*ends, strict=True)
            self._numbers.extend(numbers)
            self._times.extend(times)
        if self._numbers.values.size > _MOST:
            kept = np.arange(self._numbers.values.size) % 2 == 0
            kept[-1] = True
            self._numbers.keep(kept)
            self._times.keep(kept)
            self._is_thinned = True

    def times_of(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the bench time (s) at the end of each of `steps`, shape (n,); NaN for one that is not known."""
        numbers, times = self._numbers.values, self._times.values
        if not numbers.size:
            return np.full(steps.size, np.nan)
        if self._is_thinned:
            return np.interp(steps, numbers, times, left=np.nan, right=np.nan)
        at = np.minimum(np.searchsorted(numbers, steps), numbers.size - 1)
        return np.where(numbers[at] == steps, times[at], np.nan)

    def time_at(self, step: float) -> float:
        """Return the bench time (s) when `step` had ended; 0 before the first."""
        if self._is_thinned:
            return float(np.interp(step, self._numbers.values, self._times.values, left=0.0))
        count = int(np.searchsorted(self._numbers.values, step, side="right"))
        return float(self._times.values[count - 1]) if count else 0.0


def spread(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where records of these steps, ascending, stand along an axis of steps.

    The last record of a step stands at the step, the others evenly before it; one on its own is where its step is.
    """
    if (steps[1:] != steps[:-1]).all():  # one record a step, or none: so are most
        return steps
    begins = np.flatnonzero(np.diff(steps, prepend=np.nan) != 0)
    counts = np.diff(begins, append=steps.size)
    before = np.repeat(begins + counts, counts) - 1 - np.arange(steps.size)
    return steps - before / np.repeat(counts, counts)
