"""Drive one cell up and down again and again, and measure its window at cycles evenly spaced on a logarithmic scale.

Every cycle leads to the low end, a little beyond what the way up was, and up from there by one train of a fixed length:
no cycle inherits the error of the one before. How long the trains are is found out on the cell first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import LEVELS
from labctl.protocol import Criterion, Outcome, Protocol, StepEnd, judge
from labctl.units import Count, Fraction, Seconds, Siemens, format_quantity
from protocols.analysis.endurance_window import CRITERION, fit_endurance
from protocols.board_requests import SLOT_MIN
from protocols.cell_parameters import PulsedCellParameters, check_cell, check_level_scale, check_pulses
from protocols.cycling import Cycle, Cycler
from protocols.endurance_figure import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labctl.bench import Die
    from labctl.board_data import Cell
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

QUICK_CYCLES = 60
"""Cycles of a quick run at most."""
STEP_CYCLES = 200
"""Cycles of one step of the run at most: so many are lost to a power cut."""
MEASURED = 4
"""Cycles of one measurement: on and off are read after their trains."""
CONFIDENCE = 0.99
"""That a window which is said to close does."""
STUCK = 0.01
"""Share of the window asked for below which a cell has none."""
BEARABLE = 0.1
"""Share of the window that a passing cell may lose."""


class EnduranceParameters(PulsedCellParameters):
    """What a person may set of `endurance`."""

    cycles: Annotated[Count, Field(ge=10, le=1_000_000_000)] = 10_000
    """Cycles, up and down again."""
    level: Annotated[Count, Field(ge=100, lt=LEVELS)] = 15_000
    """Level that a cycle leads up to."""
    points: Annotated[Count, Field(ge=3, le=200)] = 25
    """Measurements, evenly spaced in the logarithm of the cycles."""
    stop_below: Annotated[Fraction, Field(gt=0, lt=1)] = CRITERION
    """End when the window is below this share of the first one: the cell is worn out."""
    time_limit: Annotated[Seconds, Field(gt=0)] = 86_400.0
    """Refuse to begin what takes longer; 86400 s are a day."""


@dataclass(frozen=True, slots=True)
class WindowMeasured:
    """One measurement of the window: means over some cycles.

    `cycles` are those of the run so far, these included; `doubtful` more may have been put out. `on` and `off` are the
    conductances after the train up and the train down, `up_time` and `down_time` how long these are. `worn` says that
    the window is below the limit.
    """

    row: int
    column: int
    cycles: int
    doubtful: int
    on: Siemens
    off: Siemens
    window: Siemens
    up_time: Seconds
    down_time: Seconds
    worn: bool
    time: Seconds
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class EnduranceMemory:
    """What a run knows between two steps.

    Args:
        cycle: its trains.
        done: cycles so far.
        doubtful: cycles that may have been put out beyond.
        boot: of the board.
        delivered: by the board.
        first: window of the first measurement (S); 0: not measured yet.
        worn: whether it has fallen below the limit.
    """

    cycle: Cycle
    done: int
    doubtful: int
    boot: int
    delivered: int
    first: float = 0.0
    worn: bool = False


@dataclass(frozen=True, slots=True)
class EnduranceSummary:
    """What a run amounts to.

    `window` is the share of the first window that is left at the last measurement; `change_per_decade` its relative
    change each ten times as many cycles, by a power law fitted to all, and `wears` says whether it closes for sure
    (99 %). `end` is the cycle at
    which the cell was worn out, `expected_end` that at which it will be if the power law goes on; `end_at_least` are
    the cycles that are left for sure if it closes by no more each cycle than it may have done so far. `worn` says that
    the run ended because of that, or because there was no window from the beginning.
    """

    cycles: int
    doubtful: int
    on: Siemens
    off: Siemens
    window: Fraction
    on_off: float | None
    change_per_decade: float | None
    change_sigma: float | None
    wears: bool
    end: float | None
    expected_end: float | None
    end_at_least: float | None
    worn: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A step: so many cycles in a row, then a measurement, or not."""

    cycles: int
    measured: bool


def _cycles(parameters: EnduranceParameters) -> int:
    return min(parameters.cycles, QUICK_CYCLES) if parameters.quick else parameters.cycles


