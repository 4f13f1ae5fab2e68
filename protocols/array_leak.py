"""What a column carries beside the current of the cell that is read: leak of blocking cells, offset of the amplifier.

With the read scheme *reverse* every other row stands at minus the read voltage V. A product (amplitude coding) with the
selected row at 0 V and the others at -V shows what they let through, and the amplifier's offset with it:
`L(row, column) = -sum over other rows of I(V)/RR + offset`. It differs from row to row by what the row's own cells let
through, 1.7 levels at the highest conductance and a rectification ratio of 1e4, hence one vector for each row.
With *ground* and *float* nothing leaks on good wires, and a read at 0 V shows the offset: voltage times the conductance
of the whole column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import ReadScheme, WriteScheme
from labctl.board_features import Coding, Direction, ProductSetup
from protocols.array_reads import read_list
from protocols.board_requests import SAMPLE_TIME, request_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.instruments import ProbeBoard
    from protocols.array_region import Region

    Array = NDArray[np.float64]

REPEATS = 4
"""Fewest measurements of a leak or an offset: it adds a quarter of a read's own variance then."""
OFFSET_SAMPLES = 64
"""Samples of a zero read in those of a read. One serves all rows, and the noise of a full die on a grounded column is
4 levels a sample."""
SAMPLES_MAX = 4096
"""Samples of one request's reads at most (board specification, section 4)."""


@dataclass(frozen=True, slots=True, eq=False)
class Extra:
    """What does not come from the cells that are read; arrays of shape (rows, columns).

    Args:
        current: mean (A).
        scatter: standard deviation of one measurement as long as a read (A): the board's own noise.
        requests: that it took.
    """

    current: Array
    scatter: Array
    requests: int


def leaks(board: ProbeBoard, die: Die, part: Region, voltage: float, samples: int, repeats: int) -> Extra:
    """Return what other rows let through while each row of `part` is read with the scheme *reverse*.

    The scheme is left at *ground*: a product takes no account of it, and cells that the envelope needs to know of
    can be looked at with it.

    Args:
        board: with products.
        die: whose rows all take part.
        part: whose rows are to be read.
        voltage: of the read (V).
        samples: that a read averages; a product averages as many slots of a sample's length.
        repeats: of the read.
    """
    board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
    vectors = np.full((part.rows, die.rows), -voltage)
    vectors[np.arange(part.rows), part.row + np.arange(part.rows)] = 0.0
    setup = ProductSetup(Coding.AMPLITUDE, slot=SAMPLE_TIME, averages=samples)
    size = request_vectors(Direction.ROWS_IN, (die.rows, die.columns), samples, SAMPLE_TIME)
    times = max(repeats, REPEATS)
    found = np.empty((times, *part.shape))
    requests = 0
    for index in range(times):
        for first in range(0, part.rows, size):
            some = board.multiply(vectors[first : first + size], setup)
            found[index, first : first + size] = some.current[:, part.column_lines()]
            requests += 1
    return Extra(found.mean(axis=0), found.std(axis=0, ddof=1), requests)


def offsets(board: ProbeBoard, part: Region, scheme: ReadScheme, samples: int, repeats: int) -> Extra:
    """Return the offset of each column while rows of `part` are read with the scheme *ground* or *float*.

    Args:
        board: in an open session.
        part: whose columns count.
        scheme: of the reads.
        samples: that a read averages.
        repeats: of the read; so many zero reads of the same length show the board's own noise, two at least.
    """
    board.set_scheme(WriteScheme.THIRD, scheme)
    cells = part.cells()[: part.columns]
    mean = read_list(board, cells, 0.0, min(OFFSET_SAMPLES * samples, SAMPLES_MAX, board.capabilities().averages_max))
    requests, scatter = mean.requests, np.zeros(part.columns)
    if repeats > 1:
        short = [read_list(board, cells, 0.0, samples) for _ in range(max(repeats, REPEATS))]
        requests += sum(one.requests for one in short)
        scatter = np.std([one.current for one in short], axis=0, ddof=1)
    return Extra(np.broadcast_to(mean.current, part.shape), np.broadcast_to(scatter, part.shape), requests)
