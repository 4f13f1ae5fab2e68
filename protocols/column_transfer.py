"""Brings a row's cells to a conductance, and lets the board and the source-measure unit read them in turn.

The board reads with the other rows grounded. The unit is routed to one cell at a time with all other lines floating:
grounded columns would let it see its whole row. A board's read before and one after the unit's take out what drifts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import Cell, Pulse, ReadScheme, WriteScheme
from labctl.smu_data import SourceSetup
from protocols.approach import BURST_TIME, Drive, approach
from protocols.board_requests import READS_MAX, pulse_slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.protocol_bench import ProtocolBench

NEAR = 25.0
"""How far (levels) from its level a cell may stand: both readers read it where it is."""
ERASED = 2.0
"""Level below which a row does not matter any more."""
ERASE_ROUNDS = 8
"""Trains down, each as long as all before it together, after which a row is taken as it is."""
MAP_SAMPLES = 4
"""Of a read that shows how much hangs on a column: 1 % is enough."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one transfer is made.

    Args:
        samples: of one read of the board.
        zero_samples: of its read at 0 V.
        readings: of the unit.
        nplc: integration time of each in power line cycles.
    """

    samples: int
    zero_samples: int
    readings: int
    nplc: float


@dataclass(frozen=True, slots=True)
class CellTransfer:
    """What both readers made of a cell (A); NaN where it was no measurement.

    Args:
        before: the board, before the unit.
        after: the board, after it.
        half: the board at half of the voltage.
        zero: the board at 0 V.
        meter: the unit, mean of its readings.
        meter_zero: the unit at 0 V.
    """

    before: float
    after: float
    half: float
    zero: float
    meter: float
    meter_zero: float


NOTHING = CellTransfer(*[math.nan] * 6)
"""Of a cell that was not read."""


class ColumnTransfer:
    """A row's cells on two readers.

    Args:
        bench: up.
        plan: how.
        drive: how cells are pulsed; None: they are taken as they are.
    """

    def __init__(self, bench: ProtocolBench, plan: Plan, drive: Drive | None) -> None:
        self._bench = bench
        self._plan = plan
        self._drive = drive
        self.columns = bench.die.columns

    def set_up(self, voltage: float, current: float) -> None:
        """Set the unit up for one fixed range of either kind, which hold a voltage (V) and a current (A)."""
        limit = self._bench.envelope.cell_current
        self._bench.smu.configure(SourceSetup(voltage, limit, min(current, limit), self._plan.nplc))

    def rows_cells(self, row: int) -> list[Cell]:
        """Return the cells of a row."""
        return [Cell(row, column) for column in range(self.columns)]

    def read(self, cells: Sequence[Cell], voltage: float, samples: int) -> NDArray[np.float64]:
        """Return the board's currents (A) of cells of one row, NaN where its reader or driver was at its end."""
        readings = self._bench.board.read(cells, voltage, samples)
        return np.where(readings.saturated | readings.in_compliance, np.nan, readings.current)

    def zero(self, row: int) -> NDArray[np.float64]:
        """Return what the board reads of a row at 0 V, shape (columns,) (A)."""
        self._for_board()
        return self.read(self.rows_cells(row), 0.0, self._plan.zero_samples)

    def load(self, voltage: float, beside: int | None = None) -> NDArray[np.float64]:
        """Return the conductance on each column, without that of one row, shape (columns,) (S)."""
        self._for_board()
        die = self._bench.die
        rows = [row for row in range(die.rows) if row != beside]
        cells = [cell for row in rows for cell in self.rows_cells(row)]
        found = [
            self.read(cells[first : first + READS_MAX], voltage, MAP_SAMPLES)
            for first in range(0, len(cells), READS_MAX)
        ]
        currents = np.concatenate([*found, np.zeros(0)]).reshape(len(rows), self.columns)
        total: NDArray[np.float64] = np.nansum(currents, axis=0) / voltage
        return total

    def bring(self, row: int, level: float) -> None:
        """Bring a row's cells near a level, as near as they go.

        Raises:
            EquipmentError: if a read of one is no measurement.
        """
        if self._drive is None:
            return
        self._for_board()
        scale = self._bench.die.scale
        for cell in self.rows_cells(row):
            approach(self._bench.board, cell, scale.conductance(level), NEAR * scale.step, self._drive)

    def erase(self, row: int, level: float) -> None:
        """Bring a row's cells down from a level, to the low end of their range."""
        if self._drive is None:
            return
        self._for_board()
        board, drive, scale = self._bench.board, self._drive, self._bench.die.scale
        cells = self.rows_cells(row)
        width = drive.depression_width
        most = max(1, int(BURST_TIME / (pulse_slot(width) * len(cells))))
        count = max(1, math.ceil(level))
        before = self.read(cells, drive.read_voltage, drive.samples)
        for _ in range(ERASE_ROUNDS):
            board.pulse([Pulse(cell, drive.depression, width, min(count, most)) for cell in cells])
            now = self.read(cells, drive.read_voltage, drive.samples)
            still = scale.step * drive.read_voltage
            if not np.nanmax(now) > ERASED * still or not np.nanmax(np.abs(now - before)) > still:
                break
            before, count = now, 2 * count

    def transfer(self, row: int, columns: range, voltage: float) -> list[CellTransfer]:
        """Return what both readers make of the cells of a row in some columns, in their order."""
        self._for_board()
        cells = [Cell(row, column) for column in columns]
        zero = self.read(cells, 0.0, self._plan.zero_samples)
        half = self.read(cells, voltage / 2, self._plan.samples)
        found: list[CellTransfer] = []
        before = self.read(cells, voltage, self._plan.samples)
        for index, cell in enumerate(cells):
            meter_zero, meter = self._meter(cell, voltage)
            after = self.read(cells, voltage, self._plan.samples)
            board = (float(before[index]), float(after[index]), float(half[index]), float(zero[index]))
            found.append(CellTransfer(*board, meter, meter_zero))
            before = after
        return found

    def _meter(self, cell: Cell, voltage: float) -> tuple[float, float]:
        """Return what the unit reads of a cell at 0 V, and at a voltage (A)."""
        board = self._bench.board
        board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
        with self._bench.routed(cell) as smu:
            zero = smu.measure()
            smu.source(voltage)
            readings = [smu.measure() for _ in range(self._plan.readings)]
            smu.source(0.0)
        self._for_board()
        if any(one.overrange or one.in_compliance for one in (zero, *readings)):
            return math.nan, math.nan
        return zero.current, math.fsum(one.current for one in readings) / len(readings)

    def _for_board(self) -> None:
        self._bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
