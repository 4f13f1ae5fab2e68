"""Weights on the cells of a region: brought there, and multiplied with.

What `vmm`, `fourier`, `snr` and `energy` share. With the strategy `effective` cells are first written by their own
reads, which is a start only; then the floor is found at which currents add up, and what the array multiplies by is
brought to its target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_features import Direction
from labctl.instruments import Feature
from protocols.array_products import ArrayProducts
from protocols.array_drive import ArrayDrive
from protocols.array_programming import ArrayWriter, WriterMemory
from protocols.array_reader import CellwiseReader
from protocols.effective_reader import EffectiveReader
from protocols.superposition import SuperpositionTest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.instruments import Cell, ProbeBoard
    from labctl.protocol_bench import ProtocolBench
    from protocols.array_programming import ArrayWritten
    from protocols.product_parameters import ProductParameters

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArrayMemory:
    """How far the programming of an array has come.

    Args:
        stage: 0 while cells are written by their own reads, 1 while by what the array multiplies by, 2 at the end.
        floor: of the input lines (V); None if it was not looked for yet.
        writer: of the stage that is under way.
    """

    stage: int = 0
    floor: float | None = None
    writer: WriterMemory | None = None

    @property
    def is_done(self) -> bool:
        """Whether the weights stand."""
        return self.stage == DONE


CELLS, EFFECTIVE, DONE = range(3)
"""Stages."""


class ProductArray:
    """Weights on the cells of a region.

    Args:
        bench: that is up.
        parameters: of the protocol.
        weights: -1..1, shape (rows, outputs) of the region.
        memory: of an earlier process that began with this.
    """

    def __init__(
        self,
        bench: ProtocolBench,
        parameters: ProductParameters,
        weights: Array,
        memory: ArrayMemory | None = None,
    ) -> None:
        self._bench = bench
        self._parameters = parameters
        self.region = parameters.region(bench.die)
        self.weights = weights
        self.mapping = parameters.mapper(bench.die.scale)
        self.targets = self.mapping.targets(weights, self.region.columns)
        """Conductances that stand for the weights (S), shape (rows, columns)."""
        self.memory = memory or ArrayMemory(floor=None if parameters.finds_floor else parameters.floor or 0.0)
        self.calibration = calibration_id(bench.board)
        self._lift = 1.0 if parameters.is_effective else parameters.conduction_ratio
        self.written: ArrayWritten | None = None
        """What programming came to; None before its end, and if nothing was programmed."""

    @property
    def floor(self) -> float:
        """Level of input lines without a pulse (V); it is looked for if nobody did."""
        if self.memory.floor is None:
            self.memory = ArrayMemory(self.memory.stage, self._find_floor(), self.memory.writer)
        return self.memory.floor or 0.0

    def program(self, touched: frozenset[Cell] = frozenset()) -> Iterator[ArrayMemory]:
        """Bring the weights to their cells; what to remember comes after every round.

        Args:
            touched: cells that were, or may have been, written since the last round of an earlier process.
        """
        p = self._parameters
        if not p.program or self.memory.is_done:
            return
        if self.memory.stage == CELLS:
            resistance = p.segment_resistance if p.strategy == "per-cell" else 0.0
            reader = CellwiseReader(self._bench, self.region, samples=p.samples, segment_resistance=resistance)
            yield from self._write(ArrayWriter(self._bench, self.region, self._drive(), reader), touched)
            self.memory = ArrayMemory(EFFECTIVE if p.is_effective else DONE, self.memory.floor)
            yield self.memory
        if self.memory.stage == EFFECTIVE:
            reader = EffectiveReader(
                self._bench, self.region, voltage=p.height, floor=self.floor, slot=p.slot, averages=p.averages
            )
            yield from self._write(ArrayWriter(self._bench, self.region, self._drive(), reader), touched)
            self.memory = ArrayMemory(DONE, self.memory.floor)
            yield self.memory

    def expected(self, drive: Array) -> Array:
        """Return the currents (A) that the targets let through, shape (n, columns), for a drive (V), shape (n, rows)."""
        return self._lift * drive @ self.targets

    def decode(self, current: Array, drive: Array) -> Array:
        """Return the products that currents (A), shape (n, columns), stand for; shape (n, outputs)."""
        return self.mapping.products(current, self._lift * drive, self._lift * self._parameters.height)

    def products(self, averages: int | None = None) -> ArrayProducts:
        """Return what multiplies vectors with the region."""
        p = self._parameters
        return ArrayProducts(
            self._bench.board,
            self._bench.die,
            self.region,
            p.coder(self.floor),
            slot=p.slot,
            averages=averages or p.averages,
            floor=self.floor,
        )

    def _drive(self) -> ArrayDrive:
        p = self._parameters
        return ArrayDrive.of(self._bench, p, tolerance=p.tolerance, max_rounds=p.rounds)

    def _write(self, writer: ArrayWriter, touched: frozenset[Cell]) -> Iterator[ArrayMemory]:
        scale = self._bench.die.scale
        if self.memory.writer is not None:
            writer.recall(self.memory.writer)
            writer.look(touched)
        levels = (self.targets - scale.g_min) / scale.step
        if self._parameters.whole_levels and not self._parameters.is_effective:
            levels = np.rint(levels)
        for _ in writer.rounds(levels):
            self.memory = ArrayMemory(self.memory.stage, self.memory.floor, writer.memory())
            yield self.memory
        self.written = writer.written()

    def _find_floor(self) -> float:
        p = self._parameters
        test = SuperpositionTest(self._bench.board, self._bench.die, self.region, p.height, p.slot, p.averages)
        return test.find_floor(self._bench.envelope.read_voltage - p.height).voltage


def calibration_id(board: ProbeBoard) -> str:
    """Return the identity of a board's coefficients; "" if it has none."""
    if Feature.CALIBRATION not in board.capabilities().features:
        return ""
    return board.calibration(Direction.ROWS_IN, 0, 1).identity
