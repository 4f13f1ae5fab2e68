"""Program one cell to each of a list of levels, and verify each by averaged reads.

A burst is one pulse (or, for long distances, a train of equal ones); the read after it decides by how much to correct.
How a burst is chosen is the algorithm's (`write_algorithms/`). A level is accepted when it is within `tolerance` of its
target with the stated `confidence`, judged from reads whose number of samples follows the measured read noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from labctl.board_data import Cell, PulseReceipt, ReadScheme, WriteScheme
from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard, SourceMeter
from labctl.levels import REFERENCE_VOLTAGE, parse_levels
from labctl.limits import WithinEnvelope
from labctl.protocol import Criterion, Outcome, Parameters, Protocol, StepEnd, judge
from labctl.smu_data import SourceSetup
from labctl.units import Count, Fraction, Levels, Ohms, Seconds, Siemens, Volts, Written, format_quantity
from protocols.cell_parameters import READ_GRID
from protocols.cell_reader import BoardReader, CellReader, ReadScale, SmuReader
from protocols.level_writer import Aim, Arrival, LevelWriter, WriterMemory
from protocols.published_film import CONDUCTION_VOLTAGE
from protocols.pulse_reach import PulseReach
from protocols.write_algorithms.catalogue import AlgorithmName, make
from protocols.write_algorithms.interface import Prior, probability_within
from protocols.write_verify_figure import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.bench import Die
    from labctl.levels import LevelScale
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

GAIN_SPREAD = 0.3
"""Relative spread of the first guess of a gain: ours; devices of another make differ more, and are learned, too."""
QUICK_LEVELS = 64
"""Levels of a quick run."""
HALF_MOVED = 12**-0.5 / 2
"""Standard deviation of a state that lies anywhere in half of the way by which a read moves it, as a share of it."""
PASS_SHARE = 0.995
"""Share of the levels that a passing run must have written."""


class WriteVerifyParameters(Parameters):
    """What a person may set of `write-verify`."""

    levels: Annotated[tuple[int, ...], Written("all, N, a:b, a:b:step or a,b,c", parse_levels)] = Field(
        default="all", validate_default=True
    )
    """Levels to write; 0 to 16519."""
    order: Literal["as-given", "ascending", "descending", "random"] = "as-given"
    """In which order they are written."""
    order_seed: Count = 1
    """Of the random order."""
    algorithm: AlgorithmName = "kalman"
    """What chooses the pulses: `kalman` learns the cell's speed all along its range, `secant` from its last move,
    `ispp` climbs in verified steps and resets after overshoot, `proportional` goes by the widths below, as they are."""
    reader: Literal["board", "smu"] = "board"
    """What verifies: the board's own converter, or the source-measure unit, routed to the cell for each read."""
    row: Count = 0
    """Row of the cell."""
    column: Count = 0
    """Column of the cell."""
    tolerance: Annotated[Levels, Field(ge=0.2, le=1000)] = 0.35
    """Largest error of a written level, as the reader shows it: half a level, but for what reader and noise hide.
    Finer than 0.2 is beyond the narrowest pulse, 20 ns or 0.3 levels."""
    confidence: Annotated[Fraction, Field(ge=0.5, le=0.9999)] = 0.995
    """Probability that a level called written is within the tolerance."""
    read_voltage: Annotated[Volts, WithinEnvelope("read_voltage"), Field(gt=0)] = REFERENCE_VOLTAGE
    """Voltage of the verifying reads: the one at which levels are defined, 200 mV."""
    potentiation: Annotated[Volts, WithinEnvelope("voltage"), Field(ge=0.01)] = 0.9
    """Amplitude of the pulses that raise the conductance (published: 0.90 V)."""
    depression: Annotated[Volts, WithinEnvelope("voltage"), Field(le=-0.01)] = -0.75
    """Amplitude of the pulses that lower it (published: -0.75 V)."""
    potentiation_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 80e-9
    """First guess of the width that raises by one level (published: 80 ns); learned from then on."""
    depression_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 65e-9
    """First guess of the width that lowers by one level (published: 65 ns)."""
    write_noise: Annotated[Levels, Field(ge=0.001, le=10)] = 0.1
    """Scatter of a step of one level (published: 0.05 to 0.13)."""
    reader_error: Annotated[Levels, Field(ge=0, le=1000)] = 0.1
    """How far the reader's scale and linearity may be off, one sigma; no read shows it: it counts in the summary only.
    5 ppm of gain and 1 LSB of 18 bit, as a factory-calibrated board has, are 0.05 and 0.09 levels."""
    smu_error: Annotated[Levels, Field(ge=0, le=1000)] = 5.0
    """The same of a source-measure unit: 0.02 % of a reading and an offset, as good ones state, are 3 levels and more.
    """
    line_resistance: Annotated[Ohms, Field(ge=0, le=1e6)] = 0.0
    """Resistance of the lines to the cell and back, if it is known: reads are reckoned back to the cell. A cell behind
    lines that nobody told of is written too high, and no read shows it."""
    conduction_voltage: Annotated[Volts, Field(ge=0.05)] = CONDUCTION_VOLTAGE
    """V0 of the cell's current, I ~ sinh(V / V0); counts with a line_resistance only. 1000 V: an ohmic cell."""
    max_samples: Annotated[Count, Field(ge=4, le=4096)] = 16
    """Most samples that one read averages; of a source-measure unit, readings of one power line cycle."""
    max_bursts: Annotated[Count, Field(ge=1, le=1000)] = 32
    """Bursts after which a level is given up."""


