"""Readers of one cell: the probe board itself, or a source-measure unit that the board lets through to the cell.

Either gives a state in levels, and pulses are the board's with both. Lines of a known resistance are reckoned out: a
cell behind them sees less than the read voltage.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.errors import EquipmentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from labctl.board_data import Cell, CellReadings, Pulse, PulseReceipt
    from labctl.instruments import ProbeBoard, SourceMeter
    from labctl.levels import LevelScale

CELL_SHARE_MIN = 0.05
"""Least share of the read voltage that the lines may leave for the cell: below it a read tells of the lines only."""


@dataclass(frozen=True, slots=True)
class ReadScale:
    """Which level a current at the read voltage means.

    Args:
        levels: of the die.
        voltage: of the read, at which levels are defined (V).
        line_resistance: from the reader to the cell and back (ohm); 0: none, or not known.
        conduction_voltage: V0 (V) of the cell's current, I ~ sinh(V / V0); matters behind lines only.
    """

    levels: LevelScale
    voltage: float
    line_resistance: float = 0.0
    conduction_voltage: float = math.inf

    def level(self, current: float, voltage: float) -> float:
        """Return the level of a cell that carries `current` (A) while `voltage` (V) stands at its lines' ends.

        Raises:
            EquipmentError: if the lines alone would take that voltage: their resistance cannot be so high.
        """
        if self.line_resistance == 0.0:
            return self.levels.level(current / voltage)
        left = voltage - current * self.line_resistance
        if left < CELL_SHARE_MIN * voltage:
            raise EquipmentError(
                f"a read of {current:.4g} A at {voltage:.4g} V leaves no voltage for a cell behind lines of "
                f"{self.line_resistance:.4g} ohm; give the right line_resistance"
            )
        at_reference = math.sinh(self.voltage / self.conduction_voltage) / math.sinh(left / self.conduction_voltage)
        return self.levels.level(current * at_reference / self.voltage)


class CellReader(ABC):
    """Reads one cell, and pulses it.

    Args:
        board: in an open session, armed.
        cell: where.
        scale: of what is read.
    """

    def __init__(self, board: ProbeBoard, cell: Cell, scale: ReadScale) -> None:
        self._board = board
        self._cell = cell
        self._scale = scale

    survey_samples: int
    """Samples of a read of a survey of the read noise: about what a deciding read takes."""

    @abstractmethod
    def read(self, samples: int) -> float:
        """Return the level that a read of `samples` samples shows.

        Raises:
            EquipmentError: if the reading is no measurement: the run stops rather than pulse on a wrong figure.
        """

    @abstractmethod
    def pulse_read(self, pulse: Pulse, samples: int) -> tuple[PulseReceipt, float]:
        """Put out a pulse, then read as `read` does."""


class BoardReader(CellReader):
    """Reads with the board's own converter."""

    survey_samples = 8

    @override
    def read(self, samples: int) -> float:
        return self._level_of(self._board.read([self._cell], self._scale.voltage, samples))

    @override
    def pulse_read(self, pulse: Pulse, samples: int) -> tuple[PulseReceipt, float]:
        receipt, readings = self._board.pulse_read([pulse], self._scale.voltage, samples)
        return receipt, self._level_of(readings)

    def _level_of(self, readings: CellReadings) -> float:
        if readings.saturated[0] or readings.in_compliance[0]:
            what = "saturated its reader" if readings.saturated[0] else "was held back by the line's current limit"
            raise _no_measurement(self._cell, what)
        return self._scale.level(float(readings.current[0]), readings.voltage)


class SmuReader(CellReader):
    """Reads with the source-measure unit, routed to the cell for each read; a sample is one of its readings.

    Args:
        routed: gives the unit to a cell; see the base class for the rest.
    """

    survey_samples = 1  # a power line cycle averages as much as thousands of the board's samples

    def __init__(
        self,
        board: ProbeBoard,
        cell: Cell,
        scale: ReadScale,
        routed: Callable[[Cell], AbstractContextManager[SourceMeter]],
    ) -> None:
        super().__init__(board, cell, scale)
        self._routed = routed

    @override
    def read(self, samples: int) -> float:
        with self._routed(self._cell) as smu:
            smu.source(self._scale.voltage)
            readings = [smu.measure() for _ in range(samples)]
            smu.source(0.0)
        if any(reading.overrange or reading.in_compliance for reading in readings):
            what = "did not fit the range" if readings[0].overrange else "was held back by the current limit"
            raise _no_measurement(self._cell, what)
        current = math.fsum(reading.current for reading in readings) / samples
        return self._scale.level(current, self._scale.voltage)

    @override
    def pulse_read(self, pulse: Pulse, samples: int) -> tuple[PulseReceipt, float]:
        receipt = self._board.pulse([pulse])
        return receipt, self.read(samples)


def _no_measurement(cell: Cell, what: str) -> EquipmentError:
    return EquipmentError(f"the read of {cell} {what}; lower read_voltage, or look for a short")
