"""What tells the levels of an array: the interface, and the reader that goes cell by cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from labctl.board_features import Coding, ProductSetup
from labctl.instruments import Cell, Feature, ReadScheme, WriteScheme
from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from protocols.array_read_noise import ArrayReadNoise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.protocol_bench import ProtocolBench
    from protocols.array_region import Region

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

LIST_CELLS = 1024
"""Cells of one read (board specification, section 3)."""
SETTLING, SAMPLE_TIME = 30e-6, 5e-6
"""Of the lines before a read, and from sample to sample (s) (board specification, rule 9)."""
REQUEST_TIME = 4.0
"""Longest request (s): a board gives 5 s to one."""
READ_SIGMA = 0.12
"""Standard deviation (levels) that a deciding read may have where more samples can bring it there: half a level is four
of it."""
LEAK_SLOT, LEAK_AVERAGES = 20e-6, 64
"""Of the products that measure what reverse-biased cells let through (s; slots)."""
RECTIFYING = 0.01
"""Reverse over forward current below which the other rows are better reverse-biased than grounded."""
TEST_VOLTAGE = 0.02
"""Voltage (V) at which that is found out: all cells at once conduct."""
OFFSET_READS = 4
"""Reads of nothing, per read of cells, that the readers' offsets are averaged over."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayReading:
    """What a read of some cells of a region shows.

    Args:
        level: shape (rows, columns) (levels); not a number where nothing was read.
        variance: of that (levels^2), likewise.
        valid: whether it is a measurement: no reader saturated, no line held back.
        samples: that each level averages.
    """

    level: Array
    variance: Array
    valid: Mask
    samples: int


class ArrayReader(ABC):
    """Tells levels: which ones is a strategy against what wires do."""

    reads_all: bool = False
    """Whether a read brings all cells, whichever are wanted."""

    @abstractmethod
    def prepare(self) -> None:
        """Set the board up; before the first read, and again when a run is resumed. No cell is written."""

    @abstractmethod
    def read(self, wanted: Mask) -> ArrayReading:
        """Read the cells that are wanted, shape (rows, columns).

        Raises:
            EquipmentError: if nothing of it is a measurement.
        """

    @abstractmethod
    def memory(self) -> Array:
        """Return what it knows, as a row of floats."""

    @abstractmethod
    def recall(self, memory: Array) -> None:
        """Know what another one knew."""


