"""What programming an array tells: of a round, of every cell, and to whoever goes on."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RoundReport:
    """What a round did.

    Args:
        round: counted from 1.
        pulsed: cells that got a burst.
        pulses: put out.
        reads: cells that were read.
        samples: of each read.
        pending: cells that are neither written nor given up.
        given_up: cells that are.
        error_rms: of the estimates of all readable cells (levels).
        within: share of all cells whose estimate is within half a level.
        is_final_read: whether all cells were read without a pulse, to see whether they are still where they belong.
        is_done: whether nothing is left to do.
        looked: which cells were read since the last report, shape (rows, columns).
    """

    round: int
    pulsed: int
    pulses: int
    reads: int
    samples: int
    pending: int
    given_up: int
    error_rms: float
    within: float
    is_final_read: bool
    is_done: bool
    looked: Mask


@dataclass(frozen=True, slots=True, eq=False)
class ArrayWritten:
    """Where the cells stand; arrays of shape (rows, columns), levels.

    Args:
        target: asked for.
        level: as last read.
        state: estimate that weighs the reads with what was known before.
        sigma: its standard deviation.
        written: within the tolerance with the confidence asked for.
        given_up: as no pulse, or not so many, brought the cell there.
        at_rail: given up where pulses moved the cell before, but do no more.
        readable: whether its last read was a measurement.
        bursts: put on it.
        pulses: put on it.
        reads: of it.
        samples: of it.
        trace: shape (rows, columns, TRACE): error of the read before any burst, and after each of the first ones
            (levels); not a number where there was none.
    """

    target: Array
    level: Array
    state: Array
    sigma: Array
    written: Mask
    given_up: Mask
    at_rail: Mask
    readable: Mask
    bursts: Counts
    pulses: Counts
    reads: Counts
    samples: Counts
    trace: Array


@dataclass(frozen=True, slots=True)
class WriterMemory:
    """What a writer knows between two rounds; each text is packed little-endian binary64.

    Args:
        round: how many are done.
        checks: final reads so far.
        done: whether nothing is left to do.
        scouted: rounds in which a few cells went ahead, upwards and downwards.
        best: fewest cells that were pending, and their least error (levels).
        stalled: rounds in a row that brought neither down.
        cells: of each cell.
        filter: of the filter.
        reader: of the reader.
    """

    round: int
    checks: int
    done: bool
    scouted: tuple[int, int]
    best: tuple[float, float]
    stalled: int
    cells: str
    filter: str
    reader: str


def pack(values: Array) -> str:
    """Return floats as text, exact to the last bit."""
    return base64.b64encode(np.ascontiguousarray(values, "<f8").tobytes()).decode("ascii")


def unpack(text: str) -> Array:
    """Return the floats that `pack` packed, shape (n,)."""
    return np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
