"""What an iterative solution of a linear circuit is asked for, and what it answers; the two solvers share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ITERATIONS_MAX = 5_000
"""Of conjugate gradients; 6 are usual, some 60 with cells of 5.9 mS on 256 x 256 wires of 2.5 ohm."""
COARSEST = 0.01
"""However loosely a solution is asked for, the last sweep's move is at most this share of the first one's."""


@dataclass(frozen=True, slots=True)
class Stop:
    """When a solution is good enough, by how far one more sweep over all lines would move any row node (V).

    Args:
        move: nodes are right to this (V), or
        relative: to this share of the first sweep's largest move m, or
        per_volt: a sweep moves them by this times m^2 (1/V) only: what an iteration around this solution asks for.
    """

    move: float = 0.0
    relative: float = 0.0
    per_volt: float = 0.0

    def target(self, first: float, stiffness: float) -> float:
        """Return the largest move (V) to stop at.

        Args:
            first: the first sweep's largest move (V).
            stiffness: how many times farther off than a sweep's move a node may be, as the steps so far have shown.
        """
        exact = max(self.move, self.relative * first) / stiffness
        return max(exact, first * min(self.per_volt * first, COARSEST))


LINEAR = Stop(relative=1e-15)
"""For a solution that nothing refines afterwards."""


@dataclass(frozen=True, slots=True, eq=False)
class Potentials:
    """Potentials of a circuit whose sources stand at 0 V.

    Args:
        row: of row nodes, shape (rows, columns) (V).
        column: of column nodes.
        first: the largest move of a row node in the first sweep (V).
        last: in the last one.
        iterations: of conjugate gradients.
    """

    row: Array
    column: Array
    first: float
    last: float
    iterations: int


class Solver(Protocol):
    """A circuit of given conductances, factored line by line.

    Column nodes are eliminated exactly, column line by column line. Conjugate gradients find the row nodes,
    preconditioned by the row lines: an iteration costs one sweep over all lines, as a step of line Gauss-Seidel does.
    """

    def solve(self, into_rows: Array, into_columns: Array, stop: Stop) -> Potentials:
        """Return potentials for currents into the nodes, both of shape (rows, columns) (A)."""
        ...
