"""One world: die, wiring and clock behind all virtual instruments of a bench.

Wires are ideal: every line stands at its driver's voltage. The world lets no time pass; the panels do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.instruments import ReadScheme, WriteScheme
from sim_backend.audit import Audit, Event
from sim_backend.clock import VirtualClock
from sim_backend.die_file import SavedDie, save_die
from sim_backend.ideal_wires import SELECTIONS, held_write_voltage, lowered, neighbours, rest
from sim_backend.smu_terminals import SAMPLE_TIME, Operating, Port, SmuTerminals

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from labctl.instruments import Cell
    from sim_backend.die import Die

__all__ = ["BoardCounters", "CellCurrents", "Operating", "SmuTerminals", "World"]

SETTLING_TIME = 30e-6
"""Time that a line is driven before its first sample, in s (the board's specification)."""


@dataclass(frozen=True, slots=True)
class CellCurrents:
    """Answer to a group read; arrays of shape (n,).

    Args:
        current: at the column's end, with the cells' read noise (A).
        saturated: never here: it is the reader that saturates.
        in_compliance: the row's driver was held back by its limit.
    """

    current: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    in_compliance: NDArray[np.bool_]


@dataclass(slots=True)
class BoardCounters:
    """What the board counts; its panel owns and updates it, the audit reads it.

    Args:
        boot: power-ups so far.
        delivered: pulses put out since the last one.
    """

    boot: int = 1
    delivered: int = 0


class World:
    """A die on a bench.

    Args:
        die: its cells.
        clock: of the bench.
        has_board: whether a board routes source-measure units to cells; without one they see cell (0, 0).
    """

    def __init__(self, die: Die, clock: VirtualClock, has_board: bool = True) -> None:
        self.die = die
        self.clock = clock
        self.counters = BoardCounters()
        self.audit: Audit | None = None
        """Where the truth is written down; None: nowhere."""
        self._port = Port(None if has_board else np.zeros(1, dtype=np.int64))
        self._smus: dict[str, SmuTerminals] = {}

    @classmethod
    def restored(cls, saved: SavedDie, has_board: bool = True) -> World:
        """Return a world that goes on where a saved one ended: its clock, and the board powered up once more."""
        world = cls(saved.die, VirtualClock(saved.time), has_board)
        world.counters.boot = saved.boot + 1
        return world

    def save(self, path: Path) -> None:
        """Save die, clock time and the board's power-ups to `path`.

        Raises:
            StoreError: if the file cannot be written.
        """
        self._settle()
        save_die(path, self.die, self.clock.now(), self.counters.boot)

    def read_cells(
        self,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        voltage: float,
        averages: int,
        scheme: ReadScheme,
        limit: float,
    ) -> CellCurrents:
        """Return the mean currents of cells of one row, converted together; every column is at virtual ground.

        With ideal wires *ground* and *float* are the same: a floating row is drawn to the columns' 0 V. *Reverse*
        puts the other rows at minus `voltage`, so their small reverse currents add to each column; their noise,
        smaller by the rectification, is left out. A voltage that reaches the threshold acts on the driven cells
        before they are sampled.

        Args:
            rows: shape (n,), all the same.
            columns: shape (n,).
            voltage: of the driven row (V).
            averages: samples.
            scheme: what the other rows get.
            limit: of the driven row's current, all its columns included (A).
        """
        die, row = self.die, int(rows[0])
        line = row * die.columns + np.arange(die.columns)
        held = lowered(lambda across: float(np.abs(die.current(line, across)).sum()), voltage, limit)
        others = np.delete(np.arange(die.rows), row) if scheme == ReadScheme.REVERSE else np.arange(0)
        driven = SETTLING_TIME + averages * SAMPLE_TIME
        self._disturb(line, held, driven, 0)
        self._disturb((others[:, None] * die.columns + np.arange(die.columns)).reshape(-1), -voltage, driven, 0)
        cells = line[columns]
        current = die.current(cells, held) + die.sample_noise(cells, held, averages)
        if others.size:
            current += die.current(others[:, None] * die.columns + columns, -voltage).sum(axis=0)
        self._note("read", cells, held, 0.0, 0, averages)
        return CellCurrents(current, np.zeros(len(cells), np.bool_), np.full(len(cells), held != voltage))

    def pulse_cell(
        self, row: int, column: int, amplitude: float, width: float, count: int, scheme: WriteScheme, limit: float
    ) -> bool:
        """Put out a train of pulses on one cell; half-selected cells see their part of it.

        Args:
            row: of the cell.
            column: of the cell.
            amplitude: of the row against the column (V).
            width: of one pulse (s).
            count: of pulses; the board's counter includes them already.
            scheme: what the other lines get.
            limit: of each line's current (A).

        Returns:
            whether a line reached its limit, and the amplitude was lowered to hold it there.
        """
        die = self.die
        held = held_write_voltage(die, row, column, amplitude, scheme, limit)
        cell = np.array([row * die.columns + column])
        die.expose(cell, held, width * count, count)
        self._note("pulse", cell, held, width, count, 0)
        part = SELECTIONS[scheme]
        if abs(held) * part.neighbours >= die.device.hard_threshold:
            self._disturb(neighbours(die, row, column), held * part.neighbours, width, count)
            if part.rest:
                self._disturb(rest(die, row, column), held * part.rest, width, count)
        return held != amplitude

    def route(self, cell: Cell | None, scheme: ReadScheme) -> None:
        """Connect the source-measure units' port to a cell, high to its row, or to nothing.

        Args:
            cell: which; None opens the port.
            scheme: what the other lines get; the port isolates the cell, so no scheme changes what it sees.
        """
        del scheme
        self._settle()
        self._port.cell = None if cell is None else np.array([cell.row * self.die.columns + cell.column])

    def smu(self, name: str) -> SmuTerminals:
        """Return the terminals of the source-measure unit `name`, created on first use."""
        if name not in self._smus:
            self._smus[name] = SmuTerminals(self.die, self.clock, self._port, self._note_smu)
        return self._smus[name]

    def _settle(self) -> None:
        for terminals in self._smus.values():
            terminals.settle()

    def _disturb(self, cells: NDArray[np.int64], voltage: float, width: float, count: int) -> None:
        """Let a train act on cells that were not selected, or one stretch of `width` (s) if `count` is 0."""
        if cells.size and self.die.expose(cells, voltage, width * max(count, 1), max(count, 1)):
            self._note("pulse", cells, voltage, width, count, 0)

    def _note_smu(self, cell: NDArray[np.int64], voltage: float, duration: float, samples: int) -> None:
        self._note("smu", cell, voltage, duration, 0, samples)

    def _note(
        self, operation: str, cells: NDArray[np.int64], voltage: float, width: float, count: int, averages: int
    ) -> None:
        """Write down what was done to cells, and what they truly are after it."""
        if self.audit is None:
            return
        now, boot, delivered = self.clock.now(), self.counters.boot, self.counters.delivered
        true = zip(cells.tolist(), self.die.conductance_of(cells).tolist(), strict=True)
        columns = self.die.columns
        self.audit.note(
            Event(
                now, operation, cell // columns, cell % columns, voltage, width, count, averages, conductance,
                boot, delivered,
            )
            for cell, conductance in true
        )  # fmt: skip
