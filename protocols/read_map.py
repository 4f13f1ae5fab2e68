"""The conductance of every cell of a region, read in lists of whole rows.

With the read scheme *reverse* the other rows stand at minus the read voltage, and what their cells let through is taken
off every column's current. It does not change while nothing is written, and one product per row shows it: that row at
0 V, the others as for the read. With the other schemes what remains is the amplifier's offset: a read at 0 V shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from labctl.board_data import Feature, ReadScheme, WriteScheme
from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import LEVELS
from labctl.protocol import Protocol, StepEnd
from labctl.units import Count, Levels, Seconds, Siemens
from protocols.array_leak import leaks, offsets
from protocols.array_parameters import ArrayParameters, check_region
from protocols.array_reads import calibration_id, check_samples, read_list
from protocols.array_region import Region, region_of
from protocols.matrix_file import MatrixFile
from protocols.read_map_figure import figure, files
from protocols.read_map_summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.board_data import Capabilities
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

    Array = NDArray[np.float64]

STEPS = 4
"""Steps of a run, whatever the region: of 64 x 64 cells each reads 1,024, the most that one request holds."""
SCHEMES = {"reverse": ReadScheme.REVERSE, "ground": ReadScheme.GROUND, "float": ReadScheme.FLOAT}
BEYOND = 1.5
"""Levels of a reference, in ranges of a die: a film may conduct more than its last level, hardly more than this."""


class ReadMapParameters(ArrayParameters):
    """What a person may set of `read-map`."""

    scheme: Literal["reverse", "ground", "float"] = "reverse"
    """What the other rows get: minus the read voltage, which rectifying cells block, so that the amplifier sees one
    cell; 0 V, which suits cells that do not rectify; or nothing, which lets sneak paths through."""
    leak: Literal["subtract", "keep"] = "subtract"
    """Whether what the other rows let through is taken off (scheme reverse), measured by one product per row."""
    offset: Literal["subtract", "keep"] = "subtract"
    """Whether the amplifier's offset is taken off (schemes ground and float), measured by a read at 0 V per column."""
    repeats: Annotated[Count, Field(ge=1, le=4096)] = 1
    """Reads of every cell; from two on their scatter is the noise map."""
    reference: MatrixFile = None
    """Matrix of levels, one for each cell of the region, to compare with; `levels.csv` of another run is one."""


@dataclass(frozen=True, slots=True)
class CellRead:
    """What one cell conducts.

    `conductance` is the mean of `repeats` reads at the read voltage, after `removed`, the leak or the offset, was taken
    off; `reading` is the same, and stays as it was read when an audit puts the truth into `conductance`. `sigma` is the
    standard deviation of one read, and `amplifier` that of the board alone, both 0 where they were not measured.
    `one_level` is the conductance of a level. `saturated` and `in_compliance` tell of any of the reads: such a
    conductance is no measurement. `requests` counts those of the run so far.
    """

    row: int
    column: int
    conductance: Siemens
    level: Levels
    reading: Siemens
    sigma: Siemens
    amplifier: Siemens
    removed: Siemens
    repeats: int
    saturated: bool
    in_compliance: bool
    reference: Levels
    one_level: Siemens
    requests: int
    time: Seconds
    boot: int
    delivered: int
    calibration: str

    @property
    def is_flagged(self) -> bool:
        """Whether a reader or a line was at its end."""
        return self.saturated or self.in_compliance


@dataclass(frozen=True, slots=True)
class ReadMapMemory:
    """What a run knows between two steps: how many requests it has made."""

    requests: int


def _check(die: Die, envelope: Envelope, parameters: ReadMapParameters) -> None:  # noqa: ARG001
    """Refuse a reference that has another shape, or numbers that are no levels."""
    check_region(die, parameters)
    if parameters.reference is None:
        return
    matrix, asked = parameters.reference, _whole(die, parameters)
    if matrix.is_picture:
        raise ParameterError(f"--set reference: {matrix.file} is a picture; a matrix of levels is expected")
    if matrix.values.shape != asked.shape:
        raise ParameterError(
            f"--set reference: {matrix.file} has {matrix.values.shape[0]} rows and {matrix.values.shape[1]} columns; "
            f"{asked} are {asked.rows} and {asked.columns}"
        )
    largest = float(np.abs(matrix.values).max())
    if largest > BEYOND * LEVELS:
        raise ParameterError(
            f"--set reference: {matrix.file} holds {largest:g}; levels are 0 to {LEVELS - 1} (a map may read somewhat "
            "beyond)"
        )


def _check_board(able: Capabilities, parameters: ReadMapParameters) -> None:
    check_samples(able, parameters.samples)
    if parameters.scheme == "reverse" and parameters.leak == "subtract" and not able.features & Feature.MULTIPLY:
        raise ParameterError(
            "--set leak: the board makes no products, which show the leak; use leak=keep or scheme=ground"
        )


