"""Pulses on every cell of an array at once, with their write noise: the same numbers with numba and without."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.noise.keyed import finalise
from sim_backend.noise.normal_table import NormalBuffers
from sim_backend.noise.pulse_kernel import PulseKernel, can_compile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.noise.array_state import ArrayState
    from sim_backend.noise.keyed import KeyedNoise
    from sim_backend.noise.step_table import StepTable


class ArrayPulses:
    """Looked-up pulses on all cells of one die.

    Args:
        noise: the write noise; None: none.
        rate: by how much each cell is faster than the nominal one, 0 for cells that no pulse changes; None: all alike.
        cells: how many.
        accelerated: whether to compile, if numba is installed.
    """

    def __init__(
        self, noise: KeyedNoise | None, rate: NDArray[np.float64] | None, cells: int, *, accelerated: bool = True
    ) -> None:
        self._noise = noise
        self._rate = rate
        self._root = None if rate is None else np.sqrt(rate)
        self._kernel: PulseKernel | None = None
        if accelerated and noise is not None and can_compile():
            self._kernel = PulseKernel(noise, rate)
        self._words = np.empty(cells, np.uint64)
        self._scratch = np.empty(cells, np.uint64)
        self._place = np.empty(cells, np.int64)
        self._step = np.empty(cells, np.complex128)
        self._moved = np.empty(cells)
        self._normal = NormalBuffers(cells)

    def apply(self, state: ArrayState, table: StepTable, pulses: int, time: float) -> bool:
        """Let a train act on every cell, if all are in the table's window.

        Args:
            state: of the cells, which have all seen the same number of pulses; changed in place.
            table: what the train does (`step_table`).
            pulses: of the train.
            time: at which it ends (s).

        Returns:
            whether it did; if not, nothing is changed.
        """
        if self._kernel is not None:
            return self._kernel.apply(state, table, pulses, time)
        moved = self._steps(state, table)
        if not math.isfinite(float(np.add.reduce(moved))):
            return False
        np.add(state.position, moved, out=state.position)
        np.abs(moved, out=moved)
        np.add(state.travelled, moved, out=state.travelled)
        np.add(state.write_count, pulses, out=state.write_count)
        state.written_at.fill(time)
        return True

    def _steps(self, state: ArrayState, table: StepTable) -> NDArray[np.float64]:
        """Return how far each cell moves (levels), not finite where the table has no step."""
        place, step, moved = self._place, self._step, self._moved
        np.copyto(place, state.position, casting="unsafe")
        table.both.take(place, out=step, mode="clip")
        if self._noise is None:
            np.copyto(moved, step.real)
            return moved if self._rate is None else np.multiply(moved, self._rate, out=moved)
        word = np.uint64(self._noise.count_word(int(state.write_count[0])))
        np.add(self._noise.cell_words, word, out=self._words)
        normal = self._normal.normal(finalise(self._words, self._scratch))
        if self._rate is None or self._root is None:
            np.multiply(step.imag, normal, out=moved)
            return np.add(moved, step.real, out=moved)
        np.multiply(normal, self._root, out=moved)
        np.multiply(moved, step.imag, out=moved)
        np.multiply(step.real, self._rate, out=normal)
        return np.add(moved, normal, out=moved)
