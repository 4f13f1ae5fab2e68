"""Each level written from the erased state, or from any, by one pulse whose width or height is computed.

That is the paper's write in one time step: it needs the cell's rate, which is measured along the range first. What one
pulse misses is the scatter of the write itself; corrections, each again one pulse, show how soon half a level is met.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from labctl.errors import EnvelopeError
from labctl.instruments import ProbeBoard
from labctl.levels import LEVELS, LevelScale, parse_levels
from labctl.protocol import Protocol, StepEnd
from labctl.units import Count, Levels, Seconds, Siemens, Volts, Written, format_quantity
from protocols.analysis.pulse_choice import Doubts, WidthLimits, choose_height, choose_width
from protocols.analysis.travel_time import EDGES, TravelTime, learn_travel_time
from protocols.cell_parameters import PulsedCellParameters, check_cell, check_level_scale, check_pulses
from protocols.cell_reader import BoardReader, ReadScale
from protocols.erasure import erase
from protocols.height_calibration import SHARES, HeightMemory, MeasuredLaw, height_of, try_height, width_for
from protocols.one_step_figure import figure
from protocols.one_step_summary import summarise
from protocols.rate_calibration import Puller, RateMemory, Standing, calibrate, scout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.bench import Die
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench
    from protocols.analysis.pulse_choice import ChosenPulse

QUICK_LEVELS = 32
"""Levels of a quick run."""
QUICK_PASSES = 1
"""Most calibration passes of a quick run."""
QUICK_SAMPLES = 16
"""Most samples of its reads: where reads move the cell, more would move it further."""
LOW_END = 32.0
"""Level below which a cell counts as erased between two passes: there they begin to learn."""
PUBLISHED_WRITE = (0.0509, 0.0758)
"""Scatter of a step of one level (levels) at level 0, and what it gains up to the last (published write noise of the
Ru-azo film): for what is to be expected where no pass has measured it."""


class OneStepParameters(PulsedCellParameters):
    """What a person may set of `one-step`."""

    samples: Annotated[Count, Field(ge=1, le=4096)] = 256
    """Samples that one read averages."""
    levels: Annotated[tuple[int, ...], Written("all, N, a:b, a:b:step or a,b,c", parse_levels)] = Field(
        default="1000", validate_default=True
    )
    """Levels to write; 0 to 16519."""
    order: Literal["random", "as-given"] = "random"
    """In which order they are written."""
    order_seed: Count = 1
    """Of the random order."""
    start: Literal["any", "erased"] = "any"
    """From which state: `any`, the one that the write before left, or `erased`."""
    coding: Literal["width", "height"] = "width"
    """What is computed: the `width` of a pulse of the amplitudes above, or the `height`, up to these amplitudes, of one
    of a few fixed widths."""
    corrections: Annotated[Count, Field(le=10)] = 2
    """Pulses after the first one, each computed from a read."""
    rate: Literal["measured", "known"] = "measured"
    """Whether passes measure the cell's rate along its range first, or it is `known`: the widths above lead by one
    level everywhere."""
    passes: Annotated[Count, Field(ge=1, le=1000)] = 64
    """Calibration passes, up and down: the error of the rate falls with their root."""


@dataclass(frozen=True, slots=True)
class OneStepWrite:
    """One pulse towards a level, and where it led.

    `attempt` is 0 for the first pulse, then counts the corrections; a `width` of 0: the cell was nearer without a
    pulse. `start` was read before, `conductance` after. `aimed` is how far the pulse should have led, `expected` the
    error to be expected of it, `error` that of the read. `boot` and `delivered` are the board's counters at the read.
    """

    row: int
    column: int
    index: int
    level: int
    attempt: int
    start: Siemens
    target: Siemens
    conductance: Siemens
    amplitude: Volts
    width: Seconds
    aimed: Levels
    expected: Levels
    error: Levels
    time: Seconds
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class OneStepMemory:
    """What is known between two steps: where the cell stands, its rate along the range, and with the height."""

    standing: Standing
    rate: RateMemory
    height: HeightMemory


def _levels(parameters: OneStepParameters) -> tuple[int, ...]:
    levels = parameters.levels
    levels = levels[:: -(-len(levels) // QUICK_LEVELS)] if parameters.quick else levels
    if parameters.order == "as-given":
        return levels
    return tuple(np.random.default_rng(parameters.order_seed).permutation(levels).tolist())


def _preparations(parameters: OneStepParameters) -> int:
    """Return how many steps come before the first level: a scout, the passes, and the heights."""
    if parameters.rate == "known":
        return 0
    passes = min(parameters.passes, QUICK_PASSES) if parameters.quick else parameters.passes
    return 1 + passes + (len(SHARES) if parameters.coding == "height" else 0)


def _check(die: Die, envelope: Envelope, parameters: OneStepParameters) -> None:
    """Refuse a cell that the die has not, and reads that show no levels."""
    check_cell(die, envelope, parameters)
    check_level_scale(parameters)


def _run(
    bench: ProtocolBench, parameters: OneStepParameters, start: Start[OneStepMemory]
) -> Iterator[OneStepWrite | StepEnd]:
    """Learn the rate, then write each level; a pass is a step, and a level with its corrections."""
    began = bench.clock.now() - start.time
    writer = _Writer(bench, parameters, start.memory)
    if start.memory is None or parameters.cell in start.touched:
        writer.look()
    before = _preparations(parameters)
    for step in range(start.steps, before):
        writer.prepare(step, before)
        yield StepEnd(writer.memory())
    levels = _levels(parameters)
    for index in range(max(start.steps - before, 0), len(levels)):
        for record in writer.write(index, levels[index]):
            yield replace(record, time=bench.clock.now() - began)
        yield StepEnd(writer.memory())


class _Writer:
    """Writes levels into one cell by single pulses; learns its rate before."""

    def __init__(self, bench: ProtocolBench, parameters: OneStepParameters, memory: OneStepMemory | None) -> None:
        able = bench.board.capabilities()
        self._board = bench.board
        self._parameters = parameters
        self._scale = bench.die.scale
        self._limits = WidthLimits(able.width_min, min(able.width_max, bench.envelope.pulse_width))
        if self._limits.most < able.width_min:
            raise EnvelopeError(
                f"the envelope allows pulse_width up to {format_quantity(self._limits.most, 's')}; "
                f"{bench.board.name} makes none below {format_quantity(able.width_min, 's')}"
            )
        self._step = able.write_step
        self._samples = min(parameters.samples, QUICK_SAMPLES) if parameters.quick else parameters.samples
        cell = parameters.cell
        standing = Standing(0.0, 0, 0) if memory is None else memory.standing
        self._puller = Puller(bench.board, cell, bench.die.scale, parameters.read_voltage, self._samples, standing)
        self._reader = BoardReader(bench.board, cell, ReadScale(bench.die.scale, parameters.read_voltage))
        self._rate = RateMemory() if memory is None else memory.rate
        measured = HeightMemory() if memory is None else memory.height
        self._law = MeasuredLaw(up=parameters.potentiation, down=parameters.depression, measured=measured)

    def memory(self) -> OneStepMemory:
        """Return what is known between two steps."""
        return OneStepMemory(self._puller.standing, self._rate, self._law.measured)

    def look(self) -> None:
        """Find out where the cell stands; pulses that nobody knows of may have been put out."""
        status = self._board.status()
        self._puller.standing = Standing(0.0, status.boot, status.delivered)
        self._puller.look()

    def prepare(self, step: int, steps: int) -> None:
        """Do one step of the calibration: a scout first, then the passes, then the heights."""
        if self._puller.standing.level > LOW_END or step == 0:
            self._erase()
        p = self._parameters
        if step == 0:
            up, down = (
                learn_travel_time([scout(self._puller, amplitude, width, self._limits)])
                or TravelTime(EDGES, EDGES * width)
                for amplitude, width in ((p.potentiation, p.potentiation_width), (p.depression, p.depression_width))
            )
            self._rate = RateMemory(tuple(up.times.tolist()), tuple(down.times.tolist()))
        elif self._parameters.coding == "width" or step < steps - len(SHARES):
            self._rate = calibrate(self._puller, self._rate, (p.potentiation, p.depression), self._limits)
        else:
            self._try_heights(SHARES[step - steps])

    def write(self, index: int, level: int) -> Iterator[OneStepWrite]:
        """Write a level by one pulse, and correct it."""
        if self._parameters.start == "erased":
            self._erase()
        for attempt in range(1 + self._parameters.corrections):
            yield self._attempt(index, level, attempt)

    def _attempt(self, index: int, level: int, attempt: int) -> OneStepWrite:
        start, scale, cell = self._puller.standing.level, self._scale, self._parameters.cell
        pulse = self._choose(start, level)
        if pulse.width:
            self._puller.put(pulse.amplitude, [pulse.width])
        standing = self._puller.standing
        return OneStepWrite(
            row=cell.row,
            column=cell.column,
            index=index,
            level=level,
            attempt=attempt,
            start=scale.conductance(start),
            target=scale.conductance(level),
            conductance=scale.conductance(standing.level),
            amplitude=pulse.amplitude,
            width=pulse.width,
            aimed=pulse.moves,
            expected=pulse.error,
            error=standing.level - level,
            time=0.0,
            boot=standing.boot,
            delivered=standing.delivered,
        )

    def _choose(self, start: float, level: int) -> ChosenPulse:
        p = self._parameters
        amplitude = p.potentiation if level >= start else p.depression
        travel = self._travel(amplitude)
        if p.coding == "width":
            return choose_width(start, level, amplitude, travel, self._doubts(), self._limits)
        time = travel.time_between(start, level)
        width = width_for(time, travel.time_between(0, LEVELS - 1), self._limits)
        return choose_height(
            start, level, width, travel, abs(amplitude), law=self._law, step=self._step, doubts=self._doubts()
        )

    def _travel(self, amplitude: float) -> TravelTime:
        if self._rate.up:
            return self._rate.travel(amplitude)
        p = self._parameters
        return TravelTime.steady(1 / (p.potentiation_width if amplitude > 0 else p.depression_width))

    def _doubts(self) -> Doubts:
        if self._rate.passes:
            return Doubts(rate=self._rate.rate_sigma, write=self._rate.write_sigma)
        return Doubts(write=PUBLISHED_WRITE[0], write_rise=PUBLISHED_WRITE[1])

    def _try_heights(self, share: float) -> None:
        """Lead the cell up and down by pulses of one height each, from end to end."""
        p = self._parameters
        for amplitude in (p.potentiation, p.depression):
            height = height_of(self._law, share, 1.0 if amplitude > 0 else -1.0, self._step)
            if amplitude < 0:  # whatever the rising height led to: a falling way begins at the top
                scout(self._puller, p.potentiation, p.potentiation_width, self._limits)
            self._law = try_height(self._puller, self._law, height, self._travel(amplitude), self._limits)

    def _erase(self) -> None:
        p = self._parameters
        found = erase(self._reader, p.cell, p.depression, p.depression_width, self._samples)
        self._puller.standing = Standing(found.level, found.receipt.boot, found.receipt.delivered)


def _in_truth(record: OneStepWrite, conductance: float) -> OneStepWrite:
    """Return a record as if the true conductance had been read; scales of all dies are alike but for a factor."""
    usual = LevelScale()
    step = usual.step * record.target / usual.conductance(record.level)
    return replace(record, conductance=conductance, error=(conductance - record.target) / step)


def _caption(record: OneStepWrite) -> str:
    return f"level {record.level}  pulse {record.attempt + 1}  error {record.error:+.2f} levels"


PROTOCOL = Protocol(
    name="one-step",
    title="write levels by one computed pulse each, and see how far off it is",
    parameters=OneStepParameters,
    record=OneStepWrite,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: _preparations(parameters) + len(_levels(parameters)),
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=OneStepMemory,
    figure=figure,
    in_truth=_in_truth,
    check_board=check_pulses,
)