def _parts(parameters: EnduranceParameters) -> list[_Part]:
    """Return the steps after the first; measurements are cycles, too."""
    total = _cycles(parameters)
    ends = [MEASURED]
    for wish in np.geomspace(MEASURED, total, parameters.points)[1:].tolist():
        if round(wish) >= ends[-1] + MEASURED:
            ends.append(round(wish))
    ends[-1] = total
    parts: list[_Part] = []
    done = 0
    for end in ends:
        blind = end - done - MEASURED
        steps = max(1, math.ceil(blind / STEP_CYCLES))
        shares = [blind * (step + 1) // steps - blind * step // steps for step in range(steps)]
        parts += [_Part(share, step == steps - 1) for step, share in enumerate(shares)]
        done = end
    return parts


def _check(die: Die, envelope: Envelope, parameters: EnduranceParameters) -> None:
    """Refuse a cell that the die has not, and what takes longer than a person wants to wait."""
    check_cell(die, envelope, parameters)
    check_level_scale(parameters)
    widths = parameters.potentiation_width + parameters.depression_width
    least = _cycles(parameters) * max(2 * parameters.level * widths, 2 * SLOT_MIN)
    if least > parameters.time_limit:
        raise ParameterError(
            f"--set cycles: {_cycles(parameters)} cycles over {parameters.level} levels take "
            f"{format_quantity(least, 's')} at least, beyond time_limit ({format_quantity(parameters.time_limit, 's')})"
        )


def _pulses(die: Die, parameters: EnduranceParameters) -> Mapping[Cell, int]:  # noqa: ARG001
    return {parameters.cell: 2 * _cycles(parameters)}


def _run(
    bench: ProtocolBench, parameters: EnduranceParameters, start: Start[EnduranceMemory]
) -> Iterator[WindowMeasured | StepEnd]:
    """Find out the trains, which is a step, then cycle and measure."""
    began, cell = bench.clock.now() - start.time, parameters.cell
    cycler = Cycler(bench, parameters)
    memory = start.memory
    if memory is None:
        cycle = cycler.find(parameters.level)
        status = bench.board.status()
        memory = EnduranceMemory(cycle, 0, 0, status.boot, status.delivered)
        yield StepEnd(memory)
    parts = _parts(parameters)[max(start.steps - 1, 0) :]
    doubtful = start.steps > 0 and cell in start.touched
    for part in parts:
        if memory.worn:
            break
        had = 0
        if doubtful:
            had, unknown = _had(bench, memory, part)
            memory, doubtful = replace(memory, doubtful=memory.doubtful + unknown), False
        cycler.put_out(memory.cycle, max(part.cycles - had, 0))
        memory = replace(memory, done=memory.done + max(part.cycles, had))
        found = cycler.measure(memory.cycle, MEASURED) if part.measured else None
        if found is not None:
            window = found[0] - found[1]
            memory = _judged(memory, window, parameters.stop_below, bench.die.scale.step * parameters.level)
        status = bench.board.status()
        memory = replace(memory, boot=status.boot, delivered=status.delivered)
        if found is not None:
            yield _record(cell, memory, *found, bench.clock.now() - began)
        yield StepEnd(memory)


def _had(bench: ProtocolBench, memory: EnduranceMemory, part: _Part) -> tuple[int, int]:
    """Return how many cycles of a step that was broken off were put out, and how many may have been beyond.

    The board's counter tells, unless it started anew: then it may have been any number of them.
    """
    status = bench.board.status()
    if status.boot == memory.boot:
        return (status.delivered - memory.delivered) // memory.cycle.pulses, 0
    return 0, part.cycles + (MEASURED if part.measured else 0)


def _judged(memory: EnduranceMemory, window: float, least: float, whole: float) -> EnduranceMemory:
    """Return the memory after a measurement; `whole` is the window that was asked for (S)."""
    first = memory.first or window
    worn = window < max(least * first, STUCK * whole)
    return replace(memory, done=memory.done + MEASURED, first=first, worn=worn)


def _record(cell: Cell, memory: EnduranceMemory, on: float, off: float, time: float) -> WindowMeasured:
    return WindowMeasured(
        row=cell.row,
        column=cell.column,
        cycles=memory.done,
        doubtful=memory.doubtful,
        on=on,
        off=off,
        window=on - off,
        up_time=memory.cycle.up_time,
        down_time=memory.cycle.down_time,
        worn=memory.worn,
        time=time,
        boot=memory.boot,
        delivered=memory.delivered,
    )


def _summarise(records: Sequence[WindowMeasured], parameters: EnduranceParameters) -> Outcome:
    """Fit what the records show."""
    if not records:
        return Outcome(passed=False, summary=None)
    cycles = [record.cycles for record in records]
    on, off = [record.on for record in records], [record.off for record in records]
    first, last = records[0], records[-1]
    fit = fit_endurance(cycles, on, off, criterion=parameters.stop_below, confidence=CONFIDENCE)
    summary = EnduranceSummary(
        cycles=last.cycles,
        doubtful=last.doubtful,
        on=last.on,
        off=last.off,
        window=last.window / first.window if first.window else 0.0,
        on_off=last.on / last.off if last.off > 0 else None,
        change_per_decade=fit and fit.change,
        change_sigma=fit and fit.change_sigma,
        wears=fit is not None and fit.wears,
        end=float(last.cycles) if last.worn else None,
        expected_end=None if fit is None else _finite(fit.expected_end),
        end_at_least=None if fit is None else _finite(fit.end_at_least),
        worn=last.worn,
    )
    return judge(summary, Criterion("window", at_least=1 - BEARABLE), Criterion("worn", at_most=0))


def _finite(cycles: float | None) -> float | None:
    return cycles if cycles is not None and math.isfinite(cycles) else None


def _caption(record: WindowMeasured) -> str:
    return f"{record.cycles} cycles: window {format_quantity(record.window, 'S')}"


PROTOCOL = Protocol(
    name="endurance",
    title="drive one cell up and down again and again and see whether its window closes",
    parameters=EnduranceParameters,
    record=WindowMeasured,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: 1 + len(_parts(parameters)),
    run=_run,
    summarise=_summarise,
    caption=_caption,
    memory=EnduranceMemory,
    pulses=_pulses,
    figure=figure,
    check_board=check_pulses,
)
