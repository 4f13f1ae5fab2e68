"""Products: vectors on the lines of one side, and what the readers of the other side make of the currents.

A vector's input lines are switched, not swept: between two switching instants nothing moves, so a vector is some
patterns of lines that are on, each for its share of the slot (`crossbar/coding.py`). Charging of lines is left out, as
is drift of the cells within one request. Vectors are worked out one after the other, each at its own time; the
converters' ranges hold all vectors of a request, so that their results come at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from labctl.board_features import Direction
from sim_backend.crossbar.coding import patterns
from sim_backend.device_models.interface import Train
from sim_backend.front_end.board_errors import SAMPLE_TIME, SETTLING_TIME
from sim_backend.front_end.interface import Direction as Side
from sim_backend.wiring import Stress

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim_backend.die import Die
    from sim_backend.front_end.interface import FrontEnd
    from sim_backend.wiring import ProductPoints, Wiring

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

CONVERSION_TIME = SAMPLE_TIME
"""From the end of a slot to the next one, in s: one conversion (the board's specification)."""
_NUMBERS = 1 << 22
"""Most cell voltages that are held at once (32 MiB)."""
_LEAST_SHARE = 1e-12
"""Keeps the noise of a cell that sees as much of one sign as of the other finite; what is left of it is 0."""


@dataclass(frozen=True, slots=True, eq=False)
class ProductDrive:
    """What the drivers of one request are told, on their grid.

    Args:
        direction: which lines are inputs.
        levels: of the input lines while they are on, shape (n, inputs) (V).
        low: level of a line that is off (V); None: lines stay on from the routing to the last conversion.
        shares: of the slot during which each line is on, shape (n, inputs), 0 to 1.
        slot: time over which outputs are averaged (s).
        averages: slots.
        limit: of each line's current (A).
    """

    direction: Direction
    levels: Array
    low: float | None
    shares: Array
    slot: float
    averages: int
    limit: float


@dataclass(frozen=True, slots=True, eq=False)
class HeldLines:
    """Lines of one vector that reached their limit: inputs, shape (inputs,), and outputs, shape (outputs,)."""

    inputs: Flags
    outputs: Flags


@dataclass(frozen=True, slots=True, eq=False)
class ProductCurrents:
    """Results; arrays of shape (n, outputs).

    Args:
        current: as the readers give it (A).
        saturated: the reader's largest range does not hold it.
        in_compliance: a line of the product was held at its limit.
    """

    current: Array
    saturated: Flags
    in_compliance: Flags


@dataclass(slots=True, eq=False)
class _Sum:
    """Operating points of one vector, summed up over its slot.

    Args:
        current: mean, shape (outputs,) (A).
        peak: largest magnitude, shape (outputs,) (A).
        held: lines at their limit in any of them.
        mean: of the cells' voltages, smaller where they block by as much as their current is; broadcasts with (rows,
            columns) (V).
        square: mean of the squares of these (V^2).
        passed: share of its conductance that a cell has, 1 where it does not block.
        power: mean of what goes into the array (W).
        lowest: voltage across any cell, or 0 (V).
        highest: likewise.
    """

    current: Array
    peak: Array
    held: HeldLines
    mean: float | Array
    square: float | Array
    passed: float | Array
    power: float
    lowest: float
    highest: float


class Disturb(Protocol):
    """What lets a train act on cells."""

    def __call__(self, stresses: tuple[Stress, ...], train: Train, count: int = 0, /) -> bool:
        """Return whether it changed any."""
        ...


class Product:
    """One request, vector by vector.

    Args:
        die: whose cells they are.
        wiring: of the die.
        front_end: of the board.
        drive: what is asked for.
        disturb: lets a train act on cells and writes it down.
        spend: is told of the energy (J) that goes into the array.
    """

    def __init__(
        self,
        die: Die,
        wiring: Wiring,
        front_end: FrontEnd,
        drive: ProductDrive,
        disturb: Disturb,
        spend: Callable[[float], None],
    ) -> None:
        self._die = die
        self._wiring = wiring
        self._front_end = front_end
        self._drive = drive
        self._disturb = disturb
        self._spend = spend
        self._idle_power: float | None = None
        self._array = wiring.product(drive.direction, drive.limit)
        inputs, outputs = drive.direction.sides(die.rows, die.columns)
        self._lines, self._readers = np.arange(inputs), np.arange(outputs)
        self._cells = np.arange(die.rows * die.columns)
        # Solving a network takes time on the computer: whoever serves the board looks around after each pattern.
        self._block = max(1, _NUMBERS // len(self._cells)) if wiring.stiff else 1
        self._look: Callable[[], None] = _nowhere
        self._axis = 0 if drive.direction is Direction.ROWS_IN else 1
        shape = drive.levels.shape[0], outputs
        self._current, self._peak = np.zeros(shape), np.zeros(shape)
        self._hanging, self._driven = np.zeros(shape), np.zeros(shape)
        self._held = np.zeros(shape, np.bool_)

    def vector(self, number: int, now: float, look: Callable[[], None] | None = None) -> HeldLines:
        """Put one vector on the lines and collect its currents.

        Args:
            number: which, each once, in their order.
            now: the world's time at its end (s).
            look: called from time to time while it is worked out; what it raises breaks it off.
        """
        drive, self._look = self._drive, look or _nowhere
        self._die.time = now
        on = self._told(drive.levels[number])
        off = on if drive.low is None else self._told(drive.low)
        which, _, share = patterns(drive.shares[number : number + 1])
        pieces = list(zip(_split(which, self._block), _split(share, self._block), strict=True))
        found = self._sum(pieces, on, off)
        if self._act(found, pieces, on, off):
            self._array = self._wiring.product(drive.direction, drive.limit)
            found = self._sum(pieces, on, off)
        slots, still = drive.slot * drive.averages, SETTLING_TIME + drive.averages * CONVERSION_TIME
        self._spend(found.power * slots + (found.power if drive.low is None else self._idle(off)) * still)
        self._current[number] = found.current + self._noise(found)
        self._peak[number] = found.peak
        self._load(number, found)
        self._held[number] = found.held.outputs | bool(found.held.inputs.any())
        return found.held

    def results(self) -> ProductCurrents:
        """Convert what was collected of all vectors."""
        drive = self._drive
        found = self._front_end.integrate(
            self._readers, self._current, self._hanging, self._driven, drive.slot, drive.averages,
            Side(drive.direction), self._peak,
        )  # fmt: skip
        return ProductCurrents(found.current, found.saturated, self._held)

    def _idle(self, off: Array) -> float:
        """Return the power (W) while no line is on, which is that of a request's first vector for all of them."""
        if self._idle_power is None:
            none = np.zeros((1, len(off)), np.bool_)
            self._idle_power = float(self._array.points(none, off, off).power[0]) if off.any() else 0.0
        return self._idle_power

    def _told(self, voltage: float | Array) -> Array:
        """Return what the drivers of all input lines put out (V)."""
        return self._front_end.line_voltage(self._lines, voltage, Side(self._drive.direction))

    def _sum(self, pieces: list[tuple[Flags, Array]], on: Array, off: Array) -> _Sum:
        """Sum up operating points over the slot, some patterns at a time."""
        drive, die = self._drive, self._die
        inputs, outputs = drive.direction.sides(die.rows, die.columns)
        held = HeldLines(np.zeros(inputs, np.bool_), np.zeros(outputs, np.bool_))
        found = _Sum(np.zeros(outputs), np.zeros(outputs), held, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for which, share in pieces:
            self._look()
            points = self._array.points(which, on, off)
            current = np.clip(points.current, -drive.limit, drive.limit)
            found.current += share @ current
            found.power += float(share @ points.power)
            np.maximum(found.peak, np.abs(current).max(axis=0), out=found.peak)
            np.logical_or(held.inputs, np.logical_or.reduce(points.held, axis=0), out=held.inputs)
            over = np.logical_or.reduce(np.abs(points.current) > drive.limit, axis=0)
            np.logical_or(held.outputs, over, out=held.outputs)
            # Where cells block, their noise is as much smaller as their current.
            blocks, across = points.cell_voltage < 0, points.cell_voltage
            passed = np.where(blocks, 1 / die.profile.rectification, 1.0)
            seen = across * passed
            found.mean = found.mean + np.einsum("k,kij->ij", share, seen)
            found.square = found.square + np.einsum("k,kij->ij", share, np.square(seen))
            found.passed = found.passed + np.einsum("k,kij->ij", share, passed)
            found.lowest = min(found.lowest, float(across.min()))
            found.highest = max(found.highest, float(across.max()))
        return found

    def _act(self, found: _Sum, pieces: list[tuple[Flags, Array]], on: Array, off: Array) -> bool:
        """Let the vector's voltages act on the cells; return whether they changed any."""
        drive, model = self._drive, self._die.model
        slots = Train(drive.slot, drive.averages, drive.slot + CONVERSION_TIME)
        still = SETTLING_TIME + drive.averages * CONVERSION_TIME
        reached = (found.lowest, found.highest, float(off.min()), float(off.max()))
        if not any(model.disturbs(voltage) for voltage in reached):
            return False
        none = np.zeros((1, len(off)), np.bool_)
        if drive.low is None:
            return self._disturb((self._stress(self._array.points(none, on, on)),), Train(still + slots.time))
        changed = self._disturb((self._stress(self._array.points(none, on, off)),), Train(still))
        for which, share in pieces:
            for pattern, part in zip(which, share.tolist(), strict=True):
                train = Train(part * slots.width, slots.count, slots.period)
                stress = self._stress(self._array.points(pattern[None], on, off))
                changed = self._disturb((stress,), train) or changed
        return changed

    def _stress(self, point: ProductPoints) -> Stress:
        """Return what every cell sees at one operating point."""
        whole = np.broadcast_to(point.cell_voltage[0], (self._die.rows, self._die.columns))
        return Stress(self._cells, np.array(whole, np.float64).reshape(-1))

    def _noise(self, found: _Sum) -> Array:
        """Return the noise (A) that the cells add to each output's mean, shape (outputs,).

        Slow noise follows the mean of the voltage, white noise the time that a cell is under voltage.
        """
        die, drive = self._die, self._drive
        shape = (die.rows, die.columns)
        mean, square = (np.broadcast_to(each, shape).reshape(-1) for each in (found.mean, found.square))
        part = np.divide(np.square(mean), square, out=np.ones_like(square), where=square > 0)
        samples = max(1, round(drive.averages * drive.slot / SAMPLE_TIME))
        part = np.maximum(part, _LEAST_SHARE) * (drive.averages * drive.slot / SAMPLE_TIME / samples)
        time = drive.averages * (drive.slot + CONVERSION_TIME)
        noise = die.sample_noise(self._cells, np.abs(mean), samples, time, part) * np.sign(mean)
        total: Array = noise.reshape(shape).sum(axis=self._axis)
        return total

    def _load(self, number: int, found: _Sum) -> None:
        """Note the conductances that load each reader, and through which it hears the drivers' noise."""
        die = self._die
        conductance = die.conductance_of(self._cells).reshape(die.rows, die.columns) * found.passed
        self._hanging[number] = conductance.sum(axis=self._axis)
        self._driven[number] = np.sqrt(np.square(conductance).sum(axis=self._axis))


def _nowhere() -> None:
    """Look nowhere."""


def _split(rows: NDArray[Any], most: int) -> list[NDArray[Any]]:
    """Return an array in pieces of at most so many rows."""
    return [rows[first : first + most] for first in range(0, len(rows), most)]
