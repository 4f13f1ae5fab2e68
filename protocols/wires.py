"""Estimate what a segment of the lines resists, and what leaks through cells that are not read, from currents alone.

Each line is driven alone, then all of them, with rows and with columns as inputs: what is lost tells of the wires.
Erased cells carry so little that nothing is lost, so some lines are first made bright, in stages, until something is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from labctl.board_data import Cell, Feature, ReadScheme, WriteScheme
from labctl.board_features import Coding, Direction, ProductSetup
from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.protocol import Protocol, StepEnd
from labctl.records import Along
from labctl.units import Amperes, Count, Fraction, Seconds, Siemens, Volts, YesNo, format_quantity
from protocols.array_parameters import PulsedArrayParameters, check_region
from protocols.array_region import region_of
from protocols.board_requests import request_vectors
from protocols.cell_parameters import check_width
from protocols.line_raiser import LineRaiser, crossing_cells
from protocols.wires_figure import figure
from protocols.wires_summary import latest, summarise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.board_data import Capabilities
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

    Array = NDArray[np.float64]

LINES_MAX = 128
"""Rows or columns of the largest die: each fit solves its network once a line."""
STAGES = (1 / 64, 1 / 8, 7 / 8)
"""Shares of the range to which lines are raised, one after the other."""
ENOUGH = 0.02
"""Loss from which a converter's bends matter little: the next stage is left out."""
ENOUGH_ODD = 0.001
"""The same of cells that conduct alike both ways: what resistors lose alone and together is the same, and only the bend
of their curves makes a difference."""
UNSTABLE = 0.01
"""Drift from which reads write the cells: nothing is raised then."""
BRIGHT_ALREADY = 0.7
"""Lines whose mean conductance is at least this share of a stage's are left as they are."""
QUICK_LINES = 3
QUICK_AVERAGES = 16
QUICK_VECTORS = 4
SEED = 64
"""The vectors are the same in every run."""
SLOT = 100e-6
"""Slot of a product (s): the board's 100 kHz settle in it."""
SCHEMES = {"ground": ReadScheme.GROUND, "reverse": ReadScheme.REVERSE, "float": ReadScheme.FLOAT}


class WiresParameters(PulsedArrayParameters):
    """What a person may set of `wires`; the cells are those that may be raised, all lines are measured.

    `samples` is that of the reads that compare the read schemes.
    """

    program: YesNo = True
    """Raise cells of some lines where the die is too dark to show its wires; `no`: measure it as it is."""
    lines: Annotated[Count, Field(ge=1, le=128)] = 6
    """How many rows, and how many columns, are made bright, evenly over the cells that may be raised."""
    averages: Annotated[Count, Field(ge=1, le=4096)] = 64
    """Slots that each product averages."""
    vectors: Annotated[Count, Field(ge=1, le=1000)] = 12
    """Products with several lines on, for each side: all of them, then random halves."""
    uncertainty: Annotated[Fraction, Field(gt=0, le=1)] = 0.05
    """A resistance whose standard deviation is a smaller share of it counts as measured."""


@dataclass(frozen=True, slots=True)
class WireProduct:
    """Currents of all lines of one side, while lines of the other are driven.

    `stage` counts how often cells were raised before. `kind` is "zero" (no line on), "single" (one), "product" (all, or
    some), "half" (all at half the voltage), "back" (all at minus the voltage), or "read": the cells of a row, read
    under a scheme. `inputs` are "rows" or "columns"; `line` is the one that is on, or -1; `levels` are the voltages of
    lines.
    `g_min` and `g_max` are the ends of the scale of the die.
    """

    stage: int
    kind: str
    inputs: str
    scheme: str
    line: int
    voltage: Volts
    levels: Annotated[tuple[Volts, ...], Along("input_line")]
    current: Annotated[tuple[Amperes, ...], Along("output_line")]
    saturated: bool
    g_min: Siemens
    g_max: Siemens
    calibration: str
    time: Seconds
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class WiresMemory:
    """What a run knows between two steps.

    Args:
        loss: share of the bright lines' currents that was lost with all lines on.
        drift: by which share they changed while they were measured.
        rectifies: whether less flows back than forward.
        stage: how often cells were raised.
    """

    loss: float
    drift: float
    rectifies: bool
    stage: int