class CellwiseReader(ArrayReader):
    """Reads cell by cell with the board's converters; wires of a known resistance are reckoned out.

    Rectifying cells are read with the other rows at minus the read voltage, and what these let through all the same is
    measured by one product and taken out. Others are read with the other rows grounded, and the readers' offsets,
    which grounded cells amplify, are taken out.

    Args:
        bench: up.
        region: which cells.
        samples: of a read, at least; more where noise asks for them.
        max_samples: at most.
        scheme: of the other rows; None: found out.
        segment_resistance: of one wire segment (ohm); 0: none, or not known.
    """

    def __init__(
        self,
        bench: ProtocolBench,
        region: Region,
        *,
        samples: int = 16,
        max_samples: int = 1024,
        scheme: ReadScheme | None = None,
        segment_resistance: float = 0.0,
    ) -> None:
        self._board, self._scale, self._die, self._region = bench.board, bench.die.scale, bench.die, region
        able = bench.board.capabilities()
        self._most = min(max_samples, able.averages_max)
        self._samples = min(samples, self._most)
        self._scheme = scheme
        self._multiplies = Feature.MULTIPLY in able.features
        self._segment = segment_resistance
        self._noise = ArrayReadNoise(LEVELS - 1)

    @override
    def prepare(self) -> None:
        if self._scheme is None:
            self._scheme = self._best_scheme()
        self._board.set_scheme(WriteScheme.THIRD, self._scheme)

    @override
    def memory(self) -> Array:
        scheme = -1.0 if self._scheme is None else float(self._scheme)
        return np.concatenate(([scheme], self._noise.memory()))

    @override
    def recall(self, memory: Array) -> None:
        self._scheme = None if memory[0] < 0 else ReadScheme(int(memory[0]))
        self._noise.recall(memory[1:])

    @override
    def read(self, wanted: Mask) -> ArrayReading:
        rows, columns = np.nonzero(wanted)
        samples = self._samples
        current, difference, valid = self._currents(rows, columns, samples)
        level = self._levels(current)
        self._noise.learn(level[valid], (difference / REFERENCE_VOLTAGE / self._scale.step)[valid], samples)
        more = self._noise.samples_for(level[valid], READ_SIGMA, self._samples, self._most)
        if more >= 2 * samples:
            self._samples = samples = 2 * ((more + 1) // 2)
            current, difference, valid = self._currents(rows, columns, samples)
            level = self._levels(current)
            self._noise.learn(level[valid], (difference / REFERENCE_VOLTAGE / self._scale.step)[valid], samples)
        found, variance = np.full(wanted.shape, np.nan), np.full(wanted.shape, np.nan)
        ok = np.zeros(wanted.shape, bool)
        found[wanted], variance[wanted], ok[wanted] = level, self._noise.variance(level, samples), valid
        return ArrayReading(found, variance, ok, samples)

    def _levels(self, current: Array) -> Array:
        return (current / REFERENCE_VOLTAGE - self._scale.g_min) / self._scale.step

    def _best_scheme(self) -> ReadScheme:
        """Return what suits the cells: whether they rectify."""
        if not self._multiplies:
            return ReadScheme.GROUND
        forward, reverse = self._all_rows(TEST_VOLTAGE).sum(), -self._all_rows(-TEST_VOLTAGE).sum()
        return ReadScheme.REVERSE if reverse < RECTIFYING * forward else ReadScheme.GROUND

    def _all_rows(self, voltage: float) -> Array:
        """Return the columns' currents (A) with all rows of the die at one voltage, shape (columns,)."""
        setup = ProductSetup(Coding.AMPLITUDE, slot=LEAK_SLOT, averages=LEAK_AVERAGES)
        readings = self._board.multiply(np.full((1, self._die.rows), voltage), setup)
        return readings.current[0, self._region.column_lines()]

    def _currents(self, rows: NDArray[np.int64], columns: NDArray[np.int64], samples: int) -> tuple[Array, Array, Mask]:
        """Return the cells' own currents (A), by how much the halves of the reads differ, and which ones count."""
        cells = [
            Cell(row, column)
            for row, column in zip(
                (rows + self._region.row).tolist(), (columns + self._region.column).tolist(), strict=True
            )
        ]
        first, ok_first = self._list(cells, samples // 2)
        second, ok_second = self._list(cells, samples // 2)
        current = (first + second) / 2
        if self._scheme is ReadScheme.REVERSE:
            current = current - self._leak(current, columns)
        elif self._scheme is ReadScheme.GROUND:
            current = current - self._offsets(samples)[columns]
        return current, second - first, ok_first & ok_second

    def _list(self, cells: list[Cell], samples: int) -> tuple[Array, Mask]:
        # A group of cells in one row takes the settling and its samples; at worst each cell is a group.
        size = max(1, min(LIST_CELLS, int(REQUEST_TIME / (SETTLING + samples * SAMPLE_TIME))))
        currents: list[Array] = []
        valid: list[Mask] = []
        for begin in range(0, len(cells), size):
            readings = self._board.read(cells[begin : begin + size], REFERENCE_VOLTAGE, samples)
            currents.append(readings.current * (REFERENCE_VOLTAGE / readings.voltage))
            valid.append(~(readings.saturated | readings.in_compliance))
        return np.concatenate(currents), np.concatenate(valid)

    def _leak(self, current: Array, columns: NDArray[np.int64]) -> Array:
        """Return what the reverse-biased rows add to the current of each cell (A).

        A product with all rows reverse-biased has the cell's own reverse current, too: its share is that of its
        conductance in its column's.
        """
        if not self._multiplies:
            return np.zeros(len(current))
        reverse, forward = self._all_rows(-REFERENCE_VOLTAGE), self._all_rows(TEST_VOLTAGE)
        whole = np.maximum(forward * (REFERENCE_VOLTAGE / TEST_VOLTAGE), 1e-30)
        return reverse[columns] * (1 - np.clip(current / whole[columns], 0.0, 1.0))

    def _offsets(self, samples: int) -> Array:
        """Return the readers' offsets (A) with all cells grounded, shape (columns,)."""
        cells = [Cell(self._region.row, self._region.column + column) for column in range(self._region.columns)]
        count = min(samples * OFFSET_READS, self._most * OFFSET_READS, 4096)
        return self._board.read(cells, 0.0, count).current
