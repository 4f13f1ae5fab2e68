"""Incremental step pulse programming: verified steps from below, in rungs of falling length; overshoot means a reset.

Only potentiating steps approach a target. A step is the longest rung that leaves a fifth of the way as a margin; a step
that hardly moves the cell makes the next one longer by an increment, and one that overshoots is followed by a reset to
some way below the target. Widths carry the increments, amplitudes stay. No gain is learned.

Source: K.-D. Suh et al., "A 3.3 V 32 Mb NAND flash memory with incremental step pulse programming scheme", IEEE J.
Solid-State Circuits 30, 1149 (1995), with the increment in width in place of amplitude, and coarse and fine rungs so
that thousands of levels do not take thousands of verified pulses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from protocols.write_algorithms.interface import Shot
from protocols.write_algorithms.last_reads import LastReads, LastState

if TYPE_CHECKING:
    from protocols.write_algorithms.interface import Move, Prior

RUNGS = (4096.0, 1024.0, 256.0, 64.0, 16.0, 4.0, 1.0)
"""Steps (levels); below the last one, four fifths of the way that is left."""
MARGIN = 0.8
"""Largest share of the way left that one step may be."""
INCREMENT = 1.5
"""By how much a step grows (a factor) after one that hardly moved the cell."""
INCREMENT_MAX = 100.0
"""Most that all increments make of a step (a factor): a cell that stands still then is at the end of its range."""
DEPTH = 4.0
"""How far below its target (levels) a reset aims."""


@dataclass(frozen=True, slots=True)
class IsppMemory:
    """What incremental programming knows between two levels: where the cell stands."""

    last: LastState
    kind: Literal["ispp"] = "ispp"


class Ispp(LastReads[IsppMemory]):
    """A ladder of steps upwards, and resets."""

    def __init__(self, prior: Prior) -> None:
        super().__init__(prior)
        self._growth = 1.0

    @override
    def begin(self) -> None:
        self._growth = 1.0

    @override
    def aim(self, target: float, time_min: float) -> Shot:
        distance = target - self.state
        if distance < 0:
            step = distance - DEPTH
            return Shot(step, self._growth * -step / self._gain(step), 0.0)
        step = next((rung for rung in RUNGS if rung <= MARGIN * distance), MARGIN * distance)
        time = self._growth * step / self._gain(step)
        return Shot(step, max(time, time_min), time_min * self._gain(step) / 2)

    @override
    def predict(self, time: float, sign: float) -> None:
        super().predict(time / self._growth, sign)

    @override
    def update(self, reading: float, variance: float, floor: float = 0.0) -> bool:
        moved = super().update(reading, variance, floor)
        return moved or self._growth < INCREMENT_MAX  # a cell that stands still is slow until increments end

    @override
    def memory(self) -> IsppMemory:
        return IsppMemory(self._last())

    @override
    def recall(self, memory: IsppMemory) -> None:
        self._recall_last(memory.last)

    @override
    def _gain(self, sign: float) -> float:
        return self._prior.gain(sign)

    @override
    def _gain_spread(self, sign: float) -> float:
        return self._prior.gain_spread

    @override
    def _learn(self, move: Move, reading: float, variance: float) -> None:
        if move.is_standstill(reading, variance, self._prior.write_noise):
            self._growth = min(self._growth * INCREMENT, INCREMENT_MAX)
        elif move.way(reading) > move.expected:
            self._growth = 1.0
