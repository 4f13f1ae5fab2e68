"""A crossbar as a circuit: what terminates its lines, what drives them, and what Kirchhoff's laws make of it.

Each cell connects node (r, c) of row line r to node (r, c) of column line c. Between neighbouring nodes of a line lies
one wire segment, and one more between each end of the line and whatever terminates it there:

    source --[terminating resistance]--[segment]-- node 0 --[segment]-- ... --[segment]-- node n-1 --[segment]--[...]

An end whose terminating resistance is infinite is open. A line that is open at both ends floats. A segment of 0 ohm
makes the nodes of a line one; together with a termination of 0 ohm the line stands at its source's voltage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SIDE_MAX = 512
"""Most rows or columns: what the board's specification allows, and what fits into memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Everything of the circuit but the cells and the sources' voltages; resistances in ohm.

    Args:
        row_segment: of one wire segment of a row line (>= 0).
        column_segment: of one wire segment of a column line (>= 0).
        left: shape (rows,), what terminates each row in front of column 0 (>= 0, inf where open).
        right: shape (rows,), behind the last column.
        top: shape (columns,), what terminates each column in front of row 0.
        bottom: shape (columns,), behind the last row.

    Raises:
        ModelError: for a negative or undefined resistance, shapes that do not fit, or more than 512 lines a side.
    """

    row_segment: float
    column_segment: float
    left: Array
    right: Array
    top: Array
    bottom: Array

    def __post_init__(self) -> None:
        for name in ("row_segment", "column_segment"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise ModelError(f"{name} = {value} ohm: a wire segment has a finite resistance of 0 or more")
        for name in ("left", "right", "top", "bottom"):
            value = np.asarray(getattr(self, name))
            if value.ndim != 1 or not 1 <= len(value) <= SIDE_MAX:
                raise ModelError(f"{name}: a crossbar has 1 to {SIDE_MAX} lines a side, not shape {value.shape}")
            if np.isnan(value).any() or (value < 0).any():
                raise ModelError(f"{name}[{int(np.argmax(~(value >= 0)))}]: a termination has 0 ohm or more, or inf")
        if len(self.left) != len(self.right) or len(self.top) != len(self.bottom):
            raise ModelError("left and right must name the same rows, top and bottom the same columns")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.left), len(self.top)

    def check_conductances(self, conductance: Array) -> None:
        """Make sure that `conductance` (S) has this network's shape, and that cells could have it.

        Raises:
            ModelError: names the first cell that could not.
        """
        if conductance.shape != self.shape:
            raise ModelError(f"conductances have shape {conductance.shape}, the crossbar {self.shape}")
        wrong = ~(np.isfinite(conductance) & (conductance >= 0))
        if wrong.any():
            row, column = (int(index[0]) for index in np.nonzero(wrong))
            raise ModelError(
                f"cell ({row}, {column}) has {conductance[row, column]} S: finite and 0 or more is possible"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """Voltages (V) behind the terminations; those behind open ends count for nothing.

    Args:
        left: shape (rows,).
        right: shape (rows,).
        top: shape (columns,).
        bottom: shape (columns,).
    """

    left: Array
    right: Array
    top: Array
    bottom: Array


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """What the circuit does.

    Args:
        row_potential: of each row node, shape (rows, columns) (V).
        column_potential: of each column node, shape (rows, columns) (V).
        left: current from each source into the array, shape (rows,) (A); likewise `right`.
        right: see `left`.
        top: current out of the array into each termination, shape (columns,) (A); likewise `bottom`.
        bottom: see `top`.
    """

    row_potential: Array
    column_potential: Array
    left: Array
    right: Array
    top: Array
    bottom: Array

    @property
    def cell_voltage(self) -> Array:
        """Voltage across each cell, row against column, shape (rows, columns) (V)."""
        return self.row_potential - self.column_potential

    @property
    def power(self) -> float:
        """Power that goes into cells and wires between the lines' first nodes (W)."""
        rows, columns = self.row_potential, self.column_potential
        into = self.left @ rows[:, 0] + self.right @ rows[:, -1]
        return float(into - self.top @ columns[0] - self.bottom @ columns[-1])
