"""Potentiation and depression of one cell over all its levels, by equal pulses, read after each or after every k-th.

The cell is brought to its low end first. How the branches are judged is in `staircase_summary.py`; they may be held
against the measured curves of the Ru-azo film.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import G_MAX, LEVELS, REFERENCE_VOLTAGE
from labctl.protocol import Protocol, StepEnd
from labctl.units import Count, Written, format_quantity, parse_count, parse_number
from protocols.board_requests import REQUEST_TIME
from protocols.cell_parameters import PulsedCellParameters, check_cell, check_level_scale, check_pulses
from protocols.cell_reader import BoardReader, ReadScale
from protocols.erasure import erase
from protocols.measured_curves import CurveName, measured_curve
from protocols.published_film import CONDUCTION_VOLTAGE
from protocols.pulse_train_figure import figure
from protocols.staircase import Stair, Staircase, StairsMemory, Train, flights
from protocols.staircase_summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.bench import Die
    from labctl.figure import Figure
    from labctl.limits import Envelope
    from labctl.protocol import Outcome, Start
    from labctl.protocol_bench import ProtocolBench
    from protocols.measured_curves import MeasuredCurve
    from protocols.staircase import Flight

QUICK_EVERY = 128
"""A quick run reads after so many pulses at least: it puts out all pulses, and takes few reads."""
QUICK_SAMPLES = 4
"""Most samples of its reads."""
QUICK_CYCLES = 2
"""A quick run has so many cycles at most."""
CURRENT_ROOM = 0.97
"""Share of the envelope's cell_current up to which a branch goes on: the current is reckoned, not measured."""
CURVE_PULSES_OFF = 0.01
"""Share by which the pulses of a branch may differ from those of the curve that it is compared with: a train that
turns elsewhere comes back on another branch."""


def parse_pulses(text: object) -> int:
    """Return a number of pulses; 0 for `auto`.

    Raises:
        UnitError: for anything else.
    """
    return 0 if text == "auto" else parse_count(text)


Pulses = Annotated[int, Written("auto or count", parse_pulses), Field(le=10_000_000)]


class PulseTrainParameters(PulsedCellParameters):
    """What a person may set of `pulse-train`."""

    up: Pulses = Field(default="auto", validate_default=True)
    """Potentiating pulses of a cycle; auto: those of the curve that is compared, or 16519, which lead from level 0 to
    the last."""
    down: Pulses = Field(default="auto", validate_default=True)
    """Depressing pulses of a cycle; auto: as many as lead up."""
    read_every: Annotated[Count, Field(ge=1, le=100_000)] = 1
    """A read follows each so-manieth pulse."""
    cycles: Annotated[Count, Field(ge=1, le=1000)] = 1
    """How often it goes up and down."""
    compare: Literal["no", CurveName] = "no"
    """Measured curve of the Ru-azo film to hold the first cycle against: `curve-a` turns at the last level (16520
    pulses each way), `curve-b` goes on into saturation (26000)."""
    sigma_factor: Annotated[float, Written("number", parse_number), Field(ge=0.1, le=10)] = 3.0
    """k: two levels count as told apart if 2 k deviations of a read lie between them."""
    judge: Literal["staircase", "linear"] = "staircase"
    """When it passes: as a `staircase`, if the cell could be erased and hardly a pulse moves it the wrong way for
    sure; as a `linear` one, if besides |nu| is 0.1 at most and the slopes are equal within 1 %."""


def _every(parameters: PulseTrainParameters) -> int:
    return max(parameters.read_every, QUICK_EVERY) if parameters.quick else parameters.read_every


def _trains(parameters: PulseTrainParameters) -> tuple[Train, Train]:
    """Return the two branches of a cycle."""
    turn = LEVELS - 1 if parameters.compare == "no" else measured_curve(parameters.compare).turn
    up = parameters.up or turn
    every = _every(parameters)
    return (
        Train("up", parameters.potentiation, parameters.potentiation_width, up, every),
        Train("down", parameters.depression, parameters.depression_width, parameters.down or up, every),
    )


def _flights(parameters: PulseTrainParameters) -> list[Flight]:
    cycles = min(parameters.cycles, QUICK_CYCLES) if parameters.quick else parameters.cycles
    return flights(_trains(parameters), cycles, _samples(parameters))


def _samples(parameters: PulseTrainParameters) -> int:
    return min(parameters.samples, QUICK_SAMPLES) if parameters.quick else parameters.samples


def _pulse_current(conductance: float, amplitude: float) -> float:
    """Return the current (A) of a cell of `conductance` (S), read at the reference voltage, in a pulse (V)."""
    steeper = math.sinh(abs(amplitude) / CONDUCTION_VOLTAGE) / math.sinh(REFERENCE_VOLTAGE / CONDUCTION_VOLTAGE)
    return conductance * REFERENCE_VOLTAGE * steeper


