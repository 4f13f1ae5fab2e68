"""One world: die, wiring, front end and clock behind all virtual instruments of a bench.

The world lets no time pass; the panels do.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import ReadScheme, WriteScheme
from labctl.units import format_quantity
from sim_backend.audit import Audit, Event
from sim_backend.device_models.interface import Train
from sim_backend.device_models.validity import check_voltage
from sim_backend.die_file import FrontEndState, SavedDie, save_die
from sim_backend.energy import ArrayEnergy
from sim_backend.following import beginning, remainder
from sim_backend.front_end.ideal import IdealFrontEnd
from sim_backend.ideal_wires import CellLoad, IdealWiring
from sim_backend.network_wires import NetworkWiring
from sim_backend.noise.flicker import SAMPLE_TIME
from sim_backend.products import Product
from sim_backend.smu_terminals import Operating, Port, SmuTerminals
from sim_backend.wiring import Stress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from labctl.board_data import Cell
    from sim_backend.clock import VirtualClock
    from sim_backend.die import Die
    from sim_backend.front_end.interface import FrontEnd
    from sim_backend.products import ProductDrive
    from sim_backend.wiring import WritePoint

__all__ = ["BoardCounters", "CellCurrents", "Operating", "SmuTerminals", "World"]

SETTLING_TIME = 30e-6
"""Time that a line is driven before its first sample, in s (the board's specification)."""


@dataclass(frozen=True, slots=True)
class CellCurrents:
    """Answer to a group read; arrays of shape (n,).

    Args:
        current: as the columns' readers give it (A).
        saturated: the reader's largest range does not hold it.
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
        segment: resistance of one wire segment (ohm); 0 for ideal wires.
        front_end: the board's converters and amplifiers; None: ideal ones.
        isolated_writes: a pulse reaches its own cell whole and no other cell at all, for speed.
    """

    def __init__(
        self,
        die: Die,
        clock: VirtualClock,
        has_board: bool = True,
        segment: float = 0.0,
        front_end: FrontEnd | None = None,
        isolated_writes: bool = False,
    ) -> None:
        self.die = die
        self.clock = clock
        self.energy = ArrayEnergy(die, isolated_writes)
        """What goes into the array."""
        self.front_end = front_end or IdealFrontEnd(die.rows, die.columns)
        self.counters = BoardCounters()
        self.audit: Audit | None = None
        """Where the truth is written down; None: nowhere."""
        self.on_pulses: Callable[[int], None] | None = None
        """Is told of pulses that the board puts out, before they reach the die."""
        self.notices: list[str] = []
        """What a reader of the run must know; whoever writes it down empties the list."""
        self._wiring = NetworkWiring(die, segment) if segment > 0 else IdealWiring(die)
        self._writing = IdealWiring(die) if isolated_writes else self._wiring
        self._isolated_writes = isolated_writes
        self._port = Port(None if has_board else CellLoad(die, 0))
        self._smus: dict[str, SmuTerminals] = {}
        self._conversions: dict[str, int] = {}
        self._highest_known = die.model.profile.voltage_known
        die.time = clock.now()

    def restore(self, saved: SavedDie) -> None:
        """Go on where a saved world ended, with the board powered up once more; `saved.die` is this world's die.

        The front end goes on, too, if the saved one was of this one's kind: a die may come from another bench.
        """
        self.counters.boot = saved.boot + 1
        self._conversions = dict(saved.conversions)
        kept = saved.front_end
        if (kept.kind, kept.factory_calibrated) == (self.front_end.kind, self.front_end.factory_calibrated):
            self.front_end.restore(kept.arrays)

    def save(self, path: Path) -> None:
        """Save die, front end, clock time and the board's power-ups to `path`.

        Raises:
            StoreError: if the file cannot be written.
        """
        self._settle()
        end = self.front_end
        state = FrontEndState(end.kind, end.factory_calibrated, end.arrays())
        conversions = self._conversions | {name: smu.conversions for name, smu in self._smus.items()}
        save_die(SavedDie(path, self.die, self.clock.now(), self.counters.boot, state, conversions))

    def read_cells(
        self,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        voltage: float,
        averages: int,
        scheme: ReadScheme,
        limit: float,
        holds: NDArray[np.float64] | None = None,
    ) -> CellCurrents:
        """Return the mean currents of cells of one row, converted together; every column is at virtual ground.

        A voltage that changes cells acts on them before they are sampled. Noise of cells that are not asked for is
        left out: at 0 V or blocked it is smaller than the cells' own by far.

        Args:
            rows: shape (n,), all the same.
            columns: shape (n,).
            voltage: of the driven row, as it is asked for (V).
            averages: samples.
            scheme: what the other rows get.
            limit: of the driven row's current, all its columns included (A).
            holds: shape (n,), largest current that each column's range must hold (A), as `range_currents` returns it.
        """
        die, row = self.die, int(rows[0])
        die.time = self.clock.now()
        driven = float(self.front_end.line_voltage(rows[:1], voltage)[0])
        point = self._wiring.read(row, columns, driven, scheme, limit)
        sampling = averages * SAMPLE_TIME
        if self._disturb(point.stresses, Train(SETTLING_TIME + sampling)):
            point = self._wiring.read(row, columns, driven, scheme, limit)
        rest = -driven if scheme == ReadScheme.REVERSE else 0.0
        self.energy.read(row, point, rest, SETTLING_TIME + sampling)
        cells = row * die.columns + columns
        noise = die.sample_noise(cells, point.cell_voltage, averages, sampling)
        hanging = self._hanging(row, columns, scheme, voltage)
        slope = die.law(cells).slope(point.cell_voltage)
        found = self.front_end.read(columns, point.current + noise, hanging, slope, averages, driver=row, holds=holds)
        self._note("read", Stress(cells, point.cell_voltage), 0.0, 0, averages)
        return CellCurrents(found.current, found.saturated, np.full(len(cells), point.driven != driven))

    def range_currents(
        self,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        voltage: float,
        scheme: ReadScheme,
        limit: float,
    ) -> NDArray[np.float64] | None:
        """Return the largest current (A) on each cell's column over a whole request of reads, arguments as there.

        None where the smallest range of every reader holds all of them: no wire makes a selected cell carry more than
        it does at the whole voltage.
        """
        die, largest = self.die, np.zeros(self.die.columns)
        driven = self.front_end.line_voltage(rows, voltage)
        if np.abs(die.current(rows * die.columns + columns, driven)).max() < self.front_end.smallest_range:
            return None
        for row in np.unique(rows).tolist():
            own = rows == row
            point = self._wiring.read(row, columns[own], float(driven[own][0]), scheme, limit)
            np.maximum.at(largest, columns[own], np.abs(point.current))
        held: NDArray[np.float64] = largest[columns]
        return held

    def product(self, drive: ProductDrive) -> Product:
        """Return a product that is about to be worked out, one vector at a time, with the cells as they are.

        A voltage that changes cells acts on them. What is read of every cell is not in the audit.
        """
        self.die.time = self.clock.now()
        return Product(self.die, self._wiring, self.front_end, drive, self._disturb, self.energy.add)

    def pulse_cell(
        self,
        row: int,
        column: int,
        amplitude: float,
        train: Train,
        scheme: WriteScheme,
        limit: float,
    ) -> bool:
        """Put out a train of pulses on one cell; every other cell sees what reaches it.

        Args:
            row: of the cell.
            column: of the cell.
            amplitude: of the row's driver against the column's (V).
            train: the board's counter includes its pulses already.
            scheme: what the other lines get.
            limit: of each line's current (A).

        Returns:
            whether a line reached its limit, and the amplitude was lowered to hold it there.
        """
        if self.on_pulses is not None:
            self.on_pulses(train.count)
        self.die.time = self.clock.now()
        check_voltage(self.die.model.profile, amplitude)
        self._look_at("a pulse", amplitude)
        cell, held, waiting = np.array([row * self.die.columns + column]), False, [train]
        while waiting:
            left = waiting.pop(0)
            point = self._writing.write(row, column, amplitude, scheme, limit)
            part, voltage = self._part(cell, point, left, limit)
            before = self.energy.states_of(row, column)
            self.die.expose(cell, voltage, part)
            self.energy.pulse(row, column, point, voltage, part.time, before)
            self._note("pulse", Stress(cell, voltage), part.width, part.count, 0)
            if not self._isolated_writes and self._disturb(point.others, part, part.count):
                self.energy.cells_changed(part.time)
            held |= point.driven != amplitude
            waiting = remainder(left, part) + waiting
        return held

    def route(self, cell: Cell | None, scheme: ReadScheme) -> None:
        """Connect the source-measure units' port to a cell, high to its row and low to its column, or to nothing.

        Args:
            cell: which; None opens the port.
            scheme: what the other lines get.
        """
        try:
            self._settle()
        except BaseException:
            # What happened at the terminals cannot be worked out: they are opened all the same.
            self._port.load = None
            raise
        self._port.load = None if cell is None else self._wiring.route(cell.row, cell.column, scheme)

    def smu(self, name: str) -> SmuTerminals:
        """Return the terminals of the source-measure unit `name`, created on first use."""
        if name not in self._smus:
            self._smus[name] = SmuTerminals(
                self.die, self.clock, self._port, self._note_smu, self._look_at, self.energy
            )
            self._smus[name].conversions = self._conversions.get(name, 0)
        return self._smus[name]

    @property
    def has_real_instruments(self) -> bool:
        """Whether instruments have the errors that their makers state; beside an ideal front end they have none."""
        return self.front_end.kind != "ideal"

    def seed_of(self, name: str) -> int:
        """Return the seed of the errors of one instrument."""
        return (zlib.crc32(name.encode()) << 31) ^ self.die.seed

    def _settle(self) -> None:
        for terminals in self._smus.values():
            terminals.finish()

    def _part(self, cell: NDArray[np.int64], point: WritePoint, train: Train, limit: float) -> tuple[Train, float]:
        """Return how much of a train may act before voltages must be looked at again, and the cell's mean voltage (V).

        They change as the cell moves where wires drop a part of them, and where a line comes to its limit.
        """
        stress, dropped, held = Stress(cell, point.selected), point.dropped, point.headroom < 0
        if point.headroom < math.inf:
            current = abs(float(self.die.current(cell, point.selected)[0]))
            # A limit may be so low that the cell's current is beyond what a float can hold: 0.
            if current and (held or beginning(self.die, stress, train, 0.0).rise * current > point.headroom):
                # A line at its limit gives way by the cell's share of its current, and less the steeper the cell's I-V.
                chord = current / abs(point.selected)
                steepness = float(self.die.law(cell).slope(point.selected)[0]) / chord
                dropped = max(dropped, min(current / limit, 1.0) / steepness)
        if not dropped:
            return train, point.selected
        part = beginning(self.die, stress, train, dropped)
        follows = dropped if held else point.dropped
        return part.train, point.selected * (1 - follows * part.rise / 2)

    def _look_at(self, what: str, voltage: float) -> None:
        """Give notice, once, of a voltage beyond what the device is known at."""
        if abs(voltage) > self._highest_known:
            self._highest_known = abs(voltage)
            profile = self.die.model.profile
            self.notices.append(
                f"{what} of {format_quantity(voltage, 'V')}: the model of {profile.name} is known up to "
                f"{format_quantity(profile.voltage_known, 'V')} only"
            )

    def _hanging(self, row: int, columns: NDArray[np.int64], scheme: ReadScheme, voltage: float) -> NDArray[np.float64]:
        """Return the conductances (S) that load each column's amplifier; where cells block, they hardly do."""
        die = self.die
        cells = np.arange(die.rows)[:, None] * die.columns + columns
        conductance = die.conductance_of(cells.reshape(-1)).reshape(cells.shape)
        if scheme != ReadScheme.REVERSE or voltage <= 0:
            return conductance.sum(axis=0)
        own = conductance[row]
        return own + (conductance.sum(axis=0) - own) / die.model.profile.rectification

    def _disturb(self, stresses: tuple[Stress, ...], train: Train, count: int = 0) -> bool:
        """Let a train act on cells; return whether it changed any. `count` pulses are noted; 0: a stretch of time."""
        disturbed = [stress for stress in stresses if self.die.expose(stress.cells, stress.voltage, train)]
        for stress in disturbed:
            self._note("pulse", stress, train.width, count, 0)
        return bool(disturbed)

    def _note_smu(self, stress: Stress, duration: float, samples: int) -> None:
        self._note("smu", stress, duration, 0, samples)

    def _note(self, operation: str, stress: Stress, width: float, count: int, averages: int) -> None:
        """Write down what was done to cells, and what they truly are after it."""
        if self.audit is None:
            return
        now, boot, delivered = self.clock.now(), self.counters.boot, self.counters.delivered
        voltages = np.broadcast_to(stress.voltage, stress.cells.shape).tolist()
        true = zip(stress.cells.tolist(), voltages, self.die.conductance_of(stress.cells).tolist(), strict=True)
        columns = self.die.columns
        self.audit.note(
            Event(
                now, operation, cell // columns, cell % columns, voltage, width, count, averages, conductance,
                boot, delivered,
            )
            for cell, voltage, conductance in true
        )  # fmt: skip
