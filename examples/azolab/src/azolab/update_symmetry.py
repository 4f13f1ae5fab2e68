"""Pulse a cell up and down around where it stands: do as many pulses down undo the pulses up?

What a network that learns on the array asks of a cell: an update and its opposite must cancel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from labctl.board_data import Cell, Pulse, ReadScheme, WriteScheme
from labctl.errors import EquipmentError, ParameterError
from labctl.instruments import ProbeBoard
from labctl.limits import WithinEnvelope
from labctl.protocol import Parameters, Protocol, StepEnd
from labctl.units import Count, Seconds, Volts, format_quantity
from pydantic import Field

from azolab.update_symmetry_summary import Update, figure, summarise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.bench import Die
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench

READ_VOLTAGE = 0.2
"""Voltage of the reads (V): levels are defined there."""
QUICK_CYCLES = 8
"""Cycles of a quick run at most."""
REQUEST_TIME = 4.0
"""Longest request of ours (s): a board gives 5 s to one (board specification, section 2)."""
SETTLING, SAMPLE_TIME = 30e-6, 5e-6
"""What a read and each of its samples take (s) (board specification, section 2)."""


class UpdateSymmetryParameters(Parameters):
    """What a person may set of `update-symmetry`."""

    row: Count = 0
    """Row of the cell."""
    column: Count = 0
    """Column of the cell."""
    pulses: Annotated[Count, Field(ge=2, le=500)] = 50
    """Pulses up, and as many down, in each cycle."""
    cycles: Annotated[Count, Field(ge=4, le=1000)] = 20
    """How often it goes up and down; the second half of them is judged."""
    up: Annotated[Volts, WithinEnvelope("voltage"), Field(gt=0)] = 0.9
    """Amplitude of the pulses that raise the conductance."""
    down: Annotated[Volts, WithinEnvelope("voltage"), Field(lt=0)] = -0.75
    """Amplitude of the pulses that lower it."""
    up_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(gt=0)] = 80e-9
    """Width of the pulses up."""
    down_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(gt=0)] = 65e-9
    """Width of the pulses down."""
    samples: Annotated[Count, Field(ge=1, le=4096)] = 16
    """Samples that one read averages."""


def _cycles(parameters: UpdateSymmetryParameters) -> int:
    return min(parameters.cycles, QUICK_CYCLES) if parameters.quick else parameters.cycles


def _check(die: Die, envelope: Envelope, parameters: UpdateSymmetryParameters) -> None:  # noqa: ARG001
    """Refuse a cell that the die has not, and a cycle that lasts longer than a board gives to one request."""
    if parameters.row >= die.rows or parameters.column >= die.columns:
        raise ParameterError(
            f"the die has rows 0..{die.rows - 1} and columns 0..{die.columns - 1}, "
            f"no cell ({parameters.row}, {parameters.column})"
        )
    read = SETTLING + parameters.samples * SAMPLE_TIME
    # A board takes twice its width for a pulse.
    cycle = 2 * parameters.pulses * (parameters.up_width + parameters.down_width + read)
    if cycle > REQUEST_TIME:
        raise ParameterError(
            f"a cycle of {parameters.pulses} pulses up and down, each read, would last {format_quantity(cycle, 's')}, "
            f"and a request to the board may last {format_quantity(REQUEST_TIME, 's')}; lower pulses, widths or samples"
        )


def _run(bench: ProtocolBench, parameters: UpdateSymmetryParameters, start: Start[None]) -> Iterator[Update | StepEnd]:
    """Each cycle is a step: one request to the board, which reads after every pulse."""
    began = bench.clock.now() - start.time
    cell = Cell(parameters.row, parameters.column)
    up, down = Pulse(cell, parameters.up, parameters.up_width), Pulse(cell, parameters.down, parameters.down_width)
    pulses = [up] * parameters.pulses + [down] * parameters.pulses
    board = bench.board
    board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
    if cell in start.touched:  # a run that was killed may have left it anywhere: read it before it is pulsed
        board.read([cell], READ_VOLTAGE, parameters.samples)
    for cycle in range(start.steps, _cycles(parameters)):
        _, readings = board.pulse_read(pulses, READ_VOLTAGE, parameters.samples)
        if (readings.saturated | readings.in_compliance).any():
            raise EquipmentError(f"a read of {cell} saturated its reader or was held back; look for a short")
        time = bench.clock.now() - began
        for index, conductance in enumerate((readings.current / readings.voltage).tolist()):
            yield Update(cycle, index + 1, conductance, bench.die.scale.level(conductance), time)
        yield StepEnd()


PROTOCOL = Protocol(
    name="update-symmetry",
    title="pulse a cell up and down where it stands: does one way undo the other?",
    parameters=UpdateSymmetryParameters,
    record=Update,
    needs=(ProbeBoard,),
    check=_check,
    steps=_cycles,
    run=_run,
    summarise=summarise,
    caption=lambda update: f"cycle {update.cycle + 1}: level {update.reading:.1f}",
    figure=figure,
)
