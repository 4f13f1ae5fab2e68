"""The energy of products: into the array as measured, in the system around it as stated, beside digital machines.

A matrix is programmed, unless it is there. Then each input line is driven alone, which tells what it carries, and
random vectors are multiplied pass by pass. What the array takes is the sum over the lines of voltage times current
times time. Nothing of the bench's instruments is in it: what a chip would have in their place is taken from stated
figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from labctl.instruments import ProbeBoard
from labctl.protocol import Protocol, StepEnd
from labctl.records import Along
from labctl.units import Amperes, Count, Decibels, Fraction, Joules, Seconds, Unit, Volts, Watts, YesNo
from protocols.analysis.digital_baselines import BaselineName  # noqa: TC001 (pydantic reads it)
from protocols.board_requests import SAMPLE_TIME, SETTLING, SLOT_MAX
from protocols.energy_figure import figure
from protocols.energy_summary import summarise
from protocols.line_passes import LinePassReader
from protocols.product_array import ProductArray
from protocols.product_parameters import WeightedProductParameters, check_product_board, check_products
from protocols.product_steps import programming_steps
from protocols.product_vectors import TEST, random_vectors
from protocols.staged_writing import StageMemory  # noqa: TC001 (read at run time, as of a memory)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.board_data import Cell
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench
    from protocols.line_passes import LinePasses

    Array = NDArray[np.float64]

QUICK_VECTORS = 16
"""Vectors of a quick run at most."""
BATCH = 16
"""Vectors of one step."""


class EnergyParameters(WeightedProductParameters):
    """What a person may set of `energy`."""

    vectors: Annotated[Count, Field(ge=1, le=100_000)] = 64
    """Random vectors that are multiplied."""
    vector_seed: Count = 2
    """Of the vectors."""
    signed: YesNo = True
    """Inputs of -1..1, in two passes; `no`: of 0..1, in one."""
    averages: Annotated[Count, Field(ge=1, le=4096)] = 1
    """Slots that are averaged; each takes the energy of a product anew."""
    dac_energy: Annotated[Joules, Field(ge=0, le=1)] = 0.66e-12
    """Of putting one input on its line. Assumption: 14 bit of 1 fF unit capacitors at 0.2 V, C V^2 2^14."""
    adc_snr: Annotated[Decibels, Field(ge=1, le=140)] = 75.0
    """Signal to noise and distortion of one conversion: 2 dB above the 73 dB that a product is to have."""
    adc_merit: Annotated[Decibels, Field(ge=100, le=200)] = 175.0
    """Schreier's figure of merit of the converters. Assumption: 175 dB is a good converter, 185 dB about the best that
    was published; 10 dB are a factor of ten in energy."""
    tia_power: Annotated[Watts, Field(ge=0, le=10)] = 100e-6
    """Of one column's amplifier at rest. Assumption: no source; an amplifier of some MHz."""
    supply: Annotated[Volts, Field(ge=0, le=50)] = 0.9
    """From which amplifiers take the columns' currents (the supply of the 45 nm figures of Horowitz, 2014)."""
    control_energy: Annotated[Joules, Field(ge=0, le=1)] = 2.5e-12
    """Of moving one number to a line or from one: 16 of the 64 bit that a read of an 8 kB cache brings for 10 pJ
    (Horowitz, 2014)."""
    temperature: Annotated[float, Unit("K"), Field(gt=0, le=1000)] = 300.0
    """Of the cells, for their thermal noise."""
    required: Annotated[Decibels, Field(ge=0, le=200)] = 73.0
    """Signal-to-noise ratio that the thermal floor is told for (the paper's: more than 73 dB)."""
    chip_slot: Annotated[Seconds, Field(ge=1e-12, le=SLOT_MAX)] = 80e-9
    """Slot of a chip with this array, this voltage and no averages, for which all is told a second time. Assumption:
    the published width of a write pulse; bench boards are a thousand times slower."""
    baseline: BaselineName = "haswell"
    """Digital machine of `ratio`; the others stand beside it."""


@dataclass(frozen=True, slots=True)
class EnergyReading:
    """One pass.

    `stage` is "idle" (no line is driven), "line" (line `index` alone) or "product" (vector `index`). `voltage` and
    `share` are those of the pulses on the input lines; `current` is that of each column of the die, mean over the slot.
    A pass lasts for `averages` slots and `still`, in which lines are at the floor (or, if `stays`, as in the slot). A
    product has so many `outputs`, on `columns` columns from `column` on.
    """

    stage: str
    index: int
    column: int
    columns: int
    outputs: int
    voltage: Annotated[tuple[Volts, ...], Along("input_line")]
    share: Annotated[tuple[Fraction, ...], Along("input_line")]
    current: Annotated[tuple[Amperes, ...], Along("output_line")]
    floor: Volts
    slot: Seconds
    averages: int
    still: Seconds
    stays: bool
    time: Seconds
    calibration: str


