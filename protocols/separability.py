"""Are neighbouring levels told apart? Misreads against averages, reads needed, Allan deviation.

A level and the next one are written, and each is read many times: single samples, which are averaged afterwards, and
long reads, whose Allan deviation shows what averaging cannot remove. What is judged is the distance that the two were
found to have, which differs from a level by how well they were written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import LEVELS, parse_levels
from labctl.protocol import Protocol, StepEnd
from labctl.units import Count, Fraction, Levels, Seconds, Siemens, Volts, Written, format_quantity
from protocols.approach import Drive, approach
from protocols.cell_parameters import PulsedCellParameters, check_cell, check_level_scale, check_pulses
from protocols.neighbour_reads import reads_move
from protocols.repeated_reads import REQUEST_READS, ReadsMemory, Turns, check_requests, read_in_turns, reads_in_request
from protocols.separability_figure import figure
from protocols.separability_summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.bench import Die
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

QUICK = 4
"""A quick run takes a so-manieth of reads, at every other level."""
TRAINS = 32
"""Trains after which a level counts as written as well as it goes: its distance is measured all the same."""
LEAST = 128
"""Fewest long reads of a level."""

QUICK_LONG = 2
"""And a so-manieth of long reads: 1/f noise shows in long series only."""

Side = Literal["lower", "upper"]
Part = Literal["single", "long"]


class SeparabilityParameters(PulsedCellParameters):
    """What a person may set of `separability`."""

    levels: Annotated[tuple[int, ...], Written("all, N, a:b, a:b:step or a,b,c", parse_levels)] = Field(
        default="1259:15259:3500", validate_default=True
    )
    """Levels that are told from the next one above; 0 to 16518."""
    reads: Annotated[Count, Field(ge=512, le=1_000_000)] = 2048
    """Single samples of each level; whole requests of 512."""
    long_reads: Annotated[Count, Field(ge=LEAST, le=100_000)] = 1024
    """Long reads of each level, for the Allan deviation."""
    samples: Annotated[Count, Field(ge=1, le=4096)] = 64
    """Samples that a long read averages, and a read that verifies what is written."""
    tolerance: Annotated[Levels, Field(ge=0.1, le=1000)] = 0.15
    """How near to its level the cell is brought."""
    misread: Annotated[Fraction, Field(gt=0, lt=0.5)] = 1e-3
    """Probability of a misread that is asked for."""
    horizon: Annotated[Seconds, Field(ge=1e-3)] = 3600.0
    """How long after its levels were learned a cell is read: 1/f noise grows with it."""
    k: Annotated[Levels, Field(gt=0, le=10)] = 3.0
    """Two levels count as distinguishable if they lie 2 k standard deviations of a read apart."""
    confidence: Annotated[Fraction, Field(gt=0.5, lt=1)] = 0.95
    """Of the intervals of measured misread probabilities."""


@dataclass(frozen=True, slots=True)
class SeparabilityRecord:
    """One read of one of two neighbouring levels.

    `level` is the lower one of both; `side` says which of them was read; `part` whether it is a single sample or a
    long read, of `samples`. `target` is what its level should conduct. `series` numbers the requests, `index` the reads
    of one. `time` counts from the start of the run to the end of the request.
    """

    row: int
    column: int
    level: int
    side: str
    part: str
    series: int
    index: int
    voltage: Volts
    samples: int
    target: Siemens
    conductance: Siemens
    time: Seconds


@dataclass(frozen=True, slots=True)
class SeparabilityStep:
    """One request: which pair, which of both, what for, which of its kind, how many reads."""

    level: int
    side: Side
    part: Part
    series: int
    count: int

    @property
    def writes(self) -> bool:
        """Whether the level is written first."""
        return self.part == "single" and self.series == 0

    @property
    def target(self) -> int:
        """The level that is read."""
        return self.level + (self.side == "upper")


def plan(parameters: SeparabilityParameters) -> tuple[SeparabilityStep, ...]:
    """Return the requests of a run, in their order."""
    share = QUICK if parameters.quick else 1
    singles = max(1, parameters.reads // share // REQUEST_READS)
    wanted = max(LEAST, parameters.long_reads // (QUICK_LONG if parameters.quick else 1))
    long = min(reads_in_request(parameters.samples), wanted)
    sides: tuple[Side, ...] = ("lower", "upper")
    kinds: tuple[tuple[Part, int, int], ...] = (("single", singles, REQUEST_READS), ("long", wanted // long, long))
    return tuple(
        SeparabilityStep(level, side, part, series, count)
        for level in (parameters.levels[::2] if parameters.quick else parameters.levels)
        for side in sides
        for part, number, count in kinds
        for series in range(number)
    )


def _check(die: Die, envelope: Envelope, parameters: SeparabilityParameters) -> None:
    """Refuse what makes no sense; see the messages."""
    check_cell(die, envelope, parameters)
    check_level_scale(parameters)
    Turns.beside(parameters.cell, die.rows, die.columns)
    if LEVELS - 1 in parameters.levels:
        raise ParameterError(
            f"--set levels: level {LEVELS - 1} has none above it to be told from; use 0 to {LEVELS - 2}"
        )
    check_requests(parameters.levels, parameters.samples, LEAST)


def _run(
    bench: ProtocolBench, parameters: SeparabilityParameters, start: Start[ReadsMemory]
) -> Iterator[SeparabilityRecord | StepEnd]:
    """Carry the requests out; a request is a step, the first of a level with its writing."""
    memory = start.memory or ReadsMemory()
    began = bench.clock.now() - start.time
    cell, scale = parameters.cell, bench.die.scale
    turns = Turns.beside(cell, bench.die.rows, bench.die.columns)
    drive = Drive.of(bench, parameters, parameters.read_voltage, parameters.samples)
    for step in plan(parameters)[start.steps :]:
        if memory.disturbed:
            yield StepEnd(memory)
            continue
        if step.writes:
            tolerance = parameters.tolerance * scale.step
            approach(bench.board, cell, scale.conductance(step.target), tolerance, drive, trains=TRAINS)
        samples = parameters.samples if step.part == "long" else 1
        reads = read_in_turns(bench.board, turns, parameters.read_voltage, samples, step.count)
        time = bench.clock.now() - began
        if step.part == "single":
            memory = ReadsMemory(reads_move(reads))
        for index, conductance in enumerate(reads.tolist()):
            yield SeparabilityRecord(
                cell.row, cell.column, step.level, step.side, step.part, step.series, index,
                parameters.read_voltage, samples, scale.conductance(step.target), conductance, time,
            )  # fmt: skip
        yield StepEnd(memory)


def _caption(record: SeparabilityRecord) -> str:
    level = record.level + (record.side == "upper")
    return f"level {level}  {record.part} reads  {format_quantity(record.conductance, 'S', 5)}"


PROTOCOL = Protocol(
    name="separability",
    title="are neighbouring levels told apart: misreads against averages, reads needed, Allan deviation",
    parameters=SeparabilityParameters,
    record=SeparabilityRecord,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: len(plan(parameters)),
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=ReadsMemory,
    figure=figure,
    check_board=check_pulses,
)
