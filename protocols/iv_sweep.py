"""Measure one cell's current against voltage: a staircase, loops, or pulses with a read after each.

Above the die's read voltage every point writes. The run begins and ends with a read, and says what the sweep made of
the cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from labctl.board_data import Cell, Pulse
from labctl.errors import EnvelopeError, ParameterError
from labctl.instruments import ProbeBoard, SourceMeter
from labctl.levels import REFERENCE_VOLTAGE
from labctl.limits import WithinEnvelope
from labctl.protocol import STEP_END, Protocol, Start, StepEnd
from labctl.smu_data import SourceSetup
from labctl.timed import point_time
from labctl.units import Amperes, Count, Seconds, Volts, Written, format_quantity, parse_number
from protocols.cell_parameters import READ_GRID, CellParameters, check_cell, check_width
from protocols.iv_reader import TRAINS_TIME, BoardIvReader, IvReader, Point, SmuIvReader, train_time
from protocols.iv_summary import summarise
from protocols.iv_sweep_figure import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labctl.bench import Die
    from labctl.board_data import Capabilities
    from labctl.instruments import Instrument
    from labctl.limits import Envelope
    from labctl.protocol_bench import ProtocolBench

QUICK_POINTS = 13
"""Points of a branch of a quick run."""
REPEATS = 3
"""Readings of each read: their scatter is the noise."""
FIT_POINTS = 5
"""Least points of a return branch that the conduction law is fitted to."""
LADDER = 6
"""Voltages of a staircase of reads, for the bend of a curve that is not swept."""


class IvSweepParameters(CellParameters):
    """What a person may set of `iv-sweep`."""

    mode: Literal["loop", "staircase", "pulsed"] = "pulsed"
    """`loop`: 0 to v_max to 0 to v_min to 0; `staircase`: v_min to v_max, one way; `pulsed`: a loop of pulses, with a
    read at read_voltage after each."""
    instrument: Literal["smu", "board"] = "board"
    """The board, which pulses down to nanoseconds, and reads up to the die's read voltage only; or the source-measure
    unit, through the board if the bench has one."""
    others: Literal["keep", "may-change"] = "keep"
    """What becomes of the other cells: a source-measure unit that writes through the board reaches them as well, and is
    refused unless they `may-change`."""
    v_max: Annotated[Volts, WithinEnvelope("voltage"), Field(ge=0)] = 0.9
    """Highest voltage (published pulse that raises: 0.90 V)."""
    v_min: Annotated[Volts, WithinEnvelope("voltage"), Field(le=0)] = -0.75
    """Lowest voltage (published pulse that lowers: -0.75 V)."""
    points: Annotated[Count, Field(ge=5, le=500)] = 31
    """Points of a branch, from 0 V to v_max or v_min."""
    loops: Annotated[Count, Field(ge=1, le=1000)] = 2
    """How many loops, or staircases."""
    compliance: Annotated[Amperes, WithinEnvelope("cell_current"), Field(gt=0)] = 10e-3
    """Current limit of the source-measure unit; its measure range just holds it."""
    nplc: Annotated[float, Written("power line cycles", parse_number), Field(ge=0.001, le=10)] = 0.01
    """Integration time of a point of a sweep; above the read voltage a point may last the envelope's pulse_width."""
    delay: Annotated[Seconds, Field(ge=0, le=1)] = 0.0
    """From each level of a sweep to its reading."""
    width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 80e-9
    """Width of the board's pulses (published: 80 ns); those of a source-measure unit last as long as a point does."""
    count: Annotated[Count, Field(ge=1, le=1_000_000)] = 100
    """Pulses of the board at each amplitude."""
    fit_voltage: Annotated[Volts, Field(gt=0)] = 0.45
    """The conduction law is fitted to the return branch up to this voltage; below the threshold, half of 0.90 V."""


@dataclass(frozen=True, slots=True)
class IvPoint:
    """One reading.

    `part` is `before`, `after` (reads at the read voltage that begin and end a run), `sweep`, `pulse` (current at the
    end of a pulse), `verify` (read after the pulse of `amplitude`) or `read` (reads behind a branch). `polarity` is
    that of the branch, or of the one before, 0 before the first; `direction` says whether its voltage's magnitude
    rises (`out`) or falls (`back`). `across` is the voltage read back; in compliance it is below `voltage`, which was
    asked for. `current` is not a number where `overrange`. `time` is that of the end of its step, from the start of
    the run.
    """

    row: int
    column: int
    loop: int
    part: str
    polarity: int
    direction: str
    amplitude: Volts
    voltage: Volts
    across: Volts
    current: Amperes
    in_compliance: bool
    overrange: bool
    time: Seconds


@dataclass(frozen=True, slots=True)
class Branch:
    """One step of a run: `voltages` (V) in their order, then reads. `polarity` is that of its end."""

    loop: int
    polarity: int
    voltages: tuple[float, ...]