@dataclass(frozen=True, slots=True)
class LevelWritten:
    """One level, written and verified.

    `conductance` is the deciding read; `estimate` weighs it with what was known before; `error` is the estimate's
    distance from the target, `sigma` its standard deviation. `written` says that the tolerance is met with the
    confidence asked for. `read_drift` is by how much a read moves the state there, 0 where that does not
    stand out from the noise. `time` counts from the start of the run; `boot` and `delivered` are the board's counters.
    """

    row: int
    column: int
    level: int
    target: Siemens
    conductance: Siemens
    estimate: Siemens
    error: Levels
    sigma: Levels
    written: bool
    bursts: int
    pulses: int
    reads: int
    samples: int
    pulse_time: Seconds
    time: Seconds
    boot: int
    delivered: int
    read_drift: Levels = 0.0


@dataclass(frozen=True, slots=True)
class WriteVerifySummary:
    """What a run amounts to.

    `error_rms` and `within_half_level` count in the estimate's own uncertainty and `reader_error`: they are what the
    true errors are expected to show if the reader is no worse than that. What an uncalibrated reader, or wires that
    drop a part of the read voltage, hide from it is in neither. `error_max` is the largest estimated error.
    `lowest` and `highest` are the outermost levels that were written, -1 if none was: a die may have fewer levels than
    its scale. `read_drift` is the most that one read was found to move the state: where it is not 0, reads
    disturb this cell, bursts aim beside their targets to make up for it, and half of it counts in the errors.
    """

    levels: int
    written: Fraction
    within_half_level: Fraction
    error_rms: Levels
    error_max: Levels
    bursts_per_level: float
    reads_per_level: float
    samples_per_level: float
    pulses: int
    confidence: Fraction
    tolerance: Levels
    lowest: int
    highest: int
    read_drift: Levels


