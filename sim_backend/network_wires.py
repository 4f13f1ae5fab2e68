"""Wires as they are: each line drops voltage along its segments, and cells see what is left.

Every operation solves Kirchhoff's laws for the whole array. None starts from the solution of another: the last digits
of what a world does so depend on its state alone, and a saved world goes on as it would have gone on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from typing_extensions import override

from labctl.board_features import Direction
from labctl.errors import ModelError
from sim_backend.crossbar import schemes
from sim_backend.crossbar.coding import NonlinearProduct
from sim_backend.crossbar.nonlinear import solve_nonlinear
from sim_backend.wiring import Load, ProductPoints, ReadPoint, Stress, Wiring, WritePoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from labctl.board_data import ReadScheme, WriteScheme
    from sim_backend.crossbar.network import Solution
    from sim_backend.crossbar.nonlinear import ArrayLaw
    from sim_backend.crossbar.schemes import DrivenNetwork
    from sim_backend.device_models.interface import CellLaw
    from sim_backend.die import Die

    Array = NDArray[np.float64]

_HELD = 1e-9
"""Relative accuracy of the voltage at which a line is held at its limit."""
_LOWERINGS = 200
"""Most steps in which the drivers of a product's lines come to their limits."""
_LEAST = 1e-15
"""Share of its voltage below which a line is at 0 V: so much is told lines whose limit no voltage keeps."""
_KEPT = 1 << 20
"""Cells whose operating points a product keeps, of all patterns together (16 MiB)."""


@dataclass(frozen=True, slots=True)
class _ArrayLaw:
    """The law of a die's cells in the die's shape."""

    law: CellLaw
    shape: tuple[int, int]

    def current(self, voltage: Array) -> Array:
        return self.law.current(voltage.reshape(-1)).reshape(self.shape)

    def slope(self, voltage: Array) -> Array:
        return self.law.slope(voltage.reshape(-1)).reshape(self.shape)


class Solver:
    """Solves circuits of one die.

    Args:
        die: whose cells they are.
        resistances: of wires, drivers and readers.
    """

    def __init__(self, die: Die, resistances: schemes.LineResistances) -> None:
        self.die = die
        self.resistances = resistances
        self.shape = (die.rows, die.columns)
        self._everywhere = np.arange(die.rows * die.columns)

    def solve(self, circuit: DrivenNetwork) -> Solution:
        """Return what the circuit does with the cells as they are."""
        return solve_nonlinear(circuit.network, self.law(), circuit.sources)

    def law(self) -> ArrayLaw:
        """Return the law of the cells as they are."""
        return _ArrayLaw(self.die.law(self._everywhere), self.shape)

    def stress(self, solution: Solution) -> Stress:
        """Return what the cells see."""
        return Stress(self._everywhere, solution.cell_voltage.reshape(-1))


class NetworkWiring(Wiring):
    """Lines of wire segments; drivers and readers themselves are ideal.

    Args:
        die: whose cells they connect.
        segment: resistance of each segment (ohm), above 0.
    """

    stiff = False

    def __init__(self, die: Die, segment: float) -> None:
        super().__init__(die)
        self._solver = Solver(die, schemes.LineResistances(row_segment=segment, column_segment=segment))

    @override
    def read(self, row: int, columns: NDArray[np.int64], voltage: float, scheme: ReadScheme, limit: float) -> ReadPoint:
        solver = self._solver

        def solution(driven: float) -> Solution:
            # Only the row's own driver is held at its limit; reversed rows stand where they were told to.
            circuit = schemes.read_lines(solver.shape, row, voltage, scheme, solver.resistances)
            circuit.sources.left[row] = driven
            return solver.solve(circuit)

        driven, found = _held(solution, voltage, lambda at: abs(float(at.left[row])), limit)
        across = found.cell_voltage[row, columns]
        return ReadPoint(driven, found.bottom[columns], across, (solver.stress(found),), found.power)

    @override
    def write(self, row: int, column: int, voltage: float, scheme: WriteScheme, limit: float) -> WritePoint:
        solver = self._solver

        def solution(driven: float) -> Solution:
            circuit = schemes.write_lines(solver.shape, row, column, driven, scheme, solver.resistances)
            return solver.solve(circuit)

        driven, found = _held(solution, voltage, _largest_current, limit)
        stress = solver.stress(found)
        cell = row * self.die.columns + column
        across = np.delete(stress.voltage, cell)
        disturbs = self.die.model.disturbs
        disturbed = across.size > 0 and (disturbs(float(across.max())) or disturbs(float(across.min())))
        others = (Stress(np.delete(stress.cells, cell), across),) if disturbed else ()
        headroom = limit - _largest_current(found) if driven == voltage else -limit
        across_cell = float(found.cell_voltage[row, column])
        segments = self._solver.resistances
        way = segments.row_segment * (column + 1) + segments.column_segment * (self.die.rows - row)
        current = float(self.die.current(np.array([cell]), across_cell)[0])
        dropped = way * abs(current / driven) if driven else 0.0
        return WritePoint(driven, across_cell, min(dropped, 1.0), headroom, others, power=found.power)

    @override
    def route(self, row: int, column: int, scheme: ReadScheme) -> Load:
        return NetworkLoad(self._solver, row, column, scheme)

    @override
    def product(self, direction: Direction, limit: float) -> NetworkProduct:
        return NetworkProduct(self._solver, direction, limit)