def _check(die: Die, envelope: Envelope, parameters: PulseTrainParameters) -> None:
    """Refuse what no board can do, and a comparison with a curve of another cell or another train.

    Raises:
        ParameterError: says what would be right.
    """
    check_cell(die, envelope, parameters)
    check_level_scale(parameters)
    for train in _trains(parameters):
        if train.entry_time(_samples(parameters)) > REQUEST_TIME:
            raise ParameterError(
                f"--set read_every: {train.every} pulses of {format_quantity(train.width, 's')} take longer than "
                f"{format_quantity(REQUEST_TIME, 's')}, the most that a board gives to one request; read more often"
            )
        if parameters.compare != "no":
            _check_curve(die, envelope, parameters, train, measured_curve(parameters.compare))


def _check_curve(
    die: Die, envelope: Envelope, parameters: PulseTrainParameters, train: Train, curve: MeasuredCurve
) -> None:
    turn, top = curve.turn, float(curve.conductance.max())
    if abs(train.pulses - turn) > CURVE_PULSES_OFF * turn:
        raise ParameterError(
            f"--set {train.branch}: {parameters.compare} has {turn} pulses each way, not {train.pulses}; "
            f"leave {train.branch} out, or set it to {turn}"
        )
    if abs(die.scale.g_max - G_MAX) > CURVE_PULSES_OFF * G_MAX:
        raise ParameterError(
            f"--set compare: the measured curves are of a cell of up to {format_quantity(G_MAX, 'S')}; "
            f"the last level of this die is {format_quantity(die.scale.g_max, 'S')}"
        )
    current = _pulse_current(top, train.amplitude) / CURRENT_ROOM
    if current > envelope.cell_current:
        raise ParameterError(
            f"--set compare: {parameters.compare} goes up to {format_quantity(top, 'S')}, where a pulse of "
            f"{format_quantity(train.amplitude, 'V')} takes up to {format_quantity(current, 'A')}; this die allows "
            f"cell_current up to {format_quantity(envelope.cell_current, 'A')}: give a bench file with a wider envelope"
        )


def _run(
    bench: ProtocolBench, parameters: PulseTrainParameters, start: Start[StairsMemory]
) -> Iterator[Stair | StepEnd]:
    """Bring the cell to its low end, which is the first step, then climb; each flight is a step."""
    memory, cell = start.memory, parameters.cell
    if memory is None:
        status = bench.board.status()
        memory = StairsMemory(0.0, 0.0, status.boot, status.delivered)
    stairs = Staircase(bench.board, cell, parameters.read_voltage, _samples(parameters), memory)
    if start.steps == 0:
        reader = BoardReader(bench.board, cell, ReadScale(bench.die.scale, parameters.read_voltage))
        found = erase(reader, cell, parameters.depression, parameters.depression_width, _samples(parameters))
        scale = bench.die.scale
        yield stairs.stand(scale.conductance(found.level), scale.step, found)
        yield StepEnd(stairs.memory)
    for index, flight in enumerate(_flights(parameters)[max(start.steps - 1, 0) :]):
        doubtful = index == 0 and start.steps > 0 and cell in start.touched
        # Where the cell conducts more than a pulse may, the branch ends early: what the envelope allows is a stop rule.
        current = _pulse_current(stairs.memory.conductance, flight.train.amplitude)
        if doubtful or flight.train.branch == "down" or current <= CURRENT_ROOM * bench.envelope.cell_current:
            yield from stairs.climb(flight, doubtful)
        yield StepEnd(stairs.memory)


def _summarise(records: Sequence[Stair], parameters: PulseTrainParameters) -> Outcome:
    curve = None if parameters.compare == "no" else measured_curve(parameters.compare)
    return summarise(records, parameters.sigma_factor, curve, linear=parameters.judge == "linear")


def _figure(records: Sequence[Stair], parameters: PulseTrainParameters) -> Figure:
    return figure(records, None if parameters.compare == "no" else measured_curve(parameters.compare))


def _in_truth(record: Stair, conductance: float) -> Stair:
    return replace(record, conductance=conductance)


def _caption(record: Stair) -> str:
    return f"{record.branch} {record.pulse} of cycle {record.cycle + 1}  {format_quantity(record.conductance, 'S', 5)}"


PROTOCOL = Protocol(
    name="pulse-train",
    title="lead one cell up and down all its levels by equal pulses: slopes, linearity, symmetry",
    parameters=PulseTrainParameters,
    record=Stair,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: 1 + len(_flights(parameters)),
    run=_run,
    summarise=_summarise,
    caption=_caption,
    memory=StairsMemory,
    figure=_figure,
    in_truth=_in_truth,
    check_board=check_pulses,
)
