"""Proportional control: the pulse time is the distance left, times the published time of a level. Nothing is learned.

Source: the proportional term of feedback control, as iterative programming of multilevel memory uses it: N. Papandreou
et al., "Programming algorithms for multilevel phase-change memory", ISCAS 2011. A cell that is faster than assumed
by a factor of two or more swings about its target; one that is slower takes more bursts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from typing_extensions import override

from protocols.write_algorithms.interface import Shot
from protocols.write_algorithms.last_reads import LastReads, LastState

if TYPE_CHECKING:
    from protocols.write_algorithms.interface import Move


@dataclass(frozen=True, slots=True)
class ProportionalMemory:
    """What proportional control knows between two bursts: where the cell stands."""

    last: LastState
    kind: Literal["proportional"] = "proportional"


class Proportional(LastReads[ProportionalMemory]):
    """Fixed gains, both directions."""

    @override
    def aim(self, target: float, time_min: float) -> Shot:
        distance = target - self.state
        gain = self._gain(distance)
        return Shot(distance, abs(distance) / gain, time_min * gain / 2)

    @override
    def memory(self) -> ProportionalMemory:
        return ProportionalMemory(self._last())

    @override
    def recall(self, memory: ProportionalMemory) -> None:
        self._recall_last(memory.last)

    @override
    def _gain(self, sign: float) -> float:
        return self._prior.gain(sign)

    @override
    def _gain_spread(self, sign: float) -> float:
        return self._prior.gain_spread

    @override
    def _learn(self, move: Move, reading: float, variance: float) -> None:
        """Nothing."""
