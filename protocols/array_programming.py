"""Brings the cells of a region to levels, round by round: lists of pulses, then lists of reads.

A round puts at most one burst on each cell that is not yet written, and reads what was pulsed or is undecided. How long
a burst is comes from a filter over all cells (`write_algorithms/array_filter.py`). While a direction's speed is a
guess, a few cells go ahead. When no cell is pending, all are read once more, and cells that turn out to be off go back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from labctl.errors import EquipmentError
from labctl.levels import LEVELS
from protocols.array_drive import put_out
from protocols.array_written import ArrayWritten as ArrayWritten
from protocols.array_written import RoundReport as RoundReport
from protocols.array_written import WriterMemory as WriterMemory
from protocols.array_written import pack, unpack
from protocols.range_ends import stand_at_ends
from protocols.write_algorithms.array_filter import ArrayFilter, has_room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from labctl.board_data import Cell
    from labctl.protocol_bench import ProtocolBench
    from protocols.array_drive import ArrayDrive
    from protocols.array_reader import ArrayReader
    from protocols.array_region import Region

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Counts = NDArray[np.int64]

SURE = 0.03
"""Relative standard deviation of a burst's time up to which all cells are pulsed at once, however long it is."""
SCOUTS = 1 / 64
"""Share of the cells that go ahead while a direction's speed is a guess."""
SCOUTS_MIN = 8
SCOUTINGS = 8
"""Rounds at most in which they do so."""
PROBE_SHARE, PROBE_MIN = 0.1, 8.0
"""Of the way to the end of the range that such a move may take, and what is allowed everywhere (levels)."""
HALF_LEVEL = 0.5
"""Error (levels) within which a cell that stays undecided is accepted, unless the tolerance is larger."""
LOOK = 0.5
"""Share of the tolerance within which a cell that is undecided is read again rather than pulsed."""
LOOKS = 3
"""Reads in a row without a pulse after which what is undecided is pulsed or left."""
STANDSTILL = 3
"""Bursts in a row that hardly move a cell: it is stuck, or stands at an end of its range."""
DISTURBED_ROUNDS = 4
"""Rounds of those after which all is given up where reads move the cells: no read tells where such a cell stands."""
STALLED = 6
"""Rounds in a row without progress after which whatever is pending is given up, as where reads move the cells."""
PROGRESS = 0.9
"""Share of the least error so far that a round must come to if that is to be progress."""
CHECKS = 4
"""Final reads of all cells at most: after the last of them no cell goes back."""
MOVED = 4.0
"""A cell counts as stuck if all its bursts together moved it by less than so many standard deviations of a read."""


TRACE = 8
"""Bursts after which a cell's error is kept, the time before any counted as one."""
_TABLE = (
    "level",
    "readable",
    "accepted",
    "given_up",
    "still",
    "vain",
    "looks",
    "bursts",
    "before",
    "pulses",
    "reads",
    "samples",
    "first",
)


