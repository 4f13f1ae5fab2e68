"""Secant method: the next pulse time follows from the slope of the last move in its direction that was long enough.

Source: the secant method of root finding (J. F. Traub, "Iterative Methods for the Solution of Equations",
Prentice-Hall 1964), on the conductance as a function of pulse time. A cell cannot be moved back along that function:
each direction has its own slope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from protocols.write_algorithms.interface import SIGNIFICANT, Shot, probing
from protocols.write_algorithms.last_reads import LastReads, LastState

if TYPE_CHECKING:
    from protocols.write_algorithms.interface import Move, Prior

WORTH = 0.1
"""Largest relative noise of a slope that takes the place of the one before it."""
LEARNED_SPREAD = 0.1
"""Relative error that a measured slope is taken to have elsewhere in the range: ours; it decides how well the read
after a move is made, not where the move goes."""
MOST = 10.0
"""Most by which one move changes a slope (a factor): what is further off takes two moves."""


@dataclass(frozen=True, slots=True)
class SecantMemory:
    """What the secant method knows between two bursts.

    Args:
        last: where the cell stands.
        gains: of potentiation and of depression (levels per s).
        measured: whether either was measured on this cell.
    """

    last: LastState
    gains: tuple[float, float]
    measured: tuple[bool, bool]
    kind: Literal["secant"] = "secant"


class Secant(LastReads[SecantMemory]):
    """The slope of the last worthwhile move, for either direction."""

    def __init__(self, prior: Prior) -> None:
        super().__init__(prior)
        self._gains = [prior.potentiation, prior.depression]
        self._measured = [False, False]

    @override
    def aim(self, target: float, time_min: float) -> Shot:
        distance = target - self.state
        gain, measured = self._gain(distance), self._measured[_index(distance)]
        if not measured:
            distance = probing(distance, self.state)
        return Shot(distance, abs(distance) / gain, time_min * gain / 2 if measured else 0.0, is_probe=not measured)

    @override
    def memory(self) -> SecantMemory:
        up, down = self._gains
        known_up, known_down = self._measured
        return SecantMemory(self._last(), (up, down), (known_up, known_down))

    @override
    def recall(self, memory: SecantMemory) -> None:
        self._recall_last(memory.last)
        self._gains, self._measured = list(memory.gains), list(memory.measured)

    @override
    def _gain(self, sign: float) -> float:
        return self._gains[_index(sign)]

    @override
    def _gain_spread(self, sign: float) -> float:
        return LEARNED_SPREAD if self._measured[_index(sign)] else self._prior.gain_spread

    @override
    def _learn(self, move: Move, reading: float, variance: float) -> None:
        """Take the slope of a move that stood out from the noise.

        A cell that hardly moved where the slope is a guess bounds it; one that stands still with a slope that was
        measured is at the end of its range, and the slope holds elsewhere.
        """
        index, way = _index(move.sign), move.way(reading)
        reads = move.variance + variance
        least = SIGNIFICANT * math.sqrt(reads)
        if way > least and reads + self._prior.write_noise**2 * move.expected <= (WORTH * way) ** 2:
            found, self._measured[index] = way / move.time, True
        elif way <= least < move.expected and not self._measured[index]:
            found = (max(way, 0.0) + least) / move.time
        else:
            return
        gain = self._gains[index]
        self._gains[index] = min(max(found, gain / MOST), gain * MOST)


def _index(sign: float) -> int:
    """Return where the gain of pulses of `sign` stands."""
    return 0 if sign > 0 else 1
