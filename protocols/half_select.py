"""Select one cell and pulse it up and down; read a neighbour in its row, one in its column and one in neither.

Neighbours are read before and after each train. What the reads do themselves is found out beforehand, by many in a row,
and taken out. The cell that is selected goes up by one train and down by the next, so that it stays within its range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from labctl.board_data import Cell, Pulse, ReadScheme, WriteScheme
from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from labctl.protocol import Criterion, Outcome, Protocol, StepEnd, judge
from labctl.units import Count, Levels, Seconds, Siemens, Written, format_quantity, parse_number
from protocols.analysis.disturb import TOLERANCE, programming_disturb
from protocols.board_requests import REQUEST_TIME, pulse_slot
from protocols.cell_parameters import PulsedCellParameters, check_cell, check_level_scale, check_pulses
from protocols.half_select_figure import figure
from protocols.half_select_jumps import PLACES, Jumps, all_jumps, read_effects
from protocols.levelled_cells import bring_near, read_cells
from protocols.read_effect import SURVEY_READS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labctl.bench import Die
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

QUICK_CYCLES = 4
"""Cycles of a quick run at most."""
FIRST_PULSES = 1000
"""Pulses of the first train with each scheme at most: a neighbour is not to be driven to an end of its range."""
GROWTH = 10
"""By which factor trains grow from cycle to cycle."""
MOVED = 100.0
"""Levels by which a train may move a neighbour if the next one is to be longer."""
FAR = 2000.0
"""Levels from its own at which a neighbour is brought back before the next cycle."""
SCHEMES = {"half": WriteScheme.HALF, "third": WriteScheme.THIRD}


class HalfSelectParameters(PulsedCellParameters):
    """What a person may set of `half-select`; the cell is the one that is selected."""

    scheme: Literal["both", "half", "third"] = "both"
    """What the other lines get while a cell is pulsed: half of the voltage, a third, or one after the other."""
    pulses: Annotated[Count, Field(ge=1, le=1_000_000)] = 8000
    """Pulses of one train at most; 8000 move the selected cell over half of its range. The first trains are shorter,
    and trains do not grow where they move a neighbour. With a million the selected cell waits at the ends of its range
    most of the time, and half a level in a whole array becomes visible."""
    cycles: Annotated[Count, Field(ge=2, le=10_000)] = 32
    """Trains up, and as many down, with each scheme."""
    reads: Annotated[Count, Field(ge=1, le=1000)] = 8
    """Reads of each neighbour before and after a train."""
    level: Annotated[Count, Field(lt=LEVELS)] = 6000
    """Level that the neighbours stand at."""
    selected_level: Annotated[Count, Field(lt=LEVELS)] = 1000
    """Level at which the selected cell begins."""
    programming_pulses: Annotated[float, Written("number", parse_number), Field(ge=0, le=1e9)] = 8260.0
    """Pulses that programming takes for a cell on average, for what an array bears: from level 0 to any level it is
    half of all, whether they come one by one or as one long pulse."""


@dataclass(frozen=True, slots=True)
class NeighbourRead:
    """One read of one neighbour.

    `place` is where it stands to the selected cell: "row", "column" or "diagonal". `scheme` is "survey" for reads in a
    row beforehand. `after` says what came last before this block of reads: "nothing", "up" or "down", a train of
    `pulses`. `others` are the cells of an array that half-select a cell when they are programmed.
    """

    row: int
    column: int
    place: str
    scheme: str
    cycle: int
    after: str
    pulses: int
    conductance: Siemens
    reading: Levels
    others: int
    time: Seconds
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class HalfSelectMemory:
    """What a run knows between two steps.

    Args:
        readings: of the neighbours, last ones (levels).
        pulses: of the next train.
    """

    readings: tuple[float, ...]
    pulses: int


@dataclass(frozen=True, slots=True)
class HalfSelectSummary:
    """What a run amounts to.

    `per_event` is by how many levels one half-selecting pulse moves a neighbour, by scheme, direction of the pulses and
    place, with its standard deviation and the magnitude that it does not exceed; `disturbed` counts those that
    are not 0 for sure. Bounds and findings hold together with 99 % confidence. `worst_half` and `worst_third` are the
    largest that were found, 0 where none was; `array_half` and `array_third` what they come to in a cell while all
    others of its row and column are programmed, and `.._at_most` the same of the bounds. `read_effect` is what a read
    does.
    """

    events: int
    disturbed: int
    per_event: dict[str, Levels]
    per_event_sigma: dict[str, Levels]
    per_event_at_most: dict[str, Levels]
    worst_half: Levels | None
    worst_third: Levels | None
    array_half: Levels | None
    array_half_at_most: Levels | None
    array_third: Levels | None
    array_third_at_most: Levels | None
    read_effect: Levels | None
    read_effect_sigma: Levels | None


def _schemes(parameters: HalfSelectParameters) -> tuple[str, ...]:
    return ("half", "third") if parameters.scheme == "both" else (parameters.scheme,)


def _cycles(parameters: HalfSelectParameters) -> int:
    return min(parameters.cycles, QUICK_CYCLES) if parameters.quick else parameters.cycles


def _first(parameters: HalfSelectParameters) -> int:
    return min(parameters.pulses, FIRST_PULSES)


def _check(die: Die, envelope: Envelope, parameters: HalfSelectParameters) -> None:
    """Refuse a die without neighbours, and trains that no board puts out at once."""
    check_cell(die, envelope, parameters)
    check_level_scale(parameters)
    if die.rows < 2 or die.columns < 2:
        raise ParameterError(f"a die of {die.rows} x {die.columns} has no cell that is in neither row nor column")
    for name in ("potentiation_width", "depression_width"):
        width = getattr(parameters, name)
        if parameters.pulses * pulse_slot(width) > REQUEST_TIME:
            raise ParameterError(
                f"--set pulses: {parameters.pulses} pulses of {format_quantity(width, 's')} take longer than "
                f"{format_quantity(REQUEST_TIME, 's')}, the most that a board gives to one request"
            )


def _pulses(die: Die, parameters: HalfSelectParameters) -> Mapping[Cell, int]:  # noqa: ARG001
    return {parameters.cell: 2 * _first(parameters) * _cycles(parameters) * len(_schemes(parameters))}


def _run(
    bench: ProtocolBench, parameters: HalfSelectParameters, start: Start[HalfSelectMemory]
) -> Iterator[NeighbourRead | StepEnd]:
    """Bring all cells to their levels and survey the reads, which is a step; then each cycle is one."""
    around = _Neighbourhood(bench, parameters, bench.clock.now() - start.time, start.memory)
    cycles = [(scheme, cycle) for scheme in _schemes(parameters) for cycle in range(_cycles(parameters))]
    if start.steps == 0:
        around.bring(selected=True)
        yield from around.read(SURVEY_READS, "survey", 0, "nothing")
        yield StepEnd(around.memory)
    elif start.touched:
        around.look()
    doubtful = bool(start.touched)
    for scheme, cycle in cycles[max(start.steps - 1, 0) :]:
        around.bring(selected=cycle == 0 or doubtful)
        doubtful = False
        yield from around.cycle(scheme, cycle)
        yield StepEnd(around.memory)


class _Neighbourhood:
    """A cell and its neighbours."""

    def __init__(
        self,
        bench: ProtocolBench,
        parameters: HalfSelectParameters,
        began: float,
        memory: HalfSelectMemory | None,
    ) -> None:
        self._bench = bench
        self._parameters = parameters
        self._began = began
        die, cell = bench.die, parameters.cell
        row, column = _beside(cell.row, die.rows), _beside(cell.column, die.columns)
        self._cells = (Cell(cell.row, column), Cell(row, cell.column), Cell(row, column))
        self._others = die.rows - 1 + die.columns - 1
        self.memory = memory or HalfSelectMemory((), _first(parameters))

    def bring(self, selected: bool) -> None:
        """Bring neighbours back that are far from their level, and the selected cell to its own if that is asked."""
        self._bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
        level = self._parameters.level
        if selected:
            bring_near(self._bench, self._parameters.cell, self._parameters.selected_level, self._parameters)
        stands = self.memory.readings or (float("inf"),) * len(self._cells)
        if any(abs(reading - level) > FAR for reading in stands):
            for cell in self._cells:
                bring_near(self._bench, cell, level, self._parameters)

    def look(self) -> None:
        """Read the neighbours, of which nobody knows where they stand."""
        self.memory = replace(self.memory, readings=self._readings()[1])

    def read(self, count: int, scheme: str, cycle: int, after: str, pulses: int = 0) -> Iterator[NeighbourRead]:
        """Read every neighbour so many times, after a train of so many pulses or nothing."""
        status = self._bench.board.status()
        for _ in range(count):
            found, readings = self._readings()
            self.memory = replace(self.memory, readings=readings)
            for place, cell, conductance, reading in zip(PLACES, self._cells, found, readings, strict=True):
                yield NeighbourRead(
                    row=cell.row,
                    column=cell.column,
                    place=place,
                    scheme=scheme,
                    cycle=cycle,
                    after=after,
                    pulses=pulses,
                    conductance=conductance,
                    reading=reading,
                    others=self._others,
                    time=self._bench.clock.now() - self._began,
                    boot=status.boot,
                    delivered=status.delivered,
                )

    def cycle(self, scheme: str, cycle: int) -> Iterator[NeighbourRead]:
        """Read, pulse the selected cell up, read, pulse it down, read; then say how long the next trains are."""
        p, board = self._parameters, self._bench.board
        board.set_scheme(SCHEMES[scheme], ReadScheme.GROUND)
        pulses = self.memory.pulses if cycle else _first(p)
        yield from self.read(p.reads, scheme, cycle, "nothing")
        moved = 0.0
        trains = {"up": (p.potentiation, p.potentiation_width), "down": (p.depression, p.depression_width)}
        for after, (amplitude, width) in trains.items():
            before = self.memory.readings
            board.pulse([Pulse(p.cell, amplitude, width, pulses)])
            yield from self.read(p.reads, scheme, cycle, after, pulses)
            ways = [abs(now - then) for now, then in zip(self.memory.readings, before, strict=True)]
            moved = max(moved, *ways)
        longer = min(pulses * GROWTH, p.pulses) if moved < MOVED else pulses
        self.memory = replace(self.memory, pulses=longer)

    def _readings(self) -> tuple[list[float], tuple[float, ...]]:
        """Return the conductances (S) of the neighbours, and their levels."""
        found = read_cells(self._bench, self._cells, REFERENCE_VOLTAGE, self._parameters.samples).tolist()
        scale = self._bench.die.scale
        return found, tuple(scale.level(conductance) for conductance in found)


def _beside(index: int, lines: int) -> int:
    return index + 1 if index + 1 < lines else index - 1


def _summarise(records: Sequence[NeighbourRead], parameters: HalfSelectParameters) -> Outcome:
    """Judge what the trains did."""
    if not records:
        return Outcome(passed=False, summary=None)
    jumps = all_jumps(records)
    effect = max(read_effects(records).values(), key=lambda one: abs(one.per_read), default=None)
    worst = {scheme: _worst(jumps, scheme) for scheme in SCHEMES}
    most = {
        scheme: max((one.disturb.at_most for one in jumps if one.scheme == scheme), default=None) for scheme in SCHEMES
    }

    def borne(level: float | None) -> float | None:
        pulses = parameters.programming_pulses
        return None if level is None else programming_disturb(records[0].others + 1, 1, pulses, level)

    summary = HalfSelectSummary(
        events=max((round(one.disturb.events) for one in jumps), default=0),
        disturbed=sum(one.disturb.found for one in jumps),
        per_event={one.name: one.disturb.per_event for one in jumps},
        per_event_sigma={one.name: one.disturb.sigma for one in jumps},
        per_event_at_most={one.name: one.disturb.at_most for one in jumps},
        worst_half=worst["half"],
        worst_third=worst["third"],
        array_half=borne(worst["half"]),
        array_half_at_most=borne(most["half"]),
        array_third=borne(worst["third"]),
        array_third_at_most=borne(most["third"]),
        read_effect=effect and effect.per_read,
        read_effect_sigma=effect and effect.sigma,
    )
    criteria = [Criterion(f"array_{scheme}", at_most=TOLERANCE) for scheme in _schemes(parameters)]
    return judge(summary, *criteria)


def _worst(jumps: list[Jumps], scheme: str) -> float | None:
    """Return the largest disturb found with a scheme, 0 where none was; None if it was not tried."""
    own = [one.disturb for one in jumps if one.scheme == scheme]
    return max((abs(one.per_event) if one.found else 0.0 for one in own), default=None)


def _caption(record: NeighbourRead) -> str:
    return f"{record.scheme}, cycle {record.cycle + 1}, {record.place}: level {record.reading:.2f}"


PROTOCOL = Protocol(
    name="half-select",
    title="pulse one cell and see whether its neighbours move, with either write scheme",
    parameters=HalfSelectParameters,
    record=NeighbourRead,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: 1 + len(_schemes(parameters)) * _cycles(parameters),
    run=_run,
    summarise=_summarise,
    caption=_caption,
    memory=HalfSelectMemory,
    pulses=_pulses,
    figure=figure,
    check_board=check_pulses,
)