def _levels(parameters: WriteVerifyParameters) -> tuple[int, ...]:
    """Return the levels of a run, in its order; a quick one takes every so-manieth."""
    levels = parameters.levels
    levels = levels[:: -(-len(levels) // QUICK_LEVELS)] if parameters.quick else levels
    match parameters.order:
        case "as-given":
            return levels
        case "random":
            return tuple(np.random.default_rng(parameters.order_seed).permutation(levels).tolist())
        case _:
            return tuple(sorted(levels, reverse=parameters.order == "descending"))


def _check(die: Die, envelope: Envelope, parameters: WriteVerifyParameters) -> None:  # noqa: ARG001
    """Refuse a cell that the die has not, and a read voltage at which levels are not defined."""
    if parameters.row >= die.rows or parameters.column >= die.columns:
        raise ParameterError(
            f"the die has rows 0..{die.rows - 1} and columns 0..{die.columns - 1}, "
            f"no cell ({parameters.row}, {parameters.column})"
        )
    if abs(parameters.read_voltage - REFERENCE_VOLTAGE) > READ_GRID / 2:
        raise ParameterError(
            f"--set read_voltage: levels are defined at {format_quantity(REFERENCE_VOLTAGE, 'V')}; a cell's current is "
            f"not proportional to voltage, and reads at {format_quantity(parameters.read_voltage, 'V')} would show "
            "other levels"
        )


def _run(
    bench: ProtocolBench, parameters: WriteVerifyParameters, start: Start[WriterMemory]
) -> Iterator[LevelWritten | StepEnd]:
    """Write each level; a level is a step."""
    began = bench.clock.now() - start.time
    status = bench.board.status()
    cell = Cell(parameters.row, parameters.column)
    algorithm = make(parameters.algorithm, _prior(parameters))
    writer = LevelWriter(_reader(bench, cell, parameters), cell, _aim(bench, parameters), algorithm)
    if start.memory is not None:
        writer.recall(start.memory)
    if start.memory is None or cell in start.touched:
        writer.look_around()
    for level in _levels(parameters)[start.steps :]:
        arrival = writer.write(level)
        receipt = writer.receipt or PulseReceipt(0, status.delivered, status.boot)
        record = _record(cell, level, bench.die.scale, arrival, bench.clock.now() - began, receipt)
        yield replace(record, read_drift=writer.read_drift)
        yield StepEnd(writer.memory())


def _reader(bench: ProtocolBench, cell: Cell, parameters: WriteVerifyParameters) -> CellReader:
    """Return what verifies; the source-measure unit in a range that just holds the read voltage."""
    scale = ReadScale(
        bench.die.scale, parameters.read_voltage, parameters.line_resistance, parameters.conduction_voltage
    )
    if parameters.reader == "board":
        return BoardReader(bench.board, cell, scale)
    bench.smu.configure(SourceSetup(parameters.read_voltage, bench.envelope.cell_current))
    # Grounded lines would let the unit see the current of the cell's whole row.
    bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
    return SmuReader(bench.board, cell, scale, bench.routed)


def _aim(bench: ProtocolBench, parameters: WriteVerifyParameters) -> Aim:
    able = bench.board.capabilities()
    reach = PulseReach.of(bench)
    return Aim(
        tolerance=parameters.tolerance,
        confidence=parameters.confidence,
        potentiation=parameters.potentiation,
        depression=parameters.depression,
        width_min=reach.width_min,
        width_max=reach.width_max,
        count_max=reach.count_max,
        max_samples=min(parameters.max_samples, able.averages_max),
        max_bursts=parameters.max_bursts,
    )


def _prior(parameters: WriteVerifyParameters) -> Prior:
    return Prior(
        potentiation=1 / parameters.potentiation_width,
        depression=1 / parameters.depression_width,
        gain_spread=GAIN_SPREAD,
        write_noise=parameters.write_noise,
    )


def _record(
    cell: Cell, level: int, scale: LevelScale, arrival: Arrival, time: float, receipt: PulseReceipt
) -> LevelWritten:
    """Return what became of a level, in siemens where a person wants siemens."""
    return LevelWritten(
        row=cell.row,
        column=cell.column,
        level=level,
        target=scale.conductance(level),
        conductance=scale.conductance(arrival.reading),
        estimate=scale.conductance(arrival.state),
        error=arrival.state - level,
        sigma=arrival.sigma,
        written=arrival.written,
        bursts=arrival.cost.bursts,
        pulses=arrival.cost.pulses,
        reads=arrival.cost.reads,
        samples=arrival.cost.samples,
        pulse_time=arrival.cost.pulse_time,
        time=time,
        boot=receipt.boot,
        delivered=receipt.delivered,
    )


def _summarise(records: Sequence[LevelWritten], parameters: WriteVerifyParameters) -> Outcome:
    """Count what the records show."""
    count = len(records)
    if count == 0:
        return Outcome(passed=False, summary=None)
    errors = np.array([record.error for record in records])
    reader = parameters.reader_error if parameters.reader == "board" else parameters.smu_error
    half_moved = [record.read_drift * HALF_MOVED for record in records]
    sigmas = np.hypot(np.hypot([record.sigma for record in records], reader), half_moved)
    within = [
        probability_within(error, sigma, 0.5) for error, sigma in zip(errors.tolist(), sigmas.tolist(), strict=True)
    ]
    reached = [record.level for record in records if record.written]
    summary = WriteVerifySummary(
        levels=count,
        written=len(reached) / count,
        within_half_level=float(np.mean(within)),
        error_rms=float(np.sqrt(np.mean(errors**2 + sigmas**2))),
        error_max=float(np.max(np.abs(errors))),
        bursts_per_level=sum(record.bursts for record in records) / count,
        reads_per_level=sum(record.reads for record in records) / count,
        samples_per_level=sum(record.samples for record in records) / count,
        pulses=sum(record.pulses for record in records),
        confidence=parameters.confidence,
        tolerance=parameters.tolerance,
        lowest=min(reached, default=-1),
        highest=max(reached, default=-1),
        read_drift=max((record.read_drift for record in records), key=abs),
    )
    return judge(summary, Criterion("written", at_least=PASS_SHARE))


def _caption(record: LevelWritten) -> str:
    conductance = format_quantity(record.conductance, "S", 5)
    return f"level {record.level}  {conductance}  error {record.error:+.2f} levels"


PROTOCOL = Protocol(
    name="write-verify",
    title="program one cell to each of a list of levels and verify them",
    parameters=WriteVerifyParameters,
    record=LevelWritten,
    needs=lambda parameters: (ProbeBoard, SourceMeter) if parameters.reader == "smu" else (ProbeBoard,),
    check=_check,
    steps=lambda parameters: len(_levels(parameters)),
    run=_run,
    summarise=_summarise,
    caption=_caption,
    memory=WriterMemory,
    figure=figure,
)
