"""Measure the noises of one cell against its conductance: of reads and of writes, white, 1/f and telegraph.

At each level three things are done. Single samples at two voltages tell the cell's noise from the reader's. Long reads
show the spectrum. Staircases of single pulses, read after each, tell write noise from read noise. Before each of them
the cell is brought to its level again, so that a step of a run needs nothing from the one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from labctl.board_data import Pulse
from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import LEVELS, parse_levels
from labctl.limits import WithinEnvelope
from labctl.protocol import Protocol, StepEnd
from labctl.units import Count, Seconds, Siemens, Volts, Written, format_quantity
from protocols.approach import Drive, approach
from protocols.board_requests import REQUEST_TIME, pulse_slot, read_time
from protocols.cell_noise import BLOCK, block_scatter, moves
from protocols.cell_parameters import PulsedCellParameters, check_cell, check_pulses
from protocols.noise_figure import figure
from protocols.noise_summary import summarise
from protocols.repeated_reads import (
    REQUEST_READS,
    ReadsMemory,
    Turns,
    check_requests,
    conductances,
    read_in_turns,
    reads_in_request,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

APPROACH_SAMPLES = 16
"""Samples of the reads that bring the cell to a level."""
LEAST = 128
"""Fewest reads of a series, from which a spectrum is told."""
NEAR = LEVELS / 1000
"""How near (levels) a cell is brought to a level: its noise is the same all around."""
QUICK = 4
"""A quick run takes a so-manieth of reads and pulses, at every other level."""

Part = Literal["read", "reader", "spectrum", "up", "down"]


class NoiseParameters(PulsedCellParameters):
    """What a person may set of `noise`."""

    levels: Annotated[tuple[int, ...], Written("all, N, a:b, a:b:step or a,b,c", parse_levels)] = Field(
        default="1259:15259:3500", validate_default=True
    )
    """Levels at which noise is measured; evenly about the middle of the range, the means of the summary are figures of
    the middle."""
    reader_voltage: Annotated[Volts, WithinEnvelope("read_voltage"), Field(gt=0)] = 0.02
    """Second, lower voltage of the reads: what is seen there is the reader's noise."""
    reads: Annotated[Count, Field(ge=512, le=1_000_000)] = 8192
    """Single samples at each of both voltages and each level; whole requests of 512."""
    spectrum_reads: Annotated[Count, Field(ge=LEAST, le=1_000_000)] = 2048
    """Reads of the spectrum at each level; whole requests of 512 at most."""
    samples: Annotated[Count, Field(ge=1, le=4096)] = 400
    """Samples that a read of the spectrum averages: 2 ms, and as long again for the other cell in between."""
    pulses: Annotated[Count, Field(ge=64, le=1_000_000)] = 2048
    """Single pulses at each level, half of them up and half down, each followed by a read."""
    staircase: Annotated[Count, Field(ge=32, le=1000)] = 256
    """Pulses in a row in one direction."""
    step_samples: Annotated[Count, Field(ge=1, le=512)] = 64
    """Samples of the read after a pulse."""


@dataclass(frozen=True, slots=True)
class NoiseRecord:
    """One read, or a block of 64 single samples.

    `part` says what it is for: `read` and `reader` are blocks at the read voltage and at the reader voltage, `spectrum`
    is a read of a series, `up` and `down` are reads after a pulse. `series` numbers the requests of a part at a level,
    `index` what stands in one. `conductance` is the mean of a block; `sigma` is how its samples scatter about their
    slow course, 0 for a single read. `time` counts from the start of the run to the end of the request.
    """

    row: int
    column: int
    level: int
    part: str
    series: int
    index: int
    voltage: Volts
    samples: int
    conductance: Siemens
    sigma: Siemens
    time: Seconds


@dataclass(frozen=True, slots=True)
class NoiseStep:
    """One request: which level, what for, which of its kind, how many reads."""

    level: int
    part: Part
    series: int
    count: int


