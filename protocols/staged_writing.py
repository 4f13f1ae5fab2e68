"""Brings an array to its targets in stages: by the reads of single cells, then, if asked for, by what it multiplies by.

The strategies against what wires do: `none` believes the reads of single cells, `per-cell` reckons each cell's own
conductance out of them; with `effective` that is a start only: a floor is found at which currents add up, and the
transfer with all lines driven is brought to the targets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from protocols.array_programming import ArrayWriter, WriterMemory
from protocols.effective_reader import EffectiveReader
from protocols.superposition import SuperpositionTest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from labctl.board_data import Cell
    from labctl.protocol_bench import ProtocolBench
    from protocols.array_drive import ArrayDrive
    from protocols.array_programming import RoundReport
    from protocols.array_reader import ArrayReader
    from protocols.array_region import Region
    from protocols.array_written import ArrayWritten

    Array = NDArray[np.float64]

CELLS, EFFECTIVE, DONE = range(3)
"""Stages."""


@dataclass(frozen=True, slots=True)
class StageMemory:
    """How far the writing of an array has come.

    Args:
        stage: 0 while cells are written by their own reads, 1 while by what the array multiplies by, 2 at the end.
        floor: of the input lines (V); None if it was not looked for yet.
        writer: of the stage that is under way, or of the last one.
    """

    stage: int = CELLS
    floor: float | None = None
    writer: WriterMemory | None = None

    @property
    def is_done(self) -> bool:
        """Whether all is written."""
        return self.stage == DONE


@dataclass(frozen=True, slots=True)
class EffectiveSetup:
    """How the array's transfer is measured.

    Args:
        voltage: of a row that is high, above the floor (V).
        slot: time over which a column's current is averaged (s).
        averages: slots of each pattern.
    """

    voltage: float
    slot: float
    averages: int


class StagedWriter:
    """Writes targets into the cells of a region; nothing is sent before the first round.

    Args:
        bench: up.
        region: which cells.
        drive: how they are pulsed, and how well.
        reader: tells the levels of single cells.
        effective: how the transfer is measured; None: the reads of single cells are all there is.
        memory: of an earlier process that began with this.
    """

    def __init__(
        self,
        bench: ProtocolBench,
        region: Region,
        drive: ArrayDrive,
        reader: ArrayReader,
        effective: EffectiveSetup | None = None,
        memory: StageMemory | None = None,
    ) -> None:
        self._bench, self._region, self._drive = bench, region, drive
        self._cellwise, self._effective = reader, effective
        self.memory = memory or StageMemory(floor=None if effective is not None else 0.0)
        self._writer: ArrayWriter | None = None

    @property
    def floor(self) -> float:
        """Level of input lines without a pulse (V); it is looked for if nobody did."""
        if self.memory.floor is None:
            self.memory = replace(self.memory, floor=self._find_floor())
        return self.memory.floor or 0.0

    def written(self) -> ArrayWritten | None:
        """Return where the cells stand; None before the first round."""
        return None if self._writer is None else self._writer.written()

    def rounds(self, targets: Array, touched: frozenset[Cell] = frozenset()) -> Iterator[RoundReport]:
        """Carry out rounds until all is written; `memory` is up to date after each.

        Args:
            targets: levels, shape (rows, columns).
            touched: cells that were, or may have been, written since the last round of an earlier process.
        """
        if self.memory.stage == CELLS:
            writer = self._recalled(self._cellwise, touched)
            yield from self._stage(writer, targets, self._effective is None)
            if self._effective is None:
                return
            self.memory = StageMemory(EFFECTIVE, self.floor)
            writer.retarget(self._transfer_reader(self._effective))
            yield from self._stage(writer, targets, is_last=True)
        elif self.memory.stage == EFFECTIVE and self._effective is not None:
            writer = self._recalled(self._transfer_reader(self._effective), touched)
            yield from self._stage(writer, targets, is_last=True)

    def _recalled(self, reader: ArrayReader, touched: frozenset[Cell]) -> ArrayWriter:
        """Return what writes, as far as an earlier process brought it."""
        self._writer = writer = ArrayWriter(self._bench, self._region, self._drive, reader)
        if self.memory.writer is not None:
            writer.recall(self.memory.writer)
            writer.look(touched)
        return writer

    def _stage(self, writer: ArrayWriter, targets: Array, is_last: bool) -> Iterator[RoundReport]:
        for report in writer.rounds(targets):
            stage = DONE if report.is_done and is_last else self.memory.stage
            self.memory = replace(self.memory, stage=stage, writer=writer.memory())
            yield report

    def _transfer_reader(self, setup: EffectiveSetup) -> EffectiveReader:
        return EffectiveReader(
            self._bench,
            self._region,
            voltage=setup.voltage,
            floor=self.floor,
            slot=setup.slot,
            averages=setup.averages,
        )

    def _find_floor(self) -> float:
        setup = self._effective
        if setup is None:
            return 0.0
        board, die = self._bench.board, self._bench.die
        test = SuperpositionTest(board, die, self._region, setup.voltage, setup.slot, setup.averages)
        return test.find_floor(self._bench.envelope.read_voltage - setup.voltage).voltage
