"""Write a whole matrix into the cells of a region, verify it, and tell of every cell what became of it.

A step is one round over the array: lists of pulses, then lists of reads (`array_programming.py`). The records come with
the last one, so that each tells of its cell when everything is written, what its neighbours' pulses did to it included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from labctl.limits import WithinEnvelope
from labctl.protocol import Protocol, StepEnd
from labctl.records import Along
from labctl.units import Count, Fraction, Levels, Ohms, Seconds, Siemens, Volts, format_quantity
from protocols.array_drive import ArrayDrive
from protocols.array_parameters import PulsedArrayParameters, check_region
from protocols.array_reads import calibration_id
from protocols.array_strategies import SchemeName, StrategyName, make_reader
from protocols.board_requests import SLOT_MAX, SLOT_MIN
from protocols.cell_parameters import READ_GRID
from protocols.matrix_file import MatrixFile
from protocols.product_steps import usual_rounds
from protocols.program_array_figure import figure
from protocols.program_array_report import files
from protocols.program_array_summary import latest, summarise
from protocols.published_film import CONDUCTION_VOLTAGE
from protocols.staged_writing import EffectiveSetup, StagedWriter, StageMemory
from protocols.target_matrix import Values, check_span, levels_of, random_levels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.board_data import Capabilities
    from labctl.levels import LevelScale
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench
    from protocols.array_region import Region
    from protocols.array_written import ArrayWritten

QUICK_ROUNDS = 20
"""Rounds of a quick run at most."""


class ProgramArrayParameters(PulsedArrayParameters):
    """What a person may set of `program-array`."""

    matrix: MatrixFile = None
    """What to write, as many numbers as cells; without one, levels drawn by `matrix_seed`."""
    values: Values = "levels"
    """What the numbers of the matrix are: levels, siemens, weights of -1 to 1 or shares of 0 to 1 (either span `low` to
    `high`). A picture's greys are shares."""
    matrix_seed: Count = 1
    """Of the levels that are drawn, evenly between `low` and `high`."""
    low: Count = 0
    """Lowest level that is used."""
    high: Count = LEVELS - 1
    """Highest level that is used."""
    strategy: StrategyName = "none"
    """Against what wires do: `none` writes the levels that the reads show; `per-cell` each cell's own, reckoned out of
    them with `segment_resistance`; `effective` what the array multiplies by, with all lines driven."""
    segment_resistance: Annotated[Ohms, Field(ge=0, le=1e4)] = 0.0
    """Resistance of the wire from one crossing to the next; `per-cell` needs it."""
    conduction_voltage: Annotated[Volts, Field(ge=0.05)] = CONDUCTION_VOLTAGE
    """V0 of a cell's current, I ~ sinh(V / V0); counts with `per-cell` only. 1000 V: an ohmic cell."""
    voltage: Annotated[Volts, WithinEnvelope("read_voltage"), Field(gt=0)] = 0.07
    """Of the rows that are high while the transfer is measured, above the floor; counts with `effective` only."""
    slot: Annotated[Seconds, Field(ge=SLOT_MIN, le=SLOT_MAX)] = 100e-6
    """Time over which a column's current is averaged then."""
    averages: Annotated[Count, Field(ge=2, le=4096)] = 16
    """Slots that are averaged then; more are taken where the noise asks for them."""
    scheme: SchemeName = "auto"
    """What rows get while others are read: `reverse` suits cells that rectify, `ground` others; `auto` finds out."""
    max_samples: Annotated[Count, Field(ge=2, le=4096)] = 1024
    """Most samples of a read; more than `samples` are taken where the noise asks for them, as on grounded columns."""
    tolerance: Annotated[Levels, Field(ge=0.1, le=1000)] = 0.25
    """Largest error at which a cell is accepted, as the reads show it: half a level, but for what the reader hides."""
    confidence: Annotated[Fraction, Field(ge=0.5, le=0.9999)] = 0.9
    """Probability that an accepted cell is within the tolerance; one that stays undecided is accepted within half a
    level."""
    reader_error: Annotated[Levels, Field(ge=0, le=1000)] = 0.1
    """How far the reader's scale and linearity may be off, one sigma; no read shows it: it counts in the summary only.
    5 ppm of gain and 1 LSB of 18 bit, as a factory-calibrated board has, are 0.05 and 0.09 levels."""
    max_bursts: Annotated[Count, Field(ge=1, le=1000)] = 16
    """Bursts after which a cell is given up."""
    max_rounds: Annotated[Count, Field(ge=1, le=1000)] = 40
    """Rounds after which cells that are not written are given up."""


