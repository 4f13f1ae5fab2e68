"""What a run has cost, on the bench's clock and on the wall's, summed over all processes that worked on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.backend import Clock


@dataclass(frozen=True, slots=True)
class Cost:
    """Time that was spent, work that was broken off included.

    Args:
        bench_time: on the bench's clock (s).
        wall_time: on the wall's (s).
    """

    bench_time: float = 0.0
    wall_time: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.bench_time + other.bench_time, self.wall_time + other.wall_time)


def meter(bench: Clock, wall: Clock, begun: float) -> Callable[[], Cost]:
    """Return what says how much was spent since this was called; on the wall's clock since it showed `begun` (s)."""
    start = bench.now()
    return lambda: Cost(bench.now() - start, wall.now() - begun)
