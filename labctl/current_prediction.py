"""What cells and lines will carry, predicted from what is known of the cells, before anything is put on the lines.

Every estimate errs upwards. A cell that has not been read is taken at the highest level's conductance, one that has at
its last reading. Above the reference voltage its current rises as a hyperbolic sine, below it stays on the chord; it
conducts both ways alike (rectification is not counted on). A potentiating train may raise it on the way. Wires are
taken as ideal: what they drop only lowers currents.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.board_features import Coding, Direction
from labctl.errors import EnvelopeError
from labctl.levels import REFERENCE_VOLTAGE
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from labctl.board_data import CellReadings, Pulse
    from labctl.board_features import ProductSetup
    from labctl.limits import Envelope

RISE_TIME = 10e-6
"""Shortest pulse time (s) in which potentiation takes a cell over its whole range: ours, 130 times faster than the
published film goes at 0.9 V (16,519 pulses of 80 ns)."""
LEAST_VOLTAGE = 0.01
"""Reads below this (V) tell nothing of a cell: offsets of the reader are no longer small beside its current."""
_SELECTED = {WriteScheme.HALF: 1 / 2, WriteScheme.THIRD: 1 / 3}
"""Largest voltage beside the selected cell, on its own lines, as a share of the pulse's."""


@lru_cache(maxsize=1024)
def ohmic_voltage(voltage: float, conduction_voltage: float) -> float:
    """Return by what (V) the conductance at the reference voltage is multiplied to bound the current at `voltage` (V).

    Args:
        voltage: across a cell; its sign does not matter.
        conduction_voltage: V0 of I ~ sinh(V / V0) (V).
    """
    magnitude = abs(voltage)
    return magnitude if magnitude <= REFERENCE_VOLTAGE else _on_the_law(magnitude, conduction_voltage)


def _on_the_law(voltage: float, conduction_voltage: float) -> float:
    """Return the current at `voltage` over the conductance at the reference voltage (V), by the hyperbolic sine."""
    at, reference = voltage / conduction_voltage, REFERENCE_VOLTAGE / conduction_voltage
    try:
        rise = math.exp(at - reference)
    except OverflowError:
        return math.inf
    return REFERENCE_VOLTAGE * rise * math.expm1(-2 * at) / math.expm1(-2 * reference)


