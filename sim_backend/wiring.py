"""What lies between the drivers of a board and the cells of a die: which voltage reaches which cell.

Wires are either ideal (`ideal_wires`), and every line stands at its driver's voltage, or a network (`network_wires`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from labctl.errors import UnitError
from labctl.units import parse_quantity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.board_data import ReadScheme, WriteScheme
    from labctl.board_features import Direction
    from sim_backend.die import Die

METAL = 0.5
"""Resistance of a wire segment in ohm, of `wires = "metal"`: the published model's lowest (0.5 to 2.5 a crosspoint)."""


def segment_resistance(wires: str) -> float:
    """Return the resistance (ohm) of one wire segment that the bench file's `wires` asks for; ideal wires have 0.

    Raises:
        UnitError: if it is neither a word nor a resistance.
    """
    if wires == "ideal":
        return 0.0
    if wires == "metal":
        return METAL
    value = parse_quantity(wires, "ohm")
    if value < 0:
        raise UnitError(f"wires = {wires!r}: a resistance cannot be negative")
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Stress:
    """Cells that are not at rest.

    Args:
        cells: flat indices, shape (n,), each once.
        voltage: across each, or across all of them (V).
    """

    cells: NDArray[np.int64]
    voltage: float | NDArray[np.float64]

    def of(self, cell: int) -> Stress:
        """Return what one of the cells sees."""
        here = self.cells == cell
        return Stress(self.cells[here], self.voltage[here] if isinstance(self.voltage, np.ndarray) else self.voltage)


@dataclass(frozen=True, slots=True, eq=False)
class ReadPoint:
    """A row that is driven for a read.

    Args:
        driven: voltage of its driver, lowered if its limit holds it back (V).
        current: into the readers of the columns asked for, shape (n,) (A).
        cell_voltage: across the cells asked for (V).
        stresses: every cell that sees more than nothing.
        power: that goes into the array (W); None where lines are ideal, and it follows from the cells.
    """

    driven: float
    current: NDArray[np.float64]
    cell_voltage: float | NDArray[np.float64]
    stresses: tuple[Stress, ...]
    power: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class WritePoint:
    """A cell that is selected for a write.

    Args:
        driven: voltage between the drivers of its row and column, lowered if a line's limit holds it back (V).
        selected: voltage across the cell itself (V).
        dropped: share of `driven` that the cell's own current drops on its way: what changes as the cell moves.
        headroom: what the line with the largest current could carry beyond it (A); below 0 if it is held at its limit.
        others: every other cell at a voltage that changes cells.
        beside: across the other cells of its row and column, where lines are ideal (V).
        rest: across all others, where lines are ideal (V).
        power: as for a read (W).
    """

    driven: float
    selected: float
    dropped: float
    headroom: float
    others: tuple[Stress, ...]
    beside: float = 0.0
    rest: float = 0.0
    power: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ProductPoints:
    """Operating points of a product: one for each pattern of lines that are on.

    Args:
        current: out of the array into each output's reader, or into it where rows are outputs, shape (k, outputs) (A).
        held: input lines that are held at their limit, shape (k, inputs).
        cell_voltage: across the cells (V); broadcasts with (k, rows, columns).
        power: that goes into the array, shape (k,) (W).
    """

    current: NDArray[np.float64]
    held: NDArray[np.bool_]
    cell_voltage: NDArray[np.float64]
    power: NDArray[np.float64]


class ProductWiring(Protocol):
    """An array whose lines of one side are driven and of the other are read at virtual ground, cells as they were."""

    def points(self, patterns: NDArray[np.bool_], on: NDArray[np.float64], off: NDArray[np.float64]) -> ProductPoints:
        """Return what the array does.

        Args:
            patterns: which inputs are on, shape (k, inputs).
            on: voltage of each input's driver while it is on, shape (inputs,) (V): positive makes rows positive
                against columns on either side.
            off: likewise, while it is off.
        """
        ...


class Load(Protocol):
    """What hangs between the terminals of a source-measure unit."""

    @property
    def cell(self) -> int:
        """Flat index of the cell that is routed."""
        ...

    @property
    def stiff(self) -> bool:
        """Whether each cell's voltage follows from the terminals' alone, whatever the cells conduct."""
        ...

    def current_bound(self, voltage: float) -> float:
        """Return a current (A) that is not exceeded in magnitude at `voltage` (V), whatever states the cells are in."""
        ...

    def current(self, voltage: float) -> float:
        """Return the current (A) that the terminals carry at `voltage` (V), without noise; rising with it."""
        ...

    def voltage(self, current: float) -> float:
        """Return the voltage (V) at which they carry `current` (A)."""
        ...

    def stresses(self, voltage: float) -> tuple[Stress, ...]:
        """Return what the cells see while the terminals stand at `voltage` (V); the routed one is in the first."""
        ...


class Wiring(ABC):
    """The wiring of one die.

    Args:
        die: whose cells it connects.
    """

    stiff: ClassVar[bool]
    """Whether each cell's voltage follows from the drivers' alone, whatever the cells conduct."""

    def __init__(self, die: Die) -> None:
        self.die = die

    @abstractmethod
    def read(self, row: int, columns: NDArray[np.int64], voltage: float, scheme: ReadScheme, limit: float) -> ReadPoint:
        """Drive a row; every column is at virtual ground.

        Args:
            row: which.
            columns: whose readers are asked, shape (n,).
            voltage: of the row's driver (V).
            scheme: what the other rows get.
            limit: of the driven row's current (A).
        """

    @abstractmethod
    def write(self, row: int, column: int, voltage: float, scheme: WriteScheme, limit: float) -> WritePoint:
        """Select a cell.

        Args:
            row: of the cell.
            column: of the cell.
            voltage: of its row's driver against its column's (V).
            scheme: what the other lines get.
            limit: of each line's current (A).
        """

    @abstractmethod
    def route(self, row: int, column: int, scheme: ReadScheme) -> Load:
        """Connect terminals to a cell, high to its row and low to its column; other lines per the scheme."""

    @abstractmethod
    def product(self, direction: Direction, limit: float) -> ProductWiring:
        """Drive all lines of one side and read all of the other; it holds until a cell changes.

        Args:
            direction: which side is driven.
            limit: of each driven line's current (A).
        """
