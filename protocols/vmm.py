"""Multiply vectors with a matrix that stands in the array, in one step each, and tell how exact that is.

Weights of -1..1 are written to the cells, unless they are there; training vectors find each column's gain and offset;
test vectors, which none of that has seen, give the signal-to-noise ratio against the ideal product, raw and calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from labctl.instruments import ProbeBoard
from labctl.protocol import Protocol, StepEnd
from labctl.records import Along
from labctl.units import Amperes, Count, Decibels, Seconds, Volts, YesNo
from protocols.analysis.product_errors import ColumnFit, fit_columns
from protocols.matrix_file import MatrixFile
from protocols.product_array import ProductArray
from protocols.product_parameters import (
    WeightedProductParameters,
    check_product_board,
    check_products,
    check_training,
)
from protocols.product_steps import programming_steps, request_steps
from protocols.product_vectors import TEST, TRAINING, check_signal, random_vectors, vectors_in
from protocols.staged_writing import StageMemory  # noqa: TC001 (read at run time, as of a memory)
from protocols.vmm_figure import figure
from protocols.vmm_summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.board_data import Cell
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

    Array = NDArray[np.float64]

QUICK_VECTORS, QUICK_TRAINING = 32, 24
"""Test and training vectors of a quick run."""


class VmmParameters(WeightedProductParameters):
    """What a person may set of `vmm`."""

    vectors: Annotated[Count, Field(ge=2, le=100_000)] = 128
    """Test vectors."""
    inputs: MatrixFile = None
    """File of the test vectors, one a row; none: uniform random ones."""
    signed: YesNo = True
    """Inputs of -1..1, in two passes; `no`: of 0..1, in one."""
    training: Annotated[Count, Field(ge=0, le=100_000)] = 64
    """Training vectors, which tell each column's gain and offset; 0: none, so there is no calibrated figure."""
    vector_seed: Count = 2
    """Of random vectors."""
    figure: Literal["calibrated", "raw"] = "calibrated"
    """Which signal-to-noise ratio decides whether the run passes."""
    required: Decibels = 73.0
    """What it must be (the paper's: more than 73 dB)."""


@dataclass(frozen=True, slots=True)
class VectorProduct:
    """One vector, multiplied.

    `role` is "training" or "test". `current` is what the columns carried, passes summed up with their signs, and
    `expected` what they should have carried by the targets. `ideal`, `raw` and `calibrated` are products, one an
    output; without training, `calibrated` is empty. `floor` is the level of input lines without a pulse, `written` the
    share of the cells that programming called written (not a number: nothing was programmed), `bursts` how many each
    took.
    """

    vector: int
    role: str
    passes: int
    inputs: Annotated[tuple[float, ...], Along("input")]
    current: Annotated[tuple[Amperes, ...], Along("output_line")]
    expected: Annotated[tuple[Amperes, ...], Along("output_line")]
    ideal: Annotated[tuple[float, ...], Along("output")]
    raw: Annotated[tuple[float, ...], Along("output")]
    calibrated: Annotated[tuple[float, ...], Along("output")]
    floor: Volts
    written: float
    bursts: float
    time: Seconds
    calibration: str


@dataclass(frozen=True, slots=True)
class VmmMemory:
    """What a run knows between two steps.

    Args:
        array: how far programming has come.
        written: share of the cells that are called written; not a number before the end.
        bursts: a cell.
        gain: of each column, once training is over.
        offset: of each column (A).
        done: vectors that are recorded, training and test.
    """

    array: StageMemory
    written: float
    bursts: float
    gain: tuple[float, ...]
    offset: tuple[float, ...]
    done: int


def _vectors(parameters: VmmParameters, rows: int) -> tuple[Array, Array]:
    """Return training and test vectors."""
    p = parameters
    training = min(p.training, QUICK_TRAINING) if p.quick else p.training
    count = min(p.vectors, QUICK_VECTORS) if p.quick else p.vectors
    if p.inputs is None:
        test = random_vectors(p.vector_seed, TEST, count, rows, p.signed)
    else:
        test = vectors_in("inputs", p.inputs, rows, p.signed)[: count if p.quick else None]
    return random_vectors(p.vector_seed, TRAINING, training, rows, p.signed), test


def _check(die: Die, envelope: Envelope, parameters: VmmParameters) -> None:
    region = check_products(die, envelope, parameters)
    check_signal("matrix", parameters.weights(die))
    check_signal("inputs", _vectors(parameters, region.rows)[1])
    check_training(parameters.training, parameters.figure)


