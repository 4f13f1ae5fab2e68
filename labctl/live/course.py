"""When the steps of a run ended, on the bench's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.live.growing import GrowingColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Course:
    """The ends of the steps of one run, in order."""

    def __init__(self) -> None:
        self._numbers, self._times = GrowingColumn(), GrowingColumn()

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

    def times_of(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the bench time (s) at the end of each of `steps`, shape (n,); NaN for one that is not known."""
        numbers, times = self._numbers.values, self._times.values
        if not numbers.size:
            return np.full(steps.size, np.nan)
        at = np.minimum(np.searchsorted(numbers, steps), numbers.size - 1)
        return np.where(numbers[at] == steps, times[at], np.nan)

    def time_at(self, step: float) -> float:
        """Return the bench time (s) when `step` had ended; 0 before the first."""
        count = int(np.searchsorted(self._numbers.values, step, side="right"))
        return float(self._times.values[count - 1]) if count else 0.0


def spread(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where records of these steps, ascending, stand along an axis of steps.

    The last record of a step stands at the step, the others evenly before it; one on its own is where its step is.
    """
    if not steps.size:
        return steps
    begins = np.flatnonzero(np.diff(steps, prepend=np.nan) != 0)
    counts = np.diff(begins, append=steps.size)
    before = np.repeat(begins + counts, counts) - 1 - np.arange(steps.size)
    return steps - before / np.repeat(counts, counts)
