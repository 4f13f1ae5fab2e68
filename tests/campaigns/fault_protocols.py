"""Protocols for campaigns of faults: short, each asking the instruments something else; every record can be judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from labctl.board_data import Cell, Pulse, ReadScheme, WriteScheme
from labctl.board_features import Coding, ProductSetup
from labctl.errors import EquipmentError
from labctl.instruments import ProbeBoard, SourceMeter
from labctl.protocol import Outcome, Parameters, Protocol, Start, StepEnd
from labctl.smu_data import SourceSetup
from labctl.units import Amperes, Volts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.protocol_bench import ProtocolBench
    from sim_backend.die import Die

    Steps = Callable[[ProtocolBench, int], Iterator["Measured"]]

SIZE: Final = 4
"""Rows and columns of the die."""
STEPS: Final = 4
READ: Final = 0.2
"""Voltage of reads (V): that at which conductances are told."""
CELLS: Final = (Cell(0, 0), Cell(1, 3), Cell(3, 2))
UP: Final = 0.9
DOWN: Final = -0.75


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured current.

    Args:
        number: of the step, from 0.
        place: within the step.
        row: of the cell; of a product's output, -1.
        column: of the cell; of a product's output, the column.
        voltage: that the instrument says was across it (V).
        current: that it says flowed (A).
        by_smu: whether a source-measure unit measured it, not the board.
    """

    number: int
    place: int
    row: int
    column: int
    voltage: Volts
    current: Amperes
    by_smu: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """What a run amounts to."""

    records: int


def _pulses(bench: ProtocolBench, number: int) -> Iterator[Measured]:
    """Lists of pulses on several cells, then one read of them all."""
    bench.board.pulse(
        [Pulse(cell, UP, 80e-9 * (1 + place), 20 + 7 * number + place) for place, cell in enumerate(CELLS)]
        + [Pulse(CELLS[0], DOWN, 65e-9, 2)]
    )
    yield from _read(bench, number, CELLS)


def _pulse_reads(bench: ProtocolBench, number: int) -> Iterator[Measured]:
    """Lists of pulses, each read at once."""
    train = [Pulse(cell, UP, 400e-9, 11 + number) for cell in CELLS]
    _, readings = bench.board.pulse_read(train, READ, 4)
    for place, cell in enumerate(CELLS):
        yield Measured(number, place, cell.row, cell.column, readings.voltage, float(readings.current[place]))


def _reads(bench: ProtocolBench, number: int) -> Iterator[Measured]:
    """Reads of changing groups of cells."""
    for group in (CELLS[: 1 + number % 3], CELLS[::-1], [Cell(number, column) for column in range(SIZE)]):
        yield from _read(bench, number, group)


def _read(bench: ProtocolBench, number: int, cells: Any) -> Iterator[Measured]:
    readings = bench.board.read(cells, READ, 2)
    if readings.saturated.any() or readings.in_compliance.any():
        raise EquipmentError("a read that is no measurement")
    for place, cell in enumerate(cells):
        yield Measured(number, place, cell.row, cell.column, readings.voltage, float(readings.current[place]))


def _products(bench: ProtocolBench, number: int) -> Iterator[Measured]:
    """Products with vectors in amplitude coding."""
    inputs = np.array([_inputs(number, vector) for vector in (0, 1)])
    found = bench.board.multiply(inputs, ProductSetup(Coding.AMPLITUDE))
    for vector, currents in enumerate(found.current):
        for column, current in enumerate(currents):
            yield Measured(number, vector, -1, column, 0.0, float(current))


def _sweeps(bench: ProtocolBench, number: int) -> Iterator[Measured]:
    """Sweeps of a source-measure unit on routed cells, and single readings."""
    cell = CELLS[number % len(CELLS)]
    smu = bench.smu
    smu.configure(SourceSetup(0.25, 1e-2, current_range=1e-2, nplc=0.1))
    with bench.routed(cell):
        for place, reading in enumerate(smu.sweep([0.05, 0.1 + 0.01 * number, 0.2])):
            yield Measured(number, place, cell.row, cell.column, reading.voltage, reading.current, by_smu=True)
        smu.source(0.15 + 0.01 * number)
        reading = smu.measure()
        yield Measured(number, 3, cell.row, cell.column, reading.voltage, reading.current, by_smu=True)