class ArrayWriter:
    """Writes levels into the cells of a region; nothing is sent before the first round.

    Args:
        bench: up.
        region: which cells.
        drive: how they are pulsed, and how well.
        reader: tells their levels.
    """

    def __init__(self, bench: ProtocolBench, region: Region, drive: ArrayDrive, reader: ArrayReader) -> None:
        self._board, self._region, self._drive, self._reader = bench.board, region, drive, reader
        count = region.rows * region.columns
        self._filter = ArrayFilter(count, drive.prior())
        self._cells = {name: np.zeros(count) for name in _TABLE}
        self._target = np.zeros(count)
        self._trace = np.full((count, TRACE), np.nan)
        self._round, self._checks, self._done = 0, 0, False
        self._doubted = np.zeros(count, bool)
        self._told = np.zeros(count)
        self._scouted = {1.0: 0, -1.0: 0}
        self._best, self._stalled = (float(count), float(LEVELS)), 0

    def memory(self) -> WriterMemory:
        """Return what is known between two rounds."""
        cells = np.concatenate([*(self._cells[name] for name in _TABLE), self._trace.reshape(-1)])
        known = pack(cells), pack(self._filter.memory()), pack(self._reader.memory())
        scouted = (self._scouted[1.0], self._scouted[-1.0])
        return WriterMemory(self._round, self._checks, self._done, scouted, self._best, self._stalled, *known)

    def recall(self, memory: WriterMemory) -> None:
        """Go on as the writer would have whose memory this is."""
        self._round, self._checks, self._done = memory.round, memory.checks, memory.done
        self._scouted = dict(zip((1.0, -1.0), memory.scouted, strict=True))
        self._best, self._stalled = memory.best, memory.stalled
        *table, trace = np.split(unpack(memory.cells), len(self._target) * np.arange(1, len(_TABLE) + 1))
        self._cells = {name: row.copy() for name, row in zip(_TABLE, table, strict=True)}
        self._told = self._cells["reads"].copy()
        self._trace = trace.reshape(-1, TRACE).copy()
        self._filter.recall(unpack(memory.filter))
        self._reader.recall(unpack(memory.reader))

    def look(self, touched: Iterable[Cell]) -> None:
        """Note cells of which nobody knows where they stand: the next round reads them first."""
        region = self._region
        for cell in touched:
            row, column = cell.row - region.row, cell.column - region.column
            if 0 <= row < region.rows and 0 <= column < region.columns:
                self._doubted[row * region.columns + column] = True

    def rounds(self, targets: Array) -> Iterator[RoundReport]:
        """Carry out rounds until all cells are written or given up; after a `recall`, those that are left.

        Args:
            targets: levels, shape (rows, columns).

        Raises:
            EquipmentError: if no cell can be read.
        """
        self._target = np.asarray(targets, np.float64).reshape(-1)
        self._reader.prepare()
        if self._round == 0:
            self._locate(np.ones(len(self._target), bool))
        elif self._doubted.any():
            self._done = False
            self._locate(self._doubted)
        self._doubted = np.zeros(len(self._target), bool)
        while not self._done:
            yield self._one_round()

    def retarget(self, reader: ArrayReader | None = None) -> None:
        """Be ready for other targets, or for another reader: every cell is read again; how fast they move stays known.

        Args:
            reader: tells levels from here on; None: the same one.
        """
        self._reader = reader or self._reader
        self._checks, self._done = 0, False
        self._cells["before"] += self._cells["bursts"]
        for name in ("accepted", "given_up", "still", "vain", "looks", "bursts"):
            self._cells[name][:] = 0.0
        self._trace[:] = np.nan
        self._round, self._best, self._stalled = 0, (float(len(self._target)), float(LEVELS)), 0

    def written(self) -> ArrayWritten:
        """Return where the cells stand."""

        def shaped(values: NDArray[Any]) -> NDArray[Any]:
            return values.reshape(self._region.shape).copy()

        def flags(name: str) -> Mask:
            return shaped(self._cells[name]) > 0

        def counts(name: str) -> Counts:
            return shaped(self._cells[name]).astype(np.int64)

        moved = np.abs(self._cells["level"] - self._cells["first"]) > MOVED * np.maximum(self._filter.sigma, 0.1)
        still = (self._cells["still"] >= STANDSTILL) & moved
        return ArrayWritten(
            target=shaped(self._target),
            level=shaped(self._cells["level"]),
            state=shaped(self._filter.state),
            sigma=shaped(self._filter.sigma),
            written=flags("accepted"),
            given_up=flags("given_up"),
            at_rail=flags("given_up") & shaped(still),
            readable=flags("readable"),
            bursts=counts("bursts") + counts("before"),
            pulses=counts("pulses"),
            reads=counts("reads"),
            samples=counts("samples"),
            trace=self._trace.reshape(*self._region.shape, TRACE).copy(),
        )

    # Rounds

    def _one_round(self) -> RoundReport:
        pending = self._pending()
        is_check = not pending.any()
        sign, goal = np.zeros(len(pending)), self._target
        if not is_check:
            sign, goal = self._choose(pending)
        pulses = self._pulse(sign, goal) if sign.any() else np.zeros(0, np.int64)
        wanted = np.ones(len(pending), bool) if is_check else (sign != 0) | pending & self._is_look_due()
        if is_check:
            self._checks += 1
        samples = self._read(wanted, is_check) if wanted.any() else 0
        self._judge(wanted, is_check)
        self._round += 1
        pending = self._pending()
        self._note_progress(pending)
        late = self._round >= self._drive.max_rounds or self._stalled >= STALLED
        self._done = (is_check and not pending.any()) or (late and is_check) or self._checks >= CHECKS
        if late and not self._done:
            self._cells["given_up"][pending] = 1.0
        if self._done:
            self._cells["given_up"][self._pending()] = 1.0
        return self._report(sign, pulses, wanted, samples, is_check)

    def _note_progress(self, pending: Mask) -> None:
        """Count rounds in which neither fewer cells are pending nor these are nearer."""
        count = float(np.count_nonzero(pending))
        error = float(np.sqrt(np.mean(self._error()[pending] ** 2))) if count else 0.0
        fewest, least = self._best
        self._stalled = 0 if count < fewest or error < PROGRESS * least else self._stalled + 1
        self._best = min(fewest, count), min(least, error) if error else least

    def _pending(self) -> Mask:
        return (self._cells["accepted"] == 0) & (self._cells["given_up"] == 0)

    def _error(self) -> Array:
        return self._target - self._filter.state

    def _probability(self, tolerance: float) -> Array:
        """Return how probable it is that each cell is within `tolerance` (levels) of its target."""
        error, sigma = self._error(), np.maximum(self._filter.sigma, 1e-9)
        return np.asarray(ndtr((tolerance - error) / sigma) - ndtr((-tolerance - error) / sigma), np.float64)

    def _is_look_due(self) -> Mask:
        near = np.abs(self._error()) <= np.maximum(LOOK * self._drive.tolerance, self._reach())
        return near & (self._cells["looks"] < LOOKS)

    def _reach(self) -> Array:
        """Return how near (levels) to its target the narrowest pulse makes sense: half of what it moves a cell."""
        error = self._error()
        time = self._filter.time_to(self._filter.state + np.sign(error))
        return 0.5 * self._drive.width_min / 1e9 / np.maximum(time, 1e-12) * (error != 0)

    def _choose(self, pending: Mask) -> tuple[Array, Array]:
        """Return which cells are pulsed in which direction, and where to; others have sign 0."""
        error = self._error()
        pending = pending & ~self._give_up_at_ends(pending, error)
        sign = np.where(pending & ~self._is_look_due() & (np.abs(error) > self._reach()), np.sign(error), 0.0)
        goal = self._target.copy()
        if self._reader.disturbs and sum(self._scouted.values()) >= DISTURBED_ROUNDS:
            self._cells["given_up"][pending] = 1.0
            return np.zeros(len(pending)), goal
        doubt = self._filter.doubt(goal)
        # A move of a level or two comes out well enough however unsure its speed is.
        unsure = (doubt > SURE) & (doubt * np.abs(error) > self._drive.tolerance)
        for direction in (1.0, -1.0):
            on = sign == direction
            reach = self._filter.reach_of(direction)
            is_guess = reach < LEVELS or np.count_nonzero(on & unsure) > np.count_nonzero(on) / 2
            able = on & has_room(self._filter.state, direction)
            if not able.any() or not is_guess:
                continue  # single cells that are unsure are on their way of being learned
            if self._scouted[direction] >= SCOUTINGS:
                # No pulse was seen to move any cell: longer ones would only wear them all.
                if not self._filter.is_learned(direction):
                    self._cells["given_up"][on] = 1.0
                    sign[on] = 0.0
                continue
            self._scouted[direction] += 1
            self._stalled = -1  # few cells went ahead: no progress of the others is to be expected
            ahead = np.flatnonzero(able)
            ahead = ahead[:: max(1, len(ahead) // max(SCOUTS_MIN, int(SCOUTS * len(pending))))]
            sign[on] = 0.0
            sign[ahead] = direction
            if reach < LEVELS:
                room = LEVELS - 1 - self._filter.state if direction > 0 else self._filter.state
                way = np.minimum(np.minimum(np.abs(error), reach), np.maximum(PROBE_SHARE * room, PROBE_MIN))
                goal[ahead] = (self._filter.state + direction * way)[ahead]
        return sign, goal

    def _give_up_at_ends(self, pending: Mask, error: Array) -> Mask:
        """Give up cells that stand where most others stood still on the same way; return which."""
        stood = (self._cells["given_up"] > 0) & (self._cells["still"] >= STANDSTILL) & (self._cells["vain"] == 0)
        vain = pending & stand_at_ends(self._filter.state, error, stood)
        self._cells["given_up"][vain] = 1.0
        self._cells["vain"][vain] = 1.0  # no burst has shown that it stands still: it is no sign of an end for others
        return vain

    def _pulse(self, sign: Array, goal: Array) -> Counts:
        times, pulses = put_out(self._board, self._region, self._drive, self._filter.time_to(goal), sign)
        self._cells["given_up"][(sign != 0) & (pulses == 0)] = 1.0  # refused: the cell would carry too much
        sign[pulses == 0] = 0.0
        self._filter.predict(times, sign)
        self._cells["bursts"] += sign != 0
        self._cells["pulses"] += pulses
        self._cells["looks"][sign != 0] = 0.0
        return pulses

    def _locate(self, which: Mask) -> None:
        """Find out where cells stand of which nothing is known."""
        reading = self._reader.read(which.reshape(self._region.shape))
        level, variance, valid = self._take(which, reading.level, reading.variance, reading.valid, reading.samples)
        self._filter.locate(valid, level, variance)
        if self._round == 0:
            self._cells["first"][valid] = level[valid]
        self._judge(which, is_check=False)

    def _take(
        self, wanted: Mask, level: Array, variance: Array, valid: Mask, samples: int
    ) -> tuple[Array, Array, Mask]:
        """Keep what a reading shows; return it by cell, and which cells it tells of."""
        shown, good = level.reshape(-1), valid.reshape(-1) & wanted
        if wanted.any() and not good.any():
            raise EquipmentError(
                "no read of a cell was a measurement: each saturated its reader or was held back by the line's limit; "
                "look for a short with `labctl run screen`"
            )
        self._cells["level"][wanted] = shown[wanted]
        self._cells["readable"][wanted] = good[wanted]
        self._cells["reads"] += wanted
        self._cells["samples"] += wanted * samples
        self._cells["given_up"][wanted & ~good] = 1.0
        after = self._cells["bursts"].astype(np.int64)
        kept = np.flatnonzero(good & (after < TRACE))
        self._trace[kept, after[kept]] = shown[kept] - self._target[kept]
        return np.nan_to_num(shown), np.nan_to_num(variance.reshape(-1), nan=1.0), good

    def _read(self, wanted: Mask, is_check: bool) -> int:
        """Read cells and let the filter know; return the samples of each."""
        reading = self._reader.read(wanted.reshape(self._region.shape))
        level, variance, valid = self._take(wanted, reading.level, reading.variance, reading.valid, reading.samples)
        still = self._filter.update(valid, level, variance)
        self._cells["looks"] += wanted
        if not is_check:
            self._cells["still"][wanted & ~still] = 0.0
            self._cells["still"][still] += 1.0
        return reading.samples

    def _judge(self, wanted: Mask, is_check: bool) -> None:
        """Accept cells that were read, give up others, and send back what a final read found off."""
        drive, cells = self._drive, self._cells
        likely, bound = self._probability(drive.tolerance) >= drive.confidence, max(HALF_LEVEL, drive.tolerance)
        if is_check:
            back = (cells["accepted"] > 0) & (self._probability(bound) < drive.confidence) & (cells["readable"] > 0)
            cells["accepted"][back] = 0.0
            cells["looks"][back] = 0.0
            return
        looked_long = (cells["looks"] >= LOOKS) & (self._probability(bound) >= drive.confidence)
        cells["accepted"][wanted & (likely | looked_long) & (cells["readable"] > 0)] = 1.0
        undecided = (cells["looks"] >= LOOKS) & (np.abs(self._error()) <= self._reach())
        lost = (cells["still"] >= STANDSTILL) | (cells["bursts"] >= drive.max_bursts) | undecided
        enough = self._probability(bound) >= drive.confidence
        cells["accepted"][wanted & lost & enough & (cells["readable"] > 0)] = 1.0
        cells["given_up"][lost & (cells["accepted"] == 0)] = 1.0

    def _report(self, sign: Array, pulses: Counts, wanted: Mask, samples: int, is_check: bool) -> RoundReport:
        readable = self._cells["readable"] > 0
        error = self._error()[readable]
        return RoundReport(
            round=self._round,
            pulsed=int(np.count_nonzero(sign)),
            pulses=int(np.sum(pulses)),
            reads=int(np.count_nonzero(wanted)),
            samples=samples,
            pending=int(np.count_nonzero(self._pending())),
            given_up=int(np.count_nonzero(self._cells["given_up"])),
            error_rms=float(np.sqrt(np.mean(error**2))) if len(error) else 0.0,
            within=float(np.count_nonzero(np.abs(error) <= 0.5)) / len(readable),
            is_final_read=is_check,
            is_done=self._done,
            looked=self._looked(),
        )

    def _looked(self) -> Mask:
        """Return which cells were read since somebody asked last."""
        reads = self._cells["reads"]
        looked, self._told = reads != self._told, reads.copy()
        return looked.reshape(self._region.shape)


def program(writer: ArrayWriter, targets: Array) -> Iterator[RoundReport]:
    """Bring cells to `targets` (levels, shape (rows, columns)), and yield what each round did."""
    yield from writer.rounds(targets)
