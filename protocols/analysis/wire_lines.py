"""The lines of one side of an array, all rows or all columns, as chains of wire segments with one end on the board.

A chain's potentials x obey K x = s for what flows into its nodes, K the conductance matrix of its segments: three
diagonals. So does K + diag(g) with the slopes g of the cells; many lines of many arrays are one long such matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lapack

from labctl.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_SEGMENT = 1e-9
"""A segment counts as at least this share of what holds its line: 64 of them change the line by 1e-7 of that."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Lines of one side.

    Args:
        nodes: of each line.
        segment: resistance between neighbouring nodes, and from the held end's node to what holds it (ohm).
        end: resistance of what holds it (ohm).
        held_first: whether the end in front of the first node is held; otherwise the one behind the last.
    """

    nodes: int
    segment: float
    end: float
    held_first: bool

    @property
    def clamped(self) -> bool:
        """Whether every node stands at the voltage of what holds the line."""
        return self.segment == 0 and self.end == 0

    @property
    def link(self) -> float:
        """Conductance between neighbouring nodes (S)."""
        return 1 / max(self.segment, LEAST_SEGMENT * self.end)

    @property
    def hold(self) -> float:
        """Conductance from the held end's node to what holds it (S)."""
        return 1 / (self.segment + self.end)

    @property
    def place(self) -> int:
        """The held end's node."""
        return 0 if self.held_first else self.nodes - 1

    def outflow(self, potential: Array) -> Array:
        """Return the current (A) out of each node into its line, what holds it at 0 V, shape (..., nodes)."""
        found = np.zeros_like(potential)
        along = np.diff(potential, axis=-1) * self.link
        found[..., :-1] -= along
        found[..., 1:] += along
        found[..., self.place] += potential[..., self.place] * self.hold
        return found

    def loaded(self, slope: Array) -> LoadedChain:
        """Return the lines with cells of these slopes (S) to something that holds still, shape (..., nodes)."""
        return LoadedChain(self, slope)


class LoadedChain:
    """Lines with cells at their nodes, taken apart for solving.

    Args:
        chain: the lines.
        slope: of the cells, shape (..., nodes) (S).

    Raises:
        ParameterError: if a slope is no number.
    """

    def __init__(self, chain: Chain, slope: Array) -> None:
        diagonal = slope + 2 * chain.link
        diagonal[..., 0] -= chain.link
        diagonal[..., -1] -= chain.link
        diagonal[..., chain.place] += chain.hold
        beside = np.full(slope.shape, -chain.link)
        beside[..., -1] = 0.0  # between the last node of a line and the first of the next
        # LAPACK's wrapper takes no matrix of one number: a node that nothing is joined to makes two of it.
        self._alone = slope.size == 1
        flat = np.append(diagonal, 1.0) if self._alone else diagonal.reshape(-1)
        joined = np.zeros(1) if self._alone else beside.reshape(-1)[:-1]
        self._diagonal, self._beside, failed = lapack.dpttrf(flat, joined)
        if failed:
            raise ParameterError("the wires of an array cannot be solved: its cells have undefined conductances")

    def solve(self, current: Array) -> Array:
        """Return the potentials (V) that currents (A) into the nodes cause, both of shape (..., nodes)."""
        flat = np.append(current, 0.0) if self._alone else current.reshape(-1)
        found, _ = lapack.dpttrs(self._diagonal, self._beside, flat[:, None])
        if self._alone:
            found = found[:1]
        return np.asarray(found, np.float64).reshape(current.shape)
