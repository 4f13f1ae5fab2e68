"""What every protocol of one cell lets a person set: which cell, how it is read, how it is pulsed; and what it refuses.

Published pulses of the Ru-azo film (+0.90 V for 80 ns and -0.75 V for 65 ns, one level each) are the defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from labctl.board_data import Cell
from labctl.errors import ParameterError
from labctl.levels import REFERENCE_VOLTAGE
from labctl.limits import WithinEnvelope
from labctl.protocol import Parameters
from labctl.units import Count, Seconds, Volts, YesNo, format_quantity

if TYPE_CHECKING:
    from labctl.bench import Die
    from labctl.board_data import Capabilities
    from labctl.limits import Envelope

READ_GRID = 15.259e-6
"""Step of a read voltage (V): 16 bit over 1 V, as the board's specification has it."""


class CellParameters(Parameters):
    """Which cell, and how it is read."""

    row: Count = 0
    """Row of the cell."""
    column: Count = 0
    """Column of the cell."""
    read_voltage: Annotated[Volts, WithinEnvelope("read_voltage"), Field(gt=0)] = REFERENCE_VOLTAGE
    """Voltage of the reads; levels are defined at 200 mV, and reads above it may disturb (see `force`)."""
    samples: Annotated[Count, Field(ge=1, le=4096)] = 16
    """Samples that one read averages."""
    force: YesNo = False
    """Read above 200 mV, up to the envelope's read_voltage, all the same."""

    @property
    def cell(self) -> Cell:
        """The cell."""
        return Cell(self.row, self.column)


class PulsedCellParameters(CellParameters):
    """Which cell, how it is read, and the pulses that raise and lower its conductance."""

    potentiation: Annotated[Volts, WithinEnvelope("voltage"), Field(ge=0.01)] = 0.9
    """Amplitude of the pulses that raise the conductance (published: 0.90 V)."""
    depression: Annotated[Volts, WithinEnvelope("voltage"), Field(le=-0.01)] = -0.75
    """Amplitude of the pulses that lower it (published: -0.75 V)."""
    potentiation_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 80e-9
    """Width that raises by one level (published: 80 ns)."""
    depression_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 65e-9
    """Width that lowers by one level (published: 65 ns)."""


def check_cell(die: Die, envelope: Envelope, parameters: CellParameters) -> None:  # noqa: ARG001
    """Refuse a cell that the die has not, and a read that may disturb it unless that is wanted.

    Raises:
        ParameterError: names the parameter and what would be right.
    """
    if parameters.row >= die.rows or parameters.column >= die.columns:
        raise ParameterError(
            f"the die has rows 0..{die.rows - 1} and columns 0..{die.columns - 1}, "
            f"no cell ({parameters.row}, {parameters.column})"
        )
    if parameters.read_voltage > REFERENCE_VOLTAGE + READ_GRID / 2 and not parameters.force:
        raise ParameterError(
            f"--set read_voltage: reads at {format_quantity(parameters.read_voltage, 'V')} may disturb the cell; "
            f"read at {format_quantity(REFERENCE_VOLTAGE, 'V')} or below, or add --set force=yes"
        )


def check_pulses(able: Capabilities, parameters: PulsedCellParameters) -> None:
    """Refuse pulses that the board cannot make.

    Raises:
        ParameterError: names the parameter and what the board makes.
    """
    for name in ("potentiation", "depression"):
        check_width(able, f"{name}_width", getattr(parameters, f"{name}_width"))
        amplitude: float = getattr(parameters, name)
        if not able.v_min <= amplitude <= able.v_max:
            raise ParameterError(
                f"--set {name}: the board pulses from {format_quantity(able.v_min, 'V')} to "
                f"{format_quantity(able.v_max, 'V')}, not at {format_quantity(amplitude, 'V')}"
            )


def check_width(able: Capabilities, name: str, width: float) -> None:
    """Refuse a width (s) that the board cannot make; `name` is the parameter's.

    Raises:
        ParameterError: says what the board makes.
    """
    if not round(able.width_min * 1e9) <= round(width * 1e9) <= round(able.width_max * 1e9):
        raise ParameterError(
            f"--set {name}: the board makes pulses of {format_quantity(able.width_min, 's')} to "
            f"{format_quantity(able.width_max, 's')}, not of {format_quantity(width, 's')}"
        )


def check_level_scale(parameters: CellParameters) -> None:
    """Refuse a read voltage at which levels are not defined, for protocols that write or count levels.

    Raises:
        ParameterError: a cell's current is not proportional to voltage: other voltages show other levels.
    """
    if abs(parameters.read_voltage - REFERENCE_VOLTAGE) > READ_GRID / 2:
        raise ParameterError(
            f"--set read_voltage: levels are defined at {format_quantity(REFERENCE_VOLTAGE, 'V')}; a cell's current is "
            f"not proportional to voltage, and reads at {format_quantity(parameters.read_voltage, 'V')} would show "
            "other levels"
        )