@dataclass(frozen=True, slots=True)
class CellProgrammed:
    """One cell after a round that read it; all cells have one more when the whole array is written.

    `conductance` is its last read, `estimate` weighs that with what was known before; `error` is the estimate's
    distance from the target, `sigma` its standard deviation, `reader_error` included. `errors` are those of its first
    reads: before any burst, and after each. `one_level` is the distance of two levels. `rounds` is how many the array
    has taken so far, with `effective` those of the second stage once that has begun. `calibration` is the board's.
    `boot` and `delivered` are the board's counters after the round.
    """

    row: int
    column: int
    level: Levels
    target: Siemens
    conductance: Siemens
    estimate: Siemens
    error: Levels
    sigma: Levels
    written: bool
    given_up: bool
    at_rail: bool
    readable: bool
    bursts: int
    pulses: int
    reads: int
    samples: int
    errors: Annotated[tuple[Levels, ...], Along("read")]
    one_level: Siemens
    rounds: int
    time: Seconds
    boot: int
    delivered: int
    calibration: str


@dataclass(frozen=True, slots=True)
class ProgramArrayMemory:
    """What a run knows between two rounds."""

    stages: StageMemory


def targets(region: Region, scale: LevelScale, parameters: ProgramArrayParameters) -> NDArray[np.float64]:
    """Return the levels that are to be written, shape (rows, columns).

    Raises:
        ParameterError: if the matrix does not fit.
    """
    check_span(parameters.low, parameters.high)
    if parameters.matrix is None:
        return random_levels(region, parameters.matrix_seed, parameters.low, parameters.high)
    return levels_of(parameters.matrix, parameters.values, region, scale, parameters.low, parameters.high)


def _check(die: Die, envelope: Envelope, parameters: ProgramArrayParameters) -> None:  # noqa: ARG001
    """Refuse cells that the die has not, a matrix that does not fit, and what does not go together."""
    targets(check_region(die, parameters), die.scale, parameters)
    if abs(parameters.read_voltage - REFERENCE_VOLTAGE) > READ_GRID / 2:
        raise ParameterError(
            f"--set read_voltage: levels are defined at {format_quantity(REFERENCE_VOLTAGE, 'V')}; a cell's current is "
            f"not proportional to voltage, and reads at {format_quantity(parameters.read_voltage, 'V')} would show "
            "other levels"
        )
    if parameters.max_samples < parameters.samples:
        raise ParameterError(f"--set max_samples: {parameters.max_samples} is below samples={parameters.samples}")
    if (parameters.strategy == "per-cell") != (parameters.segment_resistance > 0):
        raise ParameterError(
            "--set strategy=per-cell goes with --set segment_resistance, and only with it: a cell's own conductance "
            "is reckoned out of its read with the resistance of the wires"
        )


def _check_board(able: Capabilities, parameters: ProgramArrayParameters) -> None:
    """Refuse pulses that the board cannot make."""
    for name in ("potentiation", "depression"):
        amplitude: float = getattr(parameters, name)
        if not able.v_min <= amplitude <= able.v_max:
            raise ParameterError(
                f"--set {name}: the board pulses from {format_quantity(able.v_min, 'V')} to "
                f"{format_quantity(able.v_max, 'V')}, not at {format_quantity(amplitude, 'V')}"
            )


def _rounds(parameters: ProgramArrayParameters) -> int:
    return min(parameters.max_rounds, QUICK_ROUNDS) if parameters.quick else parameters.max_rounds


def _steps(parameters: ProgramArrayParameters) -> int:
    return usual_rounds(_rounds(parameters), parameters.strategy == "effective")


