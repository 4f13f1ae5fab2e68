"""The course of a run of `fourier`: programming, training, test vectors, the blocks of a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np

from labctl.protocol import StepEnd
from labctl.records import Along
from labctl.units import Amperes, Seconds
from protocols.analysis.fourier_basis import Symmetry
from protocols.analysis.image_transform import Block, BlockTransform, cut
from protocols.fourier_array import CalibrationMemory, FourierArray, Kind
from protocols.staged_writing import StageMemory  # noqa: TC001 (read at run time, as of a memory)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from labctl.board_data import Cell
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench
    from protocols.fourier_parameters import FourierParameters

    Array = NDArray[np.float64]
    Complex = NDArray[np.complex128]

TRAINING: dict[Kind, int] = {"signals": 1, "spectra": 2, "plain": 3}
"""Stream of random numbers of each kind of training vectors; test vectors have stream 0."""


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
    current: Annotated[tuple[Amperes, ...], Along("output_line")]
    time: Seconds
    calibration: str


@dataclass(frozen=True, slots=True)
class FourierMemory:
    """What a run knows between two steps.

    Args:
        array: of the programming.
        calibration: of the columns.
        batches: of test vectors that are done.
        blocks: of the picture that are done.
    """

    array: StageMemory
    calibration: CalibrationMemory
    batches: int = 0
    blocks: int = 0


def run_fourier(
    bench: ProtocolBench, parameters: FourierParameters, start: Start[FourierMemory]
) -> Iterator[Transform | StepEnd]:
    """Program the basis, a step a round, and train the columns; then a few test vectors a step, and a block a step."""
    run = _Run(bench, parameters, bench.clock.now() - start.time, start.memory)
    yield from run.programmed(start.touched)
    if parameters.training and not run.memory.calibration.is_done:
        yield from run.trained()
        yield StepEnd(run.memory)
    for batch in parameters.batches()[run.memory.batches :]:
        yield from run.tested(batch)
        yield StepEnd(run.memory)
    for index, block in list(enumerate(parameters.blocks()))[run.memory.blocks :]:
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
        self.array = FourierArray(bench, parameters, memory and memory.array, memory and memory.calibration)
        self.memory = memory or FourierMemory(self.array.array.memory, self.array.calibration)

    def programmed(self, touched: frozenset[Cell]) -> Iterator[Transform | StepEnd]:
        """Write the basis, wherever the cells stand."""
        array = self.array.array
        for memory in array.program(touched):
            self.memory = replace(self.memory, array=memory)
            if memory.is_done and array.written is not None:
                for row in range(array.region.rows):
                    yield self._line("basis", row, array.written.target[row], found=array.written.level[row])
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
        self.memory = replace(self.memory, array=self.array.array.memory, calibration=self.array.calibration)

    def tested(self, batch: range) -> Iterator[Transform]:
        """Transform test vectors, there, back, or both."""
        p = self._parameters
        signals = np.array([self._signal(0, index) for index in batch])
        real = p.signal != "complex"
        spectra: Complex = np.fft.fft(signals).astype(np.complex128)
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
        forward, one_sign = p.direction != "inverse", self.array.takes_one_sign
        plain_signals = p.signal == "non-negative" and one_sign
        asked: dict[Kind, bool] = {
            "signals": forward and not plain_signals,
            "spectra": p.direction != "forward" or p.image is not None,
            "plain": (forward and plain_signals) or (p.image is not None and one_sign),
        }
        return [kind for kind, needed in asked.items() if needed]

    def _training(self, kind: Kind) -> Array:
        """Return training vectors, shape (n, N), like those to come, each with a greatest magnitude of 1."""
        p = self._parameters
        count = p.trainings
        signals = np.array([self._signal(TRAINING[kind], index, kind == "plain") for index in range(count)])
        vectors = self._real_parts(signals) if kind != "spectra" else self._real_parts(np.fft.fft(signals))
        return vectors / np.abs(vectors).max(axis=1, keepdims=True)

    def _real_parts(self, vectors: Complex) -> Array:
        """Return one real vector of each, shape (n, N), as `real_vectors` makes them."""
        return vectors.real + (vectors.imag if self._parameters.signal != "complex" else 0.0)

    def _signal(self, stream: int, index: int, plain: bool = False) -> Complex:
        p = self._parameters
        low = 0 if plain or p.signal == "non-negative" else -1
        parts = np.random.default_rng([p.vector_seed, stream, index]).uniform(low, 1, (2, p.size))
        return parts[0] + 1j * parts[1] * (p.signal == "complex")

    def _transformed(
        self, batch: range, vectors: Complex, symmetry: Symmetry, inverse: bool = False
    ) -> Generator[Transform, None, Complex]:
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
