"""Looks for cells that do not work: reads all, pulses each up and down once, and sees whether it follows.

Each cell is raised and lowered by itself, and read right after either: other cells stand where they stood, so that
neither wires nor disturb by neighbours hide what it does. A cell whose first reads are beyond what a cell conducts gets
no pulse at all. Cells are brought back near where they were.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.protocol import Protocol, StepEnd
from labctl.units import Count, Written, YesNo, format_quantity, parse_number
from protocols.array_parameters import PulsedArrayParameters, check_region
from protocols.array_reads import check_samples
from protocols.cell_parameters import check_width
from protocols.screen_bursts import FORWARD, REVERSE, Screening, ScreenMemory, ScreenRead
from protocols.screen_figure import figure, files
from protocols.screen_summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labctl.bench import Die
    from labctl.board_data import Capabilities
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

PARTS = 16
"""Steps after the first one, whatever the region: of 64 x 64 cells each tests 256."""
Number = Written("number", parse_number)


class ScreenParameters(PulsedArrayParameters):
    """What a person may set of `screen`."""

    levels: Annotated[Count, Field(ge=10, le=16_000)] = 2000
    """Burst up and burst down: one pulse each, so many times as wide as the pulse of one level."""
    returns: Annotated[Count, Field(le=16)] = 4
    """Rounds of pulses, at most, that bring cells back near where they were; 0 leaves them where the bursts did."""
    reverse: YesNo = True
    """Do it once more with reads at minus the read voltage: do cells rectify? A quick run leaves that out."""
    open_below: Annotated[float, Number, Field(gt=0, le=1)] = 0.25
    """A cell that no burst moves is open if it conducts less than this share of level 0 (or nothing beyond noise)."""
    short_above: Annotated[float, Number, Field(ge=1.3)] = 2.0
    """A cell is shorted if it conducts more than so many times the last level."""
    weak_below: Annotated[float, Number, Field(gt=0.05, lt=1)] = 0.5
    """A cell is weak if it moves by less than this share of what cells like it do."""
    rectification: Annotated[float, Number, Field(ge=0)] = 0.0
    """A cell is leaky if it rectifies less than this; 0: cells need not rectify."""
    required: Annotated[float, Written("0..1", parse_number), Field(ge=0, le=1)] = 0.99
    """Share of good cells that the die must have to pass."""


def _check(die: Die, envelope: Envelope, parameters: ScreenParameters) -> None:
    """Refuse bursts that are wider than a pulse of this die may be."""
    check_region(die, parameters)
    for name in ("potentiation_width", "depression_width"):
        width = parameters.levels * getattr(parameters, name)
        if width > envelope.pulse_width * (1 + 1e-9):
            raise ParameterError(
                f"--set levels: a burst of {parameters.levels} levels is a pulse of {format_quantity(width, 's')} by "
                f"{name}; this die allows pulse_width up to {format_quantity(envelope.pulse_width, 's')}"
            )


def _check_board(able: Capabilities, parameters: ScreenParameters) -> None:
    check_samples(able, parameters.samples)
    for name in ("potentiation", "depression"):
        amplitude: float = getattr(parameters, name)
        if not able.v_min <= amplitude <= able.v_max:
            raise ParameterError(
                f"--set {name}: the board pulses from {format_quantity(able.v_min, 'V')} to "
                f"{format_quantity(able.v_max, 'V')}, not at {format_quantity(amplitude, 'V')}"
            )
        check_width(able, f"{name}_width", getattr(parameters, f"{name}_width"))
        check_width(able, "levels", parameters.levels * getattr(parameters, f"{name}_width"))


def _pulses(die: Die, parameters: ScreenParameters) -> Mapping[Cell, int]:
    bursts = len(FORWARD) + len(REVERSE) * (parameters.reverse and not parameters.quick)
    return dict.fromkeys(parameters.region(die).cells(), bursts)


def _run(
    bench: ProtocolBench, parameters: ScreenParameters, start: Start[ScreenMemory]
) -> Iterator[ScreenRead | StepEnd]:
    """Read all cells twice, which is a step; then test them in so many parts, each a step."""
    bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
    screening = Screening(bench, parameters, bench.clock.now() - start.time, start.memory)
    if start.steps == 0:
        yield from screening.survey()
        yield StepEnd(screening.memory)
    else:
        # What carries too much must be known to whoever judges pulses; the envelope's memory is a run's.
        screening.look_at_flagged()
    parts = np.array_split(np.arange(len(screening.cells)), PARTS)
    for part in parts[max(start.steps - 1, 0) :]:
        if len(part):
            yield from screening.test(part.tolist())
        yield StepEnd(screening.memory)


def _in_truth(record: ScreenRead, conductance: float) -> ScreenRead:
    """Return the record with the truth in it; what a cell lets through backwards stays as it was read."""
    if record.phase in REVERSE:
        return record
    level = record.level + (conductance - record.conductance) / record.one_level
    return replace(record, conductance=conductance, level=level)


def _caption(record: ScreenRead) -> str:
    return f"row {record.row}, column {record.column}, {record.phase}: level {record.level:.1f}"


PROTOCOL = Protocol(
    name="screen",
    title="look for open, shorted, stuck and weak cells: a yield map",
    parameters=ScreenParameters,
    record=ScreenRead,
    needs=(ProbeBoard,),
    check=_check,
    steps=lambda parameters: 1 + PARTS,  # noqa: ARG005
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=ScreenMemory,
    pulses=_pulses,
    figure=figure,
    in_truth=_in_truth,
    check_board=_check_board,
    files=files,
)
