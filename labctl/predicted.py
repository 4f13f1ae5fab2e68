"""Instruments that predict cell and line currents, and refuse what would be too much before it is sent.

Nothing is refused for want of knowledge: where cells that were not read would make the difference, they are read first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.board_data import ReadScheme, WriteScheme
from labctl.errors import EnvelopeError
from labctl.forwarding import ForwardingProbeBoard, ForwardingSourceMeter
from labctl.levels import REFERENCE_VOLTAGE
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from labctl.board_data import Cell, CellReadings, Pulse, PulseReceipt, Trip
    from labctl.board_features import ProductReadings, ProductSetup
    from labctl.current_prediction import CurrentPrediction
    from labctl.instruments import ProbeBoard, SourceMeter
    from labctl.smu_data import PulseTrain, Reading, SourceSetup

    Look = Callable[[Sequence[Cell], float, int], CellReadings]

_BY_CURRENTS = [ReadScheme.FLOAT, ReadScheme.GROUND, ReadScheme.REVERSE]
LOOK_CELLS = 1024
"""Cells of one read (board specification, section 3)."""
LOOK_SAMPLES = 1
"""Samples of each: the noise of one is far below what matters here."""


class PredictedProbeBoard(ForwardingProbeBoard):
    """A probe board whose reads tell what cells conduct, and whose requests are judged by it.

    Args:
        board: the instrument.
        prediction: of the die's currents; shared by all instruments of a bench.
        read_voltage: the largest voltage (V) that only reads.
        look: reads cells as `board` does, for ourselves: nobody above has seen them afterwards.
    """

    def __init__(
        self, board: ProbeBoard, prediction: CurrentPrediction, read_voltage: float, look: Look | None = None
    ) -> None:
        super().__init__(board)
        self._prediction = prediction
        self._look = look or board.read
        self._look_voltage = min(REFERENCE_VOLTAGE, read_voltage)
        self._looked_at: frozenset[Cell] = frozenset()
        """Cells that a read could tell nothing of."""
        self._write_scheme = WriteScheme.THIRD
        self.read_scheme = ReadScheme.GROUND
        """What the unselected lines get on a read, or the scheme with the larger currents while that is not sure."""

    @override
    def set_scheme(self, write: WriteScheme, read: ReadScheme) -> None:
        # Should the reply be lost, the scheme with the larger currents is assumed.
        self._write_scheme = WriteScheme.HALF if write is WriteScheme.HALF else self._write_scheme
        self.read_scheme = max(read, self.read_scheme, key=_BY_CURRENTS.index)
        super().set_scheme(write, read)
        self._write_scheme, self.read_scheme = write, read

    @override
    def make_safe(self) -> None:
        super().make_safe()
        self._write_scheme, self.read_scheme = WriteScheme.THIRD, ReadScheme.GROUND

    @override
    def clear(self) -> Trip:
        trips = super().clear()
        if trips:  # a trip went through SAFE, which resets the schemes
            self._write_scheme, self.read_scheme = WriteScheme.THIRD, ReadScheme.GROUND
        return trips

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        self._prediction.check_read(cells, voltage, self.read_scheme)
        readings = super().read(cells, voltage, averages)
        self._prediction.learn(cells, readings, self.read_scheme)
        return readings

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        self._judge(lambda: self._prediction.check_pulses(pulses, self._write_scheme))
        return super().pulse(pulses)

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        cells = [pulse.cell for pulse in pulses]
        self._prediction.check_read(cells, voltage, self.read_scheme)
        self._judge(lambda: self._prediction.check_pulses(pulses, self._write_scheme))
        receipt, readings = super().pulse_read(pulses, voltage, averages)
        self._prediction.learn(cells, readings, self.read_scheme)
        return receipt, readings

    @override
    def multiply(self, inputs: NDArray[np.float64], setup: ProductSetup) -> ProductReadings:
        self._judge(lambda: self._prediction.check_product(inputs, setup))
        return super().multiply(inputs, setup)

    def _judge(self, check: Callable[[], None]) -> None:
        """Check a request; before it is refused, read what is not known, once."""
        try:
            check()
        except EnvelopeError:
            unread = [cell for cell in self._prediction.unread() if cell not in self._looked_at]
            if not unread or self.read_scheme is ReadScheme.REVERSE:
                raise
            for start in range(0, len(unread), LOOK_CELLS):
                cells = unread[start : start + LOOK_CELLS]
                self._prediction.check_read(cells, self._look_voltage, self.read_scheme)
                readings = self._look(cells, self._look_voltage, LOOK_SAMPLES)
                self._prediction.learn(cells, readings, self.read_scheme)
            self._looked_at = frozenset(self._prediction.unread())
            check()


class PredictedSourceMeter(ForwardingSourceMeter):
    """A source-measure unit whose levels are judged by what the cell that it is routed to conducts.

    Args:
        smu: the instrument.
        prediction: of the die's currents.
        routed: returns the cell that it is connected to, None if to none.
        read_scheme: returns what the board puts on the other lines.
        read_voltage: the largest voltage (V) that only reads.
        others_may_change: returns whether what a write does to other cells is of no account.
    """

    def __init__(
        self,
        smu: SourceMeter,
        prediction: CurrentPrediction,
        routed: Callable[[], Cell | None],
        read_scheme: Callable[[], ReadScheme],
        read_voltage: float,
        others_may_change: Callable[[], bool],
    ) -> None:
        super().__init__(smu)
        self._prediction = prediction
        self._routed, self._others_may_change = routed, others_may_change
        self._read_scheme = read_scheme
        self._read_voltage = read_voltage
        self._limit = float("inf")

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        found = super().configure(setup)
        self._limit = found.current_limit
        return found

    @override
    def source(self, voltage: float) -> None:
        self._check([voltage])
        super().source(voltage)

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        self._check(voltages)
        return super().sweep(voltages, delay)

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        self._check([train.base, train.level])
        return super().pulse(train)

    def _check(self, voltages: Sequence[float]) -> None:
        """Refuse levels that would be too much, or write other cells; the cell counts as written from here on.

        Raises:
            EnvelopeError: says what to do.
        """
        cell = self._routed()
        if cell is None or not voltages:
            return
        scheme, low, high = self._read_scheme(), min(voltages), max(voltages)
        writes = max(-low, high) > self._read_voltage
        if writes and self._prediction.cells > 1:
            self._check_neighbours(cell, max(low, high, key=abs), scheme)
        for voltage in {low, high}:
            self._prediction.check_level(cell, voltage, scheme, self._limit)
        if writes and self._prediction.cells > 1:
            self._prediction.all_written()
        elif high > self._read_voltage:
            self._prediction.written(cell)

    def _check_neighbours(self, cell: Cell, voltage: float, scheme: ReadScheme) -> None:
        """Refuse a write under which other cells see as much as the routed one, and nobody counts it.

        Lines at 0 V pass the level on to the whole row. Floating ones lead it out along the row, through other cells
        backwards, and back along the column: where cells conduct one way only, these take nearly all of it.
        """
        level = format_quantity(voltage, "V")
        if scheme is not ReadScheme.FLOAT:
            raise EnvelopeError(
                f"a level of {level} would write every cell of row {cell.row}, not only the one in column "
                f"{cell.column}: the read scheme {scheme.name.lower()} holds the other columns at 0 V; let them float "
                "(set_scheme), then route"
            )
        if not self._others_may_change():
            raise EnvelopeError(
                f"a level of {level} may write cells that are in neither row {cell.row} nor column {cell.column}: "
                "through floating lines they see up to as much, backwards; pulse with the board, or, where the die "
                "holds nothing that matters, say so: bench.routed(cell, others_may_change=True)"
            )
