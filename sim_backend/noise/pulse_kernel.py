"""The compiled form of `array_pulses`, for those who have numba (extra `speed`)."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from sim_backend.noise.keyed import FIRST, GOLDEN, SECOND
from sim_backend.noise.normal_table import FIRST_SEGMENT, SEGMENT_SHIFT, normal_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.noise.array_state import ArrayState
    from sim_backend.noise.keyed import KeyedNoise
    from sim_backend.noise.step_table import StepTable


class PulseKernel:
    """Looked-up pulses on every cell, compiled.

    Args:
        noise: the write noise.
        rate: by how much each cell is faster than the nominal one; None: all alike.
    """

    def __init__(self, noise: KeyedNoise, rate: NDArray[np.float64] | None) -> None:
        cells = len(noise.cell_words)
        magnitude = np.empty(cells)
        table = normal_table()
        rates = np.ones(1) if rate is None else rate
        self._constants = (
            np.uint64(noise.count_start), np.array(noise.cell_words), rates, np.sqrt(rates),
            np.array(table.real), np.array(table.imag),
            np.empty(cells), magnitude, magnitude.view(np.int64), np.empty(cells),
        )  # fmt: skip
        self._compiled = _compiled()

    def apply(self, state: ArrayState, table: StepTable, pulses: int, time: float) -> bool:
        """Do what `ArrayPulses.apply` does."""
        return self._compiled(
            state.position, state.write_count, state.written_at, state.travelled,
            table.step, table.deviation, pulses, time, *self._constants,
        )  # fmt: skip


def can_compile() -> bool:
    """Return whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


@cache
def _compiled() -> Any:
    """Return the compiled function. Compiling takes about a second, once on a computer."""
    numba: Any = importlib.import_module("numba")
    return numba.njit(cache=True, boundscheck=False, error_model="numpy")(_pulse)


def _pulse(
    position: Any, write_count: Any, written_at: Any, travelled: Any, step: Any, deviation: Any, pulses: Any,
    time: Any, count_start: Any, cell_words: Any, rate: Any, root: Any, ratio: Any, rise: Any, signed: Any,
    magnitude: Any, bits: Any, moved: Any,
) -> Any:  # fmt: skip
    """Apply one train; every loop is one that the compiler can turn into vector instructions, or a table look-up.

    `bits` are those of `magnitude`; `ratio` and `rise` are the normal table's parts. Indices are unsigned, so that
    none is checked for counting from the end.
    """
    cells, last = position.size, step.size - 1
    count_word = count_start + np.uint64(write_count[0] + 1) * np.uint64(GOLDEN)
    count_word = (count_word ^ (count_word >> np.uint64(30))) * np.uint64(FIRST)
    count_word = (count_word ^ (count_word >> np.uint64(27))) * np.uint64(SECOND)
    count_word ^= count_word >> np.uint64(31)
    for cell in range(cells):
        word = cell_words[cell] + count_word
        word = (word ^ (word >> np.uint64(30))) * np.uint64(FIRST)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(SECOND)
        number = float(np.int64(word))
        signed[cell] = number
        magnitude[cell] = abs(number)
    alike = rate.size == 1
    for cell in range(cells):
        segment = np.uint64(max((bits[cell] >> SEGMENT_SHIFT) - FIRST_SEGMENT, 0))
        normal = (rise[segment] * magnitude[cell] + ratio[segment]) * signed[cell]
        place = np.uint64(min(max(int(position[cell]), 0), last))
        if alike:
            moved[cell] = deviation[place] * normal + step[place]
        else:
            moved[cell] = normal * root[cell] * deviation[place] + step[place] * rate[cell]
    outside = 0
    for cell in range(cells):
        outside |= moved[cell] != moved[cell]  # NaN: the table has no step here
    if outside:
        return False
    for cell in range(cells):
        position[cell] += moved[cell]
        travelled[cell] += abs(moved[cell])
        write_count[cell] += pulses
        written_at[cell] = time
    return True
