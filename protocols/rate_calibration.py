"""Learns how long pulses take from level to level, up and down, and how much a write scatters, by whole passes.

A scout pass feels its way with no more than a first guess of the widths. Each pass after it is one request: pulses
that should lead from border to border of the map. Times of the passes are averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import Pulse
from labctl.errors import EquipmentError
from labctl.levels import LEVELS
from protocols.analysis.travel_time import EDGES, TravelTime, Way, learn_travel_time
from protocols.board_requests import REQUEST_TIME, pulse_slot

if TYPE_CHECKING:
    from labctl.board_data import Cell
    from labctl.instruments import ProbeBoard
    from labctl.levels import LevelScale
    from protocols.analysis.pulse_choice import WidthLimits

LAST = LEVELS - 1
PIECE = 258.0
"""Levels that a pulse of a scout should pass: a bin of the map."""
PIECE_MIN = 8.0
"""The same near the end of the way."""
PIECES_MAX = 400
"""Pulses after which a scout turns, wherever it is."""
GROWTH = 4.0
"""By how much a scout's pulse may differ in width from the one before."""
END = 4.0
"""A pass has arrived if it is this near to its end (levels)."""
STANDSTILL = 3
"""Widest pulses in a row that move the cell by less than a level: there is no further to go."""
COURSE_MAX = 1000
"""Most pulses of a request: a board takes 1,023."""


@dataclass(frozen=True, slots=True)
class RateMemory:
    """What passes have shown.

    Args:
        up: pulse times (s) at the borders of the map, summed over the passes; of the scout before there is one.
        down: the same of the falling passes.
        passes: how many, the scout aside.
        scatter: squared misses of all pulses (levels squared), the doubt of what they were held against taken off.
        distance: levels that they were to pass.
    """

    up: tuple[float, ...] = ()
    down: tuple[float, ...] = ()
    passes: int = 0
    scatter: float = 0.0
    distance: float = 0.0

    def travel(self, direction: float) -> TravelTime:
        """Return the map of the rising (above 0) or falling direction."""
        times = np.array(self.up if direction > 0 else self.down)
        return TravelTime(EDGES, times / max(self.passes, 1))

    @property
    def write_sigma(self) -> float:
        """Standard deviation of a step of one level (levels)."""
        return math.sqrt(self.scatter / self.distance) if self.distance else 0.0

    @property
    def rate_sigma(self) -> float:
        """Relative standard deviation of the time over the whole range."""
        return self.write_sigma / math.sqrt(LAST * self.passes) if self.passes else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a cell stands: the level read last, and the board's counters then."""

    level: float
    boot: int
    delivered: int


class Puller:
    """Pulses one cell and reads where that led.

    Args:
        board: in an open session, armed.
        cell: where.
        scale: of the die.
        voltage: of the reads (V).
        samples: of each.
        standing: of the cell.
    """

    def __init__(
        self, board: ProbeBoard, cell: Cell, scale: LevelScale, voltage: float, samples: int, standing: Standing
    ) -> None:
        self._board = board
        self._cell = cell
        self._scale = scale
        self._voltage = voltage
        self._samples = samples
        self.standing = standing

    def look(self) -> float:
        """Read the level."""
        readings = self._board.read([self._cell], self._voltage, self._samples)
        level = self._level(
            bool(readings.saturated[0] or readings.in_compliance[0]), readings.current[0], readings.voltage
        )
        self.standing = replace(self.standing, level=level)
        return level

    def put(self, amplitude: float, widths: list[float]) -> list[float]:
        """Put out pulses of one amplitude (V) and these widths (s); return the level after each."""
        pulses = [Pulse(self._cell, amplitude, width) for width in widths]
        receipt, readings = self._board.pulse_read(pulses, self._voltage, self._samples)
        bad = readings.saturated | readings.in_compliance
        levels = [
            self._level(bool(off), current, readings.voltage)
            for off, current in zip(bad, readings.current, strict=True)
        ]
        self.standing = Standing(levels[-1], receipt.boot, receipt.delivered)
        return levels

    def _level(self, bad: bool, current: float, voltage: float) -> float:
        if bad:
            raise EquipmentError(f"a read of {self._cell} is no measurement: saturated, or held back by a limit")
        return self._scale.level(float(current) / voltage)


