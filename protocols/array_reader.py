"""What tells the levels of an array: the interface, and the reader that goes cell by cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from labctl.board_data import Cell, Feature, ReadScheme, WriteScheme
from labctl.board_features import Coding, ProductSetup
from labctl.errors import EnvelopeError
from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from protocols.array_read_noise import ArrayReadNoise
from protocols.array_reads import read_list
from protocols.cell_reckoning import CellReckoning
from protocols.published_film import CONDUCTION_VOLTAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.protocol_bench import ProtocolBench
    from protocols.array_region import Region

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Indices = NDArray[np.int64]

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

    @property
    def disturbs(self) -> bool:
        """Whether reads were found to move the cells."""
        return False

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
        conduction_voltage: V0 (V) of the cells' current, I ~ sinh(V / V0); counts with wires only.
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
        conduction_voltage: float = CONDUCTION_VOLTAGE,
    ) -> None:
        self._board, self._scale, self._die, self._region = bench.board, bench.die.scale, bench.die, region
        able = bench.board.capabilities()
        self._most = min(max_samples, able.averages_max)
        self._samples = min(samples, self._most)
        self._scheme = scheme
        self._multiplies = Feature.MULTIPLY in able.features
        shape = self._die.rows, self._die.columns
        self._reckoning = CellReckoning(shape, segment_resistance, conduction_voltage) if segment_resistance else None
        self._noise = ArrayReadNoise(LEVELS - 1)

    @property
    @override
    def disturbs(self) -> bool:
        return self._noise.disturbs

    @override
    def prepare(self) -> None:
        if self._scheme is None:
            self._scheme = self._best_scheme()
        self._board.set_scheme(WriteScheme.THIRD, self._scheme)
        if self._reckoning is not None and not self._reckoning.is_known:
            rows, columns = np.divmod(np.arange(self._die.rows * self._die.columns), self._die.columns)
            current, _, _ = self._currents(rows, columns, self._samples)
            self._reckoning.take(rows, columns, current / REFERENCE_VOLTAGE, self._scheme)

    @override
    def memory(self) -> Array:
        scheme = -1.0 if self._scheme is None else float(self._scheme)
        known = np.zeros(0) if self._reckoning is None else self._reckoning.memory()
        return np.concatenate(([scheme, float(self._samples)], self._noise.memory(), known))

    @override
    def recall(self, memory: Array) -> None:
        self._scheme = None if memory[0] < 0 else ReadScheme(int(memory[0]))
        self._samples, length = int(memory[1]), len(self._noise.memory())
        self._noise.recall(memory[2 : 2 + length])
        if self._reckoning is not None:
            self._reckoning.recall(memory[2 + length :])

    @override
    def read(self, wanted: Mask) -> ArrayReading:
        # What a cell shows through wires depends on the others: all of them are reckoned from reads of one time.
        rows, columns = np.nonzero(wanted if self._reckoning is None else np.ones_like(wanted))
        conductance, valid = self._conductances(rows, columns)
        more = self._noise.samples_for(self._levels(conductance[valid]), READ_SIGMA, self._samples, self._most)
        if more >= 2 * self._samples:
            self._samples = 2 * ((more + 1) // 2)
            conductance, valid = self._conductances(rows, columns)
        variance = self._noise.variance(self._levels(conductance), self._samples)
        if self._reckoning is not None and self._scheme is not None:
            on = rows + self._region.row, columns + self._region.column
            conductance, gain = self._reckoning.take(*on, conductance, self._scheme)
            variance = variance * gain**2
        found, known = np.full(wanted.shape, np.nan), np.full(wanted.shape, np.nan)
        ok = np.zeros(wanted.shape, bool)
        found[rows, columns], known[rows, columns], ok[rows, columns] = self._levels(conductance), variance, valid
        return ArrayReading(np.where(wanted, found, np.nan), known, ok & wanted, self._samples)

    def _conductances(self, rows: Indices, columns: Indices) -> tuple[Array, Mask]:
        """Return what cells of the region show (S), and which reads are measurements."""
        current, difference, valid = self._currents(
            rows + self._region.row, columns + self._region.column, self._samples
        )
        conductance = current / REFERENCE_VOLTAGE
        apart = difference / REFERENCE_VOLTAGE / self._scale.step
        self._noise.learn(self._levels(conductance)[valid], apart[valid], self._samples)
        return conductance, valid

    def _levels(self, conductance: Array) -> Array:
        return (conductance - self._scale.g_min) / self._scale.step

    def _best_scheme(self) -> ReadScheme:
        """Return what suits the cells: whether they rectify."""
        if not self._multiplies:
            return ReadScheme.GROUND
        forward, reverse = self._all_rows(TEST_VOLTAGE).sum(), -self._all_rows(-TEST_VOLTAGE).sum()
        if reverse >= RECTIFYING * forward:
            return ReadScheme.GROUND
        try:
            self._all_rows(-REFERENCE_VOLTAGE)  # measures what blocking cells let through: without it, reads are off
        except EnvelopeError:
            return ReadScheme.GROUND
        return ReadScheme.REVERSE

    def _all_rows(self, voltage: float) -> Array:
        """Return the columns' currents (A) with all rows of the die at one voltage, shape (columns,)."""
        setup = ProductSetup(Coding.AMPLITUDE, slot=LEAK_SLOT, averages=LEAK_AVERAGES)
        vectors = np.full((1, self._die.rows), voltage)
        try:
            readings = self._board.multiply(vectors, setup)
        except EnvelopeError:
            # Cells that nobody has read yet count as fully conducting: on a large die that is too much for a line.
            self._look_at_die()
            readings = self._board.multiply(vectors, setup)
        return readings.current[0]

    def _look_at_die(self) -> None:
        """Read every cell of the die once, so that what its lines carry is known."""
        self._board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
        every = [Cell(row, column) for row in range(self._die.rows) for column in range(self._die.columns)]
        read_list(self._board, every, REFERENCE_VOLTAGE, 1)
        self._board.set_scheme(WriteScheme.THIRD, self._scheme or ReadScheme.GROUND)

    def _currents(self, rows: Indices, columns: Indices, samples: int) -> tuple[Array, Array, Mask]:
        """Return the own currents (A) of cells of the die, how the halves of the reads differ, and which ones count."""
        cells = [Cell(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)]
        first, ok_first = self._list(cells, samples // 2)
        second, ok_second = self._list(cells, samples // 2)
        current = (first + second) / 2
        if self._scheme is ReadScheme.REVERSE:
            current = current - self._leak(current, columns)
        elif self._scheme is ReadScheme.GROUND:
            current = current - self._offsets(samples)[columns]
        return current, second - first, ok_first & ok_second

    def _list(self, cells: list[Cell], samples: int) -> tuple[Array, Mask]:
        readings = read_list(self._board, cells, REFERENCE_VOLTAGE, samples)
        valid = ~(readings.saturated | readings.in_compliance)
        return readings.current * (REFERENCE_VOLTAGE / readings.voltage), valid

    def _leak(self, current: Array, columns: Indices) -> Array:
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
        cells = [Cell(self._region.row, column) for column in range(self._die.columns)]
        count = min(samples * OFFSET_READS, self._most * OFFSET_READS, 4096)
        return self._board.read(cells, 0.0, count).current
