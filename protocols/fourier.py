"""The Fourier transform and its inverse on one array: a basis of cosines and sines, a product for each real vector.

The basis is programmed, training vectors tell gain and offset of each column, and random vectors, or the blocks of a
picture, are transformed. What comes is held against the exact transform of what was put in, as the array has it (raw)
and with the columns' gain and offset taken out (calibrated).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field
from typing_extensions import override

from labctl.errors import ParameterError
from labctl.instruments import Cell, ProbeBoard
from labctl.protocol import Protocol, StepEnd
from labctl.units import Amperes, Count, Seconds
from protocols.analysis.fourier_basis import POINTS_MAX, FourierBasis, Symmetry
from protocols.analysis.image_quality import WINDOW
from protocols.analysis.image_transform import Block, BlockTransform, blocks_of, cut
from protocols.array_parameters import QUICK_LINES
from protocols.array_region import Region
from protocols.fourier_array import CalibrationMemory, FourierArray, Kind
from protocols.fourier_figure import figure
from protocols.fourier_picture import files
from protocols.fourier_summary import summarise
from protocols.matrix_file import MatrixFile
from protocols.product_array import ArrayMemory  # noqa: TC001 (read at run time, as of a memory)
from protocols.product_parameters import ProductParameters, check_product_board, check_products

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

    Array = NDArray[np.float64]

BATCH = 8
"""Test vectors of one step."""
QUICK_VECTORS = 24
"""Test vectors of a quick run at most."""
QUICK_TRAINING = 64
"""Training vectors of a quick run at most."""
TRAINING: dict[Kind, int] = {"signals": 1, "spectra": 2, "plain": 3}
"""Stream of random numbers of each kind of training vectors; test vectors have stream 0."""
QUICK_BLOCKS = 2
"""Blocks across and down, at most, of a quick run's picture: they are taken from its middle."""