def _glance(bench: ProtocolBench, number: int) -> Iterator[Measured]:
    """One sweep on a routed cell, once: few bytes."""
    smu = bench.smu
    with bench.routed(CELLS[0]):
        for place, reading in enumerate(smu.sweep([0.05, 0.1, 0.2])):
            yield Measured(number, place, CELLS[0].row, CELLS[0].column, reading.voltage, reading.current, by_smu=True)


def _levels(bench: ProtocolBench, number: int) -> Iterator[Measured]:
    """Writes with levels of a source-measure unit, read by it and by the board."""
    cell = CELLS[number % len(CELLS)]
    smu = bench.smu
    smu.configure(SourceSetup(1.0, 1e-2, current_range=1e-2, nplc=0.02))
    bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
    with bench.routed(cell, others_may_change=True):
        smu.sweep([0.6])
    bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
    with bench.routed(cell):
        smu.source(0.2)
        reading = smu.measure()
        yield Measured(number, 0, cell.row, cell.column, reading.voltage, reading.current, by_smu=True)
    yield from _read(bench, number, [cell])


def _inputs(number: int, vector: int) -> list[float]:
    """Return what a vector of a step puts on the rows (V)."""
    return [[0.02 * (1 + number), 0.05, 0.0, 0.1], [0.2, 0.0, 0.0, 0.01 * number]][vector]


def expected_current(record: Measured, die: Die) -> float:
    """Return the current (A) that a record should show, from the cells as they truly are.

    A source-measure unit drives a row whose other columns are grounded: it carries what all cells of the row take.
    """
    every = np.arange(SIZE)
    if record.row < 0:
        voltages = np.array(_inputs(record.number, record.place))
        return float(die.current(every * SIZE + record.column, voltages).sum())
    if record.by_smu:
        return float(die.current(record.row * SIZE + every, record.voltage).sum())
    return float(die.current(np.array([record.row * SIZE + record.column]), record.voltage)[0])


SWEEP_LEVELS: Final = {
    "sweeps": {
        (number, place): (0.05, 0.1 + 0.01 * number, 0.2, 0.15 + 0.01 * number)[place]
        for number in range(STEPS)
        for place in range(4)
    },
    "levels": {(number, 0): 0.2 for number in range(STEPS)},
    "glance": {(0, place): (0.05, 0.1, 0.2)[place] for place in range(3)},
}
"""What a source-measure unit was to source at each place of each step (V)."""


def steps_of(name: str) -> int:
    """Return how many steps a protocol has."""
    return 1 if name == "glance" else STEPS


def _protocol(name: str, steps: Steps, needs: tuple[Any, ...]) -> Protocol[Parameters, Measured]:
    def run(bench: ProtocolBench, parameters: Parameters, start: Start[Any]) -> Iterator[Measured | StepEnd]:
        if start.touched:
            bench.board.read(sorted(start.touched, key=lambda cell: (cell.row, cell.column)), READ, 1)
        if name == "products" and not start.steps:
            bench.board.read(CELLS, READ, 1)
        for number in range(start.steps, steps_of(name)):
            yield from steps(bench, number)
            yield StepEnd()

    return Protocol(
        name=name,
        title="for a campaign",
        parameters=Parameters,
        record=Measured,
        needs=needs,
        check=lambda die, envelope, parameters: None,
        steps=lambda parameters: steps_of(name),
        run=run,
        summarise=lambda records, parameters: Outcome(True, Count(len(records))),
        caption=lambda record: str(record.number),
    )


MADE_UP: Final[dict[str, Protocol[Parameters, Measured]]] = {
    name: _protocol(name, steps, needs)
    for name, steps, needs in (
        ("pulses", _pulses, (ProbeBoard,)),
        ("pulse-reads", _pulse_reads, (ProbeBoard,)),
        ("reads", _reads, (ProbeBoard,)),
        ("products", _products, (ProbeBoard,)),
        ("sweeps", _sweeps, (ProbeBoard, SourceMeter)),
        ("levels", _levels, (ProbeBoard, SourceMeter)),
        ("glance", _glance, (ProbeBoard, SourceMeter)),
    )
}
