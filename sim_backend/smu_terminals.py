"""What a source-measure unit sees at its terminals: the load that the board routes to them, or nothing.

Time acts on the cells lazily, when somebody looks or changes something; so does energy go in. What the board itself
puts on other lines meanwhile (*reverse*) is left out of the energy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.interface import Train
from sim_backend.device_models.validity import check_voltage
from sim_backend.following import LIMITED, beginning, remainder
from sim_backend.noise.flicker import SAMPLE_TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Clock
    from sim_backend.die import Die
    from sim_backend.energy import ArrayEnergy
    from sim_backend.wiring import Load, Stress


@dataclass(frozen=True, slots=True)
class Operating:
    """Where an instrument and a load meet: voltage (V), current (A), and whether the limit holds the output back."""

    voltage: float
    current: float
    in_compliance: bool


@dataclass(slots=True)
class Port:
    """What the terminals are connected to; None where the circuit is open."""

    load: Load | None


class SmuTerminals:
    """The terminals of one source-measure unit.

    Args:
        die: whose cells can be routed.
        clock: the world's.
        port: shared with the board that routes it.
        note: called as `note(stress, duration, samples)` after something was done to cells.
        look: called as `look(what, voltage)` with every voltage that cells see for some time.
        energy: is told of what goes into the array.
    """

    def __init__(
        self,
        die: Die,
        clock: Clock,
        port: Port,
        note: Callable[[Stress, float, int], None],
        look: Callable[[str, float], None],
        energy: ArrayEnergy,
    ) -> None:
        self._die = die
        self._clock = clock
        self._port = port
        self._note = note
        self._look = look
        self._energy = energy
        self._power: float | None = None
        """At the present level and in the present states (W); None while nobody has looked."""
        self._owed = 0.0
        """Time (s) under the present level, whose energy is still to be added."""
        self._on = False
        self._voltage = 0.0
        self._limit = 0.0
        self._since = clock.now()
        self.conversions = 0
        """What the instrument's converter was used for so far: keys its noise."""

    def drive(self, voltage: float, limit: float) -> None:
        """Switch the output on, or change its level (V) or limit (A); first the time since the last change acts."""
        self.finish()
        self._on, self._voltage, self._limit = True, voltage, limit

    def release(self) -> None:
        """Switch the output off: open terminals."""
        self.finish()
        self._on = False

    def measure(self, duration: float) -> Operating:
        """Return the mean over the last `duration` (s), which has passed on the clock, with the cells' read noise.

        A cell that moves under the voltage is measured in the state it has reached. In compliance the instrument
        holds the current, so its reading has no noise of the cells.
        """
        self.settle()
        if not self._on:
            return Operating(0.0, 0.0, in_compliance=False)
        load = self._port.load
        if load is None:
            return Operating(self._voltage, 0.0, in_compliance=False)
        self._die.time = self._clock.now()
        samples = max(1, round(duration / SAMPLE_TIME))
        operating = self._operating(load)
        self._pay(operating)
        stress = load.stresses(operating.voltage)[0]
        # A network's other cells pass their noise on to other lines, or hardly carry any current.
        seen = stress if load.stiff else stress.of(load.cell)
        noise = float(self._die.sample_noise(seen.cells, seen.voltage, samples, duration).sum())
        self._note(stress.of(load.cell), duration, samples)
        if operating.in_compliance:
            return operating
        return Operating(operating.voltage, operating.current + noise, in_compliance=False)

    def count_conversion(self) -> int:
        """Return how many conversions the instrument had done before this one."""
        self.conversions += 1
        return self.conversions - 1

    def settle(self) -> None:
        """Let the time since the last look act on the routed cells."""
        now = self._clock.now()
        elapsed, self._since = now - self._since, now
        load = self._port.load
        if not self._on or load is None or elapsed <= 0:
            return
        disturbs = self._die.model.disturbs
        # Reversed rows see the opposite voltage.
        if not (disturbs(self._voltage) or disturbs(-self._voltage)):
            self._owed += elapsed if self._voltage else 0.0
            return
        self._die.time = now
        if load.stiff and load.current_bound(self._voltage) <= self._limit:
            before = load.current(self._voltage)
            self._expose(load.stresses(self._voltage), elapsed)
            self._energy.add(self._voltage * (before + load.current(self._voltage)) / 2 * elapsed)
        else:
            self._follow(load, elapsed)

    def finish(self) -> None:
        """Let the time since the last look act, before level or load change."""
        self.settle()
        if self._owed and self._port.load is not None:
            self._pay(None if self._power is not None else self._operating(self._port.load))
        self._power = None

    def _pay(self, operating: Operating | None) -> None:
        """Add the energy that is owed, at an operating point, or at the last one."""
        if operating is not None:
            self._power = operating.voltage * operating.current
        self._energy.add((self._power or 0.0) * self._owed)
        self._owed = 0.0

    def _follow(self, load: Load, elapsed: float) -> None:
        """Let `elapsed` (s) act in steps, as limit and wires make the voltages follow the conductances."""
        limited = load.current_bound(self._voltage) > self._limit
        left: Train | None = Train(elapsed)
        step = left
        while left is not None:
            operating = self._operating(load)
            voltage = operating.voltage
            stresses = load.stresses(voltage)
            dropped = LIMITED if limited or not voltage else _dropped(stresses[0].of(load.cell), voltage)
            most = Train(min(left.width, 2 * step.width))
            parts = (beginning(self._die, stress, most, dropped) for stress in stresses)
            step = min((part.train for part in parts), key=lambda train: train.width)
            if not self._expose(stresses, step.width):
                self._owed += left.width
                return
            self._energy.add(voltage * operating.current * step.width)
            left = next(iter(remainder(left, step)), None)

    def _expose(self, stresses: tuple[Stress, ...], duration: float) -> bool:
        """Let a stretch of time act; return whether any cell was at a voltage that changes cells."""
        disturbed = [stress for stress in stresses if self._die.expose(stress.cells, stress.voltage, Train(duration))]
        if disturbed:
            self._energy.cells_changed(duration)
        for stress in disturbed:
            self._note(stress, duration, 0)
        return bool(disturbed)

    def _operating(self, load: Load) -> Operating:
        """Return where output and load meet, without noise.

        Raises:
            ModelError: at a voltage at which the model of the cells says nothing.
        """
        current = load.current(self._voltage)
        if abs(current) <= self._limit:
            found = Operating(self._voltage, current, in_compliance=False)
        else:
            held = math.copysign(self._limit, self._voltage)
            found = Operating(load.voltage(held), held, in_compliance=True)
        check_voltage(self._die.model.profile, found.voltage)
        self._look("a level", found.voltage)
        return found


def _dropped(stress: Stress, voltage: float) -> float:
    """Return which share of the terminals' `voltage` (V) does not reach the one cell of `stress`."""
    return abs(1 - float(np.mean(stress.voltage)) / voltage)