class FourierParameters(ProductParameters):
    """What a person may set of `fourier`; the basis takes as many rows as it has points, from `row` and `column` on."""

    points: Annotated[Count, Field(ge=2, le=POINTS_MAX)] = 64
    """Points of the transform, an even number."""
    signal: Literal["complex", "real", "non-negative"] = "complex"
    """Random test signals: real and imaginary part within -1..1; real ones; or real ones within 0..1. Real signals take
    half of the products, and those without a sign half of the passes of these."""
    direction: Literal["forward", "inverse", "both"] = "both"
    """Signals to spectra, spectra of such signals to signals, or both: there, and what came there back again."""
    vectors: Annotated[Count, Field(ge=2, le=100_000)] = 96
    """Test vectors."""
    training: Annotated[Count, Field(ge=8, le=100_000)] = 128
    """Real vectors that gain and offset of the columns are fitted to, for signals and spectra apart, as readers are not
    quite linear; none of them is a test vector."""
    seed: Count = 1
    """Of training and test vectors."""
    image: MatrixFile = None
    """A picture, or a matrix of greys within 0..1, to transform block by block and back."""

    @property
    def size(self) -> int:
        """Points of the transform, in a quick run, too."""
        return min(self.points, QUICK_LINES) if self.quick else self.points

    @override
    def region(self, die: Die) -> Region:
        if self.rows or self.columns:
            raise ParameterError("--set rows, columns: set points; a Fourier basis is as wide as it has to be")
        columns = {"offset": self.size, "reference": self.size + 1, "differential": 2 * self.size}[self.mapping]
        if self.row + self.size > die.rows or self.column + columns > die.columns:
            raise ParameterError(
                f"--set points: {self.size} points take {self.size} rows and, with a mapping of {self.mapping}, "
                f"{columns} columns; the die has {die.rows} and {die.columns}, and the first are row {self.row} and "
                f"column {self.column}"
            )
        return Region(self.row, self.column, self.size, columns)

    def picture(self) -> Array | None:
        """Return the greys, shape (rows, columns), of the picture to transform, if there is one."""
        if self.image is None:
            return None
        greys = self.image.values
        if not self.quick:
            return greys
        most = QUICK_BLOCKS * self.size
        row, column = (max(0, (side - most) // 2) for side in greys.shape)
        return greys[row : row + most, column : column + most]


@dataclass(frozen=True, slots=True)
class Transform:
    """One line of a run, of which `stage` tells the kind.

    - "basis": levels of row `index` of the array: wanted (`given`) and as last read (`found`).
    - "signals", "spectra", "plain": a training vector of that kind, real (`given`), its columns' `current`, and its
      products with the weights (`raw`, `found`).
    - "forward", "inverse": test vector `index`, as it was put in (`given`) and transformed (`raw`, `found`), with
      imaginary parts.
    - "picture": greys of block `index` from pixel (`row`, `column`) on to the right, `given` and, there and back,
      `found`.

    `raw` is as the array has it, `found` with the columns' gain and offset taken out. `passes` are electrical ones;
    those of a block stand in its first line.
    """

    stage: str
    index: int
    row: int
    column: int
    passes: int
    given: tuple[float, ...]
    given_imaginary: tuple[float, ...]
    raw: tuple[float, ...]
    raw_imaginary: tuple[float, ...]
    found: tuple[float, ...]
    found_imaginary: tuple[float, ...]
    current: tuple[Amperes, ...]
    time: Seconds
    calibration: str


def _vectors(parameters: FourierParameters) -> int:
    return min(parameters.vectors, QUICK_VECTORS) if parameters.quick else parameters.vectors


def _blocks(parameters: FourierParameters) -> list[Block]:
    picture = parameters.picture()
    return [] if picture is None else blocks_of((picture.shape[0], picture.shape[1]), parameters.size)


def _batches(parameters: FourierParameters) -> list[range]:
    """Return the test vectors of each step."""
    vectors = _vectors(parameters)
    return [range(first, min(first + BATCH, vectors)) for first in range(0, vectors, BATCH)]


def _steps(parameters: FourierParameters) -> int:
    """Return how many steps there are at most: programming ends as soon as all cells are written."""
    rounds = (parameters.rounds + 1) * (1 + parameters.is_effective) * parameters.program
    return rounds + 1 + len(_batches(parameters)) + len(_blocks(parameters))


def _check(die: Die, envelope: Envelope, parameters: FourierParameters) -> None:
    """Refuse a basis that the die has no room for, and what is no picture."""
    FourierBasis(parameters.size)
    check_products(die, envelope, parameters)
    picture = parameters.picture()
    if picture is None or parameters.image is None:
        return
    if picture.min() < 0 or picture.max() > 1:
        raise ParameterError(f"--set image: greys are within 0..1; those of {parameters.image.file} are not")
    if min(picture.shape) < WINDOW:
        raise ParameterError(f"--set image: a picture of at least {WINDOW} x {WINDOW} pixels is expected")


@dataclass(frozen=True, slots=True)
class FourierMemory:
    """What a run knows between two steps.

    Args:
        array: of the programming.
        calibration: of the columns.
        batches: of test vectors that are done.
        blocks: of the picture that are done.
    """

    array: ArrayMemory
    calibration: CalibrationMemory
    batches: int = 0
    blocks: int = 0


def _run(
    bench: ProtocolBench, parameters: FourierParameters, start: Start[FourierMemory]
) -> Iterator[Transform | StepEnd]:
    """Program the basis, a step a round, and train the columns; then a few test vectors a step, and a block a step."""
    run = _Run(bench, parameters, bench.clock.now() - start.time, start.memory)
    yield from run.programmed(start.touched)
    if not run.memory.calibration.is_done:
        yield from run.trained()
        yield StepEnd(run.memory)
    for batch in _batches(parameters)[run.memory.batches :]:
        yield from run.tested(batch)
        yield StepEnd(run.memory)
    for index, block in list(enumerate(_blocks(parameters)))[run.memory.blocks :]:
        yield from run.pictured(index, block)
        yield StepEnd(run.memory)


class _Run:
    """The stages of a run."""

    def __init__(
        self, bench: ProtocolBench, parameters: FourierParameters, began: float, memory: FourierMemory | None
    ) -> None:
        self._bench = bench
        self._parameters = parameters
        self._began = began
        known = memory and (memory.array, memory.calibration)
        self.array = FourierArray(bench, parameters, *(known or ()))
        self.memory = memory or FourierMemory(self.array.array.memory, self.array.calibration)

    def programmed(self, touched: frozenset[Cell]) -> Iterator[Transform | StepEnd]:
        """Write the basis, wherever the cells stand."""
        array, scale = self.array.array, self._bench.die.scale
        for memory in array.program(touched):
            self.memory = replace(self.memory, array=memory)
            if memory.is_done and array.written is not None:
                wanted = (array.targets - scale.g_min) / scale.step
                for row in range(array.region.rows):
                    yield self._line("basis", row, wanted[row], found=array.written.level[row])
            yield StepEnd(self.memory)

    def trained(self) -> Iterator[Transform]:
        """Find gain and offset of the columns, for each kind of vectors that is to come."""
        for kind in self._kinds():
            vectors = self._training(kind)
            outputs = self.array.train(vectors, kind)
            for index, vector in enumerate(vectors):
                yield self._line(
                    kind,
                    index,
                    vector,
                    raw=outputs.raw[index],
                    found=outputs.found[index],
                    passes=int(outputs.passes[index]),
                    current=outputs.current[index],
                )
        self.memory = replace(self.memory, calibration=self.array.calibration)

    def tested(self, batch: range) -> Iterator[Transform]:
        """Transform test vectors, there, back, or both."""
        p = self._parameters
        signals = np.array([self._signal(0, index) for index in batch])
        real = p.signal != "complex"
        spectra = np.fft.fft(signals)
        if p.direction != "inverse":
            spectra = yield from self._transformed(batch, signals, Symmetry.REAL if real else Symmetry.NONE)
        if p.direction != "forward":
            yield from self._transformed(batch, spectra, Symmetry.HERMITIAN if real else Symmetry.NONE, inverse=True)
        self.memory = replace(self.memory, batches=self.memory.batches + 1)

    def pictured(self, index: int, block: Block) -> Iterator[Transform]:
        """Transform a block of the picture, there and back."""
        picture = self._parameters.picture()
        if picture is None:
            return
        before = self.array.passes
        transform = BlockTransform(self.array.basis, lambda vectors: self.array.outputs(vectors, "spectra").found)
        whole = transform.backward(transform.forward(cut(picture, block, self._parameters.size)))
        passes = self.array.passes - before
        inside = picture[block.row : block.row + len(whole), block.column : block.column + len(whole)]
        for row, given in enumerate(inside):
            found = whole[row, : len(given)]
            place = block.row + row, block.column
            yield self._line("picture", index, given, found=found, place=place, passes=0 if row else passes)
        self.memory = replace(self.memory, blocks=index + 1)

    def _kinds(self) -> list[Kind]:
        p = self._parameters
        asked: dict[Kind, bool] = {
            "signals": p.direction != "inverse" and p.signal != "non-negative",
            "spectra": p.direction != "forward" or p.image is not None,
            "plain": p.image is not None or (p.direction != "inverse" and p.signal == "non-negative"),
        }
        return [kind for kind, needed in asked.items() if needed]

    def _training(self, kind: Kind) -> Array:
        """Return training vectors, shape (n, N), like those to come, each with a greatest magnitude of 1."""
        p = self._parameters
        count = min(p.training, QUICK_TRAINING) if p.quick else p.training
        signals = np.array([self._signal(TRAINING[kind], index, kind == "plain") for index in range(count)])
        vectors = self._real_parts(signals) if kind != "spectra" else self._real_parts(np.fft.fft(signals))
        return vectors / np.abs(vectors).max(axis=1, keepdims=True)

    def _real_parts(self, vectors: NDArray[np.complex128]) -> Array:
        """Return one real vector of each, shape (n, N), as `real_vectors` makes them."""
        return vectors.real + (vectors.imag if self._parameters.signal != "complex" else 0.0)

    def _signal(self, stream: int, index: int, plain: bool = False) -> NDArray[np.complex128]:
        p = self._parameters
        low = 0 if plain or p.signal == "non-negative" else -1
        parts = np.random.default_rng([p.seed, stream, index]).uniform(low, 1, (2, p.size))
        return parts[0] + 1j * parts[1] * (p.signal == "complex")

    def _transformed(
        self, batch: range, vectors: NDArray[np.complex128], symmetry: Symmetry, inverse: bool = False
    ) -> Iterator[Transform]:
        """Yield the lines of some vectors; return their transforms."""
        came = self.array.transforms(vectors, symmetry, inverse)
        stage = "inverse" if inverse else "forward"
        for position, index in enumerate(batch):
            yield self._line(
                stage,
                index,
                vectors[position],
                raw=came.raw[position],
                found=came.found[position],
                passes=int(came.passes[position]),
            )
        return came.found

    def _line(
        self,
        stage: str,
        index: int,
        given: NDArray[np.generic],
        *,
        raw: NDArray[np.generic] | None = None,
        found: NDArray[np.generic],
        passes: int = 0,
        current: Array | None = None,
        place: tuple[int, int] = (0, 0),
    ) -> Transform:
        nothing = np.zeros(0)
        parts = [nothing if each is None else each for each in (given, raw, found)]
        real = [tuple(each.real.tolist()) for each in parts]
        imaginary = [tuple(each.imag.tolist()) if np.iscomplexobj(each) else () for each in parts]
        return Transform(
            stage=stage,
            index=index,
            row=place[0],
            column=place[1],
            passes=passes,
            given=real[0],
            given_imaginary=imaginary[0],
            raw=real[1],
            raw_imaginary=imaginary[1],
            found=real[2],
            found_imaginary=imaginary[2],
            current=tuple((nothing if current is None else current).tolist()),
            time=self._bench.clock.now() - self._began,
            calibration=self.array.array.calibration,
        )


def _caption(record: Transform) -> str:
    what = {"basis": "row", "picture": "block"}.get(record.stage, "vector")
    return f"{record.stage}, {what} {record.index + 1}"


PROTOCOL = Protocol(
    name="fourier",
    title="transform vectors, or a picture, with a Fourier basis in the array, and see how exact it is",
    parameters=FourierParameters,
    record=Transform,
    needs=(ProbeBoard,),
    check=_check,
    steps=_steps,
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=FourierMemory,
    figure=figure,
    files=files,
    check_board=check_product_board,
)