def _steps(parameters: VmmParameters) -> int:
    p = parameters
    count = p.vectors if p.inputs is None else len(p.inputs.values)
    test = min(count, QUICK_VECTORS) if p.quick else count
    return programming_steps(p) + (p.training > 0) + request_steps(p, test, p.signed)


def _run(bench: ProtocolBench, parameters: VmmParameters, start: Start[VmmMemory]) -> Iterator[VectorProduct | StepEnd]:
    """Program, a step a round; train, a step; then a request of test vectors is a step."""
    run = _Run(bench, parameters, start)
    yield from run.program(start.touched)
    yield from run.train()
    yield from run.test()


class _Run:
    """One run on one array."""

    def __init__(self, bench: ProtocolBench, parameters: VmmParameters, start: Start[VmmMemory]) -> None:
        self._bench = bench
        self._parameters = parameters
        self._began = bench.clock.now() - start.time
        array = None if start.memory is None else start.memory.array
        self._array = ProductArray(bench, parameters, parameters.weights(bench.die), array)
        memory = start.memory or VmmMemory(self._array.memory, float("nan"), float("nan"), (), (), 0)
        self._written, self._bursts, self._done = memory.written, memory.bursts, memory.done
        self._fit = ColumnFit(np.array(memory.gain), np.array(memory.offset)) if memory.gain else None
        self._training, self._test = _vectors(parameters, self._array.region.rows)

    def program(self, touched: frozenset[Cell]) -> Iterator[StepEnd]:
        before = None
        for _ in self._array.program(touched):
            written = self._array.written
            if written is not None and written is not before:
                # A stage is over; strategy effective has two, and both wear the cells.
                self._written = float(written.written.mean())
                self._bursts = float(np.nan_to_num(self._bursts)) + float(written.bursts.mean())
                before = written
            yield self._end()

    def train(self) -> Iterator[VectorProduct | StepEnd]:
        """Multiply the training vectors and fit the columns."""
        if len(self._training) and self._done == 0:
            records = list(self._multiply(self._training, "training", 0))
            self._fit = fit_columns(_rows(records, "expected"), _rows(records, "current"))
            yield from records
            self._done = len(self._training)
            yield self._end()

    def test(self) -> Iterator[VectorProduct | StepEnd]:
        before = len(self._training)
        batch = self._array.products().batch(self._parameters.signed)
        for first in range(self._done - before, len(self._test), batch):
            part = self._test[first : first + batch]
            yield from self._multiply(part, "test", first)
            self._done = before + first + len(part)
            yield self._end()

    def _multiply(self, vectors: Array, role: str, first: int) -> Iterator[VectorProduct]:
        """Multiply some vectors; the first of them is number `first` of its role."""
        array = self._array
        found = array.products().multiply(vectors, self._parameters.signed)
        expected = array.expected(found.drive)
        raw = array.decode(found.current, found.drive)
        calibrated = np.empty((len(vectors), 0))
        if self._fit is not None:
            calibrated = array.decode(self._fit.corrected(found.current), found.drive)
        for index, vector in enumerate(vectors):
            yield VectorProduct(
                vector=first + index,
                role=role,
                passes=found.passes // len(vectors),
                inputs=_row(vector),
                current=_row(found.current[index]),
                expected=_row(expected[index]),
                ideal=_row(vector @ array.weights),
                raw=_row(raw[index]),
                calibrated=_row(calibrated[index]),
                floor=array.floor,
                written=self._written,
                bursts=self._bursts,
                time=self._bench.clock.now() - self._began,
                calibration=array.calibration,
            )

    def _end(self) -> StepEnd:
        gain, offset = ((), ()) if self._fit is None else (_row(self._fit.gain), _row(self._fit.offset))
        return StepEnd(VmmMemory(self._array.memory, self._written, self._bursts, gain, offset, self._done))


def _row(values: Array) -> tuple[float, ...]:
    return tuple(values.tolist())


def _rows(records: list[VectorProduct], name: str) -> Array:
    return np.array([getattr(record, name) for record in records])


def _caption(record: VectorProduct) -> str:
    return f"{record.role} vector {record.vector + 1}: first output {record.raw[0]:.4f}, ideal {record.ideal[0]:.4f}"


PROTOCOL = Protocol(
    name="vmm",
    title="multiply vectors with a matrix in the array, and give the signal-to-noise ratio, raw and calibrated",
    parameters=VmmParameters,
    record=VectorProduct,
    needs=(ProbeBoard,),
    check=_check,
    check_board=check_product_board,
    steps=_steps,
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=VmmMemory,
    figure=figure,
)
