"""Instruments behind the envelope: what protocols are given, so that no layer above can go around its checks.

Every number is made a plain one here, checked, and passed on as it was checked: what a converter's grid or a whole
microvolt would round beyond the envelope is put out one step lower, inside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from labctl.board_data import Cell, Pulse
from labctl.board_features import Coding
from labctl.errors import InputError
from labctl.forwarding import ForwardingProbeBoard, ForwardingSourceMeter
from labctl.limits import number_of, source_edge, voltage_edge, whole_of, width_edge, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from labctl.board_data import CellReadings, ComplianceAction, PulseReceipt
    from labctl.board_features import ProductReadings, ProductSetup
    from labctl.instruments import ProbeBoard, SourceMeter
    from labctl.limits import Envelope
    from labctl.smu_data import PulseTrain, Reading, SourceSetup


@dataclass(frozen=True, slots=True)
class _Edges:
    """How far a board may go: largest magnitudes of pulses and of reads, in whole uV; rows and columns it has."""

    write: int
    read: int
    rows: int
    columns: int


class LimitedProbeBoard(ForwardingProbeBoard):
    """A probe board that refuses what the envelope does not allow, and passes on the rest."""

    def __init__(self, board: ProbeBoard, envelope: Envelope) -> None:
        super().__init__(board)
        self._envelope = envelope
        self._width_edge = width_edge(envelope.pulse_width)
        self._known_edges: _Edges | None = None

    @override
    def set_compliance(self, limit: float, action: ComplianceAction) -> None:
        limit = self._envelope.check("line_current", limit, "a line current limit")
        if limit <= 0:
            raise InputError(f"a line current limit is above 0, not {limit:g} A")
        super().set_compliance(limit, action)

    @override
    def arm(self, period: float) -> None:
        period = number_of(period, "a watchdog's period")
        if not 0 <= period <= self.watchdog:
            raise InputError(f"a watchdog's period is 0 to {self.watchdog:g} s on this bench, not {period:g} s")
        super().arm(period)

    @override
    def route(self, cell: Cell) -> None:
        super().route(self._cell(cell))

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        voltage = self._read_voltage(voltage)
        return super().read([self._cell(cell) for cell in cells], voltage, whole_of(averages, "a number of samples"))

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        return super().pulse(self._admitted(pulses))

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        voltage = self._read_voltage(voltage)
        return super().pulse_read(self._admitted(pulses), voltage, whole_of(averages, "a number of samples"))

    @override
    def multiply(self, inputs: NDArray[np.float64], setup: ProductSetup) -> ProductReadings:
        try:
            inputs = np.array(inputs, np.float64)
        except (TypeError, ValueError, OverflowError):
            raise InputError("the inputs of a product are an array of numbers") from None
        floor, voltage = number_of(setup.floor, "a floor"), number_of(setup.voltage, "a product's voltage")
        if setup.coding is Coding.AMPLITUDE:
            voltage = 0.0  # without meaning there, and sent all the same
            with np.errstate(invalid="ignore", over="ignore"):  # what is no number then is refused below
                levels = np.append(floor + inputs, floor)
        else:
            levels = np.array([floor, floor + voltage])
        self._envelope.check("read_voltage", float(np.abs(levels).max()), "a product's voltage")
        edge = self._edges().read
        low = round(within(floor * 1e6, edge))
        if setup.coding is Coding.AMPLITUDE:
            inputs = (np.clip(np.rint(inputs * 1e6) + low, -edge, edge) - low) / 1e6
        else:
            voltage = (max(-edge, min(edge, round(voltage * 1e6) + low)) - low) / 1e6
        return super().multiply(inputs, replace(setup, floor=low / 1e6, voltage=voltage))

    def _edges(self) -> _Edges:
        """Return how far the board may go; its grids are its own."""
        if self._known_edges is None:
            able, envelope = self.capabilities(), self._envelope
            self._known_edges = _Edges(
                voltage_edge(envelope.voltage, able.write_step),
                voltage_edge(envelope.read_voltage, able.read_step),
                able.rows,
                able.columns,
            )
        return self._known_edges

    def _read_voltage(self, voltage: float) -> float:
        return _inside(self._envelope.check("read_voltage", voltage, "a read voltage"), self._edges().read)

    def _admitted(self, pulses: Iterable[Pulse]) -> list[Pulse]:
        """Return a list of pulses as they may be put out; all are checked before any is sent."""
        return [self._pulse(pulse) for pulse in pulses]

    def _pulse(self, pulse: Pulse) -> Pulse:
        amplitude = self._envelope.check("voltage", pulse.amplitude, "a pulse amplitude")
        width = self._envelope.check("pulse_width", pulse.width, "a pulse width")
        count = whole_of(pulse.count, "a pulse count")
        if count < 1:
            raise InputError(f"a pulse is put out once or more often, not {count} times")
        cell = self._cell(pulse.cell)
        return Pulse(cell, _inside(amplitude, self._edges().write), within(width, self._width_edge), count)

    def _cell(self, cell: Cell) -> Cell:
        """Return a cell that the board has, with plain numbers."""
        row, column, edges = whole_of(cell.row, "a row"), whole_of(cell.column, "a column"), self._edges()
        if not (0 <= row < edges.rows and 0 <= column < edges.columns):
            raise InputError(f"{self.name} has {edges.rows} rows and {edges.columns} columns, no {cell}")
        return Cell(row, column)


class LimitedSourceMeter(ForwardingSourceMeter):
    """A source-measure unit that refuses what the envelope does not allow, and passes on the rest."""

    def __init__(self, smu: SourceMeter, envelope: Envelope) -> None:
        super().__init__(smu)
        self._envelope = envelope
        self._edge = envelope.voltage
        self._read_edge = envelope.read_voltage

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        voltage = self._envelope.check("voltage", setup.voltage, "a source range")
        limit = self._envelope.check("cell_current", setup.current_limit, "a current limit")
        if limit <= 0:
            raise InputError(f"a current limit is above 0, not {limit:g} A")
        found = super().configure(replace(setup, voltage=voltage, current_limit=limit))
        self._edge = source_edge(self._envelope.voltage, found.voltage)
        self._read_edge = source_edge(self._envelope.read_voltage, found.voltage)
        return found

    @override
    def source(self, voltage: float) -> None:
        super().source(self._level(voltage, "a source voltage"))

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        levels = [self._level(voltage, "a sweep voltage") for voltage in voltages]
        return super().sweep(levels, number_of(delay, "a delay"))

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        width = self._envelope.check("pulse_width", train.width, "a pulse width")
        return super().pulse(
            replace(
                train,
                level=self._level(train.level, "a pulse amplitude"),
                base=self._level(train.base, "a pulse's base level"),
                width=within(width, width_edge(self._envelope.pulse_width)),
                count=whole_of(train.count, "a pulse count"),
                rest=number_of(train.rest, "a rest between pulses"),
            )
        )

    def _level(self, voltage: float, what: str) -> float:
        level = within(self._envelope.check("voltage", voltage, what), self._edge)
        # What only reads must not be rounded to what writes.
        return within(level, self._read_edge) if abs(level) <= self._envelope.read_voltage else level


def _inside(voltage: float, edge: int) -> float:
    """Return a voltage (V), or the edge (uV) on its side if whole microvolts or the grid would take it beyond."""
    return voltage if abs(round(voltage * 1e6)) <= edge else math.copysign(edge / 1e6, voltage)
