"""The electrical energy that goes into an array: what its lines carry, times the voltages they stand at.

Pulses and reads on ideal wires are taken down as they come and worked out some hundreds at a time. The cell of a pulse
counts by its own law, before and after. All other cells count by the sums of their conductances and by the bend of one
of them, which conducts like the mean cell: exact where cells bend alike, and to first order where they do not.
Where wires are solved, and for products and source-measure units, the power comes from the solution itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.die import Die
    from sim_backend.wiring import ReadPoint, WritePoint

    Array = NDArray[np.float64]

_MOST = 512
"""Entries that are worked out together: so many make what is done once for all of them small."""
_DISTURBED = 20e-6
"""Time (s) for which cells beside the pulsed ones may move before their sums are made anew: ours, a sixtieth of what
takes the published film over its range at the whole voltage."""
_ROW = -1
"""Column of an entry without a selected cell."""


class _Entry(NamedTuple):
    """Voltages on the array for some time.

    Args:
        row: of the selected cell, or the row that is read.
        column: of the selected cell; `_ROW`: none.
        voltage: across the selected cell (V).
        beside: across the other cells of its row and column, or across all cells of the row that is read (V).
        rest: across all others (V).
        time: under voltage (s).
        power: of the whole array at the beginning (W), where that is known; beside and rest count for nothing then.
    """

    row: int
    column: int
    voltage: float
    beside: float
    rest: float
    time: float
    power: float | None


class ArrayEnergy:
    """Adds up the energy that goes into one die.

    Args:
        die: whose cells they are.
        isolated_writes: a pulse reaches its own cell and no other.
    """

    def __init__(self, die: Die, isolated_writes: bool = False) -> None:
        self._die = die
        self._isolated_writes = isolated_writes
        self._total = 0.0
        self._entries: list[_Entry] = []
        self._states: list[tuple[list[float], list[float]]] = []
        self._conductance: Array | None = None
        self._disturbed = 0.0

    def total(self) -> float:
        """Return the energy so far (J)."""
        self._work_out()
        return self._total

    def add(self, energy: float) -> None:
        """Add an energy (J) that is known."""
        self._total += energy

    def states_of(self, row: int, column: int) -> list[float]:
        """Return the state variables of a cell, as `pulse` takes them; the entries' sums begin with the first call."""
        if self._conductance is None:
            self._conductance = self._die.conductance()
        return self._die.states[:, row, column].tolist()

    def pulse(self, row: int, column: int, point: WritePoint, voltage: float, time: float, before: list[float]) -> None:
        """Take down a train, or a part of one, that has just acted on a cell.

        Args:
            row: of the cell.
            column: of the cell.
            point: how the lines stood.
            voltage: mean across the cell (V).
            time: under voltage (s).
            before: state variables of the cell before.
        """
        self._states.append((before, self._die.states[:, row, column].tolist()))
        beside, rest = (0.0, 0.0) if self._isolated_writes else (point.beside, point.rest)
        self._entries.append(_Entry(row, column, voltage, beside, rest, time, point.power))
        if len(self._entries) >= _MOST:
            self._work_out()

    def read(self, row: int, point: ReadPoint, rest: float, time: float) -> None:
        """Take down a row that is driven for some time (s), all others being at `rest` (V)."""
        if point.power is not None:
            self._total += point.power * time
            return
        if self._conductance is None:
            self._conductance = self._die.conductance()
        self._entries.append(_Entry(row, _ROW, 0.0, point.driven, rest, time, None))
        if len(self._entries) >= _MOST:
            self._work_out()

    def cells_changed(self, time: float) -> None:
        """Take note that a voltage has changed cells for some time (s) that no entry names."""
        self._disturbed += time
        if self._disturbed >= _DISTURBED and self._entries:
            self._work_out()

    def _work_out(self) -> None:
        """Add what was taken down, in the order in which it happened."""
        entries, states, conductance = self._entries, self._states, self._conductance
        self._entries, self._states, self._conductance, self._disturbed = [], [], None, 0.0
        if not entries or conductance is None:
            return
        before, after, change = self._own(entries, states)
        beside, rest = self._per_siemens(entries, conductance)
        rows, columns = conductance.sum(axis=1).tolist(), conductance.sum(axis=0).tolist()
        cells, whole, energy, number = conductance.tolist(), float(conductance.sum()), 0.0, 0
        for entry, per_beside, per_rest in zip(entries, beside, rest, strict=True):
            row, column = entry.row, entry.column
            if column == _ROW:
                energy += (rows[row] * per_beside + (whole - rows[row]) * per_rest) * entry.time
                continue
            own, near = cells[row][column], rows[row] + columns[column]
            if entry.power is None:
                others = (near - 2 * own) * per_beside + (whole - near + own) * per_rest
                power = others + (before[number] + after[number]) / 2
            else:
                power = entry.power + (after[number] - before[number]) / 2
            energy += power * entry.time
            moved = change[number]
            cells[row][column] += moved
            rows[row] += moved
            columns[column] += moved
            whole += moved
            number += 1
        self._total += energy

    def _own(
        self, entries: list[_Entry], states: list[tuple[list[float], list[float]]]
    ) -> tuple[list[float], list[float], list[float]]:
        """Return the power (W) of each pulse's own cell before and after it, and the rise of its conductance (S)."""
        if not states:
            return [], [], []
        die = self._die
        pulses = [entry for entry in entries if entry.column != _ROW]
        cells = np.array([entry.row * die.columns + entry.column for entry in pulses])
        voltage = np.array([entry.voltage for entry in pulses])
        power: list[Array] = []
        conductance: list[Array] = []
        for moment in zip(*states, strict=True):
            there = np.array(moment).T
            conductance.append(die.conductance_in(cells, there))
            power.append(voltage * die.model.law(there, conductance[-1]).current(voltage))
        return power[0].tolist(), power[1].tolist(), (conductance[1] - conductance[0]).tolist()

    def _per_siemens(self, entries: list[_Entry], conductance: Array) -> tuple[list[float], list[float]]:
        """Return the power (W) of 1 S (by the reference voltage) at the voltages of each entry: beside, elsewhere."""
        die, flat = self._die, conductance.reshape(-1)
        mean = float(np.square(flat).sum() / flat.sum())  # each cell counts by what it conducts
        like = int(np.abs(flat - mean).argmin())
        voltage = np.array([entry.beside for entry in entries] + [entry.rest for entry in entries])
        found, which = np.unique(voltage, return_inverse=True)
        states = np.repeat(die.states.reshape(len(die.states), -1)[:, [like]], len(found), axis=1)
        own = np.full(len(found), flat[like])
        power = (found * die.model.law(states, own).current(found) / own)[which]
        return power[: len(entries)].tolist(), power[len(entries) :].tolist()
