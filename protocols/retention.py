"""Bring cells to several levels, leave them alone, and read them at times evenly spaced on a logarithmic scale.

Reads are few. What they do to the cells themselves is found out by many in a row when all is over, and taken out.
Ages are counted by the board, which goes on while no experiment runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import REFERENCE_VOLTAGE, parse_levels
from labctl.protocol import Criterion, Outcome, Protocol, StepEnd, judge
from labctl.units import Count, Levels, Seconds, Siemens, Written, format_quantity
from protocols.board_age import BoardAge
from protocols.cell_parameters import PulsedCellParameters, check_cell, check_level_scale, check_pulses
from protocols.levelled_cells import bring_near, cells_in_column, check_rows, read_cells
from protocols.read_effect import SURVEY_READS
from protocols.retention_figure import figure
from protocols.retention_summary import cell_drifts, pooled_or_none

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.bench import Die
    from labctl.board_data import Cell
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

CONFIDENCE = 0.99
"""Of what is called found, lost or excluded: one in a hundred honest dies is blamed."""
HALF_LEVEL = 0.5
"""Levels by which a cell may drift before its level is lost."""
TICK = 60.0
"""Longest step of waiting (s), so that a person who stops the run does not wait for long."""
TICKS_MAX = 5000
"""Most steps of waiting: a longer run has longer ones."""
QUICK_DURATION, QUICK_POINTS = 3600.0, 10
"""Of a quick run at most (s)."""


class RetentionParameters(PulsedCellParameters):
    """What a person may set of `retention`."""

    levels: Annotated[tuple[int, ...], Written("all, N, a:b, a:b:step or a,b,c", parse_levels)] = Field(
        default="1000,4000,8000,12000,15000", validate_default=True
    )
    """Levels that are kept, each by a cell of its own: those below `row` in the same column, one a level."""
    first: Annotated[Seconds, Field(ge=0.1, le=1e6)] = 1.0
    """Age of the first read."""
    duration: Annotated[Seconds, Field(gt=0, le=1e9)] = 36000.0
    """Age of the last read; 36000 s are ten hours."""
    points: Annotated[Count, Field(ge=3, le=1000)] = 25
    """Reads of each cell on the way, evenly spaced in the logarithm of the age."""
    stop_after: Annotated[Levels, Field(ge=0)] = 0.0
    """End as soon as every cell has moved by so many levels; 0: never."""


@dataclass(frozen=True, slots=True)
class RetentionRead:
    """One read of one cell.

    `age` is the time since it was written, the least that it can be unless `exact`; `reads` counts those since then,
    this one included. Reads of the last `survey` follow one another at once. `boot` and `delivered` are the board's.
    """

    row: int
    column: int
    level: int
    survey: bool
    age: Seconds
    exact: bool
    reads: int
    conductance: Siemens
    reading: Levels
    level_step: Siemens
    time: Seconds
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class RetentionMemory:
    """What a run knows between two steps.

    Args:
        ages: of the cells.
        firsts: first reading of each (S); none yet if empty.
        reads: of each cell since it was written.
        over: whether every cell has moved far enough to end the run.
    """

    ages: tuple[BoardAge, ...]
    firsts: tuple[float, ...] = ()
    reads: int = 0
    over: bool = False


@dataclass(frozen=True, slots=True)
class RetentionSummary:
    """What a run amounts to.

    `nu` is the exponent of G = G0 (t / t0)^-nu, the mean of all cells; `nu_at_most` bounds its magnitude with 99 %
    confidence; `drift_found` says whether no drift is excluded with it. `change` is the largest change of a level by
    the fits, what the reads did taken out, and `lost` the cells that moved by more than half a level for sure.
    `half_level_after` is when the highest cell has drifted by half a level, if a drift was found, and
    `half_level_at_least` the least that it can be, if the law goes on. `read_effect` is the largest that one read
    does. Ages are `exact` if the board was never restarted.
    """

    cells: int
    duration: Seconds
    nu: float | None
    nu_sigma: float | None
    nu_at_most: float | None
    drift_found: bool
    change: Levels
    change_sigma: Levels | None
    lost: int
    half_level_after: Seconds | None
    half_level_at_least: Seconds | None
    read_effect: Levels | None
    read_effect_sigma: Levels | None
    read_noise: Levels | None
    reads: int
    exact: bool


@dataclass(frozen=True, slots=True)
class _Tick:
    """A step: wait until the cells are so old (s); then read, or not."""

    age: float
    reads: bool


def _ages(parameters: RetentionParameters) -> list[float]:
    """Return the ages (s) at which cells are read."""
    duration = min(parameters.duration, QUICK_DURATION) if parameters.quick else parameters.duration
    points = min(parameters.points, QUICK_POINTS) if parameters.quick else parameters.points
    return np.geomspace(parameters.first, duration, points).tolist()


def _ticks(parameters: RetentionParameters) -> list[_Tick]:
    ages = _ages(parameters)
    longest = max(TICK, ages[-1] / TICKS_MAX)
    ticks: list[_Tick] = []
    before = 0.0
    for age in ages:
        parts = math.ceil((age - before) / longest)
        ticks += [_Tick(before + (age - before) * (part + 1) / parts, part == parts - 1) for part in range(parts)]
        before = age
    return ticks


def _check(die: Die, envelope: Envelope, parameters: RetentionParameters) -> None:
    """Refuse cells that the die has not, and times that do not rise."""
    check_cell(die, envelope, parameters)
    check_level_scale(parameters)
    check_rows(die, parameters, len(parameters.levels))
    if _ages(parameters)[-1] <= parameters.first:
        raise ParameterError(
            f"--set duration: the last read comes after the first one, at {format_quantity(parameters.first, 's')}"
        )


def _run(
    bench: ProtocolBench, parameters: RetentionParameters, start: Start[RetentionMemory]
) -> Iterator[RetentionRead | StepEnd]:
    """Write, wait and read, survey."""
    began = bench.clock.now() - start.time
    cells = cells_in_column(parameters, len(parameters.levels))
    memory = start.memory
    if memory is None:
        ages: list[BoardAge] = []
        for cell, level in zip(cells, parameters.levels, strict=True):
            bring_near(bench, cell, level, parameters)
            ages.append(BoardAge.begin(bench.board))
        memory = RetentionMemory(tuple(ages))
        yield StepEnd(memory)
    shelf = _Shelf(bench, parameters, cells, began, memory)
    ticks = _ticks(parameters)
    for tick in ticks[max(start.steps - 1, 0) :]:
        if shelf.memory.over:
            break
        shelf.wait_until(tick.age)
        if tick.reads:
            yield from shelf.read(survey=False)
            shelf.look(parameters.stop_after)
        yield StepEnd(shelf.memory)
    for _ in range(SURVEY_READS):
        yield from shelf.read(survey=True)
    yield StepEnd(shelf.memory)


class _Shelf:
    """Cells that are kept, and read from time to time."""

    def __init__(
        self,
        bench: ProtocolBench,
        parameters: RetentionParameters,
        cells: tuple[Cell, ...],
        began: float,
        memory: RetentionMemory,
    ) -> None:
        self._bench = bench
        self._parameters = parameters
        self._cells = cells
        self._began = began
        self._last: list[float] = []
        self.memory = memory

    def wait_until(self, age: float) -> None:
        """Wait until the youngest cell is so old (s)."""
        self._look_at_clock()
        self._bench.wait(max(0.0, age - min(each.age for each in self.memory.ages)))

    def read(self, survey: bool) -> Iterator[RetentionRead]:
        """Read every cell once."""
        delivered = self._look_at_clock()
        scale = self._bench.die.scale
        samples = self._parameters.samples
        self._last = read_cells(self._bench, self._cells, REFERENCE_VOLTAGE, samples).tolist()
        self.memory = replace(self.memory, firsts=self.memory.firsts or tuple(self._last), reads=self.memory.reads + 1)
        levels = self._parameters.levels
        for cell, level, age, found in zip(self._cells, levels, self.memory.ages, self._last, strict=True):
            yield RetentionRead(
                row=cell.row,
                column=cell.column,
                level=level,
                survey=survey,
                age=age.age,
                exact=age.exact,
                reads=self.memory.reads,
                conductance=found,
                reading=scale.level(found),
                level_step=scale.step,
                time=self._bench.clock.now() - self._began,
                boot=age.boot,
                delivered=delivered,
            )

    def look(self, far: float) -> None:
        """Note whether every cell has moved by `far` (levels) since its first read; 0: none ever has."""
        step = self._bench.die.scale.step
        moved = [abs(last - first) / step for last, first in zip(self._last, self.memory.firsts, strict=True)]
        self.memory = replace(self.memory, over=far > 0 and min(moved) > far)

    def _look_at_clock(self) -> int:
        """Let the cells be as old as they are; return how many pulses the board has put out."""
        status = self._bench.board.status()
        self.memory = replace(self.memory, ages=tuple(age.at(status.time, status.boot) for age in self.memory.ages))
        return status.delivered


def _summarise(records: Sequence[RetentionRead], parameters: RetentionParameters) -> Outcome:  # noqa: ARG001
    """Fit what the records show."""
    if not records:
        return Outcome(passed=False, summary=None)
    cells = cell_drifts(records, CONFIDENCE)
    drift, after, at_least = pooled_or_none(
        [cell.found for cell in cells], HALF_LEVEL * records[0].level_step, CONFIDENCE
    )
    worst = max(cells, key=lambda cell: abs(cell.found.change)).found
    effects = [cell.effect for cell in cells if cell.effect is not None]
    effect = max(effects, key=lambda one: abs(one.per_read), default=None)
    summary = RetentionSummary(
        cells=len(cells),
        duration=max(record.age for record in records if not record.survey),
        nu=drift and drift.value,
        nu_sigma=drift and drift.value_sigma,
        nu_at_most=drift and drift.at_most,
        drift_found=drift is not None and drift.found,
        change=worst.change,
        change_sigma=worst.change_sigma if math.isfinite(worst.change_sigma) else None,
        lost=sum(cell.found.is_lost(HALF_LEVEL, CONFIDENCE) for cell in cells),
        half_level_after=after,
        half_level_at_least=at_least,
        read_effect=effect and effect.per_read,
        read_effect_sigma=effect and effect.sigma,
        read_noise=max((one.noise for one in effects), default=None),
        reads=max(record.reads for record in records if not record.survey),
        exact=all(record.exact for record in records),
    )
    return judge(summary, Criterion("lost", at_most=0))


def _caption(record: RetentionRead) -> str:
    return f"level {record.level} after {format_quantity(record.age, 's')}: {record.reading:.2f}"


PROTOCOL = Protocol(
    name="retention",
    title="leave written cells alone for hours and see whether they drift",
    parameters=RetentionParameters,
    record=RetentionRead,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: 2 + len(_ticks(parameters)),
    run=_run,
    summarise=_summarise,
    caption=_caption,
    memory=RetentionMemory,
    waits=True,
    figure=figure,
    check_board=check_pulses,
)
