"""The envelope: what this die may ever see, checked before a byte leaves (`labctl/limited.py` does the asking)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.errors import EnvelopeError
from labctl.units import format_quantity

if TYPE_CHECKING:
    from labctl.instruments import Pulse


_UNITS = {
    "voltage": "V",
    "read_voltage": "V",
    "cell_current": "A",
    "line_current": "A",
    "pulse_width": "s",
    "pulses_per_cell": "",
}


@dataclass(frozen=True, slots=True)
class WithinEnvelope:
    """Annotates a parameter whose magnitude a limit of the envelope bounds, as in `WithinEnvelope("voltage")`."""

    limit: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """The limits of a die: voltages in V, currents in A, widths in s; pulses over the die's life."""

    voltage: float
    read_voltage: float
    cell_current: float
    line_current: float
    pulse_width: float
    pulses_per_cell: float

    def check(self, limit: str, value: float, what: str) -> None:
        """Refuse a `value` whose magnitude is beyond `limit`; NaN is beyond every limit.

        Raises:
            EnvelopeError: names what was asked for and what is allowed.
        """
        allowed: float = getattr(self, limit)
        if not abs(value) <= allowed:
            unit = _UNITS[limit]
            raise EnvelopeError(
                f"{what} of {format_quantity(value, unit)} is outside the envelope; "
                f"this die allows {limit} up to {format_quantity(allowed, unit)}"
            )

    def check_pulse(self, pulse: Pulse) -> None:
        """Refuse a pulse that is too high or too wide."""
        self.check("voltage", pulse.amplitude, "a pulse amplitude")
        self.check("pulse_width", pulse.width, "a pulse width")
