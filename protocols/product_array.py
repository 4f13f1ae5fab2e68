"""Weights on the cells of a region: brought there, and multiplied with.

What `vmm`, `fourier`, `snr` and `energy` share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocols.array_drive import ArrayDrive
from protocols.array_products import ArrayProducts
from protocols.array_reader import CellwiseReader
from protocols.array_reads import calibration_id
from protocols.staged_writing import EffectiveSetup, StagedWriter, StageMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.board_data import Cell
    from labctl.protocol_bench import ProtocolBench
    from protocols.array_written import ArrayWritten
    from protocols.product_parameters import ProductParameters

    Array = NDArray[np.float64]


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
        memory: StageMemory | None = None,
    ) -> None:
        self._bench = bench
        self._parameters = parameters
        self.region = parameters.region(bench.die)
        self.weights = weights
        self.mapping = parameters.mapper(bench.die.scale)
        self.targets = self.mapping.targets(weights, self.region.columns)
        """Conductances that stand for the weights (S), shape (rows, columns)."""
        if memory is None:
            memory = StageMemory(floor=None if parameters.finds_floor else parameters.floor or 0.0)
        p = parameters
        resistance = p.segment_resistance if p.strategy == "per-cell" else 0.0
        self._writer = StagedWriter(
            bench,
            self.region,
            ArrayDrive.of(bench, p, tolerance=p.tolerance, max_rounds=p.rounds),
            CellwiseReader(bench, self.region, samples=p.samples, segment_resistance=resistance),
            EffectiveSetup(p.height, p.slot, p.averages) if p.is_effective else None,
            memory,
        )
        self.calibration = calibration_id(bench.board)
        self._lift = 1.0 if parameters.is_effective else parameters.conduction_ratio

    @property
    def memory(self) -> StageMemory:
        """How far programming has come."""
        return self._writer.memory

    @property
    def floor(self) -> float:
        """Level of input lines without a pulse (V); it is looked for if nobody did."""
        return self._writer.floor

    @property
    def written(self) -> ArrayWritten | None:
        """What programming came to; None before its end, and if nothing was programmed in this process."""
        return self._writer.written() if self.memory.is_done else None

    def program(self, touched: frozenset[Cell] = frozenset()) -> Iterator[StageMemory]:
        """Bring the weights to their cells; what to remember comes after every round.

        Args:
            touched: cells that were, or may have been, written since the last round of an earlier process.
        """
        if not self._parameters.program:
            return
        scale = self._bench.die.scale
        levels = (self.targets - scale.g_min) / scale.step
        if self._parameters.whole_levels and not self._parameters.is_effective:
            levels = np.rint(levels)
        for _ in self._writer.rounds(levels, touched):
            yield self.memory

    def expected(self, drive: Array) -> Array:
        """Return currents (A) that the targets let through, shape (n, columns), for a drive (V), shape (n, rows)."""
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
