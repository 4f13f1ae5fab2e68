"""Read cells again and again, at one or several voltages, and see whether the reads move them.

One read in a row with others is told from the next by its place: a line through the readings against the number of
reads is led back to none, so that the reads by which the disturb is measured count like all others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import REFERENCE_VOLTAGE, parse_levels
from labctl.protocol import Criterion, Outcome, Protocol, StepEnd, judge
from labctl.units import Count, Levels, Seconds, Siemens, Volts, Written, format_quantity
from protocols.board_requests import READS_MAX, REQUEST_TIME, read_time
from protocols.cell_parameters import PulsedCellParameters, check_cell, check_pulses
from protocols.levelled_cells import bring_near, cells_in_column, check_rows
from protocols.read_disturb_figure import figure
from protocols.read_disturb_summary import CONFIDENCE, VoltageDisturb, voltage_disturbs
from protocols.repeated_reads import conductances

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.bench import Die
    from labctl.board_data import Cell
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

QUICK_READS = 1000
"""Reads of a quick run at most."""
GROWTH = 1.3
"""By which factor the number of reads grows from one record to the next, until there are `RECORDS` of them to come."""
RECORDS = 40
"""Records at least into which the reads of one voltage are cut: the disturb is known best from many equal ones."""
BEARABLE = 0.01
"""Levels a read that pass, by the bound: a hundred reads may cost a level."""
HALF_LEVEL = 0.5
"""Levels after which a level is lost."""
VOLTAGE_MIN = 0.01
"""Lowest read voltage (V): below it a board's offsets are more than a cell's current."""


class ReadDisturbParameters(PulsedCellParameters):
    """What a person may set of `read-disturb`; reads above 200 mV want `force`."""

    levels: Annotated[tuple[int, ...], Written("all, N, a:b, a:b:step or a,b,c", parse_levels)] = Field(
        default="4000,12000", validate_default=True
    )
    """Levels that are looked at, each by a cell of its own: those below `row` in the same column, one a level."""
    reads: Annotated[Count, Field(ge=10, le=100_000_000)] = 20_000
    """Reads of each cell at each voltage."""
    voltages: Annotated[Count, Field(ge=1, le=100)] = 1
    """How many voltages, in even steps up to `read_voltage`."""
    stop_after: Annotated[Levels, Field(gt=0)] = 500.0
    """Go on to the next voltage as soon as every cell has moved by so many levels."""


@dataclass(frozen=True, slots=True)
class ReadsDone:
    """Some reads of one cell in a row.

    `conductance` is their mean, at the `voltage` of the reads; `reading` is the level that it means, by what the cell
    reads at 200 mV. `before` counts the reads at this voltage that came before, `reads` those averaged; `under` is the
    time that each of them keeps the cell under voltage.
    """

    row: int
    column: int
    level: int
    voltage: Volts
    before: int
    reads: int
    under: Seconds
    conductance: Siemens
    reading: Levels
    time: Seconds
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class ReadDisturbMemory:
    """What a run knows between two steps.

    Args:
        delivered: by the board.
        boot: of the board.
        factors: by which the conductance of each cell at the voltage of the reads exceeds that at 200 mV.
        firsts: first reading of each cell at this voltage (levels).
        moved: whether every cell has moved far enough.
    """

    delivered: int
    boot: int
    factors: tuple[float, ...] = ()
    firsts: tuple[float, ...] = ()
    moved: bool = False


@dataclass(frozen=True, slots=True)
class ReadDisturbSummary:
    """What a run amounts to.

    Figures are of the highest voltage, the mean of all cells: `disturb_per_read` (levels, above 0 upwards) with its
    standard deviation; `disturb_at_most` bounds its magnitude with 99 % confidence, and `found` says whether no
    disturb is excluded with it. `disturb_per_second` is that of a second under voltage, if all of it disturbs alike.
    `reads_to_half_level` are those after which a level is lost, if a disturb was found, and
    `reads_to_half_level_at_least` the fewest that it can be. Lists go by voltage.
    """

    cells: int
    reads: int
    time_under_voltage: Seconds
    disturb_per_read: Levels | None
    disturb_sigma: Levels | None
    disturb_at_most: Levels | None
    disturb_per_second: Levels | None
    disturb_per_second_at_most: Levels | None
    found: bool
    reads_to_half_level: float | None
    reads_to_half_level_at_least: float | None
    voltages: tuple[Volts, ...]
    per_read: tuple[Levels, ...]
    per_read_sigma: tuple[Levels, ...]
    per_read_at_most: tuple[Levels, ...]


def _reads(parameters: ReadDisturbParameters) -> int:
    return min(parameters.reads, QUICK_READS) if parameters.quick else parameters.reads


def _voltages(parameters: ReadDisturbParameters) -> list[float]:
    """Return the voltages, rising."""
    count = parameters.voltages
    return [parameters.read_voltage * (index + 1) / count for index in range(count)]


def _blocks(parameters: ReadDisturbParameters) -> list[int]:
    """Return how many reads each record of one voltage stands for: at first one, then more."""
    total = _reads(parameters)
    most = max(1, total // RECORDS)
    blocks: list[int] = []
    done, wish = 0, 1.0
    while done < total:
        blocks.append(min(int(wish), most, total - done))
        done += blocks[-1]
        wish *= GROWTH
    return blocks


def _check(die: Die, envelope: Envelope, parameters: ReadDisturbParameters) -> None:
    """Refuse cells that the die has not, and reads too long for a board."""
    check_cell(die, envelope, parameters)
    check_rows(die, parameters, len(parameters.levels))
    lowest = _voltages(parameters)[0]
    if lowest < VOLTAGE_MIN:
        raise ParameterError(
            f"--set voltages: the lowest of {parameters.voltages} up to "
            f"{format_quantity(parameters.read_voltage, 'V')} is {format_quantity(lowest, 'V')}; "
            f"reads need {format_quantity(VOLTAGE_MIN, 'V')}"
        )


def _run(
    bench: ProtocolBench, parameters: ReadDisturbParameters, start: Start[ReadDisturbMemory]
) -> Iterator[ReadsDone | StepEnd]:
    """At each voltage bring the cells to their levels, which is a step; then each block of reads is one."""
    began = bench.clock.now() - start.time
    reader = _Reader(bench, parameters, cells_in_column(parameters, len(parameters.levels)), began, start.memory)
    blocks = _blocks(parameters)
    done, within = divmod(start.steps, 1 + len(blocks))
    for voltage in _voltages(parameters)[done:]:
        if within == 0:
            reader.begin(voltage)
            yield StepEnd(reader.memory)
        for index in range(max(within - 1, 0), len(blocks)):
            if not reader.memory.moved:
                yield from reader.block(voltage, sum(blocks[:index]), blocks[index])
            yield StepEnd(reader.memory)
        within = 0


class _Reader:
    """Reads cells in turns, many times in a row."""

    def __init__(
        self,
        bench: ProtocolBench,
        parameters: ReadDisturbParameters,
        cells: tuple[Cell, ...],
        began: float,
        memory: ReadDisturbMemory | None,
    ) -> None:
        self._bench = bench
        self._parameters = parameters
        self._cells = cells
        self._began = began
        able = bench.board.capabilities()
        self._samples = min(parameters.samples, able.averages_max)
        round_time = len(cells) * read_time(self._samples)
        self._rounds = max(1, min(READS_MAX // len(cells), int(REQUEST_TIME / round_time)))
        if len(cells) == 1:
            self._rounds = 1  # a board converts a cell once that stands in a row with itself
        self.memory = memory or ReadDisturbMemory(0, 0)

    def begin(self, voltage: float) -> None:
        """Bring the cells near their levels, and find out what they read at `voltage` (V) there."""
        levels = self._parameters.levels
        for cell, level in zip(self._cells, levels, strict=True):
            bring_near(self._bench, cell, level, self._parameters)
        factors = tuple(1.0 for _ in self._cells)
        if abs(voltage - REFERENCE_VOLTAGE) > 1e-9:
            reference, other = self._read(REFERENCE_VOLTAGE, 1), self._read(voltage, 1)
            # What the read itself does is taken out by a second one.
            again = self._read(voltage, 1)
            factors = tuple((2 * b - c) / a for a, b, c in zip(reference, other, again, strict=True))
        status = self._bench.board.status()
        self.memory = ReadDisturbMemory(status.delivered, status.boot, factors)

    def block(self, voltage: float, before: int, reads: int) -> Iterator[ReadsDone]:
        """Read every cell `reads` times; return a record of each."""
        known, scale = self.memory, self._bench.die.scale
        means = self._read(voltage, reads)
        readings = tuple(scale.level(mean / factor) for mean, factor in zip(means, known.factors, strict=True))
        firsts = known.firsts or readings
        far = self._parameters.stop_after
        moved = all(abs(last - first) > far for last, first in zip(readings, firsts, strict=True))
        self.memory = replace(known, firsts=firsts, moved=moved)
        for index, cell in enumerate(self._cells):
            yield ReadsDone(
                row=cell.row,
                column=cell.column,
                level=self._parameters.levels[index],
                voltage=voltage,
                before=before,
                reads=reads,
                under=read_time(self._samples),
                conductance=means[index],
                reading=readings[index],
                time=self._bench.clock.now() - self._began,
                boot=known.boot,
                delivered=known.delivered,
            )

    def _read(self, voltage: float, reads: int) -> list[float]:
        """Return the mean conductance (S) of each cell over so many reads of each, in turns."""
        count = len(self._cells)
        sums, left = [0.0] * count, reads
        while left:
            rounds = min(left, self._rounds)
            left -= rounds
            readings = self._bench.board.read(list(self._cells) * rounds, voltage, self._samples)
            found = conductances(readings, self._cells[0]).reshape(rounds, count).sum(axis=0)
            sums = [total + part for total, part in zip(sums, found.tolist(), strict=True)]
        return [total / reads for total in sums]


def _summarise(records: Sequence[ReadsDone], parameters: ReadDisturbParameters) -> Outcome:  # noqa: ARG001
    """Fit what the records show."""
    if not records:
        return Outcome(passed=False, summary=None)
    found = voltage_disturbs(records)
    known = [one for one in found if one.mean is not None]
    top = next((one for one in reversed(found) if one.mean is not None), None)
    summary = _summary(records, top, known)
    return judge(summary, Criterion("disturb_at_most", at_most=BEARABLE))


def _summary(
    records: Sequence[ReadsDone], top: VoltageDisturb | None, known: list[VoltageDisturb]
) -> ReadDisturbSummary:
    last = records[-1].voltage
    mean, under = (top.mean, top.under) if top is not None else (None, records[0].under)
    means = [one.mean for one in known if one.mean is not None]
    reads = max(record.before + record.reads for record in records if record.voltage == last)
    return ReadDisturbSummary(
        cells=len({(record.row, record.column) for record in records}),
        reads=reads,
        time_under_voltage=reads * under,
        disturb_per_read=mean and mean.per_event,
        disturb_sigma=mean and mean.sigma,
        disturb_at_most=mean and mean.at_most,
        disturb_per_second=mean and mean.per_event / under,
        disturb_per_second_at_most=mean and mean.at_most / under,
        found=mean is not None and mean.found,
        reads_to_half_level=HALF_LEVEL / abs(mean.per_event) if mean is not None and mean.found else None,
        reads_to_half_level_at_least=HALF_LEVEL / mean.at_most if mean is not None and mean.at_most else None,
        voltages=tuple(one.voltage for one in known),
        per_read=tuple(one.per_event for one in means),
        per_read_sigma=tuple(one.sigma for one in means),
        per_read_at_most=tuple(one.at_most for one in means),
    )


def _caption(record: ReadsDone) -> str:
    return f"{format_quantity(record.voltage, 'V')}, {record.before + record.reads} reads: level {record.reading:.2f}"


PROTOCOL = Protocol(
    name="read-disturb",
    title=f"read cells again and again and see whether that moves them ({CONFIDENCE:.0%} confidence)",
    parameters=ReadDisturbParameters,
    record=ReadsDone,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: len(_voltages(parameters)) * (1 + len(_blocks(parameters))),
    run=_run,
    summarise=_summarise,
    caption=_caption,
    memory=ReadDisturbMemory,
    figure=figure,
    check_board=check_pulses,
)
