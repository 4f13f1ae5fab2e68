"""What the Keithley 2400 says of a measurement: voltage, current, time and status. Numbers in, samples out; no channel.

Every function raises ValueError for what the instrument cannot have said: a damaged answer is never a number.
Format and status word are those of the Series 2400 user's manual (2400S-900-01), section 18, "FORMat subsystem".
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

from drivers.keithley_2400_knobs import CURRENT_RANGES, ELEMENTS, SOURCE_RANGES
from drivers.scpi_text import decode_number, shown
from labctl.smu_data import Reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TIMER_PERIOD = 100_000.0
"""The timestamp goes from 99,999.999 s to 0."""
TIMER_RESOLUTION = 1e-3
"""Of the timestamp (s); beyond 1,000 s its seven digits are coarser."""
TIMER_DIGITS = 1e-6
VOLTAGE_MAX = 1.1 * SOURCE_RANGES[-1]
CURRENT_MAX = 1.1 * CURRENT_RANGES[-1]
"""The instrument measures nothing beyond these (V, A): such a number is damaged."""

_NUMBER = re.compile(r"[+-][0-9]\.[0-9]{6}E[+-][0-9]{2}")
"""As the instrument writes numbers, always in this length: a cut one does not match."""


class Status(IntFlag):
    """The status word of a reading.

    The bits are those of this family alone: bit 3, compliance here, says "front terminals" on a 2450.
    """

    OVERFLOW = 1 << 0
    COMPLIANCE = 1 << 3
    """The current limit holds the output back."""
    OVER_VOLTAGE = 1 << 4
    """The over-voltage protection holds the output back."""
    VOLTAGE_MEASURED = 1 << 11
    CURRENT_MEASURED = 1 << 12
    VOLTAGE_SOURCE = 1 << 14
    CURRENT_SOURCE = 1 << 15
    RANGE_COMPLIANCE = 1 << 16
    """The fixed measure range holds the output back, below the current limit."""
    PULSE = 1 << 23


STATUS_MAX = (1 << 24) - 1
# Plain integers: operations on flags take longer than everything else that is done to a reading.
ALWAYS = int(Status.VOLTAGE_MEASURED | Status.CURRENT_MEASURED | Status.VOLTAGE_SOURCE)
"""What is set in every reading of a configured instrument."""
NEVER = int(Status.CURRENT_SOURCE | Status.PULSE)
HELD_BACK = int(Status.COMPLIANCE | Status.RANGE_COMPLIANCE | Status.OVER_VOLTAGE)
OVERFLOW = int(Status.OVERFLOW)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement as the instrument gave it.

    Args:
        voltage: measured (V); +-inf beyond the range.
        current: measured (A); +-inf beyond the range, NaN where there is none.
        time: of the instrument's timer (s), which begins anew every 100,000 s.
        status: the status word, bits as in `Status`.
    """

    voltage: float
    current: float
    time: float
    status: int

    def reading(self, time: float) -> Reading:
        """Return the reading, at `time` (s)."""
        overrange = math.isinf(self.current) or bool(self.status & OVERFLOW)
        return Reading(
            voltage=self.voltage if math.isfinite(self.voltage) else math.nan,
            current=math.nan if overrange else self.current,
            time=time,
            in_compliance=bool(self.status & HELD_BACK),
            overrange=overrange,
        )


def parse_samples(text: str, count: int) -> list[Sample]:
    """Return the `count` samples of an answer in text, as "+1.0E-01,+1.0E-06,+1.0E+00,+2.2E+04,...".

    Raises:
        ValueError: if it is anything else.
    """
    fields = text.split(",")
    if len(fields) != count * len(ELEMENTS) or not all(map(_NUMBER.fullmatch, fields)):
        raise ValueError(f"{shown(text)} is not {count} readings")
    values = [decode_number(field) for field in fields]
    return [_sample(*values[start : start + len(ELEMENTS)]) for start in range(0, len(values), len(ELEMENTS))]


def read_samples(values: NDArray[np.float64]) -> list[Sample]:
    """Return the samples of an answer in binary.

    Args:
        values: shape (4 * n,): four elements a sample; special numbers decoded to +-inf and NaN.

    Raises:
        ValueError: if they cannot be readings of a configured instrument.
    """
    return [_sample(*row) for row in values.reshape(-1, len(ELEMENTS)).tolist()]


def _sample(voltage: float, current: float, time: float, status: float) -> Sample:
    if not (0 <= time < TIMER_PERIOD and 0 <= status <= STATUS_MAX and status == int(status)):
        raise ValueError(f"time {time:g} s and status {status:g} are not those of a reading")
    bits = int(status)
    if bits & ALWAYS != ALWAYS or bits & NEVER:
        raise ValueError(f"the status {bits} is not that of a source of voltage that measures both")
    # Infinity and NaN have their meaning; a finite number beyond the ranges is damaged.
    if VOLTAGE_MAX < abs(voltage) < math.inf or CURRENT_MAX < abs(current) < math.inf:
        raise ValueError(f"{voltage:g} V and {current:g} A are beyond what can be measured")
    return Sample(voltage, current, time, bits)


class Timeline:
    """Time since the timer was reset, whatever its period; a time that goes back betrays an old answer."""

    def __init__(self) -> None:
        self._turns = 0.0
        self._last = 0.0

    def at(self, time: float) -> float:
        """Return the time since the reset (s) at which the timer shows `time`.

        Raises:
            ValueError: if that is before what was asked for last.
        """
        if time < self._last - TIMER_PERIOD / 2:
            self._turns += TIMER_PERIOD
        elif time < self._last - TIMER_RESOLUTION - TIMER_DIGITS * self._last:
            raise ValueError(f"the time {time:g} s lies before {self._last:g} s, which was said already")
        self._last = time
        return self._turns + time