def branches(parameters: IvSweepParameters) -> tuple[Branch, ...]:
    """Return what a run goes through, in order."""
    count = min(parameters.points, QUICK_POINTS) if parameters.quick else parameters.points
    loops = 1 if parameters.quick else parameters.loops
    low, high = parameters.v_min, parameters.v_max
    if parameters.mode == "staircase":
        rising = [*np.linspace(low, 0, count).tolist()[:-1], *np.linspace(0, high, count).tolist()]
        voltages = tuple(level for level in dict.fromkeys(rising) if low <= level <= high)
        return tuple(Branch(loop, 1 if high > 0 else -1, voltages) for loop in range(loops))
    lobes = [(polarity, peak) for polarity, peak in ((1, high), (-1, low)) if peak]
    outward = {polarity: np.linspace(0, peak, count).tolist() for polarity, peak in lobes}
    return tuple(
        Branch(loop, polarity, (*outward[polarity], *outward[polarity][-2::-1]))
        for loop in range(loops)
        for polarity, _ in lobes
    )


def fits_the_sweep(parameters: IvSweepParameters) -> bool:
    """Return whether the law is fitted to the return branch of a loop; else it is to a staircase of reads."""
    if parameters.mode != "loop" or parameters.instrument != "smu":
        return False
    voltages = np.abs(branches(parameters)[0].voltages)
    return int(np.count_nonzero((voltages > 0) & (voltages <= parameters.fit_voltage))) >= 2 * FIT_POINTS


def _check(die: Die, envelope: Envelope, parameters: IvSweepParameters) -> None:
    """Refuse a sweep that says nothing, that lasts too long above the read voltage, or that a board cannot do."""
    check_cell(die, envelope, parameters)
    if parameters.v_max - parameters.v_min < 10 * READ_GRID:
        raise ParameterError("--set v_min, v_max: a sweep needs two voltages that differ; v_min=-0.75 V, v_max=0.9 V")
    reach = max(parameters.v_max, -parameters.v_min)
    if parameters.instrument == "board":
        _check_board(envelope, parameters, reach)
        return
    if reach > envelope.read_voltage and die.rows * die.columns > 1 and parameters.others == "keep":
        raise EnvelopeError(
            f"--set instrument=smu: at {format_quantity(reach, 'V')} a source-measure unit may write other cells of "
            f"the {die.rows} x {die.columns} array as well; pulse with --set instrument=board --set mode=pulsed, or, "
            "where the die holds nothing that matters, add --set others=may-change"
        )
    lasts = point_time(parameters.nplc, parameters.delay)
    if reach > envelope.read_voltage and lasts > envelope.pulse_width:
        raise EnvelopeError(
            f"--set nplc, delay: a point may last {format_quantity(lasts, 's')}, and writes as long above "
            f"{format_quantity(envelope.read_voltage, 'V')}; this die allows pulse_width up to "
            f"{format_quantity(envelope.pulse_width, 's')}; shorten them, or pulse with --set instrument=board"
        )


def _check_board(envelope: Envelope, parameters: IvSweepParameters, reach: float) -> None:
    if parameters.mode == "pulsed":
        if train_time(parameters.width, parameters.count) > TRAINS_TIME:
            raise ParameterError(
                f"--set count: {parameters.count} pulses of {format_quantity(parameters.width, 's')} take a board "
                f"longer than {TRAINS_TIME:g} s; fewer of them, or shorter ones"
            )
        return
    if reach > envelope.read_voltage:
        raise EnvelopeError(
            f"--set instrument=board: a board reads up to {format_quantity(envelope.read_voltage, 'V')} on this die, "
            f"not at {format_quantity(reach, 'V')}; pulse beyond it with --set mode=pulsed, or use the "
            "source-measure unit"
        )
    if reach > REFERENCE_VOLTAGE + READ_GRID / 2 and not parameters.force:
        raise ParameterError(
            f"--set v_min, v_max: reads at {format_quantity(reach, 'V')} may disturb the cell; stay within "
            f"{format_quantity(REFERENCE_VOLTAGE, 'V')}, or add --set force=yes"
        )


def _needs(parameters: IvSweepParameters) -> tuple[type[Instrument], ...]:
    return (SourceMeter,) if parameters.instrument == "smu" else (ProbeBoard,)


def _check_pulses(able: Capabilities, parameters: IvSweepParameters) -> None:
    """Refuse a width that the board cannot make."""
    if parameters.instrument == "board" and parameters.mode == "pulsed":
        check_width(able, "width", parameters.width)


def _pulses(die: Die, parameters: IvSweepParameters) -> Mapping[Cell, int]:  # noqa: ARG001
    """Return how many pulses the board puts on the cell; those of a source-measure unit follow from the envelope."""
    if parameters.instrument == "smu" or parameters.mode != "pulsed":
        return {}
    levels = sum(1 for branch in branches(parameters) for level in branch.voltages if level)
    return {parameters.cell: levels * parameters.count}