def _whole(die: Die, parameters: ReadMapParameters) -> Region:
    """Return the region that was asked for, of which a quick run takes a corner."""
    return region_of(die, parameters.row, parameters.column, parameters.rows, parameters.columns)


def _run(
    bench: ProtocolBench, parameters: ReadMapParameters, start: Start[ReadMapMemory]
) -> Iterator[CellRead | StepEnd]:
    """Read the rows in so many parts; each is a step."""
    mapper = _Mapper(bench, parameters, bench.clock.now() - start.time, start.memory)
    parts = np.array_split(np.arange(mapper.region.rows), STEPS)
    for rows in parts[start.steps :]:
        if len(rows):
            yield from mapper.read(int(rows[0]), len(rows))
        yield StepEnd(ReadMapMemory(mapper.requests))


class _Mapper:
    """Reads rows of a region."""

    def __init__(
        self, bench: ProtocolBench, parameters: ReadMapParameters, began: float, memory: ReadMapMemory | None
    ) -> None:
        self._bench = bench
        self._parameters = parameters
        self._began = began
        self.region = parameters.region(bench.die)
        self.requests = 0 if memory is None else memory.requests
        self._calibration = calibration_id(bench.board)

    def read(self, first: int, rows: int) -> Iterator[CellRead]:
        """Read rows from the region's row `first` on."""
        p, board = self._parameters, self._bench.board
        part = Region(self.region.row + first, self.region.column, rows, self.region.columns)
        removed, amplifier = self._removed(part)
        board.set_scheme(WriteScheme.THIRD, SCHEMES[p.scheme])
        cells = part.cells()
        reads = [read_list(board, cells, p.read_voltage, p.samples) for _ in range(p.repeats)]
        self.requests += sum(one.requests for one in reads)
        voltage = reads[0].voltage
        found = np.array([one.current for one in reads])
        taken = (removed / voltage).reshape(-1)
        mean = found.mean(axis=0) / voltage - taken
        sigma = found.std(axis=0, ddof=1) / voltage if p.repeats > 1 else np.zeros(len(cells))
        board_noise = (amplifier / voltage).reshape(-1) if p.repeats > 1 else np.zeros(len(cells))
        saturated = np.any([one.saturated for one in reads], axis=0)
        held = np.any([one.in_compliance for one in reads], axis=0)
        reference = self._reference(first, rows)
        status, scale, time = board.status(), self._bench.die.scale, self._bench.clock.now() - self._began
        for index, cell in enumerate(cells):
            conductance = float(mean[index])
            yield CellRead(
                row=cell.row,
                column=cell.column,
                conductance=conductance,
                level=scale.level(conductance),
                reading=conductance,
                sigma=float(sigma[index]),
                amplifier=float(board_noise[index]),
                removed=float(taken[index]),
                repeats=p.repeats,
                saturated=bool(saturated[index]),
                in_compliance=bool(held[index]),
                reference=float(reference[index]),
                one_level=scale.step,
                requests=self.requests,
                time=time,
                boot=status.boot,
                delivered=status.delivered,
                calibration=self._calibration,
            )

    def _removed(self, part: Region) -> tuple[Array, Array]:
        """Return what is to be taken off the currents (A), and how it scatters from read to read (A)."""
        p = self._parameters
        if p.scheme == "reverse" and p.leak == "subtract":
            found = leaks(self._bench.board, self._bench.die, part, p.read_voltage, p.samples, p.repeats)
        elif p.scheme != "reverse" and p.offset == "subtract":
            found = offsets(self._bench.board, part, SCHEMES[p.scheme], p.samples, p.repeats)
        else:
            return np.zeros(part.shape), np.zeros(part.shape)
        self.requests += found.requests
        return found.current, found.scatter

    def _reference(self, first: int, rows: int) -> Array:
        """Return the levels to compare with, in the order of the cells; 0 if there are none."""
        matrix = self._parameters.reference
        if matrix is None:
            return np.zeros(rows * self.region.columns)
        return matrix.values[first : first + rows, : self.region.columns].reshape(-1)


def _in_truth(record: CellRead, conductance: float) -> CellRead:
    level = record.level + (conductance - record.conductance) / record.one_level
    return replace(record, conductance=conductance, level=level)


def _caption(record: CellRead) -> str:
    return f"row {record.row}, column {record.column}: level {record.level:.2f}"


PROTOCOL = Protocol(
    name="read-map",
    title="read every cell of a region: a map of conductances, and of their noise",
    parameters=ReadMapParameters,
    record=CellRead,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: STEPS,  # noqa: ARG005
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=ReadMapMemory,
    figure=figure,
    in_truth=_in_truth,
    check_board=_check_board,
    files=files,
)