def _check(die: Die, envelope: Envelope, parameters: WiresParameters) -> None:  # noqa: ARG001
    """Refuse a die without lines to compare, or with more than can be computed."""
    check_region(die, parameters)
    if max(die.rows, die.columns) > LINES_MAX or min(die.rows, die.columns) < 2:
        raise ParameterError(
            f"a die of {die.rows} x {die.columns}: wires are estimated for 2 to {LINES_MAX} lines a side"
        )


def _check_board(able: Capabilities, parameters: WiresParameters) -> None:
    """Refuse a board that does not multiply, or cannot make the pulses."""
    if Feature.MULTIPLY not in able.features:
        raise ParameterError("wires: the board does not multiply, and reads of single rows hardly tell of wires")
    for name in ("averages", "samples"):
        value: int = getattr(parameters, name)
        if value > able.averages_max:
            raise ParameterError(f"--set {name}: the board averages {able.averages_max} at most, not {value}")
    if parameters.read_voltage > able.read_limit:
        raise ParameterError(
            f"--set read_voltage: the board reads up to {format_quantity(able.read_limit, 'V')}, "
            f"not at {format_quantity(parameters.read_voltage, 'V')}"
        )
    if parameters.program:
        check_width(able, "potentiation_width", parameters.potentiation_width)


def _run(
    bench: ProtocolBench, parameters: WiresParameters, start: Start[WiresMemory]
) -> Iterator[WireProduct | StepEnd]:
    """Measure the die as it is; raise lines and measure again, stage by stage; then read under each scheme."""
    array = _Array(bench, parameters, bench.clock.now() - start.time)
    memory = start.memory or WiresMemory(0.0, 0.0, True, 0)
    stages: tuple[float | None, ...] = (None, *(STAGES if parameters.program else ()))
    # Cells that were raised when a run broke off are bright already, and have not been measured so.
    unmeasured = bool(start.touched)
    for target in stages[start.steps :]:
        if target is None or (_too_dark(memory) and (array.raised_to(target) or unmeasured)):
            unmeasured = False
            stage = memory.stage + (target is not None)
            records = list(array.measured(stage))
            yield from records
            memory = WiresMemory(*latest(records), stage)
        yield StepEnd(memory)
    if start.steps <= len(stages):
        yield from array.read_by_scheme(memory.stage)
        yield StepEnd(memory)


def _too_dark(memory: WiresMemory) -> bool:
    """Return whether brighter lines would tell more: of a die that its reads write, they would not."""
    return memory.loss < (ENOUGH if memory.rectifies else ENOUGH_ODD) and memory.drift < UNSTABLE