def _run(
    bench: ProtocolBench, parameters: ProgramArrayParameters, start: Start[ProgramArrayMemory]
) -> Iterator[CellProgrammed | StepEnd]:
    """Carry out the rounds; each yields the cells that it read, the last one all."""
    began = bench.clock.now() - start.time
    region = parameters.region(bench.die)
    drive = ArrayDrive.of(
        bench,
        parameters,
        tolerance=parameters.tolerance,
        confidence=parameters.confidence,
        max_bursts=parameters.max_bursts,
        max_rounds=_rounds(parameters),
    )
    reader = make_reader(
        bench,
        region,
        parameters.strategy,
        samples=parameters.samples,
        max_samples=parameters.max_samples,
        scheme=parameters.scheme,
        segment_resistance=parameters.segment_resistance,
        conduction_voltage=parameters.conduction_voltage,
    )
    calibration = calibration_id(bench.board)
    setup = EffectiveSetup(parameters.voltage, parameters.slot, parameters.averages)
    memory = None if start.memory is None else start.memory.stages
    effective = setup if parameters.strategy == "effective" else None
    writer = StagedWriter(bench, region, drive, reader, effective, memory)
    for report in writer.rounds(targets(region, bench.die.scale, parameters), start.touched):
        found = writer.written()
        if found is not None:
            shown = np.full(region.shape, True) if writer.memory.is_done else report.looked
            time = bench.clock.now() - began
            yield from _records(bench, region, found, shown, parameters, report.round, time, calibration)
        yield StepEnd(ProgramArrayMemory(writer.memory))


def _records(
    bench: ProtocolBench,
    region: Region,
    found: ArrayWritten,
    shown: NDArray[np.bool_],
    parameters: ProgramArrayParameters,
    rounds: int,
    time: float,
    calibration: str,
) -> Iterator[CellProgrammed]:
    """Yield where each cell that is `shown` stands, row by row."""
    scale, status = bench.die.scale, bench.board.status()
    target, state = found.target[shown], found.state[shown]
    columns: dict[str, list[Any]] = {
        "level": target.tolist(),
        "target": (scale.g_min + scale.step * target).tolist(),
        "conductance": (scale.g_min + scale.step * found.level[shown]).tolist(),
        "estimate": (scale.g_min + scale.step * state).tolist(),
        "error": (state - target).tolist(),
        "sigma": np.hypot(found.sigma[shown], parameters.reader_error).tolist(),
    }
    for name in ("written", "given_up", "at_rail", "readable", "bursts", "pulses", "reads", "samples"):
        columns[name] = getattr(found, name)[shown].tolist()
    cells = [(region.row + row, region.column + column) for row, column in np.argwhere(shown).tolist()]
    common: dict[str, Any] = {
        "one_level": scale.step,
        "rounds": rounds,
        "time": time,
        "boot": status.boot,
        "delivered": status.delivered,
    }
    traces = found.trace[shown].tolist()
    for (row, column), trace, own in zip(cells, traces, zip(*columns.values(), strict=True), strict=True):
        values: dict[str, Any] = dict(zip(columns, own, strict=True))
        errors = tuple(error for error in trace[: values["bursts"] + 1] if not math.isnan(error))
        yield CellProgrammed(row, column, errors=errors, calibration=calibration, **values, **common)


def _in_truth(record: CellProgrammed, conductance: float) -> CellProgrammed:
    """Return the record as it would be had the cell's true conductance (S) been read."""
    error = (conductance - record.target) / record.one_level
    return replace(record, conductance=conductance, estimate=conductance, error=error, sigma=0.0)


def _caption(record: CellProgrammed) -> str:
    return f"row {record.row}, column {record.column}: {record.error:+.2f} levels, {record.bursts} bursts"


PROTOCOL = Protocol(
    name="program-array",
    title="write a whole matrix into an array and verify it",
    parameters=ProgramArrayParameters,
    record=CellProgrammed,
    needs=(ProbeBoard,),
    check=_check,
    steps=_steps,
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=ProgramArrayMemory,
    figure=figure,
    standing=latest,
    files=files,
    in_truth=_in_truth,
    check_board=_check_board,
)
