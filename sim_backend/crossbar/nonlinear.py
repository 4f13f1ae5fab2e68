"""Cells whose current is any rising function of their voltage: damped Newton on the network's co-content.

Potentials at which Kirchhoff's current law holds everywhere are the minimum of a convex function of them, the
co-content (half the power in wires, and each cell's integral of current over voltage). Each Newton step solves the
circuit of the cells' slopes; a line search makes it converge from anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ModelError
from sim_backend.crossbar.balance import ArrayLaw, Equations
from sim_backend.crossbar.circuit import Circuit, solution_of
from sim_backend.crossbar.first_guess import first_guess
from sim_backend.crossbar.iteration import Stop

if TYPE_CHECKING:
    from sim_backend.crossbar.network import Network, Solution, Sources

__all__ = ["ArrayLaw", "solve_nonlinear"]

TOLERANCE = 1e-9
"""The last Newton step, over the range of the sources' voltages: it converges quadratically, so the error is less."""
NEWTON_MAX = 100
"""Most Newton steps: 4 to 8 are usual, 15 for sinh cells at 20 times their scale of voltage."""
OVERSHOOT = 0.1
"""Share of the first fall of the co-content at which it may rise behind a step: a Newton step ends near 0."""
CAUTIOUS_AFTER = 25
"""Newton steps after which none may end on a rise at all: each then is sure to lower the co-content."""
NEAR = 1e-7
"""Steps, over the range of the sources' voltages, that are taken whole: what a line search would see are roundings."""

ROUNDINGS = 8 * float(np.finfo(np.float64).eps)
"""Steps, over the sources' voltages, that say nothing."""
NOTHING = 1e-30
"""A move (V) that says nothing at any voltage: it drives one electron in 250,000 years through a cell of 20 mS. Far
below it the power at a node, which the line search goes by, is smaller than any float."""


def solve_nonlinear(
    network: Network,
    law: ArrayLaw,
    sources: Sources,
    start: Solution | None = None,
    tolerance: float = TOLERANCE,
) -> Solution:
    """Return potentials and currents of a crossbar of nonlinear cells.

    Args:
        network: everything but the cells.
        law: of the cells.
        sources: voltages behind the terminations.
        start: a solution of a similar circuit, to start from.
        tolerance: how far the last Newton step may have moved any node, as a share of the range of the sources'
            voltages; or else to where steps below 1e-7 of it stop shrinking, as roundings do; or 1e-30 V.

    Raises:
        ModelError: the law returns undefined numbers or falls, or the iteration does not converge.
    """
    equations = Equations(network, law, sources)
    here = equations.at(*first_guess(network, equations, start))
    rounding = ROUNDINGS * max(abs(equations.lowest), abs(equations.highest))
    goal = max(tolerance * equations.span, rounding, NOTHING)
    whole = max(NEAR * equations.span, goal)
    stop = Stop(move=1e-3 * goal, per_volt=0.1 / equations.span if equations.span > 0 else 0.0)
    move = float("inf")
    for step in range(NEWTON_MAX):
        circuit = Circuit(network, equations.slope(here.row - here.column))
        found = circuit.solve(here.row_excess, here.column_excess, stop)
        before, move = move, max(float(np.abs(found.row).max()), float(np.abs(found.column).max()))
        cautious = step >= CAUTIOUS_AFTER
        near = move <= whole
        if near and not cautious:
            here = equations.at(here.row + found.row, here.column + found.column)
        else:
            here = equations.step(here, found.row, found.column, 0.0 if cautious else OVERSHOOT)
        if move <= goal or (near and move > before / 2):
            return solution_of(equations.rows, equations.columns, sources, (here.row, here.column), here.current)
    raise ModelError(
        f"the crossbar of nonlinear cells is not solved after {NEWTON_MAX} Newton steps:"
        f" nodes still move by {move:.3g} V, more than {goal:.3g} V"
    )
