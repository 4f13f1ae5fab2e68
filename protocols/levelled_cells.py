"""Several cells of one column, each brought near a level of its own, and read without a pulse.

Each cell has a row to itself: a read drives a whole row, and would disturb what else is looked at there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.board_data import Cell
from labctl.errors import ParameterError
from labctl.levels import REFERENCE_VOLTAGE
from protocols.approach import Approached, Drive, approach
from protocols.repeated_reads import conductances

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.protocol_bench import ProtocolBench
    from protocols.cell_parameters import PulsedCellParameters

NEAR = 25.0
"""How far (levels) from its level a cell may stand: what is looked for is what happens to it there."""


def cells_in_column(parameters: PulsedCellParameters, count: int) -> tuple[Cell, ...]:
    """Return so many cells, downwards from that of the parameters."""
    return tuple(Cell(parameters.row + index, parameters.column) for index in range(count))


def check_rows(die: Die, parameters: PulsedCellParameters, count: int) -> None:
    """Refuse more cells than the column has from the first one on.

    Raises:
        ParameterError: says how many there are.
    """
    left = die.rows - parameters.row
    if count > left:
        raise ParameterError(
            f"--set levels: {count} levels need {count} cells, one in each row from row {parameters.row} on; "
            f"the die has {left} there"
        )


def bring_near(bench: ProtocolBench, cell: Cell, level: float, parameters: PulsedCellParameters) -> Approached:
    """Bring a cell near a level, as near as it goes.

    Raises:
        EquipmentError: if a read is no measurement.
    """
    scale = bench.die.scale
    samples = min(parameters.samples, bench.board.capabilities().averages_max)
    drive = Drive.of(bench, parameters, REFERENCE_VOLTAGE, samples)
    return approach(bench.board, cell, scale.conductance(level), NEAR * scale.step, drive)


def read_cells(bench: ProtocolBench, cells: Sequence[Cell], voltage: float, samples: int) -> NDArray[np.float64]:
    """Read cells once, in their order; return their conductances (S), shape (n,).

    Raises:
        EquipmentError: if a read is no measurement.
    """
    return conductances(bench.board.read(cells, voltage, samples), cells[0])
