"""The envelope: what this die may ever see, checked before a byte leaves (`labctl/limited.py` does the asking).

Instruments take whole microvolts and nanoseconds, and their converters have grids of their own: what is asked for at
the very edge of the envelope must not be rounded beyond it. The `..._edge` functions say how far one may go.
"""

from __future__ import annotations

import math
import operator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsFloat, SupportsIndex

from labctl.errors import EnvelopeError, InputError
from labctl.units import format_quantity

if TYPE_CHECKING:
    from labctl.board_data import Pulse


_UNITS = {
    "voltage": "V",
    "read_voltage": "V",
    "cell_current": "A",
    "line_current": "A",
    "pulse_width": "s",
    "pulses_per_cell": "",
}
SOURCE_STEPS = 20_000
"""Steps of 1 V of a source in its 2 V range, of which other ranges are decades: 50 uV, the coarsest of the sources that
there are drivers for (2400 and 2600B reference manuals; the 2450 and the B2900 have finer ones)."""


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

    def check(self, limit: str, value: float, what: str) -> float:
        """Return `value` as a plain float, or refuse it if its magnitude is beyond `limit`; NaN is beyond every limit.

        Raises:
            EnvelopeError: names what was asked for and what is allowed.
            InputError: if it is no number.
        """
        allowed: float = getattr(self, limit)
        number = number_of(value, what)
        if not abs(number) <= allowed:
            unit = _UNITS[limit]
            raise EnvelopeError(
                f"{what} of {format_quantity(number, unit)} is outside the envelope; "
                f"this die allows {limit} up to {format_quantity(allowed, unit)}"
            )
        return number

    def expect(self, limit: str, current: float) -> None:
        """Take note of a current (A) that is predicted within `limit`; this envelope does nothing with it."""

    def check_pulse(self, pulse: Pulse) -> None:
        """Refuse a pulse that is too high or too wide."""
        self.check("voltage", pulse.amplitude, "a pulse amplitude")
        self.check("pulse_width", pulse.width, "a pulse width")


def unit_of(limit: str) -> str:
    """Return the unit of a limit; "" for a count."""
    return _UNITS[limit]


def number_of(value: object, what: str) -> float:
    """Return a number of any kind (numpy's, a fraction) as a plain float.

    Raises:
        InputError: for text, None, an array of several, or an integer beyond every float.
    """
    if type(value) is float:
        return value
    if isinstance(value, SupportsFloat | SupportsIndex):
        with suppress(TypeError, ValueError, OverflowError):
            return float(value)
    raise InputError(f"{what} is a number, not {value!r:.60}")


def whole_of(value: object, what: str) -> int:
    """Return a whole number of any kind as a plain int; nothing is rounded.

    Raises:
        InputError: for anything else: what becomes an index or a count on the wire is never cut off silently.
    """
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise InputError(f"{what} is a whole number, not {value!r:.60}") from None


def on_grid(microvolts: int, step: float) -> float:
    """Return the voltage (V) that a converter with steps of `step` (V) puts out for whole microvolts; 0: no grid."""
    nanovolts = round(step * 1e9)
    return microvolts / 1e6 if nanovolts <= 0 else round(microvolts * 1000 / nanovolts) * nanovolts / 1e9


def voltage_edge(allowed: float, step: float = 0.0) -> int:
    """Return the most whole microvolts that a board may be told: neither they nor what it makes of them is beyond.

    Args:
        allowed: what must not be exceeded (V).
        step: of the board's converter (V); 0 if it has none.
    """
    most = round(allowed * 1e6)
    nanovolts = round(step * 1e9)
    if nanovolts > 0:
        # Half a step above the converter's highest step inside: from there on the loop below is short.
        most = min(most, (2 * math.floor(allowed * 1e9 / nanovolts) + 1) * nanovolts // 2000 + 1)
    while most > 0 and (most / 1e6 > allowed or on_grid(most, step) > allowed):
        most -= 1
    return most


def width_edge(allowed: float) -> float:
    """Return the longest width (s) in whole nanoseconds that is not beyond `allowed` (s)."""
    most = round(allowed * 1e9)
    return (most if most / 1e9 <= allowed else most - 1) / 1e9


def source_edge(allowed: float, full: float) -> float:
    """Return the highest level (V) on a source's grid that is not beyond `allowed` (V).

    Args:
        allowed: what must not be exceeded.
        full: full scale of the source range (V), which is 2 V or a decade of it, or near that.
    """
    if not (math.isfinite(full) and full > 0):
        return allowed
    steps = SOURCE_STEPS / 10.0 ** round(math.log10(full / 2))
    most = round(allowed * steps)
    return (most if most / steps <= allowed else most - 1) / steps


def within(value: float, edge: float) -> float:
    """Return `value`, or the edge on its side if it is beyond; the envelope has admitted `value` before."""
    return value if abs(value) <= edge else math.copysign(edge, value)
