"""Reads what the array multiplies by: its transfer with all lines driven, which `effective` brings to its target.

Single-row reads do not predict the products of rectifying cells behind wires. Here rows stand at the floor or at the
floor plus the height, by the signs of a Hadamard matrix, and then the other way round. With H of shape (n, rows) and
the difference D of the two currents, the transfer is T = H^T D / (n V): baseline, offset and even orders cancel, and
every cell's figure has the noise of a mean over all n patterns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import hadamard
from typing_extensions import override

from labctl.board_features import Coding, Direction, ProductSetup
from labctl.instruments import ReadScheme, WriteScheme
from protocols.array_reader import ArrayReader, ArrayReading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.protocol_bench import ProtocolBench
    from protocols.array_region import Region

    Array = NDArray[np.float64]

REQUEST_TIME = 4.0
"""Longest request (s): a board gives 5 s to one."""


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

    reads_all = True

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
        self._order = 1 << max(1, (region.rows - 1).bit_length())
        longest = int(REQUEST_TIME / (30e-6 + averages * (slot + 5e-6)))
        able = Direction.ROWS_IN.vectors_max(bench.die.rows, bench.die.columns)
        self._batch = max(1, min(able, longest))

    @override
    def prepare(self) -> None:
        self._bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.REVERSE)

    @override
    def read(self, wanted: NDArray[np.bool_]) -> ArrayReading:
        signs = self._signs()
        plus, minus = np.where(signs > 0, self._voltage, 0.0), np.where(signs > 0, 0.0, self._voltage)
        currents, flagged = self._currents(np.concatenate((plus, minus)))
        first, second = currents[: self._order], currents[self._order :]
        scale = self._bench.die.scale
        transfer = signs.T @ (first - second) / (self._order * self._voltage)
        # Both together are the same for all patterns, but for noise and what is not straight.
        scatter = (first + second).std(axis=0, ddof=1) / (np.sqrt(self._order) * self._voltage)
        valid = np.broadcast_to(~flagged, transfer.shape) & wanted
        return ArrayReading(
            level=np.where(wanted, (transfer - scale.g_min) / scale.step, np.nan),
            variance=np.where(wanted, (scatter / scale.step) ** 2, np.nan),
            valid=valid,
            samples=2 * self._order * self._setup.averages,
        )

    @override
    def memory(self) -> Array:
        return np.array([float(self._reads)])

    @override
    def recall(self, memory: Array) -> None:
        self._reads = int(memory[0])

    def _signs(self) -> Array:
        """Return the patterns, shape (n, rows): columns of a Hadamard matrix, drawn anew for each read.

        Each row of the array has a random sign, so that a column of the matrix that is all of one sign does no harm.
        """
        chance = np.random.default_rng((self._seed, self._reads))
        self._reads += 1
        matrix = np.asarray(hadamard(self._order), np.float64)
        chosen = chance.permutation(self._order)[: self._region.rows]
        return matrix[:, chosen] * chance.choice((-1.0, 1.0), self._region.rows)

    def _currents(self, inputs: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Return the columns' currents (A), and which columns were saturated or held back."""
        die, lines, columns = self._bench.die, self._region.row_lines(), self._region.column_lines()
        found: list[Array] = []
        flagged = np.zeros(self._region.columns, np.bool_)
        for first in range(0, len(inputs), self._batch):
            part = inputs[first : first + self._batch]
            whole = np.zeros((len(part), die.rows))
            whole[:, lines] = part
            readings = self._bench.board.multiply(whole, self._setup)
            found.append(readings.current[:, columns])
            flagged |= (readings.saturated | readings.in_compliance)[:, columns].any(axis=0)
        return np.concatenate(found), flagged