class CurrentPrediction:
    """What is known of the cells of one die, and what follows for the currents of a request.

    Args:
        shape: rows and columns.
        top: conductance of the highest level (S), for cells that have not been read.
        conduction_voltage: V0 of I ~ sinh(V / V0) (V).
        envelope: what a cell and a line may carry.
    """

    def __init__(self, shape: tuple[int, int], top: float, conduction_voltage: float, envelope: Envelope) -> None:
        self._top = top
        self._conduction_voltage = conduction_voltage
        self._envelope = envelope
        self._conductance = np.full(shape, top)
        self._is_read = np.zeros(shape, np.bool_)
        self._row_sums: list[float] = []
        self._column_sums: list[float] = []
        self._largest = self._widest = 0.0
        self._sum_up()

    def conductance(self, cell: Cell) -> float:
        """Return what a cell is taken for (S)."""
        return float(self._conductance[cell.row, cell.column])

    @property
    def cells(self) -> int:
        """How many cells the die has."""
        return self._conductance.size

    def written(self, cell: Cell) -> None:
        """Take a cell for the highest level until it is read again: nobody knows how far a write brought it."""
        self._is_read[cell.row, cell.column] = False
        self._set(cell, self._top)

    def all_written(self) -> None:
        """Take every cell for the highest level until it is read again."""
        self._is_read[:] = False
        self._conductance[:] = self._top
        self._sum_up()

    def unread(self) -> list[Cell]:
        """Return the cells that have not been read since they may have become anything, row by row."""
        return [Cell(row, column) for row, column in np.argwhere(~self._is_read).tolist()]

    def check_pulses(self, pulses: Sequence[Pulse], scheme: WriteScheme) -> None:
        """Refuse pulses under which a cell or a line would carry too much; from here on they count as put out.

        Raises:
            EnvelopeError: names the pulse, the cell or the line, and what to do.
        """
        before: list[tuple[Cell, float]] = []
        try:
            for pulse in pulses:
                before.append((pulse.cell, self._raise(pulse)))
                self._check_pulse(pulse, scheme)
        except EnvelopeError:
            for cell, conductance in reversed(before):
                self._set(cell, conductance)
            raise

    def check_read(self, cells: Iterable[Cell], voltage: float, scheme: ReadScheme) -> None:
        """Refuse a read under which a cell or a line is known to carry too much.

        The whole row sees the voltage; with *reverse*, every other row sees it, too. Cells that have not been read
        count for nothing here: a read is how they become known, and the board's own limit holds the line meanwhile.

        Raises:
            EnvelopeError: as for pulses.
        """
        ohmic = self._ohmic(voltage)
        if self._is_harmless(ohmic):
            return
        what = f"a read at {format_quantity(voltage, 'V')}"
        reverse = scheme is ReadScheme.REVERSE
        known = np.where(self._is_read, self._conductance, 0.0)
        for row in range(len(known)) if reverse else sorted({cell.row for cell in cells}):
            column = int(known[row].argmax())
            self._check_cell(what, row, column, ohmic * float(known[row, column]))
            self._check_line(what, "row", row, ohmic * float(known[row].sum()))
        if reverse:
            for column, conductance in enumerate(known.sum(axis=0).tolist()):
                self._check_line(what, "column", column, ohmic * conductance)

    def check_product(self, inputs: NDArray[np.float64], setup: ProductSetup) -> None:
        """Refuse a product under which a cell or a line would carry too much.

        Args:
            inputs: shape (n, inputs): voltages (V) or widths (s), by the coding.
            setup: how.

        Raises:
            EnvelopeError: as for pulses.
        """
        low, high = _levels(inputs, setup)
        highest = float(max(np.abs(low).max(initial=0.0), np.abs(high).max(initial=0.0)))
        if self._is_harmless(self._ohmic(highest)):
            return
        what = f"a product at {format_quantity(highest, 'V')}"
        rows_in = setup.direction is Direction.ROWS_IN
        conductance = self._conductance if rows_in else self._conductance.T
        if low.shape[1:] != conductance.shape[:1]:
            return  # the driver refuses vectors of another length
        ohmic = np.vectorize(self._ohmic, otypes=[np.float64])
        upwards, downwards = (ohmic(np.maximum(sign * low, sign * high).clip(0.0)) for sign in (1.0, -1.0))
        lines = np.maximum(upwards, downwards).max(axis=0)
        cell = np.unravel_index(int((lines[:, None] * conductance).argmax()), conductance.shape)
        row, column = (int(index) for index in (cell if rows_in else cell[::-1]))
        self._check_cell(what, row, column, float(lines[cell[0]] * conductance[cell]))
        names = ("row", "column") if rows_in else ("column", "row")
        for line, current in enumerate((lines * conductance.sum(axis=1)).tolist()):
            self._check_line(what, names[0], line, current)
        outputs = np.maximum(upwards @ conductance, downwards @ conductance).max(axis=0)
        for line, current in enumerate(outputs.tolist()):
            self._check_line(what, names[1], line, current)

    def check_level(self, cell: Cell, voltage: float, scheme: ReadScheme, limit: float) -> None:
        """Refuse a level of an SMU on a routed cell under which a cell or a line would carry too much.

        What the terminals carry, the cell's current included, is held by the instrument's own limit. With *reverse*
        the board puts the opposite voltage on every other row.

        Args:
            cell: that the SMU is routed to.
            voltage: of the level (V).
            scheme: what the other lines get.
            limit: of the SMU's current (A).

        Raises:
            EnvelopeError: as for pulses.
        """
        ohmic = self._ohmic(voltage)
        what = f"a level of {format_quantity(voltage, 'V')}"
        self._check_cell(what, cell.row, cell.column, min(ohmic * self.conductance(cell), limit))
        if scheme is not ReadScheme.REVERSE or voltage <= 0 or self._is_harmless(ohmic):
            return
        others = [row for row in range(len(self._row_sums)) if row != cell.row]
        for row in others:
            column = int(self._conductance[row].argmax())
            self._check_cell(what, row, column, ohmic * float(self._conductance[row, column]))
            self._check_line(what, "row", row, ohmic * self._row_sums[row])

    def learn(self, cells: Sequence[Cell], readings: CellReadings, scheme: ReadScheme) -> None:
        """Take the conductances that a read shows, where it may lower what cells are taken for.

        A negative voltage is blocked by a rectifying cell. With *reverse*, the currents of other rows are taken off a
        column's, unless its cells block: such a read may raise what a cell is taken for, and never lowers it.
        """
        voltage = readings.voltage
        if not voltage >= LEAST_VOLTAGE:
            return
        chord = self._reference(voltage)
        held = readings.saturated | readings.in_compliance
        for cell, current, was_held in zip(cells, readings.current.tolist(), held.tolist(), strict=True):
            found = max(current / chord, 0.0) if chord > 0 and math.isfinite(current) else self._top
            if was_held or scheme is ReadScheme.REVERSE or not math.isfinite(current):
                found = max(found, self.conductance(cell))
            else:
                self._is_read[cell.row, cell.column] = True
            self._set(cell, found)

    def _ohmic(self, voltage: float) -> float:
        return ohmic_voltage(voltage, self._conduction_voltage)

    def _reference(self, voltage: float) -> float:
        """Return by what (V) a current read at `voltage` (V) is divided: the conductance errs upwards.

        Above the reference voltage that is the chord; below it, the chord of the steepest law.
        """
        return voltage if voltage >= REFERENCE_VOLTAGE else _on_the_law(voltage, self._conduction_voltage)

    def _is_harmless(self, ohmic: float) -> bool:
        """Return whether no cell and no line would carry too much, were every cell at one voltage."""
        envelope = self._envelope
        for _ in range(2):
            if ohmic * self._widest <= envelope.line_current and ohmic * self._largest <= envelope.cell_current:
                envelope.expect("cell_current", ohmic * self._largest)
                envelope.expect("line_current", ohmic * self._widest)
                return True
            self._sum_up()
        return False

    def _check_pulse(self, pulse: Pulse, scheme: WriteScheme) -> None:
        row, column, amplitude = pulse.cell.row, pulse.cell.column, pulse.amplitude
        own = float(self._conductance[row, column])
        current = self._ohmic(amplitude) * own
        beside = self._ohmic(amplitude * _SELECTED[scheme])
        # Away from the cell's own lines the third scheme leaves V/3 everywhere, the half scheme nothing.
        rest = self._ohmic(amplitude / 3) * self._widest
        envelope = self._envelope
        most = current + beside * (max(self._row_sums[row], self._column_sums[column]) - own)
        if (
            current <= envelope.cell_current
            and max(most, rest) <= envelope.line_current
            and beside * self._largest <= envelope.cell_current
        ):
            envelope.expect("cell_current", max(current, beside * self._largest))
            envelope.expect("line_current", max(most, rest))
            return
        self._refuse_pulse(pulse, current, beside)

    def _refuse_pulse(self, pulse: Pulse, current: float, beside: float) -> None:
        """Look line by line; what was rounded up on the way may turn out to be harmless."""
        self._sum_up()
        row, column, amplitude = pulse.cell.row, pulse.cell.column, pulse.amplitude
        own = float(self._conductance[row, column])
        what = f"a pulse of {format_quantity(amplitude, 'V')} on row {row}, column {column}"
        self._check_cell(what, row, column, current)
        self._check_line(what, "row", row, current + beside * (self._row_sums[row] - own))
        self._check_line(what, "column", column, current + beside * (self._column_sums[column] - own))
        rest = self._ohmic(amplitude / 3)
        for name, sums in (("row", self._row_sums), ("column", self._column_sums)):
            for line, conductance in enumerate(sums):
                self._check_line(what, name, line, rest * conductance)
        other = np.unravel_index(int(self._conductance.argmax()), self._conductance.shape)
        if (int(other[0]), int(other[1])) != (row, column):
            self._check_cell(what, int(other[0]), int(other[1]), beside * float(self._conductance[other]))

    def _raise(self, pulse: Pulse) -> float:
        """Take a cell for what a train may bring it to; return what it was taken for before."""
        before = self.conductance(pulse.cell)
        if pulse.amplitude > self._envelope.read_voltage and before < self._top:
            raised = before + self._top * pulse.count * pulse.width / RISE_TIME
            self._set(pulse.cell, min(raised, self._top))
        return before

    def _set(self, cell: Cell, conductance: float) -> None:
        row, column = cell.row, cell.column
        change = conductance - float(self._conductance[row, column])
        self._conductance[row, column] = conductance
        self._row_sums[row] += change
        self._column_sums[column] += change
        self._largest = max(self._largest, conductance)
        self._widest = max(self._widest, self._row_sums[row], self._column_sums[column])

    def _sum_up(self) -> None:
        self._row_sums = self._conductance.sum(axis=1).tolist()
        self._column_sums = self._conductance.sum(axis=0).tolist()
        self._largest = float(self._conductance.max())
        self._widest = max(*self._row_sums, *self._column_sums)

    def _check_cell(self, what: str, row: int, column: int, current: float) -> None:
        if current <= self._envelope.cell_current:
            self._envelope.expect("cell_current", current)
            return
        known, remedy = "its last reading", "lower the voltage, or depress the cell first"
        if not self._is_read[row, column]:
            known, remedy = "as it has not been read", "read the cell first, or lower the voltage"
        conductance = format_quantity(float(self._conductance[row, column]), "S")
        raise EnvelopeError(
            f"{what}: the cell at row {row}, column {column} would carry {format_quantity(current, 'A')}, taken at "
            f"{conductance}, {known}; this die allows cell_current up to "
            f"{format_quantity(self._envelope.cell_current, 'A')}; {remedy}"
        )

    def _check_line(self, what: str, name: str, line: int, current: float) -> None:
        if current <= self._envelope.line_current:
            self._envelope.expect("line_current", current)
            return
        is_read = self._is_read[line] if name == "row" else self._is_read[:, line]
        unknown = int(is_read.size - np.count_nonzero(is_read))
        known, remedy = "by the last readings of its cells", "lower the voltage"
        if unknown:
            known = f"{unknown} of its {is_read.size} cells not read yet and taken at {format_quantity(self._top, 'S')}"
            remedy = "read them first, or lower the voltage"
        raise EnvelopeError(
            f"{what}: {name} {line} would carry {format_quantity(current, 'A')}, {known}; this die allows line_current "
            f"up to {format_quantity(self._envelope.line_current, 'A')}; {remedy}"
        )


def _levels(inputs: NDArray[np.float64], setup: ProductSetup) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the two levels (V) at which each input line stands, in either order; both of shape (n, inputs)."""
    table = np.atleast_2d(inputs)
    if setup.coding is Coding.AMPLITUDE:
        return table + setup.floor, table + setup.floor
    low = np.full(table.shape, setup.floor)
    return low, np.where(table > 0, setup.floor + setup.voltage, setup.floor)