class _Array:
    """The array of a die, and how it is driven."""

    def __init__(self, bench: ProtocolBench, parameters: WiresParameters, began: float) -> None:
        self._bench = bench
        self._parameters = p = parameters
        self._began = began
        die, able = bench.die, bench.board.capabilities()
        has = Feature.CALIBRATION in able.features
        self._calibration = bench.board.calibration(Direction.ROWS_IN, 0, 1).identity if has else ""
        self._averages = min(p.averages, QUICK_AVERAGES) if p.quick else p.averages
        region = region_of(die, p.row, p.column, p.rows, p.columns)
        count = min(p.lines, QUICK_LINES) if p.quick else p.lines
        rows, columns = _spread(region.row, region.rows, count), _spread(region.column, region.columns, count)
        cells = crossing_cells(rows, columns, region.cells())
        self._raiser = LineRaiser(bench, cells, p.potentiation, p.potentiation_width)

    def raised_to(self, share: float) -> bool:
        """Raise the lines' cells to a share of the range; return whether any had to be."""
        target = share * self._bench.die.scale.g_max
        before = self._raiser.read()
        if float(np.minimum(before, target).mean()) >= BRIGHT_ALREADY * target:
            return False
        self._raiser.raise_to(target)
        return True

    def measured(self, stage: int) -> Iterator[WireProduct]:
        """Drive lines alone, together, and alone again: what changes steadily meanwhile cancels."""
        for direction in Direction:
            inputs, _ = direction.sides(self._bench.die.rows, self._bench.die.columns)
            alone = np.eye(inputs)
            yield from self._products(stage, direction, "single", alone)
            yield from self._products(stage, direction, "zero", np.zeros((4, inputs)))
            yield from self._products(stage, direction, "product", self._vectors(inputs))
            yield from self._products(stage, direction, "half", np.full((4, inputs), 0.5))
            yield from self._products(stage, direction, "back", np.full((1, inputs), -1.0))
            yield from self._products(stage, direction, "single", alone)

    def _vectors(self, inputs: int) -> Array:
        """Return which lines are on, shape (n, inputs): all in the first, half of them in each other one."""
        p = self._parameters
        count = min(p.vectors, QUICK_VECTORS) if p.quick else p.vectors
        order = np.random.default_rng(SEED).random((count, inputs)).argsort(axis=1)
        found = (order < (inputs + 1) // 2).astype(np.float64)
        found[0] = 1.0
        return found

    def _products(self, stage: int, direction: Direction, kind: str, vectors: Array) -> Iterator[WireProduct]:
        """Multiply vectors, of the read voltage, in as few requests as the board allows."""
        die, board, voltage = self._bench.die, self._bench.board, self._parameters.read_voltage
        most = request_vectors(direction, (die.rows, die.columns), self._averages, SLOT)
        setup = ProductSetup(Coding.AMPLITUDE, direction, SLOT, self._averages)
        for first in range(0, len(vectors), most):
            part = vectors[first : first + most]
            found = board.multiply(part * voltage, setup)
            status = board.status()
            for index in range(len(part)):
                yield WireProduct(
                    stage=stage,
                    kind=kind,
                    inputs="rows" if direction is Direction.ROWS_IN else "columns",
                    scheme="ground",
                    line=first + index if kind == "single" else -1,
                    voltage=voltage,
                    levels=tuple(found.inputs[index].tolist()),
                    current=tuple(found.current[index].tolist()),
                    saturated=bool((found.saturated[index] | found.in_compliance[index]).any()),
                    g_min=die.scale.g_min,
                    g_max=die.scale.g_max,
                    calibration=self._calibration,
                    time=self._bench.clock.now() - self._began,
                    boot=status.boot,
                    delivered=status.delivered,
                )

    def read_by_scheme(self, stage: int) -> Iterator[WireProduct]:
        """Read every cell under each read scheme."""
        die, board, p = self._bench.die, self._bench.board, self._parameters
        samples = min(p.samples, board.capabilities().averages_max)
        for name, scheme in SCHEMES.items():
            board.set_scheme(WriteScheme.THIRD, scheme)
            status = board.status()
            for row in range(die.rows):
                found = board.read([Cell(row, column) for column in range(die.columns)], p.read_voltage, samples)
                yield WireProduct(
                    stage=stage,
                    kind="read",
                    inputs="rows",
                    scheme=name,
                    line=row,
                    voltage=found.voltage,
                    levels=(),
                    current=tuple(found.current.tolist()),
                    saturated=bool((found.saturated | found.in_compliance).any()),
                    g_min=die.scale.g_min,
                    g_max=die.scale.g_max,
                    calibration=self._calibration,
                    time=self._bench.clock.now() - self._began,
                    boot=status.boot,
                    delivered=status.delivered,
                )


def _spread(first: int, lines: int, count: int) -> list[int]:
    """Return up to so many lines, evenly from the first to the last."""
    return sorted({first + round(float(place)) for place in np.linspace(0, lines - 1, min(count, lines))})


def _caption(record: WireProduct) -> str:
    what = f"{record.kind} {record.line}" if record.line >= 0 else record.kind
    return f"stage {record.stage}, {record.inputs} in, {what}: {format_quantity(max(record.current), 'A')} at most"


PROTOCOL = Protocol(
    name="wires",
    title="estimate line resistance and sneak currents from products and reads, and what to do about them",
    parameters=WiresParameters,
    record=WireProduct,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: 2 + (len(STAGES) if parameters.program else 0),
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=WiresMemory,
    figure=figure,
    check_board=_check_board,
)
