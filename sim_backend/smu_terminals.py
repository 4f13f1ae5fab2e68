"""What a source-measure unit sees at its terminals: one cell, or nothing.

The board's port isolates the cell it routes: the other lines neither add to the current nor see the voltage, whatever
the read scheme. Time acts on the cell lazily, when somebody looks or changes something.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from labctl.backend import Clock
    from sim_backend.die import Die

SAMPLE_TIME = 5e-6
"""Time over which one sample of the read noise is taken, in s: the board's converter runs at 200 kSPS."""
_RELATIVE_STEP = 0.01
"""Under compliance the voltage follows the cell: largest relative change of its conductance in one step."""
_STATE_STEP = 0.25
"""Steps of this many states are always taken, however small the conductance."""


@dataclass(frozen=True, slots=True)
class Operating:
    """Where an instrument and a cell meet: voltage (V), current (A), and whether the limit holds the output back."""

    voltage: float
    current: float
    in_compliance: bool


@dataclass(slots=True)
class Port:
    """What the terminals are connected to: an index array of one cell, or None where the circuit is open."""

    cell: NDArray[np.int64] | None


class SmuTerminals:
    """The terminals of one source-measure unit.

    Args:
        die: whose cells can be routed.
        clock: the world's.
        port: shared with the board that routes it.
        note: called as `note(cell, voltage, duration, samples)` after something was done to a cell.
    """

    def __init__(
        self, die: Die, clock: Clock, port: Port, note: Callable[[NDArray[np.int64], float, float, int], None]
    ) -> None:
        self._die = die
        self._clock = clock
        self._port = port
        self._note = note
        self._on = False
        self._voltage = 0.0
        self._limit = 0.0
        self._since = clock.now()

    def drive(self, voltage: float, limit: float) -> None:
        """Switch the output on, or change its level (V) or limit (A); first the time since the last change acts."""
        self.settle()
        self._on, self._voltage, self._limit = True, voltage, limit

    def release(self) -> None:
        """Switch the output off: open terminals."""
        self.settle()
        self._on = False

    def measure(self, duration: float) -> Operating:
        """Return the mean over the last `duration` (s), which has passed on the clock, with the cell's read noise.

        A cell that moves under the voltage is measured in the state it has reached. In compliance the instrument
        holds the current, so its reading has no noise of the cell.
        """
        self.settle()
        if not self._on:
            return Operating(0.0, 0.0, in_compliance=False)
        cell = self._port.cell
        if cell is None:
            return Operating(self._voltage, 0.0, in_compliance=False)
        samples = max(1, round(duration / SAMPLE_TIME))
        operating = self._operating(cell)
        noise = float(self._die.sample_noise(cell, operating.voltage, samples)[0])
        self._note(cell, operating.voltage, duration, samples)
        if operating.in_compliance:
            return operating
        return Operating(operating.voltage, operating.current + noise, in_compliance=False)

    def settle(self) -> None:
        """Let the time since the last look act on the routed cell."""
        now = self._clock.now()
        elapsed, self._since = now - self._since, now
        cell = self._port.cell
        if not self._on or cell is None or elapsed <= 0 or abs(self._voltage) < self._die.device.hard_threshold:
            return
        count = int(self._die.write_count.reshape(-1)[cell][0])
        most = self._die.cell.conduction.current_bound(self._die.conductance_bound, self._voltage)
        if most <= self._limit:
            self._die.expose(cell, self._voltage, elapsed)
        else:
            self._follow(cell, elapsed)
        if int(self._die.write_count.reshape(-1)[cell][0]) != count:
            self._note(cell, self._voltage, elapsed, 0)

    def _follow(self, cell: NDArray[np.int64], elapsed: float) -> None:
        """Let `elapsed` (s) act in steps, as the limit makes the voltage follow the conductance."""
        step = elapsed
        while elapsed > 0:
            voltage = self._operating(cell).voltage
            step = self._step(cell, voltage, min(step, elapsed))
            if not self._die.expose(cell, voltage, step):
                return
            elapsed -= step
            step *= 2

    def _step(self, cell: NDArray[np.int64], voltage: float, step: float) -> float:
        """Return the largest half, quarter, ... of `step` (s) over which the cell changes little."""
        model = self._die.cell
        state = self._die.state.reshape(-1)[cell]
        conductance = float(self._die.conductance_of(cell)[0])
        while True:
            moved = model.kinetics.advance(state, voltage, step)
            change = model.conduction.conductance(moved) - model.conduction.conductance(state)
            small = abs(float(change[0])) <= _RELATIVE_STEP * conductance
            if small or abs(float(moved[0] - state[0])) <= _STATE_STEP:
                return step
            step /= 2

    def _operating(self, cell: NDArray[np.int64]) -> Operating:
        """Return where output and cell meet, without noise."""
        die = self._die
        current = float(die.current(cell, self._voltage)[0])
        if abs(current) <= self._limit:
            return Operating(self._voltage, current, in_compliance=False)
        held = math.copysign(self._limit, self._voltage)
        return Operating(die.voltage(cell, held), held, in_compliance=True)