class NetworkProduct:
    """A product on wires: one operating point a pattern, each started from the last one of the same product.

    Args:
        solver: of the array's circuits.
        direction: which lines are inputs.
        limit: of each input line's current (A).
    """

    def __init__(self, solver: Solver, direction: Direction, limit: float) -> None:
        self._rows_in = direction is Direction.ROWS_IN
        self._limit = limit
        side = schemes.Direction.ROWS_IN if self._rows_in else schemes.Direction.COLUMNS_IN
        self._product = NonlinearProduct(solver.law(), solver.shape, side, solver.resistances)
        self._known: dict[bytes, tuple[Solution, NDArray[np.bool_]]] = {}

    def points(self, patterns: NDArray[np.bool_], on: Array, off: Array) -> ProductPoints:
        """Return operating points; arguments as in the interface."""
        found = [self._point(np.where(pattern, on, off)) for pattern in patterns]
        outputs = [at.bottom if self._rows_in else at.left for at, _ in found]
        return ProductPoints(
            np.array(outputs),
            np.array([held for _, held in found]),
            np.array([at.cell_voltage for at, _ in found]),
            np.array([at.power for at, _ in found]),
        )

    def _point(self, told: Array) -> tuple[Solution, NDArray[np.bool_]]:
        """Return the operating point at input voltages (V), and which input lines are held at their limit."""
        key = told.tobytes()
        if key not in self._known:
            found = self._held(told)
            if len(self._known) >= _KEPT // found[0].row_potential.size:
                return found
            self._known[key] = found
        return self._known[key]

    def _held(self, told: Array) -> tuple[Solution, NDArray[np.bool_]]:
        """Lower the drivers of lines beyond their limit until each is within it, or back at what it was told."""
        part, found = np.ones(len(told)), self._product.solve(told)
        for _ in range(_LOWERINGS):
            carried = np.abs(found.left if self._rows_in else found.bottom)
            wanted = np.clip(self._limit / np.maximum(carried, 1e-300) * part, _LEAST, 1.0)
            if (np.abs(wanted - part) <= _HELD * part).all():
                return found, part < 1
            part = wanted
            found = self._product.solve(part * told)
        raise ModelError(f"the lines of a product do not settle at a limit of {self._limit} A")


class NetworkLoad:
    """The array between two of its lines.

    Args:
        solver: of its circuits.
        row: at the high terminal.
        column: at the low terminal.
        scheme: of all other lines.
    """

    stiff = False

    def __init__(self, solver: Solver, row: int, column: int, scheme: ReadScheme) -> None:
        self._solver = solver
        self._place = (row, column)
        self.cell = row * solver.die.columns + column
        self._scheme = scheme

    def current_bound(self, voltage: float) -> float:
        """Return a current (A) that the row never exceeds at `voltage` (V)."""
        die = self._solver.die
        return die.columns * die.model.current_bound(die.conductance_bound, voltage)

    def current(self, voltage: float) -> float:
        """Return the current (A) of the row's terminal at `voltage` (V)."""
        return float(self._solution(voltage).left[self._place[0]])

    def voltage(self, current: float) -> float:
        """Return the voltage (V) at which the row's terminal carries `current` (A)."""
        if current == 0:
            return 0.0
        high = 0.1 if current > 0 else -0.1
        while abs(self.current(high)) < abs(current):
            high *= 2
        return float(brentq(lambda at: self.current(at) - current, 0.0, high, rtol=_HELD))

    def stresses(self, voltage: float) -> tuple[Stress, ...]:
        """Return what every cell sees."""
        return (self._solver.stress(self._solution(voltage)),)

    def _solution(self, voltage: float) -> Solution:
        row, column = self._place
        solver = self._solver
        circuit = schemes.route_lines(solver.shape, row, column, voltage, self._scheme, solver.resistances)
        return solver.solve(circuit)


def _largest_current(solution: Solution) -> float:
    """Return the largest current (A) that any line's driver carries."""
    lines = (solution.left, solution.right, solution.top, solution.bottom)
    return max(float(np.abs(line).max()) for line in lines)


def _held(
    solution: Callable[[float], Solution], voltage: float, load: Callable[[Solution], float], limit: float
) -> tuple[float, Solution]:
    """Return a driver's voltage (V), lowered until `load` (A) is within `limit`, and what the circuit then does."""
    found = solution(voltage)
    if load(found) <= limit:
        return voltage, found
    part = float(brentq(lambda share: load(solution(share * voltage)) - limit, 0.0, 1.0, rtol=_HELD, xtol=1e-12))
    return part * voltage, solution(part * voltage)