@dataclass(frozen=True, slots=True)
class EnergyMemory:
    """What a run knows between two steps.

    Args:
        array: how far programming has come.
        lines: whether the lines are measured.
        done: vectors that are multiplied.
    """

    array: StageMemory
    lines: bool
    done: int


def _count(parameters: EnergyParameters) -> int:
    return min(parameters.vectors, QUICK_VECTORS) if parameters.quick else parameters.vectors


def _check(die: Die, envelope: Envelope, parameters: EnergyParameters) -> None:
    check_products(die, envelope, parameters)
    parameters.weights(die)


def _steps(parameters: EnergyParameters) -> int:
    return programming_steps(parameters) + 1 + -(-_count(parameters) // BATCH)


def _run(
    bench: ProtocolBench, parameters: EnergyParameters, start: Start[EnergyMemory]
) -> Iterator[EnergyReading | StepEnd]:
    """Program, a step a round; measure the lines, a step; then some vectors are a step."""
    run = _Run(bench, parameters, start)
    yield from run.program(start.touched)
    yield from run.lines()
    yield from run.products()


class _Run:
    """One run on one array."""

    def __init__(self, bench: ProtocolBench, parameters: EnergyParameters, start: Start[EnergyMemory]) -> None:
        self._bench = bench
        self._parameters = parameters
        self._began = bench.clock.now() - start.time
        memory = start.memory
        array = None if memory is None else memory.array
        self._array = ProductArray(bench, parameters, parameters.weights(bench.die), array)
        self._measured, self._done = (False, 0) if memory is None else (memory.lines, memory.done)

    def program(self, touched: frozenset[Cell]) -> Iterator[StepEnd]:
        """Bring the weights to the cells."""
        for _ in self._array.program(touched):
            yield self._end()

    def lines(self) -> Iterator[EnergyReading | StepEnd]:
        """Drive no line, then each alone."""
        if self._measured:
            return
        reader = self._reader()
        yield from self._records("idle", 0, reader.idle())
        for found in reader.lines_alone():
            for line in range(len(found.current)):
                yield self._record("line", line, found, line, slice(line, line + 1))
        self._measured = True
        yield self._end()

    def products(self) -> Iterator[EnergyReading | StepEnd]:
        """Multiply the vectors that are left."""
        p, region = self._parameters, self._array.region
        vectors = random_vectors(p.vector_seed, TEST, _count(p), region.rows, p.signed)
        for first in range(self._done, len(vectors), BATCH):
            part = vectors[first : first + BATCH]
            for found in self._reader().vectors(part, p.signed):
                yield from self._records("product", first, found)
            self._done = first + len(part)
            yield self._end()

    def _reader(self) -> LinePassReader:
        return LinePassReader(self._bench.board, self._bench.die, self._array.products())

    def _records(self, stage: str, first: int, found: LinePasses) -> Iterator[EnergyReading]:
        for number in range(len(found.current)):
            yield self._record(stage, first + number, found, number, slice(None))

    def _record(self, stage: str, index: int, found: LinePasses, number: int, lines: slice) -> EnergyReading:
        p = self._parameters
        return EnergyReading(
            stage=stage,
            index=index,
            column=self._array.region.column,
            columns=self._array.region.columns,
            outputs=self._array.weights.shape[1],
            voltage=tuple(found.voltage[number, lines].tolist()),
            share=tuple(found.share[number, lines].tolist()),
            current=tuple(found.current[number].tolist()),
            floor=found.floor,
            slot=p.slot,
            averages=p.averages,
            still=SETTLING + p.averages * SAMPLE_TIME,
            stays=p.coding != "width",
            time=self._bench.clock.now() - self._began,
            calibration=self._array.calibration,
        )

    def _end(self) -> StepEnd:
        return StepEnd(EnergyMemory(self._array.memory, self._measured, self._done))


def _caption(record: EnergyReading) -> str:
    total = sum(record.current)
    what = {"idle": "no line", "line": f"line {record.index} alone", "product": f"vector {record.index + 1}"}
    return f"{what[record.stage]}: {1e3 * total:.4g} mA"


PROTOCOL = Protocol(
    name="energy",
    title="measure what products take in the array, and compare array and system with digital machines",
    parameters=EnergyParameters,
    record=EnergyReading,
    needs=(ProbeBoard,),
    check=_check,
    check_board=check_product_board,
    steps=_steps,
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=EnergyMemory,
    figure=figure,
)