def _reader(bench: ProtocolBench, parameters: IvSweepParameters) -> IvReader:
    if parameters.instrument == "board":
        train = Pulse(parameters.cell, 0.0, parameters.width, parameters.count)
        return BoardIvReader(bench, parameters.cell, train, parameters.read_voltage, parameters.samples)
    reach = max(parameters.v_max, -parameters.v_min, parameters.read_voltage)
    setup = SourceSetup(reach, parameters.compliance, parameters.compliance, parameters.nplc)
    others_may_change = parameters.others == "may-change"
    return SmuIvReader(bench, parameters.cell, setup, parameters.delay, parameters.read_voltage, others_may_change)


def _run(bench: ProtocolBench, parameters: IvSweepParameters, start: Start[Any]) -> Iterator[IvPoint | StepEnd]:
    """Read, go through the branches with reads behind each, read; a branch is a step."""
    began = bench.clock.now() - start.time
    reader, plan = _reader(bench, parameters), branches(parameters)
    if parameters.cell in start.touched:
        reader.read([parameters.read_voltage], 1)

    for step in range(start.steps, len(plan) + 2):
        if step == 0:
            found = _read(reader, parameters, "before", 0, 0)
        elif step <= len(plan):
            found = _through(reader, plan[step - 1], parameters)
        else:
            found = _read(reader, parameters, "after", plan[-1].loop, plan[-1].polarity)
        now = bench.clock.now() - began
        yield from (replace(point, time=now) for point in found)
        yield STEP_END
    reader.close()


def _through(reader: IvReader, branch: Branch, parameters: IvSweepParameters) -> list[IvPoint]:
    """Go through a branch, then read."""
    levels = branch.voltages if parameters.mode != "pulsed" else tuple(level for level in branch.voltages if level)
    sizes = np.abs(levels)
    rises = np.diff(sizes, prepend=sizes[0]) > 0
    rises[0] = sizes[1] > sizes[0]
    found: list[IvPoint] = []
    taken = reader.pulse(levels) if parameters.mode == "pulsed" else [(point, None) for point in reader.sweep(levels)]
    for level, outward, (at_level, behind) in zip(levels, rises.tolist(), taken, strict=True):
        polarity = branch.polarity if level == 0 else 1 if level > 0 else -1
        direction, pulse = "out" if outward else "back", level if parameters.mode == "pulsed" else 0.0
        if at_level is not None:
            part = "sweep" if behind is None else "pulse"
            found.append(_point(parameters, branch.loop, at_level, part, polarity, direction, pulse))
        if behind is not None:
            found.append(_point(parameters, branch.loop, behind, "verify", polarity, direction, pulse))
    return found + [
        _point(parameters, branch.loop, point, "read", branch.polarity)
        for point in reader.read(_reads(parameters), REPEATS)
    ]


def _read(reader: IvReader, parameters: IvSweepParameters, part: str, loop: int, polarity: int) -> list[IvPoint]:
    points = reader.read([parameters.read_voltage], REPEATS)
    return [_point(parameters, loop, point, part, polarity) for point in points]


def _point(
    parameters: IvSweepParameters,
    loop: int,
    point: Point,
    part: str,
    polarity: int,
    direction: str = "",
    amplitude: float = 0.0,
) -> IvPoint:
    return IvPoint(
        row=parameters.row,
        column=parameters.column,
        loop=loop,
        part=part,
        polarity=polarity,
        direction=direction,
        amplitude=amplitude,
        voltage=point.voltage,
        across=point.across,
        current=point.current,
        in_compliance=point.in_compliance,
        overrange=point.overrange,
        time=0.0,
    )


def _reads(parameters: IvSweepParameters) -> list[float]:
    """Return the voltages of the reads behind a branch."""
    count = 1 if fits_the_sweep(parameters) else LADDER
    top = parameters.read_voltage
    return [*(top * ((step + 1) / count) for step in range(count)), -top]


def _caption(record: IvPoint) -> str:
    pulse = f" after {format_quantity(record.amplitude, 'V')}" if record.amplitude else ""
    current = "over range" if record.overrange else format_quantity(record.current, "A")
    return f"loop {record.loop}  {record.part}{pulse}  {format_quantity(record.voltage, 'V')}  {current}"


PROTOCOL = Protocol(
    name="iv-sweep",
    title="measure one cell's current against voltage: staircase, loops or pulses, with compliance",
    parameters=IvSweepParameters,
    record=IvPoint,
    needs=_needs,
    check=_check,
    steps=lambda parameters: len(branches(parameters)) + 2,
    run=_run,
    summarise=summarise,
    caption=_caption,
    pulses=_pulses,
    figure=figure,
    check_board=_check_pulses,
)
