"""How the cells of an array are pulsed: what is allowed, and one burst on each of many cells in few requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import Cell, Pulse
from labctl.errors import EnvelopeError
from protocols.board_requests import PULSES_MAX, REQUEST_TIME, SLOT_MIN
from protocols.pulse_reach import PulseReach
from protocols.write_algorithms.interface import Prior

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.instruments import ProbeBoard
    from labctl.protocol_bench import ProtocolBench
    from protocols.array_parameters import PulsedArrayParameters
    from protocols.array_region import Region

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

GAIN_SPREAD = 0.3
"""Relative spread of the first guess of a gain: ours; devices of another make differ more, and are learned, too."""
WRITE_NOISE = 0.1
"""Scatter (levels) of a step of one level before it is measured (published film: 0.05 to 0.13)."""


@dataclass(frozen=True, slots=True)
class ArrayDrive:
    """How cells are pulsed, and when one is written.

    Args:
        potentiation: amplitude of pulses that raise the conductance (V).
        depression: amplitude of pulses that lower it (V).
        potentiation_width: first guess of the width that raises by one level (s).
        depression_width: first guess of the width that lowers by one level (s).
        width_min: narrowest pulse (ns).
        width_max: widest pulse (ns).
        count_max: most pulses of one burst.
        tolerance: largest error of a written level (levels).
        confidence: probability that a level called written is within it.
        max_bursts: bursts after which a cell is given up.
        max_rounds: rounds after which whatever is pending is given up.
    """

    potentiation: float
    depression: float
    potentiation_width: float
    depression_width: float
    width_min: int
    width_max: int
    count_max: int
    tolerance: float = 0.25
    confidence: float = 0.9
    max_bursts: int = 16
    max_rounds: int = 40

    @classmethod
    def of(
        cls,
        bench: ProtocolBench,
        parameters: PulsedArrayParameters,
        *,
        tolerance: float = 0.25,
        confidence: float = 0.9,
        max_bursts: int = 16,
        max_rounds: int = 40,
    ) -> ArrayDrive:
        """Return the drive that a protocol's parameters ask for, within what board and envelope allow.

        Raises:
            EnvelopeError: if the die may not see even the narrowest pulse of this board.
        """
        reach = PulseReach.of(bench)
        return cls(
            potentiation=parameters.potentiation,
            depression=parameters.depression,
            potentiation_width=parameters.potentiation_width,
            depression_width=parameters.depression_width,
            width_min=reach.width_min,
            width_max=reach.width_max,
            count_max=reach.count_max,
            tolerance=tolerance,
            confidence=confidence,
            max_bursts=max_bursts,
            max_rounds=max_rounds,
        )

    def prior(self) -> Prior:
        """Return what is assumed of the cells before they are measured."""
        return Prior(1 / self.potentiation_width, 1 / self.depression_width, GAIN_SPREAD, WRITE_NOISE)

    def bursts(self, times: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return width (ns) and count of the bursts that come nearest to `times` (s), shape (n,)."""
        asked = np.clip(np.rint(times * 1e9), 1, self.count_max * self.width_max).astype(np.int64)
        count = np.clip(-(-asked // self.width_max), 1, self.count_max)
        width = np.clip(np.rint(asked / count), self.width_min, self.width_max).astype(np.int64)
        return width, count


def put_out(
    board: ProbeBoard, region: Region, drive: ArrayDrive, times: Array, sign: Array
) -> tuple[Array, NDArray[np.int64]]:
    """Put one burst on every cell with a sign, row by row.

    Args:
        board: armed.
        region: of the cells.
        drive: how.
        times: pulse time of each cell (s), shape (rows * columns,).
        sign: +1 potentiates, -1 depresses, 0 leaves a cell alone; same shape.

    Returns:
        The times that were put out (s), and the pulses of each cell; 0 where the envelope refused a cell's burst.
    """
    on = np.flatnonzero(sign)
    width, count = drive.bursts(times[on])
    real, pulses = np.zeros(len(times)), np.zeros(len(times), np.int64)
    real[on], pulses[on] = width * count / 1e9, count
    rows, columns = np.divmod(on, region.columns)
    amplitude = np.where(sign[on] > 0, drive.potentiation, drive.depression)
    whole = [
        Pulse(Cell(row, column), volts, ns / 1e9, number)
        for row, column, volts, ns, number in zip(
            (rows + region.row).tolist(),
            (columns + region.column).tolist(),
            amplitude.tolist(),
            width.tolist(),
            count.tolist(),
            strict=True,
        )
    ]
    for part in _requests(np.asarray(np.maximum(2e-9 * width, SLOT_MIN) * count, np.float64)):
        refused = on[part][_refused(board, whole[part])]
        real[refused], pulses[refused] = 0.0, 0
    return real, pulses


def _refused(board: ProbeBoard, pulses: list[Pulse]) -> NDArray[np.int64]:
    """Put out pulses, and return the places of those that the envelope does not allow: a list with one is halved."""
    try:
        board.pulse(pulses)
    except EnvelopeError:
        if len(pulses) == 1:
            return np.zeros(1, np.int64)
        half = len(pulses) // 2
        first = _refused(board, pulses[:half])
        return np.concatenate((first, half + _refused(board, pulses[half:])))
    return np.zeros(0, np.int64)


def _requests(slots: Array) -> Iterator[slice]:
    """Yield parts of a list that are short enough for a request, given what each entry takes (s)."""
    begin, ends = 0, np.cumsum(slots)
    while begin < len(slots):
        before = ends[begin - 1] if begin else 0.0
        end = int(np.searchsorted(ends, before + REQUEST_TIME, side="right"))
        end = min(max(end, begin + 1), begin + PULSES_MAX)
        yield slice(begin, end)
        begin = end