def scout(puller: Puller, amplitude: float, width: float, limits: WidthLimits) -> Way:
    """Lead the cell to the end of its range by pulses whose widths follow what the last ones did.

    Args:
        puller: of the cell.
        amplitude: of the pulses (V); its sign is that of the way.
        width: first guess of the width of one level (s).
        limits: widths that can be had.
    """
    sign, end = math.copysign(1.0, amplitude), LAST if amplitude > 0 else 0
    level, time, still, slowness = puller.look(), 0.0, 0, width
    times, levels = [time], [level]
    for _ in range(PIECES_MAX):
        left = sign * (end - level)
        if left < END or still == STANDSTILL:
            break
        wanted = min(PIECE, max(PIECE_MIN, left / 2))
        pulse = max(limits.nearest(wanted * slowness), limits.least)
        after = puller.put(amplitude, [pulse])[0]
        moved, level, time = sign * (after - level), after, time + pulse
        times.append(time)
        levels.append(level)
        still = still + 1 if moved < 1 and pulse >= limits.most / GROWTH else 0
        found = pulse / max(moved, pulse / (GROWTH * slowness))
        slowness = min(max(found, slowness / GROWTH), slowness * GROWTH)
    return Way(tuple(times), tuple(levels))


def course(travel: TravelTime, start: float, direction: float, limits: WidthLimits, share: float = 1.0) -> list[float]:
    """Return the widths (s) of pulses that should lead from border to border of the map, to the end of the range.

    Args:
        travel: what is known.
        start: level.
        direction: its sign.
        limits: widths that can be had.
        share: of the map's rate that the pulses have.
    """
    if direction > 0:
        borders = [start, *EDGES[start + PIECE_MIN / 2 < EDGES]]
    else:
        borders = [start, *EDGES[start - PIECE_MIN / 2 > EDGES][::-1]]
    widths = [limits.nearest(travel.time_between(first, last) / share) for first, last in pairwise(borders)]
    chosen: list[float] = []
    time = 0.0
    for width in widths:
        time += pulse_slot(width) + 1e-3
        if time > REQUEST_TIME or len(chosen) == COURSE_MAX:
            break
        chosen += [width] if width else []
    return chosen


def calibrate(puller: Puller, memory: RateMemory, amplitudes: tuple[float, float], limits: WidthLimits) -> RateMemory:
    """Lead the cell up and down once more; return what is known then.

    Args:
        puller: of the cell, which stands at its low end.
        memory: at least a scout's.
        amplitudes: up and down (V).
        limits: widths that can be had.
    """
    sums: list[tuple[float, ...]] = []
    scatter, distance = memory.scatter, memory.distance
    for amplitude in amplitudes:
        travel = memory.travel(amplitude)
        start = puller.look()
        widths = course(travel, start, amplitude, limits)
        levels = [start, *(puller.put(amplitude, widths) if widths else [])]
        way = Way(tuple(np.append(0.0, np.cumsum(widths)).tolist()), tuple(levels))
        learned = learn_travel_time([way]) or travel
        known = np.array(memory.up if amplitude > 0 else memory.down) if memory.passes else np.zeros(len(EDGES))
        sums.append(tuple((known + learned.times).tolist()))
        off, passed = _misses(travel, way, math.copysign(1.0, amplitude))
        # The map that a pass misses has a scatter of its own, that of as many passes as it comes from.
        scatter, distance = scatter + off / (1 + 1 / max(memory.passes, 1)), distance + passed
    return RateMemory(sums[0], sums[1], memory.passes + 1, scatter, distance)


def _misses(travel: TravelTime, way: Way, sign: float) -> tuple[float, float]:
    """Return the sum of squared misses of a pass's pulses, and of the distances that they should have led."""
    times, scatter, distance = np.diff(way.times).tolist(), 0.0, 0.0
    for start, end, time in zip(way.levels[:-1], way.levels[1:], times, strict=True):
        meant = travel.level_after(start, sign * time) - start
        scatter += (end - start - meant) ** 2
        distance += abs(meant)
    return scatter, distance
