"""Reads what the array multiplies by: its transfer with all lines driven, which `effective` brings to its target.

Single-row reads do not predict the products of rectifying cells behind wires. Here rows stand at the floor or at the
floor plus the height, by the signs of a Hadamard matrix, and then the other way round. With H of shape (n, rows) and
the difference D of the two currents, the transfer is T = H^T D / (n V): baseline, offset and even orders cancel, and
every cell's figure has the noise of a mean over all n patterns. A read is two such sets with other signs: their
difference shows noise, and what is not straight in cells and converters, together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import hadamard
from typing_extensions import override

from labctl.board_data import ReadScheme, WriteScheme
from labctl.board_features import Coding, Direction, ProductSetup
from protocols.array_reader import ArrayReader, ArrayReading
from protocols.board_requests import REQUEST_TIME, SAMPLE_TIME, request_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.protocol_bench import ProtocolBench
    from protocols.array_region import Region

    Array = NDArray[np.float64]

READ_SIGMA = 0.15
"""Standard deviation (levels) that a read is to have; more slots are averaged where it has not."""
SLOTS_MAX = 8
"""By how much more slots, at most, than were asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class _Transfer:
    """What one set of patterns shows: `conductance`, shape (rows, columns) (S), and `flagged` columns."""

    conductance: Array
    flagged: NDArray[np.bool_]


class EffectiveReader(ArrayReader):
    """Reads the transfer of a region, in levels; every read brings all cells.

    Args:
        bench: that is up.
        region: of the cells.
        voltage: height of a row that is high, above the floor (V).
        floor: of the rows (V).
        slot: time over which a column's current is averaged (s).
        averages: slots of each pattern.
        seed: of the order and the signs of the patterns' rows.
    """

    def __init__(
        self,
        bench: ProtocolBench,
        region: Region,
        *,
        voltage: float,
        floor: float,
        slot: float,
        averages: int,
        seed: int = 0,
    ) -> None:
        self._bench = bench
        self._region = region
        self._voltage = voltage
        self._setup = ProductSetup(Coding.AMPLITUDE, Direction.ROWS_IN, slot, averages, floor)
        self._seed = seed
        self._reads = 0
        self._averages = self._slots = max(2, averages)
        self._order = 1 << max(1, (region.rows - 1).bit_length())

    @override
    def prepare(self) -> None:
        self._bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.REVERSE)

    @override
    def read(self, wanted: NDArray[np.bool_]) -> ArrayReading:
        slots = self._slots
        first, second = self._transfer(slots // 2), self._transfer(slots // 2)
        difference = first.conductance - second.conductance
        sigma = np.sqrt(np.mean(difference**2, axis=0)) / 2
        scale = self._bench.die.scale
        level = ((first.conductance + second.conductance) / 2 - scale.g_min) / scale.step
        valid = np.broadcast_to(~(first.flagged | second.flagged), level.shape) & wanted
        variance = np.broadcast_to((sigma / scale.step) ** 2, level.shape)
        if np.median(sigma) > READ_SIGMA * scale.step:
            self._slots = max(slots, min(2 * slots, SLOTS_MAX * self._averages, self._most()))
        return ArrayReading(
            level=np.where(wanted, level, np.nan),
            variance=np.where(wanted, variance, np.nan),
            valid=valid,
            samples=2 * self._order * slots,
        )

    def _most(self) -> int:
        """Return how many slots both sets of patterns may have together by what a board averages in one request."""
        longest = int(REQUEST_TIME / (self._setup.slot + SAMPLE_TIME))
        return 2 * min(self._bench.board.capabilities().averages_max, longest)

    def _transfer(self, averages: int) -> _Transfer:
        """Return the transfer that one set of patterns shows."""
        signs = self._signs()
        plus, minus = np.where(signs > 0, self._voltage, 0.0), np.where(signs > 0, 0.0, self._voltage)
        currents, flagged = self._currents(np.concatenate((plus, minus)), averages)
        difference = currents[: self._order] - currents[self._order :]
        return _Transfer(signs.T @ difference / (self._order * self._voltage), flagged)

    @override
    def memory(self) -> Array:
        return np.array([self._reads, self._slots], np.float64)

    @override
    def recall(self, memory: Array) -> None:
        self._reads, self._slots = int(memory[0]), int(memory[1])

    def _signs(self) -> Array:
        """Return the patterns, shape (n, rows): columns of a Hadamard matrix, drawn anew for each read.

        Each row of the array has a random sign, so that a column of the matrix that is all of one sign does no harm.
        """
        chance = np.random.default_rng((self._seed, self._reads))
        self._reads += 1
        matrix = np.asarray(hadamard(self._order), np.float64)
        chosen = chance.permutation(self._order)[: self._region.rows]
        return matrix[:, chosen] * chance.choice((-1.0, 1.0), self._region.rows)

    def _currents(self, inputs: Array, averages: int) -> tuple[Array, NDArray[np.bool_]]:
        """Return the columns' currents (A), and which columns were saturated or held back."""
        die, lines, columns = self._bench.die, self._region.row_lines(), self._region.column_lines()
        found: list[Array] = []
        flagged = np.zeros(self._region.columns, np.bool_)
        setup = replace(self._setup, averages=averages)
        size = request_vectors(setup.direction, (die.rows, die.columns), averages, setup.slot)
        for first in range(0, len(inputs), size):
            part = inputs[first : first + size]
            whole = np.zeros((len(part), die.rows))
            whole[:, lines] = part
            readings = self._bench.board.multiply(whole, setup)
            found.append(readings.current[:, columns])
            flagged |= (readings.saturated | readings.in_compliance)[:, columns].any(axis=0)
        return np.concatenate(found), flagged
