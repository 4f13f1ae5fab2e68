"""What every protocol of an array lets a person set: which cells, how they are read, how they are pulsed.

Published pulses of the Ru-azo film (+0.90 V for 80 ns and -0.75 V for 65 ns, one level each) are the defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from labctl.errors import ParameterError
from labctl.levels import REFERENCE_VOLTAGE
from labctl.limits import WithinEnvelope
from labctl.protocol import Parameters
from labctl.units import Count, Seconds, Volts, YesNo, format_quantity
from protocols.array_region import Region, region_of
from protocols.cell_parameters import READ_GRID

if TYPE_CHECKING:
    from labctl.bench import Die

QUICK_LINES = 16
"""Rows and columns, at most, of a quick run."""


class ArrayParameters(Parameters):
    """Which cells, and how each is read."""

    row: Count = 0
    """First row of the cells."""
    column: Count = 0
    """First column."""
    rows: Count = 0
    """How many rows; 0: all of the die from the first on."""
    columns: Count = 0
    """How many columns; 0: all of the die from the first on."""
    read_voltage: Annotated[Volts, WithinEnvelope("read_voltage"), Field(gt=0)] = REFERENCE_VOLTAGE
    """Voltage of the reads; levels are defined at 200 mV, and reads above it may disturb (see `force`)."""
    samples: Annotated[Count, Field(ge=1, le=4096)] = 16
    """Samples that one read of a cell averages."""
    force: YesNo = False
    """Read above 200 mV, up to the envelope's read_voltage, all the same."""

    def region(self, die: Die) -> Region:
        """Return the cells; a quick run takes a corner of them.

        Raises:
            ParameterError: if the die has them not.
        """
        region = region_of(die, self.row, self.column, self.rows, self.columns)
        if not self.quick:
            return region
        return Region(region.row, region.column, min(region.rows, QUICK_LINES), min(region.columns, QUICK_LINES))


class PulsedArrayParameters(ArrayParameters):
    """Which cells, how each is read, and the pulses that raise and lower its conductance."""

    potentiation: Annotated[Volts, WithinEnvelope("voltage"), Field(ge=0.01)] = 0.9
    """Amplitude of the pulses that raise the conductance (published: 0.90 V)."""
    depression: Annotated[Volts, WithinEnvelope("voltage"), Field(le=-0.01)] = -0.75
    """Amplitude of the pulses that lower it (published: -0.75 V)."""
    potentiation_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 80e-9
    """First guess of the width that raises by one level (published: 80 ns); learned from then on."""
    depression_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 65e-9
    """First guess of the width that lowers by one level (published: 65 ns)."""


def check_region(die: Die, parameters: ArrayParameters) -> Region:
    """Return the cells, or refuse them, and reads that may disturb them unless that is wanted.

    Raises:
        ParameterError: names the parameter and what would be right.
    """
    if parameters.read_voltage > REFERENCE_VOLTAGE + READ_GRID / 2 and not parameters.force:
        raise ParameterError(
            f"--set read_voltage: reads at {format_quantity(parameters.read_voltage, 'V')} may disturb the cells; "
            f"read at {format_quantity(REFERENCE_VOLTAGE, 'V')} or below, or add --set force=yes"
        )
    return parameters.region(die)
