"""What a Keysight B2900 says of a measurement: five elements a reading, as text or in binary. No channel.

Status bits and formats: B2900 SCPI command reference, "Data output format". The functions raise ValueError for what
is damaged.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

from drivers.keysight_b2900_knobs import ELEMENTS
from drivers.scpi_text import decode_number, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEASURE = "*ESE {token};:MEAS? (@{channel});:OUTP{channel}?;*ESE?"
"""Measures, asks whether the output is on, and has the answer end with a number of ours.

The event enable register, which labctl does not use, carries that number: no answer that is late, repeated or an older
question's is taken for this one's. It is not READ? that measures: that one runs the trigger system, and unless told
otherwise it switches the output on.
"""
TOKENS = range(1, 101)
"""Numbers for `MEASURE`, apart from those that the link uses when it synchronises."""
_NUMBER = re.compile(r"[+-][0-9]\.[0-9]+E[+-][0-9]{2,3}")
"""A number as text: `+1.000001E-06`. All numbers of a reply are equally long, which gives away a lost digit."""
_STATUS_END = 1 << 21
"""Status words are smaller: the highest bit in use is number 20."""


class MeasurementStatus(IntFlag):
    """The status word of a reading (element STAT); the upper bits tell of limit tests, which labctl does not use."""

    CURRENT_SOURCE = 1
    COMPLIANCE = 2 | 4
    """Any of both: the manual counts three kinds of compliance without naming them."""
    OVER_VOLTAGE = 8
    OVER_CURRENT = 16
    OVER_TEMPERATURE = 32
    RANGE_OVERFLOW = 8192


_LIMITS = int(MeasurementStatus.COMPLIANCE | MeasurementStatus.OVER_VOLTAGE | MeasurementStatus.OVER_CURRENT)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement as the instrument tells it.

    Args:
        voltage: measured (V); infinite beyond the range, NaN if it was not measured.
        current: measured (A); likewise.
        time: of the instrument's timer (s).
        status: of the measurement.
        level: that the source was set to (V).
    """

    voltage: float
    current: float
    time: float
    status: MeasurementStatus
    level: float

    @property
    def overrange(self) -> bool:
        """Whether the current did not fit the measure range. The overflow bit may speak of the voltage instead."""
        overflow = MeasurementStatus.RANGE_OVERFLOW in self.status and not math.isinf(self.voltage)
        return math.isinf(self.current) or overflow

    @property
    def in_compliance(self) -> bool:
        """Whether anything held the output back."""
        return bool(int(self.status) & _LIMITS)


def parse_measurement(reply: str, token: int) -> tuple[Sample, bool]:
    """Return the sample, and whether the output was on, that an answer to `MEASURE` gives.

    Args:
        reply: the answer.
        token: the question's number; an answer to another one is a damaged one.
    """
    numbers, *rest = reply.split(";")
    fields = numbers.split(",")
    if len(fields) != len(ELEMENTS) or rest not in (["0", str(token)], ["1", str(token)]):
        raise ValueError(f"{shown(reply)} is not {len(ELEMENTS)} numbers, the output's state and {token}")
    if len({len(field) for field in fields}) != 1 or not all(map(_NUMBER.fullmatch, fields)):
        raise ValueError(f"{shown(reply)} holds what is not a number, or a damaged one")
    return _sample(*map(decode_number, fields)), rest[0] == "1"


def parse_table(table: NDArray[np.float64]) -> list[Sample]:
    """Return the samples that the rows of `table`, shape (n, 5), are."""
    return [_sample(*row) for row in table.tolist()]


def _sample(voltage: float, current: float, time: float, status: float, level: float) -> Sample:
    if not (math.isfinite(time) and math.isfinite(level) and 0 <= status < _STATUS_END and status.is_integer()):
        raise ValueError(f"time {time}, status {status} and level {level} do not make a reading")
    return Sample(voltage, current, time, MeasurementStatus(int(status)), level)