def plan(parameters: NoiseParameters) -> tuple[NoiseStep, ...]:
    """Return the requests of a run, in their order."""
    share = QUICK if parameters.quick else 1
    blocks = max(1, parameters.reads // share // REQUEST_READS)
    long = min(reads_in_request(parameters.samples), max(LEAST, parameters.spectrum_reads // share))
    spectra = max(1, parameters.spectrum_reads // share // long)
    stairs = max(1, parameters.pulses // share // (2 * parameters.staircase))
    kinds: tuple[tuple[Part, int, int], ...] = (
        ("read", blocks, REQUEST_READS),
        ("reader", blocks, REQUEST_READS),
        ("spectrum", spectra, long),
        ("up", stairs, parameters.staircase + 1),
        ("down", stairs, parameters.staircase + 1),
    )
    return tuple(
        NoiseStep(level, part, series, count)
        for level in (parameters.levels[::2] if parameters.quick else parameters.levels)
        for part, number, count in kinds
        for series in range(number)
    )


def _check(die: Die, envelope: Envelope, parameters: NoiseParameters) -> None:
    """Refuse what makes no sense; see the messages."""
    check_cell(die, envelope, parameters)
    Turns.beside(parameters.cell, die.rows, die.columns)
    if parameters.reader_voltage > parameters.read_voltage / 2:
        raise ParameterError(
            f"--set reader_voltage: {format_quantity(parameters.reader_voltage, 'V')} is too near to the read voltage "
            f"of {format_quantity(parameters.read_voltage, 'V')} to tell the reader's noise from the cell's; use half "
            "of that at most"
        )
    check_requests(parameters.levels, parameters.samples, LEAST)
    width = max(parameters.potentiation_width, parameters.depression_width)
    most = int(REQUEST_TIME / (pulse_slot(width) + read_time(parameters.step_samples)))
    if parameters.staircase > most:
        raise ParameterError(
            f"--set staircase: {parameters.staircase} pulses of {format_quantity(width, 's')} with their reads take "
            f"longer than a request of 4 s; use {most} at most"
        )


def _run(
    bench: ProtocolBench, parameters: NoiseParameters, start: Start[ReadsMemory]
) -> Iterator[NoiseRecord | StepEnd]:
    """Carry the requests out; a request is a step. Where reads move the cell, there is no noise at a level."""
    memory = start.memory or ReadsMemory()
    began = bench.clock.now() - start.time
    cell, scale = parameters.cell, bench.die.scale
    turns = Turns.beside(cell, bench.die.rows, bench.die.columns)
    drive = Drive.of(bench, parameters, parameters.read_voltage, APPROACH_SAMPLES)
    for step in plan(parameters)[start.steps :]:
        if memory.disturbed:
            yield StepEnd(memory)
            continue
        approach(bench.board, cell, scale.conductance(_from(step)), NEAR * scale.step, drive)
        voltage = parameters.reader_voltage if step.part == "reader" else parameters.read_voltage
        if step.part in ("up", "down"):
            samples = parameters.step_samples
            pulse = Pulse(cell, *drive.pulse(step.part == "up"))
            reads = conductances(bench.board.pulse_read([pulse] * step.count, voltage, samples)[1], cell)
        else:
            samples = parameters.samples if step.part == "spectrum" else 1
            reads = read_in_turns(bench.board, turns, voltage, samples, step.count)
        time = bench.clock.now() - began
        rows = _blocks(reads) if step.part in ("read", "reader") else [(read, 0.0) for read in reads.tolist()]
        if step.part == "read":
            memory = ReadsMemory(moves([mean for mean, _ in rows], max(sigma for _, sigma in rows)))
        for index, (conductance, sigma) in enumerate(rows):
            yield NoiseRecord(
                cell.row, cell.column, step.level, step.part, step.series, index, voltage, samples, conductance, sigma,
                time,
            )  # fmt: skip
        yield StepEnd(memory)


def _from(step: NoiseStep) -> int:
    """Return the level from which a step starts: staircases have theirs in the middle, as far as there is room."""
    half = step.count // 2 if step.part in ("up", "down") else 0
    aside = step.level + (half if step.part == "down" else -half)
    return min(max(aside, 0), LEVELS - 1)


def _blocks(reads: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return mean and scatter (S) of each block of single samples."""
    found = [block_scatter(block) for block in reads.reshape(-1, BLOCK)]
    return [(mean, variance**0.5) for mean, variance, _ in found]


def _caption(record: NoiseRecord) -> str:
    return f"level {record.level}  {record.part} {record.series}  {format_quantity(record.conductance, 'S', 5)}"


PROTOCOL = Protocol(
    name="noise",
    title="read noise apart from write noise, spectrum with 1/f corner, telegraph noise, against conductance",
    parameters=NoiseParameters,
    record=NoiseRecord,
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
